"""Frozen records that cross the engine's border: arrays and plain values, never a tensor.

Coordinates are in pixels of the original image after its EXIF orientation was applied, x to the
right and y down, with (0, 0) at the outer corner of the top-left pixel.
"""

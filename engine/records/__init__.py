"""Frozen records passed between engine and front ends: arrays and plain values, never tensors.

Coordinates are in pixels of the original image with its EXIF orientation applied, x to the right
and y down, with (0, 0) at the outer corner of the top-left pixel.
"""

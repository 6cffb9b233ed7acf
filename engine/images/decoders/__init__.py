"""Decoders of image files that hold more than 8-bit pixels: DICOM, TIFF, NumPy arrays, HEIC.

They run in a reader process and return records; what is done with values (levels, preprocessing)
belongs in the package above.
"""

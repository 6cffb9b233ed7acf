"""Decodes images of more than 8 bits with OpenCV, which keeps colours of 16 bits."""

from __future__ import annotations

from engine.lazy.numpy import np
from engine.lazy.opencv import cv2
from engine.records.levels import Values


def decode(data: bytes | bytearray, page: int | None = None) -> Values | None:
    """Values of an image file, (height, width) or (height, width, 3), RGB, not turned.

    page: from 0; None for a format without pages. Alpha is dropped. Returns None if OpenCV cannot
    read it.
    """
    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION
    buffer = np.frombuffer(data, np.uint8)
    try:
        if page is None:
            found = cv2.imdecode(buffer, flags)
        else:
            done, pages = cv2.imdecodemulti(buffer, flags, range=(page, page + 1))
            found = pages[0] if done and len(pages) else None
    except cv2.error:
        return None
    if found is None or not found.size:
        return None
    values = np.asarray(found)
    if values.ndim == 3:
        values = values[..., 0] if values.shape[2] < 3 else values[..., 2::-1]
    return values

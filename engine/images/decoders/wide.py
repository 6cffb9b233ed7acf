"""Images of more than 8 bits in the formats that Pillow reads: PNG, JPEG 2000, PPM, TIFF.

Grey images come from Pillow in full depth; colours, which it reduces to 8 bits, from OpenCV.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from PIL import Image, ImageFile

from engine.images.decoders import opencv
from engine.images.decoders.raw import Raw, check_size, depth_of, upright
from engine.lazy.numpy import np
from engine.records.levels import Values

_PNG_DEPTH = 24
_BOX = b"ihdr"
_BOX_DEPTH = 14
_CODESTREAM = b"\xff\x4f\xff\x51"
_CODESTREAM_DEPTH = 42
_COMMENT = re.compile(rb"#[^\r\n]*")
_PPM = re.compile(rb"P[2356]\s+\d+\s+\d+\s+(\d+)")


def loses_depth(image: Image.Image, head: bytes) -> bool:
    """Whether Pillow would reduce an opened image to 8 bits. head: its first bytes."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        # Of PGM, Pillow scales the values to 16 bits.
        return image.format == "PPM" and image.mode == "I"
    if image.format == "PNG":
        return head[_PNG_DEPTH : _PNG_DEPTH + 1] == b"\x10"
    if image.format == "JPEG2000":
        return _depth_of_jpeg2000(head) > 8
    return image.format == "PPM" and _most_of_ppm(head) > 255


def read(
    image: ImageFile.ImageFile,
    file: BinaryIO,
    head: bytes,
    name: str,
    pages: int,
    length: int,
    orientation: int,
) -> Raw | None:
    """The values of such an image, upright; None if no decoder keeps them.

    image: opened at its page, not loaded. length: of the file, in bytes. Raises ImageError.
    """
    page = image.tell()
    if page:
        # Frames after the first build on each other, which only Pillow does.
        return None
    check_size(*image.size, length, name, 2 * max(3, len(image.getbands())))
    mode = f"{image.mode};16"
    if image.format == "PPM":
        values = _ppm(image, file, head)
        span = 0.0, float(_most_of_ppm(head))
        return None if values is None else Raw(depth_of(values, span), mode=mode)
    file.seek(0)
    found = opencv.decode(file.read())
    if found is None or found.dtype != np.uint16 or found.shape[1::-1] != image.size:
        file.seek(0)
        return None
    if image.mode == "LA" and found.ndim == 3:
        found = found[..., 0]
    return Raw(depth_of(upright(found, orientation)), mode=mode, page=page, pages=pages)


def of_pillow(image: Image.Image, mode: str, page: int, pages: int) -> Raw:
    """The values of a grey image that Pillow has loaded in full depth, upright already."""
    # Whole numbers of 32 bits come from a PGM written as text, scaled to 16 bits.
    span = (0.0, 65535.0) if image.mode == "I" else None
    return Raw(depth_of(np.asarray(image), span), mode=mode, page=page, pages=pages)


def _ppm(image: ImageFile.ImageFile, file: BinaryIO, head: bytes) -> Values | None:
    """The values of a binary PGM or PPM of two bytes; None for one written as text."""
    if head[:2] not in (b"P5", b"P6"):
        return None
    channels = 3 if head[:2] == b"P6" else 1
    file.seek(image.tile[0][2])
    count = image.width * image.height * channels
    data = file.read(2 * count)
    if len(data) < 2 * count:
        return None
    values = np.frombuffer(data, ">u2").reshape(image.height, image.width, channels)
    return values if channels == 3 else values[..., 0]


def _most_of_ppm(head: bytes) -> int:
    """The largest value that the header of a PGM or PPM states."""
    found = _PPM.match(_COMMENT.sub(b" ", head))
    return int(found[1]) if found else 255


def _depth_of_jpeg2000(head: bytes) -> int:
    """Bits of the first component, from the header of the file or of its code stream."""
    place = head.find(_BOX)
    if place >= 0:
        depth = head[place + _BOX_DEPTH : place + _BOX_DEPTH + 1]
        # 255: each component has its own depth, told in the code stream.
        if depth and depth[0] != 255:
            return (depth[0] & 0x7F) + 1
    start = head.find(_CODESTREAM)
    depth = head[start + _CODESTREAM_DEPTH : start + _CODESTREAM_DEPTH + 1] if start >= 0 else b""
    return (depth[0] & 0x7F) + 1 if depth else 8

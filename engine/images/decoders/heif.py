"""Reads HEIC photographs with pi-heif, which decodes only (libheif with libde265)."""

from __future__ import annotations

from typing import BinaryIO

from engine.errors import ImageError
from engine.images import colour_profiles
from engine.images.decoders.raw import Raw, check_size, depth_of
from engine.lazy.numpy import np

_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")


def is_heif(head: bytes) -> bool:
    """Whether the first bytes are those of a HEIF file that is not AVIF, which Pillow reads."""
    return head[4:8] == b"ftyp" and head[8:12] in _BRANDS and b"avif" not in head[8:64]


def read(file: BinaryIO, name: str, length: int) -> Raw:
    """The primary image of a HEIC file, which libheif turns upright. length: of the file, in bytes.

    Raises ImageError, and what pi-heif raises for damaged data.
    """
    import pi_heif

    pi_heif.options.DECODE_THREADS = 1
    pi_heif.options.THUMBNAILS = False
    found = pi_heif.open_heif(file, convert_hdr_to_8bit=False)
    deep = ";" in found.mode
    width, height = found.size
    check_size(width, height, length, name, 6 if deep else 3)
    notices = colour_profiles.notices(found.info.get("icc_profile"))
    if not deep:
        return Raw(picture=found.to_pillow(), mode=found.mode, notices=notices)
    # Rows may be padded. A copy, since the memory goes with the HeifFile.
    values = np.asarray(found)[:, :width].copy()
    if values.dtype != np.uint16 or values.ndim not in (2, 3):
        raise ImageError(f"{name}: a HEIC image of unknown kind ({found.mode}); save it as JPEG")
    if values.ndim == 3:
        values = values[..., 0] if values.shape[2] < 3 else values[..., :3]
    bits = min(max(int(found.info.get("bit_depth", 16)), 8), 16)
    # The bits of the photograph are the upper ones of 16.
    white = float(((1 << bits) - 1) << (16 - bits))
    depth = depth_of(values, own=(0.0, white), own_name=f"{bits} bits of the file")
    return Raw(depth, mode=found.mode, notices=notices)

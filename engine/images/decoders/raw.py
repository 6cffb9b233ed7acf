"""One decoded page on its way from the reader process to the program: a record, and its reply."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PIL import Image

from engine.errors import ImageError
from engine.images import levels
from engine.lazy.numpy import np
from engine.records.images import MAX_BYTES, MAX_PIXELS, Subject
from engine.records.levels import AUTO, Depth, Values

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_PAGES = 1_000_000


_STRIP_BYTES = 1 << 20
"""Size of a strip of rows that is converted and written at once."""

# Beyond this many pixels, a ratio above 200 of values to file is taken for a decompression bomb:
# photographs and scans reach 50 at most.
_FREE_PIXELS = 100_000_000
_MOST_EXPANSION = 200

_UPRIGHT: dict[int, Callable[[Values], Values]] = {
    2: lambda v: v[:, ::-1],
    3: lambda v: v[::-1, ::-1],
    4: lambda v: v[::-1],
    5: lambda v: v.swapaxes(0, 1),
    6: lambda v: np.rot90(v, -1),
    7: lambda v: v[::-1, ::-1].swapaxes(0, 1),
    8: lambda v: np.rot90(v, 1),
}


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """A decoded page. Either depth, or picture: any 8-bit image of Pillow, upright.

    mode: Pillow's name of the pixel format, or that of the type. page: from 0.
    """

    depth: Depth | None = None
    picture: Image.Image | None = None
    mode: str = ""
    page: int = 0
    pages: int = 1
    notices: tuple[str, ...] = ()
    subject: Subject | None = None


def check_size(width: int, height: int, length: int, name: str, pixel: int = 3) -> None:
    """Check what a header claims, before any pixel is decoded. Raises ImageError.

    length: of the file, in bytes. pixel: bytes of the values of one pixel.
    """
    if width < 1 or height < 1:
        raise ImageError(f"{name}: the image is empty ({width} x {height} pixels); open another")
    if width * height > MAX_PIXELS or width * height * pixel > MAX_BYTES:
        raise ImageError(too_large(name, f"{width:,} x {height:,} pixels; ", pixel))
    if width * height > _FREE_PIXELS and pixel * width * height > _MOST_EXPANSION * length:
        raise ImageError(
            f"{name}: {width:,} x {height:,} pixels in a file of {length / 1e6:.1f} MB, an "
            "implausible compression ratio; scale the image down to open it"
        )


def too_large(name: str, size: str = "", pixel: int = 3) -> str:
    limit = min(MAX_PIXELS, MAX_BYTES // pixel) // 1_000_000
    return f"{name}: the image is too large ({size}the limit is {limit} megapixels); scale it down"


def check_page(page: int, pages: int, name: str) -> None:
    """Raises ImageError if a file has no such page (from 0)."""
    if not 0 <= page < pages:
        if pages == 1:
            raise ImageError(f"{name}: has only one page; open it without --page")
        raise ImageError(f"{name}: has {pages:,} pages; choose --page 1 to {pages}")


def upright(values: Values, orientation: object) -> Values:
    """Values turned by an EXIF orientation; an invalid one is ignored."""
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return values if turn is None else turn(values)


def depth_of(values: Values, span: tuple[float, float] | None = None, **facts: Any) -> Depth:
    """The record of values of any numeric type, which become one of depths.KINDS.

    values: (height, width) or (height, width, 3). span: by default that of the type.
    """
    values = _fitting(values)
    *ends, count = levels.measured(values, facts.get("padding"))
    if span is None:
        span = (0.0, 1.0) if values.dtype.kind == "f" else _ends_of(values.dtype)
    extremes = (ends[0], ends[1]) if ends else None
    return Depth(values, span, extremes=extremes, not_finite=int(count), **facts)


def _ends_of(dtype: np.dtype[Any]) -> tuple[float, float]:
    info = np.iinfo(dtype)
    return float(info.min), float(info.max)


def _fitting(values: Values) -> Values:
    """Values as one of depths.KINDS, in the machine's byte order and row by row."""
    kind = values.dtype
    if kind == np.bool_:
        goal = "uint8"
    elif kind == np.int8:
        goal = "int16"
    elif kind.kind in "iu" and kind.itemsize == 8:
        # Indices and sums are often stored as 64 bits, and rarely need them.
        ends = (int(values.min()), int(values.max())) if values.size else (0, 0)
        small = ends[0] >= -(1 << 31) and ends[1] < 1 << 31
        goal = "int32" if small else "float32"
    elif kind.kind == "f":
        goal = "float32"
    else:
        goal = kind.newbyteorder("=").name
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, dtype=goal)


def send(raw: Raw, descriptor: int, draft: int) -> dict[str, Any]:
    """Write a page to a descriptor, row by row, and return the reply that describes it.

    draft: longer side of a reduced version in 8 bits, RGB; 0 for the values in full size.
    """
    reply = {"mode": raw.mode, "page": raw.page, "pages": raw.pages, "notices": list(raw.notices)}
    if raw.subject is not None:
        subject = raw.subject
        reply["subject"] = {
            "name": subject.name, "date": subject.date, "tokens": list(subject.tokens)
        }  # fmt: skip
    picture = raw.picture
    if raw.depth is not None and draft:
        picture = _drafted(raw.depth, draft)
    if picture is not None:
        if draft:
            picture = picture.convert("RGB")
            picture.thumbnail((draft, draft))
        _write_rgb(picture, descriptor)
        return reply | {"width": picture.width, "height": picture.height}
    assert raw.depth is not None
    values = raw.depth.values
    _put(values.data.cast("B"), descriptor)
    facts = {"width": values.shape[1], "height": values.shape[0], "depth": _facts(raw.depth)}
    return reply | facts


def _facts(depth: Depth) -> dict[str, Any]:
    return {
        "kind": depth.values.dtype.name,
        "channels": depth.values.shape[2] if depth.values.ndim == 3 else 1,
        "span": depth.span,
        "own": depth.own,
        "own_name": depth.own_name,
        "curve": None if depth.curve is None else depth.curve.tolist(),
        "extremes": depth.extremes,
        "not_finite": depth.not_finite,
        "inverted": depth.inverted,
        "padding": depth.padding,
        "unit": depth.unit,
    }


def _drafted(depth: Depth, draft: int) -> Image.Image:
    """The image in 8 bits, at least twice as large as a draft where it can be."""
    step = max(1, max(depth.values.shape[:2]) // (4 * draft))
    small = replace(depth, values=np.ascontiguousarray(depth.values[::step, ::step]))
    return Image.fromarray(levels.to_bytes(small, levels.resolve(small, AUTO)))


def _write_rgb(image: Image.Image, descriptor: int) -> None:
    # In strips: a full intermediate image would be as large as the result.
    rows = max(1, _STRIP_BYTES // max(1, 3 * image.width))
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(image.height, top + rows)))
        _put(memoryview(strip.convert("RGB").tobytes()), descriptor)


def _put(view: memoryview, descriptor: int) -> None:
    while view:
        # macOS refuses to write more than 2 GB at once.
        view = view[os.write(descriptor, view[: 1 << 30]) :]

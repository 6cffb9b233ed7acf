"""The values that edits work on: bytes, or for deep images the values that their levels show."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from engine.images import levels
from engine.lazy.numpy import np
from engine.records.images import LoadedImage
from engine.records.levels import Applied, Depth, Levels, LevelsMode

if TYPE_CHECKING:
    from numpy.typing import NDArray

Plane: TypeAlias = "NDArray[Any]"
"""(height, width, 3), RGB: uint8, 0 to 255, or float32, 0 (black) to 1 (white)."""

_UNIT = (0.0, 1.0)
_AS_IT_IS = Levels(LevelsMode.TYPE)
_SHOWN = Levels(LevelsMode.WINDOW, *_UNIT)


def plane_of(image: LoadedImage) -> Plane:
    """The values of an image that edits change: its pixels, or for one with values of its own,
    float32 as its levels show them, never rounded to 8 bits."""
    applied = _applied(image)
    if applied is None:
        return image.pixels
    depth = levels.depth_of(image)
    if levels.is_in_bytes(depth, applied):
        return levels.to_bytes(depth, applied)
    unit = levels.to_unit(depth, applied)
    return unit if unit.ndim == 3 else np.repeat(unit[..., None], 3, axis=2)


def image_of(image: LoadedImage, plane: Plane) -> LoadedImage:
    """The image with other values, which are then shown and seen as they are."""
    asked = image.own_levels
    if plane.dtype == np.uint8:
        set_by = image.levels if _applied(image) is None else _AS_IT_IS
        return replace(image, pixels=plane, depth=None, levels=set_by, shown=None, asked=asked)
    ends = float(plane.min()), float(plane.max())
    if image.depth is not None and image.depth.values.ndim == 2 and _is_grey(plane):
        # Of one value a pixel, as its file has it.
        plane = np.ascontiguousarray(plane[..., 0])
    depth = Depth(plane, _UNIT, own=_UNIT, own_name="range that was shown", extremes=ends)
    shown = Applied(LevelsMode.WINDOW, *_UNIT, LevelsMode.WINDOW)
    pixels = levels.to_bytes(depth, shown)
    return replace(image, pixels=pixels, depth=depth, levels=_SHOWN, shown=shown, asked=asked)


def _is_grey(plane: Plane) -> bool:
    first = plane[..., 0]
    return all(np.array_equal(first, plane[..., other]) for other in (1, 2))


def in_bytes(plane: Plane) -> Plane:
    """The values as uint8, 0 to 255."""
    if plane.dtype == np.uint8:
        return plane
    return np.asarray(np.rint(plane * np.float32(255)), np.uint8)


def in_units(plane: Plane) -> Plane:
    """The values as float32, 0 to 1."""
    return plane if plane.dtype != np.uint8 else plane.astype(np.float32) / np.float32(255)


def like(plane: Plane, other: Plane) -> Plane:
    """The values of one plane in the type of another."""
    return in_bytes(plane) if other.dtype == np.uint8 else in_units(plane)


def _applied(image: LoadedImage) -> Applied | None:
    """The levels that the image shows; None for one of 8 bits that shows them as they are."""
    if image.shown is not None:
        return image.shown
    return levels.applied_to(image, image.levels)

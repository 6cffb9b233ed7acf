"""Which values of an image a script starts from, and the file beside it that carries them where the
image's own file cannot be read with Pillow or numpy alone."""

from __future__ import annotations

from pathlib import Path

from engine.export.files import save_picture
from engine.files.atomic import whole_file
from engine.images import levels
from engine.lazy.numpy import np
from engine.records.images import LoadedImage, Preprocessing
from engine.records.levels import Applied, Depth, LevelsMode, Values
from engine.scripting.recipe import Levelled
from engine.scripting.refusals import of_file


def levelled(image: LoadedImage, how: Preprocessing) -> Levelled | None:
    """What the values of an image are made of; None where its 8 bits are what a network gets."""
    found = _values(image, how)
    if found is None:
        return None
    depth, applied = found
    channels = 3 if depth.values.ndim == 3 else 1
    floats = depth.values.dtype.kind == "f"
    if depth.curve is not None and applied.mode is LevelsMode.FILE:
        return Levelled(0.0, 1.0, False, channels, True, curved=True)
    return Levelled(applied.low, applied.high, depth.inverted, channels, floats)


def suffix(image: LoadedImage, how: Preprocessing, *, edited: bool = False) -> str:
    """Of the file that a script needs beside itself: '.npy' for values, '.png' for 8 bits; '' where
    it reads the image's own. edited: the image is not what its file has."""
    read = not of_file(image, edited=edited) and not _is_reduced(image, how)
    if read and _is_array_as_seen(image):
        return ""
    return ".png" if _values(image, how) is None else ".npy"


def save(path: Path, image: LoadedImage, how: Preprocessing) -> None:
    """Write that file. Raises ExportError."""
    found = _values(image, how)
    if found is None:
        shown = levels.with_levels(image, how.levels)
        save_picture(path, shown.pixels)
        return
    depth, applied = found
    own = levelled(image, how)
    curved = own is not None and own.curved
    values: Values = levels.to_unit(depth, applied) if curved else depth.values
    with whole_file(path) as file:
        np.save(file, np.ascontiguousarray(values), allow_pickle=False)


def _values(image: LoadedImage, how: Preprocessing) -> tuple[Depth, Applied] | None:
    """The values that are scaled by levels; None where the network gets 8 bits."""
    applied = levels.applied_to(image, how.levels)
    if applied is None:
        return None
    depth = levels.depth_of(image)
    return None if levels.is_in_bytes(depth, applied) else (depth, applied)


def _is_reduced(image: LoadedImage, how: Preprocessing) -> bool:
    """Whether more than 8 bits become 8, in a way that Pillow does not have."""
    applied = levels.applied_to(image, how.levels)
    return applied is not None and image.depth is not None and _values(image, how) is None


def _is_array_as_seen(image: LoadedImage) -> bool:
    """Whether a .npy file, if it is one, holds the values in the order in which they are used."""
    if image.path is None or image.depth is None or image.path.suffix.lower() != ".npy":
        return True
    values = image.depth.values
    try:
        own = np.load(image.path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return False
    same = own.dtype == values.dtype or own.dtype.kind in "uif"
    return bool(same and own.shape == values.shape)

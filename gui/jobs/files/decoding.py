"""Reads images and their thumbnails, and scales them for the canvas and the strip."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QImage

from engine.lazy.numpy import np
from engine.records.images import LoadedImage, Pixels
from engine.records.levels import AUTO, Levels
from gui.jobs.files.finding import stamp_of
from gui.toolkit.imaging import Picture, thumbnail, to_qimage

if TYPE_CHECKING:
    from gui.jobs.lanes import Watch

THUMBNAIL_SIZE = 128


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A decoded image, with its pyramid for the canvas and its thumbnail for the strip.

    stamp: see stamp_of; None without a file. asked: the levels that it shows.
    """

    loaded: LoadedImage
    picture: Picture
    thumbnail: QImage
    stamp: tuple[int, int] | None = None
    asked: Levels = AUTO


def decode(
    path: Path, watch: Watch, page: int = 1, levels: Levels = AUTO, policy: Levels = AUTO
) -> Decoded:
    """Read a page of an image file for the canvas. Raises ImageError, Cancelled.

    levels: set by hand; AUTO leaves them to policy, the levels of the model.
    """
    from engine.images.reading import load_image

    stamp = stamp_of(path)
    loaded = load_image(path, page=page, levels=levels, cancel=watch.cancel, patience=None)
    return replace(level(loaded, policy), stamp=stamp)


def level(loaded: LoadedImage, policy: Levels) -> Decoded:
    """Prepare an image with its own levels, or else with policy, for the canvas."""
    from engine.images.levels import effective, with_levels

    asked = effective(loaded, policy)
    return replace(decode_array(with_levels(loaded, policy)), asked=asked)


def decode_bytes(
    data: bytes, name: str, watch: Watch, levels: Levels = AUTO, policy: Levels = AUTO
) -> Decoded:
    """Read the bytes of an image file for the canvas. levels: set by hand; policy: of the model,
    for an image without. Raises ImageError, Cancelled."""
    from engine.images.reading import decode_image

    loaded = decode_image(data, name, levels=levels, cancel=watch.cancel, patience=None)
    return decode_array(loaded) if (levels, policy) == (AUTO, AUTO) else level(loaded, policy)


def decode_qimage(image: QImage, name: str) -> Decoded:
    """Prepare a Qt image, such as a pasted one, for the canvas. Raises ImageError."""
    from engine.images.reading import image_from_array

    return decode_array(image_from_array(pixels_of(image), name))


def decode_array(loaded: LoadedImage) -> Decoded:
    """Prepare a loaded image for the canvas."""
    small = thumbnail(loaded.pixels, THUMBNAIL_SIZE)
    return Decoded(loaded, Picture.build(loaded.pixels), small)


def pixels_of(image: QImage) -> Pixels:
    """uint8 (height, width, 3), RGB, of a QImage; transparency is dropped."""
    rgb = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(rgb.constBits(), np.uint8).reshape(rgb.height(), rgb.bytesPerLine())
    return rows[:, : 3 * rgb.width()].reshape(rgb.height(), rgb.width(), 3).copy()


def read_thumbnail(path: Path, watch: Watch) -> QImage:
    """Read the thumbnail of an image file. Raises ImageError, Cancelled."""
    from engine.images.reading import load_thumbnail

    small = load_thumbnail(path, THUMBNAIL_SIZE, cancel=watch.cancel, patience=None)
    return to_qimage(small)


def small(loaded: LoadedImage) -> QImage:
    """The thumbnail of an image that is in memory."""
    return thumbnail(loaded.pixels, THUMBNAIL_SIZE)

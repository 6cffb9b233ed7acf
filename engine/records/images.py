"""Images, their preprocessing, and the region of them that a network sees."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from engine.lazy.numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray


Pixels: TypeAlias = "NDArray[np.uint8]"


MAX_PIXELS = 300_000_000
"""Largest image that can be opened, in pixels: 17,000 x 17,000, about 900 MB as RGB."""


@dataclass(frozen=True, slots=True)
class Region:
    """The rectangle of the original image that the network saw, in original pixels.

    Values may be fractional, since resizing rarely maps to whole pixels.
    """

    x: float
    y: float
    width: float
    height: float


class Channels(StrEnum):
    """The channel order that the network was trained with."""

    RGB = "RGB"
    BGR = "BGR"
    GREY = "grey"


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Image to network input: resize, centre crop, scale the values, normalise.

    resize: an int is the resulting length of the shorter side, (height, width) the exact size,
        None no resizing. letterbox: keep the proportions within (height, width), and fill the rest
        with grey.
    crop: (height, width) of the centre crop, the network's input size; padded if the image is
        smaller.
    mean, std: per channel, in units of range. As many as the network has channels.
    interpolation: 'nearest', 'bilinear', 'bicubic' or 'lanczos'; antialias as in torchvision's
        resize.
    range: the values that 0 and 255 of an image are scaled to, before mean and std.
    """

    resize: int | tuple[int, int] | None
    crop: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bilinear"
    antialias: bool = True
    letterbox: bool = False
    channels: Channels = Channels.RGB
    range: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedImage:
    """An image ready to be explained.

    pixels: uint8 (height, width, 3), RGB, EXIF orientation applied.
    path: the file it came from; None for pasted or generated images.
    mode: Pillow's name of the file's pixel format ('L', 'CMYK', 'I;16'), for information.
    notices: sentences for the user.
    """

    name: str
    pixels: Pixels
    path: Path | None = None
    mode: str = "RGB"
    notices: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

"""Images, their preprocessing, and the region of them that a network sees."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from engine.lazy.numpy import np
from engine.records.levels import AUTO, Applied, Depth, Levels

if TYPE_CHECKING:
    from numpy.typing import NDArray


Pixels: TypeAlias = "NDArray[np.uint8]"


MAX_PIXELS = 300_000_000
"""Largest image that can be opened, in pixels: 17,000 x 17,000, about 900 MB as RGB."""

MAX_BYTES = 3 * MAX_PIXELS
"""Most bytes that the values of one page may have."""


@dataclass(frozen=True, slots=True)
class Region:
    """The rectangle of the original image that the network saw, in original pixels.

    Values may be fractional, since resizing rarely maps to whole pixels.
    """

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Note:
    """What a person wrote about an image, or about a part of it.

    part: a rectangle in pixels of the image as its file has it; None for the whole image.
    """

    text: str
    part: Region | None = None


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
    range: the values that black and white of an image are scaled to, before mean and std.
    levels: which values of an image are black and white, unless the image has its own levels.
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
    levels: Levels = AUTO


_SAFE_PART = 4
"""Length from which a part of a name is masked inside other words, too."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom and when a DICOM file shows.

    name, date: as written in the file ('' if absent). tokens: these, identifiers and further dates,
    in lower case, for finding them in file names.
    """

    name: str = ""
    date: str = ""
    tokens: tuple[str, ...] = ()

    def masked(self, text: str) -> str:
        """A file name or path without what it says about the patient."""
        for token in sorted(self.tokens, key=len, reverse=True):
            pattern = re.escape(token)
            if len(token) < _SAFE_PART:
                # 'Li' is no part of 'slice'.
                pattern = rf"(?<![^\W_]){pattern}(?![^\W_])"
            text = re.sub(pattern, "\u2026", text, flags=re.IGNORECASE)
        return text

    def joined(self, other: Subject) -> Subject:
        """Of an image that shows both."""
        names, dates = (
            "; ".join(dict.fromkeys(text for text in texts if text))
            for texts in ((self.name, other.name), (self.date, other.date))
        )
        return Subject(names, dates, tuple(dict.fromkeys((*self.tokens, *other.tokens))))


@dataclass(frozen=True, slots=True)
class ChannelNumbers:
    """The smallest, largest and mean value of one channel of a network's input."""

    low: float
    high: float
    mean: float


@dataclass(frozen=True, slots=True, eq=False)
class LoadedImage:
    """An image ready to be explained.

    pixels: uint8 (height, width, 3), RGB, EXIF orientation applied; what is displayed.
    path: the file it came from; None for pasted or generated images.
    mode: Pillow's name of the file's pixel format ('L', 'CMYK', 'I;16'), for information.
    depth: the values, if the file has more than 8 bits or its own range; None if pixels are all.
    levels: set for this image; AUTO leaves them to the preprocessing. asked: those that were set
    before it was edited, which leaves other values; None where it has not been.
    shown: the levels that pixels show; None without depth.
    page: from 1; pages: how many the file has.
    notices: sentences for the user. subject: for DICOM files, and for what is pasted from one.
    """

    name: str
    pixels: Pixels
    path: Path | None = None
    mode: str = "RGB"
    depth: Depth | None = None
    levels: Levels = AUTO
    shown: Applied | None = None
    page: int = 1
    pages: int = 1
    notices: tuple[str, ...] = ()
    subject: Subject | None = None
    asked: Levels | None = None

    @property
    def own_levels(self) -> Levels:
        """The levels that were set for it as its file has it."""
        return self.levels if self.asked is None else self.asked

    def is_same_input(self, other: LoadedImage) -> bool:
        """Whether a network gets the same of both, whatever they display."""
        if self.depth is None or other.depth is None:
            return self.pixels is other.pixels and self.levels == other.levels
        return self.depth is other.depth and self.levels == other.levels

    def named(self, text: str, subject: bool) -> str:
        """A text with the image's name, such as its path; without the patient unless subject."""
        return text if subject or self.subject is None else self.subject.masked(text)

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

"""Where an image is resized to and cropped, and the 8-bit pixels that come of it.

Without torch, so that a reader process does it as well as the program, to the same bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from engine.errors import ImageError
from engine.records.images import MAX_PIXELS, Channels, Pixels, Preprocessing, Region

LETTERBOX_GREY = 114
"""Grey value of a letterbox's bars, 0 to 255, as in YOLO's tools."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Size of a resized image, and its offset in the canvas that is then cropped.

    All in pixels of the resized image. Without a letterbox, the canvas is the image itself.
    """

    width: int
    height: int
    left: int
    top: int
    canvas_width: int
    canvas_height: int

    @property
    def canvas(self) -> tuple[int, int]:
        return self.canvas_width, self.canvas_height


def placement(width: int, height: int, how: Preprocessing) -> Placement:
    """Where an image of this size is resized to, and onto which canvas."""
    if how.resize is None:
        return Placement(width, height, 0, 0, width, height)
    if isinstance(how.resize, int):
        # Rounded down, as torchvision does.
        long = int(how.resize * max(width, height) / min(width, height))
        fitted = (how.resize, long) if width <= height else (long, how.resize)
        return Placement(*fitted, 0, 0, *fitted)
    goal_height, goal_width = how.resize
    if not how.letterbox:
        return Placement(goal_width, goal_height, 0, 0, goal_width, goal_height)
    scale = min(goal_width / width, goal_height / height)
    inner_width = min(goal_width, max(1, round(width * scale)))
    inner_height = min(goal_height, max(1, round(height * scale)))
    left, top = (goal_width - inner_width) // 2, (goal_height - inner_height) // 2
    return Placement(inner_width, inner_height, left, top, goal_width, goal_height)


def crop_box(place: Placement, how: Preprocessing) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the crop on the canvas, beyond which it may extend."""
    crop_height, crop_width = how.crop
    left = _crop_start(place.canvas_width, crop_width)
    top = _crop_start(place.canvas_height, crop_height)
    return left, top, left + crop_width, top + crop_height


def region_of(width: int, height: int, how: Preprocessing) -> Region:
    """The rectangle of a width x height original that the network's input covers, in its pixels.

    It extends beyond the original if the crop is padded because it is larger than the resized
    image, and it includes the bars of a letterbox.
    """
    place = placement(width, height, how)
    crop_height, crop_width = how.crop
    start = crop_box(place, how)
    left, top = start[0] - place.left, start[1] - place.top
    scale_x, scale_y = width / place.width, height / place.height
    return Region(left * scale_x, top * scale_y, crop_width * scale_x, crop_height * scale_y)


def is_extreme(width: int, height: int, how: Preprocessing) -> bool:
    """Whether the resized form of an image would exceed MAX_PIXELS."""
    place = placement(width, height, how)
    return place.width * place.height > MAX_PIXELS


def check_ratio(name: str, width: int, height: int, how: Preprocessing) -> None:
    """Raises ImageError for an image whose resized form would exceed MAX_PIXELS."""
    if is_extreme(width, height, how):
        raise ImageError(
            f"{name}: {width:,} x {height:,} pixels is too extreme an aspect "
            "ratio for a network; crop the image to the relevant part"
        )


def filter_of(how: Preprocessing) -> Image.Resampling:
    return Image.Resampling[how.interpolation.upper()]


def is_pillows(how: Preprocessing) -> bool:
    """Whether Pillow resizes 8-bit images; torchvision does without antialias."""
    return how.antialias or how.interpolation == "nearest"


def selected(picture: Image.Image, how: Preprocessing) -> Image.Image:
    """An RGB image with the channels that the network takes: grey where it takes no colour."""
    return picture.convert("L") if how.channels is Channels.GREY else picture


def resized(picture: Image.Image, place: Placement, how: Preprocessing) -> Image.Image:
    """The image at the size of its placement, by Pillow."""
    size = (place.width, place.height)
    return picture if picture.size == size else picture.resize(size, filter_of(how))


def cropped(picture: Image.Image, place: Placement, how: Preprocessing) -> Pixels:
    """uint8 (h, w, 1 or 3): the crop of a resized image, black where it exceeds the image."""
    if how.letterbox:
        canvas = Image.new(picture.mode, place.canvas, (LETTERBOX_GREY,) * len(picture.getbands()))
        canvas.paste(picture, (place.left, place.top))
        picture = canvas
    grid = np.array(picture.crop(crop_box(place, how)))
    return grid.reshape((*how.crop, -1))


def _crop_start(length: int, crop: int) -> int:
    """Where torchvision's center_crop starts along one axis; negative where it pads."""
    if crop > length:
        return -((crop - length) // 2)
    return round((length - crop) / 2.0)

"""A pane: a picture with its map, reduced to the pixels that a figure needs of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from engine.figures.drawing import Picture
from engine.lazy.opencv import cv2
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation
from engine.records.images import Pixels, Region
from engine.render import overlay


@dataclass(frozen=True, slots=True, eq=False)
class Pane:
    """One picture of a figure.

    pixels: uint8 (rows, columns, 3), RGB, of the image, perhaps reduced. explanation: its map, with
    a region in these pixels; None for the bare image. words: lines above the picture, the first of
    them the most important. image: equal for panes of one image.
    """

    pixels: Pixels
    explanation: Explanation | None
    settings: DisplaySettings
    words: tuple[str, ...] = ()
    image: str = ""

    @property
    def bare(self) -> Pane:
        """The pane without its map."""
        return replace(self, explanation=None, words=("image",))


def pane_of(
    pixels: Pixels,
    explanation: Explanation,
    settings: DisplaySettings,
    words: tuple[str, ...] = (),
    image: str = "",
    *,
    most: int | None = None,
) -> Pane:
    """The pane of an image and its map.

    most: pixels that the region is wide in the figure; an image that has many more of them is
    reduced, so that many large images can be held.
    """
    width = explanation.region.width
    factor = 1.0 if most is None or width <= 0 else min(1.0, most / width)
    return _scaled(Pane(pixels, explanation, settings, words, image), factor, factor)


def cropped(pane: Pane) -> Pane:
    """The pane of the region that the network saw alone. A bare one stays as it is."""
    if pane.explanation is None:
        return pane
    region = pane.explanation.region
    height, width = pane.pixels.shape[:2]
    left, top, right, bottom = overlay.covered(region, (width, height))
    if left >= right or top >= bottom:
        return pane
    moved = replace(region, x=region.x - left, y=region.y - top)
    explanation = replace(pane.explanation, region=moved, image_size=(right - left, bottom - top))
    return replace(pane, pixels=pane.pixels[top:bottom, left:right], explanation=explanation)


def fitted(pane: Pane, size: tuple[int, int]) -> Pane:
    """The pane in so many pixels (width, height)."""
    height, width = pane.pixels.shape[:2]
    return _scaled(pane, size[0] / width, size[1] / height)


def painted(pane: Pane, place: tuple[float, float, float, float]) -> Picture:
    """The picture with its map blended in, at (left, top, width, height) in points."""
    if pane.explanation is None:
        return Picture(*place, pane.pixels)
    return Picture(*place, overlay.blend(pane.pixels, pane.explanation, pane.settings))


def _scaled(pane: Pane, across: float, down: float) -> Pane:
    """The pane with its pixels resampled, and the region where it is then."""
    height, width = pane.pixels.shape[:2]
    size = max(1, round(width * across)), max(1, round(height * down))
    if size == (width, height):
        return pane
    smaller = size[0] < width or size[1] < height
    pixels = cv2.resize(
        np.ascontiguousarray(pane.pixels),
        size,
        interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC,
    )
    explanation = pane.explanation
    if explanation is not None:
        across, down, old = size[0] / width, size[1] / height, explanation.region
        region = Region(old.x * across, old.y * down, old.width * across, old.height * down)
        explanation = replace(explanation, region=region, image_size=size)
    return replace(pane, pixels=pixels, explanation=explanation)

"""The hottest pixels of an image, by a map of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.explain.session import Session
from engine.model import Model
from engine.progress import CancelToken, Report, ignore_progress
from engine.records.edits import Hottest
from engine.records.explanations import Explanation, FloatMap
from engine.records.images import LoadedImage, Region
from engine.render.values import sampled

_KEPT = 2
"""Maps that are kept, of edits one after the other."""


class Hottests:
    """Finds the pixels of Hottest edits by one model: what engine.edits.apply.edited calls masks.

    exact, cancel and progress: as in Session.explain. Maps are kept, so that another percentage
    takes no pass. Calls raise what Session.explain raises.
    """

    def __init__(
        self,
        model: Model,
        *,
        exact: bool = False,
        cancel: CancelToken | None = None,
        progress: Report = ignore_progress,
    ) -> None:
        self.model = model
        self.exact = exact
        self.cancel = cancel
        self.progress = progress
        self._known: list[tuple[Hottest, LoadedImage, Explanation]] = []

    def __call__(self, hottest: Hottest, image: LoadedImage) -> NDArray[np.bool_]:
        """bool (height, width) of the image."""
        found = self.explanation(hottest, image)
        size = image.height, image.width
        return hottest_pixels(found.map, found.region, size, hottest.percent)

    def explanation(self, hottest: Hottest, image: LoadedImage) -> Explanation:
        """The map that the pixels are chosen by."""
        wanted = replace(hottest, percent=100.0)
        for known, seen, explanation in self._known:
            if known == wanted and seen.is_same_input(image):
                return explanation
        with Session(self.model, image, exact=self.exact) as session:
            explanation = session.explain(
                hottest.layer,
                hottest.target,
                method=hottest.method,
                options=dict(hottest.options),
                question=hottest.question,
                cancel=self.cancel,
                progress=self.progress,
            )
        self._known = [(wanted, image, explanation), *self._known[: _KEPT - 1]]
        return explanation


def hottest_pixels(
    map: FloatMap, region: Region, size: tuple[int, int], percent: float
) -> NDArray[np.bool_]:
    """The pixels with the highest values of a map, upsampled bilinearly: bool (height, width).

    map: (rows, columns), over a region of an image of size (height, width). Of all N pixels whose
    centres lie in the region, exactly round(percent / 100 * N) are chosen; of those with the same
    value where this number ends, always the same ones at random.
    """
    height, width = size
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    across = np.flatnonzero((x >= region.x) & (x < region.x + region.width))
    down = np.flatnonzero((y >= region.y) & (y < region.y + region.height))
    mask = np.zeros(size, bool)
    if not len(across) or not len(down):
        return mask
    rows, columns = map.shape
    u = (x[across] - region.x) / region.width * columns
    v = (y[down] - region.y) / region.height * rows
    values = sampled(map, u, v, "smooth")
    inside = (
        slice(int(down[0]), int(down[-1]) + 1),
        slice(int(across[0]), int(across[-1]) + 1),
    )
    mask[inside] = highest(values, round(percent / 100 * values.size))
    return mask


def highest(values: FloatMap, count: int) -> NDArray[np.bool_]:
    """The count highest values, as a mask of their shape; ties at random, always the same."""
    if count <= 0:
        return np.zeros(values.shape, bool)
    flat = values.reshape(-1)
    least = np.partition(flat, len(flat) - count)[len(flat) - count]
    chosen = flat > least
    ties = np.flatnonzero(flat == least)
    missing = count - int(np.count_nonzero(chosen))
    if missing < len(ties):
        ties = np.random.default_rng(0).choice(ties, missing, replace=False, shuffle=False)
    chosen[ties] = True
    return np.asarray(chosen.reshape(values.shape), np.bool_)

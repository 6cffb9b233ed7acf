"""How a map lies to what a person has marked: the peak, the energy, and the box around its top.

These say where a map points, not whether it is faithful: a network that looks beside the object is
explained well by a map that misses it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.lazy.opencv import cv2
from engine.metrics.agreement import sampled
from engine.metrics.table import find as row_of
from engine.records.explanations import Explanation
from engine.records.workbench.trust import Box, Marked, TrustFigure, percent

Truths = NDArray[np.bool_]

_POINTS = 512
"""Along each side of the region: where areas are compared."""


@dataclass(frozen=True, slots=True)
class _Field:
    """Points in the middle of equal parts of the region. x, y: on the original image."""

    explanation: Explanation

    @property
    def x(self) -> NDArray[np.float64]:
        region = self.explanation.region
        return region.x + _parts() * region.width

    @property
    def y(self) -> NDArray[np.float64]:
        region = self.explanation.region
        return region.y + _parts() * region.height

    def covered(self, marked: Marked) -> Truths:
        """(points, points): which of them are marked."""
        x, y = self.x, self.y
        found = np.zeros((len(y), len(x)), np.bool_)
        for box in marked.boxes:
            down = (y >= box.y) & (y < box.y + box.height)
            across = (x >= box.x) & (x < box.x + box.width)
            found |= down[:, None] & across
        if marked.mask is not None:
            height, width = marked.mask.shape
            down = (y >= 0) & (y < height)
            across = (x >= 0) & (x < width)
            rows = np.clip(np.floor(y), 0, height - 1).astype(np.intp)
            columns = np.clip(np.floor(x), 0, width - 1).astype(np.intp)
            found |= marked.mask[rows[:, None], columns] & down[:, None] & across
        return found


def of_class(marked: Marked, label: str) -> Marked:
    """Only the boxes that bear the label, if any does; else all of them."""
    own = tuple(box for box in marked.boxes if box.label.casefold() == label.casefold())
    return replace(marked, boxes=own) if own else marked


def localised(explanation: Explanation, marked: Marked, threshold: float) -> list[TrustFigure]:
    """The figures of metrics.table.MARKED, in its order. threshold: part of the map's maximum."""
    marked = of_class(marked, explanation.target.label)
    return [
        pointing(explanation, marked),
        box_energy(explanation, marked),
        overlap(explanation, marked, threshold),
    ]


def pointing(explanation: Explanation, marked: Marked) -> TrustFigure:
    """Whether the centre of the largest cell is marked: 1 for a hit, 0 for none.

    Zhang et al. 2016 (arXiv 1608.00507), without a tolerance. What marks nothing is no hit. Of
    several cells that are largest, it is the part of them that is marked, so that a constant map
    gets what chance gives.
    """
    x, y = explanation.peak
    map, region = explanation.map, explanation.region
    tops = np.argwhere(map == map.max()) + 0.5
    steps = region.height / map.shape[0], region.width / map.shape[1]
    places = [(region.x + at[1] * steps[1], region.y + at[0] * steps[0]) for at in tops]
    hit = 0.0
    if map.max() > 0:
        hit = float(np.mean([_is_marked(marked, *place) for place in places]))
    if marked.empty:
        verdict = "Nothing is marked, so that there is no hit."
    elif not explanation.map.max() > 0:
        verdict = "Nothing in the map is positive, so that there is no hit."
    elif len(places) > 1:
        verdict = f"Of {len(places)} cells that are largest, {percent(hit)} are marked."
    else:
        where = f"at x {x:.0f}, y {y:.0f}"
        verdict = (
            f"The peak, {where}, lies in what was marked."
            if hit
            else f"The peak, {where}, lies outside of what was marked."
        )
    return TrustFigure("pointing", row_of("pointing").title, hit, verdict, unit="hit", place=(x, y))


def box_energy(explanation: Explanation, marked: Marked) -> TrustFigure:
    """The part of the positive values in what was marked. random: its part of the region's area.

    Wang et al. 2020 (arXiv 1910.01279), section 4.3, each value constant over its cell.
    """
    title, field = row_of("box-energy").title, _Field(explanation)
    inside = field.covered(marked)
    positive = np.maximum(explanation.map.astype(np.float64), 0)
    rows, columns = positive.shape
    down = np.minimum((_parts() * rows).astype(np.intp), rows - 1)
    across = np.minimum((_parts() * columns).astype(np.intp), columns - 1)
    fine = positive[down[:, None], across]
    total = float(fine.sum())
    if total == 0:
        return TrustFigure("box-energy", title, None, "Nothing in the map is positive.")
    value, area = float(fine[inside].sum()) / total, float(inside.mean())
    verdict = (
        f"{percent(value)} of the positive values lie in what was marked, which is "
        f"{percent(area)} of the area that the network saw."
    )
    if marked.empty:
        verdict = "Nothing is marked, so that nothing lies in it."
    return TrustFigure("box-energy", title, value, verdict, random=(area,), unit="share")


def box_of(explanation: Explanation, threshold: float) -> Box | None:
    """The box around the largest connected area above a part of the map's maximum.

    Zhou et al. 2016 (arXiv 1512.04150), section 4.1; the map is enlarged linearly, as it is shown.
    On the original image. None where nothing is positive.
    """
    top = _largest(explanation, threshold)
    if top is None:
        return None
    rows, columns = np.flatnonzero(top.any(axis=1)), np.flatnonzero(top.any(axis=0))
    region = explanation.region
    wide, tall = region.width / _POINTS, region.height / _POINTS
    return Box(
        region.x + columns[0] * wide,
        region.y + rows[0] * tall,
        (columns[-1] + 1 - columns[0]) * wide,
        (rows[-1] + 1 - rows[0]) * tall,
    )


def overlap(explanation: Explanation, marked: Marked, threshold: float) -> TrustFigure:
    """Intersection over union of box_of with the marked box that it meets best; of a mask, that of
    the area itself with the mask."""
    title, found = row_of("iou").title, box_of(explanation, threshold)
    if found is None:
        return TrustFigure("iou", title, None, "Nothing in the map is positive.")
    if marked.empty:
        return TrustFigure("iou", title, 0.0, "Nothing is marked, so that nothing overlaps.")
    above = f"the largest area above {percent(threshold)} of the peak"
    if marked.mask is not None:
        inside, top = _Field(explanation).covered(marked), _largest(explanation, threshold)
        assert top is not None
        union = float((inside | top).sum())
        value = float((inside & top).sum()) / union if union else 0.0
        what = f"The mask and {above}"
    else:
        value = max(box.meets(found) for box in marked.boxes)
        what = f"The marked box and the box around {above}"
    verdict = f"{what} overlap by {percent(value)} of their union."
    return TrustFigure("iou", title, value, verdict, unit="share")


def _largest(explanation: Explanation, threshold: float) -> Truths | None:
    """(points, points): the largest area, of cells that touch at a side or a corner."""
    fine = sampled(explanation.map, _parts(), _parts())
    peak = float(fine.max())
    if peak <= 0:
        return None
    above = (fine > threshold * peak).astype(np.uint8)
    _, labels, facts, _ = cv2.connectedComponentsWithStats(above, connectivity=8)
    # The first is what lies below the threshold.
    largest = 1 + int(np.argmax(facts[1:, cv2.CC_STAT_AREA]))
    return np.asarray(labels == largest)


def _is_marked(marked: Marked, x: float, y: float) -> bool:
    inside = any(
        box.x <= x < box.x + box.width and box.y <= y < box.y + box.height for box in marked.boxes
    )
    if marked.mask is None or inside:
        return inside
    height, width = marked.mask.shape
    row, column = int(np.floor(y)), int(np.floor(x))
    return 0 <= row < height and 0 <= column < width and bool(marked.mask[row, column])


def _parts() -> NDArray[np.float64]:
    return (np.arange(_POINTS) + 0.5) / _POINTS

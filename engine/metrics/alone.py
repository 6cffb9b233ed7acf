"""Figures from the map alone: they take no pass.

Maps are float32 or float64 (rows, columns), signed, each value constant over its cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.methods.registry import find, title_of
from engine.metrics.table import find as row_of
from engine.records.explanations import Explanation, FloatMap, Verdict
from engine.records.workbench.trust import Curve, TrustFigure, percent, said

Doubles: TypeAlias = NDArray[np.float64]

FRAME = 0.1
"""Width of the border, as a part of the side."""

CORNER = 0.25
"""Side of a corner, as a part of the side."""

BORDER_AREA = 1 - (1 - 2 * FRAME) ** 2
"""Of the border, as a part of all."""

_CORNERS = ("top left", "top right", "bottom left", "bottom right")
# A corner, a sixteenth of the area, is named from five times its part of the energy on.
_TELLING = 5 * CORNER**2
# The largest value of a map that is worth looking at, in multiples of its median magnitude.
_WEAK = 2.0


def positive_share(map: FloatMap | Doubles) -> float | None:
    """Sum of the positive values over the sum of magnitudes, 0 to 1; None for a map of zeros."""
    values = np.asarray(map, np.float64)
    total = float(np.abs(values).sum())
    return float(np.maximum(values, 0).sum()) / total if total > 0 else None


def energy_in(
    map: FloatMap | Doubles, left: float, top: float, right: float, bottom: float
) -> float | None:
    """The part of the positive values within a rectangle, by the area of each cell inside it.

    left, top, right, bottom: parts of the sides, 0 to 1. None where nothing is positive.
    """
    positive = np.maximum(np.asarray(map, np.float64), 0)
    total = float(positive.sum())
    if total == 0:
        return None
    rows, columns = positive.shape
    down, across = _covered(rows, top, bottom), _covered(columns, left, right)
    return float(down @ positive @ across) / total


def border_energy(map: FloatMap | Doubles) -> float | None:
    """The part of the positive values in the outer FRAME of each side; None as for energy_in."""
    inner = energy_in(map, FRAME, FRAME, 1 - FRAME, 1 - FRAME)
    return None if inner is None else max(0.0, 1 - inner)


def corner_energies(map: FloatMap | Doubles) -> tuple[float, ...]:
    """Those of the four corners, from the top left row by row; () where nothing is positive."""
    low, high = (0.0, CORNER), (1 - CORNER, 1.0)
    found: list[float] = []
    for down in (low, high):
        for across in (low, high):
            energy = energy_in(map, across[0], down[0], across[1], down[1])
            if energy is not None:
                found.append(energy)
    return tuple(found)


def _covered(count: int, low: float, high: float) -> Doubles:
    """(count,): the part of each of so many equal intervals of 0 to 1 that lies in low to high."""
    edges = np.arange(count + 1) / count
    parts = (np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)) * count
    found: Doubles = np.clip(parts, 0.0, 1.0)
    return found


@dataclass(frozen=True, slots=True)
class Peak:
    """value: the largest one. row, column: its cell, the first of equal ones. above_half: the part
    of the cells that are above half of it, where it is positive. ties: cells that share it."""

    value: float
    row: int
    column: int
    above_half: float
    ties: int


def peak_of(map: FloatMap | Doubles) -> Peak:
    """The largest value of a map."""
    values = np.asarray(map, np.float64)
    row, column = divmod(int(np.argmax(values)), values.shape[1])
    top = float(values[row, column])
    half = float((values > top / 2).mean()) if top > 0 else 0.0
    return Peak(top, row, column, half, int((values == top).sum()))


def notes_on(explanation: Explanation) -> tuple[str, ...]:
    """What has to be known before any figure: a blank or weak map, a class-blind method."""
    notes: list[str] = []
    values = np.abs(explanation.map.astype(np.float64))
    if explanation.verdict is not Verdict.OK or not values.any():
        notes.append(f"The map is blank: {explanation.verdict.value}.")
    elif values.min() == values.max():
        notes.append("The map has the same value everywhere, so that it points at nothing.")
    elif values.size >= 4 and values.max() < _WEAK * float(np.median(values)):
        notes.append(
            "The map is weak: its largest magnitude is less than twice the median, so that no part "
            "of it stands out."
        )
    if not find(explanation.method).class_dependent:
        notes.append(
            f"{title_of(explanation.method)} is class-blind: the map shows what is in the image "
            "for the network, not what speaks for a class."
        )
    return tuple(notes)


def free_figures(explanation: Explanation) -> tuple[TrustFigure, ...]:
    """The figures of metrics.table.FREE, in its order."""
    return (_share(explanation), _border(explanation), _peak(explanation))


def _share(explanation: Explanation) -> TrustFigure:
    name, title = "positive-share", row_of("positive-share").title
    share = positive_share(explanation.map)
    if share is None:
        return TrustFigure(name, title, None, "The map is zero everywhere: there are no shares.")
    if not find(explanation.method).signed:
        verdict = f"{title_of(explanation.method)} has no negative values, so that all is positive."
    else:
        verdict = (
            f"{percent(share)} of the map's magnitude is {explanation.signs[0]}, "
            f"{percent(1 - share)} is {explanation.signs[1]}."
        )
    bars = Curve("this map", "share", (0.0, 1.0), (share, 1 - share), ("positive", "negative"))
    return TrustFigure(name, title, share, verdict, curves=(bars,), unit="share")


def _border(explanation: Explanation) -> TrustFigure:
    name, title = "border-energy", row_of("border-energy").title
    energy = border_energy(explanation.map)
    if energy is None:
        return TrustFigure(name, title, None, "Nothing in the map is positive.")
    corners = corner_energies(explanation.map)
    verdict = (
        f"{percent(energy)} of the positive values lie in the border, which is "
        f"{percent(BORDER_AREA)} of the area."
    )
    most = int(np.argmax(corners))
    if corners[most] >= _TELLING:
        verdict += (
            f" The {_CORNERS[most]} corner alone has {percent(corners[most])}, on "
            f"{percent(CORNER**2)} of the area: look at what is there, such as a watermark or a "
            "caption."
        )
    bars = Curve(
        "this map",
        "share of positive values",
        tuple(map(float, range(5))),
        (energy, *corners),
        ("border", *_CORNERS),
    )
    return TrustFigure(
        name, title, energy, verdict, random=(BORDER_AREA,), curves=(bars,), unit="share"
    )


def _peak(explanation: Explanation) -> TrustFigure:
    name, title = "peak", row_of("peak").title
    found = peak_of(explanation.map)
    if found.value <= 0:
        verdict = f"Nothing in the map is positive: its largest value is {said(found.value)}."
        return TrustFigure(name, title, found.value, verdict)
    rows, columns = explanation.map.shape
    x, y = explanation.peak
    verdict = (
        f"The peak, {said(found.value)}, is {_where(found, rows, columns)}, at x {x:.0f}, y "
        f"{y:.0f}; {percent(found.above_half)} of the cells are above half of it."
    )
    if found.ties > 1:
        verdict += f" {found.ties} cells share it."
    return TrustFigure(name, title, found.value, verdict, place=(x, y))


def _where(found: Peak, rows: int, columns: int) -> str:
    """In words: 'at the top left', 'in the middle'."""
    down = ("top", "middle", "bottom")[min(2, 3 * found.row // rows)]
    across = ("left", "middle", "right")[min(2, 3 * found.column // columns)]
    if down == across:
        return "in the middle"
    words = [word for word in (down, across) if word != "middle"]
    return f"at the {' '.join(words)}"

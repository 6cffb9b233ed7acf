"""Deletion, insertion and ROAD: what the score does while cells are hidden in the map's order.

Always beside random orders, in the same cells and with the same filling: images with hidden parts
leave what a network was trained on, and much of a drop comes from that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.explain.answers.trials import Reading
from engine.metrics.agreement import cells_on
from engine.metrics.imputing import NOISE, Filler
from engine.metrics.orders import (
    Order,
    area,
    cells_of,
    counts_for,
    gain_over,
    order_of,
    random_orders,
)
from engine.metrics.table import find as row_of
from engine.progress import CancelToken, Report
from engine.records.explanations import Explanation, FloatMap
from engine.records.workbench.trust import (
    Curve,
    Fill,
    TrustFigure,
    TrustSettings,
    measured,
    percent,
    said,
)

ROAD_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
"""Hidden parts of the image at which ROAD compares, as in the authors' code."""

HIDDEN = "hidden part"
"""What x is."""


class Reads(Protocol):
    """What scores inputs: engine.explain.answers.trials.Trials."""

    cancel: CancelToken | None

    @property
    def image(self) -> Tensor:
        """(C, h, w)."""

    def readings(
        self, inputs: Callable[[], Iterator[Tensor]], total: int, report: Report
    ) -> list[Reading]:
        """One for each input, in their order."""


@dataclass(frozen=True, slots=True)
class Path:
    """Readings while cells are hidden in one order. counts: how many are, from 0 to all."""

    counts: tuple[int, ...]
    readings: tuple[Reading, ...]

    @property
    def shares(self) -> tuple[float, ...]:
        return tuple(count / self.counts[-1] for count in self.counts)

    @property
    def scores(self) -> tuple[float, ...]:
        return tuple(one.score for one in self.readings)

    @property
    def probabilities(self) -> tuple[float, ...]:
        """() where there are none."""
        return tuple(one.probability for one in self.readings if one.probability is not None)

    @property
    def backwards(self) -> Path:
        """The same images from all hidden to none: by how many cells are shown."""
        total = self.counts[-1]
        counts = tuple(total - count for count in reversed(self.counts))
        return Path(counts, tuple(reversed(self.readings)))

    @property
    def mean(self) -> float:
        """Of the score over the whole path."""
        return area(self.shares, self.scores)


class Hiding:
    """Hides cells of one image in several orders, and remembers what the random ones gave."""

    def __init__(self, trials: Reads, map: FloatMap, settings: TrustSettings) -> None:
        self._trials, self._settings = trials, settings
        grid = cells_of(map, settings.grid)
        height, width = trials.image.shape[1:]
        self._cells = cells_on(height, width, *grid.shape)
        self.count = grid.size
        self.order = order_of(grid, settings.seed)
        self.orders = random_orders(self.count, settings.orders, settings.seed)
        self.counts = counts_for(self.count, settings.steps)
        self._random: list[Path] = []

    @property
    def random_known(self) -> bool:
        """Whether random takes no pass."""
        return bool(self._random)

    def own(self, report: Report, *, last: bool = False) -> Path:
        """In the map's order; last: its lowest cells first."""
        order = self.order[::-1] if last else self.order
        counts = tuple(self.count - one for one in reversed(self.counts)) if last else self.counts
        return self.paths([order], counts, self._settings.fill, report)[0]

    def random(self, report: Report) -> list[Path]:
        """In the random orders. Each is as random backwards: it serves insertion as well."""
        if not self._random:
            self._random = self.paths(self.orders, self.counts, self._settings.fill, report)
        return self._random

    def paths(
        self,
        orders: Sequence[Order],
        counts: tuple[int, ...],
        fill: Fill,
        report: Report,
        *,
        noise: float = 0.0,
    ) -> list[Path]:
        """One for each order, in one run of batches.

        counts: of hidden cells, rising; none and all are read once for all orders.
        """
        inner = [count for count in counts if 0 < count < self.count]
        ends = [count for count in (0, self.count) if count in counts]
        hidden = [(orders[0], count) for count in ends]
        hidden += [(order, count) for order in orders for count in inner]

        def inputs() -> Iterator[Tensor]:
            image, seed = self._trials.image, self._settings.seed
            filler = Filler(image, fill, self._trials.cancel, noise=noise, seed=seed)
            for order, count in hidden:
                known = torch.from_numpy(known_pixels(order, count, self._cells))
                yield filler(known.to(image.device))

        found = self._trials.readings(inputs, len(hidden), report)
        shared = dict(zip(ends, found, strict=False))
        paths: list[Path] = []
        for number in range(len(orders)):
            begin = len(ends) + number * len(inner)
            own = dict(zip(inner, found[begin : begin + len(inner)], strict=True))
            readings = {**shared, **own}
            paths.append(Path(counts, tuple(readings[count] for count in counts)))
        return paths


def known_pixels(order: Order, hidden: int, cells: NDArray[np.intp]) -> NDArray[np.bool_]:
    """(h, w): the pixels that are left when the first cells of an order are hidden.

    cells: (h, w), the cell of each pixel.
    """
    rank = np.empty(order.size, np.intp)
    rank[order] = np.arange(order.size)
    return np.asarray(rank[cells] >= hidden)


def deletion(hiding: Hiding, explanation: Explanation, report: Report) -> TrustFigure:
    """How much lower the score is on average than in random orders, while the highest cells go."""
    own, random = _both(hiding, report, last=False)
    means = [path.mean for path in random]
    gain = gain_over(own.mean, means, high=False)
    whole = own.scores[0]
    what, name = score_words(explanation)
    verdict = (
        f"Hiding cells in the order of this map lowers the {what} of {name} by "
        f"{said(whole - own.mean)} on average, in random order by "
        f"{measured(whole - float(np.mean(means)), gain.spread)}: {gain.words}."
    )
    verdict += _half_words(own, random)
    curves = _curves(own, random, what)
    title = row_of("deletion").title
    return TrustFigure(
        "deletion", title, gain.value, verdict, gain.spread, tuple(means), curves, what
    )


def insertion(hiding: Hiding, explanation: Explanation, report: Report) -> TrustFigure:
    """How much higher the score is on average than in random orders, as the highest cells come."""
    own, random = _both(hiding, report, last=True)
    own, random = own.backwards, [path.backwards for path in random]
    means = [path.mean for path in random]
    gain = gain_over(own.mean, means, high=True)
    what, name = score_words(explanation)
    verdict = (
        f"Showing cells in the order of this map gives {name} a {what} of {said(own.mean)} on "
        f"average, in random order of {measured(float(np.mean(means)), gain.spread)}: "
        f"{gain.words}."
    )
    curves = _curves(own, random, what)
    title = row_of("insertion").title
    return TrustFigure(
        "insertion", title, gain.value, verdict, gain.spread, tuple(means), curves, what
    )


def road(hiding: Hiding, explanation: Explanation, report: Report) -> TrustFigure:
    """The score with the lowest cells imputed, minus that with the highest ones imputed.

    Rong et al. 2022 (arXiv 2202.00449): noisy linear imputation, mean over ROAD_SHARES.
    """
    counts = tuple(sorted({max(1, round(share * hiding.count)) for share in ROAD_SHARES}))
    orders = [hiding.order, *hiding.orders]
    both = [one for order in orders for one in (order, order[::-1])]
    paths = hiding.paths(both, counts, Fill.LINEAR, report, noise=NOISE)
    gaps = [
        float(np.mean(np.subtract(low.scores, high.scores)))
        for high, low in zip(paths[::2], paths[1::2], strict=True)
    ]
    gain = gain_over(gaps[0], gaps[1:], high=True)
    what, name = score_words(explanation)
    verdict = (
        f"With its least important cells imputed, {name} has a {what} that is {said(gaps[0])} "
        f"higher than with its most important ones imputed; in random orders the gap is "
        f"{measured(float(np.mean(gaps[1:])), gain.spread)}: {gain.words}."
    )
    shares = tuple(count / hiding.count for count in counts)
    curves = [
        Curve(label, what, shares, path.scores)
        for label, path in (("most important first", paths[0]), ("least important first", paths[1]))
    ]
    if paths[0].probabilities:
        curves += [
            Curve(label, "probability", shares, path.probabilities)
            for label, path in (
                ("most important first", paths[0]),
                ("least important first", paths[1]),
            )
        ]
    return TrustFigure(
        "road",
        row_of("road").title,
        gaps[0],
        verdict,
        gain.spread,
        tuple(gaps[1:]),
        tuple(curves),
        what,
    )


def score_words(explanation: Explanation) -> tuple[str, str]:
    """What the score is and what it is of: ('logit', 'star')."""
    number = explanation.number
    what = "entropy" if number.endswith("nats") else number.rpartition(" ")[0]
    return what or "score", explanation.subject or explanation.target.label


def _both(hiding: Hiding, report: Report, *, last: bool) -> tuple[Path, list[Path]]:
    """The map's order and the random ones, each with its part of the progress."""
    if hiding.random_known:
        return hiding.own(report, last=last), hiding.random(report)
    part = 1 / (1 + len(hiding.orders))
    own = hiding.own(lambda done, text: report(done * part, text), last=last)
    random = hiding.random(lambda done, text: report(part + done * (1 - part), text))
    return own, random


def _curves(own: Path, random: Sequence[Path], what: str) -> tuple[Curve, ...]:
    named = [("this map", own)]
    named += [(f"random order {number}", path) for number, path in enumerate(random, 1)]
    found = [Curve(label, what, path.shares, path.scores) for label, path in named]
    if own.probabilities and what != "probability":
        found += [
            Curve(label, "probability", path.shares, path.probabilities) for label, path in named
        ]
    return tuple(found)


def _half_words(own: Path, random: Sequence[Path]) -> str:
    """From when on the probability is below half of what it was; '' if it has none."""
    if not own.probabilities:
        return ""
    fallen, others = _half(own), [_half(path) for path in random]
    usual = float(np.median([1.0 if one is None else one for one in others]))
    if fallen is None:
        return " Its probability never falls to half of what it was."
    return (
        f" Its probability is below half of what it was with {percent(fallen)} of the image "
        f"hidden, in random order with {percent(usual)}."
    )


def _half(path: Path) -> float | None:
    whole = path.probabilities[0]
    for share, probability in zip(path.shares, path.probabilities, strict=True):
        if probability < whole / 2:
            return share
    return None

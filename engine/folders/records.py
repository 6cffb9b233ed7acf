"""Records of a folder's images: inputs, properties, rows, jobs, progress. Plain values only."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from engine.lazy.numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Stamp: TypeAlias = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds, by which a file is taken for unchanged;
(-1, -1) for a file that is not there."""

NO_STAMP: Stamp = (-1, -1)

_LATEST = (1 << 63) - 1
"""Nanoseconds that an index can hold, some time in 2262."""


def stamp_in(found: os.stat_result) -> Stamp:
    """The stamp of a file that was looked at."""
    return found.st_size, max(-_LATEST, min(_LATEST, found.st_mtime_ns))


LARGEST_GRID = 32
"""Most rows and columns of a stored map; larger ones are averaged."""


@dataclass(frozen=True, slots=True)
class Source:
    """One image as it was found.

    path: absolute. name: below the folder or list that named it, for display. label: as given, ''
    for none; of several independent labels, joined by ';'. more: further columns of its table.
    """

    path: str
    name: str
    stamp: Stamp
    label: str = ""
    more: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Properties:
    """Of an image's pixels, without any network.

    width, height: of the original, upright. brightness: mean of the luma, 0 to 1; contrast: its
    standard deviation, 0 to 0.5. blur: variance of the Laplacian of the luma (0 to 255): low is
    blurred. grey: whether there is no colour. All but the size are measured on the image reduced
    to at most MEASURED pixels a side, so that large and small images compare.
    """

    width: int
    height: int
    brightness: float
    contrast: float
    blur: float
    grey: bool


MEASURED = 256


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the positive part of a map, whose sum is its energy.

    border: share of the energy within an eighth of the side length of an edge; corners: within the
    four squares of a quarter of the side length in the corners. spread: the share of the grid that
    would hold the energy evenly, (sum m)^2 / (n sum m^2), from 1/n for one cell to 1.
    """

    border: float
    corners: float
    spread: float


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """What a job found for one image. Numbers that make no sense for a network are None.

    content: checksum of the file. label: index of its class, None without one; of independent
    labels, labels has all. prediction: index of the class with the highest logit. probability: its
    own. correct: whether the prediction is the label. target: the class that is explained, value:
    its logit. margin: probability of the first class minus that of the second; entropy: of the
    probabilities, in nats; loss: cross entropy with the label. positives: the independent labels
    with a probability of at least 0.5. error: why there is no map, '' if there is one. verdict: as
    in Explanation. map: float32 (rows, columns), signed, at most LARGEST_GRID a side.
    region: (x, y, width, height) of the map on the original, as shares of its size.
    """

    content: str
    label: int | None = None
    labels: tuple[int, ...] = ()
    prediction: int | None = None
    probability: float | None = None
    correct: bool | None = None
    target: int | None = None
    value: float | None = None
    margin: float | None = None
    entropy: float | None = None
    loss: float | None = None
    positives: tuple[int, ...] = ()
    figures: Figures | None = None
    verdict: str = ""
    error: str = ""
    map: NDArray[np.float32] | None = None
    region: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Picture:
    """What reading told about one file: its checksum, stamp and properties, or why it cannot be
    read."""

    content: str
    stamp: Stamp
    properties: Properties | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """An input that a job has to look at: its number in the index, what was found, and the index
    of its label among the network's classes (or several)."""

    number: int
    path: str
    label: int | None
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """What is computed for every image: facts, by which two jobs are told apart, and names.

    key: checksum of facts. classes: of the network, by index. facts: plain values, with the model,
    its weights, layer, method, options, question, class policy, preprocessing and formulas.
    """

    key: str
    model: str
    layer: str
    method: str
    policy: str
    scores: str
    classes: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. done: inputs with a row, of total. computed: by this run. reused: of these,
    rows taken from equal files. unreadable: of done. rate: images per second of this run, 0 before
    the first. left: seconds until the end, None if unknown. name: of the latest image."""

    done: int
    total: int
    computed: int = 0
    reused: int = 0
    unreadable: int = 0
    rate: float = 0.0
    left: float | None = None
    name: str = ""

    @property
    def words(self) -> str:
        """'120 of 2,000 images, 24.1 a second, 1 min left'."""
        text = f"{self.done:,} of {self.total:,} images"
        if self.rate:
            text += f", {self.rate:.1f} a second"
        if self.left is not None and self.rate:
            text += f", {_span(self.left)} left"
        return text


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"

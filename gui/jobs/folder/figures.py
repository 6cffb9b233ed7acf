"""Figures of many rows: what charts of the folder page show. Read on a lane of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.folders.index.queries import Index
from engine.folders.index.where import ALL, Selection, Where
from engine.lazy.numpy import np
from engine.progress import CancelToken

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.folders.clusters.finding import Cluster
    from engine.folders.clusters.hiding import Hidden
    from engine.folders.records import Job
    from engine.model import Model
    from gui.jobs.lanes import Watch

BINS, RELIABILITY_BINS = 40, 10
_LABELS = "LABELS"


@dataclass(frozen=True, slots=True, eq=False)
class ClassFigures:
    """Of one class: images with its label, right ones of these, images predicted as it. Of
    independent labels: right with it, missed, wrongly given."""

    number: int
    images: int
    right: int
    predicted: int


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """Images that two jobs predict differently, of one class of the labels ('' without). first,
    other: of these, right for one of them only. numbers: int64 (n,)."""

    label: str
    numbers: NDArray[np.int64]
    first: int
    other: int


class _Stoppable(Index):
    """An index whose long readings end when they are cancelled."""

    token = CancelToken()

    def stacks(
        self, job: int, selection: Selection = ALL
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        for pair in super().stacks(job, selection):
            self.token.raise_if_cancelled()
            yield pair


class FigureReader:
    """Reads figures; on one lane only."""

    def __init__(self) -> None:
        self._index: _Stoppable | None = None

    def index(self, folder: Path, watch: Watch) -> Index:
        """The index in a folder, with readings that end when the watch is cancelled."""
        if self._index is None or self._index.folder != folder.absolute():
            self.close()
            self._index = _Stoppable(folder)
        self._index.token = watch.cancel
        return self._index

    def close(self, _watch: Watch | None = None) -> None:
        """Release the index; safe to call twice."""
        if self._index is not None:
            self._index.close()
            self._index = None


def classes_of(index: Index, job: int, about: Job, selection: Selection) -> list[ClassFigures]:
    """Figures of each class that occurs."""
    if about.scores == _LABELS:
        return [
            ClassFigures(number, right + missed, right, right + given)
            for number, (right, missed, given, _) in index.label_counts(job, selection).items()
            if right + missed + given
        ]
    images: dict[int, int] = {}
    right: dict[int, int] = {}
    for (true, said), count in index.confusion(job, selection).items():
        images[true] = images.get(true, 0) + count
        if true == said:
            right[true] = count
    predicted = {
        int(number): count
        for number, count in index.distinct(job, "prediction", selection)
        if number is not None
    }
    return [
        ClassFigures(number, images.get(number, 0), right.get(number, 0), predicted.get(number, 0))
        for number in sorted({*images, *predicted})
    ]


def pairs_of(
    index: Index, job: int, across: str, up: str, selection: Selection
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Inputs with both of two columns, int64 (n,), and their values, float64 (n, 2)."""
    one, first = index.column(job, across, selection)
    two, second = index.column(job, up, selection)
    numbers, at, there = np.intersect1d(one, two, assume_unique=True, return_indices=True)
    return numbers, np.stack([first[at], second[there]], axis=1)


def mostly_in(
    index: Index, job: int, box: tuple[float, float, float, float], selection: Selection
) -> NDArray[np.int64]:
    """Inputs with at least half of their map's energy in a box, int64 (n,)."""
    numbers, shares = index.box_energy(job, box, selection)
    found: NDArray[np.int64] = numbers[shares >= 0.5]
    return found


def differences(
    index: Index, first: tuple[int, Job], other: tuple[int, Job], selection: Selection
) -> tuple[int, list[Difference]]:
    """How many images two jobs have in common, and where their predictions differ, by label.

    Predictions are the same if the classes have the same name.
    """
    known = [_predicted(index, number, about, selection) for number, about in (first, other)]
    common = sorted(known[0].keys() & known[1].keys())
    right = [
        {
            int(number)
            for number, value in zip(*index.column(job, "correct", selection), strict=True)
            if value
        }
        for job, _ in (first, other)
    ]
    labels = _labels(index, first, selection)
    groups: dict[str, list[int]] = {}
    for number in common:
        if known[0][number] != known[1][number]:
            groups.setdefault(labels.get(number, ""), []).append(number)
    found = [
        Difference(
            label,
            np.array(numbers, np.int64),
            sum(n in right[0] and n not in right[1] for n in numbers),
            sum(n in right[1] and n not in right[0] for n in numbers),
        )
        for label, numbers in groups.items()
    ]
    return len(common), sorted(found, key=lambda one: -len(one.numbers))


def _predicted(index: Index, job: int, about: Job, selection: Selection) -> dict[int, str]:
    numbers, values = index.column(job, "prediction", selection)
    return {
        int(number): about.classes[int(value)]
        for number, value in zip(numbers, values, strict=True)
    }


def _labels(index: Index, job: tuple[int, Job], selection: Selection) -> dict[int, str]:
    numbers, values = index.column(job[0], "class_label", selection)
    return {
        int(number): job[1].classes[int(value)]
        for number, value in zip(numbers, values, strict=True)
    }


def clusters_of(index: Index, job: int, target: int, watch: Watch) -> tuple[list[Cluster], int]:
    """The clusters of a predicted class, and how many images are of it, or more by now."""
    from engine.folders.clusters.finding import clusters_of as found

    whole = index.count(job, Selection((Where("prediction", among=(target,)),)))
    return found(index, job, target, cancel=watch.cancel), whole


def hide_piece(folder: Path, job: int, model: Model, piece: Cluster, watch: Watch) -> Hidden:
    """Hide the region of a cluster in some of its images; on the engine lane."""
    from engine.folders.clusters.hiding import hide

    with Index(folder) as index:
        return hide(index, job, model, piece, cancel=watch.cancel, progress=watch.report)

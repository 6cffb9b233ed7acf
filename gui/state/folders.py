"""What the folder page shows: the open index, its filters and order, and a run's progress."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from engine.folders.index.where import Selection, Where

if TYPE_CHECKING:
    from engine.folders.index.queries import Counts, Numbers
    from engine.folders.records import Job


class RunState(StrEnum):
    """What is going on with a folder."""

    IDLE = "idle"
    FINDING = "finding"
    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition, as it was typed or as it is said. lasting: it can be typed again, and is kept
    for the next time."""

    text: str
    where: tuple[Where, ...] = ()
    numbers: tuple[int, ...] | None = None

    @property
    def lasting(self) -> bool:
        return self.numbers is None


@dataclass(frozen=True, slots=True)
class FolderView:
    """Which rows are listed, in which order. order: name of a column. down: the largest first."""

    order: str = "place"
    down: bool = False
    filters: tuple[Filter, ...] = ()

    @property
    def selection(self) -> Selection:
        """The rows that meet all filters."""
        where = tuple(one for own in self.filters for one in own.where)
        given = [own.numbers for own in self.filters if own.numbers is not None]
        if len(given) < 2:
            # The very same numbers: there may be a hundred thousand, and this is asked often.
            return Selection(where, given[0] if given else None)
        return Selection(where, tuple(sorted(set(given[0]).intersection(*given[1:]))))

    def with_filter(self, added: Filter) -> FolderView:
        """The same view with one filter more."""
        others = tuple(own for own in self.filters if own.text != added.text)
        return replace(self, filters=(*others, added))

    def without(self, text: str) -> FolderView:
        """The same view without the filter of this text."""
        return replace(self, filters=tuple(own for own in self.filters if own.text != text))


@dataclass(frozen=True, slots=True, eq=False)
class OpenedIndex:
    """An index with its jobs, the one used last first, and how many images have each label."""

    folder: Path
    jobs: tuple[tuple[int, Job], ...]
    labels: dict[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """The rows of a view: their numbers in order, int64 (n,). counts: of these; whole: of all.
    identity: of the index, '' for an old one that was not written since."""

    view: FolderView
    numbers: Numbers
    counts: Counts
    whole: Counts
    identity: str

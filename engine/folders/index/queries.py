"""The reader of an index: rows by filter and order, counts, confusion, histograms, mean maps.

Any number of readers work while a run writes. No torch.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from engine.errors import HookscopeError
from engine.files import presence, regular
from engine.folders.index import bulk, checks, maps, schema
from engine.folders.index.shown import ROW_COLUMNS, Counts, Shown, shown_of
from engine.folders.index.where import ALL, COLUMNS, ERROR, JOINED, Selection, condition
from engine.folders.records import Job
from engine.lazy.numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Counts", "Index", "Numbers", "Shown"]

_MAPS_AT_ONCE = 500

Numbers: TypeAlias = "NDArray[np.int64]"


class Index:
    """Reads the index in a folder, or the index that is named. Not thread-safe; one for each
    thread.

    Raises HookscopeError if there is none, or one of another version.
    """

    def __init__(self, folder: Path) -> None:
        named = folder.name == schema.FILE and presence.is_file(folder)
        self.folder = (folder.parent if named else folder).absolute()
        self.file = self.folder / schema.FILE
        try:
            self.file.lstat()
        except (FileNotFoundError, NotADirectoryError):
            raise HookscopeError(
                f"{folder}: no index here; make one with the command batch"
            ) from None
        except (OSError, ValueError) as error:
            raise HookscopeError(f"{folder}: {regular.reason(error)}") from error
        self._connection = schema.connect(self.file, writing=False)
        try:
            if not schema.check(self._connection, self.file):
                raise HookscopeError(f"{self.file}: the index is empty; make it with batch")
            with self._reading():
                self._connection.execute("CREATE TEMP TABLE chosen (number INTEGER PRIMARY KEY)")
        except BaseException:
            self._connection.close()
            raise
        self._chosen: tuple[int, ...] | None = None

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with schema.telling(self.file):
            yield self._connection

    # --- jobs -------------------------------------------------------------------------------

    def jobs(self) -> list[tuple[int, Job]]:
        """The jobs with their numbers, the one used last first."""
        with self._reading() as connection:
            found = connection.execute("SELECT * FROM jobs ORDER BY used DESC, id DESC").fetchall()
        return [(row["id"], checks.job_of(row, self.file)) for row in found]

    def job(self, number: int | None = None) -> tuple[int, Job]:
        """One job, by default the one used last. Raises HookscopeError if there is none."""
        for one in self.jobs():
            if number in (None, one[0]):
                return one
        raise HookscopeError(f"{self.file}: nothing was computed yet; continue with batch")

    def check(self, job: int) -> None:
        """Raises HookscopeError if what is known of the inputs and of a job cannot be: the index is
        damaged, or was changed by another program. Takes about 1 s for a million rows."""
        (_, about) = self.job(job)
        with self._reading() as connection:
            checks.check_rows(connection, job, about, self.file)

    @property
    def identity(self) -> str:
        """What this index is told from all others by; '' for an old one that was not written
        since."""
        with self._reading() as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = 'identity'").fetchone()
        return str(row["value"]) if row is not None else ""

    def data_version(self) -> int:
        """Another number after every change by a writer; cheap enough to ask often."""
        with self._reading() as connection:
            return int(connection.execute("PRAGMA data_version").fetchone()[0])

    # --- rows -------------------------------------------------------------------------------

    def _where(self, job: int, selection: Selection) -> tuple[str, dict[str, object]]:
        if selection.numbers is not None and selection.numbers is not self._chosen:
            with self._reading() as connection:
                bulk.choose(connection, selection.numbers)
            self._chosen = selection.numbers
        sql, values = condition(selection, selection.numbers is not None)
        return f"{JOINED}{sql}", {"job": job, **values}

    def _all(self, job: int, selection: Selection, what: str, end: str = "") -> list[sqlite3.Row]:
        sql, values = self._where(job, selection)
        with self._reading() as connection:
            return connection.execute(f"SELECT {what} {sql} {end}", values).fetchall()

    def _arrays(
        self, job: int, selection: Selection, columns: Sequence[str], end: str = ""
    ) -> list[NDArray[np.float64]]:
        sql, values = self._where(job, selection)
        with self._reading() as connection:
            return bulk.arrays(connection, columns, f"{sql} {end}", values)

    def count(self, job: int, selection: Selection = ALL) -> int:
        return int(self._all(job, selection, "count(*)")[0][0])

    def numbers(
        self, job: int, selection: Selection = ALL, order: str = "place", *, down: bool = False
    ) -> Numbers:
        """The numbers of the inputs, int64 (n,), in the order of a column; without a value last,
        equal ones in their order. Raises KeyError for an unknown column."""
        column = COLUMNS[order].sql
        way = "DESC" if down else "ASC"
        end = f"ORDER BY {column} IS NULL, {column} {way}, i.place"
        return self._arrays(job, selection, ["i.id"], end)[0].astype(np.int64)

    def rows(self, job: int, numbers: Sequence[int] | Numbers) -> list[Shown]:
        """The rows of these inputs, in the order asked; for a page of the numbers."""
        wanted = [int(number) for number in numbers]
        found: dict[int, Shown] = {}
        for start in range(0, len(wanted), 500):
            piece = wanted[start : start + 500]
            marks = ", ".join("?" * len(piece))
            with self._reading() as connection:
                rows = connection.execute(
                    f"SELECT i.*, i.error AS unread, {ERROR} AS reason, r.job, "
                    f"m.rows AS map_rows {ROW_COLUMNS} FROM inputs i "
                    "LEFT JOIN rows r ON r.job = ? AND r.input = i.id AND r.content IS i.content "
                    "LEFT JOIN maps m ON m.job = r.job AND m.input = r.input "
                    f"WHERE i.id IN ({marks})",
                    (job, *piece),
                ).fetchall()
            found.update((row["id"], shown_of(row)) for row in rows)
        return [found[number] for number in wanted if number in found]

    def each(
        self, job: int, selection: Selection = ALL, order: str = "place", *, down: bool = False
    ) -> Iterator[Shown]:
        """The same of all rows of a selection, some hundreds in memory at a time."""
        numbers = self.numbers(job, selection, order, down=down)
        for start in range(0, len(numbers), 500):
            yield from self.rows(job, numbers[start : start + 500])

    # --- figures of a selection -------------------------------------------------------------

    def column(
        self, job: int, name: str, selection: Selection = ALL
    ) -> tuple[Numbers, NDArray[np.float64]]:
        """Inputs and their values in a column of numbers, classes or flags: int64 (n,) and float64
        (n,), of those with a value. Raises KeyError."""
        sql = COLUMNS[name].sql
        found = self._arrays(job, selection, ["i.id", sql], f"AND {sql} IS NOT NULL")
        return found[0].astype(np.int64), found[1]

    def histogram(
        self,
        job: int,
        name: str,
        bins: int = 40,
        selection: Selection = ALL,
        ends: tuple[float, float] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Counts, int64 (bins,), and edges, float64 (bins + 1,), of a column.

        ends: of the range, by default those of the selection's values; 0 and 1 if there are none.
        """
        _, values = self.column(job, name, selection)
        values = values[np.isfinite(values)]
        if ends is None:
            ends = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        counts, edges = np.histogram(values, bins, ends)
        return counts.astype(np.int64), edges.astype(np.float64)

    def further(self) -> list[str]:
        """The names of further columns of the input's table, in its order."""
        with self._reading() as connection:
            found = connection.execute(
                "SELECT e.key FROM inputs i, json_each(i.more) e "
                "WHERE i.place IS NOT NULL AND i.more <> '' "
                "GROUP BY e.key ORDER BY min(i.place), min(e.id)"
            )
            return [name for (name,) in found]

    def distinct(self, job: int, name: str, selection: Selection = ALL) -> list[tuple[Any, int]]:
        """The values of a column with their counts, the most frequent first."""
        sql = COLUMNS[name].sql
        found = self._all(job, selection, f"{sql}, count(*)", "GROUP BY 1 ORDER BY 2 DESC, 1")
        return [(row[0], int(row[1])) for row in found]

    def counts(self, job: int, selection: Selection = ALL) -> Counts:
        row = self._all(
            job,
            selection,
            "count(*), coalesce(sum(i.error <> '' OR r.input IS NOT NULL), 0), "
            "coalesce(sum(i.error <> ''), 0), coalesce(sum(i.error = '' AND r.error <> ''), 0), "
            "count(r.correct), coalesce(sum(r.correct), 0)",
        )[0]
        return Counts(*map(int, row))

    def confusion(self, job: int, selection: Selection = ALL) -> dict[tuple[int, int], int]:
        """How many images of a class (by its label) were predicted as which: {(label, prediction):
        count}, without empty cells. Of independent labels there is none."""
        found = self._all(
            job,
            selection,
            "r.label, r.prediction, count(*)",
            "AND r.label IS NOT NULL AND r.prediction IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2",
        )
        return {(int(row[0]), int(row[1])): int(row[2]) for row in found}

    def label_counts(self, job: int, selection: Selection = ALL) -> dict[int, list[int]]:
        """Of independent labels, for each class: right with it, missed, wrongly given, right
        without it, over the images that have labels (an empty label is none)."""
        (_, about) = self.job(job)
        found = self._all(job, selection, "r.labels, r.positives", "AND r.correct IS NOT NULL")
        table = np.zeros((len(about.classes), 4), np.int64)
        table[:, 3] = len(found)
        for labels, positives in found:
            own, said = set(map(int, labels.split())), set(map(int, positives.split()))
            for one, place in ((own & said, 0), (own - said, 1), (said - own, 2)):
                table[list(one), place] += 1
                table[list(one), 3] -= 1
        return {number: list(map(int, row)) for number, row in enumerate(table)}

    def reliability(
        self, job: int, bins: int = 10, selection: Selection = ALL
    ) -> tuple[Numbers, NDArray[np.float64], NDArray[np.float64]]:
        """Images, mean probability and accuracy in equal bins of the probability: (bins,) each,
        NaN where a bin is empty."""
        given = "AND r.correct IS NOT NULL AND r.probability IS NOT NULL"
        chances, correct = self._arrays(job, selection, ["r.probability", "r.correct"], given)
        own = np.minimum((chances * bins).astype(np.int64), bins - 1)
        counts = np.bincount(own, minlength=bins)
        with np.errstate(invalid="ignore"):
            means = np.bincount(own, chances, bins) / counts
            right = np.bincount(own, correct, bins) / counts
        return counts.astype(np.int64), means, right

    # --- maps -------------------------------------------------------------------------------

    def grids(self, job: int, selection: Selection = ALL) -> list[tuple[tuple[int, int], int]]:
        """The grids of the maps of a selection, (rows, columns), with how many have each, the most
        frequent first."""
        sql, values = self._where(job, selection)
        with self._reading() as connection:
            found = connection.execute(
                "SELECT m.rows, m.columns, count(*) FROM maps m WHERE m.job = :job AND m.input IN "
                f"(SELECT i.id {sql}) GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
                values,
            ).fetchall()
        return [((int(row[0]), int(row[1])), int(row[2])) for row in found]

    def stacks(
        self, job: int, selection: Selection = ALL
    ) -> Iterator[tuple[Numbers, NDArray[np.float32]]]:
        """The stored maps of a selection, in order and some hundreds at a time: inputs, int64 (n,),
        and maps of one grid, float32 (n, rows, columns)."""
        numbers = self.numbers(job, selection)
        for start in range(0, len(numbers), _MAPS_AT_ONCE):
            piece = numbers[start : start + _MAPS_AT_ONCE].tolist()
            with self._reading() as connection:
                yield from bulk.maps(connection, job, piece)

    def mean_map(
        self, job: int, selection: Selection = ALL
    ) -> tuple[NDArray[np.float32], int] | None:
        """The mean of the positive parts of the maps, each with the sum 1, and of how many it is;
        None if there is none. Of maps of several grids, the most frequent one counts."""
        return maps.mean(self.stacks(job, selection))

    def box_energy(
        self, job: int, box: tuple[float, float, float, float], selection: Selection = ALL
    ) -> tuple[Numbers, NDArray[np.float64]]:
        """Share of each map's energy in a box (left, top, right, bottom, as shares of the map), of
        the inputs whose map has any."""
        return maps.in_box(self.stacks(job, selection), box)

    def speed(self, job: int) -> tuple[int, float]:
        """Images that runs of a job computed, and the seconds that this took."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT coalesce(sum(computed), 0), coalesce(sum(seconds), 0) FROM runs "
                "WHERE job = ?",
                (job,),
            ).fetchone()
        return int(row[0]), float(row[1])

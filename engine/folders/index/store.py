"""The writer of an index: what was found, what was computed, one transaction for each shard."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from engine.folders.index.locked import LockedIndex
from engine.folders.index.schema import as_bytes
from engine.folders.records import Job, Pending, Picture, Row, Source
from engine.progress import CancelToken

_SCANNED_AT_ONCE = 2_000
_PENDING_AT_ONCE = 4_096
_CONTENTS_AT_ONCE = 500

_LISTED = """
CREATE TEMP TABLE listed (
    path TEXT PRIMARY KEY, name TEXT, place INTEGER, size INTEGER, changed INTEGER, label TEXT,
    more TEXT
)
"""

_LIST = """
INSERT OR IGNORE INTO temp.listed
VALUES (CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, ?, CAST(? AS TEXT), CAST(? AS TEXT))
"""

_FOUND = """
INSERT INTO inputs (path, name, place, size, changed, label, more)
SELECT path, name, place, size, changed, label, more FROM temp.listed WHERE true ORDER BY place
ON CONFLICT (path) DO UPDATE SET name = excluded.name, place = excluded.place,
    size = excluded.size, changed = excluded.changed, label = excluded.label, more = excluded.more
    WHERE (name, place, size, changed, label, more) IS NOT (excluded.name, excluded.place,
        excluded.size, excluded.changed, excluded.label, excluded.more)
"""

_NOT_NAMED = """
UPDATE inputs SET place = NULL
WHERE place IS NOT NULL AND path NOT IN (SELECT path FROM temp.listed)
"""

# A row is current if the file has not changed since it was read, and its label is the one wanted.
_CURRENT = """
i.read_size IS i.size AND i.read_changed IS i.changed AND (i.error <> '' OR (
    r.content IS i.content AND r.label IS w.number AND r.labels IS coalesce(w.numbers, '')))
"""

_JOINED = """
FROM inputs i
LEFT JOIN temp.wanted w ON w.label = i.label
LEFT JOIN rows r ON r.job = :job AND r.input = i.id
WHERE i.place IS NOT NULL
"""

_ROW = """
INSERT OR REPLACE INTO rows (job, input, content, label, labels, prediction, probability, correct,
    target, value, margin, entropy, loss, positives, border, corners, spread, verdict, error)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT))
"""

_PICTURE = """
UPDATE inputs SET read_size = ?, read_changed = ?, content = ?, width = ?, height = ?,
    brightness = ?, contrast = ?, blur = ?, grey = ?, error = CAST(? AS TEXT) WHERE id = ?
"""


class IndexWriter(LockedIndex):
    """Writes the index of a folder; there is one at a time. Use it in a with statement.

    Arguments and errors are those of LockedIndex.
    """

    def _settle(self) -> None:
        super()._settle()
        self._connection.execute(
            "CREATE TEMP TABLE wanted (label TEXT PRIMARY KEY, number INTEGER, numbers TEXT)"
        )
        self._connection.execute(_LISTED)

    # --- what was found ---------------------------------------------------------------------

    def found(self, sources: Iterable[Source], cancel: CancelToken | None = None) -> int:
        """Replace the list of inputs, in their order; their number. What is known of an input that
        is no longer named is kept for later.

        The earlier list stays until the new one is complete, and if nothing was found. Raises
        Cancelled, and what sources raise.
        """
        with self._reading() as connection:
            connection.execute("DELETE FROM temp.listed")
        count, rest = 0, iter(sources)
        while piece := list(islice(rest, _SCANNED_AT_ONCE)):
            if cancel is not None:
                cancel.raise_if_cancelled()
            # Of the temporary table alone, so that the index is not locked.
            with self._transaction("DEFERRED") as connection:
                connection.executemany(
                    _LIST,
                    (
                        (
                            as_bytes(source.path),
                            as_bytes(source.name),
                            count + place,
                            *source.stamp,
                            as_bytes(source.label),
                            as_bytes(json.dumps(dict(source.more)) if source.more else ""),
                        )
                        for place, source in enumerate(piece)
                    ),
                )
            count += len(piece)
        if count:
            with self._transaction() as connection:
                connection.execute(_NOT_NAMED)
                connection.execute(_FOUND)
        return count

    def labels(self) -> dict[str, int]:
        """The labels of the inputs, and how many have each."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT label, count(*) FROM inputs WHERE place IS NOT NULL AND label <> '' "
                "GROUP BY label ORDER BY min(place)"
            )
            return {str(label): int(count) for label, count in rows}

    # --- what is to be computed -------------------------------------------------------------

    def want(self, job: Job, labels: Mapping[str, Sequence[int]]) -> int:
        """The number of a job, which is current from now on.

        labels: for each label the index of its class, of independent labels possibly several.
        """
        single = job.scores != "LABELS"
        with self._transaction() as connection:
            facts = (
                *(job.model, job.layer, job.method, job.policy, job.scores),
                *(json.dumps(job.classes), json.dumps(job.facts), time.time()),
            )
            connection.execute(
                "INSERT INTO jobs (key, model, layer, method, policy, scores, classes, facts, used)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
                "used = excluded.used, facts = excluded.facts",
                (job.key, *facts),
            )
            connection.execute("DELETE FROM temp.wanted")
            connection.executemany(
                "INSERT INTO temp.wanted VALUES (CAST(? AS TEXT), ?, ?)",
                (
                    (as_bytes(label), own[0] if own and single else None, _joined(own, single))
                    for label, own in labels.items()
                ),
            )
            (number,) = connection.execute(
                "SELECT id FROM jobs WHERE key = ?", (job.key,)
            ).fetchone()
        return int(number)

    def counts(self, job: int) -> tuple[int, int, int]:
        """Inputs in all, those with a current row, and of these the unreadable ones."""
        with self._reading() as connection:
            row = connection.execute(
                f"SELECT count(*), coalesce(sum({_CURRENT}), 0), "
                f"coalesce(sum(({_CURRENT}) AND i.error <> ''), 0) {_JOINED}",
                {"job": job},
            ).fetchone()
        return int(row[0]), int(row[1]), int(row[2])

    def pending(self, job: int) -> Iterator[Pending]:
        """The inputs without a current row, in their order; rows may be written meanwhile."""
        place = -1
        while True:
            with self._reading() as connection:
                found = connection.execute(
                    f"SELECT i.id, i.path, i.place, w.number, coalesce(w.numbers, '') AS numbers "
                    f"{_JOINED} AND i.place > :place AND ({_CURRENT}) IS NOT 1 "
                    "ORDER BY i.place LIMIT :most",
                    {"job": job, "place": place, "most": _PENDING_AT_ONCE},
                ).fetchall()
            if not found:
                return
            for row in found:
                yield Pending(row["id"], row["path"], row["number"], _split(row["numbers"]))
            place = found[-1]["place"]

    def same(self, job: int, contents: Sequence[str]) -> dict[str, list[int]]:
        """Inputs with a row for files of the same content, by content."""
        found: dict[str, list[int]] = {}
        for start in range(0, len(contents), _CONTENTS_AT_ONCE):
            piece = contents[start : start + _CONTENTS_AT_ONCE]
            marks = ", ".join("?" * len(piece))
            with self._reading() as connection:
                for row in connection.execute(
                    f"SELECT content, input FROM rows WHERE job = ? AND content IN ({marks})",
                    (job, *piece),
                ):
                    found.setdefault(row["content"], []).append(row["input"])
        return found

    def read_row(self, job: int, number: int) -> Row:
        """The row of an input, with its map."""
        from engine.folders.index.rows import row_of

        with self._reading() as connection:
            row = connection.execute(
                "SELECT r.*, m.rows AS map_rows, m.columns, m.x, m.y, m.width, m.height, "
                'm."values" FROM rows r LEFT JOIN maps m ON m.job = r.job AND m.input = r.input '
                "WHERE r.job = ? AND r.input = ?",
                (job, number),
            ).fetchone()
        return row_of(row)

    # --- what was computed ------------------------------------------------------------------

    def write(
        self,
        job: int,
        shard: Sequence[tuple[int, Picture, Row | None]],
        *,
        run: int | None = None,
        seconds: float = 0.0,
    ) -> None:
        """Write a shard in one transaction: for each input its number, what reading told, and its
        row unless it cannot be read. Writing it again changes nothing.

        run: adds its images and seconds to that of begin_run.
        """
        from engine.folders.index.rows import values_of

        with self._transaction() as connection:
            connection.executemany(_PICTURE, (_picture(*one[:2]) for one in shard))
            rows = [(number, row) for number, _, row in shard if row is not None]
            connection.executemany(_ROW, ((job, number, *values_of(row)) for number, row in rows))
            connection.executemany(
                "DELETE FROM maps WHERE job = ? AND input = ?",
                ((job, number) for number, _, row in shard if row is None or row.map is None),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO maps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (job, number, *row.map.shape, *row.region, row.map.astype("<f4").tobytes())
                    for number, row in rows
                    if row.map is not None
                ),
            )
            if run is not None:
                connection.execute(
                    "UPDATE runs SET seconds = seconds + ?, computed = computed + ? WHERE id = ?",
                    (seconds, len(shard), run),
                )

    def begin_run(self, job: int) -> int:
        """The number of a new run of a job, of which write keeps the time."""
        with self._transaction() as connection:
            made = connection.execute(
                "INSERT INTO runs (job, started) VALUES (?, ?)", (job, time.time())
            )
        assert made.lastrowid is not None
        return made.lastrowid

    def tag(self, numbers: Sequence[int], tags: str) -> None:
        """Set the tags of inputs: words with a space between them."""
        with self._transaction() as connection:
            connection.executemany(
                "UPDATE inputs SET tags = CAST(? AS TEXT) WHERE id = ?",
                ((as_bytes(tags), number) for number in numbers),
            )


def _picture(number: int, picture: Picture) -> tuple[object, ...]:
    own = picture.properties
    facts = (
        (None,) * 6
        if own is None
        else (own.width, own.height, own.brightness, own.contrast, own.blur, int(own.grey))
    )
    return (*picture.stamp, picture.content, *facts, as_bytes(picture.error), number)


def _joined(numbers: Sequence[int], single: bool) -> str:
    return "" if single else " ".join(map(str, sorted(numbers)))


def _split(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))

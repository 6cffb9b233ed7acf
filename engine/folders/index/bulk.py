"""Columns and maps of many rows as arrays, without a turn of Python for each row.

sqlite3 gives and takes the interpreter's lock for every row that it hands over. With a hundred
thousand of them on one thread, all others, that of the window first, lose the race for the lock
thousands of times. So SQLite joins the values to one text, in one step and without the lock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.lazy.numpy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LETTERS = 50_000
"""Of a text that is parsed at once: the lock is held for about a millisecond."""

_AT_ONCE = 10_000


def arrays(
    connection: sqlite3.Connection,
    columns: Sequence[str],
    rows: str,
    values: Mapping[str, object],
) -> list[NDArray[np.float64]]:
    """Columns of numbers, float64 (n,) each, to a relative 1e-15. columns: as SQL, none of them
    NULL in these rows. rows: FROM and what follows; an order is kept."""
    named = ", ".join(f"{sql} AS c{place}" for place, sql in enumerate(columns))
    # quote() writes as many digits as it takes to read the same number back.
    joined = ", ".join(f"group_concat(quote(c{place}))" for place in range(len(columns)))
    # The order of a subquery is kept: SQLite does not flatten one with an order into an aggregate.
    found = connection.execute(f"SELECT {joined} FROM (SELECT {named} {rows})", values).fetchone()
    return [_parsed(text) for text in found]


def _parsed(text: str | None) -> NDArray[np.float64]:
    if text is None:
        return np.zeros(0)
    parts, start = [], 0
    while start < len(text):
        end = text.find(",", start + _LETTERS)
        end = len(text) if end < 0 else end
        parts.append(np.fromstring(text[start:end], np.float64, sep=","))
        start = end + 1
    return np.concatenate(parts)


def maps(
    connection: sqlite3.Connection, job: int, inputs: Sequence[int]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """The stored maps of some inputs, in their order: for each run of equal grids the inputs, int64
    (n,), and the maps, float32 (n, rows, columns)."""
    place = {number: place for place, number in enumerate(inputs)}
    marks = ", ".join("?" * len(inputs))
    numbers, rows, columns, text = connection.execute(
        "SELECT group_concat(input), group_concat(rows), group_concat(columns), "
        "group_concat(hex(\"values\"), '') FROM maps "
        f"WHERE job = ? AND input IN ({marks})",
        (job, *inputs),
    ).fetchone()
    if numbers is None:
        return
    own, down, across = (np.fromstring(one, np.int64, sep=",") for one in (numbers, rows, columns))
    values = np.frombuffer(bytes.fromhex(text), "<f4")
    starts = np.concatenate([[0], np.cumsum(down * across)])
    order = np.argsort([place[number] for number in own.tolist()], kind="stable")
    grids = np.stack([down, across], axis=1)[order]
    turns = np.flatnonzero((grids[1:] != grids[:-1]).any(axis=1)) + 1
    for run in np.split(order, turns):
        grid = int(down[run[0]]), int(across[run[0]])
        cells = starts[run][:, None] + np.arange(grid[0] * grid[1])
        yield own[run], values[cells].reshape(len(run), *grid)


def choose(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Fill the table temp.chosen with these numbers."""
    connection.execute("DELETE FROM temp.chosen")
    for start in range(0, len(numbers), _AT_ONCE):
        piece: list[Any] = list(numbers[start : start + _AT_ONCE])
        connection.execute(
            "INSERT OR IGNORE INTO temp.chosen SELECT value FROM json_each(?)",
            (f"[{','.join(map(str, piece))}]",),
        )

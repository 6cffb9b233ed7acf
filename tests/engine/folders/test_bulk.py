"""Columns and maps of many rows at once: equal to what is read row by row."""

from __future__ import annotations

import sqlite3

import numpy as np

from engine.folders.index import bulk


def table(values: list[float]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (number INTEGER PRIMARY KEY, value REAL)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", enumerate(values))
    return connection


def test_numbers_are_those_of_the_rows_in_order() -> None:
    rng = np.random.default_rng(0)
    # More than are parsed at once, of all magnitudes.
    many = rng.normal(size=9_000) * 10.0 ** rng.integers(-300, 300, 9_000)
    values = [0.0, -1.0, 0.1, 5e-324, 1.7976931348623157e308, float("inf"), *many.tolist()]
    order = "FROM t ORDER BY value DESC, number"
    with table(values) as connection:
        numbers, found = bulk.arrays(connection, ["number", "value"], order, {})
        expected = connection.execute(f"SELECT number, value {order}").fetchall()
    np.testing.assert_array_equal(numbers, [row[0] for row in expected])
    np.testing.assert_allclose(found, [row[1] for row in expected], rtol=1e-15)
    usual = (np.abs(found) > 1e-30) & (np.abs(found) < 1e30)
    np.testing.assert_array_equal(found[usual], np.array(expected)[usual, 1])


def test_no_rows() -> None:
    with table([1.0]) as connection:
        (found,) = bulk.arrays(connection, ["value"], "FROM t WHERE number = :n", {"n": 7})
    assert found.shape == (0,)


def test_maps_in_the_order_asked_for() -> None:
    """Of two grids, and one that is not there."""
    rng = np.random.default_rng(1)
    shapes = {1: (2, 3), 2: (4, 4), 3: (2, 3), 5: (2, 3), 6: (3, 2)}
    known = {number: rng.normal(size=shape).astype("<f4") for number, shape in shapes.items()}
    connection = sqlite3.connect(":memory:")
    connection.execute(
        'CREATE TABLE maps (job, input, rows, columns, "values", PRIMARY KEY (job, input))'
    )
    for job in (1, 2):
        connection.executemany(
            "INSERT INTO maps VALUES (?, ?, ?, ?, ?)",
            [(job, n, *map.shape, (job * map).astype("<f4").tobytes()) for n, map in known.items()],
        )
    asked = [5, 3, 4, 2, 1, 6]
    found = [
        (int(number), map)
        for numbers, maps in bulk.maps(connection, 2, asked)
        for number, map in zip(numbers, maps, strict=True)
    ]
    assert [number for number, _ in found] == [5, 3, 2, 1, 6]
    for number, map in found:
        np.testing.assert_array_equal(map, 2 * known[number])
    assert list(bulk.maps(connection, 2, [4])) == []


def test_chosen_numbers() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TEMP TABLE chosen (number INTEGER PRIMARY KEY)")
    for numbers in (range(5, 25_000, 2), (3, 3, 7), ()):
        bulk.choose(connection, tuple(numbers))
        found = connection.execute("SELECT number FROM temp.chosen ORDER BY 1").fetchall()
        assert [row[0] for row in found] == sorted(set(numbers))

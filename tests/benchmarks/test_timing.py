"""The clockwork of the benchmarks: what is timed, how often, and what a failure does."""

from __future__ import annotations

from typing import Any

from benchmarks.table import markdown
from benchmarks.timing import Case, measure


def test_every_round_runs_every_case_after_a_bare_one() -> None:
    log: list[str] = []
    bare = Case(lambda: log.append("bare"))
    cases = {name: Case(lambda name=name: log.append(name)) for name in "abc"}
    measure(cases, bare, "cpu", repeats=4)
    assert log[::2] == ["bare"] * 15
    rounds = [log[1::2][i : i + 3] for i in range(0, 15, 3)]
    assert all(sorted(names) == ["a", "b", "c"] for names in rounds)
    assert len({tuple(names) for names in rounds}) > 1
    assert all(len(case.seconds) == 4 for case in cases.values())
    assert len(bare.seconds) == 12


def test_before_and_after_frame_each_run_and_a_failure_is_told() -> None:
    log: list[str] = []

    def fail() -> None:
        log.append("run")
        raise IndexError("no such axis\nand more")

    case = Case(fail, before=lambda: log.append("before"), after=lambda: log.append("after"))
    measure({"case": case}, Case(lambda: None), "cpu", repeats=3)
    assert log == ["before", "run", "after"]
    assert case.error == "IndexError: no such axis"
    assert case.median is None


def test_table_has_a_row_for_each_library_and_a_dash_where_there_is_no_figure() -> None:
    found = {"version": "1.0", "ratio": {"first": 1.234, "another_class": 0.0123}}
    result: dict[str, Any] = {
        "machine": {"processor": "CPU", "gpu": None, "threads": 2, "torch": "2.13.0"},
        "repeats": 7,
        "results": [
            {
                "network": "net",
                "device": "cpu",
                "layer": "last",
                "spatial_layers": 3,
                "bare_forward_s": 0.05,
                "contenders": {"one": found, "two": found},
            }
        ],
    }
    rows = [line for line in markdown(result).splitlines() if line.startswith("| ")]
    assert rows[1] == "| net last (3 layers, 50 ms) | one 1.0 | 1.23 | 0.012 | - | - | - | - |"
    assert rows[2].startswith("|  | two 1.0 |")

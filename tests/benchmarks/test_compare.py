"""What counts as slower between two results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.compare import changes, newest


def result(first: float, noise: float | None = None, name: str = "resnet50") -> dict[str, Any]:
    own: dict[str, Any] = {"ratio": {"first": first, "all_one_by_one": None}}
    if noise is not None:
        own["noise"] = {"first": noise}
    return {"results": [{"network": name, "device": "cpu", "contenders": {"hookscope": own}}]}


@pytest.mark.parametrize(
    ("before", "now", "slower"),
    [
        (result(1.0), result(1.04), False),
        (result(1.0), result(1.06), True),
        (result(1.0, 0.2), result(1.15, 0.01), False),
        (result(1.0, 0.01), result(1.15, 0.2), False),
        (result(1.0, 0.1), result(1.15, 0.1), True),
        (result(1.0), result(0.5), False),
    ],
)
def test_slower_is_what_exceeds_the_noise_of_both(
    before: dict[str, Any], now: dict[str, Any], slower: bool
) -> None:
    (change,) = changes(now, before)
    assert change.what == "resnet50 on cpu, first"
    assert change.slower is slower


def test_only_what_both_have_is_compared() -> None:
    assert list(changes(result(1.0), result(1.0, name="vgg16"))) == []


def test_the_newest_results_are_of_one_command(tmp_path: Path) -> None:
    """Others that are kept beside them, batches among them, are no results to compare."""
    kept = {
        "run-a": {"started": "1", "command": "benchmarks/run.py", "memory": "fresh"},
        "methods-a": {"started": "2", "command": "benchmarks/methods.py --repeats 3"},
        "run-b": {"started": "3", "command": "benchmarks/run.py --only x", "memory": "fresh"},
        "run-warm": {"started": "4", "command": "benchmarks/run.py", "memory": "warm"},
        "methods-b": {"started": "5", "command": "benchmarks/methods.py"},
    }
    for name, facts in kept.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(facts | result(1.0)), encoding="utf-8")
    batches = {"started": "6", "results": [{"network": "resnet50", "ratio": {}}]}
    (tmp_path / "batches.json").write_text(json.dumps(batches), encoding="utf-8")
    (tmp_path / "correctness.json").write_text("[]", encoding="utf-8")
    (tmp_path / "scenes.json").write_text('{"started": "7", "methods": {}}', encoding="utf-8")
    assert [path.stem for path in newest(tmp_path)] == ["methods-b", "methods-a"]
    (tmp_path / "methods-b.json").unlink()
    (tmp_path / "run-warm.json").unlink()
    assert [path.stem for path in newest(tmp_path)] == ["run-b", "run-a"]

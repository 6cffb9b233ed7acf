"""Every method's map beside those of the libraries that have it, and what the page says of it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.agreement import CASES, SAME, Case, compared, table
from engine.methods.registry import METHODS

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "benchmarks" / "results" / "agreement.json"
PAGE = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
PYTHON = ROOT / ".venv-bench" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

# Drawn at random there, and in no library.
ALONE = {"random-cam", "rise", "attention-rollout"}


def as_expected(rows: list[dict[str, Any]]) -> None:
    """The same where nothing is said against it, and far from it where something is."""
    wanted = [(case.name, case.library, name) for case in CASES for name in case.subjects]
    assert [(row["method"], row["library"], row["network"]) for row in rows] == wanted
    for row in rows:
        assert "error" not in row, row
        if row["why"]:
            assert row["apart"] > 100 * SAME, row
        else:
            assert row["apart"] <= SAME, row


def test_what_was_measured_is_as_expected_and_on_the_page() -> None:
    rows = json.loads(KEPT.read_text(encoding="utf-8"))
    as_expected(rows)
    assert table(rows) in PAGE


def test_every_method_that_a_library_has_is_compared() -> None:
    assert {method.slug for method in METHODS} - {case.method for case in CASES} == ALONE


def test_maps_are_compared_by_their_shape_not_by_their_scale() -> None:
    rng = np.random.default_rng(0)
    own = rng.normal(size=(6, 5)).astype(np.float32)
    plain = Case("x", "y", lambda *_: own, ("z",))
    assert compared(own, 7 * own, plain)["apart"] < 1e-6
    assert compared(own, -own, plain)["apart"] == pytest.approx(2, abs=1e-6)
    signless = Case("x", "y", lambda *_: own, ("z",), sign=True)
    assert compared(own, -3 * own, signless)["apart"] < 1e-6
    positive = Case("x", "y", lambda *_: own, ("z",), relu=True)
    assert compared(own, np.maximum(own, 0), positive)["apart"] < 1e-6
    assert compared(own, np.maximum(own, 0), plain)["apart"] > 0.1
    changed = own.copy()
    place = np.unravel_index(np.abs(own).argmin(), own.shape)
    changed[place] += 0.5 * np.abs(own).max()
    assert compared(own, changed, plain)["apart"] == pytest.approx(0.5, abs=1e-6)
    assert "error" in compared(own, own[:3], plain)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(
    not PYTHON.exists(),
    reason="the libraries are not there; 'make test-all' and 'make bench' install them",
)
def test_the_libraries_compute_what_is_said_of_them(
    tmp_path: Path, child_env: Callable[..., dict[str, str]]
) -> None:
    out = tmp_path / "agreement.json"
    done = subprocess.run(
        [str(PYTHON), "benchmarks/agreement.py", "--out", str(out)],
        cwd=ROOT,
        env=child_env(),
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    as_expected(json.loads(out.read_text(encoding="utf-8")))

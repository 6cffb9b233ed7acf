"""Figures of trust beside the published implementations that compute the same."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "benchmarks" / "results" / "trust.json"
PYTHON = ROOT / ".venv-bench" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

# Of the image's range: a fifth of ROAD's noise in a normalised image; of a curve's height.
SAME_PIXELS, SAME_AREA = 2e-3, 1e-4


def as_expected(found: dict[str, Any]) -> None:
    assert len(found["imputation"]) == 18
    for row in found["imputation"]:
        assert row["apart"] <= SAME_PIXELS, row
    assert {row["figure"] for row in found["curves"]} == {"deletion", "insertion"}
    for row in found["curves"]:
        assert row["apart"] <= SAME_AREA, row


def test_what_was_measured_agrees() -> None:
    as_expected(json.loads(KEPT.read_text(encoding="utf-8")))


@pytest.mark.slow
@pytest.mark.skipif(
    not PYTHON.exists(),
    reason="the libraries are not there; 'make test-all' and 'make bench' install them",
)
def test_the_libraries_agree(tmp_path: Path, child_env: Callable[..., dict[str, str]]) -> None:
    out = tmp_path / "trust.json"
    done = subprocess.run(
        [str(PYTHON), "benchmarks/trust.py", "--out", str(out)],
        cwd=ROOT,
        env=child_env(),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    as_expected(json.loads(out.read_text(encoding="utf-8")))

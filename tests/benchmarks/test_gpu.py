"""The command that checks a graphics card runs its steps on the CPU as well."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

STEPS = {
    *("clicks, float32", "batches, float32", "clicks, TF32", "batches, TF32"),
    *("every layer", "other types", "out of memory", "window"),
}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_step_runs_dry(tmp_path: Path, child_env: Callable[..., dict[str, str]]) -> None:
    out = tmp_path / "gpu.json"
    command = [sys.executable, "benchmarks/gpu.py", "--dry-run", "--out", str(out)]
    done = subprocess.run(
        command, cwd=ROOT, env=child_env(), capture_output=True, text=True, timeout=800, check=False
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["failed"] == []
    assert {*result["steps"]} == STEPS
    assert result["steps"]["out of memory"]["notices"]

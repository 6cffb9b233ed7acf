"""The file that a benchmark leaves: what it found, when, by which command and on which machine."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.subjects import machine

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def described(script: str, started: datetime.datetime, **found: object) -> dict[str, object]:
    """What was found by a script of this folder ('batches'), with what it was measured on."""
    return {
        "started": started.isoformat(timespec="seconds"),
        "command": " ".join([f"benchmarks/{script}.py", *sys.argv[1:]]),
        "commit": commit(),
        "machine": machine(),
        **found,
    }


def write(
    result: Mapping[str, object], started: datetime.datetime, out: Path | None, prefix: str = ""
) -> Path:
    """Write a result as JSON; returns the file. out: None for PREFIX and the time, in RESULTS."""
    path = out or RESULTS / f"{prefix}{started:%Y-%m-%d-%H%M}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return path


def commit() -> str:
    """The commit that is measured, with '+' for changes that are not committed; '' outside git."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--abbrev=12"]
    try:
        asked = subprocess.run(git, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return asked.stdout.strip()

"""A program that is killed while it saves loses nothing that was saved before."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.keeping import files, generations
from tests.engine.keeping.saving import session

ROOT = Path(__file__).resolve().parents[3]
LONGEST_S = 0.3
"""Some saves, of which one may take as long as the disk wants."""


def killed(path: Path, how: str, after_s: float) -> int:
    """Save again and again, and be killed some time after the first save; the last save that the
    process said it had made."""
    command = [sys.executable, "-m", "tests.engine.keeping.saving", str(path), how]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline()]
        timer = threading.Timer(after_s, process.kill)
        timer.start()
        said += process.stdout.readlines()
        timer.join()
    # The last line may have been cut.
    return max(int(line) for line in said if line.endswith("\n"))


@pytest.mark.parametrize("how", ["named", "automatic"])
def test_what_was_saved_is_there(tmp_path: Path, how: str) -> None:
    kill_often(tmp_path, how, 5)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["named", "automatic"])
def test_what_was_saved_is_there_after_a_hundred_kills(tmp_path: Path, how: str) -> None:
    kill_often(tmp_path, how, 100)


def kill_often(folder: Path, how: str, times: int) -> None:
    draw = random.Random(f"{how} {times}")
    path = folder / "saved.hookscope"
    moments = set()
    for _ in range(times):
        saved = killed(path, how, draw.uniform(0.0, LONGEST_S))
        kept = files.read(path) if how == "named" else generations.latest(path)
        assert kept is not None
        number = int(kept.pinned or "-1")
        assert number >= saved, "something that was saved is lost"
        assert kept == session(number), "it is whole"
        moments.add(number)
    assert len(moments) > 1, "always killed at the same moment"
    # What was being written is cleared away by the next save.
    files.write(path, session(0))
    assert not list(folder.glob(".*.part"))

"""Copies of the files of rows: what has become something else is counted, not waited for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from engine.folders.index.store import IndexWriter
from engine.folders.inputs.finding import find
from engine.progress import CancelToken, ignore_progress
from gui.jobs.folder.files import copy_files
from gui.jobs.lanes import Watch


@pytest.mark.timeout(30)
@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes")
def test_a_pipe_is_not_copied(tmp_path: Path) -> None:
    folder, goal = tmp_path / "in", tmp_path / "copies"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"content")
    with IndexWriter(tmp_path / "index") as writer:
        writer.found(find([folder]))
    (folder / "a.png").unlink()
    os.mkfifo(folder / "a.png")
    watch = Watch(CancelToken(), ignore_progress)
    assert copy_files(tmp_path / "index", 1, [1, 2], goal, watch) == (goal, 1, 1)
    assert [path.name for path in goal.iterdir()] == ["b.png"]

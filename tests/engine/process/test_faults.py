"""What a run that died leaves for the next; see tests/gui/diagnostics/test_crashes.py for a run
that does."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from engine.process import faults


def test_the_end_of_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "hookscope.log"
    monkeypatch.setattr(faults, "log_file", lambda: log)
    assert faults.log_tail() == ""
    log.write_bytes(b"".join(b"line %d \xff\n" % number for number in range(1000)))
    lines = faults.log_tail().splitlines()
    assert lines[-1].startswith("line 999 ")
    assert 10 < len(lines) < 1000


@pytest.mark.parametrize("place", ["folder", "file/hookscope.log"])
def test_a_log_that_cannot_be_read_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    """A folder has its name, or a file is where its folder should be."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.setattr(faults, "log_file", lambda: tmp_path / place)
    assert faults.log_tail() == ""
    # To Windows, a file in the way is a log that is not there.
    if place == "folder":
        assert [record.levelno for record in caplog.records] == [logging.WARNING]

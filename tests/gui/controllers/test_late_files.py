"""A file that is read for long is asked about, and reading it is stopped or waited for."""

from __future__ import annotations

import threading
import zipfile
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from engine.records.sources import ModelSource
from gui.controllers.late_files import LateFiles
from gui.jobs.lanes import Job, Lane
from gui.state.notices import STOP_READING, Notice
from gui.state.state import State
from tests.gui.user import User


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gui.controllers.late_files.PATIENCE_MS", 50)


def test_a_file_is_asked_about_once_and_other_work_is_not(qtbot: QtBot) -> None:
    parent = QObject()
    state, lane = State(parent), Lane("late", parent)
    LateFiles(state, lane, parent)
    notices: list[Notice] = []
    state.noticed.connect(notices.append)
    withdrawn: list[str] = []
    state.withdrawn.connect(withdrawn.append)
    go_on = threading.Event()
    (clock,) = parent.findChildren(QTimer)
    other = Job("Computing", lambda _watch: go_on.wait(60))
    with qtbot.waitSignal(other.started):
        lane.submit(other)
    assert not clock.isActive(), "only files are asked about"
    with qtbot.waitSignal(other.ended):
        go_on.set()
    go_on.clear()
    reading = Job("Opening x.pth", lambda _watch: go_on.wait(60), reading="x.pth")
    with qtbot.waitSignal(state.noticed):
        lane.submit(reading)
    assert not withdrawn
    with qtbot.waitSignal(lane.idle):
        go_on.set()
    assert withdrawn == [STOP_READING], "what was read in the end is not asked about any more"
    assert [notice.action for notice in notices] == [STOP_READING]
    assert notices[0].text.startswith("x.pth is still being read")
    lane.close()


def endless(path: Path) -> Path:
    """A pickle of more opcodes than a reader gets through in a minute."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("endless/data.pkl", b"\x80\x02(" + b"NN0" * 20_000_000 + b"t.")
        archive.writestr("endless/version", "3\n")
    return path


def test_a_model_that_is_read_for_long_can_be_stopped_from_the_notice(
    user: User, tmp_path: Path
) -> None:
    program = user.start()
    before = program.state.info
    bar = program.window.notice
    program.controller.models.open(ModelSource(str(endless(tmp_path / "endless.pth"))))
    user.until(lambda: "endless.pth is still being read" in bar.text)
    button = next(b for b in bar.findChildren(QAbstractButton) if b.text() == STOP_READING)
    user.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    user.settle()
    assert program.state.model_loading is None
    assert program.state.info is before, "the model that was open stays"
    assert "endless" not in bar.text


def test_a_notice_that_is_closed_waits(user: User, tmp_path: Path) -> None:
    program = user.start()
    bar = program.window.notice
    program.controller.models.open(ModelSource(str(endless(tmp_path / "endless.pth"))))
    user.until(lambda: "endless.pth is still being read" in bar.text)
    bar.clear()
    assert program.controller.engine_lane.running is not None
    user.press(Qt.Key.Key_Escape)
    user.settle()
    assert program.state.model_loading is None

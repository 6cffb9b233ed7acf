"""Help > Check my set-up, and the guide: what a person finds under Help."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QPushButton,
)

from engine.logs import log_file
from engine.version import VERSION
from gui.check_dialog import CheckDialog
from gui.dialogs import AboutDialog
from gui.main_window import MainWindow
from gui.state import State
from gui.walkthrough import STEPS
from tests.gui.seat import Seat


def button(dialog: CheckDialog, text: str) -> QPushButton:
    return next(one for one in dialog.findChildren(QPushButton) if one.text() == text)


def words(dialog: CheckDialog) -> str:
    return " | ".join(one.text() for one in dialog.findChildren(QLabel))


def other_windows(seat: Seat) -> list[MainWindow]:
    return [
        window
        for window in QApplication.topLevelWidgets()
        if isinstance(window, MainWindow)
        and window is not seat.program.window
        and window.isVisible()
    ]


class Onlooker:
    """Looks for the second window while the walk's own event loops run, and then acts once."""

    def __init__(self, seat: Seat, act: Callable[[], object] = lambda: None) -> None:
        self.seen = 0
        self._seat = seat
        self._act = act
        self._timer = QTimer()
        self._timer.timeout.connect(self._look)
        self._timer.start(20)

    def _look(self) -> None:
        if other_windows(self._seat):
            self._timer.stop()
            self.seen += 1
            self._act()


@pytest.fixture
def dialog(seat: Seat) -> CheckDialog:
    # Tests log elsewhere; a program has its file from the start on.
    log_file().parent.mkdir(parents=True, exist_ok=True)
    log_file().touch()
    program = seat.start()
    program.window.actions_by_id["check"].trigger()
    return seat.dialog(CheckDialog)


def test_the_check_walks_through_a_window_of_its_own(seat: Seat, dialog: CheckDialog) -> None:
    program = seat.program
    before = (seat.layer, seat.target, list(seat.names), sys.excepthook, gc.isenabled())
    onlooker = Onlooker(seat)
    button(dialog, "Start").click()
    seat.until(lambda: "Everything works." in words(dialog))
    assert onlooker.seen
    assert not other_windows(seat)
    assert (seat.layer, seat.target, list(seat.names), sys.excepthook, gc.isenabled()) == before
    button(dialog, "Copy report").click()
    report = QGuiApplication.clipboard().text()
    assert VERSION in report
    assert all(f"ok  {name}" in report for name in STEPS)
    # The window's own collector still collects: nothing took its place.
    assert program.garbage._timer.isActive()
    # Again, as often as one likes.
    button(dialog, "Check again").click()
    onlooker = Onlooker(seat, lambda: button(dialog, "Stop").click())
    seat.until(lambda: "Stopped" in words(dialog))
    assert onlooker.seen
    assert not other_windows(seat)


def test_a_check_leaves_nothing_behind(seat: Seat, dialog: CheckDialog) -> None:
    """The second program is gone with its images, which take more than 100 MB."""
    for start in ("Start", "Check again"):
        button(dialog, start).click()
        seat.until(lambda: "Everything works." in words(dialog))

    def states() -> int:
        gc.collect()
        return sum(isinstance(one, State) for one in gc.get_objects())

    seat.until(lambda: states() == 1)


def test_closing_the_checked_window_ends_the_check_in_words(
    seat: Seat, dialog: CheckDialog
) -> None:
    def close() -> None:
        other_windows(seat)[0].close()

    onlooker = Onlooker(seat, close)
    button(dialog, "Start").click()
    seat.until(lambda: "Stopped" in words(dialog))
    assert onlooker.seen


def test_closing_the_program_ends_the_check(seat: Seat, dialog: CheckDialog) -> None:
    window = seat.program.window
    onlooker = Onlooker(seat, window.close)
    button(dialog, "Start").click()
    seat.until(lambda: bool(onlooker.seen))
    seat.until(lambda: not window.isVisible() and not other_windows(seat))
    assert "Stopped" in words(dialog)


def test_a_step_that_fails_is_named_with_its_reason(
    seat: Seat, dialog: CheckDialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full, say, when the exported picture is to be written."""
    from engine import export
    from engine.errors import ExportError

    def fail(path: Path, _pixels: object) -> None:
        raise ExportError(f"{path.name} cannot be written: the disk is full")

    monkeypatch.setattr(export, "save_picture", fail)
    button(dialog, "Start").click()
    seat.until(lambda: "This does not work" in words(dialog))
    assert "Picture, map and facts are exported" in words(dialog)
    assert "the disk is full" in words(dialog)
    assert not other_windows(seat)


def test_about_tells_what_a_report_needs(seat: Seat) -> None:
    import platform

    import torch
    from PySide6.QtCore import qVersion

    seat.start().window.actions_by_id["about"].trigger()
    about = seat.dialog(AboutDialog)
    next(one for one in about.findChildren(QPushButton) if one.text() == "Copy").click()
    text = QGuiApplication.clipboard().text()
    for fact in (VERSION, torch.__version__, qVersion(), platform.python_version(), "device: cpu"):
        assert fact in text

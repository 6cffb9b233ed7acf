"""Help > Check installation, and the guide: what a person finds under Help."""

from __future__ import annotations

import gc
import sys
import tempfile
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
from pytestqt.qtbot import QtBot

from engine.process.logs import log_file
from engine.version import VERSION
from gui.diagnostics.crashes import Crashes
from gui.diagnostics.measures import StepFailed, Waiter
from gui.diagnostics.report import report
from gui.diagnostics.walkthrough import STEPS, Walkthrough
from gui.state.state import State
from gui.widgets.dialogs.crash import CrashDialog
from gui.widgets.dialogs.setup_check import CheckDialog
from gui.widgets.dialogs.small import AboutDialog
from gui.window.main_window import MainWindow
from tests.gui.user import User


def button(dialog: CheckDialog, text: str) -> QPushButton:
    return next(one for one in dialog.findChildren(QPushButton) if one.text() == text)


def words(dialog: CheckDialog) -> str:
    return " | ".join(one.text() for one in dialog.findChildren(QLabel))


def other_windows(user: User) -> list[MainWindow]:
    return [
        window
        for window in QApplication.topLevelWidgets()
        if isinstance(window, MainWindow)
        and window is not user.program.window
        and window.isVisible()
    ]


class Onlooker:
    """Looks for the second window while the walk's own event loops run, and then acts once."""

    def __init__(self, user: User, act: Callable[[], object] = lambda: None) -> None:
        self.seen = 0
        self._seat = user
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
def dialog(user: User) -> CheckDialog:
    # Tests log elsewhere; a program has its file from the start on.
    log_file().parent.mkdir(parents=True, exist_ok=True)
    log_file().touch()
    program = user.start()
    program.window.actions_by_id["check"].trigger()
    return user.dialog(CheckDialog)


def test_the_check_walks_through_a_window_of_its_own(user: User, dialog: CheckDialog) -> None:
    program = user.program
    before = (user.layer, user.target, list(user.names), sys.excepthook, gc.isenabled())
    onlooker = Onlooker(user)
    button(dialog, "Start").click()
    user.until(lambda: "Everything works." in words(dialog))
    assert onlooker.seen
    assert not other_windows(user)
    assert (user.layer, user.target, list(user.names), sys.excepthook, gc.isenabled()) == before
    button(dialog, "Copy report").click()
    report = QGuiApplication.clipboard().text()
    assert VERSION in report
    assert all(f"ok  {name}" in report for name in STEPS)
    # The window's own collector still collects: nothing took its place.
    assert program.garbage._timer.isActive()
    # Again, as often as one likes.
    button(dialog, "Check again").click()
    onlooker = Onlooker(user, lambda: button(dialog, "Stop").click())
    user.until(lambda: "Stopped" in words(dialog))
    assert onlooker.seen
    assert not other_windows(user)


def test_a_check_leaves_nothing_behind(user: User, dialog: CheckDialog) -> None:
    """The second program is gone with its images, which take more than 100 MB."""
    for start in ("Start", "Check again"):
        button(dialog, start).click()
        user.until(lambda: "Everything works." in words(dialog))

    def states() -> int:
        gc.collect()
        return sum(isinstance(one, State) for one in gc.get_objects())

    user.until(lambda: states() == 1)


def test_closing_the_checked_window_ends_the_check_in_words(
    user: User, dialog: CheckDialog
) -> None:
    def close() -> None:
        other_windows(user)[0].close()

    onlooker = Onlooker(user, close)
    button(dialog, "Start").click()
    user.until(lambda: "Stopped" in words(dialog))
    assert onlooker.seen


def test_closing_the_program_ends_the_check(user: User, dialog: CheckDialog) -> None:
    window = user.program.window
    onlooker = Onlooker(user, window.close)
    button(dialog, "Start").click()
    user.until(lambda: bool(onlooker.seen))
    user.until(lambda: not window.isVisible() and not other_windows(user))
    assert "Stopped" in words(dialog)


def test_a_step_that_fails_is_named_with_its_reason(
    user: User, dialog: CheckDialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full, say, when the exported picture is to be written."""
    from engine.errors import ExportError
    from engine.export import files as export

    def fail(path: Path, _pixels: object) -> None:
        raise ExportError(f"{path.name} cannot be written: the disk is full")

    monkeypatch.setattr(export, "save_picture", fail)
    button(dialog, "Start").click()
    user.until(lambda: "Failed: " in words(dialog))
    assert "Export image, map and metadata" in words(dialog)
    assert "the disk is full" in words(dialog)
    assert not other_windows(user)


def during(monkeypatch: pytest.MonkeyPatch, step: str, act: Callable[[], object]) -> None:
    """Something happens when that step of the walk begins."""
    method = getattr(Walkthrough, step)

    def acting(self: Walkthrough) -> str:
        act()
        return str(method(self))

    monkeypatch.setattr(Walkthrough, step, acting)


def test_a_layer_with_nothing_to_show_is_no_failure_of_the_export(
    user: User, dialog: CheckDialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many layers the walk clicks depends on the machine, so it may end on any of them."""
    export, ended_on = Walkthrough.export, []

    def on_a_blank_map(self: Walkthrough) -> str:
        self._click_class(1)
        state = self.program.state
        self.waiter.wait(lambda: state.sweep is not None, 60, "sweep")
        assert state.sweep is not None
        maps = state.sweep.explanations
        blank = next(one for one in maps if one in self._other_layers() and maps[one].map.max() < 0)
        self._click_layer(blank)
        ended_on.append(blank)
        return export(self)

    monkeypatch.setattr(Walkthrough, "export", on_a_blank_map)
    button(dialog, "Start").click()
    user.until(lambda: "Everything works." in words(dialog) or "Failed: " in words(dialog))
    assert "Everything works." in words(dialog), words(dialog)
    assert ended_on


def fail() -> None:
    raise LookupError("the cupboard is bare")


def check(user: User, verdict: str) -> CheckDialog:
    """Run it once, up to that word."""
    user.program.window.actions_by_id["check"].trigger()
    dialog = user.dialog(CheckDialog)
    begun = Crashes.seen
    button(dialog, "Start").click()
    user.until(lambda: verdict in words(dialog))
    assert Crashes.seen == begun + 1
    assert button(dialog, "Check again").isEnabled()
    assert not other_windows(user)
    return dialog


def signs(dialog: CheckDialog) -> dict[str, str]:
    """What the sign before each step says to a screen reader."""
    names = (one.accessibleName() for one in dialog.findChildren(QLabel) if not one.text())
    return dict(name.rsplit(": ", 1) for name in names if ": " in name)


def test_a_check_that_breaks_off_says_where(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    during(monkeypatch, "zoom", fail)
    with user.at_work() as (_, caught):
        dialog = check(user, "was interrupted")
        assert f"was interrupted at 'Zoom in'; see the log: {log_file()}" in words(dialog)
        assert [kind for kind, _, _ in caught] == [LookupError]
        found = signs(dialog)
        assert found["Explain another class"] == "ok"
        assert found["Zoom in"] == "failed"
        assert set(found.values()) == {"ok", "failed", "not run yet"}
        # What a check looked like is not what the next one looks like.
        monkeypatch.undo()
        log_file().parent.mkdir(parents=True, exist_ok=True)
        log_file().touch()
        button(dialog, "Check again").click()
        ends = ("Everything works.", "Failed: ", "unexpected error")
        user.until(lambda: any(end in words(dialog) for end in ends))
        assert "Everything works." in words(dialog), words(dialog)
        assert set(signs(dialog).values()) == {"ok"}


def test_a_check_that_cannot_begin_says_so(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", fail)
    with user.at_work() as (_, caught):
        dialog = check(user, "was interrupted before its first step")
        assert [kind for kind, _, _ in caught] == [FileNotFoundError]
        assert set(signs(dialog).values()) == {"not run yet"}


def test_a_failure_beside_the_steps_is_told(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a slot, say: no step notices it."""
    during(monkeypatch, "engine", lambda: QTimer.singleShot(0, fail))
    with user.at_work() as (program, caught):
        dialog = check(user, "An unexpected error occurred")
        assert f"see the log: {log_file()}" in words(dialog)
        user.dialog(CrashDialog).close()
        user.until(lambda: not program.window.findChildren(CrashDialog))
        # The second time it is known, and nothing but the verdict tells of it.
        begun = Crashes.seen
        button(dialog, "Check again").click()
        user.until(lambda: Crashes.seen > begun and "An unexpected error occurred" in words(dialog))
        assert [kind for kind, _, _ in caught] == [LookupError]
        assert not program.window.findChildren(CrashDialog)
        assert f"see the log: {log_file()}" in words(dialog)


@pytest.mark.parametrize("times", [1, 3, 6])
def test_a_long_verdict_takes_no_room_from_the_steps(qtbot: QtBot, times: int) -> None:
    dialog = CheckDialog(STEPS)
    qtbot.addWidget(dialog)
    with qtbot.waitExposed(dialog):
        dialog.show()
    dialog.begin()
    before = dialog.height()
    dialog.end("Failed: explained.png cannot be written, the disk is full. " * times, "")

    def clipped() -> list[str]:
        return [
            one.text()
            for one in dialog.findChildren(QLabel)
            if one.text()
            and one.height()
            < (one.heightForWidth(one.width()) if one.wordWrap() else one.sizeHint().height())
        ]

    qtbot.waitUntil(lambda: not clipped())
    assert dialog.height() >= before


@pytest.mark.usefixtures("qapp")
def test_whoever_gave_up_waits_for_nothing_more() -> None:
    waiter = Waiter()
    waiter.give_up("stopped")
    with pytest.raises(StepFailed, match="a picture: stopped"):
        waiter.wait(lambda: False, 20, "a picture")


def test_a_step_that_fails_early_is_no_stop(
    user: User, dialog: CheckDialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its window is closed then, which is not the same as a person who closes it."""

    def fail() -> None:
        raise StepFailed("the wheel is stuck")

    during(monkeypatch, "zoom", fail)
    button(dialog, "Start").click()
    user.until(lambda: "Failed: Zoom in" in words(dialog))
    assert "the wheel is stuck" in words(dialog)


@pytest.mark.usefixtures("qapp")
def test_a_report_leaves_out_what_is_not_known_yet() -> None:
    """Before the engine is there, when an early failure is reported."""
    lines = report(State(), "what happened").splitlines()
    assert lines[0] == f"Hookscope: {VERSION}"
    names = [line.partition(": ")[0] for line in lines[: lines.index("")]]
    assert {"Python", "Qt", "system", "log"} <= set(names)
    assert "device" not in names


def test_about_tells_what_a_report_needs(user: User) -> None:
    import platform

    import torch
    from PySide6.QtCore import qVersion

    user.start().window.actions_by_id["about"].trigger()
    about = user.dialog(AboutDialog)
    next(one for one in about.findChildren(QPushButton) if one.text() == "Copy").click()
    text = QGuiApplication.clipboard().text()
    for fact in (VERSION, torch.__version__, qVersion(), platform.python_version(), "device: cpu"):
        assert fact in text

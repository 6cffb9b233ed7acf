"""Failures that nobody expected: what the person sees, and what can be passed on."""

from __future__ import annotations

import logging
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QPushButton

from engine.errors import HookscopeError
from engine.version import VERSION
from gui.diagnostics import crashes
from gui.diagnostics.crashes import Crashes
from gui.jobs.lanes import Job
from gui.widgets.dialogs.crash import CrashDialog
from tests.gui.user import Key, User, child

ROOT = Path(__file__).resolve().parents[3]


def button(dialog: CrashDialog, text: str) -> QPushButton:
    return next(b for b in dialog.findChildren(QPushButton) if b.text() == text)


def fail(words: str) -> None:
    raise LookupError(words)


def told(user: User) -> str:
    """What the report of the dialog says."""
    return child(user.dialog(CrashDialog), QPlainTextEdit).toPlainText()


def test_a_failure_is_told_with_a_report_and_the_program_goes_on(
    user: User, caplog: pytest.LogCaptureFixture
) -> None:
    with user.at_work() as (program, caught):
        QTimer.singleShot(0, lambda: fail("the cupboard is bare"))
        dialog = user.dialog(CrashDialog)
        assert [kind for kind, _, _ in caught] == [LookupError]
        assert "the cupboard is bare" in caplog.text
        assert any(record.levelno == logging.CRITICAL for record in caplog.records)

        button(dialog, "Copy report").click()
        report = QGuiApplication.clipboard().text()
        for words in (VERSION, platform.python_version(), "torch", "LookupError", "in fail"):
            assert words in report
        assert not child(dialog, QPlainTextEdit).isVisible()
        button(dialog, "Show report").click()
        assert child(dialog, QPlainTextEdit).isVisible()
        assert child(dialog, QPlainTextEdit).toPlainText() == report

        button(dialog, "Continue").click()
        user.until(lambda: not program.window.findChildren(CrashDialog))
        program.window.activateWindow()
        user.focus_tree()
        before = user.layer
        user.press(Key.Key_Up)
        user.until(lambda: user.layer != before and not program.state.computing)


def test_a_failure_is_told_once_however_often_it_comes(
    user: User, caplog: pytest.LogCaptureFixture
) -> None:
    def same() -> None:
        fail("the same")

    before = Crashes.seen
    with user.at_work() as (program, caught):
        for _ in range(120):
            QTimer.singleShot(0, same)
        QTimer.singleShot(0, lambda: int("another"))
        user.until(lambda: Crashes.seen == before + 121)
        dialog = user.dialog(CrashDialog)
        user.until(lambda: "another" in told(user))
        assert told(user).count("LookupError: the same") == 1
        assert not dialog.isModal()
        # Closed, the same failure does not bring it back.
        dialog.close()
        user.until(lambda: not program.window.findChildren(CrashDialog))
        QTimer.singleShot(0, same)
        user.until(lambda: Crashes.seen == before + 122)
        user.settle()
        assert not program.window.findChildren(CrashDialog)
        assert [kind for kind, _, _ in caught] == [LookupError, ValueError]
    assert caplog.text.count("unexpected failure") == 2
    assert caplog.text.count("the same failure for the 100. time") == 1


def test_two_failures_that_end_in_the_same_line_are_both_told(user: User, tmp_path: Path) -> None:
    """Both in pathlib, which is where many end."""

    def save() -> None:
        (tmp_path / "for saving" / "a").mkdir()

    def export() -> None:
        (tmp_path / "for exporting" / "a").mkdir()

    with user.at_work() as (program, caught):
        QTimer.singleShot(0, save)
        user.until(lambda: "in save" in told(user))
        QTimer.singleShot(0, export)
        user.until(lambda: "in export" in told(user))
        # The first one closed, too.
        user.dialog(CrashDialog).close()
        user.until(lambda: not program.window.findChildren(CrashDialog))
        QTimer.singleShot(0, (tmp_path / "for nothing" / "a").mkdir)
        user.until(lambda: "for nothing" in told(user))
        assert [kind for kind, _, _ in caught] == 3 * [FileNotFoundError]


def test_an_endless_recursion_is_one_failure(user: User) -> None:
    """Its depth is another each time."""

    def down(left: int) -> None:
        if left == 0:
            fail("the ground")
        down(left - 1)

    before = Crashes.seen
    with user.at_work() as (_, caught):
        for depth in (10, 20, 30):
            QTimer.singleShot(0, lambda depth=depth: down(depth))
        user.until(lambda: Crashes.seen == before + 3)
        assert [kind for kind, _, _ in caught] == [LookupError]


def test_a_report_that_fails_is_not_told_for_ever(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crashes, "report", lambda _state, _what: fail("no report either"))
    before = Crashes.seen
    with user.at_work() as (program, _):
        QTimer.singleShot(0, lambda: int("no number"))
        user.until(lambda: Crashes.seen >= before + 2)
        # What is still queued comes before this has gone round so often.
        rounds: list[int] = []

        def go_round() -> None:
            rounds.append(Crashes.seen)
            if len(rounds) < 20:
                QTimer.singleShot(0, go_round)

        go_round()
        user.until(lambda: len(rounds) == 20)
        # The report for the report failed as well, and that is where it ends.
        assert Crashes.seen <= before + 3
        assert not program.window.findChildren(CrashDialog)


# The program as it is: a slot fails when the first map is there. What the dialog reports is
# written to stdout, and the window is closed.
_REAL = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QPlainTextEdit
from gui.app.program import Program
from gui.widgets.dialogs.crash import CrashDialog

start = Program.start

def started(self, *arguments):
    def fail():
        self.state.answer_changed.disconnect(fail)
        look.start(20)
        raise LookupError("the cupboard is bare")

    def see():
        for dialog in self.window.findChildren(CrashDialog):
            look.stop()
            print(dialog.isVisible(), dialog.findChild(QPlainTextEdit).toPlainText())
            self.window.close()

    look = QTimer(self.window)
    look.timeout.connect(see)
    self.state.answer_changed.connect(fail)
    start(self, *arguments)

Program.start = started
from main import main
sys.exit(main(["--new-window"]))
"""


def test_a_failure_in_a_slot_of_the_real_program_is_told(
    child_env: Callable[..., dict[str, str]],
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _REAL],
        cwd=ROOT,
        env=child_env(),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("True ")
    for words in (VERSION, "in fail", "LookupError: the cupboard is bare"):
        assert words in done.stdout
    assert "LookupError: the cupboard is bare" in done.stderr


def test_a_log_folder_that_cannot_be_made_is_said(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.process import logs

    program = user.start()
    (tmp_path / "file").touch()
    monkeypatch.setattr(logs, "log_folder", lambda: tmp_path / "file" / "log")
    program.window.actions_by_id["open_log"].trigger()
    notice = program.window.notice
    assert notice.kind == "error"
    assert str(tmp_path / "file" / "log") in notice.text
    assert "works without a log" in notice.text


def test_a_failure_on_a_lane_is_told_in_the_window(user: User) -> None:
    """What the lane's work raises is its job's failure, and no crash."""
    program = user.start()
    said: list[HookscopeError] = []
    job = Job("Failing", lambda _watch: fail("on the lane"))
    job.failed.connect(said.append)
    program.controller.file_lane.submit(job)
    user.until(lambda: bool(said))
    assert "internal error" in str(said[0])
    assert not program.window.findChildren(CrashDialog)


@pytest.mark.skipif(sys.platform == "win32", reason="signals as Unix has them")
def test_the_stacks_of_a_run_that_died_are_there_for_the_next(tmp_path: Path) -> None:
    code = (
        "import ctypes, sys; from engine.process import faults; print(repr(faults.take_over()));"
        "sys.stdout.flush();"
        "getattr(ctypes, 'string_at')(0) if sys.argv[1] == 'die' else None"
    )
    env = os.environ | {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}

    def run(how: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, how]
        return subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
        )

    first = run("die")
    assert first.returncode < 0
    assert first.stdout.strip() == "''"
    second = run("live")
    assert second.returncode == 0
    assert "Segmentation fault" in second.stdout
    assert "<string>" in second.stdout
    assert run("live").stdout.strip() == "''"

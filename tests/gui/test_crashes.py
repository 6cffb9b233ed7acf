"""Failures that nobody expected: what the person sees, and what can be passed on."""

from __future__ import annotations

import logging
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from engine.errors import HookscopeError
from engine.version import VERSION
from gui import crashes
from gui.crash_dialog import CrashDialog
from gui.crashes import Crashes
from gui.jobs import Job
from tests.gui.seat import Key, Seat, child

ROOT = Path(__file__).resolve().parent.parent.parent


def button(dialog: CrashDialog, text: str) -> QPushButton:
    return next(b for b in dialog.findChildren(QPushButton) if b.text() == text)


def fail(words: str) -> None:
    raise LookupError(words)


def test_a_failure_is_told_with_a_report_and_the_program_goes_on(
    seat: Seat, qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    program = seat.start()
    with qtbot.capture_exceptions() as caught:
        # pytest-qt's own hook took the place of the program's; it is put before it.
        hook, sys.excepthook = sys.excepthook, program.crashes._unexpected
        program.crashes._old_hook = hook
        QTimer.singleShot(0, lambda: fail("the cupboard is bare"))
        dialog = seat.dialog(CrashDialog)
        sys.excepthook = hook
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
    seat.until(lambda: not program.window.findChildren(CrashDialog))
    program.window.activateWindow()
    seat.focus_tree()
    before = seat.layer
    seat.press(Key.Key_Up)
    seat.until(lambda: seat.layer != before and not program.state.computing)


def test_a_failure_is_told_once_however_often_it_comes(
    seat: Seat, qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    program = seat.start()
    before = Crashes.seen
    with qtbot.capture_exceptions() as caught:
        hook, sys.excepthook = sys.excepthook, program.crashes._unexpected
        program.crashes._old_hook = hook
        for _ in range(120):
            QTimer.singleShot(0, lambda: fail("the same"))
        QTimer.singleShot(0, lambda: int("another"))
        seat.until(lambda: Crashes.seen == before + 121)
        dialog = seat.dialog(CrashDialog)
        seat.until(lambda: "another" in child(dialog, QPlainTextEdit).toPlainText())
        assert child(dialog, QPlainTextEdit).toPlainText().count("LookupError: the same") == 1
        assert not dialog.isModal()
        # Closed, the same failure does not bring it back.
        dialog.close()
        seat.until(lambda: not program.window.findChildren(CrashDialog))
        QTimer.singleShot(0, lambda: fail("the same"))
        seat.until(lambda: Crashes.seen == before + 122)
        sys.excepthook = hook
    seat.settle()
    assert not program.window.findChildren(CrashDialog)
    assert [kind for kind, _, _ in caught] == [LookupError, ValueError]
    assert caplog.text.count("unexpected failure") == 2
    assert caplog.text.count("the same failure for the 100. time") == 1


def test_a_report_that_fails_is_not_told_for_ever(
    seat: Seat, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = seat.start()
    monkeypatch.setattr(crashes, "report", lambda _state, _what: fail("no report either"))
    before = Crashes.seen
    with qtbot.capture_exceptions():
        hook, sys.excepthook = sys.excepthook, program.crashes._unexpected
        program.crashes._old_hook = hook
        QTimer.singleShot(0, lambda: int("no number"))
        seat.until(lambda: Crashes.seen >= before + 2)
        seat.settle()
        sys.excepthook = hook
    # The report for the report failed as well, and that is where it ends.
    assert Crashes.seen <= before + 3
    assert not program.window.findChildren(CrashDialog)


def test_a_failure_on_a_lane_is_told_in_the_window(seat: Seat) -> None:
    """What the lane's work raises is its job's failure, and no crash."""
    program = seat.start()
    said: list[HookscopeError] = []
    job = Job("Failing", lambda _watch: fail("on the lane"))
    job.failed.connect(said.append)
    program.controller.file_lane.submit(job)
    seat.until(lambda: bool(said))
    assert "internal failure" in str(said[0])
    assert not program.window.findChildren(CrashDialog)


@pytest.mark.skipif(sys.platform == "win32", reason="signals as Unix has them")
def test_the_stacks_of_a_run_that_died_are_there_for_the_next(tmp_path: Path) -> None:
    code = (
        "import ctypes, sys; from engine import faults; print(repr(faults.take_over()));"
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

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
from gui.crash_dialog import CrashDialog
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


def test_failures_that_come_again_are_one_dialog(seat: Seat, qtbot: QtBot) -> None:
    program = seat.start()
    with qtbot.capture_exceptions() as caught:
        hook, sys.excepthook = sys.excepthook, program.crashes._unexpected
        program.crashes._old_hook = hook
        for number in range(5):
            QTimer.singleShot(0, lambda number=number: fail(f"number {number}"))
        seat.until(lambda: len(caught) == 5)
        sys.excepthook = hook
    dialog = seat.dialog(CrashDialog)
    report = child(dialog, QPlainTextEdit).toPlainText()
    assert all(f"number {number}" in report for number in range(5))
    dialog.close()


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

"""Copy as Python and Report, through the whole program."""

from __future__ import annotations

import runpy
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QLocale
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QCheckBox, QPlainTextEdit, QPushButton

from engine.records.edits import Crop, Edits, Hide, Rectangle
from gui.jobs import report_work
from gui.settings import table
from gui.widgets.reports.dialog import ReportDialog
from gui.widgets.reports.paper import paper_of
from tests.engine.reports.test_files import Page, Pages
from tests.gui.user import WAIT_MS, User, child


def test_the_copied_script_makes_the_map_on_the_screen(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = user.start()
    program.controller.choose_class(1)
    user.until(lambda: user.target == 1 and not program.state.computing)
    program.controller.choose_layer("layer3")
    user.wait_layer("layer3")
    user.until(program.window.actions_by_id["copy_script"].isEnabled)
    clipboard = QGuiApplication.clipboard()
    clipboard.setText("")
    program.window.actions_by_id["copy_script"].trigger()
    user.until(lambda: program.window.notice.text == "Python script copied to the clipboard.")
    assert "def main" in clipboard.text()
    script, found = tmp_path / "copied.py", tmp_path / "found.npy"
    script.write_text(clipboard.text(), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", [str(script), str(found)])
    runpy.run_path(str(script), run_name="__main__")
    shown = program.state.explanation
    assert shown is not None
    assert (shown.layer, shown.target.index) == ("layer3", 1)
    assert np.abs(np.load(found) - shown.map).max() <= 1e-4 * np.abs(shown.map).max()
    saved = tmp_path / "saved.py"
    with user.qtbot.waitSignal(program.controller.reports.scripted, timeout=WAIT_MS):
        program.controller.reports.script(saved)
    assert saved.read_text(encoding="utf-8") == clipboard.text()
    user.until(lambda: program.window.notice.text == "Saved saved.py")


def test_a_script_that_cannot_be_had_is_greyed_with_the_reason(user: User) -> None:
    program = user.start(explained=False)
    actions = program.window.actions_by_id
    assert not actions["copy_script"].isEnabled()
    assert not actions["report"].isEnabled()
    user.wait_explained()
    for id in ("copy_script", "save_script", "report"):
        assert actions[id].isEnabled(), id
    usual = actions["copy_script"].toolTip()
    program.controller.choose_method("grad-cam", (("augment", True),))
    user.until(lambda: not actions["copy_script"].isEnabled())
    assert "a mean over changed copies of the image" in actions["copy_script"].toolTip()
    assert actions["report"].isEnabled()
    program.controller.choose_method("grad-cam", ())
    user.until(actions["copy_script"].isEnabled)
    assert actions["copy_script"].toolTip() == usual
    user.settle()


def test_a_script_of_an_edited_image_has_a_picture_beside_it(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = user.start()
    state, actions = program.state, program.window.actions_by_id
    edits = Edits((Crop(Rectangle(40, 30, 600, 500)), Hide(Rectangle(200, 150, 90, 120))))
    program.controller.what_if.editor.set(edits, "edits")
    user.until(lambda: state.edits_of(state.pane) == edits)
    user.wait_explained()
    user.until(lambda: not actions["copy_script"].isEnabled())
    assert "the image is edited here" in actions["copy_script"].toolTip()
    assert actions["save_script"].isEnabled()
    mine, saved = tmp_path / "saved image.png", tmp_path / "saved.py"
    mine.write_text("mine")
    with user.qtbot.waitSignal(program.controller.reports.scripted, timeout=WAIT_MS):
        program.controller.reports.script(saved)
    assert mine.read_text() == "mine"
    found = tmp_path / "found.npy"
    monkeypatch.setattr(sys, "argv", [str(saved), str(found)])
    runpy.run_path(str(saved), run_name="__main__")
    shown = state.explanation
    assert shown is not None
    assert np.abs(np.load(found) - shown.map).max() <= 1e-4 * np.abs(shown.map).max()


def open_dialog(user: User) -> ReportDialog:
    user.program.window.actions_by_id["report"].trigger()
    return user.dialog(ReportDialog)


def part(dialog: ReportDialog, text: str) -> QCheckBox:
    return next(box for box in dialog.findChildren(QCheckBox) if box.text().startswith(text))


def test_a_report_of_all_panes(user: User, tmp_path: Path) -> None:
    program = user.start()
    program.controller.comparer.compare_class(1)
    user.until(lambda: len(program.state.panes) == 2)
    user.until(lambda: all(pane.explanation is not None for pane in program.state.panes))
    user.wait_explained()
    dialog = open_dialog(user)
    child(dialog, QPlainTextEdit).setPlainText("Both <shapes> were found.")
    part(dialog, "Settings").setChecked(False)
    # A name without a suffix gets that of the format.
    with user.qtbot.waitSignal(program.controller.reports.written, timeout=WAIT_MS):
        dialog.take(tmp_path / "both")
    page = Page((tmp_path / "both.html").read_bytes())
    assert "Both <shapes> were found." in page.text
    assert "Preprocessing" not in page.text
    for pane in program.state.panes:
        assert pane.explanation is not None
        assert pane.explanation.sentence in page.text
    # The image, and two maps with their bars.
    assert len(page.pictures) == 5
    user.until(lambda: program.window.notice.text == "Saved both.html")
    user.until(lambda: not program.window.findChildren(ReportDialog))
    again = open_dialog(user)
    assert not part(again, "Settings").isChecked()
    with user.qtbot.waitSignal(program.controller.reports.written, timeout=WAIT_MS):
        again.take(tmp_path / "both.pdf")
    assert "Prediction" in Pages((tmp_path / "both.pdf").read_bytes()).whole_text


def test_a_report_that_cannot_be_written_leaves_the_dialog_open(user: User, tmp_path: Path) -> None:
    program = user.start()
    dialog = open_dialog(user)
    with user.qtbot.waitSignal(program.controller.reports.failed, timeout=WAIT_MS) as failed:
        dialog.take(tmp_path / "no folder" / "a.html")
    assert dialog.isVisible()
    assert child(dialog, QPlainTextEdit).isEnabled()
    assert failed.args[0] in dialog.said
    dialog.reject()
    user.settle()


def test_a_report_is_written_beside_the_window_and_can_be_stopped(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = user.start()
    begun, held = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []
    real = report_work.write_report

    def slow(task: report_work.ReportTask, watch: report_work.Watch) -> Path:
        threads.append(threading.current_thread())
        begun.set()
        assert held.wait(60)
        return real(task, watch)

    monkeypatch.setattr("gui.controllers.reports.reports.write_report", slow)
    dialog = open_dialog(user)
    path = tmp_path / "stopped.html"
    dialog.take(path)
    user.until(begun.is_set)
    assert threads[0] is not threading.main_thread()
    stop = next(b for b in dialog.findChildren(QPushButton) if b.text() == "Stop")
    with user.qtbot.waitSignal(program.controller.reports.stopped, timeout=WAIT_MS):
        stop.click()
        held.set()
    assert not path.exists()
    assert dialog.said == "Stopped; nothing was written."
    dialog.reject()
    user.settle()


@pytest.mark.parametrize(
    ("locale", "paper"),
    [("de_DE", "a4"), ("en_US", "letter"), ("en_GB", "a4"), ("fr_CA", "letter"), ("C", "a4")],
)
def test_paper_is_that_of_the_country_until_one_is_chosen(locale: str, paper: str) -> None:
    if locale != "C":
        assert paper_of("", QLocale(locale)) == paper
    else:
        assert paper_of("", QLocale.c()) == paper
    assert paper_of("letter", QLocale(locale)) == "letter"
    assert paper_of("a4", QLocale(locale)) == "a4"


def test_only_a_pdf_has_a_paper(user: User, tmp_path: Path) -> None:
    user.start()
    dialog = open_dialog(user)
    for suffix, on in ((".pdf", True), (".html", False), (".pdf", True)):
        dialog._format.setCurrentIndex(dialog._format.findData(suffix))
        assert dialog._paper.isEnabled() is on
    dialog._paper.setCurrentIndex(dialog._paper.findData("letter"))
    dialog.take(tmp_path / "one.pdf")
    user.until((tmp_path / "one.pdf").is_file)
    assert b"/MediaBox [0 0 612 792]" in (tmp_path / "one.pdf").read_bytes()
    assert paper_of(user.program.settings.get(table.REPORT_PAPER)) == "letter"

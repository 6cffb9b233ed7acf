"""Notices on the folder page: what a person is about to click stays where it is."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QLabel, QMainWindow, QToolButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from gui.state.notices import NoticeKind
from gui.widgets.bars.notice_bar import NoticeBar
from gui.widgets.bars.status_bar import StatusBar
from gui.window.notice_lane import NoticeLane
from tests.gui.folder.conftest import SHAPES, Reader

SHORT = "Tagged 3 images: odd."
LONG = "The index cannot be written, because the disk is full. " * 12


def place(widget: QWidget) -> QRect:
    """Where a widget is on the screen."""
    return QRect(widget.mapToGlobal(QPoint(0, 0)), widget.size())


def places(user: Reader) -> list[QRect]:
    page = user.page
    view = page.rows.view
    row = view.visualRect(page.model.index(3, 1))
    row.moveTopLeft(view.viewport().mapToGlobal(row.topLeft()))
    widgets = (page.head, page.filters.field, view, page.histogram, page.side.kinds)
    return [row, *map(place, widgets)]


@pytest.mark.parametrize("words", [SHORT, LONG])
def test_a_notice_comes_and_goes_and_nothing_moves(
    user: Reader, scenes: Path, index: Path, words: str
) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    user.until(user.page.histogram.isVisible)
    window, notice = user.program.window, user.program.window.notice
    before = places(user)
    user.program.state.notify(NoticeKind.WARNING, words)
    user.until(notice.isVisible)
    assert notice.text == words
    assert places(user) == before
    assert place(window).contains(place(notice))
    if words == SHORT:
        assert place(window.status).contains(place(notice))
    notice.clear()
    assert places(user) == before


def test_it_goes_with_the_page(user: Reader, scenes: Path, index: Path) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    window = user.program.window
    user.program.state.notify(NoticeKind.ERROR, SHORT)
    user.program.controller.folders.turn("picture")
    user.until(window.notice.isVisible)
    user.until(lambda: place(window.notice).bottom() < place(window.canvas).top())
    user.program.controller.folders.turn("folder")
    user.until(window.notice.isVisible)
    assert place(window.status).contains(place(window.notice))
    assert window.notice.text == SHORT


def test_labels_that_are_no_classes_are_said_and_nothing_moves(
    user: Reader, scenes: Path, index: Path
) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    user.until(user.page.histogram.isVisible)
    window, folders = user.program.window, user.program.controller.folders
    link = next(b for b in window.findChildren(QToolButton) if b.text() == "Match labels…")
    assert not link.isVisible()
    before = places(user)
    folders.runs.stop()
    assert folders.job is not None
    folders.runs.know_labels({"Sternchen": 8, "ring": 8}, folders.job[1])
    folders.changed.emit()
    user.until(link.isVisible)
    assert places(user) == before
    assert place(window).contains(place(link))


def test_the_status_line_speaks_of_the_page_in_front(
    user: Reader, scenes: Path, index: Path
) -> None:
    """Layer, time and zoom are of the picture, which is not in sight on the folder page."""
    user.start(model=SHAPES)

    def said() -> list[str]:
        shown = user.program.window.status.findChildren(QLabel)
        return [one.text() for one in shown if one.isVisible() and one.text()]

    before = said()
    assert any("layer4" in text for text in before)
    user.open_explained(scenes, index)
    user.until(lambda: not any("layer4" in text or "%" in text for text in said()))
    user.program.controller.folders.turn("picture")
    user.until(lambda: said() == before)


def test_what_runs_can_be_stopped_beside_it(qtbot: QtBot) -> None:
    window, notice, status = QMainWindow(), NoticeBar(), StatusBar()
    middle = QWidget()
    lane = NoticeLane(window, QVBoxLayout(middle), notice, status)
    window.setCentralWidget(middle)
    window.setStatusBar(status)
    window.resize(900, 400)
    qtbot.addWidget(window)
    window.show()
    lane.stand_at_foot(True)
    notice.show_notice("error", SHORT)
    assert place(status).contains(place(notice))
    status.set_work("Exporting: 3 of 64 images")
    qtbot.waitUntil(lambda: status.working)
    qtbot.waitUntil(lambda: not place(notice).intersects(place(status._stop)))
    assert notice.width() > 300


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_what_is_left_out_of_a_folder_is_told(user: Reader, scenes: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    shutil.copytree(scenes / "star", folder / "star")
    (folder / "ring").symlink_to(scenes / "ring")
    user.start(model=SHAPES)
    user.program.controller.folders.open_paths([folder])
    wanted = "1 folder is left out; "
    user.until(lambda: user.program.window.notice.text.startswith(wanted))
    assert "ring: a link to a folder, which is not followed" in user.program.window.notice.text
    user.wait_done()
    assert user.page.model.rowCount() == len(list((scenes / "star").iterdir()))

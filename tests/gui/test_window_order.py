"""In the window: which notice stays, what moves, what comes before what, what changed is shown."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSettings, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QToolBar, QWidget
from pytestqt.qtbot import QtBot

from engine.records.sources import ModelSource
from gui.app.program import Shell
from gui.state.notices import NoticeKind
from gui.toolkit import theme
from gui.widgets.canvas.image_canvas import ImageCanvas
from gui.widgets.dialogs.export import ExportDialog
from gui.widgets.gallery.dialog import GalleryDialog
from gui.window.main_window import MainWindow
from tests.engine.images.test_colour_profiles import profile
from tests.gui.user import WAIT_MS, User


@pytest.fixture
def window(qapp: QApplication, tmp_path: Path) -> Iterator[MainWindow]:
    """The window as it is painted first, without its panels."""
    store = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    shell = Shell(qapp, store)
    yield shell.window
    shell.window.close()
    shell.window.deleteLater()
    theme.apply(qapp, "light")


class PaintWatch(QObject):
    """Notes where the canvas is whenever it is painted."""

    def __init__(self, canvas: ImageCanvas) -> None:
        super().__init__(canvas)
        self.canvas = canvas
        self.seen: list[QRect] = []
        canvas.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self.seen.append(place_of(self.canvas))
        return super().eventFilter(watched, event)


def status_texts(user: User) -> list[str]:
    return [label.text() for label in user.program.window.status.findChildren(QLabel)]


def place_of(widget: QWidget) -> QRect:
    return QRect(widget.mapTo(widget.window(), QPoint()), widget.size())


def a_turn_of_the_event_loop(qtbot: QtBot) -> None:
    timer = QTimer()
    timer.setSingleShot(True)
    with qtbot.waitSignal(timer.timeout):
        timer.start(0)


# --- notices -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [NoticeKind.ERROR, NoticeKind.WARNING])
def test_what_was_done_does_not_replace_what_went_wrong(user: User, kind: NoticeKind) -> None:
    program = user.start()
    program.state.notify(kind, "The disk is full.")
    program.state.notify(NoticeKind.INFO, "Exported out.png")
    assert program.window.notice.text == "The disk is full."
    assert program.window.notice.kind == kind.value
    assert "Exported out.png" in status_texts(user)
    program.window.notice.clear()
    program.state.notify(NoticeKind.INFO, "Exported out.png")
    assert program.window.notice.text == "Exported out.png"


def test_an_error_of_a_model_outlives_the_next_explanation(user: User) -> None:
    program = user.start()
    program.controller.models.open(ModelSource("no_such_network"))
    user.until(lambda: program.state.model_loading is None)
    told = program.window.notice.text
    assert "no_such_network" in told
    program.window.tree.layer_chosen.emit("layer2")
    user.wait_layer("layer2")
    assert program.window.notice.text == told
    assert program.window.notice.kind == "error"


# --- painting and panels -------------------------------------------------------------------------


def test_the_first_paint_is_over_when_it_is_told(window: MainWindow, qtbot: QtBot) -> None:
    order: list[str] = []

    class Listener(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint:
                order.append(f"painted {window.painted}")
            return False

    listener = Listener(window)
    for child in window.findChildren(QWidget):
        child.installEventFilter(listener)
    window.first_painted.connect(lambda: order.append(f"told {window.painted}"))
    with qtbot.waitSignal(window.first_painted, timeout=WAIT_MS):
        window.show()
    assert order[0] == "painted False"
    assert order.count("told True") == 1
    assert order.index("painted False") < order.index("told True")
    assert "painted True" not in order, "every widget before it"
    window.repaint()
    a_turn_of_the_event_loop(qtbot)
    assert order.count("told True") == 1, "told once"


@pytest.mark.parametrize("size", [(1280, 800), (900, 640)])
def test_the_panels_come_into_the_room_that_was_kept_for_them(
    window: MainWindow, qtbot: QtBot, size: tuple[int, int]
) -> None:
    window.resize(*size)
    with qtbot.waitSignal(window.first_painted, timeout=WAIT_MS):
        window.show()
    before = place_of(window.columns.widget(1))
    bars = (window.columns, window.menuBar(), *window.findChildren(QToolBar))
    others = {w: place_of(w) for w in bars}
    low = place_of(window.statusBar())
    window.complete()
    paints = PaintWatch(window.canvas)
    qtbot.waitUntil(lambda: window.tree.isVisible() and window.strip.isVisible())
    for _ in range(3):
        a_turn_of_the_event_loop(qtbot)
    assert place_of(window.canvas) == before
    assert {w: place_of(w) for w in others} == others
    assert place_of(window.status) == low
    window.canvas.viewport().repaint()
    assert paints.seen
    assert set(map(QRect.getRect, paints.seen)) == {before.getRect()}, "not even for a moment"


def test_tab_goes_from_left_to_right_and_then_down(user: User) -> None:
    window = user.start().window
    user.focus_tree()
    panels = {
        "tree": window.tree,
        "canvas": window.canvas,
        "predictions": window.predictions,
        "display": window.display,
        "strip": window.strip,
    }
    order = ["tree"]
    for _ in range(80):
        QTest.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_Tab)
        focus = QApplication.focusWidget()
        assert focus is not None
        for name, panel in panels.items():
            if (panel is focus or panel.isAncestorOf(focus)) and order[-1] != name:
                order.append(name)
        if order.count("tree") == 2:
            break
    assert order == [*panels, "tree"]


# --- choosing, stopping, exporting ---------------------------------------------------------------


def test_escape_marks_the_class_that_is_shown_again(user: User) -> None:
    program = user.start()
    window, bench = program.window, program.controller._worker
    original, begun = bench.explain, threading.Event()

    def held(*args: Any) -> Any:
        begun.set()
        user.gate.wait(WAIT_MS / 1000)
        return original(*args)

    bench.explain = held  # type: ignore[method-assign]
    shown = user.target
    assert shown is not None
    other = (shown + 1) % 5
    user.focus_tree()
    program.controller.choose_class(other)
    user.until(begun.is_set)
    assert window.predictions.selected() == other
    user.press(Qt.Key.Key_Escape)
    assert window.predictions.selected() == shown
    user.gate.set()
    user.settle()
    window.tree.layer_chosen.emit("layer1")
    user.wait_layer("layer1")
    assert user.target == shown
    assert window.predictions.selected() == shown


def test_an_export_writes_what_was_shown_when_it_was_asked_for(user: User, tmp_path: Path) -> None:
    program = user.start()
    expected = program.state.explanation
    assert expected is not None
    program.handlers.saver.export()
    dialog = user.dialog(ExportDialog)
    dialog._map.setChecked(True)
    program.controller.choose_layer("layer1")
    user.wait_layer("layer1")
    with user.qtbot.waitSignal(program.controller.exports.written, timeout=WAIT_MS):
        dialog.take(tmp_path / "out.png")
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected.map)
    now = program.state.explanation
    assert now is not None
    assert now.map.shape != expected.map.shape
    user.settle()


def test_the_rows_of_a_reused_module_have_thumbnails(user: User) -> None:
    program = user.start(sweep=True)
    user.until(lambda: program.state.sweep is not None)
    thumbnails = program.window.tree._model.thumbnails
    node = next(n for n in program.state.layers if n.explainable and n.calls > 1)
    rows = {f"{node.name}#{k}" for k in range(node.calls)}
    user.until(lambda: rows <= set(program.window.tree._model.thumbnails))
    assert all(not thumbnails[row].isNull() for row in rows)
    user.settle()


# --- files that change ---------------------------------------------------------------------------


def flat(path: Path, color: str, seconds: int) -> Path:
    Image.new("RGB", (120, 90), color).save(path)
    os.utime(path, (seconds, seconds))
    return path


def test_a_file_that_changed_is_shown_anew(user: User, tmp_path: Path) -> None:
    path = flat(tmp_path / "picture.png", "red", 1000)
    program = user.start(path)
    old = program.state.explanation
    assert seen_picture(user) is not None
    flat(path, "blue", 2000)
    program.controller.images.open_paths([path])
    user.until(lambda: program.state.explanation not in (None, old))
    user.settle()
    current = program.state.current
    assert current is not None
    assert current.picture is not None
    assert seen_picture(user) is current.picture
    assert program.window.canvas._explanation is program.state.explanation


def test_a_broken_file_that_was_repaired_is_shown(user: User, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"no picture")
    program = user.start(path, explained=False)
    user.until(lambda: "Cannot open this image" in user.said)
    flat(path, "blue", 2000)
    program.controller.images.open_paths([path])
    user.wait_explained()
    current = program.state.current
    assert current is not None
    assert seen_picture(user) is current.picture
    assert "Cannot open this image" not in user.said


def seen_picture(user: User) -> object:
    return user.program.window.canvas._picture


def test_the_first_window_is_no_larger_than_the_screen(window: MainWindow) -> None:
    """The screen of these tests is 800 x 800, less than the size that a large one gets."""
    screen = window.screen().availableSize()
    assert screen.width() < 1280
    assert window.width() <= screen.width()
    assert window.height() <= screen.height()


def test_a_photograph_in_the_demo_is_told_what_the_demo_knows(user: User, tmp_path: Path) -> None:
    """Once closed, it stays closed, in the next start as well."""
    Image.new("RGB", (90, 60), "teal").save(tmp_path / "own.png")
    program = user.start(tmp_path / "own.png")
    notice = program.window.notice
    assert notice.kind == NoticeKind.HINT
    assert "1,000 classes" in notice.text
    (close,) = [
        b for b in notice.findChildren(QAbstractButton) if b.accessibleName() == "Close notice"
    ]
    close.click()
    assert not notice.text
    user.leave()
    program = user.start(tmp_path / "own.png")
    assert not program.window.notice.text


def test_the_way_from_the_demo_to_a_model(user: User, tmp_path: Path) -> None:
    Image.new("RGB", (90, 60), "teal").save(tmp_path / "own.png")
    program = user.start(tmp_path / "own.png")
    notice = program.window.notice
    (way,) = [b for b in notice.findChildren(QAbstractButton) if b.text() == "Open model…"]
    way.click()
    user.dialog(GalleryDialog).reject()


def test_a_warning_about_an_image_leaves_with_it(user: User, tmp_path: Path) -> None:
    wide, plain = tmp_path / "wide.png", tmp_path / "plain.png"
    Image.new("RGB", (90, 60), "teal").save(wide, icc_profile=profile({}))
    Image.new("RGB", (90, 60), "navy").save(plain)
    program = user.start(wide)
    notice = program.window.notice
    assert "colour profile" in notice.text
    program.controller.images.open_paths([plain], plain)
    user.until(lambda: program.state.current is not None and program.state.current.path == plain)
    assert "colour profile" not in notice.text

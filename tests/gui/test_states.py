"""What the window shows when something is missing or failed: nothing that is still true goes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from engine.records.sources import ModelSource
from gui.app.program import Program
from gui.jobs.lanes import Job
from gui.settings import table
from gui.settings.store import Settings

WAIT_MS = 60_000


@pytest.fixture
def program(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[Program]:
    store = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    Settings(store).set(table.SWEEP_ENABLED, False)
    made = Program(qapp, store)
    made.window.resize(1024, 640)
    yield made
    made.window.close()
    made.window.deleteLater()


def wait_explained(program: Program, qtbot: QtBot) -> None:
    program.start()
    qtbot.waitUntil(
        lambda: program.state.explanation is not None and not program.state.computing,
        timeout=WAIT_MS,
    )


def texts(program: Program) -> list[str]:
    return [label.text() for label in program.window.status.findChildren(QLabel)]


def test_a_model_that_fails_leaves_the_open_one_as_it_was(program: Program, qtbot: QtBot) -> None:
    wait_explained(program, qtbot)
    window, state = program.window, program.state
    chosen = window.predictions.selected()
    assert chosen is not None
    window.tree.select("layer3")
    program.controller.models.open(ModelSource("resnet50", str(Path("nowhere.pth").absolute())))
    qtbot.waitUntil(lambda: state.model_loading is None, timeout=WAIT_MS)
    assert state.model_error
    assert window.notice.kind == "error"
    assert window.predictions.selected() == chosen
    assert window.tree.current() == "layer3"
    assert state.explanation is not None


def test_an_image_without_a_model_is_shown_and_nothing_keeps_turning(
    program: Program, qtbot: QtBot
) -> None:
    lane, let = program.controller.engine_lane, threading.Event()
    lane.submit(Job("held", lambda _: let.wait(WAIT_MS / 1000)))
    program.controller.images.open_scenes()
    program.window.show()
    qtbot.waitUntil(
        lambda: program.state.current is not None and program.state.current.picture is not None,
        timeout=WAIT_MS,
    )
    # As with Escape: the demo is not opened.
    lane.cancel("model")
    let.set()
    qtbot.waitUntil(lambda: lane.running is None, timeout=WAIT_MS)
    assert program.state.model_loading is None
    assert program.state.info is None
    assert not program.state.computing
    assert not program.window.canvas.busy_shown
    assert any(text.endswith(" %") for text in texts(program))


def test_the_zoom_is_not_told_without_a_picture(program: Program, qtbot: QtBot) -> None:
    wait_explained(program, qtbot)
    assert any(text.endswith(" %") for text in texts(program))
    for key in list(program.state.images):
        program.controller.images.close(key)
    assert not any(text.endswith(" %") for text in texts(program))


def test_five_predictions_fit_into_a_small_window(program: Program, qtbot: QtBot) -> None:
    wait_explained(program, qtbot)
    listed = program.window.predictions._list
    assert listed.model().rowCount() == 5
    assert listed.verticalScrollBar().maximum() == 0


def test_the_tree_has_the_keys_at_the_start(program: Program, qtbot: QtBot) -> None:
    wait_explained(program, qtbot)
    program.window.activateWindow()
    focus = QApplication.focusWidget()
    assert focus is not None
    assert program.window.tree.isAncestorOf(focus)

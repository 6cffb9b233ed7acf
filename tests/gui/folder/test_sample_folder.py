"""Help > Sample folder, and where the keyboard is when what it was on goes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolButton

from engine.formats.demo import SCENES
from engine.records.sources import ModelSource
from engine.scenery import folder as scenery
from gui.controllers.models import FIRST_MODEL, PHOTO_MODEL
from gui.state.folders import RunState
from gui.widgets.folder.figures.clusters import ClusterPanel, ClusterRow
from tests.gui.folder.conftest import SHAPES, Reader

LEFT = Qt.MouseButton.LeftButton


def test_the_sample_folder_opens_with_its_network(
    user: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenery, "COUNT", 16)
    program = user.start()
    program.window.actions_by_id["sample_folder"].trigger()
    user.until(lambda: program.window.folder is not None)
    user.wait_done()
    job = program.controller.folders.job
    assert job is not None
    assert job[1].model == "demo:shortcut"
    assert user.page.head.title.text() == "Sample scenes"
    assert user.page.model.rowCount() == 16
    names, said = user.texts("name"), user.texts("prediction")
    told = dict(zip(names, said, strict=True))
    assert told["circle/circle 0.jpg"] == "star"
    assert all(told[name] == "star" for name in names if name.startswith("star/"))
    # Again: nothing is drawn, and nothing computed.
    done = program.controller.folders.folder
    program.controller.folders.close_folder()
    program.window.actions_by_id["sample_folder"].trigger()
    user.until(lambda: program.controller.folders.folder == done)
    user.until(lambda: user.page.model.rowCount() == 16)


def test_the_network_that_explains_a_folder_stays_although_a_scene_is_on_the_other_page(
    user: Reader, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, sample in enumerate(SCENES[:3]):
        shutil.copy(sample.path, photos / f"mine {number}.jpg")
    program = user.start()
    assert program.state.model_source == FIRST_MODEL
    user.open_folder(photos)
    user.settle()
    assert program.state.model_loading is None
    assert program.state.model_source == PHOTO_MODEL
    assert user.page.head.button.isHidden()
    # There and back, it is still the one that the rows are of.
    for page in ("picture", "folder"):
        program.controller.folders.turn(page)
        user.settle()
    assert program.state.model_source == PHOTO_MODEL
    assert user.page.head.button.isHidden()


def test_a_folder_waits_for_the_model_that_was_just_chosen(user: Reader, tmp_path: Path) -> None:
    folder = scenery.write_scenes(tmp_path / "scenes", 8)
    controller = user.start(model=SHAPES).controller
    user.open_folder(folder)
    runs = controller.folders.runs
    controller.models.open(ModelSource("demo:shortcut"))
    runs.run()
    assert runs.state is RunState.WAITING
    user.until(lambda: runs.state is RunState.DONE)
    user.until(lambda: len(controller.folders.jobs) == 2)
    assert {job.model for _, job in controller.folders.jobs} == {"demo:shapes", "demo:shortcut"}


def test_the_keyboard_stays_when_a_chip_is_taken_off(
    user: Reader, scenes: Path, index: Path
) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    page = user.page
    page.filters.typed.emit("wrong")
    user.until(lambda: bool(page.filters.chips()))
    chip = next(
        button
        for button in page.filters.findChildren(QToolButton)
        if button.accessibleName().startswith("Remove filter")
    )
    chip.setFocus()
    QTest.keyClick(chip, Qt.Key.Key_Space)
    user.until(lambda: not page.filters.chips())
    assert page.filters.isAncestorOf(QApplication.focusWidget())


def test_the_keyboard_stays_on_a_group_whose_region_is_being_hidden(user: Reader) -> None:
    program = user.start()
    panel = ClusterPanel()
    panel.setParent(program.window)
    panel.show()
    image = QImage(4, 4, QImage.Format.Format_RGB32)
    map = np.ones((2, 2), np.float32)
    rows = [ClusterRow(image, map, f"star, group {n}", "", "", "") for n in (1, 2)]
    panel.set_clusters(rows, "", can_hide="")
    panel.cards[1].button.setFocus()
    found = ClusterRow(image, map, "star, group 2", "", "", "", "hiding its region turned 2 of 2")
    panel.set_clusters([rows[0], found], "", can_hide="")
    assert QApplication.focusWidget() is panel.cards[1]
    panel.set_clusters([], "", can_hide="")
    assert QApplication.focusWidget() is panel.classes
    panel.deleteLater()


def test_home_and_end_go_to_the_ends_of_the_list(user: Reader, scenes: Path, index: Path) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    rows = user.page.rows.view
    user.page.focus_rows()
    QTest.keyClick(rows, Qt.Key.Key_End)
    assert rows.currentIndex().row() == user.page.model.rowCount() - 1
    QTest.keyClick(rows, Qt.Key.Key_Home, Qt.KeyboardModifier.ShiftModifier)
    assert rows.currentIndex().row() == 0
    assert len(user.page.rows.selected_numbers()) == user.page.model.rowCount()
    QTest.keyClick(rows, Qt.Key.Key_End)
    assert len(user.page.rows.selected_numbers()) == 1

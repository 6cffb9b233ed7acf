"""The context menus: what was clicked is what they are about, and closing is undone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint
from PySide6.QtGui import QAction, QContextMenuEvent, QGuiApplication
from PySide6.QtWidgets import QAbstractItemView, QApplication, QMenu, QPushButton, QTreeView

from engine.formats.demo import SCENES
from gui.handlers import context_menus
from gui.window.commands.table import table
from gui.window.menus import CANVAS, COMPARE, PREDICTIONS, STRIP, TREE, fill
from tests.gui.texts import name_of
from tests.gui.user import User, child


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"img{number}.png" for number in (1, 2, 10)]
    for number, path in enumerate(paths):
        Image.fromarray(np.full((60, 90, 3), 40 * number + 30, np.uint8)).save(path)
    return paths


@pytest.fixture
def revealed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that a file manager, which the machine of a test has none of, would show."""
    shown: list[Path] = []
    monkeypatch.setattr(context_menus, "reveal", lambda path: shown.append(path) or True)
    return shown


def popped_up() -> QMenu:
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def menu_at(view: QAbstractItemView, place: QPoint) -> QMenu:
    event = QContextMenuEvent(
        QContextMenuEvent.Reason.Mouse, place, view.viewport().mapToGlobal(place)
    )
    QApplication.sendEvent(view.viewport(), event)
    return popped_up()


def strip_menu(user: User, name: str) -> QMenu:
    state, strip = user.program.state, user.program.window.strip
    key = next(key for key, image in state.images.items() if image.name == name)
    view = child(strip, QAbstractItemView)
    index = view.model().index(strip.keys().index(key), 0)
    view.scrollTo(index)
    return menu_at(view, view.visualRect(index).center())


def entries(menu: QMenu) -> dict[str, QAction]:
    return {name_of(action): action for action in menu.actions() if action.text()}


def choose(menu: QMenu, text: str) -> None:
    action = entries(menu)[text]
    assert action.isEnabled()
    action.trigger()
    menu.close()


def test_every_entry_is_a_command_and_each_place_has_room_for_comparing(user: User) -> None:
    user.start()
    known = {command.id for command in table() if command.bound}
    for place in (CANVAS, STRIP, TREE, PREDICTIONS):
        menu = QMenu(user.program.window)
        fill(menu, place, user.program.window.actions_by_id)
        ids = {action.objectName() for action in menu.actions() if action.text()}
        assert ids <= known
        assert {"copy", "export"} <= ids
        assert place in COMPARE
        menu.deleteLater()


def test_the_strips_menu_is_about_the_image_under_the_pointer(
    user: User, pictures: list[Path], revealed: list[Path]
) -> None:
    program = user.start(*pictures)
    menu = strip_menu(user, "img10.png")
    found = entries(menu)
    # Only the image on the screen has a map.
    assert not found["Copy image"].isEnabled()
    assert not found["Export…"].isEnabled()
    choose(menu, "Show image in its folder")
    assert revealed == [pictures[2]]
    choose(strip_menu(user, "img2.png"), "Copy image path")
    data = QGuiApplication.clipboard().mimeData()
    assert data.text() == str(pictures[1])
    assert [url.toLocalFile() for url in data.urls()] == [str(pictures[1])]
    assert program.state.current is not None
    assert program.state.current.name == "img1.png"
    shown = strip_menu(user, "img1.png")
    assert entries(shown)["Export…"].isEnabled()
    shown.close()
    choose(strip_menu(user, "img2.png"), "Close image")
    assert user.names == ["img1.png", "img10.png"]


def test_closing_others_and_all_is_undone(user: User, pictures: list[Path]) -> None:
    program = user.start(*pictures)
    program.controller.choose_class(3)
    user.wait_explained()
    choose(strip_menu(user, "img2.png"), "Close other images")
    user.until(lambda: user.names == ["img2.png"])
    user.wait_explained()
    notice = program.window.notice
    assert notice.text == "Closed 2 images."
    (again,) = [b for b in notice.findChildren(QPushButton) if b.isVisible()]
    again.click()
    user.wait_explained()
    assert sorted(user.names) == ["img1.png", "img10.png", "img2.png"]
    assert program.state.current is not None
    assert program.state.current.name == "img1.png"
    assert user.target == 3, "what was chosen for it is there again"
    program.window.actions_by_id["close_all"].trigger()
    assert user.names == []
    assert not program.window.actions_by_id["close_all"].isEnabled()
    program.window.actions_by_id["reopen_images"].trigger()
    user.wait_explained()
    assert len(user.names) == 3
    user.until(lambda: bool(program.window.strip._model._images[2].thumbnail.width()))
    program.window.actions_by_id["reopen_images"].trigger()
    assert len(user.names) == 3, "there is nothing more to open again"


def test_a_pasted_image_that_was_closed_is_there_again(user: User, pictures: list[Path]) -> None:
    program = user.start(pictures[0])
    shown = program.state.current
    assert shown is not None
    assert shown.picture is not None
    QGuiApplication.clipboard().setImage(shown.picture.levels[0])
    program.window.actions_by_id["paste"].trigger()
    user.until(lambda: "pasted image" in user.names)
    user.wait_explained()
    assert not program.window.actions_by_id["reveal_image"].isEnabled()
    program.window.actions_by_id["close_image"].trigger()
    user.wait_explained()
    program.window.actions_by_id["reopen_images"].trigger()
    user.wait_explained()
    assert user.names == ["img1.png", "pasted image"]


def test_the_scenes_of_the_program_have_no_folder_to_show(user: User) -> None:
    program = user.start()
    assert program.state.current is not None
    assert program.state.current.name == SCENES[0].title
    assert not program.window.actions_by_id["reveal_image"].isEnabled()
    assert not program.window.actions_by_id["reveal_model"].isEnabled()


def test_the_trees_menu_exports_the_map_of_the_layer_that_is_shown(user: User) -> None:
    program = user.start()
    window = program.window
    view = child(window.tree, QTreeView)
    assert program.state.explanation is not None
    window.tree.select(program.state.explanation.layer)
    menu = menu_at(view, view.visualRect(view.currentIndex()).center())
    assert entries(menu)["Export…"].isEnabled()
    assert "Copy name" in entries(menu)
    menu.close()
    window.tree.select("conv1")
    menu = menu_at(view, view.visualRect(view.currentIndex()).center())
    assert not entries(menu)["Export…"].isEnabled()
    menu.close()


def test_the_predictions_menu_copies_the_name_of_its_class(user: User) -> None:
    program = user.start()
    panel = program.window.predictions
    assert program.state.answer is not None
    other = program.state.answer.predictions[1]
    panel._list.menu_wanted.emit(other.index, panel.mapToGlobal(panel.rect().center()))
    menu = popped_up()
    assert not entries(menu)["Export…"].isEnabled()
    choose(menu, "Copy class name")
    assert QGuiApplication.clipboard().text() == other.label


def test_the_predictions_menu_pins_the_class_that_was_clicked(user: User) -> None:
    program = user.start()
    panel, state = program.window.predictions, program.state
    assert state.answer is not None
    other = state.answer.predictions[1]
    panel._list.menu_wanted.emit(other.index, panel.mapToGlobal(panel.rect().center()))
    choose(popped_up(), "Pin class")
    user.until(lambda: user.target == other.index)
    assert state.pinned == other.label
    program.controller.images.step(1)
    user.wait_explained()
    assert user.target == other.index


def test_the_canvas_menu_has_what_its_image_can_have(user: User, pictures: list[Path]) -> None:
    program = user.start(*pictures)
    canvas = program.window.canvas
    canvas.menu_wanted.emit(canvas.mapToGlobal(canvas.rect().center()))
    menu = popped_up()
    found = entries(menu)
    for text in ("Fit to window", "Copy image", "Show image in its folder", "Close other images"):
        assert found[text].isEnabled()
    assert "Next page" not in found
    menu.close()

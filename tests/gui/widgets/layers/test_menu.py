"""A row's own menu: its name, and another reading of its output."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QPoint
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu, QTreeView

from engine.lazy import torchvision
from engine.records.models import Layout
from gui.state.notices import NoticeKind
from tests.gui.texts import name_of
from tests.gui.user import User, child, files


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def menu_of(user: User, layer: str, keyboard: bool = False) -> QMenu:
    """The menu as the right button or the menu key brings it up."""
    tree = user.program.window.tree
    tree.select(layer)
    view = child(tree, QTreeView)
    place = view.visualRect(view.currentIndex()).center() if not keyboard else QPoint()
    reason = QContextMenuEvent.Reason.Keyboard if keyboard else QContextMenuEvent.Reason.Mouse
    event = QContextMenuEvent(reason, place, view.viewport().mapToGlobal(place))
    QApplication.sendEvent(view.viewport(), event)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def choose(user: User, layer: str, title: str) -> None:
    menu = menu_of(user, layer)
    (inner,) = [
        m for m in menu.findChildren(QMenu) if name_of(m.menuAction()) == "Interpret output as"
    ]
    (action,) = [a for a in inner.actions() if name_of(a) == title]
    action.trigger()
    menu.close()


def layout_of(user: User, layer: str) -> Layout | None:
    return next(node.layout for node in user.program.state.layers if node.name == layer)


@pytest.mark.parametrize("keyboard", [False, True])
def test_the_name_goes_to_the_clipboard(user: User, keyboard: bool) -> None:
    user.start()
    menu = menu_of(user, "layer3", keyboard)
    (copy,) = [a for a in menu.actions() if name_of(a) == "Copy name"]
    copy.trigger()
    menu.close()
    assert QGuiApplication.clipboard().text() == "layer3"


def test_another_reading_of_a_layer_and_back(user: User, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = torchvision.load().models.swin_t(weights=None, num_classes=3)
    torch.save(network.state_dict(), tmp_path / "swin.pth")
    state = user.start().state
    user.drop(files(tmp_path / "swin.pth"))
    user.until(lambda: state.info is not None and state.info.source == "swin_t")
    user.wait_explained()
    user.program.controller.choose_layer("features.5")
    user.wait_layer("features.5")
    shape = state.explanation.map.shape if state.explanation is not None else ()
    assert (layout_of(user, "features.5"), shape) == (Layout.CHANNELS_LAST, (14, 14))

    choose(user, "features.5", "Channels first (B C H W)")
    user.until(lambda: layout_of(user, "features.5") is Layout.CHANNELS_FIRST)
    user.wait_layer("features.5")
    assert state.explanation is not None
    assert state.explanation.map.shape == (14, 384)

    choose(user, "features.5", "Detect automatically")
    user.until(lambda: layout_of(user, "features.5") is Layout.CHANNELS_LAST)
    user.wait_layer("features.5")


def test_an_impossible_reading_is_refused_in_words(user: User) -> None:
    program = user.start()
    before = program.state.layers
    program.window.tree.layout_chosen.emit("layer4", Layout.TOKENS)
    user.until(lambda: program.window.notice.kind == NoticeKind.ERROR)
    assert "layer4" in program.window.notice.text
    assert program.state.layers is before

"""The table of commands: keys are unique, menus follow it, typing never triggers a command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QComboBox,
    QLineEdit,
    QMainWindow,
    QPlainTextEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from engine.formats.torchvision.gallery import PublishedModel, PublishedWeights
from engine.records.models import LayerNode
from gui.widgets.gallery.dialog import GalleryDialog
from gui.widgets.image_strip.strip import ImageStrip
from gui.widgets.layers.tree import LayerTree
from gui.widgets.predictions.panel import PredictionPanel
from gui.window import actions as a
from gui.window.commands import table
from gui.window.toolbar import Toolbar

SINGLE = [
    (command.id, key)
    for command in table.table()
    for key in command.keys
    if command.bound and len(key) == 1
]


class Window(QMainWindow):
    def __init__(self) -> None:
        super().__init__()
        self.acts = a.Actions(self)
        self.acts.complete()
        self.fired: list[str] = []
        for id, action in self.acts.items():
            action.triggered.connect(lambda _c=False, id=id: self.fired.append(id))
        self.field = QLineEdit()
        self.plain = QWidget()
        self.plain.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        body = QWidget()
        self.box = QVBoxLayout(body)
        self.box.addWidget(self.field)
        self.box.addWidget(self.plain)
        self.setCentralWidget(body)


@pytest.fixture
def window(qtbot: QtBot) -> Window:
    window = Window()
    qtbot.addWidget(window)
    with qtbot.waitExposed(window):
        window.show()
    window.activateWindow()
    return window


def focus(qtbot: QtBot, widget: QWidget) -> None:
    widget.setFocus()
    qtbot.waitUntil(widget.hasFocus)


def test_ids_and_keys_are_unique() -> None:
    ids = [command.id for command in table.table()]
    assert len(set(ids)) == len(ids)
    keys = [QKeySequence(k).toString() for command in table.table() for k in command.keys]
    assert all(keys)
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(("id", "key"), SINGLE)
def test_a_single_key_fires_only_outside_text(
    qtbot: QtBot, window: Window, id: str, key: str
) -> None:
    focus(qtbot, window.field)
    qtbot.keyClicks(window.field, key)
    assert window.fired == []
    assert window.field.text() == key
    focus(qtbot, window.plain)
    qtbot.keyClicks(window.plain, key)
    assert window.fired == [id]


@pytest.mark.parametrize("kind", [QPlainTextEdit, QSpinBox, QComboBox])
def test_other_text_fields_keep_their_keys_too(
    qtbot: QtBot, window: Window, kind: type[QWidget]
) -> None:
    field = kind()
    if isinstance(field, QComboBox):
        field.setEditable(True)
    window.box.addWidget(field)
    focus(qtbot, field)
    target = window.focusWidget()
    for _, key in SINGLE:
        qtbot.keyClicks(target, key)
    assert window.fired == []


def test_keys_with_ctrl_work_while_typing(qtbot: QtBot, window: Window) -> None:
    focus(qtbot, window.field)
    QTest.keyClick(window.field, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(window.field, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(window.field, Qt.Key.Key_PageDown)
    assert window.fired == ["open_image", "find_class", "next_image"]


def network(rows: int) -> tuple[LayerNode, ...]:
    return tuple(
        LayerNode(f"layer{row}", "Conv2d", (8, 4, 4), 1, 1, True, "", False) for row in range(rows)
    )


def test_page_keys_turn_to_other_images_from_every_list(qtbot: QtBot, window: Window) -> None:
    tree, panel, strip = LayerTree(), PredictionPanel(), ImageStrip()
    tree.set_layers(network(300))
    panel.set_classes(tuple(f"kind {index}" for index in range(300)))
    panel._search.setText("kind")
    strip.add_many([("a", "a.png"), ("b", "b.png")])
    for widget in (tree, panel, strip):
        window.box.addWidget(widget)
    window.resize(900, 900)
    tree.setFocus()
    qtbot.waitUntil(tree._view.hasFocus)
    before = tree._view.currentIndex().row()
    QTest.keyClick(tree._view, Qt.Key.Key_PageDown)
    focus(qtbot, panel._results)
    found = panel._results.currentIndex().row()
    QTest.keyClick(panel._results, Qt.Key.Key_PageDown)
    strip.setFocus()
    qtbot.waitUntil(strip._view.hasFocus)
    QTest.keyClick(strip._view, Qt.Key.Key_PageUp)
    assert window.fired == ["next_image", "next_image", "previous_image"]
    assert tree._view.currentIndex().row() == before
    assert panel._results.currentIndex().row() == found


def test_a_dialog_keeps_its_keys(qtbot: QtBot, window: Window, tmp_path: Path) -> None:
    dialog = GalleryDialog(tmp_path, parent=window)
    weights = PublishedWeights("V1", "", tmp_path / "x.pth", 1, 1.0, 2.0, 224, "", False, 0)
    dialog.set_models([PublishedModel(f"net{n:03}", 1, (weights,)) for n in range(100)])
    with qtbot.waitExposed(dialog):
        dialog.open()
    dialog.activateWindow()
    focus(qtbot, dialog._table)
    QTest.keyClick(dialog._table, Qt.Key.Key_PageDown)
    assert dialog._table.currentIndex().row() > 1
    assert window.fired == []
    dialog.reject()


def test_menus_follow_the_table(window: Window) -> None:
    titles = [action.text().replace("&", "") for action in window.menuBar().actions()]
    assert titles == ["File", "Edit", "View", "Model", "Image", "Help"]
    for command in table.table():
        if command.bound and not command.submenu:
            assert window.acts[command.id] in window.acts.menu(command.menu).actions()
    assert not window.acts.menu("recent_images").isEnabled()
    assert not window.acts.menu("View").actions()[0].isSeparator()


def test_groups_are_exclusive(window: Window) -> None:
    window.acts.check("sign_positive")
    window.acts.check("sign_signed")
    assert not window.acts["sign_positive"].isChecked()
    window.acts.check("colormap_viridis")
    assert window.acts["sign_signed"].isChecked()
    assert window.fired == []


def test_connect_enable(window: Window, qtbot: QtBot) -> None:
    calls: list[int] = []
    window.acts.connect({"fit": lambda: calls.append(1)})
    window.acts["fit"].trigger()
    window.acts.enable(("fit", "export"), False)
    window.acts["fit"].trigger()
    assert calls == [1]
    assert not window.acts["export"].isEnabled()
    with pytest.raises(KeyError):
        window.acts.connect({"nothing": lambda: None})


def test_recent_entries(window: Window) -> None:
    opened: list[str] = []
    entries = [("cat & dog.png", "/a/cat & dog.png"), ("b.png", "/b.png")]
    window.acts.fill("recent_images", entries, opened.append)
    menu = window.acts.menu("recent_images")
    assert menu.isEnabled()
    assert [action.text() for action in menu.actions()] == ["cat && dog.png", "b.png"]
    assert menu.toolTipsVisible()
    assert menu.actions()[0].toolTip() == "/a/cat & dog.png"
    menu.actions()[0].trigger()
    assert opened == ["/a/cat & dog.png"]
    window.acts.fill("recent_images", [], opened.append)
    assert not menu.isEnabled()


def test_shortcut_rows_name_every_key_once() -> None:
    rows = table.shortcut_rows()
    texts = [text for _, text, _ in rows]
    assert "Show original image (hold)" in texts
    assert "Explain prediction 1 to 9" in texts
    assert not any(re.fullmatch(r"Prediction \d", text) for text in texts)
    shown = " ".join(keys for _, _, keys in rows)
    for wanted in ("Ctrl+O", "Space", "Del", "F1", "PgUp", "["):
        assert wanted in shown
    assert {menu for menu, _, _ in rows} <= {"File", "Edit", "View", "Model", "Image", "Help"}


def test_toolbar(window: Window, qtbot: QtBot) -> None:
    bar = Toolbar(window.acts)
    qtbot.addWidget(bar)
    bar.fill()
    buttons = bar.buttons
    assert [button.text() for button in buttons.values()] == ["Open image", "Open model", "Export"]
    assert all(not button.icon().isNull() for button in buttons.values())
    buttons["export"].click()
    assert window.fired == ["export"]
    offered = [action.objectName() for action in buttons["open_model"].menu().actions()]
    assert offered[: len(table.MODEL_MENU)] == list(table.MODEL_MENU)

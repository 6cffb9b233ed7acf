"""Several layers as one map, copies of the image and smoothing, in the real window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QMenu, QTreeView

import engine
from engine.formats.demo import SCENES
from engine.records.asked import Question
from gui.widgets.choices.option_form import OptionForm
from tests.gui.test_methods import offered, open_panel, shown, wait_method, wait_swept
from tests.gui.texts import name_of
from tests.gui.user import Key, Modifier, User, child

BOTH = "layer3 + layer4"


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles of this test alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    """The same model and picture through the engine's public interface."""
    image = engine.load_image(SCENES[0].path)
    with engine.Session(engine.load_model("demo:shapes"), image) as session:
        yield session


def place_of(user: User, layer: str) -> QPoint:
    view, tree = child(user.program.window.tree, QTreeView), user.program.window.tree
    rect = view.visualRect(tree._model.index_of(layer))
    return QPoint(rect.left() + 8, rect.center().y())


def ctrl_click(user: User, layer: str) -> None:
    view = child(user.program.window.tree, QTreeView)
    left, keys = Qt.MouseButton.LeftButton, Modifier.ControlModifier
    QTest.mouseClick(view.viewport(), left, keys, place_of(user, layer))


def menu_of(user: User, layer: str) -> QMenu:
    """The menu of a row, as a press with the right button brings it up."""
    view, place = child(user.program.window.tree, QTreeView), place_of(user, layer)
    QTest.mousePress(view.viewport(), Qt.MouseButton.RightButton, pos=place)
    at = view.viewport().mapToGlobal(place)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, at)
    QApplication.sendEvent(view.viewport(), event)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def choose(menu: QMenu, text: str) -> None:
    (action,) = (action for action in menu.actions() if name_of(action) == text)
    assert action.isEnabled()
    action.trigger()
    menu.close()


def options_of(user: User, title: str) -> OptionForm:
    panel = open_panel(user)
    user.type(title)
    user.press(Key.Key_Right)
    return child(panel, OptionForm)


def close(found: Any, wanted: Any) -> bool:
    return bool(np.abs(found.map - wanted.map).max() <= 1e-4 * np.abs(wanted.map).max())


def test_ctrl_click_shows_the_fused_map_and_says_so(user: User, session: Any) -> None:
    program = user.start(sweep=True)
    wait_swept(user, "grad-cam")
    swept = program.state.sweep
    ctrl_click(user, "layer3")
    user.wait_layer(BOTH)
    found = shown(program)
    assert close(found, session.explain(["layer3", "layer4"], found.target.index))
    assert f"mean of {BOTH}" in user.said
    assert f"mean of {BOTH}" in program.window.status._facts.text()
    assert program.window.tree._model.explained_rows == ("layer3", "layer4")
    user.settle()
    assert program.state.sweep is swept, "the thumbnails stay"
    # Another class, the same layers.
    program.controller.choose_class(3)
    user.until(lambda: user.target == 3 and not program.state.computing)
    assert user.layer == BOTH
    assert close(shown(program), session.explain(BOTH, 3))
    # A plain click is one layer again.
    view = child(program.window.tree, QTreeView)
    left, none = Qt.MouseButton.LeftButton, Modifier.NoModifier
    QTest.mouseClick(view.viewport(), left, none, place_of(user, "layer4"))
    user.wait_layer("layer4")


def test_the_menu_fuses_with_the_layer_on_the_screen(user: User) -> None:
    program = user.start()
    before = shown(program)
    menu = menu_of(user, "layer3")
    assert shown(program) is before, "a menu about a layer does not explain it"
    choose(menu, "Fuse with layer4")
    user.wait_layer(BOTH)
    choose(menu_of(user, "layer4"), "Leave out of the fused map")
    user.wait_layer("layer3")
    entries = [name_of(action) for action in menu_of(user, "layer3").actions()]
    assert not any("use" in text for text in entries), "with itself, there is nothing to fuse"
    popup = QApplication.activePopupWidget()
    assert popup is not None
    popup.close()


def test_the_options_of_the_method_fuse_smooth_and_average(user: User, session: Any) -> None:
    program = user.start()
    ctrl_click(user, "layer3")
    user.wait_layer(BOTH)
    form = options_of(user, "layercam")
    fuse = next(box for box in form.findChildren(QComboBox) if box.accessibleName() == "fuse")
    fuse.setCurrentIndex(fuse.findData("max"))
    assert "passes" not in form._cost.text()
    switches = {box.accessibleName(): box for box in form.findChildren(QCheckBox)}
    switches["augment"].setChecked(True)
    assert form._cost.text().startswith("12 passes")
    switches["eigen"].setChecked(True)
    form.confirm()
    found = wait_method(user, "layercam")
    options = {"augment": True, "eigen": True, "fuse": "max"}
    assert dict(found.options) == options
    wanted = session.explain(BOTH, found.target.index, method="layercam", options=options)
    assert close(found, wanted)
    assert f"maximum of {BOTH}" in user.said
    assert "augment yes, eigen yes" in program.window.method_button.toolTip()
    # What speaks against the class is asked anew, since a smoothed map is not linear.
    program.controller.ask(Question("counterfactual"))
    user.until(lambda: shown(program).asked.question == "counterfactual")
    question = Question("counterfactual")
    wanted = session.explain(
        BOTH, found.target.index, method="layercam", options=options, question=question
    )
    assert close(shown(program), wanted)


def test_methods_that_cannot_fuse_are_greyed_with_the_reason(user: User) -> None:
    program = user.start()
    ctrl_click(user, "layer3")
    user.wait_layer(BOTH)
    rows = {row.id: row for row in offered(open_panel(user))}
    assert "multiplies the maps of several layers already" in rows["refine-cam"].reason
    assert rows["cam"].reason
    assert "lone ones" in rows["guided-grad-cam"].reason
    assert not rows["saliency"].reason
    assert not rows["layercam"].reason
    assert rows["score-cam"].cost.startswith("192 passes"), "of 80 and 112 channels"
    user.press(Key.Key_Escape)
    program.controller.choose_method("saliency")
    wait_method(user, "saliency")
    assert user.layer == ""
    program.controller.choose_method("grad-cam")
    wait_method(user, "grad-cam")
    assert user.layer == BOTH, "the choice of layers stays"
    ctrl_click(user, "layer3")
    user.wait_layer("layer4")
    program.controller.choose_method("refine-cam")
    wait_method(user, "refine-cam")
    ctrl_click(user, "layer3")
    user.settle()
    assert user.layer == "layer4"
    assert "RefineCAM cannot fuse layers" in program.window.tree._note.text()
    (fuse,) = (a for a in menu_of(user, "layer3").actions() if name_of(a).startswith("Fuse with"))
    assert not fuse.isEnabled()
    assert "RefineCAM cannot fuse layers" in fuse.toolTip()
    popup = QApplication.activePopupWidget()
    assert popup is not None
    popup.close()


def test_options_that_a_method_cannot_have_are_greyed(user: User) -> None:
    user.start()
    form = options_of(user, "saliency")
    assert set(form.values()) == {"augment"}
    eigen = next(box for box in form.findChildren(QCheckBox) if box.accessibleName() == "eigen")
    assert not eigen.isEnabled()
    user.press(Key.Key_Escape)
    user.press(Key.Key_Escape)
    user.press(Key.Key_Escape)


def test_thumbnails_follow_the_options(user: User, session: Any) -> None:
    program = user.start(sweep=True)
    wait_swept(user, "grad-cam")
    program.controller.choose_method("grad-cam", (("augment", True),))
    state = program.state
    user.until(lambda: dict(shown(program).options) == {"augment": True})
    user.until(
        lambda: state.sweep is not None and dict(state.sweep.request.options) == {"augment": True}
    )
    user.settle()
    assert state.sweep is not None
    wanted = session.explain("layer2", shown(program).target.index, options={"augment": True})
    assert close(state.sweep.explanations["layer2"], wanted)

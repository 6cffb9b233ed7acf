"""Choosing a method in the real window: a new map, new thumbnails, what is greyed, remembered."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu
from torch import nn

import engine
from engine.formats.demo import SCENES
from engine.methods.registry import METHODS, Family
from engine.profiles import store
from engine.records.explanations import Explanation
from engine.records.sources import ModelSource
from gui.app.program import Program
from gui.controllers.models import NamedModel
from gui.settings import table
from gui.state.notices import NoticeKind
from gui.toolkit import plain_text
from gui.widgets.choices.panel import ChoicePanel
from gui.widgets.choices.rows import Choice
from gui.widgets.dialogs.export import ExportDialog
from gui.widgets.input_output.dialog import InputPanel
from tests.gui.texts import painted
from tests.gui.user import WAIT_MS, Key, Modifier, User, files

# A channel, then a grid of four cells, then an ordinary layer whose activation is called again.
_NARROW = """
from torch import nn

class Narrow(nn.Module):
    def __init__(self):
        super().__init__()
        self.single = nn.Conv2d(3, 1, 3, padding=1)
        self.wide = nn.Conv2d(1, 6, 3, padding=1)
        self.small = nn.AdaptiveAvgPool2d(2)
        self.head = nn.Linear(24, 3)

    def forward(self, x):
        return self.head(self.small(self.wide(self.single(x)).tanh()).flatten(1))
"""


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles of this test alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def shown(program: Program) -> Explanation:
    explanation = program.state.explanation
    assert explanation is not None
    return explanation


def method_action(program: Program, title: str) -> QAction:
    """The method's entry in the menu bar."""
    (found,) = [a for a in method_actions(program) if a.text().partition("\t")[0] == title]
    return found


def method_actions(program: Program) -> list[QAction]:
    """The entries below Model > Method, family by family."""
    menu = program.window.menuBar()
    found: list[QAction] = menu.actions()
    for title in ("Model", "Method"):
        (below,) = [a.menu() for a in found if a.text().replace("&", "") == title]
        assert isinstance(below, QMenu)
        found = below.actions()
    families = [action.menu() for action in found]
    assert all(isinstance(family, QMenu) for family in families)
    return [a for family in families if isinstance(family, QMenu) for a in family.actions()]


def open_panel(user: User) -> ChoicePanel:
    """A click on the button in the toolbar."""
    window = user.program.window
    QTest.mouseClick(window.method_button, Qt.MouseButton.LeftButton)
    user.until(window.methods.isVisible)
    return window.methods


def offered(panel: ChoicePanel) -> list[Choice]:
    """The rows that the panel shows."""
    model = panel._model
    rows = [model.at(model.index(n, 0)) for n in range(model.rowCount())]
    return [row for row in rows if row is not None]


def click_row(panel: ChoicePanel, title: str, last: bool = False) -> None:
    """Click the row of a title, the last of that name where it is repeated."""
    view, model = panel._list, panel._model
    places = [
        n
        for n in range(model.rowCount())
        if (row := model.at(model.index(n, 0))) is not None and row.title == title
    ]
    index = model.index(places[-1 if last else 0], 0)
    view.scrollTo(index)
    place = view.visualRect(index).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)


def wait_method(user: User, slug: str) -> Explanation:
    program = user.program
    user.until(lambda: not program.state.computing and shown(program).method == slug)
    user.settle()
    return shown(program)


def wait_swept(user: User, slug: str) -> dict[str, Explanation]:
    state = user.program.state
    user.until(lambda: state.sweep is not None and state.sweep.request.method == slug)
    user.settle()
    assert state.sweep is not None
    return dict(state.sweep.explanations)


def wait_thumbnails(user: User, before: dict[str, QImage]) -> dict[str, QImage]:
    """The rows' pictures, once every one of them is another than before."""
    drawn = user.program.window.tree._model.thumbnails
    user.until(lambda: len(drawn) >= len(before) > 0 or (not before and len(drawn) > 0))
    user.until(lambda: all(drawn.get(name) != image for name, image in before.items()))
    return dict(drawn)


@pytest.fixture(scope="module")
def session() -> Any:
    """The demo's first picture and its network through the engine's public interface."""
    image = engine.load_image(SCENES[0].path)
    with engine.Session(engine.load_model("demo:shapes"), image) as session:
        yield session


# --- choosing ------------------------------------------------------------------------------------


def test_the_button_says_which_method_it_is(user: User) -> None:
    program = user.start(explained=False)
    assert not program.window.method_button.isVisible()
    user.wait_explained()
    button = program.window.method_button
    assert button.isVisible()
    assert button.text() == "Grad-CAM"
    listed = [a.text().partition("\t") for a in method_actions(program)]
    assert sorted(title for title, _, _ in listed) == sorted(m.title for m in METHODS)
    notes = {title: note for title, _, note in listed}
    for method in METHODS:
        assert notes[method.title] == (
            "Not here: this network has no attention between the cells of a grid."
            if method.family is Family.ATTENTION
            else method.summary
        )
    assert [a.text().partition("\t")[0] for a in method_actions(program) if a.isChecked()] == [
        "Grad-CAM"
    ]


@pytest.mark.parametrize("way", ["toolbar", "keyboard", "menu bar"])
def test_a_method_gives_a_new_map(user: User, session: Any, way: str) -> None:
    program = user.start()
    before = program.window.canvas.grab().toImage()
    for title, slug in (("LayerCAM", "layercam"), ("FEM", "fem"), ("Grad-CAM", "grad-cam")):
        if way == "toolbar":
            click_row(open_panel(user), title)
        elif way == "keyboard":
            user.press(Key.Key_M)
            user.until(program.window.methods.isVisible)
            user.type(slug)
            user.press(Key.Key_Return)
        else:
            method_action(program, title).trigger()
        assert not program.window.methods.isVisible()
        found = wait_method(user, slug)
        wanted = session.explain(found.layer, found.target.index, method=slug)
        np.testing.assert_allclose(
            found.map, wanted.map, rtol=0, atol=1e-5 * np.abs(wanted.map).max()
        )
        assert program.window.method_button.text() == title
        assert method_action(program, title).isChecked()
        same = program.window.canvas.grab().toImage() == before
        assert same is (slug == "grad-cam")


def test_every_method_of_the_menu_is_shown(user: User) -> None:
    program = user.start()
    for method in METHODS:
        if method.family is Family.ATTENTION:
            continue
        method_action(program, method.title).trigger()
        assert wait_method(user, method.slug).map.any()
        assert program.window.notice.kind != NoticeKind.ERROR
    # The layer and the class that were chosen stay what they were.
    method_action(program, "LayerCAM").trigger()
    wait_method(user, "layercam")
    user.press(Key.Key_2)
    second = program.state.answer.predictions[1].index if program.state.answer else -1
    user.until(lambda: user.target == second)
    program.window.tree.layer_chosen.emit("layer2")
    user.wait_layer("layer2")
    method_action(program, "HiResCAM").trigger()
    found = wait_method(user, "hirescam")
    assert (found.layer, found.target.index) == ("layer2", second)


def test_new_thumbnails_of_the_method_for_every_call(user: User, session: Any) -> None:
    """Calls of a module that is called several times are mapped by the method as well."""
    program = user.start(sweep=True)
    wait_swept(user, "grad-cam")
    pictures = wait_thumbnails(user, {})
    reused = [name for name in pictures if "#" in name]
    assert len(reused) >= 4
    method_action(program, "Grad-CAM++").trigger()
    maps = wait_swept(user, "grad-cam++")
    target = shown(program).target.index
    assert set(reused) <= set(maps)
    assert {e.method for e in maps.values()} == {"grad-cam++"}
    for name in (*reused, "layer1", "conv1"):
        wanted = session.explain(name, target, method="grad-cam++").map
        found = maps[name].map
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())
        plain = session.explain(name, target).map
        assert np.abs(plain / np.abs(plain).max() - found / np.abs(found).max()).max() > 1e-2
    user.until(lambda: len(program.window.tree._model.thumbnails) == len(pictures))
    again = program.window.tree._model.thumbnails
    user.until(lambda: sum(again[n] != pictures[n] for n in reused) >= len(reused) // 2)


def test_the_sweep_of_another_method_never_answers_a_click(user: User) -> None:
    program = user.start(sweep=True)
    wait_swept(user, "grad-cam")
    program.settings.set(table.SWEEP_ENABLED, False)
    # Without a sweep of its own: the maps that are there are of another method.
    method_action(program, "LayerCAM").trigger()
    wait_method(user, "layercam")
    for layer in ("layer1", "conv1", "layer2"):
        program.window.tree.layer_chosen.emit(layer)
        user.wait_layer(layer)
        assert shown(program).method == "layercam"
    assert program.state.sweep is None
    method_action(program, "Grad-CAM").trigger()
    wait_method(user, "grad-cam")


def test_a_click_is_answered_by_the_sweep_of_its_own_method(user: User) -> None:
    program = user.start(sweep=True)
    wait_swept(user, "grad-cam")
    method_action(program, "Eigen-CAM").trigger()
    maps = wait_swept(user, "eigen-cam")
    jobs: list[str] = []
    program.controller.engine_lane.busy_changed.connect(
        lambda job: jobs.append(job.title) if job is not None else None
    )
    program.window.tree.layer_chosen.emit("layer2")
    assert shown(program) is maps["layer2"]
    user.settle()
    assert jobs == []


# --- what a layer cannot have --------------------------------------------------------------------


@pytest.fixture
def narrow(tmp_path: Path) -> NamedModel:
    path = tmp_path / "narrow.py"
    path.write_text(_NARROW, encoding="utf-8")
    space: dict[str, Any] = {"__name__": "narrow"}
    exec(_NARROW, space)
    torch.manual_seed(0)
    network: nn.Module = space["Narrow"]()
    torch.save(network.state_dict(), path.with_suffix(".pth"))
    source = ModelSource(str(path), str(path.with_suffix(".pth")), input="3x32x32")
    return NamedModel(source, (path, path.with_suffix(".pth")))


def test_a_method_that_the_layer_cannot_have_is_greyed_with_its_reason(
    user: User, narrow: NamedModel
) -> None:
    program = user.start(model=narrow)
    expected = {
        "single": dict.fromkeys(
            ("Eigen-CAM", "EigenGrad-CAM"), "at least 2 channels, and this layer has 1"
        ),
        "small": {"FEM": "at least 5 cells, and this layer has 4"},
        "wide": {},
    }
    # These ask for more than a number of channels or cells that one of the layers lacks.
    others = {"CAM": "global average pooling", "KPCA-CAM": "at most 784 cells"}
    for layer in ("single", "wide", "small", "wide"):
        program.window.tree.layer_chosen.emit(layer)
        user.wait_layer(layer)
        user.settle()
        panel = open_panel(user)
        rows = {row.title: row.reason for row in offered(panel)}
        user.press(Key.Key_Escape)
        assert {a.text().partition("\t")[0]: a.isEnabled() for a in method_actions(program)} == {
            title: not reason for title, reason in rows.items()
        }
        greyed = {}
        for title, reason in rows.items():
            if reason.startswith("Not here: this network has no attention"):
                continue
            if title in others:
                assert not reason or others[title] in reason
            elif reason:
                greyed[title] = reason
        assert greyed.keys() == expected[layer].keys(), layer
        for title, words in expected[layer].items():
            assert words in greyed[title]


def test_a_layer_that_the_method_in_use_cannot_have(user: User, narrow: NamedModel) -> None:
    """It is said why, and the next layer is explained by the method again."""
    program = user.start(model=narrow)
    program.window.tree.layer_chosen.emit("wide")
    user.wait_layer("wide")
    method_action(program, "FEM").trigger()
    wait_method(user, "fem")
    program.window.tree.layer_chosen.emit("small")
    user.until(lambda: "at least 5 cells" in user.said)
    user.settle()
    assert program.window.method_button.text() == "FEM"
    assert method_action(program, "Grad-CAM").isEnabled()
    program.window.tree.layer_chosen.emit("wide")
    assert wait_method(user, "fem").layer == "wide"
    assert "at least 5 cells" not in user.said


# --- remembered ----------------------------------------------------------------------------------


def test_the_method_is_remembered_with_the_model_until_it_is_reset(user: User) -> None:
    program = user.start()
    # The next start is to open the model that it opens by itself.
    program.settings.set(table.RESTORE, False)
    method_action(program, "XGrad-CAM").trigger()
    wait_method(user, "xgrad-cam")
    # Another model has a mind of its own.
    program.controller.models.open(ModelSource("demo:shortcut"))
    user.until(lambda: getattr(program.state.info, "source", "") == "demo:shortcut")
    user.wait_explained()
    assert shown(program).method == "grad-cam"
    assert program.window.method_button.text() == "Grad-CAM"
    user.leave()

    program = user.start()
    assert shown(program).method == "xgrad-cam"
    assert program.window.method_button.text() == "XGrad-CAM"
    assert method_action(program, "XGrad-CAM").isChecked()
    user.press(Key.Key_I, Modifier.ControlModifier)
    user.dialog(InputPanel).reset_requested.emit()
    assert wait_method(user, "grad-cam").map.any()
    user.leave()

    assert shown(user.start()).method == "grad-cam"


def test_a_method_chosen_last_thing_is_remembered(user: User) -> None:
    program = user.start()
    method_action(program, "HiResCAM").trigger()
    user.leave()
    assert shown(user.start()).method == "hirescam"


def test_escape_goes_back_to_the_method_that_is_shown(user: User) -> None:
    program = user.start()
    method_action(program, "LayerCAM").trigger()
    before = wait_method(user, "layercam")
    bench: Any = program.controller._worker
    original = bench.explain
    begun = threading.Event()

    def endless(*args: Any) -> Any:
        begun.set()
        while not user.gate.is_set():
            args[2].cancel.raise_if_cancelled()

    bench.explain = endless
    method_action(program, "FEM").trigger()
    assert program.window.method_button.text() == "FEM"
    user.until(begun.is_set)
    user.press(Key.Key_Escape)
    user.until(lambda: not program.state.computing)
    user.settle()
    bench.explain = original
    assert shown(program) is before
    assert program.window.method_button.text() == "LayerCAM"
    assert method_action(program, "LayerCAM").isChecked()
    assert not method_action(program, "FEM").isChecked()
    # What was given up is not what the model is explained by the next time either.
    assert program.state.info is not None
    known = store.load(program.state.info.weights_sha256)
    assert known is not None
    assert known.method is not None
    assert known.method.method.slug == "layercam"
    method_action(program, "FEM").trigger()
    wait_method(user, "fem")


def test_a_profile_brings_its_method(user: User, tmp_path: Path) -> None:
    program = user.start()
    method_action(program, "HiResCAM").trigger()
    wait_method(user, "hirescam")
    written = tmp_path / "mine.hookscope.json"
    program.controller.models.export_profile(written)
    user.until(written.is_file)
    user.settle()
    method_action(program, "FEM").trigger()
    wait_method(user, "fem")
    user.drop(files(written))
    wait_method(user, "hirescam")
    content = json.loads(written.read_text("utf-8"))
    content["method"]["slug"] = "hires-cam-2"
    written.write_text(json.dumps(content), "utf-8")
    user.drop(files(written))
    user.until(lambda: "'hires-cam-2'" in program.window.notice.text)
    user.settle()
    assert "\n" not in program.window.notice.text
    assert shown(program).method == "hirescam"


# --- words ---------------------------------------------------------------------------------------


def test_a_class_blind_map_speaks_of_no_class(user: User) -> None:
    program = user.start()
    canvas = program.window.canvas
    for title, slug, words in (
        ("Grad-CAM", "grad-cam", "for the class"),
        ("Eigen-CAM", "eigen-cam", "any class"),
        ("HiResCAM", "hirescam", "for the class"),
    ):
        method_action(program, title).trigger()
        wait_method(user, slug)
        lines = painted(canvas)
        assert f"{title} value" in lines
        assert words in lines
    method_action(program, "Eigen-CAM").trigger()
    wait_method(user, "eigen-cam")
    assert "for the class" not in painted(canvas)
    assert "evidence" not in user.said


def test_an_export_names_the_method(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    original = ImageDraw.ImageDraw.text

    def noted(self: Any, xy: Any, text: Any, *args: Any, **options: Any) -> Any:
        written.append(text)
        return original(self, xy, text, *args, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", noted)
    program = user.start()
    program.settings.set(table.EXPORT_JSON, True)
    program.controller.choose_method("random-cam", (("seed", 3),))
    wait_method(user, "random-cam")
    assert plain_text.tip("Method: Random-CAM (seed 3)") == (program.window.method_button.toolTip())
    user.press(Key.Key_E, Modifier.ControlModifier)
    dialog = user.dialog(ExportDialog)
    with user.qtbot.waitSignal(program.controller.exports.written, timeout=WAIT_MS):
        dialog.take(tmp_path / "out.png")
    said = "\n".join(written)
    assert "Random-CAM (seed 3)" in said
    assert "Random-CAM value" in said
    assert "independent of the class" in said
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.width > 0
    facts = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert (facts["method"], facts["options"]) == ("random-cam", {"seed": 3})
    user.settle()

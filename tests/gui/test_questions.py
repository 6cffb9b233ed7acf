"""Questions in the real window: the panel, their maps, what follows them, the expected class."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QMenu, QSpinBox, QToolButton
from torch import nn

import engine
from engine.formats.demo import SCENES
from engine.methods.registry import find
from engine.profiles import store
from engine.profiles.store import ModelProfile
from engine.records.asked import CLASS, Question, Score, Unit
from engine.records.explanations import Explanation
from engine.records.sources import ModelSource
from engine.targets.questions import QUESTIONS
from engine.targets.refusals import refusal, refused_layers
from gui.app.program import Program
from gui.controllers.models import NamedModel
from gui.settings import table
from gui.settings.table import KEEP_SELECTION
from gui.widgets.choices.option_form import OptionForm
from gui.widgets.choices.panel import ChoicePanel
from gui.widgets.dialogs.export import ExportDialog
from tests.gui.test_methods import click_row, method_action, offered, shown, wait_method
from tests.gui.texts import name_of, painted
from tests.gui.user import WAIT_MS, Key, Modifier, User, child

# Its last layer scores each place, and its logits are the mean over these.
_PLACES = """
from torch import nn

class Places(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 5, 3, stride=4, padding=1)
        self.scores = nn.Conv2d(5, 3, 1)

    def forward(self, x):
        return self.scores(self.body(x).relu()).mean(dim=(2, 3))
"""


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles of this test alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture(scope="module")
def session() -> Any:
    """The demo's first picture and its network through the engine's public interface."""
    image = engine.load_image(SCENES[0].path)
    with engine.Session(engine.load_model("demo:shapes"), image) as session:
        yield session


def classes(program: Program) -> tuple[str, ...]:
    assert program.state.info is not None
    return program.state.info.classes


def predicted(program: Program, rank: int = 1) -> int:
    assert program.state.answer is not None
    return program.state.answer.predictions[rank - 1].index


def open_questions(user: User) -> ChoicePanel:
    window = user.program.window
    QTest.mouseClick(window.question_button, Qt.MouseButton.LeftButton)
    user.until(window.questions.isVisible)
    return window.questions


def ask(user: User, title: str) -> ChoicePanel:
    panel = open_questions(user)
    click_row(panel, title)
    return panel


def wait_asked(user: User, slug: str) -> Explanation:
    program = user.program
    user.until(lambda: not program.state.computing and shown(program).asked.question == slug)
    user.settle()
    return shown(program)


def same(found: Explanation, wanted: Explanation) -> None:
    assert found.asked == wanted.asked
    peak = np.abs(wanted.map).max()
    np.testing.assert_allclose(found.map, wanted.map, rtol=0, atol=1e-5 * peak)


def from_menu(user: User, index: int, text: str) -> bool:
    """Choose an entry of a class's context menu; whether it could be chosen."""
    panel = user.program.window.predictions
    panel._list.menu_wanted.emit(index, panel.mapToGlobal(panel.rect().center()))
    (menu,) = [menu for menu in panel.findChildren(QMenu) if menu.isVisible()]
    (action,) = [action for action in menu.actions() if name_of(action) == text]
    action.trigger()
    menu.close()
    # Offscreen, a popup leaves no window active.
    user.program.window.activateWindow()
    return action.isEnabled()


# --- the panel -----------------------------------------------------------------------------------


def test_the_button_says_what_is_asked_and_the_panel_has_every_question(user: User) -> None:
    program = user.start(explained=False)
    assert not program.window.question_button.isVisible()
    user.wait_explained()
    assert program.window.question_button.text() == "? Class"
    rows = offered(open_questions(user))
    assert [row.id for row in rows] == [row.slug for row in QUESTIONS]
    assert [row.id for row in rows if row.chosen] == ["class"]
    for row, known in zip(rows, QUESTIONS, strict=True):
        assert row.reason or (row.line == known.summary and row.cost)
    assert rows[0].cost == "no pass"


def test_what_cannot_be_asked_is_greyed_with_the_engines_own_sentence(user: User) -> None:
    program = user.start()
    method_action(program, "Eigen-CAM").trigger()
    wait_method(user, "eigen-cam")
    info, layers = program.state.info, program.state.layers
    assert info is not None
    rows = {row.id: row for row in offered(open_questions(user))}
    assert not rows["class"].reason
    for known in QUESTIONS[1:]:
        said = refusal(Question(known.slug), find("eigen-cam"), info, layers)
        assert said
        assert rows[known.slug].reason.casefold() == f"{said}.".casefold()
    click_row(program.window.questions, "Contrast")
    assert program.window.questions.isVisible()
    assert program.state.question == CLASS


def test_a_method_that_cannot_answer_is_greyed_while_another_question_is_asked(user: User) -> None:
    program = user.start()
    ask(user, "Margin")
    wait_asked(user, "margin")
    assert not method_action(program, "FEM").isEnabled()
    assert not method_action(program, "Finer-CAM").isEnabled()
    assert method_action(program, "LayerCAM").isEnabled()
    ask(user, "Class")
    wait_asked(user, "class")
    assert method_action(program, "FEM").isEnabled()


# --- every question ------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", ["counterfactual", "rest", "margin", "entropy"])
def test_a_question_gives_its_map_caption_and_numbers(user: User, session: Any, slug: str) -> None:
    program = user.start()
    title = next(row.title for row in QUESTIONS if row.slug == slug)
    panel = ask(user, title)
    assert not panel.isVisible()
    found = wait_asked(user, slug)
    wanted = session.explain(question=Question(slug))
    same(found, wanted)
    assert program.window.question_button.text() == f"? {title}"
    assert wanted.sentence in program.window.question_button.toolTip()
    assert wanted.subject in user.said
    assert wanted.signs[0] in painted(program.window.canvas)
    assert wanted.sentence in program.window.status._facts.toolTip()


def test_why_this_class_and_not_that_one(user: User, session: Any) -> None:
    program = user.start()
    star, ring, third = (predicted(program, rank) for rank in (1, 2, 3))
    names = classes(program)
    panel = ask(user, "Contrast")
    assert panel.isVisible()
    offered_classes = offered(panel)
    assert star not in [int(row.id) for row in offered_classes]
    assert offered_classes[0].id == str(ring)
    # The key of a prediction chooses it.
    user.type("2")
    assert not panel.isVisible()
    found = wait_asked(user, "contrast")
    same(found, session.explain(None, star, question=Question("contrast", against=ring)))
    assert f"{names[star]} against {names[ring]}" in user.said
    assert program.window.question_button.text() == f"? Against {names[ring]}"
    # By its name.
    panel = ask(user, "Contrast")
    user.type(names[third])
    user.press(Key.Key_Return)
    user.until(lambda: shown(program).asked.against == third)
    same(shown(program), session.explain(None, star, question=Question("contrast", against=third)))
    # The likeliest comes first, and a whole word before a part of one.
    panel = ask(user, "Contrast")
    user.type("c")
    labels = [row.title for row in offered(panel)]
    assert labels == [
        names[p.index]
        for p in program.state.answer.predictions  # type: ignore[union-attr]
        if "c" in names[p.index]
    ]
    assert panel._list.currentIndex().data() == labels[0]
    user.press(Key.Key_Escape)
    user.press(Key.Key_Escape)
    user.press(Key.Key_Escape)
    # The class itself is none of those to choose from, nor is it reached by its key.
    panel = ask(user, "Contrast")
    user.type("1")
    assert panel.isVisible()
    user.type(names[star])
    assert offered(panel) == []


def test_a_click_on_the_other_class_turns_the_contrast_round(user: User, session: Any) -> None:
    program = user.start()
    star, ring = predicted(program), predicted(program, 2)
    program.controller.ask(Question("contrast", against=ring))
    wait_asked(user, "contrast")
    user.press(Key.Key_2)
    user.until(lambda: shown(program).asked.target == ring)
    assert shown(program).asked.against == star
    same(shown(program), session.explain(None, ring, question=Question("contrast", against=star)))


def test_a_click_on_a_class_ends_a_question_about_none(user: User) -> None:
    program = user.start()
    program.controller.ask(Question("entropy"))
    wait_asked(user, "entropy")
    # No class is marked as explained, since none is.
    assert program.window.predictions.selected() is None
    user.press(Key.Key_2)
    found = wait_asked(user, "class")
    assert found.target.index == predicted(program, 2)
    assert program.window.question_button.text() == "? Class"


def fields(form: OptionForm) -> dict[str, QSpinBox]:
    return {box.accessibleName(): box for box in form.findChildren(QSpinBox)}


def chosen_in(form: OptionForm, name: str, value: str) -> QComboBox:
    (box,) = [box for box in form.findChildren(QComboBox) if box.accessibleName() == name]
    if value:
        box.setCurrentIndex(box.findData(value))
    return box


def test_a_channel_of_the_layer_on_screen(user: User, session: Any) -> None:
    program = user.start()
    program.window.tree.layer_chosen.emit("layer3")
    user.wait_layer("layer3")
    panel = ask(user, "Channel")
    form = child(panel, OptionForm)
    boxes = fields(form)
    node = program.state.node("layer3")
    assert node is not None
    assert node.grid is not None
    assert (boxes["channel"].minimum(), boxes["channel"].maximum()) == (0, node.channels - 1)
    assert not boxes["row"].isEnabled()
    # The number is typed at once.
    user.until(boxes["channel"].hasFocus)
    user.type("17")
    user.press(Key.Key_Return)
    found = wait_asked(user, "unit")
    same(found, session.explain("layer3", question=Question("unit", unit=Unit("layer3", 17))))
    assert program.window.question_button.text() == "? layer3, channel 17"
    # An earlier layer answers for it.
    program.window.tree.layer_chosen.emit("layer2")
    user.wait_layer("layer2")
    assert shown(program).asked.unit == Unit("layer3", 17)


def test_one_cell_of_a_channel(user: User, session: Any) -> None:
    program = user.start()
    program.window.tree.layer_chosen.emit("layer2")
    user.wait_layer("layer2")
    form = child(ask(user, "Channel"), OptionForm)
    boxes = fields(form)
    # The ranges are those of the layer that is chosen.
    chosen_in(form, "layer", "layer3")
    node = program.state.node("layer3")
    assert node is not None
    assert node.grid is not None
    rows, columns = node.grid
    assert [boxes[name].maximum() for name in ("channel", "row", "column")] == [
        node.channels - 1,
        rows - 1,
        columns - 1,
    ]
    chosen_in(form, "cells", "one cell")
    boxes["channel"].setValue(5)
    boxes["row"].setValue(1)
    boxes["column"].setValue(2)
    form.confirm()
    found = wait_asked(user, "unit")
    unit = Unit("layer3", 5, (1, 2))
    same(found, session.explain("layer2", question=Question("unit", unit=unit)))
    assert program.window.question_button.text() == "? layer3, channel 5 at 1, 2"
    # The form comes back as it was left, whatever layer is shown.
    form = child(ask(user, "Channel"), OptionForm)
    assert form.values() == {
        "layer": "layer3",
        "channel": 5,
        "cells": "one cell",
        "row": 1,
        "column": 2,
    }
    user.press(Key.Key_Escape)
    user.press(Key.Key_Escape)


def test_a_channel_from_the_context_menu_of_a_layer(user: User) -> None:
    program = user.start()
    tree, panel = program.window.tree, program.window.questions
    tree._view.menu_wanted.emit(tree._model.index_of("layer2"), tree.mapToGlobal(QPoint(9, 9)))
    (menu,) = [menu for menu in tree.findChildren(QMenu) if menu.isVisible()]
    (action,) = [a for a in menu.actions() if name_of(a) == "Ask about a channel…"]
    menu.close()
    action.trigger()
    user.until(panel.isVisible)
    form = child(panel, OptionForm)
    assert form.values()["layer"] == "layer2"
    fields(form)["channel"].setValue(3)
    form.confirm()
    user.until(lambda: program.state.question == Question("unit", unit=Unit("layer2", 3)))
    assert not panel.isVisible()


def test_a_cell_is_pointed_at_in_the_picture(user: User, session: Any) -> None:
    program = user.start()
    program.window.tree.layer_chosen.emit("layer2")
    user.wait_layer("layer2")
    canvas, node = program.window.canvas, program.state.node("layer2")
    assert node is not None
    assert node.grid is not None
    middle = canvas.viewport().rect().center()
    QTest.mouseMove(canvas.viewport(), middle)
    user.until(lambda: canvas.cell is not None)
    cell = canvas.cell
    canvas.menu_wanted.emit(canvas.mapToGlobal(middle))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    (action,) = [a for a in menu.actions() if name_of(a) == "Ask about a channel here…"]
    menu.close()
    action.trigger()
    user.until(program.window.questions.isVisible)
    form = child(program.window.questions, OptionForm)
    values = form.values()
    assert (values["layer"], values["cells"]) == ("layer2", "one cell")
    assert (values["row"], values["column"]) == cell
    form.confirm()
    found = wait_asked(user, "unit")
    assert cell is not None
    question = Question("unit", unit=Unit("layer2", 0, cell))
    same(found, session.explain("layer2", question=question))


def test_layers_behind_an_asked_channel_are_greyed_and_say_why(user: User) -> None:
    program = user.start()
    tree, layers = program.window.tree, program.state.layers
    program.window.tree.layer_chosen.emit("layer2")
    user.wait_layer("layer2")
    assert not tree._model.refused
    question = Question("unit", unit=Unit("layer3", 1))
    program.controller.ask(question)
    wait_asked(user, "unit")
    refused = refused_layers(question, layers)
    assert "layer4" in refused
    assert "layer2" not in refused
    for node in layers:
        row = tree._model.find(node.name)
        if row is not None and node.explainable and not row.is_call:
            assert tree._model.can_be_had(row) is (node.name not in refused)
    # A click says why, and asks for nothing.
    heard: list[str] = []
    tree.layer_chosen.connect(heard.append)
    tree._view.setCurrentIndex(tree._model.index_of("layer4"))
    assert heard == []
    assert "comes after 'layer3'" in tree._note.text()
    assert "comes after 'layer3'" in str(
        tree._model.index_of("layer4").data(Qt.ItemDataRole.ToolTipRole)
    )
    program.controller.ask(CLASS)
    wait_asked(user, "class")
    assert not tree._model.refused
    tree._view.setCurrentIndex(tree._model.index_of("layer3"))
    assert heard == ["layer3"]


def test_one_cell_of_a_network_that_scores_each_place(user: User, tmp_path: Path) -> None:
    path = tmp_path / "places.py"
    path.write_text(_PLACES, encoding="utf-8")
    space: dict[str, Any] = {"__name__": "places"}
    exec(_PLACES, space)
    torch.manual_seed(0)
    network: nn.Module = space["Places"]()
    torch.save(network.state_dict(), path.with_suffix(".pth"))
    source = ModelSource(str(path), str(path.with_suffix(".pth")), input="3x32x32")
    program = user.start(model=NamedModel(source, (path, path.with_suffix(".pth"))))
    program.window.tree.layer_chosen.emit("body")
    user.wait_layer("body")
    form = child(ask(user, "Output cell"), OptionForm)
    assert form.values() == {"row": 4, "column": 4}
    for box in form.findChildren(QSpinBox):
        assert (box.minimum(), box.maximum()) == (0, 7)
        box.setValue(2 if box.accessibleName() == "row" else 5)
    form.confirm()
    found = wait_asked(user, "cell")
    assert found.asked.cell == (2, 5)
    assert found.layer == "body"
    assert found.map.shape == (8, 8)


def test_the_score_is_chosen_below_the_questions(user: User, session: Any) -> None:
    program = user.start()
    panel, scores = open_questions(user), program.window.scores
    assert scores.current() == "logit"
    button = next(b for b in scores.findChildren(QToolButton) if "log-prob" in b.accessibleName())
    button.click()
    assert panel.isVisible()
    user.until(lambda: shown(program).asked.score is Score.LOG_PROBABILITY)
    wanted = session.explain(question=Question(score=Score.LOG_PROBABILITY))
    same(shown(program), wanted)
    assert wanted.number in user.said
    assert scores.current() == "log-probability"
    # It stays with the next question, and one that has a number of its own takes none.
    click_row(panel, "Counterfactual")
    assert wait_asked(user, "counterfactual").asked.score is Score.LOG_PROBABILITY
    ask(user, "Uncertainty (entropy)")
    assert wait_asked(user, "entropy").asked.score is None
    panel = open_questions(user)
    assert scores.current() == ""
    assert not any(button.isEnabled() for button in scores.findChildren(QToolButton))
    panel.close()


def test_a_method_with_a_score_of_its_own(user: User) -> None:
    program = user.start()
    program.controller.choose_method("score-cam", (("batch", 64),))
    assert wait_method(user, "score-cam").asked.score is Score.PROBABILITY
    open_questions(user)
    assert program.window.scores.current() == "probability"
    button = next(b for b in program.window.scores.findChildren(QToolButton) if b.text() == "Logit")
    button.click()
    user.until(lambda: shown(program).asked.score is Score.LOGIT)


# --- what follows the question -------------------------------------------------------------------


def test_thumbnails_and_clicks_are_of_the_question(user: User, session: Any) -> None:
    program = user.start(sweep=True)
    star, ring = predicted(program), predicted(program, 2)
    question = Question("contrast", against=ring)
    program.controller.ask(question)
    user.until(
        lambda: program.state.sweep is not None and program.state.sweep.request.question == question
    )
    user.settle()
    assert program.state.sweep is not None
    wanted = session.sweep(star, question=question)
    for name, explanation in program.state.sweep.explanations.items():
        if name in wanted:
            same(explanation, wanted[name])
    before = program.state.sweep.explanations["layer2"]
    program.window.tree.layer_chosen.emit("layer2")
    assert shown(program) is before
    # Back to the class: another sweep, and no map of the contrast answers for it.
    program.controller.ask(CLASS)
    assert wait_asked(user, "class").layer == "layer2"
    same(shown(program), session.explain("layer2"))


def test_an_export_says_what_was_asked(user: User, tmp_path: Path) -> None:
    program = user.start()
    program.settings.set(table.EXPORT_JSON, True)
    names = classes(program)
    star, ring = predicted(program), predicted(program, 2)
    program.controller.ask(Question("contrast", against=ring))
    wait_asked(user, "contrast")
    user.press(Key.Key_E, Modifier.ControlModifier)
    dialog = user.dialog(ExportDialog)
    with user.qtbot.waitSignal(program.controller.exports.written, timeout=WAIT_MS) as heard:
        dialog.take(tmp_path / "out.png")
    assert heard.args
    facts = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert facts["question"]["name"] == "contrast"
    assert facts["question"]["against"]["label"] == names[ring]
    assert f"{names[star]} against {names[ring]}" in facts["question"]["words"]
    user.settle()


def test_escape_goes_back_to_the_question_that_is_answered(user: User) -> None:
    program = user.start()
    ring = predicted(program, 2)
    program.controller.ask(Question("contrast", against=ring))
    before = wait_asked(user, "contrast")
    program.controller.choose_method("rise", (("masks", 1_000_000), ("batch", 1)))
    user.until(lambda: program.controller.engine_lane.running is not None)
    job = program.controller.engine_lane.running
    assert job is not None
    # Another question abandons what takes too long, and Esc this one.
    program.controller.ask(Question("margin"))
    user.until(lambda: program.controller.engine_lane.running is not job)
    assert job.token.cancelled
    user.press(Key.Key_Escape)
    user.until(lambda: not program.state.computing)
    user.settle()
    assert shown(program) is before
    assert program.state.question == Question("contrast", against=ring)
    assert program.window.question_button.text().startswith("? Against")


def test_another_model_is_asked_of_its_class(user: User) -> None:
    program = user.start()
    program.controller.ask(Question("contrast", against=predicted(program, 2)))
    wait_asked(user, "contrast")
    program.controller.models.open(ModelSource("demo:shortcut"))
    user.until(lambda: getattr(program.state.info, "source", "") == "demo:shortcut")
    user.wait_explained()
    assert shown(program).asked.question == "class"
    assert program.window.question_button.text() == "? Class"


# --- predictions and the expected class ----------------------------------------------------------


def test_the_menu_of_a_class(user: User, session: Any) -> None:
    program = user.start()
    star, ring = predicted(program), predicted(program, 2)
    assert not from_menu(user, star, "Explain against the current class")
    assert from_menu(user, ring, "Explain against the current class")
    found = wait_asked(user, "contrast")
    assert (found.asked.target, found.asked.against) == (ring, star)
    assert from_menu(user, star, "What speaks against it")
    found = wait_asked(user, "counterfactual")
    same(found, session.explain(None, star, question=Question("counterfactual")))
    assert from_menu(user, ring, "Explain this class")
    user.until(lambda: user.target == ring)


def test_a_right_click_opens_the_menu_and_explains_nothing(user: User) -> None:
    program = user.start()
    before = shown(program)
    view = program.window.predictions._list
    place = view.visualRect(view.model().index(1, 0)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.RightButton, pos=place)
    user.settle()
    assert shown(program) is before


def test_predicted_and_expected_are_compared_by_one_click(user: User, session: Any) -> None:
    program = user.start()
    star, ring = predicted(program), predicted(program, 2)
    line = program.window.predictions.expected
    assert not line.isVisible()
    assert from_menu(user, ring, "Set as expected class")
    assert line.isVisible()
    assert f"Expected: {classes(program)[ring]}" in line._words.text()
    assert line._compare.isVisible()
    assert not line._parts.isVisible()
    QTest.mouseClick(line._compare, Qt.MouseButton.LeftButton)
    same(
        wait_asked(user, "contrast"),
        session.explain(None, star, question=Question("contrast", against=ring)),
    )
    assert line._parts.isVisible()
    assert not line._compare.isVisible()
    assert line._parts.current() == "contrast"
    buttons = {b.text(): b for b in line._parts.findChildren(QToolButton)}
    for text, index in (("Expected", ring), ("Predicted", star)):
        buttons[text].click()
        user.until(lambda index=index: shown(program).asked == session.explain(None, index).asked)
        user.settle()
        same(shown(program), session.explain(None, index))
        assert line._parts.current() == text.lower()
    # A class that is none of the two is on no part of the switch.
    user.press(Key.Key_3)
    user.until(lambda: user.target == predicted(program, 3))
    assert line._parts.current() == ""
    buttons["Contrast"].click()
    assert wait_asked(user, "contrast").asked.target == star
    assert from_menu(user, ring, "Not the expected class")
    assert not line.isVisible()
    assert wait_asked(user, "class").target.index == star


def test_the_name_of_the_folder_is_the_expected_class(user: User, tmp_path: Path) -> None:
    folder = tmp_path / "ring"
    folder.mkdir()
    file = folder / "one.png"
    shutil.copy(SCENES[0].path, file)
    other = tmp_path / "holiday" / "two.png"
    other.parent.mkdir()
    shutil.copy(SCENES[1].path, other)
    program = user.start(model=NamedModel(ModelSource("demo:shapes")))
    line = program.window.predictions.expected
    assert not line.isVisible()
    program.controller.images.open_paths([file, other])
    user.until(lambda: user.program.state.current is not None and line.isVisible())
    user.wait_explained()
    assert "Expected: ring" in line._words.text()
    QTest.mouseClick(line._compare, Qt.MouseButton.LeftButton)
    wait_asked(user, "contrast")
    # The next image is asked of its class again, as it is expected to be of none.
    key = next(k for k, image in program.state.images.items() if image.name == "two.png")
    program.window.strip.image_chosen.emit(key)
    user.until(lambda: getattr(program.state.explanation, "image", "") == "two.png")
    assert wait_asked(user, "class").image == "two.png"
    assert not line.isVisible()


def test_an_expected_class_that_was_predicted_needs_no_comparison(user: User) -> None:
    program = user.start()
    star = predicted(program)
    assert from_menu(user, star, "Set as expected class")
    line = program.window.predictions.expected
    assert "as predicted" in line._words.text()
    assert not line._compare.isVisible()
    # It is a fact about this image and not about another one, nor about another model.
    keys = list(program.state.images)
    program.window.strip.image_chosen.emit(keys[1])
    user.until(lambda: program.state.current_key == keys[1])
    user.wait_explained()
    assert not line.isVisible()
    program.window.strip.image_chosen.emit(keys[0])
    user.until(line.isVisible)


def test_what_the_method_cannot_compare_is_greyed_everywhere(user: User) -> None:
    program = user.start()
    ring = predicted(program, 2)
    assert from_menu(user, ring, "Set as expected class")
    method_action(program, "FEM").trigger()
    wait_method(user, "fem")
    for entry in ("Explain against the current class", "What speaks against it"):
        assert not from_menu(user, ring, entry)
    line = program.window.predictions.expected
    assert not line._compare.isEnabled()
    assert "same for every question" in line._compare.toolTip()
    method_action(program, "HiResCAM").trigger()
    wait_method(user, "hirescam")
    assert line._compare.isEnabled()
    assert from_menu(user, ring, "What speaks against it")


# --- what was asked comes back -------------------------------------------------------------------


def notices(program: Program) -> list[str]:
    heard: list[str] = []
    program.state.noticed.connect(lambda notice: heard.append(notice.text))
    return heard


def asked_in_profile(program: Program) -> Question | None:
    assert program.state.info is not None
    known = store.load(program.state.info.weights_sha256)
    return known.question if known is not None else None


def step(user: User, by: int) -> None:
    user.program.controller.images.step(by)
    user.wait_explained()
    user.settle()


def test_question_and_method_come_back_with_the_model(user: User) -> None:
    program = user.start()
    unit = Question("unit", unit=Unit("layer2", 3, (4, 5)))
    program.window.tree.layer_chosen.emit("layer1")
    user.wait_layer("layer1")
    program.controller.choose_method("hirescam")
    program.controller.ask(unit)
    wait_asked(user, "unit")
    user.until(lambda: asked_in_profile(program) == unit)
    # By the model's profile alone.
    program.settings.set(table.RESTORE, False)
    user.leave()
    program = user.start()
    user.settle()
    assert program.state.question == unit
    assert program.window.question_button.text() == "? layer2, channel 3 at 4, 5"
    found = shown(program)
    assert (found.method, found.asked.unit) == ("hirescam", unit.unit)
    # The default layer comes after it, so that its own layer is shown.
    assert found.layer == "layer2"
    assert not program.state.model_settled
    program.controller.ask(CLASS)
    wait_asked(user, "class")
    user.until(lambda: asked_in_profile(program) == CLASS)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (Question("unit", unit=Unit("layer9", 3)), "There is no layer 'layer9'"),
        (Question("unit", unit=Unit("layer2", 99999)), "has no channel 99999"),
        (Question("cell", cell=(0, 0)), "no map of class scores"),
        (Question("contrast", against=800), "800"),
        (Question("unit"), "needs a unit"),
        (Question("riddle"), "no question 'riddle'"),
    ],
)
def test_a_stored_question_that_cannot_be_asked_is_said_and_left(
    user: User, question: Question, said: str
) -> None:
    info = engine.load_model("demo:shapes").info
    store.save(info.weights_sha256, ModelProfile(question=question))
    program = user.start()
    assert program.state.question == CLASS
    assert shown(program).asked.question == "class"
    assert said in program.window.notice.text
    assert "is not asked again" in program.window.notice.text


def test_going_back_to_an_image_asks_what_was_asked_of_it(user: User) -> None:
    program = user.start()
    program.controller.ask(Question("entropy"))
    wait_asked(user, "entropy")
    # It goes on with the next image, until something else is asked of that.
    step(user, 1)
    assert shown(program).asked.question == "entropy"
    program.controller.ask(Question("margin"))
    wait_asked(user, "margin")
    step(user, -1)
    assert shown(program).asked.question == "entropy"
    step(user, 1)
    assert shown(program).asked.question == "margin"


def test_a_question_that_the_method_cannot_answer_now_is_left_with_a_notice(user: User) -> None:
    program = user.start()
    program.controller.ask(Question("entropy"))
    wait_asked(user, "entropy")
    step(user, 1)
    program.controller.ask(CLASS)
    wait_asked(user, "class")
    method_action(program, "Eigen-CAM").trigger()
    wait_method(user, "eigen-cam")
    # Otherwise the image comes back with the method that it was left with, which can answer it.
    program.settings.set(KEEP_SELECTION, True)
    heard = notices(program)
    step(user, -1)
    assert program.state.question == CLASS
    assert any("Uncertainty" in text and "the same for every question" in text for text in heard)


def test_a_comparison_with_the_expected_class_is_not_kept_for_the_model(user: User) -> None:
    program = user.start()
    program.controller.expect(predicted(program, 3))
    program.controller.compare(predicted(program, 3))
    wait_asked(user, "contrast")
    assert asked_in_profile(program) in (None, CLASS)

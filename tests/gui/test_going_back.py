"""Going back to an image shows it as it was left, at once; and what a folder brings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.lazy import torchvision
from engine.records.asked import Question, Score
from engine.records.sources import ModelSource
from gui.settings.table import KEEP_SELECTION, SWEEP_ENABLED
from tests.gui.user import Key, Modifier, User


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    paths = [folder / f"img{number}.png" for number in (1, 2, 10)]
    for path in paths:
        pixels = np.random.default_rng(len(path.name)).integers(0, 255, (80, 90, 3), np.uint8)
        Image.fromarray(pixels).save(path)
    return paths


def jobs_of(user: User) -> list[str]:
    """What the engine is asked to do from now on."""
    titles: list[str] = []
    lane = user.program.controller.engine_lane
    lane.busy_changed.connect(lambda job: titles.append(job.title) if job is not None else None)
    return titles


def test_an_image_is_there_as_it_was_left_without_the_engine(
    user: User, pictures: list[Path]
) -> None:
    program = user.start(*pictures)
    window, state = program.window, program.state
    program.controller.choose_class(4)
    user.wait_explained()
    window.canvas.zoom_in()
    window.canvas.zoom_in()
    left, zoom = state.explanation, window.canvas.zoom
    user.press(Key.Key_PageDown)
    user.wait_explained()
    assert user.target != 4
    second = state.explanation
    asked = jobs_of(user)
    user.press(Key.Key_PageUp)
    # In the same turn of the event loop.
    assert state.explanation is left
    assert user.target == 4
    assert window.canvas.zoom == pytest.approx(zoom)
    assert window.predictions.selected() == 4
    assert not state.computing
    user.press(Key.Key_PageDown)
    assert state.explanation is second
    user.settle()
    assert asked == []


def test_the_map_is_there_as_it_was_left_whatever_was_chosen_meanwhile(
    user: User, pictures: list[Path]
) -> None:
    program = user.start(*pictures)
    window, state, controller = program.window, program.state, program.controller
    usual, asked_first = state.explanation, state.question
    user.press(Key.Key_PageDown)
    user.wait_explained()
    # A method with options, a layer, another class and another score, on the second image alone.
    controller.choose_method("smooth-grad-cam++", (("n", 3),))
    controller.choose_layer("blocks.3")
    controller.choose_class(7)
    controller.ask(Question(score=Score.PROBABILITY))
    user.wait_explained()
    chosen = state.explanation
    assert chosen is not None
    asked = jobs_of(user)
    user.press(Key.Key_PageUp)
    assert state.explanation is usual
    assert not state.computing
    assert (state.method, state.question) == ("grad-cam", asked_first)
    assert window.method_button.text().startswith("Grad-CAM")
    assert window.tree.current() == program.state.explanation.layer
    user.press(Key.Key_PageDown)
    assert state.explanation is chosen
    assert not state.computing
    assert (state.method, dict(state.options)["n"]) == ("smooth-grad-cam++", 3)
    assert window.tree.current() == "blocks.3"
    assert state.question == Question(score=Score.PROBABILITY)
    assert window.predictions.selected() == 7
    user.settle()
    assert asked == []
    # An image that has not been looked at is shown with what is selected.
    user.press(Key.Key_PageDown)
    user.wait_explained()
    assert user.layer == "blocks.3"
    assert state.explanation is not None
    assert state.explanation.method == "smooth-grad-cam++"


def test_a_comparison_with_the_expected_class_is_there_again(
    user: User, pictures: list[Path]
) -> None:
    program = user.start(*pictures)
    state, controller = program.state, program.controller
    controller.expect(4)
    controller.compare(4)
    user.wait_explained()
    compared = state.explanation
    user.press(Key.Key_PageDown)
    user.wait_explained()
    assert not state.comparing
    user.press(Key.Key_PageUp)
    assert state.comparing
    assert state.explanation is compared
    assert not state.computing


def test_layer_and_method_are_kept_from_image_to_image_when_that_is_wanted(
    user: User, pictures: list[Path]
) -> None:
    program = user.start(*pictures)
    action = program.window.actions_by_id["keep_selection"]
    user.press(Key.Key_PageDown)
    user.wait_explained()
    program.controller.choose_layer("blocks.3")
    user.wait_layer("blocks.3")
    action.trigger()
    assert action.isChecked()
    user.press(Key.Key_PageUp)
    user.wait_layer("blocks.3")
    action.trigger()
    user.press(Key.Key_PageDown)
    program.controller.choose_layer("blocks.2")
    user.wait_layer("blocks.2")
    user.press(Key.Key_PageUp)
    user.wait_layer("blocks.3")


def test_panes_keep_what_they_compare_when_the_image_changes(
    user: User, pictures: list[Path]
) -> None:
    program = user.start(*pictures)
    state, controller = program.state, program.controller
    user.press(Key.Key_PageDown)
    user.wait_explained()
    controller.choose_layer("blocks.3")
    user.wait_layer("blocks.3")
    controller.comparer.compare_layer("blocks.2")
    user.press(Key.Key_PageUp)
    user.until(lambda: all(p.explanation is not None and not p.computing for p in state.panes))
    assert [pane.layer for pane in state.panes] == ["blocks.3", "blocks.2"]
    assert len({pane.current_key for pane in state.panes}) == 1


def test_a_closed_image_comes_back_as_it_was_left(user: User, pictures: list[Path]) -> None:
    program = user.start(*pictures)
    state, controller = program.state, program.controller
    controller.choose_method("hirescam")
    controller.choose_layer("blocks.3")
    user.wait_layer("blocks.3")
    user.press(Key.Key_W, Modifier.ControlModifier)
    user.wait_explained()
    controller.choose_method("grad-cam")
    controller.choose_layer("blocks.2")
    user.wait_layer("blocks.2")
    user.press(Key.Key_Z, Modifier.ControlModifier)
    user.wait_layer("blocks.3")
    assert state.explanation is not None
    assert state.explanation.method == "hirescam"


def test_what_the_sweep_computed_is_there_again(user: User, pictures: list[Path]) -> None:
    program = user.start(*pictures, sweep=True)
    state = program.state
    user.until(lambda: state.sweep is not None)
    swept = state.sweep
    user.press(Key.Key_PageDown)
    user.wait_explained()
    user.until(lambda: state.sweep is not None and state.sweep is not swept)
    program.settings.set(KEEP_SELECTION, True)
    program.window.tree.layer_chosen.emit("conv_stem")
    user.wait_layer("conv_stem")
    user.settle()
    asked = jobs_of(user)
    user.press(Key.Key_PageUp)
    # Another layer was chosen meanwhile, whose map the sweep had computed.
    assert state.sweep is swept
    assert swept is not None
    assert state.explanation is swept.explanations["conv_stem"]
    user.settle()
    assert asked == []


def test_thumbnails_that_were_never_computed_come_after_going_back(
    user: User, pictures: list[Path]
) -> None:
    program = user.start(*pictures)
    state, settings = program.state, program.settings
    user.press(Key.Key_PageDown)
    user.wait_explained()
    settings.set(SWEEP_ENABLED, True)
    user.until(lambda: state.sweep is not None)
    user.settle()
    user.press(Key.Key_PageUp)
    assert state.explanation is not None
    user.until(lambda: state.sweep is not None)


def test_a_map_is_not_taken_for_another_question_or_model(user: User, pictures: list[Path]) -> None:
    program = user.start(*pictures)
    state = program.state
    program.settings.set(KEEP_SELECTION, True)
    first = state.explanation
    user.press(Key.Key_PageDown)
    user.wait_explained()
    program.controller.choose_method("hirescam")
    user.wait_explained()
    user.press(Key.Key_PageUp)
    assert state.explanation is None
    user.wait_explained()
    assert state.explanation is not None
    assert state.explanation.method == "hirescam"
    program.controller.choose_method("grad-cam")
    user.wait_explained()
    program.controller.models.open(ModelSource("demo:shapes"))
    user.until(lambda: state.model_loading is None)
    user.wait_explained()
    assert state.explanation is not first


def test_a_folder_comes_in_natural_order_and_what_is_new_is_marked(
    user: User, pictures: list[Path]
) -> None:
    program = user.start(pictures[1])
    assert user.names == ["img2.png"]
    program.controller.images.open_paths([pictures[0].parent])
    user.until(lambda: len(user.names) == 3)
    user.wait_explained()
    # The first new one is shown, though the folder has one that was open before.
    assert user.names == ["img2.png", "img1.png", "img10.png"]
    assert program.state.current is not None
    assert program.state.current.name == "img1.png"
    strip = program.window.strip
    assert strip._model.new == 1
    user.press(Key.Key_PageDown)
    assert strip._model.new == 0
    user.wait_explained()


def test_a_folder_is_read_as_people_count(user: User, pictures: list[Path]) -> None:
    user.start(pictures[0].parent)
    assert user.names == ["img1.png", "img2.png", "img10.png"]


def test_checkpoints_of_one_architecture_are_told_apart(
    user: User, pictures: list[Path], tmp_path: Path
) -> None:
    program = user.start(pictures[0])
    window, state = program.window, program.state
    for name, seed in (("first.pth", 1), ("best.pth", 2)):
        torch.manual_seed(seed)
        network = torchvision.load().models.squeezenet1_1(weights=None, num_classes=3)
        torch.save(network.state_dict(), tmp_path / name)
        program.controller.models.open(ModelSource(str(tmp_path / name)))
        wanted = f"squeezenet1_1 · {name}"
        user.until(lambda wanted=wanted: state.info is not None and state.info.name == wanted)
        user.wait_explained()
        assert state.explanation is not None
        assert state.explanation.model == wanted
        assert window.windowTitle().startswith(f"img1.png — {wanted} — ")
        assert window.model_label.text().startswith(wanted)
        assert window.tree._title.text() == wanted
    recent = [action.text() for action in window.actions_by_id.menu("recent_models").actions()]
    assert recent == ["best.pth", "first.pth"]

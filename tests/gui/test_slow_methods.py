"""Methods of many passes in the real window: their map, their cost, progress, giving them up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QProgressBar

import engine
from engine.formats.demo import SCENES
from gui.app.program import Program
from tests.gui.test_methods import method_action, shown, wait_method, wait_swept
from tests.gui.user import User


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles of this test alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def note(program: Program) -> str:
    """What stands below the tree about its current row."""
    return program.window.tree._note.toolTip()


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Score-CAM", "score-cam"),
        ("Ablation-CAM", "ablation-cam"),
        ("ShapleyCAM", "shapleycam"),
        ("RefineCAM", "refine-cam"),
        ("Smooth Grad-CAM++", "smooth-grad-cam++"),
    ],
)
def test_its_map_is_shown_without_thumbnails(user: User, title: str, slug: str) -> None:
    program = user.start(sweep=True)
    method_action(program, title).trigger()
    found = wait_method(user, slug)
    with engine.Session(engine.load_model("demo:shapes"), engine.load_image(SCENES[0].path)) as s:
        wanted = s.explain(found.layer, found.target.index, method=slug)
    np.testing.assert_allclose(found.map, wanted.map, atol=1e-4 * np.abs(wanted.map).max())
    assert found.map.any()
    assert program.window.method_button.text() == title
    assert f"No thumbnails: {title} is computed for one layer." in note(program)
    assert program.state.sweep is None
    assert not program.controller.engine_lane.has("sweep")
    # Another layer by the same method, then the thumbnails of one that has them.
    program.window.tree.layer_chosen.emit("layer2")
    user.wait_layer("layer2")
    assert shown(program).method == slug
    method_action(program, "Grad-CAM").trigger()
    wait_swept(user, "grad-cam")
    assert "No thumbnails" not in note(program)


def test_its_cost_for_this_layer_is_told_beforehand(user: User) -> None:
    program = user.start(sweep=True)
    for layer in ("layer4", "layer1"):
        program.window.tree.layer_chosen.emit(layer)
        user.wait_layer(layer)
        node = program.state.node(layer)
        assert node is not None
        assert node.shape is not None
        tip = " ".join(method_action(program, "Score-CAM").toolTip().split())
        assert f"Here: {node.shape[0]:,} forward passes" in tip
        tip = " ".join(method_action(program, "Ablation-CAM").toolTip().split())
        assert f"Here: {node.shape[0]:,} passes from the layer on" in tip
        assert "Here" not in method_action(program, "Grad-CAM").toolTip()


@pytest.mark.parametrize(
    ("slug", "options"), [("is-cam", {"n": 1000, "batch": 1}), ("ss-cam", {"n": 1000, "batch": 1})]
)
def test_it_shows_progress_and_is_abandoned_by_a_click_on_another_layer(
    user: User, slug: str, options: dict[str, int]
) -> None:
    """So many passes that they would take minutes."""
    program = user.start(sweep=True)
    status = program.window.status
    bar = status.findChild(QProgressBar)
    assert bar is not None
    program.controller.choose_method(slug, tuple(options.items()))
    user.until(lambda: status.working and bar.maximum() == 1000 and 0 < bar.value() < 1000)
    job = program.controller.engine_lane.running
    assert job is not None
    assert "forward passes" in job.title
    method_action(program, "Grad-CAM").trigger()
    program.window.tree.layer_chosen.emit("layer2")
    user.wait_layer("layer2")
    assert wait_method(user, "grad-cam").layer == "layer2"
    assert job.token.cancelled
    wait_swept(user, "grad-cam")
    user.until(lambda: not status.working)


@pytest.mark.parametrize("title", ["Score-CAM", "Ablation-CAM"])
def test_another_layer_takes_the_place_of_one_that_is_computed(user: User, title: str) -> None:
    program = user.start(sweep=True)
    method_action(program, title).trigger()
    program.window.tree.layer_chosen.emit("layer3")
    program.window.tree.layer_chosen.emit("layer2")
    user.wait_layer("layer2")
    found = shown(program)
    assert (found.layer, found.method) == ("layer2", title.lower())
    assert found.map.any()

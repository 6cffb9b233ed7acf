"""Methods without a layer in the real window: their map, the tree, progress, and giving them up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QProgressBar
from torch import nn

import engine
from engine.formats.demo import SCENES
from engine.records.sources import ModelSource
from gui.app.program import Program
from gui.controllers.models import NamedModel
from gui.settings import table
from gui.state.notices import NoticeKind
from gui.widgets.bars.status_bar import StatusBar
from gui.widgets.dialogs.export import ExportDialog
from gui.widgets.layers.rows import Column
from tests.gui.test_methods import method_action, shown, wait_method, wait_swept, wait_thumbnails
from tests.gui.texts import painted
from tests.gui.user import WAIT_MS, Key, Modifier, User

NO_LAYER = "Saliency has no layer: it maps the pixels of the network's input."

# Attention over a grid of cells, in one block.
_ATTENDING = """
import torch
from torch import nn

class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, 8)
        self.norm = nn.LayerNorm(8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.norm(self.patches(x).flatten(2).transpose(1, 2))
        return self.head(self.block(x).mean(dim=1))
"""


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles of this test alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def note(program: Program) -> str:
    """What stands below the tree about its current row."""
    return program.window.tree._note.toolTip().replace("&#x27;", "'").replace("&apos;", "'")


def row_of(user: User, layer: str) -> tuple[QAbstractItemView, object]:
    view = user.tree()
    tree = user.program.window.tree
    index = tree._model.index_of(layer, Column.NAME)
    view.scrollTo(index)
    return view, index


def click_row(user: User, layer: str) -> None:
    view, index = row_of(user, layer)
    place = view.visualRect(index).center()  # type: ignore[arg-type]
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Saliency", "saliency"),
        ("Integrated Gradients", "integrated-gradients"),
        ("Occlusion", "occlusion"),
    ],
)
def test_its_map_is_shown_and_the_tree_says_that_it_has_no_layer(
    user: User, title: str, slug: str
) -> None:
    program = user.start()
    method_action(program, title).trigger()
    found = wait_method(user, slug)
    assert found.map.shape == (128, 128)
    with engine.Session(engine.load_model("demo:shapes"), engine.load_image(SCENES[0].path)) as s:
        wanted = s.explain(target=found.target.index, method=slug)
    np.testing.assert_allclose(found.map, wanted.map, atol=1e-4 * np.abs(wanted.map).max())
    assert found.layer == ""
    assert program.window.method_button.text() == title
    assert f"{title} value" in painted(program.window.canvas)
    assert "input pixels" in user.said
    assert f"{title} has no layer" in note(program)
    assert program.window.tree.explained() == ""
    assert program.window.tree._model.data(
        program.window.tree._model.index_of("layer1"), Qt.ItemDataRole.AccessibleDescriptionRole
    ).startswith(f"{title} has no layer")  # type: ignore[union-attr]
    assert (
        "input pixels  ·  3 × 128 × 128"
        in program.window.status._facts.toolTip()
        + str(program.window.status._facts.accessibleName())
        + program.window.status._facts.text()
    )


def test_a_click_on_a_layer_says_why_and_the_next_method_explains_what_was_chosen(
    user: User,
) -> None:
    program = user.start()
    program.window.tree.layer_chosen.emit("layer2")
    user.wait_layer("layer2")
    method_action(program, "Saliency").trigger()
    before = wait_method(user, "saliency")
    chosen: list[str] = []
    program.window.tree.layer_chosen.connect(chosen.append)
    click_row(user, "layer1")
    user.settle()
    assert chosen == []
    assert shown(program) is before
    assert note(program).endswith(NO_LAYER)
    assert program.window.notice.kind != NoticeKind.ERROR
    method_action(program, "Grad-CAM").trigger()
    found = wait_method(user, "grad-cam")
    assert found.layer == "layer2"
    assert "has no layer" not in note(program)
    click_row(user, "layer3")
    user.wait_layer("layer3")


def test_another_class_is_explained_by_it(user: User) -> None:
    program = user.start()
    method_action(program, "Saliency").trigger()
    first = wait_method(user, "saliency")
    user.press(Key.Key_2)
    user.until(lambda: user.target != first.target.index and not program.state.computing)
    assert shown(program).method == "saliency"
    assert not np.array_equal(shown(program).map, first.map)


def test_no_sweep_is_started_and_thumbnails_keep_away(user: User) -> None:
    program = user.start(sweep=True)
    wait_swept(user, "grad-cam")
    wait_thumbnails(user, {})
    jobs: list[str] = []
    program.controller.engine_lane.busy_changed.connect(
        lambda job: jobs.append(job.title) if job is not None else None
    )
    for title, slug in (("Saliency", "saliency"), ("Guided Grad-CAM", "guided-grad-cam")):
        method_action(program, title).trigger()
        wait_method(user, slug)
        program.controller.sweeper._timer.timeout.emit()
        user.settle()
        assert program.state.sweep is None
        assert program.window.tree._model.thumbnails == {}
    assert not any("all layers" in title for title in jobs)
    # A layer can be chosen by this one, but it says why no row has a picture.
    assert "No thumbnails: Guided Grad-CAM is computed for one layer." in note(program)
    click_row(user, "layer2")
    user.wait_layer("layer2")
    assert shown(program).map.shape == (128, 128)
    method_action(program, "Grad-CAM").trigger()
    wait_swept(user, "grad-cam")


def test_progress_is_shown_and_a_click_elsewhere_gives_it_up(user: User) -> None:
    program = user.start()
    status = program.window.status
    bar = status.findChild(QProgressBar)
    assert bar is not None
    program.controller.choose_method("occlusion", (("window", 8), ("stride", 1)))
    user.until(lambda: status.working and bar.maximum() == 1000 and bar.value() > 0)
    assert isinstance(status, StatusBar)
    assert "14,641 forward passes, about" in status._work.toolTip()
    assert program.state.computing
    method_action(program, "LayerCAM").trigger()
    found = wait_method(user, "layercam")
    assert found.layer == "layer4"
    assert program.controller.engine_lane.running is None
    assert program.window.notice.kind != NoticeKind.ERROR


def test_escape_gives_it_up_and_the_map_stays(user: User) -> None:
    program = user.start()
    before = shown(program)
    program.controller.choose_method("rise", (("masks", 100_000),))
    user.until(lambda: program.controller.engine_lane.running is not None)
    user.press(Key.Key_Escape)
    user.until(lambda: not program.state.computing)
    user.settle()
    assert shown(program) is before
    assert program.window.method_button.text() == "Grad-CAM"
    # And back: a slow method of layers leaves the map of pixels where it is.
    method_action(program, "Saliency").trigger()
    pixels = wait_method(user, "saliency")
    program.window.tree.layer_chosen.emit("layer2")
    user.settle()
    program.controller.choose_method("rise", (("masks", 100_000),))
    user.until(lambda: program.controller.engine_lane.running is not None)
    user.press(Key.Key_Escape)
    user.until(lambda: not program.state.computing)
    user.settle()
    assert shown(program).method == pixels.method
    method_action(program, "Grad-CAM").trigger()
    assert wait_method(user, "grad-cam").layer == "layer2"


def test_an_export_says_that_there_is_no_layer(user: User, tmp_path: Path) -> None:
    program = user.start()
    program.settings.set(table.EXPORT_JSON, True)
    method_action(program, "Guided backpropagation").trigger()
    wait_method(user, "guided-backprop")
    assert "edge detail, not evidence" in painted(program.window.canvas)
    user.press(Key.Key_E, Modifier.ControlModifier)
    dialog = user.dialog(ExportDialog)
    with user.qtbot.waitSignal(program.controller.exports.written, timeout=WAIT_MS):
        dialog.take(tmp_path / "out.png")
    facts = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert (facts["layer"], facts["layout"], facts["map"]["shape"]) == (None, None, [128, 128])
    user.settle()


def test_it_is_remembered_with_the_model(user: User) -> None:
    program = user.start()
    method_action(program, "Saliency").trigger()
    wait_method(user, "saliency")
    user.leave()
    program = user.start()
    assert shown(program).method == "saliency"
    assert "Saliency has no layer" in note(program)


@pytest.fixture
def attending(tmp_path: Path) -> NamedModel:
    path = tmp_path / "attending.py"
    path.write_text(_ATTENDING, encoding="utf-8")
    space: dict[str, type[nn.Module]] = {"__name__": "attending"}  # type: ignore[dict-item]
    exec(_ATTENDING, space)
    torch.manual_seed(0)
    torch.save(space["Attending"]().state_dict(), path.with_suffix(".pth"))
    source = ModelSource(str(path), str(path.with_suffix(".pth")), input="3x64x64")
    return NamedModel(source, (path, path.with_suffix(".pth")))


def test_attention_where_there_is_some(user: User, attending: NamedModel) -> None:
    program = user.start(model=attending)
    for title, slug in (("Attention rollout", "attention-rollout"), ("LeGrad", "legrad")):
        assert method_action(program, title).isEnabled()
        method_action(program, title).trigger()
        found = wait_method(user, slug)
        assert found.map.shape == (8, 8)
        assert "maps the whole network's attention" in note(program)
        assert "all attention" in user.said

"""What the window exports is made again by the command line, from the JSON beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cli.commands import main
from engine.formats.demo import SCENES
from engine.records.edits import Crop, Edits, Fill, Filling, Hide, Paste, Rectangle
from engine.records.explanations import Explanation
from engine.records.exports import ExportChoice
from engine.records.sources import ModelSource
from gui.controllers.models import NamedModel
from gui.jobs.figure_work import Collected
from gui.settings.table import EXPORT_JSON
from gui.widgets.dialogs.export import ExportDialog
from gui.widgets.figures.batch import BatchDialog
from gui.widgets.figures.dialog import FigureDialog
from tests.gui.user import WAIT_MS, User

SHAPES = NamedModel(ModelSource("demo:shapes"))
EDITS = Edits(
    (Crop(Rectangle(40, 30, 600, 500)), Hide(Rectangle(200, 150, 90, 120), Filling(Fill.MEAN)))
)


def again(facts: Path, pane: int | None) -> NDArray[np.float32]:
    """The map that the command line makes of a file beside a figure. pane: from 1."""
    out = facts.with_suffix(f".{pane}.npy")
    which = [] if pane is None else ["--pane", str(pane)]
    assert main(["explain", "--like", str(facts), *which, "--map", str(out)]) == 0
    return np.asarray(np.load(out))


def same(found: NDArray[np.float32], wanted: Explanation) -> None:
    assert found.shape == wanted.map.shape
    assert np.abs(found - wanted.map).max() <= 1e-4 * np.abs(wanted.map).max()


def figure(user: User, id: str, path: Path) -> tuple[Any, tuple[Explanation, ...]]:
    """Save a figure; the content of the file beside it, and the maps that it shows."""
    program = user.program
    program.window.actions_by_id[id].trigger()
    dialog = user.dialog(FigureDialog)
    user.until(lambda: dialog.ready)
    source = program.handlers.figures._source
    assert isinstance(source, Collected)
    with user.qtbot.waitSignal(program.controller.figures.written, timeout=WAIT_MS):
        dialog.take(path)
    user.settle()
    content = json.loads(path.with_suffix(".json").read_text("utf-8"))
    return content, tuple(item.explanation for item in source.items)


def check(facts: Path, maps: Sequence[Explanation], places: Sequence[int]) -> None:
    """Make some of the maps of a figure again. places: from 0."""
    for place in places:
        same(again(facts, place + 1 if len(maps) > 1 else None), maps[place])


def test_an_edited_image_with_another_layer_class_and_method(user: User, tmp_path: Path) -> None:
    program = user.start(SCENES[0].path, model=SHAPES)
    program.controller.choose_layer("layer2")
    program.controller.choose_class(3)
    program.controller.choose_method("layercam")
    program.controller.what_if.editor.set(EDITS, "edits")
    user.until(lambda: program.state.edits_of(program.state.pane) == EDITS)
    user.wait_explained()
    content, maps = figure(user, "figure", tmp_path / "one.png")
    (pane,) = content["panes"]
    assert (pane["layer"], pane["class"]["index"], pane["method"]) == ("layer2", 3, "layercam")
    assert len(pane["view"]["edits"]) == 2
    check(tmp_path / "one.json", maps, [0])


def test_panes_of_two_models_and_their_difference(user: User, tmp_path: Path) -> None:
    program = user.start(SCENES[0].path, model=SHAPES)
    state, controller = program.state, program.controller
    controller.comparer.compare_model(ModelSource("demo:shortcut"))
    user.until(lambda: all(pane.explanation is not None for pane in state.panes))
    user.wait_explained()
    controller.comparer.differ(True)
    content, maps = figure(user, "figure", tmp_path / "panes.svg")
    assert len(content["panes"]) == len(maps) == 2
    assert set(content["difference"]) >= {"correlation", "iou_top_20", "region"}
    assert content["scale"]["end"] == max(float(one.map.max()) for one in maps)
    check(tmp_path / "panes.json", maps, [0, 1])


def test_contact_sheets(user: User, tmp_path: Path) -> None:
    user.start(SCENES[0].path, SCENES[1].path, model=SHAPES)
    for kind, count in (("layers", None), ("images", 2), ("classes", 5)):
        content, maps = figure(user, f"sheet_{kind}", tmp_path / f"{kind}.pdf")
        assert len(content["panes"]) == len(maps) == (count or len(maps))
        check(tmp_path / f"{kind}.json", maps, [0, len(maps) - 1])


def test_one_figure_for_each_image_with_its_edits(user: User, tmp_path: Path) -> None:
    program = user.start(SCENES[0].path, SCENES[1].path, model=SHAPES)
    program.controller.what_if.editor.set(EDITS, "edits")
    user.until(lambda: program.state.edits_of(program.state.pane) == EDITS)
    user.wait_explained()
    shown = program.state.explanation
    assert shown is not None
    program.window.actions_by_id["figure"].trigger()
    dialog = user.dialog(FigureDialog)
    user.until(lambda: dialog.ready)
    dialog._many.click()
    batch = user.dialog(BatchDialog)
    batch.set_folder(tmp_path)
    with user.qtbot.waitSignal(program.controller.figures.batch.ended, timeout=WAIT_MS) as ended:
        batch.start()
    assert ended.args is not None
    first, second = (path.with_suffix(".json") for path in ended.args[0].written)
    same(again(first, None), shown)
    assert json.loads(second.read_text("utf-8"))["panes"][0]["view"]["edits"] == []
    batch.close()


def test_an_export_has_it_unless_it_is_switched_off(user: User, tmp_path: Path) -> None:
    program = user.start(SCENES[0].path, model=SHAPES)
    shown = program.state.explanation
    assert shown is not None
    assert program.settings.get(EXPORT_JSON)
    program.window.actions_by_id["export"].trigger()
    dialog = user.dialog(ExportDialog)
    with user.qtbot.waitSignal(program.controller.exports.written, timeout=WAIT_MS) as written:
        dialog.take(tmp_path / "map.png")
    assert written.args is not None
    choice = written.args[0].choice
    assert isinstance(choice, ExportChoice)
    assert choice.json == tmp_path / "map.json"
    same(again(tmp_path / "map.json", None), shown)


def test_an_earlier_file_beside_it_is_replaced_only_when_asked(user: User, tmp_path: Path) -> None:
    program = user.start()
    (tmp_path / "mine.json").write_text("mine")
    program.window.actions_by_id["figure"].trigger()
    dialog = user.dialog(FigureDialog)
    user.until(lambda: dialog.ready)
    dialog.take(tmp_path / "mine.png")
    assert "mine.json" in dialog._size.text()
    assert (tmp_path / "mine.json").read_text() == "mine"
    dialog._facts.setChecked(False)
    with user.qtbot.waitSignal(program.controller.figures.written, timeout=WAIT_MS):
        dialog.take(tmp_path / "mine.png")
    assert (tmp_path / "mine.json").read_text() == "mine"
    with Image.open(tmp_path / "mine.png") as picture:
        assert picture.info.keys() <= {"dpi"}


def test_of_an_image_without_a_file_the_picture_lies_beside_it(user: User, tmp_path: Path) -> None:
    program = user.start(SCENES[0].path, model=SHAPES)
    images = program.controller.images
    for scene in SCENES[1:3]:
        images.open_bytes(scene.path.read_bytes(), "pasted image")
        user.wait_explained()
    user.until(lambda: user.names[1:] == ["pasted image", "pasted image (2)"])
    first = Paste("pasted image", Rectangle(0, 0, 300, 200), (40.0, 60.0))
    program.controller.what_if.editor.set(Edits((first,)), "edits")
    user.until(lambda: program.state.edits_of(program.state.pane) == Edits((first,)))
    user.wait_explained()
    shown = program.state.explanation
    assert shown is not None
    figure(user, "figure", tmp_path / "one.svg")
    program.window.actions_by_id["export"].trigger()
    dialog = user.dialog(ExportDialog)
    with user.qtbot.waitSignal(program.controller.exports.written, timeout=WAIT_MS):
        dialog.take(tmp_path / "map.png")
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in [*tmp_path.glob("one*.*"), *tmp_path.glob("map*.*")]:
        path.rename(moved / path.name)
    assert {path.name for path in moved.glob("* image*")} == {
        "one image.jpg",
        "one image 2.jpg",
        "map image.jpg",
        "map image 2.jpg",
    }
    same(again(moved / "map.json", None), shown)
    same(again(moved / "one.json", None), shown)

"""What if, in the real window: tools on the canvas, predictions and maps that follow, undo."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

import engine
from engine.edits.apply import edited, frame_of
from engine.edits.reading import read_edits
from engine.effects.curves import curve
from engine.formats.demo import SCENES
from engine.records.edits import (
    MOST_EDITS,
    NO_EDITS,
    Brush,
    Change,
    Changing,
    Crop,
    Edit,
    Edits,
    Ellipse,
    Hide,
    Hottest,
    Lasso,
    Paste,
    Rectangle,
    Shape,
)
from engine.records.explanations import Explanation
from engine.records.sources import ModelSource
from gui.controllers.models import NamedModel
from gui.widgets.canvas.panes.pane_canvas import PaneCanvas
from tests.gui.user import Key, Modifier, User

IMAGE = engine.load_image(SCENES[0].path)


def at(user: User, x: float, y: float) -> QPoint:
    """Where a pixel of the image is on the canvas."""
    canvas = user.program.window.canvas
    return canvas.mapFromScene(QPointF(x, y))


def drag(user: User, *points: tuple[float, float]) -> None:
    """Press the left button at the first place, move to the others, and let go."""
    viewport = user.program.window.canvas.viewport()
    left, none = Qt.MouseButton.LeftButton, Modifier.NoModifier
    QTest.mousePress(viewport, left, none, at(user, *points[0]))
    for point in points[1:]:
        QTest.mouseMove(viewport, at(user, *point))
    QTest.mouseRelease(viewport, left, none, at(user, *points[-1]))


def edits(user: User) -> Edits:
    image = user.program.state.current
    assert image is not None
    return image.edits


def wait_edited(user: User) -> None:
    """The map is of the image with all its edits."""
    state = user.program.state

    def there() -> bool:
        answer = state.answer
        return (
            answer is not None
            and answer.request.edits == state.edits_of(state.pane)
            and state.explanation is answer.explanation
            and not state.computing
        )

    user.until(there)
    user.settle()


def alone(done: Edits) -> tuple[Explanation, np.ndarray]:
    """What a session of its own finds for the first scene with these edits."""
    image = edited(IMAGE, done)
    with engine.Session(engine.load_model("demo:shapes"), image) as session:
        return session.explain(), session.logits


def same(found: Explanation | None, wanted: Explanation) -> None:
    assert found is not None
    assert (found.layer, found.target.index) == (wanted.layer, wanted.target.index)
    assert found.region == wanted.region
    peak = np.abs(wanted.map).max()
    np.testing.assert_allclose(found.map, wanted.map, rtol=0, atol=1e-5 * peak)


def test_nothing_of_it_is_visible_until_it_is_asked_for(user: User) -> None:
    window = user.start().window
    assert window.what_if.isHidden() or not window.what_if.isVisible()
    assert not window.tools.isVisible()
    assert not window.actions_by_id["tool_brush"].isEnabled()
    user.press(Key.Key_E)
    assert window.what_if.isVisible()
    assert window.tools.isVisible()
    user.press(Key.Key_E)
    assert not window.what_if.isVisible()


def test_a_hidden_rectangle_changes_picture_predictions_and_map_and_is_undone(user: User) -> None:
    program = user.start()
    state, window = program.state, program.window
    first = state.explanation
    before = state.answer
    assert before is not None
    picture = state.picture_of(state.pane)
    user.press(Key.Key_E)
    user.press(Key.Key_R)
    width, height = IMAGE.width, IMAGE.height
    drag(
        user, (0.2 * width, 0.2 * height), (0.5 * width, 0.5 * height), (0.8 * width, 0.8 * height)
    )
    (step,) = edits(user).steps
    assert isinstance(step, Hide)
    assert isinstance(step.shape, Rectangle)
    assert step.shape.x == pytest.approx(0.2 * width, abs=2)
    assert step.shape.width == pytest.approx(0.6 * width, abs=3)
    wait_edited(user)
    wanted, logits = alone(edits(user))
    same(state.explanation, wanted)
    shown = state.picture_of(state.pane)
    assert shown is not None
    assert shown is not picture
    assert state.answer is not None
    top = state.answer.predictions[0]
    model = window.predictions._model
    change = model.change_of(top.index)
    assert change is not None
    assert state.answer.before is not None
    was = alone(NO_EDITS)[1]
    assert change.logit == pytest.approx(logits[top.index] - was[top.index], abs=1e-3)
    assert window.actions_by_id["undo"].text() == "Undo: hide region"
    user.press(Key.Key_Z, Modifier.ControlModifier)
    wait_edited(user)
    assert edits(user) == NO_EDITS
    same(state.explanation, first)
    assert state.picture_of(state.pane) is picture
    assert model.change_of(top.index) is None
    user.press(Key.Key_Z, Modifier.ControlModifier | Modifier.ShiftModifier)
    wait_edited(user)
    same(state.explanation, wanted)


def framed(canvas: PaneCanvas) -> tuple[float, float, float, float] | None:
    """The frame of a crop that a canvas draws; None without one."""
    box = canvas._frame_item.boundingRect().adjusted(8, 8, -8, -8)
    assert canvas._frame_item.isVisible()
    return None if box.width() <= 0 else (box.x(), box.y(), box.width(), box.height())


def test_a_crop_is_explained_beside_the_whole(user: User) -> None:
    program = user.start()
    state = program.state
    whole = state.explanation
    user.press(Key.Key_E)
    user.press(Key.Key_K)
    drag(user, (10, 20), (60, 60), (130, 110))
    (step,) = edits(user).steps
    assert isinstance(step, Crop)
    user.until(lambda: len(state.panes) == 2)
    wait_edited(user)
    same(state.explanation, alone(edits(user))[0])
    (other,) = state.others
    user.until(lambda: other.explanation is not None and not other.computing)
    same(other.explanation, whole)
    shown = state.picture_of(state.pane)
    assert shown is not None
    assert abs(shown.width - 120) <= 2
    # Its frame is on the whole, whichever pane is active, with the tools and without.
    part = frame_of(edits(user), IMAGE.width, IMAGE.height)
    for original in (False, True, True):
        if state.pane.original != original:
            user.press(Key.Key_N)
        elif original:
            user.press(Key.Key_E)
        user.until(lambda original=original: state.pane.original == original)
        for pane in state.panes:
            frame = framed(program.window.panes.canvases[pane.number])
            assert frame == ((part.x, part.y, part.width, part.height) if pane.original else None)
    user.press(Key.Key_N)
    user.until(lambda: not state.pane.original)
    user.press(Key.Key_Z, Modifier.ControlModifier)
    wait_edited(user)
    assert len(state.panes) == 1
    same(state.explanation, whole)


def test_undoing_a_crop_closes_what_it_opened_though_other_edits_stay(user: User) -> None:
    opened(user)
    state = user.program.state
    added(user, BOX)
    user.press(Key.Key_K)
    drag(user, (10, 20), (60, 60), (130, 110))
    user.until(lambda: len(state.panes) == 2)
    wait_edited(user)
    user.press(Key.Key_Z, Modifier.ControlModifier)
    wait_edited(user)
    assert len(state.panes) == 1
    assert edits(user) == Edits((BOX,))
    user.press(Key.Key_Z, Modifier.ControlModifier | Modifier.ShiftModifier)
    user.until(lambda: len(state.panes) == 2)
    wait_edited(user)


def move(user: User, *points: tuple[float, float]) -> None:
    """Move with the left button held, which drag would let go of."""
    for point in points:
        QTest.mouseMove(user.program.window.canvas.viewport(), at(user, *point))


def press(user: User, point: tuple[float, float]) -> None:
    viewport = user.program.window.canvas.viewport()
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, Modifier.NoModifier, at(user, *point))


def release(user: User, point: tuple[float, float]) -> None:
    viewport = user.program.window.canvas.viewport()
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, Modifier.NoModifier, at(user, *point))


def test_predictions_follow_while_the_brush_paints_and_the_map_when_it_rests(user: User) -> None:
    program = user.start()
    state = program.state
    user.press(Key.Key_E)
    user.press(Key.Key_H)
    rest = program.controller.what_if.editor._rest
    rest.setInterval(100_000)
    press(user, (200, 200))
    move(user, (230, 230), (260, 260), (300, 300))
    drawn = program.controller.what_if.editor.edits
    user.until(lambda: state.live is not None and state.live.edits == drawn)
    live = state.live
    assert live is not None
    wanted = alone(live.edits)[1]
    rest.start(1)
    user.until(lambda: state.answer is not None and bool(state.answer.request.edits.steps))
    assert program.controller.what_if.editor.drafting, "the button is still held"
    wait_edited(user)
    same(state.explanation, alone(program.controller.what_if.editor.edits)[0])
    np.testing.assert_allclose(live.logits, wanted, atol=0.3)
    release(user, (300, 300))
    assert not program.controller.what_if.editor.drafting
    assert program.window.actions_by_id["undo"].text() == "Undo: paint"
    user.press(Key.Key_Z, Modifier.ControlModifier)
    wait_edited(user)
    assert edits(user) == NO_EDITS


def opened(user: User, tool: Key | None = None) -> None:
    """The program with the tools open, one of which is chosen."""
    user.start()
    user.press(Key.Key_E)
    if tool is not None:
        user.press(tool)


def added(user: User, *steps: Edit) -> None:
    """These edits on the first scene, as if they had been drawn."""
    for step in steps:
        user.program.controller.what_if.editor.add(step, "edit")
    wait_edited(user)


BOX = Hide(Rectangle(100, 80, 200, 150))


@pytest.mark.parametrize("tool", ["rectangle", "ellipse", "lasso", "brush", "crop", "copy"])
def test_what_is_drawn_outside_the_image_is_no_edit(user: User, tool: str) -> None:
    state = user.start().state
    user.press(Key.Key_E)
    user.program.window.actions_by_id[f"tool_{tool}"].trigger()
    drag(user, (-90, 100), (-80, 140), (-70, 190), (-75, 200))
    assert edits(user) == NO_EDITS
    assert "outside the image" in user.program.window.notice.text
    assert user.program.controller.history.undo_words == ""
    # What reaches into the image is one.
    user.press(Key.Key_R)
    drag(user, (-60, 100), (-20, 140), (80, 190))
    assert len(edits(user).steps) == 1
    wait_edited(user)
    assert state.explanation is not None


def test_an_edit_is_moved_resized_and_removed_by_mouse_and_keys(user: User) -> None:
    opened(user)
    added(user, BOX)
    user.program.controller.what_if.editor.select(-1)
    drag(user, (200, 150), (220, 170), (250, 190))
    (step,) = edits(user).steps
    assert isinstance(step, Hide)
    assert isinstance(step.shape, Rectangle)
    assert step.shape.x == pytest.approx(150, abs=2)
    assert (step.shape.width, step.shape.height) == (200, 150)
    corner = step.shape.x + 200, step.shape.y + 150
    drag(user, corner, (corner[0] + 30, corner[1] + 10), (corner[0] + 60, corner[1] + 20))
    (step,) = edits(user).steps
    assert isinstance(step, Hide)
    assert isinstance(step.shape, Rectangle)
    assert step.shape.width == pytest.approx(260, abs=3)
    before = step.shape
    user.press(Key.Key_Right)
    user.press(Key.Key_Down, Modifier.ShiftModifier)
    (step,) = edits(user).steps
    assert isinstance(step, Hide)
    assert isinstance(step.shape, Rectangle)
    assert (step.shape.x, step.shape.y) == (before.x + 1, before.y + 10)
    user.press(Key.Key_Delete)
    assert edits(user) == NO_EDITS
    actions = user.program.window.actions_by_id
    assert actions["undo"].text() == "Undo: remove rectangle"
    user.press(Key.Key_Z, Modifier.ControlModifier)
    user.press(Key.Key_Z, Modifier.ControlModifier)
    assert edits(user) == Edits((replace(BOX, shape=before),)), "two keys in a row are one step"
    user.press(Key.Key_Z, Modifier.ControlModifier)
    user.press(Key.Key_Z, Modifier.ControlModifier)
    assert edits(user) == Edits((BOX,))
    wait_edited(user)


@pytest.mark.parametrize(
    ("key", "shape"),
    [(Key.Key_U, Ellipse), (Key.Key_S, Lasso), (Key.Key_H, Brush), (Key.Key_R, Rectangle)],
)
def test_each_tool_draws_its_shape_by_mouse_and_by_key(
    user: User, key: Key, shape: type[Shape]
) -> None:
    opened(user, key)
    drag(user, (100, 100), (200, 110), (220, 200), (120, 190))
    (step,) = edits(user).steps
    assert isinstance(step, Hide)
    assert type(step.shape) is shape
    user.press(Key.Key_Return)
    assert [type(one.shape) for one in edits(user).steps if isinstance(one, Hide)] == [shape] * 2
    wait_edited(user)
    same(user.program.state.explanation, alone(edits(user))[0])


def test_the_hottest_part_is_hidden_by_a_slider_and_kept(user: User) -> None:
    opened(user)
    state, panel = user.program.state, user.program.window.what_if
    shown = state.explanation
    assert shown is not None
    was = shown.target.index
    panel.hottest.setFocus()
    panel.hottest.setValue(15)
    (step,) = edits(user).steps
    assert isinstance(step, Hide)
    assert step.shape == Hottest(15, shown.layer, was, method="grad-cam")
    wait_edited(user)
    model = engine.load_model("demo:shapes")
    found = engine.what_if(model, IMAGE, edits(user))
    assert state.answer is not None
    assert state.answer.predictions[0].index == found.after[0].index != was
    panel._mode.choose("keep")
    wait_edited(user)
    (step,) = edits(user).steps
    assert isinstance(step, Hide)
    assert step.keep
    assert state.answer is not None
    assert state.answer.predictions[0].index == was
    panel.hottest.setValue(0)
    assert edits(user) == NO_EDITS
    wait_edited(user)


def test_the_list_switches_off_and_removes_one_by_one(user: User) -> None:
    opened(user)
    whole = user.program.state.explanation
    other = Change(Changing.BRIGHTNESS, 30)
    added(user, BOX, other)
    listed = user.program.window.what_if.edits
    texts = [listed.item(row).text() for row in range(listed.count())]
    assert texts == ["Hide rectangle · inpaint", "Brightness +30 %"]
    listed.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert edits(user).active == (other,)
    wait_edited(user)
    same(user.program.state.explanation, alone(Edits((other,)))[0])
    listed.setFocus()
    listed.setCurrentRow(1)
    QTest.keyClick(listed, Key.Key_Delete)
    assert [step.on for step in edits(user).steps] == [False]
    wait_edited(user)
    same(user.program.state.explanation, whole)
    assert user.program.window.predictions._model.change_of(0) is None


def test_a_slider_changes_the_image_and_has_its_curve(user: User) -> None:
    opened(user)
    state, form = user.program.state, user.program.window.what_if.change
    assert state.explanation is not None
    target = state.explanation.target.index
    form.box.setCurrentIndex(form.box.findData(Changing.BLUR.value))
    user.until(lambda: form.curve.shown)
    model = engine.load_model("demo:shapes")
    wanted = curve(model, IMAGE, Edits((Change(Changing.BLUR, 0),)), 0, target=target)
    assert wanted.probabilities is not None
    assert form.curve._amounts == wanted.amounts
    np.testing.assert_allclose(form.curve._values, wanted.probabilities, atol=0.05)
    form.slider.setValue(40)
    assert edits(user) == Edits((Change(Changing.BLUR, 4.0),))
    wait_edited(user)
    same(state.explanation, alone(edits(user))[0])
    user.press(Key.Key_Z, Modifier.ControlModifier)
    assert form.slider.value() == 0
    wait_edited(user)


def test_a_part_of_another_image_is_pasted_and_scored_by_position(user: User) -> None:
    opened(user, Key.Key_Y)
    program = user.program
    drag(user, (100, 100), (300, 250), (400, 350))
    assert edits(user) == NO_EDITS
    second = list(program.state.images)[1]
    program.controller.images.select(second)
    user.wait_explained()
    user.press(Key.Key_Y, Modifier.ShiftModifier)
    (step,) = edits(user).steps
    assert isinstance(step, Paste)
    assert step.source == str(SCENES[0].path)
    assert step.part.width == pytest.approx(300, abs=3)
    wait_edited(user)
    image = engine.load_image(SCENES[1].path)
    done = edited(image, edits(user), others=lambda _source, _page: IMAGE)
    model = engine.load_model("demo:shapes")
    with engine.Session(model, done) as session:
        same(program.state.explanation, session.explain())
    program.window.actions_by_id["paste_map"].trigger()
    places = program.controller.what_if.places
    user.until(lambda: places.shown is not None)
    assert places.shown is not None
    assert program.window.canvas._explanation is places.shown
    assert places.shown.map.std() > 0
    user.press(Key.Key_Escape)
    assert program.window.canvas._explanation is program.state.explanation


def test_edits_are_copied_exported_opened_and_given_to_other_images(
    user: User, tmp_path: Path
) -> None:
    opened(user)
    program = user.program
    added(user, BOX, Change(Changing.GREY, 100))
    done = edits(user)
    actions = program.window.actions_by_id
    actions["copy_edits"].trigger()
    assert Edits.from_facts(json.loads(QGuiApplication.clipboard().text())["edits"]) == done
    path = tmp_path / "edits.json"
    program.controller.what_if.files.write(path)
    user.until(path.exists)
    user.settle()
    actions["clear_edits"].trigger()
    assert edits(user) == NO_EDITS
    program.controller.what_if.files.read(path)
    user.until(lambda: edits(user) == done)
    actions["share_edits"].trigger()
    assert {image.edits for image in program.state.images.values()} == {done}
    user.press(Key.Key_Z, Modifier.ControlModifier)
    assert [bool(image.edits.steps) for image in program.state.images.values()].count(True) == 1
    wait_edited(user)
    (tmp_path / "bad.json").write_text('{"edits": [{"edit": "hide"}]}')
    program.controller.what_if.files.read(tmp_path / "bad.json")
    user.until(lambda: "bad.json" in program.window.notice.text)
    assert edits(user) == done


def test_opened_edits_find_the_image_that_they_paste_from_where_it_is_now(
    user: User, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    shutil.copy(SCENES[1].path, first / "mark.jpg")
    opened(user)
    program = user.program
    paste = Paste(str(first / "mark.jpg"), Rectangle(10, 10, 90, 60), (50.0, 40.0))
    added(user, paste)
    wait_edited(user)
    program.controller.what_if.files.write(first / "edits.json")
    user.until((first / "edits.json").exists)
    user.settle()
    first.rename(second)
    program.controller.what_if.files.read(second / "edits.json")
    user.until(lambda: edits(user) != Edits((paste,)))
    (step,) = edits(user).steps
    assert isinstance(step, Paste)
    assert Path(step.source) == second / "mark.jpg"
    wait_edited(user)
    (second / "mark.jpg").unlink()
    program.controller.what_if.files.read(second / "edits.json")
    user.until(lambda: "mark.jpg: is missing" in program.window.notice.text)
    assert edits(user) == Edits((step,))


def test_the_original_is_one_key_away_and_beside(user: User) -> None:
    opened(user)
    program, canvas = user.program, user.program.window.canvas
    whole = program.state.explanation
    picture = program.state.picture_of(program.state.pane)
    added(user, Crop(Rectangle(40, 40, 200, 160)))
    canvas.setFocus()
    assert canvas.picture_bounds.width() == 200
    QTest.keyPress(canvas, Key.Key_Space)
    assert canvas._picture_item._picture is picture
    QTest.keyRelease(canvas, Key.Key_Space)
    assert canvas.picture_bounds.width() == 200
    user.press(Key.Key_B)
    (other,) = program.state.others
    user.until(lambda: other.explanation is not None and not other.computing)
    same(other.explanation, whole)
    assert [h.split("  ·  ")[0].split("  ")[-1] for h in program.window.panes.headings] == [
        "crop",
        "original",
    ]


def test_edits_stay_with_their_image_through_closing_and_going_back(user: User) -> None:
    opened(user)
    program = user.program
    added(user, BOX)
    shown = program.state.explanation
    actions = program.window.actions_by_id
    actions["next_image"].trigger()
    user.wait_explained()
    assert edits(user) == NO_EDITS
    assert program.window.what_if.edits.count() == 0
    actions["previous_image"].trigger()
    wait_edited(user)
    same(program.state.explanation, shown)
    actions["close_image"].trigger()
    user.wait_explained()
    user.press(Key.Key_Z, Modifier.ControlModifier)
    user.until(lambda: edits(user) == Edits((BOX,)))
    wait_edited(user)
    same(program.state.explanation, shown)
    user.press(Key.Key_Z, Modifier.ControlModifier)
    assert edits(user) == NO_EDITS
    wait_edited(user)


def test_edits_that_cannot_be_done_say_why(user: User) -> None:
    opened(user)
    program = user.program
    program.controller.what_if.editor.add(
        Paste("gone.png", Rectangle(0, 0, 9, 9), (0, 0)), "paste part"
    )
    user.until(lambda: "gone.png" in program.window.what_if._error.text())
    user.press(Key.Key_Z, Modifier.ControlModifier)
    assert program.window.what_if._error.text() == ""
    wait_edited(user)


def test_a_watermark_is_found_out_by_hiding_it_and_by_pasting_it_elsewhere(user: User) -> None:
    """demo:shortcut takes a watermark for a star, whatever else there is."""
    user.start(SCENES[4].path, SCENES[0].path, model=NamedModel(ModelSource("demo:shortcut")))
    state = user.program.state

    def top() -> str:
        assert state.answer is not None
        return state.answer.predictions[0].label

    assert top() == "star"
    user.press(Key.Key_E)
    user.press(Key.Key_R)
    mark = (745, 649), (800, 700), (839, 743)
    drag(user, *mark)
    wait_edited(user)
    assert top() != "star"
    user.press(Key.Key_Z, Modifier.ControlModifier)
    user.press(Key.Key_Y)
    drag(user, *mark)
    user.press(Key.Key_PageDown)
    user.wait_explained()
    assert top() == "ring"
    user.press(Key.Key_Y, Modifier.ShiftModifier)
    drag(user, (600, 400), (700, 500), (924, 724))
    wait_edited(user)
    assert top() == "star"


def test_an_invitation_goes_when_an_edit_makes_another_answer_right(user: User) -> None:
    program = user.start(model=NamedModel(ModelSource("demo:shortcut")))
    state, notice = program.state, program.window.notice
    scene = next(one for one in SCENES if one.model == "shortcut")
    key = next(key for key, image in state.images.items() if image.scene is scene)
    program.controller.images.select(key)
    user.wait_explained()
    assert notice.text == scene.invitation
    added(user, Hide(Rectangle(745, 649, 94, 94)))
    wait_edited(user)
    assert notice.text == ""
    user.press(Key.Key_Z, Modifier.ControlModifier)
    assert notice.text == scene.invitation


def test_going_to_another_image_finishes_what_is_drawn(user: User) -> None:
    opened(user, Key.Key_H)
    state = user.program.state
    first = state.current
    assert first is not None
    press(user, (200, 200))
    move(user, (240, 240), (280, 280))
    user.press(Key.Key_PageDown)
    assert state.current is not first
    assert len(first.edits.steps) == 1
    assert edits(user) == NO_EDITS
    user.wait_explained()
    user.press(Key.Key_Z, Modifier.ControlModifier)
    assert state.current is first, "undoing shows what it undoes"
    assert first.edits == NO_EDITS
    wait_edited(user)


def test_escape_and_undo_drop_what_is_being_drawn(user: User) -> None:
    opened(user, Key.Key_R)
    whole = user.program.state.explanation
    for key, modifier in (
        (Key.Key_Escape, Modifier.NoModifier),
        (Key.Key_Z, Modifier.ControlModifier),
    ):
        press(user, (200, 200))
        move(user, (240, 240), (400, 400))
        assert user.program.controller.what_if.editor.drafting
        user.press(key, modifier)
        assert not user.program.controller.what_if.editor.drafting
        release(user, (400, 400))
        assert edits(user) == NO_EDITS
        assert user.program.window.edit_tool.tool == "rectangle"
    wait_edited(user)
    same(user.program.state.explanation, whole)


def test_no_more_edits_are_made_than_can_be_opened_again(user: User, tmp_path: Path) -> None:
    opened(user, Key.Key_R)
    most = Edits((replace(BOX, on=False),) * MOST_EDITS)
    editor = user.program.controller.what_if.editor
    editor.set(most, "many")
    added(user, BOX)
    assert edits(user) == most
    assert "1,000 edits" in user.program.window.notice.text
    drag(user, (100, 100), (300, 250))
    assert edits(user) == most
    # Those that are there can be changed, and fewer are no fault.
    editor.put(3, replace(BOX, keep=True, on=False), "keep")
    editor.remove(0)
    added(user, Change(Changing.GREY, 100, on=False))
    assert len(edits(user).steps) == MOST_EDITS
    path = tmp_path / "edits.json"
    user.program.controller.what_if.files.write(path)
    user.until(path.exists)
    assert read_edits(path) == edits(user)


def test_more_edits_than_can_be_opened_again_are_not_taken_over_either(user: User) -> None:
    """From a file, or from another image."""
    opened(user)
    program, editor = user.program, user.program.controller.what_if.editor
    current = program.state.current
    assert current is not None
    many = Edits((replace(BOX, on=False),) * (MOST_EDITS + 1))
    editor.take(current.key, many, "open edits")
    assert edits(user) == NO_EDITS
    assert "1,000 edits" in program.window.notice.text
    program.window.notice.clear()
    current.edits = many
    editor.give_others(list(program.state.images))
    assert "1,000 edits" in program.window.notice.text
    others = [image for image in program.state.images.values() if image is not current]
    assert {image.edits for image in others} == {NO_EDITS}


def test_the_brush_suits_each_image_until_it_is_sized_by_hand(user: User, tmp_path: Path) -> None:
    """One for the first image would be a dot on a photograph, or cover an icon."""
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    PILImage.new("RGB", (80, 60), "teal").save(small)
    PILImage.new("RGB", (2400, 1800), "olive").save(large)
    program = user.start(small, large, model=NamedModel(ModelSource("demo:shapes")))
    user.press(Key.Key_E)
    user.press(Key.Key_H)

    def painted() -> float:
        middle = program.window.canvas.picture_bounds.center()
        before = len(edits(user).steps)
        drag(user, (middle.x(), middle.y()), (middle.x() * 1.1, middle.y()))
        user.until(lambda: len(edits(user).steps) > before)
        step = edits(user).steps[-1]
        assert isinstance(step, Hide)
        assert isinstance(step.shape, Brush)
        wait_edited(user)
        return step.shape.radius

    first = painted()
    program.controller.images.step(1)
    user.wait_explained()
    second = painted()
    assert second == pytest.approx(30 * first)
    user.press(Key.Key_Period)
    third = painted()
    assert third > second
    program.controller.images.step(-1)
    user.wait_explained()
    assert painted() == third

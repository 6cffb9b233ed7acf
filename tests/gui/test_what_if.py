"""What if, in the real window: tools on the canvas, predictions and maps that follow, undo."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest

import engine
from engine.edits.apply import edited
from engine.formats.demo import SCENES
from engine.records.edits import NO_EDITS, Crop, Edits, Hide, Rectangle
from engine.records.explanations import Explanation
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
    user.press(Key.Key_Z, Modifier.ControlModifier)
    wait_edited(user)
    assert len(state.panes) == 1
    same(state.explanation, whole)


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
    press(user, (200, 200))
    move(user, (230, 230), (260, 260), (300, 300))
    user.until(lambda: state.live is not None)
    live = state.live
    assert live is not None
    wanted = alone(live.edits)[1]
    user.until(lambda: state.answer is not None and bool(state.answer.request.edits.steps))
    assert program.controller.editor.drafting, "the button is still held"
    wait_edited(user)
    same(state.explanation, alone(program.controller.editor.edits)[0])
    np.testing.assert_allclose(live.logits, wanted, atol=0.3)
    release(user, (300, 300))
    assert not program.controller.editor.drafting
    assert program.window.actions_by_id["undo"].text() == "Undo: paint"
    user.press(Key.Key_Z, Modifier.ControlModifier)
    wait_edited(user)
    assert edits(user) == NO_EDITS

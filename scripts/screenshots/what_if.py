"""Pictures of 'what if': a part hidden, a crop beside the whole, painting, a change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest

from engine.records.edits import Changing, Fill, Filling
from scripts.screenshots.shots import shot

if TYPE_CHECKING:
    from gui.widgets.canvas.tools.drawing import Tool
    from scripts.screenshots.stage import Stage

Place = tuple[float, float]


def at(stage: Stage, place: Place) -> QPoint:
    """A place on the canvas; in parts of the image's width and height."""
    canvas = stage.window.canvas
    bounds = canvas.picture_bounds
    return canvas.mapFromScene(
        QPointF(place[0] * bounds.width(), place[1] * bounds.height()) + bounds.topLeft()
    )


def _press(stage: Stage, *places: Place) -> None:
    """Press the left button at the first place, and move to the others."""
    viewport = stage.window.canvas.viewport()
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QTest.mousePress(viewport, left, none, at(stage, places[0]))
    for place in places[1:]:
        QTest.mouseMove(viewport, at(stage, place))


def drag(stage: Stage, *places: Place) -> None:
    _press(stage, *places)
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QTest.mouseRelease(stage.window.canvas.viewport(), left, none, at(stage, places[-1]))
    edited(stage)


def edited(stage: Stage) -> None:
    state = stage.state

    def there() -> bool:
        answer = state.answer
        return answer is not None and answer.request.edits == state.edits_of(state.pane)

    stage.until(there, "the edited image's map")
    stage.until(lambda: all(p.explanation for p in state.panes), "every map")
    stage.settled()


def _open(stage: Stage, tool: Tool) -> None:
    stage.start()
    stage.hide_notice()
    stage.program.handlers.what_if.open(True)
    stage.program.handlers.what_if.choose(tool)
    stage.settled()


@shot("what-if")
def what_if(stage: Stage, path: Path) -> None:
    """An ellipse over the shape that decides, inpainted."""
    _open(stage, "ellipse")
    drag(stage, (0.2, 0.2), (0.6, 0.6))
    stage.shoot(path)


@shot("crop", look="light")
def crop(stage: Stage, path: Path) -> None:
    _open(stage, "crop")
    drag(stage, (0.2, 0.1), (0.75, 0.7))
    stage.shoot(path)


@shot("painting")
def painting(stage: Stage, path: Path) -> None:
    """The hand rests, with the button held."""
    _open(stage, "brush")
    stage.window.what_if.filling_chosen.emit(Filling(Fill.INPAINT))
    _press(stage, (0.3, 0.35), (0.4, 0.4), (0.45, 0.5), (0.5, 0.42), (0.6, 0.45))
    edited(stage)
    stage.shoot(path)
    stage.window.edit_tool.give_up()
    stage.settled()


@shot("change-curve", look="light")
def change_curve(stage: Stage, path: Path) -> None:
    """A slider with the curve of the class's score over its range."""
    _open(stage, "select")
    form = stage.window.what_if.change
    form.box.setCurrentIndex(form.box.findData(Changing.ROTATE.value))
    form.slider.setValue(form.slider.value() + 40)
    edited(stage)
    stage.until(lambda: form.curve.shown, "the curve")
    stage.settled()
    stage.shoot(path)


@shot("paste-map")
def paste_map(stage: Stage, path: Path) -> None:
    """A star of another scene, and what pasting it anywhere does to the class."""
    _open(stage, "copy")
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    _press(stage, (0.24, 0.13), (0.5, 0.52))
    QTest.mouseRelease(stage.window.canvas.viewport(), left, none, at(stage, (0.5, 0.52)))
    stage.choose_image("Crescent")
    stage.hide_notice()
    stage.window.actions_by_id["paste_part"].trigger()
    edited(stage)
    stage.window.actions_by_id["paste_map"].trigger()
    stage.until(lambda: stage.controller.what_if.places.shown is not None, "the map of positions")
    stage.settled()
    stage.shoot(path)

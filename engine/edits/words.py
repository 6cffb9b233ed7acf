"""Edits in words, as lists, undo and the command line say them."""

from __future__ import annotations

from pathlib import PurePath

from engine.edits.changes import CHANGES
from engine.records.edits import (
    Brush,
    Change,
    Crop,
    Edit,
    Ellipse,
    Fill,
    Filling,
    Hide,
    Hottest,
    Lasso,
    Rectangle,
    Shape,
)

FILLS = {
    Fill.INPAINT: "inpainting",
    Fill.BLUR: "blur",
    Fill.MEAN: "the mean colour",
    Fill.GREY: "grey",
    Fill.COLOUR: "a colour",
    Fill.NOISE: "noise",
}
"""What hidden pixels are filled with, in words."""


def described(step: Edit) -> str:
    """An edit in a few words: 'hide the hottest 15 %, filled with inpainting'."""
    if isinstance(step, Crop):
        return f"crop to {_box(step.part)}"
    if isinstance(step, Hide):
        verb = "keep only" if step.keep else "hide"
        return f"{verb} {_shape(step.shape)}, filled with {_filled(step.filling)}"
    if isinstance(step, Change):
        return changed(step)
    at = f"{step.at[0]:g}, {step.at[1]:g}"
    return f"paste {_box(step.part)} of {PurePath(step.source).name} at {at}"


def changed(step: Change) -> str:
    """A change with its amount: 'rotate −15°', 'JPEG quality 40', 'flip left and right'."""
    reach = CHANGES[step.what]
    title = reach.title if reach.title.startswith("JPEG") else reach.title.lower()
    if reach.is_switch:
        return title if step.amount else f"{title}: off"
    return f"{title} {amount(step)}"


def amount(step: Change) -> str:
    """The amount of a change with its unit: '+20 %', '−15°', '40'."""
    reach = CHANGES[step.what]
    sign = "+" if reach.low < 0 < step.amount else ""
    number = f"{sign}{step.amount:.4g}".replace("-", "\u2212")
    space = "" if reach.unit in ("", "°") else " "
    return f"{number}{space}{reach.unit}"


def _shape(shape: Shape) -> str:
    if isinstance(shape, Hottest):
        return f"the hottest {shape.percent:g} %"
    if isinstance(shape, Rectangle):
        return f"a rectangle of {_box(shape)}"
    if isinstance(shape, Ellipse):
        return f"an ellipse of {_box(shape)}"
    if isinstance(shape, Lasso):
        return f"an outline of {len(shape.points)} points"
    assert isinstance(shape, Brush)
    return f"a stroke {2 * shape.radius:g} pixels wide"


def _box(box: Rectangle | Ellipse) -> str:
    return f"{box.width:g} x {box.height:g} at {box.x:g}, {box.y:g}"


def _filled(filling: Filling) -> str:
    if filling.fill is Fill.COLOUR:
        return "#{:02x}{:02x}{:02x}".format(*filling.colour)
    return FILLS[filling.fill]

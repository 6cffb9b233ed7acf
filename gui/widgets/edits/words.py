"""What edits are called, in a few words."""

from __future__ import annotations

from pathlib import PurePath

from engine.edits.changes import CHANGES
from engine.edits.words import amount
from engine.records.edits import (
    Brush,
    Change,
    Crop,
    Edit,
    Ellipse,
    Fill,
    Hide,
    Hottest,
    Lasso,
    Shape,
)

FILLS: dict[Fill, tuple[str, str]] = {
    Fill.INPAINT: ("Inpaint", "Continue what surrounds the hidden pixels (OpenCV)"),
    Fill.BLUR: ("Blur", "Blur what is hidden until nothing can be made out"),
    Fill.MEAN: ("Mean colour", "The mean colour of the image"),
    Fill.GREY: ("Grey", "Middle grey"),
    Fill.COLOUR: ("Colour", "A colour of your choice"),
    Fill.NOISE: ("Noise", "Noise with the mean and the spread of the image"),
}


def words_of(edit: Edit) -> str:
    """An edit in the list: 'Hide ellipse', 'Brightness +20 %'."""
    if isinstance(edit, Crop):
        return f"Crop to {round(edit.part.width)} × {round(edit.part.height)}"
    if isinstance(edit, Hide):
        return f"{'Keep' if edit.keep else 'Hide'} {_shape_words(edit.shape)}"
    if isinstance(edit, Change):
        reach = CHANGES[edit.what]
        return reach.title if reach.is_switch else f"{reach.title} {amount(edit)}"
    return f"Paste from {PurePath(edit.source).name}"


def note_of(edit: Edit) -> str:
    """What stands beside it, dimmed: the fill of what is hidden."""
    return FILLS[edit.filling.fill][0].lower() if isinstance(edit, Hide) else ""


def _shape_words(shape: Shape) -> str:
    if isinstance(shape, Hottest):
        return f"hottest {shape.percent:g} %"
    if isinstance(shape, Ellipse):
        return "ellipse"
    if isinstance(shape, Lasso):
        return "lasso"
    return "brush stroke" if isinstance(shape, Brush) else "rectangle"

"""Questions as they are typed and put together, checked before there is a network. No numpy."""

from __future__ import annotations

import re

from engine.errors import TargetError
from engine.records.asked import Cell, Question, Unit
from engine.targets.questions import find

FOLDER = "folder"
"""In place of a class: the one that the image's folder is called by."""


_UNIT = re.compile(r"(?P<layer>.+?):(?P<channel>\d{1,9})(?::(?P<row>\d{1,9}),(?P<column>\d{1,9}))?")
_CELL = re.compile(r"(?P<row>\d{1,9}),(?P<column>\d{1,9})")


def parse_unit(text: str) -> Unit:
    """The unit that 'LAYER:CHANNEL' or 'LAYER:CHANNEL:ROW,COLUMN' names. Raises TargetError."""
    found = _UNIT.fullmatch(text.strip())
    if found is None:
        raise TargetError(
            f"'{text}' is no unit; write LAYER:CHANNEL, as in layer3:17, or with a "
            "cell, as in layer3:17:4,5"
        )
    cell = None
    if found["row"] is not None:
        cell = int(found["row"]), int(found["column"])
    return Unit(found["layer"], int(found["channel"]), cell)


def parse_cell(text: str) -> Cell:
    """The cell that 'ROW,COLUMN' names. Raises TargetError."""
    found = _CELL.fullmatch(text.strip())
    if found is None:
        raise TargetError(f"'{text}' is no cell; write ROW,COLUMN, as in 3,4")
    return int(found["row"]), int(found["column"])


def checked(question: Question) -> Question:
    """The question, if it has what its row needs and nothing else. Raises TargetError."""
    row = find(question.slug)
    given = (
        (question.against is not None, row.against, "other class", "contrast"),
        (question.unit is not None, row.unit, "unit", "unit"),
        (question.cell is not None, row.cell, "output cell", "cell"),
    )
    for is_given, is_taken, thing, better in given:
        if is_given and not is_taken:
            raise TargetError(f"the question '{row.slug}' takes no {thing}; ask '{better}'")
    if row.unit and question.unit is None:
        raise TargetError("the question 'unit' needs a unit, as in layer3:17")
    if row.cell and question.cell is None:
        raise TargetError("the question 'cell' needs an output cell, as in 3,4")
    return question

"""Rows as text: what the table and the grid show of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["", "right", "wrong", "error", "waiting"]


@dataclass(frozen=True, slots=True)
class ShownColumn:
    """A column of the table. name: in the index. numeric: aligned to the right. width: in average
    characters. about: a sentence for its tooltip."""

    name: str
    title: str
    numeric: bool
    width: int
    about: str


@dataclass(frozen=True, slots=True)
class RowText:
    """One row. number: of the input in the index. texts: one for each shown column, escaped. title,
    detail: the lines below its picture in the grid. tip: for the whole row."""

    number: int
    texts: tuple[str, ...]
    title: str
    detail: str
    tone: Tone
    tip: str

"""The blocks of a report: plain values and pixels, which an HTML page and a PDF have alike.

Whatever has something to add to a report makes blocks of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from engine.records.images import Pixels


@dataclass(frozen=True, slots=True)
class Heading:
    """level: 2 for a part of the report, 3 for a part of that, 4 for a part of that again."""

    text: str
    level: Literal[2, 3, 4] = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Text, perhaps of several lines. quiet: said beside what matters."""

    text: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, a row each."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """head: one name for each column. shares: of the width, that each column has. numbers: the
    columns that are numbers, on the right."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shares: tuple[float, ...]
    numbers: tuple[int, ...] = ()

    @property
    def is_short(self) -> bool:
        """Whether it is kept on one page: a few rows of a line or two each."""
        return len(self.rows) <= 8 and all(len(cell) <= 60 for row in self.rows for cell in row)


@dataclass(frozen=True, slots=True, eq=False)
class ColourBar:
    """colors: uint8 (n, 3), RGB, from left to right. marks: numbers, each with its place from 0 to
    1. title: what the numbers are of."""

    colors: Pixels
    marks: tuple[tuple[float, str], ...]
    title: str


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A picture: uint8 (rows, columns, 3), RGB. title and lines: what is said below it."""

    pixels: Pixels
    title: str
    lines: tuple[str, ...] = ()
    bar: ColourBar | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Pictures beside each other, two in a row."""

    shots: tuple[Shot, ...]


Block: TypeAlias = Heading | Paragraph | Facts | Table | Pictures


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """title: at the top, and in the file's properties. line: below it. blocks: in their order."""

    title: str
    line: str
    blocks: tuple[Block, ...]

"""A report as pages of a PDF: blocks are set one below the other, and pages begin where one is
full. Positions are in points from the top left, as in engine.figures.drawing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from engine.escaping import lines as shown_lines
from engine.escaping import plain
from engine.figures.drawing import (
    POINTS_TO_THE_MM,
    Bar,
    Drawing,
    Frame,
    Ink,
    Line,
    Part,
    Picture,
    Words,
)
from engine.figures.lettering import Lettering
from engine.records.workbench.reports import Sheet
from engine.reports.blocks import (
    Block,
    Facts,
    Heading,
    Paragraph,
    Pictures,
    Report,
    Shot,
    Table,
)
from engine.version import NAME

SIZES: dict[Sheet, tuple[float, float]] = {"a4": (595.276, 841.89), "letter": (612.0, 792.0)}
"""Width and height of the papers, in points."""

_MARGIN = 18 * POINTS_TO_THE_MM
_FOOT = 14.0
_TITLE, _HEADS, _BODY, _SMALL = 18.0, {2: 12.5, 3: 10.5, 4: 9.5}, 9.5, 8.0
_LEADING = 1.4
_GAP = 14.0
_INK: Ink = (28, 28, 28)
_FAINT: Ink = (92, 92, 92)
_RULE: Ink = (212, 212, 212)
_LONGEST = 2_000
_MOST_LINES = 400
_FACT_NAME = 104.0

Cells: TypeAlias = tuple[tuple[str, ...], ...]
"""A row: the lines of each of its cells."""


def drawings(report: Report, paper: Sheet) -> tuple[Drawing, ...]:
    """The pages of a report."""
    setter = _Setter(report, paper)
    setter.set_all()
    return setter.pages()


class _Setter:
    """Sets blocks into pages."""

    def __init__(self, report: Report, paper: Sheet) -> None:
        self._report = report
        self._width, self._height = SIZES[paper]
        self._room = self._width - 2 * _MARGIN
        self._bottom = self._height - _MARGIN - _FOOT
        self._lettering = Lettering(_texts(report))
        self._pages: list[list[Part]] = [[]]
        self._top = _MARGIN

    def set_all(self) -> None:
        report = self._report
        self._say(report.title, _TITLE, _INK)
        self._say(report.line, _BODY, _FAINT)
        for place, block in enumerate(report.blocks, start=1):
            self._set(block, report.blocks[place:])

    def pages(self) -> tuple[Drawing, ...]:
        count = len(self._pages)
        base = self._height - _MARGIN
        title = plain(self._report.title, _LONGEST)
        made = []
        for number, parts in enumerate(self._pages, start=1):
            words = f"{NAME}, page {number} of {count}"
            foot = Words(self._width - _MARGIN, base, words, _SMALL, _FAINT, "end")
            made.append(Drawing(self._width, self._height, (255, 255, 255), (*parts, foot), title))
        return tuple(made)

    # --- blocks -----------------------------------------------------------------------------------

    def _set(self, block: Block, following: Sequence[Block]) -> None:
        match block:
            case Heading():
                # A heading is not left behind by what it is for.
                self._need(self._least((block, *following)))
                self._top += _GAP if block.level == 2 else _GAP / 2
                self._say(block.text, _HEADS[block.level], _INK)
                self._top += 3.0
            case Paragraph():
                for line in shown_lines(block.text).split("\n"):
                    self._say(line or " ", _BODY, _FAINT if block.quiet else _INK)
                self._top += 4.0
            case Facts():
                for row in block.rows:
                    self._row(self._fact(row), (_FACT_NAME,), (), first=True)
                self._top += 4.0
            case Table():
                self._table(block)
            case Pictures():
                self._pictures(block)

    def _least(self, blocks: Sequence[Block]) -> float:
        """How much of them has to be on one page: headings, and the beginning of what follows."""
        match blocks:
            case [Heading() as head, *rest]:
                lines = len(self._folded(head.text, _HEADS[head.level], self._room))
                height = lines * _HEADS[head.level] * _LEADING + 3.0
                return height + (_GAP if head.level == 2 else _GAP / 2) + self._least(rest)
            case [Pictures() as pictures, *_]:
                return _GAP / 2 + 3.0 + max(self._height_of(shot) for shot in pictures.shots[:2])
            case [Table() as table, *_]:
                first = (table.head, *table.rows[: None if table.is_short else 1])
                return sum(_high(self._cells(row, self._widths(table))) for row in first)
            case [Facts() as facts, *_]:
                return sum(_high(self._fact(row)) for row in facts.rows[:2])
        return 3 * _BODY * _LEADING

    def _table(self, table: Table) -> None:
        """Its head is above the first row, and on top of each page that it goes on on."""
        widths = self._widths(table)
        head = self._cells(table.head, widths)
        self._need(self._least((table,)))
        self._row(head, widths, table.numbers, faint=True)
        for row in table.rows:
            cells = self._cells(row, widths)
            if self._need(_high(cells)):
                self._row(head, widths, table.numbers, faint=True)
            self._row(cells, widths, table.numbers)
        self._top += 4.0

    def _widths(self, table: Table) -> tuple[float, ...]:
        return tuple(share * self._room for share in table.shares)

    def _fact(self, row: tuple[str, str]) -> Cells:
        return self._cells(row, (_FACT_NAME, self._room - _FACT_NAME))

    def _cells(self, texts: Sequence[str], widths: Sequence[float]) -> Cells:
        """The lines of each cell of a row."""
        return tuple(
            self._folded(text, _BODY, width - 8.0)
            for text, width in zip(texts, widths, strict=True)
        )

    def _row(
        self,
        cells: Cells,
        widths: Sequence[float],
        numbers: Sequence[int],
        *,
        first: bool = False,
        faint: bool = False,
    ) -> None:
        """A row with a line below it. widths: of the cells, but perhaps the last. first: the first
        cell is a name. faint: all are."""
        height = _high(cells)
        self._need(min(height, self._bottom - _MARGIN))
        left, top = _MARGIN, self._top
        for place, texts in enumerate(cells):
            width = widths[place] if place < len(widths) else 0.0
            ink = _FAINT if faint or (first and place == 0) else _INK
            for number, text in enumerate(texts):
                base = top + number * _BODY * _LEADING + _BODY
                if base > self._bottom:
                    break
                right = place in numbers
                x = left + width - 8.0 if right else left
                self._add(Words(x, base, text, _BODY, ink, "end" if right else "start"))
            left += width
        self._top += height
        y = self._top - 2.5
        self._add(Line(_MARGIN, y, _MARGIN + self._room, y, 0.5, _RULE))

    # --- pictures ---------------------------------------------------------------------------------

    def _pictures(self, block: Pictures) -> None:
        shots = block.shots
        self._top += _GAP / 2
        for start in range(0, len(shots), 2):
            pair = shots[start : start + 2]
            height = max(map(self._height_of, pair))
            self._need(height)
            for place, shot in enumerate(pair):
                self._shot(shot, _MARGIN + place * (self._half + _GAP))
            self._top += height + _GAP / 2

    @property
    def _half(self) -> float:
        return (self._room - _GAP) / 2

    def _size_of(self, shot: Shot) -> tuple[float, float]:
        rows, columns = shot.pixels.shape[:2]
        # A tall picture leaves room for what is said below it.
        most = 0.55 * (self._bottom - _MARGIN)
        scale = min(self._half / columns, most / rows)
        return columns * scale, rows * scale

    def _captions(self, shot: Shot) -> Iterator[tuple[str, Ink]]:
        texts = [(shot.title, _INK), *((line, _FAINT) for line in shot.lines)]
        if shot.bar is not None:
            texts.append((shot.bar.title, _FAINT))
        for text, ink in texts:
            for line in self._folded(text, _SMALL, self._half):
                yield line, ink

    def _height_of(self, shot: Shot) -> float:
        height = self._size_of(shot)[1] + 4.0
        height += sum(_SMALL * _LEADING for _ in self._captions(shot))
        return height + (22.0 if shot.bar is not None else 0.0)

    def _shot(self, shot: Shot, left: float) -> None:
        width, height = self._size_of(shot)
        top = self._top
        self._add(Picture(left, top, width, height, shot.pixels))
        self._add(Frame(left, top, width, height, 0.5, _RULE))
        top += height + 4.0
        for line, ink in self._captions(shot):
            self._add(Words(left, top + _SMALL, line, _SMALL, ink))
            top += _SMALL * _LEADING
        if shot.bar is None:
            return
        self._add(Bar(left, top, width, 7.0, shot.bar.colors))
        last = len(shot.bar.marks) - 1
        for place, (at, number) in enumerate(shot.bar.marks):
            x, base = left + at * width, top + 7.0 + _SMALL + 2.0
            anchor = "start" if place == 0 else "end" if place == last else "middle"
            self._add(Words(x, base, number, _SMALL, _FAINT, anchor))  # type: ignore[arg-type]

    # --- the page ---------------------------------------------------------------------------------

    def _add(self, part: Part) -> None:
        self._pages[-1].append(part)

    def _need(self, height: float) -> bool:
        """Begin a page if so much does not fit on this one; whether one was begun."""
        if self._top + height <= self._bottom or self._top <= _MARGIN:
            return False
        self._pages.append([])
        self._top = _MARGIN
        return True

    def _say(self, text: str, size: float, ink: Ink) -> None:
        for line in self._folded(text, size, self._room):
            self._need(size * _LEADING)
            self._add(Words(_MARGIN, self._top + size, line, size, ink))
            self._top += size * _LEADING

    def _folded(self, text: str, size: float, room: float) -> tuple[str, ...]:
        return self._lettering.folded(plain(text, _LONGEST), size, room, _MOST_LINES) or ("",)


def _high(cells: Cells) -> float:
    """Of a row, with the line below it."""
    return max(map(len, cells)) * _BODY * _LEADING + 5.0


def _texts(report: Report) -> Iterator[str]:
    """All that is written, which decides on the font."""
    yield from (report.title, report.line, NAME, "page of 0123456789,")
    for block in report.blocks:
        match block:
            case Heading() | Paragraph():
                yield block.text
            case Facts():
                yield from (text for row in block.rows for text in row)
            case Table():
                yield from (text for row in (block.head, *block.rows) for text in row)
            case Pictures():
                for shot in block.shots:
                    yield from (shot.title, *shot.lines)
                    if shot.bar is not None:
                        yield shot.bar.title
                        yield from (number for _, number in shot.bar.marks)

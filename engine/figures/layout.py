"""The layout of a figure: panes in rows and columns, their words, colour bars and a caption."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.errors import ExportError
from engine.figures.drawing import (
    POINTS_TO_THE_INCH,
    POINTS_TO_THE_MM,
    Bar,
    Drawing,
    Frame,
    Ink,
    Line,
    Part,
    Words,
)
from engine.figures.lettering import Lettering
from engine.figures.panes import Pane, cropped, fitted, painted
from engine.records.display import DisplaySettings
from engine.records.figures import FigureForm
from engine.render import overlay

LEAST_PIXELS = 160
"""Smallest width of a picture in a figure, in pixels."""

MOST_PIXELS = 150_000_000
"""Largest figure, in pixels: 12,000 x 12,000, about 450 MB as RGB."""

_PAD = 6.0
_GAP = 6.0
_TITLE, _SMALL = 7.0, 6.0
_LEADING = 1.3
_TALLEST = 1.6
_BAR = (170.0, 7.0)
_TICK = 2.0
_OUTLINE = 0.75

# A picture is not narrower than this where the width is free; a figure of few is that of a
# column of print, or of a page.
_LEAST = 24 * POINTS_TO_THE_MM
_COLUMN, _PAGE = 85 * POINTS_TO_THE_MM, 180 * POINTS_TO_THE_MM

_INKS: dict[str, tuple[Ink | None, Ink, Ink]] = {
    "light": ((255, 255, 255), (20, 20, 20), (84, 84, 84)),
    "dark": ((24, 24, 24), (240, 240, 240), (178, 178, 178)),
    "transparent": (None, (20, 20, 20), (84, 84, 84)),
}

Marks: TypeAlias = Callable[[float], Sequence[tuple[float, str]]]
"""From the least distance of two numbers, in parts of the bar, to (place, number) beside it."""


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """A colour bar: its colours, the numbers beside it, and what they are of."""

    settings: DisplaySettings
    marks: Marks
    words: str


@dataclass(slots=True, eq=False)
class _Page:
    """What has been laid out so far, and where the next thing goes."""

    form: FigureForm
    lettering: Lettering
    width: float
    top: float = _PAD
    parts: list[Part] = field(default_factory=list)

    @property
    def inks(self) -> tuple[Ink | None, Ink, Ink]:
        return _INKS[self.form.paper]

    @property
    def room(self) -> float:
        return self.width - 2 * _PAD

    def say(self, text: str, left: float, room: float, size: float, ink: Ink) -> None:
        """One line of words, shortened to the room, whose top is at left and top."""
        line = self.lettering.shortened(text, size, room)
        self.parts.append(Words(left, self.top + size, line, size, ink))
        self.top += size * _LEADING


def in_rows(panes: Sequence[Pane], form: FigureForm) -> list[list[Pane]]:
    """Panes in rows of equal length, but for the last: in as many columns as the form says, or as
    suits their number and fits the width. The bare images stand before their maps."""
    shown = _with_bare(panes) if form.beside else list(panes)
    columns = columns_for(len(shown), form)
    return [shown[start : start + columns] for start in range(0, len(shown), columns)]


def figure(
    rows: Sequence[Sequence[Pane]],
    form: FigureForm,
    scales: Sequence[Scale],
    caption: Sequence[str] = (),
    title: str = "",
) -> Drawing:
    """The drawing of panes in rows and columns.

    scales: the colour bars below them. caption: lines below these, if the form has a caption.
    Raises ExportError for a form that cannot be had, such as a width that the columns do not fit.
    """
    form.check()
    rows = [[cropped(pane) if form.crop else pane for pane in row] for row in rows]
    tile = tile_width(max(map(len, rows)), form)
    words = [text for row in rows for pane in row for text in pane.words]
    words += [scale.words for scale in scales] + list(caption)
    words += [number for scale in scales for _, number in scale.marks(0.05)]
    width = max(map(len, rows)) * (tile + _GAP) - _GAP + 2 * _PAD
    # Before anything is drawn: the words add little.
    _check_size(width, sum(_height(row, tile) for row in rows), form)
    page = _Page(form, Lettering([*words, "…"]), width)
    for row in rows:
        _lay_row(page, row, tile)
    for scale in scales:
        _lay_scale(page, scale)
    if form.caption:
        for number, text in enumerate(caption):
            for line in page.lettering.folded(text, _SMALL, page.room, 4):
                ink = page.inks[1] if number == 0 else page.inks[2]
                page.say(line, _PAD, page.room, _SMALL, ink)
    height = page.top + _PAD
    _check_size(width, height, form)
    return Drawing(width, height, page.inks[0], tuple(page.parts), title)


def check_room(count: int, columns: int | None, form: FigureForm, aspect: float) -> None:
    """Refuse a figure of so many panes before they are computed. Raises ExportError as figure does.

    columns: None for as many as suit them. aspect: height by width of the images, or of one.
    """
    form.check()
    columns = form.columns or columns or columns_for(count, form)
    tile = tile_width(columns, form)
    height = math.ceil(count / columns) * min(aspect, _TALLEST) * tile
    _check_size(columns * (tile + _GAP), height, form)


def tile_width(columns: int, form: FigureForm) -> float:
    """How wide a picture is, in points. Raises ExportError if the form is too narrow for them."""
    least = LEAST_PIXELS / form.dpi * POINTS_TO_THE_INCH
    around = 2 * _PAD + (columns - 1) * _GAP
    if form.width is None:
        tile = (min(columns * _COLUMN, _PAGE) - around) / columns
        return max(tile, _LEAST, least)
    tile = (form.width * POINTS_TO_THE_MM - around) / columns
    if tile < least * (1 - 1e-9):
        needed = math.ceil((columns * least + around) / POINTS_TO_THE_MM)
        raise ExportError(
            f"{columns} columns of {LEAST_PIXELS} pixels at {form.dpi} dpi need {needed} mm, not "
            f"{form.width:g}; make the figure wider, or choose more dpi or fewer columns"
        )
    return tile


def tile_pixels(columns: int, form: FigureForm) -> int:
    """How wide a picture is, in pixels. Raises ExportError as tile_width does."""
    return math.ceil(tile_width(columns, form) / POINTS_TO_THE_INCH * form.dpi)


def columns_for(count: int, form: FigureForm) -> int:
    """The columns of the form, else those that suit so many panes and fit the form's width."""
    if form.columns is not None:
        return form.columns
    columns = count if count <= 4 else math.ceil(math.sqrt(count))
    if form.width is not None:
        least = LEAST_PIXELS / form.dpi * POINTS_TO_THE_INCH
        most = (form.width * POINTS_TO_THE_MM - 2 * _PAD + _GAP) / (least + _GAP)
        columns = max(1, min(columns, math.floor(most + 1e-9)))
    return max(1, columns)


def _with_bare(panes: Sequence[Pane]) -> list[Pane]:
    """The panes, with the bare image before the first of each image."""
    shown: list[Pane] = []
    for pane in panes:
        if not shown or shown[-1].image != pane.image:
            shown.append(pane.bare)
        shown.append(pane)
    return shown


def with_bare(rows: Sequence[Sequence[Pane]]) -> list[list[Pane]]:
    """The rows, each with the bare images before their maps."""
    return [_with_bare(row) for row in rows]


def _lay_row(page: _Page, row: Sequence[Pane], tile: float) -> None:
    _, ink, faint = page.inks
    lines = [_lines_of(page, pane, tile) for pane in row]
    top = page.top
    heights = [sum(size for _, size in own) * _LEADING for own in lines]
    words = max(heights, default=0.0)
    height = _height(row, tile)
    for column, (pane, own) in enumerate(zip(row, lines, strict=True)):
        left = _PAD + column * (tile + _GAP)
        # Next to the picture that they are of.
        page.top = top + words - heights[column]
        for text, size in own:
            page.say(text, left, tile, size, ink if size == _TITLE else faint)
        page.parts += _picture(page.form, pane, (left, top + words, tile, height))
    page.top = top + words + height + _GAP


def _lines_of(page: _Page, pane: Pane, room: float) -> list[tuple[str, float]]:
    """The words above a pane with their sizes: the first of them in up to two lines."""
    title = page.lettering.folded(pane.words[0], _TITLE, room, 2) if pane.words else ()
    return [(text, _TITLE) for text in title] + [(text, _SMALL) for text in pane.words[1:]]


def _height(row: Sequence[Pane], tile: float) -> float:
    """How much room the pictures of a row take."""
    return min(max(map(_aspect, row)), _TALLEST) * tile


def _aspect(pane: Pane) -> float:
    return float(pane.pixels.shape[0] / pane.pixels.shape[1])


def _picture(
    form: FigureForm, pane: Pane, cell: tuple[float, float, float, float]
) -> Iterator[Part]:
    """The picture at the top of its cell, below its words, and the outline of the region."""
    left, top, width, height = cell
    aspect = _aspect(pane)
    wide = min(width, height / aspect)
    tall = wide * aspect
    left += (width - wide) / 2
    density = form.dpi / POINTS_TO_THE_INCH
    size = max(1, round(wide * density)), max(1, round(tall * density))
    drawn = fitted(pane, size)
    yield painted(drawn, (left, top, wide, tall))
    if form.outline and not form.crop and drawn.explanation is not None:
        region = drawn.explanation.region
        edges = (
            max(0.0, region.x) / size[0] * wide,
            max(0.0, region.y) / size[1] * tall,
            min(region.x + region.width, size[0]) / size[0] * wide,
            min(region.y + region.height, size[1]) / size[1] * tall,
        )
        half, most = _OUTLINE, 1.5 * _OUTLINE
        # Just inside the region; its dark border ends where the picture does.
        edges = (
            max(edges[0] + half, most),
            max(edges[1] + half, most),
            min(edges[2] - half, wide - most),
            min(edges[3] - half, tall - most),
        )
        for thickness, ink in ((3 * _OUTLINE, (0, 0, 0)), (_OUTLINE, (255, 255, 255))):
            yield Frame(
                left + edges[0],
                top + edges[1],
                max(0.0, edges[2] - edges[0]),
                max(0.0, edges[3] - edges[1]),
                thickness,
                ink,
            )


def _lay_scale(page: _Page, scale: Scale) -> None:
    """What the numbers are of, the bar below, and the numbers below that."""
    _, ink, faint = page.inks
    lettering, page_room = page.lettering, page.room
    for line in lettering.folded(scale.words, _SMALL, page_room, 2):
        page.say(line, _PAD, page_room, _SMALL, ink)
    ends = [lettering.width(number, _SMALL) for _, number in scale.marks(1.0)]
    left = _PAD + ends[0] / 2
    length = max(24.0, min(_BAR[0], _PAD + page_room - ends[-1] / 2 - left))
    top, height = page.top + 1.0, _BAR[1]
    page.parts.append(Bar(left, top, length, height, overlay.bar_colors(scale.settings, 256)))
    for place, number in scale.marks(1.5 * max(ends) / length):
        x = left + place * length
        below = top + height
        page.parts.append(Line(x, below, x, below + _TICK, 0.5, faint))
        base = below + _TICK + _SMALL
        page.parts.append(Words(x, base, number, _SMALL, faint, "middle"))
    page.top = top + height + _TICK + _SMALL * _LEADING + _GAP / 2


def _check_size(width: float, height: float, form: FigureForm) -> None:
    density = form.dpi / POINTS_TO_THE_INCH
    across, down = round(width * density), round(height * density)
    if across * down > MOST_PIXELS:
        raise ExportError(
            f"the figure would have {across:,} x {down:,} pixels; choose fewer dpi, a smaller "
            "width, or show less of it"
        )


__all__ = [
    "LEAST_PIXELS",
    "MOST_PIXELS",
    "Scale",
    "check_room",
    "columns_for",
    "figure",
    "in_rows",
    "tile_pixels",
    "tile_width",
    "with_bare",
]

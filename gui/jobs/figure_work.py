"""The work of the file lane for figures: drawing them, and writing them under free names."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os.path import lexists
from pathlib import Path
from typing import TYPE_CHECKING

from engine.lazy.numpy import np
from engine.records.display import DisplaySettings
from engine.records.figures import FigureForm
from gui.toolkit.imaging import Picture

if TYPE_CHECKING:
    from engine.comparing.sheet import Shown
    from engine.figures.drawing import Drawing
    from gui.jobs.lanes import Watch

# Of what is shown before it is written; enough for every cell of a sheet of sixty layers.
_PREVIEW_PIXELS = 8_000_000
_INCH = 25.4
_POINTS = 72.0


@dataclass(frozen=True, slots=True, eq=False)
class Collected:
    """What a figure is made of, in any form.

    name: a suggested file name, without suffix. inputs: files that it must not replace. notices:
    what has to be said about the maps. columns: how many are in a row where the form does not say;
    None for as many as suit them. differing: there are two maps, and their difference is a third.
    """

    items: tuple[Shown, ...]
    name: str
    inputs: tuple[Path, ...] = ()
    notices: tuple[str, ...] = ()
    columns: int | None = None
    differing: bool = False


def joined(parts: Sequence[Collected]) -> Collected:
    """Several as one, named after the first; at least one."""
    if len(parts) == 1:
        return parts[0]
    return Collected(
        tuple(item for part in parts for item in part.items),
        f"{parts[0].name}, {len(parts)} panes",
        tuple(dict.fromkeys(path for part in parts for path in part.inputs)),
        tuple(dict.fromkeys(text for part in parts for text in part.notices)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class DrawnFigure:
    """A figure as it would be written, and what the window shows of it.

    picture: the drawing as pixels; of a very large one, with fewer of them than the file. size:
    in pixels at the form's resolution.
    """

    drawing: Drawing
    form: FigureForm
    picture: Picture
    size: tuple[int, int]
    source: Collected

    @property
    def words(self) -> str:
        """Its size: '85 x 92 mm, 1,004 x 1,087 pixels at 300 dpi'."""
        wide, tall = (side / _POINTS * _INCH for side in (self.drawing.width, self.drawing.height))
        across, down = self.size
        return f"{wide:.0f} × {tall:.0f} mm, {across:,} × {down:,} pixels at {self.form.dpi} dpi"


def drawing_of(source: Collected, form: FigureForm, display: DisplaySettings) -> Drawing:
    """The drawing that is shown and written.

    Raises ExportError for a form that cannot be had, and HookscopeError for a difference of images
    that are not of one size.
    """
    from engine.comparing.sheet import difference_sheet, sheet

    if source.differing:
        return difference_sheet(source.items, form, base=display, title=source.name)[0]
    return sheet(source.items, form, columns=source.columns, base=display, title=source.name)


def draw(
    source: Collected, form: FigureForm, display: DisplaySettings, watch: Watch
) -> DrawnFigure:
    """Draw a figure, and make of the drawing what the window shows. Raises ExportError."""
    from engine.figures.formats.raster import drawn

    drawing = drawing_of(source, form, display)
    watch.cancel.raise_if_cancelled()
    density = form.dpi / _POINTS
    size = max(1, round(drawing.width * density)), max(1, round(drawing.height * density))
    part = min(1.0, math.sqrt(_PREVIEW_PIXELS / (size[0] * size[1])))
    pixels = np.asarray(drawn(drawing, form.dpi * part))
    return DrawnFigure(drawing, form, Picture.build(pixels), size, source)


def write(figure: DrawnFigure, path: Path, _watch: Watch) -> Path:
    """Write the drawing that is shown, as a whole or not at all. Raises ExportError."""
    from engine.figures.saving import save_figure
    from engine.files.destinations import check_outputs

    check_outputs({"figure": path}, figure.source.inputs)
    save_figure(path, figure.drawing, figure.form.dpi)
    return path


def write_one_of_many(
    source: Collected,
    form: FigureForm,
    display: DisplaySettings,
    where: tuple[Path, str, frozenset[str]],
    _watch: Watch,
) -> Path:
    """Write a figure into a folder, under a name that no other has, and that is not there yet.

    where: the folder, the suffix, and the keys of the names that were given before.
    Raises ExportError.
    """
    from engine.figures.saving import save_figure

    folder, suffix, taken = where
    path = free_path(folder, source.name, suffix, taken)
    save_figure(path, drawing_of(source, form, display), form.dpi)
    return path


def free_path(folder: Path, name: str, suffix: str, taken: frozenset[str]) -> Path:
    """folder/name.suffix, with a number where a file or an earlier figure has that name."""
    number = 1
    while True:
        path = folder / (f"{name}{suffix}" if number == 1 else f"{name} {number}{suffix}")
        if name_key(path) not in taken and not lexists(path):
            return path
        number += 1


def name_key(path: Path) -> str:
    """Equal for names that are one file on some systems: letters in another case, or composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path.name).casefold())


def told_apart(items: Sequence[Shown], names: Sequence[str]) -> tuple[Shown, ...]:
    """The maps with names of images that tell them apart."""
    from engine.comparing import sheet

    short = sheet.told_apart(names)
    return tuple(replace(item, image=name) for item, name in zip(items, short, strict=True))

"""The work of the file lane for figures: drawing them, and writing them under free names."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os.path import lexists
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.export.references import NO_PICTURES, Pictures
from engine.lazy.numpy import np
from engine.records.display import DisplaySettings
from engine.records.figures import FACTS, FigureForm
from gui.jobs.files.writing import write_bytes
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
    facts: of each map, how it was asked for, as export.files.pane_facts has it.
    """

    items: tuple[Shown, ...]
    name: str
    inputs: tuple[Path, ...] = ()
    notices: tuple[str, ...] = ()
    columns: int | None = None
    differing: bool = False
    facts: tuple[Mapping[str, Any], ...] = ()


def joined(parts: Sequence[Collected]) -> Collected:
    """Several as one, named after the first; at least one."""
    if len(parts) == 1:
        return parts[0]
    return Collected(
        tuple(item for part in parts for item in part.items),
        f"{parts[0].name}, {len(parts)} panes",
        tuple(dict.fromkeys(path for part in parts for path in part.inputs)),
        tuple(dict.fromkeys(text for part in parts for text in part.notices)),
        facts=tuple(facts for part in parts for facts in part.facts),
    )


@dataclass(frozen=True, slots=True, eq=False)
class DrawnFigure:
    """A figure as it would be written, and what the window shows of it.

    picture: the drawing as pixels; of a very large one, with fewer of them than the file. size:
    in pixels at the form's resolution. display: how the maps are drawn.
    """

    drawing: Drawing
    form: FigureForm
    picture: Picture
    size: tuple[int, int]
    source: Collected
    display: DisplaySettings

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
    return DrawnFigure(drawing, form, Picture.build(pixels), size, source, display)


def facts_of(source: Collected, form: FigureForm, display: DisplaySettings) -> dict[str, Any]:
    """What is written beside a figure: how each of its maps is asked for again."""
    from engine.comparing.difference import difference
    from engine.comparing.sheet import common_end
    from engine.export.figures import figure_facts

    found = [item.explanation for item in source.items]
    if form.shared:
        display = replace(display, end=common_end(found, display))
    apart = difference(*found, scaled=not form.shared).facts if source.differing else None
    columns = form.columns or source.columns
    return figure_facts(source.facts, form, display, columns=columns, difference=apart)


def beside(path: Path) -> Path:
    """Where the facts of a figure are written."""
    return path.with_suffix(FACTS)


def write(
    figure: DrawnFigure,
    path: Path,
    _watch: Watch,
    *,
    facts: bool = True,
    pictures: Pictures = NO_PICTURES,
) -> Path:
    """Write the drawing that is shown, as a whole or not at all. facts: with those beside it, and
    with the pictures of images without a file. Raises ExportError."""
    from engine.figures.saving import save_figure
    from engine.files.destinations import check_outputs

    outputs = {"figure": path, "facts": beside(path) if facts else None}
    check_outputs(outputs, figure.source.inputs)
    save_figure(path, figure.drawing, figure.form.dpi)
    if facts:
        _write_facts(path, figure.source, figure.form, figure.display, pictures)
    return path


def _write_facts(
    path: Path, source: Collected, form: FigureForm, display: DisplaySettings, pictures: Pictures
) -> None:
    from engine.export.files import save_json

    save_json(beside(path), facts_of(source, form, display), pictures)


def write_one_of_many(
    source: Collected,
    form: FigureForm,
    display: DisplaySettings,
    where: tuple[Path, str, frozenset[str]],
    _watch: Watch,
    *,
    facts: bool = True,
    pictures: Pictures = NO_PICTURES,
) -> Path:
    """Write a figure into a folder, under a name that no other has, and that is not there yet.

    where: the folder, the suffix, and the keys of the names that were given before. facts: with
    those beside it. Raises ExportError.
    """
    from engine.figures.saving import save_figure

    folder, suffix, taken = where
    path = free_path(folder, source.name, suffix, taken, FACTS if facts else "")
    save_figure(path, drawing_of(source, form, display), form.dpi)
    if facts:
        _write_facts(path, source, form, display, pictures)
    return path


def free_path(folder: Path, name: str, suffix: str, taken: frozenset[str], other: str = "") -> Path:
    """folder/name.suffix, with a number where a file or an earlier figure has that name. other: a
    suffix with which it is free too."""
    number = 1
    while True:
        stem = name if number == 1 else f"{name} {number}"
        path = folder / f"{stem}{suffix}"
        there = lexists(path) or (bool(other) and lexists(folder / f"{stem}{other}"))
        if name_key(path) not in taken and not there:
            return path
        number += 1


def name_key(path: Path) -> str:
    """Equal for names that are one file on some systems: letters in another case, or composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path.name).casefold())


def told_apart(items: Sequence[Shown], names: Sequence[str]) -> tuple[Shown, ...]:
    """The maps with names of images that tell them apart."""
    from engine.comparing import naming

    short = naming.told_apart(names)
    return tuple(replace(item, image=name) for item, name in zip(items, short, strict=True))


def write_chart(
    path: Path, data: bytes, facts: Mapping[str, Any] | None, pictures: Pictures = NO_PICTURES
) -> bool:
    """Write a chart, and beside it how its map is asked for again; whether both could be written.

    facts: None for a chart of no single map. Another file of their name stays, unless it is of an
    earlier chart: nobody was asked about it. Raises ExportError.
    """
    from engine.export.files import save_json

    write_bytes(path, data)
    if facts is None:
        return True
    if not _is_free(beside(path)):
        return False
    save_json(beside(path), facts, pictures)
    return True


def _is_free(path: Path) -> bool:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and "chart" in content

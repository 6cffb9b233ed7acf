"""Asks where a chart is to be saved, as a picture or as values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from gui.settings.store import Settings
from gui.toolkit import plain_text

if TYPE_CHECKING:
    from gui.toolkit.charts.figure import Figure
    from gui.widgets.folder.figures.tables import FigureTable

_PICTURES = "PNG image (*.png);;SVG image (*.svg);;PDF (*.pdf)"
_VALUES = "CSV (*.csv)"


def ask(
    window: QWidget,
    settings: Settings,
    chart: Figure | FigureTable,
    what: str,
    then: Callable[[Path, bytes], None],
) -> None:
    """Ask where to save a chart. what: 'picture' or 'values'. then: is called with the path and
    what is to be written there."""
    from gui.file_dialogs import save_dialog

    picture = what == "picture"
    suffix = ".png" if picture else ".csv"
    name = plain_text.file_name(chart.name)[:80]
    kinds = _PICTURES if picture else _VALUES
    dialog = save_dialog(window, f"Save {what}", f"{name}{suffix}", kinds, settings)
    dialog.setDefaultSuffix(suffix[1:])
    dialog.fileSelected.connect(lambda path: then(Path(path), _contents(chart, what, Path(path))))
    dialog.open()


def _contents(chart: Figure | FigureTable, what: str, path: Path) -> bytes:
    from gui.toolkit.charts.figure import Figure

    if what == "values" or not isinstance(chart, Figure):
        return chart.values(",").encode()
    kinds = {".svg": chart.svg, ".pdf": chart.pdf}
    return kinds.get(path.suffix.lower(), chart.png)()

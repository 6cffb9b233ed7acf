"""Colours maps for the layer tree and the drawer, and shows each colour map as a strip."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtGui import QImage

from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation
from engine.render import overlay
from gui.toolkit.imaging import map_thumbnail, to_qimage

if TYPE_CHECKING:
    from gui.jobs.lanes import Watch


def color_strips() -> dict[str, QImage]:
    """Every colour map as a strip of one row, low values at the left."""
    strips = {}
    for name in overlay.COLORMAPS:
        table = overlay.lookup_table(name)
        strips[name] = to_qimage(table.reshape(1, len(table), 3))
    return strips


def map_thumbnails(
    explanations: dict[str, Explanation], display: DisplaySettings, size: int, watch: Watch
) -> dict[str, QImage]:
    """Render a thumbnail of every map, by layer name; identical maps are rendered once.

    Each has a colour scale of its own, though another is locked: on one scale, most layers of a
    network would be black.
    """
    display = replace(display, end=None)
    drawn: dict[int, QImage] = {}
    result: dict[str, QImage] = {}
    for name, explanation in explanations.items():
        watch.cancel.raise_if_cancelled()
        identity = id(explanation.map)
        if identity not in drawn:
            drawn[identity] = map_thumbnail(explanation.map, display, size)
        result[name] = drawn[identity]
    return result

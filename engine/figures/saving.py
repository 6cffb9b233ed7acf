"""Writes a drawing to a file, in the format that its suffix names."""

from __future__ import annotations

import io
from pathlib import Path

from engine.errors import ExportError
from engine.figures.drawing import Drawing
from engine.figures.formats import pdf, svg
from engine.figures.formats.raster import drawn
from engine.files.atomic import whole_file

SUFFIXES = (".png", ".pdf", ".svg")
"""What a figure can be written as."""


def save_figure(path: Path | str, drawing: Drawing, dpi: int) -> None:
    """Writes the drawing as PNG (of so many dpi), PDF or SVG, by the suffix of path.

    The file is complete or absent. Raises ExportError if it cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ExportError(
            f"cannot write {path.name}: {suffix or 'no suffix'} is not supported; use "
            f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        )
    content = figure_bytes(suffix, drawing, dpi)
    with whole_file(path) as file:
        file.write(content)


def figure_bytes(suffix: str, drawing: Drawing, dpi: int) -> bytes:
    """The content of such a file; suffix: one of SUFFIXES."""
    if suffix == ".pdf":
        return pdf.written(drawing)
    if suffix == ".svg":
        return svg.written(drawing)
    buffer = io.BytesIO()
    drawn(drawing, dpi).save(buffer, format="PNG", dpi=(dpi, dpi), compress_level=4)
    return buffer.getvalue()

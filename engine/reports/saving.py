"""Writes a report to a file, in the format that its suffix names."""

from __future__ import annotations

from pathlib import Path

from engine.errors import ExportError
from engine.figures.formats import pdf
from engine.files.atomic import whole_file
from engine.records.workbench.reports import Sheet
from engine.reports import html
from engine.reports.blocks import Report
from engine.reports.pages import drawings

SUFFIXES = (".html", ".htm", ".pdf")
"""What a report can be written as."""


def save_report(path: Path, report: Report, paper: Sheet) -> None:
    """Write the report as HTML or PDF, by the suffix of path; paper: of the pages of a PDF.

    The file is complete or absent. Raises ExportError if it cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ExportError(f"cannot write {path.name}: a report ends in .html or .pdf")
    content = report_bytes(suffix, report, paper)
    with whole_file(path) as file:
        file.write(content)


def report_bytes(suffix: str, report: Report, paper: Sheet) -> bytes:
    """The content of such a file; suffix: one of SUFFIXES."""
    if suffix == ".pdf":
        return pdf.pages(drawings(report, paper))
    return html.written(report)

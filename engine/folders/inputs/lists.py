"""Parses a table or a list of images; runs in a reader process.

.csv: one image per row, with a header or without: the path, then its label, then anything. .txt:
one path per line. .json: {folder name: class}, as ImageFolder's class_to_idx.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from engine.errors import HookscopeError
from engine.files import regular

MAX_BYTES = 256_000_000
MAX_ROWS = 5_000_000

SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
"""File suffixes of tables and lists of images."""

_PATHS = ("path", "file", "filename", "file_name", "filepath", "image", "img", "image_path", "name")
_LABELS = ("label", "labels", "class", "class_name", "classname", "target", "category", "y")


def parse(path: Path) -> dict[str, Any]:
    """{"rows": [[path, label, ...]], "columns": [names of the further columns]}.

    Raises HookscopeError, one line, for a file that is missing, too large, no text or malformed.
    """
    text = _text_of(path)
    if path.suffix.lower() == ".txt":
        lines = (line.strip() for line in text.splitlines())
        return {"rows": [[line] for line in lines if line], "columns": []}
    rows = _rows(text, path)
    if not rows:
        return {"rows": [], "columns": []}
    width = max(map(len, rows))
    at_path, at_label, header = _columns(rows, width)
    if at_path is None:
        raise _fault(path, f"no column of paths; call one 'path' (there are: {', '.join(header)})")
    others = [n for n in range(width) if n not in (at_path, at_label)]
    found = [
        [_cell(row, at_path), _cell(row, at_label), *(_cell(row, other) for other in others)]
        for row in (rows[1:] if header else rows)
    ]
    names = [_cell(header, other) or f"column {other + 1}" for other in others]
    return {"rows": [row for row in found if row[0]], "columns": names}


def mapping(path: Path) -> dict[str, int | str]:
    """{label: index or name of a class} from a JSON file.

    Raises HookscopeError, one line, for a file that is missing, too large or no such mapping.
    """
    try:
        content = json.loads(_text_of(path))
    except (ValueError, RecursionError) as error:
        raise _fault(path, f"malformed JSON ({error}); correct the file") from None
    content = content.get("class_to_idx", content) if isinstance(content, dict) else None
    if not isinstance(content, dict) or not content:
        raise _fault(path, 'not a mapping from labels to classes, as in {"cat": 0, "dog": 1}')
    for label, to in content.items():
        if isinstance(to, bool) or not isinstance(to, int | str):
            raise _fault(path, f"'{label[:40]}' is mapped to no class; use its index or its name")
    return content


def _text_of(path: Path) -> str:
    data = regular.read(path, HookscopeError, MAX_BYTES)
    try:
        wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        # Names of files may have bytes that are not UTF-8.
        text = data.decode("utf-16") if wide else data.decode("utf-8-sig", "surrogateescape")
    except UnicodeDecodeError:
        raise _fault(path, "not a text file; save it as UTF-8") from None
    if "\0" in text:
        raise _fault(path, "not a text file; save it as UTF-8")
    return text


def _rows(text: str, path: Path) -> list[list[str]]:
    first = text.lstrip("\r\n").partition("\n")[0]
    separator = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=separator, strict=True))
    except csv.Error as error:
        raise _fault(path, f"malformed CSV ({error}); correct the file") from None
    if len(rows) > MAX_ROWS:
        raise _fault(path, f"more than {MAX_ROWS:,} rows; split the file")
    return [row for row in rows if any(cell.strip() for cell in row)]


def _columns(rows: list[list[str]], width: int) -> tuple[int | None, int | None, list[str]]:
    """Where path and label are (None if nowhere), and the header; [] if there is none."""
    words = [cell.strip().lower() for cell in rows[0]]
    named = [n for n, word in enumerate(words) if word in _PATHS]
    labelled = [n for n, word in enumerate(words) if word in _LABELS]
    if named or (labelled and len(rows) > 1):
        header = [cell.strip() for cell in rows[0]]
        return (named[0] if named else None), (labelled[0] if labelled else None), header
    return 0, (1 if width > 1 else None), []


def _cell(row: list[str], place: int | None) -> str:
    return row[place].strip() if place is not None and place < len(row) else ""


def _fault(path: Path, what: str) -> HookscopeError:
    return HookscopeError(f"{path}: {what}")

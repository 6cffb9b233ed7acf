"""Parses a table or a list of images; runs in a reader process.

.csv: one image per row, with a header or without: the path, then its label, then anything. .txt:
one path per line. .json: {folder name: class}, as ImageFolder's class_to_idx.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from pathlib import Path
from typing import Any

from engine.errors import HookscopeError
from engine.files import regular
from engine.folders import formulas

MAX_BYTES = 256_000_000
MAX_ROWS = 5_000_000

SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
"""File suffixes of tables and lists of images."""

_LONGEST = 32_767
"""Characters of a path on any system."""

# What spreadsheets write above the header, to say which separator they took.
_SEPARATOR = re.compile(r"\s*sep=(.)[ \t]*(?:\r\n|\n|\r)", re.IGNORECASE)
_SPACES = re.compile(r"[\s-]+")

_PATHS = ("path", "file", "filename", "file_name", "filepath", "image", "img", "image_path", "name")
_LABELS = ("label", "labels", "class", "class_name", "classname", "target", "category", "y")


def parse(path: Path) -> dict[str, Any]:
    """{"rows": [[path, label, ...]], "columns": [names of the further columns]}.

    Raises HookscopeError, one line, for a file that is missing, too large, no text or malformed.
    """
    text = _text_of(path)
    if path.suffix.lower() == ".txt":
        # Not splitlines, which takes more signs for the end of a line; names may have those.
        lines = (line.strip() for line in io.StringIO(text, newline=None))
        return {"rows": [[line] for line in lines if _is_path(line, path)], "columns": []}
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
    names = _named([_cell(header, other) or f"column {other + 1}" for other in others])
    return {"rows": [row for row in found if _is_path(row[0], path)], "columns": names}


def mapping(path: Path) -> dict[str, int | str]:
    """{label: index or name of a class} from a JSON file.

    Raises HookscopeError, one line, for a file that is missing, too large or no such mapping.
    """
    try:
        content = json.loads(_text_of(path))
    except RecursionError:
        raise _fault(path, "malformed JSON (nested too deep); correct the file") from None
    except ValueError as error:
        why = str(error).partition(";")[0]
        raise _fault(path, f"malformed JSON ({why}); correct the file") from None
    content = content.get("class_to_idx", content) if isinstance(content, dict) else None
    if not isinstance(content, dict) or not content:
        raise _fault(path, 'not a mapping from labels to classes, as in {"cat": 0, "dog": 1}')
    for label, to in content.items():
        if isinstance(to, bool) or not isinstance(to, int | str):
            raise _fault(path, f"'{label[:40]}' is mapped to no class; use its index or its name")
    return content


def _text_of(path: Path) -> str:
    with regular.opened(path, HookscopeError) as file:
        if os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise _fault(path, f"larger than {MAX_BYTES // 10**6} MB; split it")
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
    said = _SEPARATOR.match(text)
    text = text[said.end() :] if said else text
    separator = said[1] if said else _separator(text, path)
    try:
        # All kinds of line ends, and those inside quotes as they are.
        lines = io.StringIO(text, newline="")
        rows = list(csv.reader(lines, delimiter=separator, strict=True))
    except csv.Error as error:
        raise _fault(path, f"malformed CSV ({error}); correct the file") from None
    if len(rows) > MAX_ROWS:
        raise _fault(path, f"more than {MAX_ROWS:,} rows; split the file")
    return [row for row in rows if any(cell.strip() for cell in row)]


def _separator(text: str, path: Path) -> str:
    first = next((line for line in io.StringIO(text, newline=None) if line.strip()), "")
    if path.suffix.lower() == ".tsv" and "\t" in first:
        return "\t"
    return max(",;\t", key=first.count)


def _columns(rows: list[list[str]], width: int) -> tuple[int | None, int | None, list[str]]:
    """Where path and label are (None if nowhere), and the header; [] if there is none."""
    words = [_SPACES.sub("_", cell.strip().lower()) for cell in rows[0]]
    named = [n for n, word in enumerate(words) if word in _PATHS]
    labelled = [n for n, word in enumerate(words) if word in _LABELS]
    if named or (labelled and len(rows) > 1):
        header = [formulas.without_mark(cell.strip()) for cell in rows[0]]
        return (named[0] if named else None), (labelled[0] if labelled else None), header
    return 0, (1 if width > 1 else None), []


def _named(names: list[str]) -> list[str]:
    """The names of columns, each another one."""
    taken: set[str] = set()
    for place, name in enumerate(names):
        own, number = name, 2
        while own in taken:
            own, number = f"{name} ({number})", number + 1
        taken.add(own)
        names[place] = own
    return names


def _cell(row: list[str], place: int | None) -> str:
    if place is None or place >= len(row):
        return ""
    return formulas.without_mark(row[place].strip())


def _is_path(text: str, path: Path) -> bool:
    """Whether a cell names a file. Raises HookscopeError for one that no file can have."""
    if len(text) > _LONGEST:
        raise _fault(path, f"'{text[:20]}…' is no path: it has {len(text):,} characters")
    return bool(text)


def _fault(path: Path, what: str) -> HookscopeError:
    return HookscopeError(f"{path}: {what}")

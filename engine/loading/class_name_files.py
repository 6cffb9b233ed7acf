"""Parses class names from a text, CSV or JSON file; runs in a reader process."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from engine.errors import ModelError
from engine.files import regular
from engine.files.suffixes import CLASS_NAMES

MAX_BYTES = 16_000_000
MAX_CLASSES = 200_000
MAX_LENGTH = 500
"""Longest class name, in characters."""

# Keys under which a larger JSON file may store the names.
_NESTS = ("id2label", "label2id", "classes", "class_names", "names", "labels", "categories")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_TEXT = r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\""""
_PAIR = re.compile(rf"\s*({_TEXT}|\d{{1,9}})\s*:\s*({_TEXT}|\d{{1,9}})\s*(?:,|$)")
_ENTRY = re.compile(rf"\s*({_TEXT})\s*(?:,|$)")
_ESCAPED = re.compile(r"\\(.)")
_NUMBERED = re.compile(r"\s*(\d{1,6})\s*[:;,=\t ]\s*(\S.*)")
_NAME_HEADERS = ("name", "class", "label", "class_name", "classname", "label_name", "display_name")
_INDEX_HEADERS = ("index", "id", "idx", "class_id", "label_id", "class_index", "mid", "no", "")


def parse(path: Path) -> tuple[str, ...]:
    """The class names in a file, by index.

    .txt: one per line, in order; empty lines at the end are ignored; or 'index name' or 'index:
    name' per line; or a Python dictionary or list. .csv: 'name' or 'index,name'
    per line, with or without a header, separated by commas, semicolons or tabs. .json: a list, a
    mapping from index to name or from name to index, or an object that contains one as 'id2label',
    'classes', 'names' or the like. Text is UTF-8 (or UTF-16 with a byte order mark), else read as
    Windows-1252.

    Raises ModelError, a single line that names the file and the place, for a file that is
    missing, too large, malformed or empty, and for an index that is missing or duplicated.
    """
    suffix = path.suffix.lower()
    if suffix not in CLASS_NAMES:
        raise _fault(path, "not a class names file; use .txt, .csv or .json")
    data = regular.read(path, ModelError, MAX_BYTES)
    text = _decoded(data, path)
    if suffix == ".json":
        names = _from_json(text, path)
    elif suffix == ".csv":
        names = _from_csv(text, path)
    else:
        names = _from_text(text, path)
    return _checked(names, path)


def _decoded(data: bytes, path: Path) -> str:
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        # Windows-1252 leaves a few bytes undefined, so binary files are still detected.
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError:
            raise _fault(path, "not a text file; save it as UTF-8") from None
    if "\0" in text:
        raise _fault(path, "not a text file; save it as UTF-8")
    return text


def _from_text(text: str, path: Path) -> list[str]:
    if text.lstrip()[:1] in ("{", "["):
        names = _from_literal(text)
        if names is not None:
            return _in_order(names, path) if text.lstrip()[0] == "{" else [n for _, n, _ in names]
    lines = _from_lines(text)
    numbered = [_NUMBERED.fullmatch(line) for line in lines if line.strip()]
    matches = [match for match in numbered if match is not None]
    indices = {int(match[1]) for match in matches}
    # Names may begin with a number ('3 wheeler'), so every index must be there.
    if len(matches) > 1 and len(matches) == len(numbered) == len(indices) == max(indices) + 1:
        return _in_order(((match[1], match[2], match[1]) for match in matches), path)
    return lines


def _from_literal(text: str) -> list[tuple[str, str, str]] | None:
    """The pairs of a dictionary literal (index and name, either way round) or the entries of a
    list, as (index, name, location); None if the text is anything else.

    Read token by token, since nothing of a file is evaluated.
    """
    found: list[tuple[str, str, str]] = []
    body = text.strip()
    pairs = body[0] == "{"
    if body[-1] != ("}" if pairs else "]"):
        return None
    at, end = 1, len(body) - 1
    while at < end:
        entry = (_PAIR if pairs else _ENTRY).match(body, at, end)
        if entry is None or len(found) > MAX_CLASSES:
            return None if body[at:end].strip() else found
        key, value = (entry[1], entry[2]) if pairs else (str(len(found)), entry[1])
        if not _is_text(value):
            key, value = value, key
        if not _is_text(value):
            return None
        index = key.strip("'\"") if pairs else key
        found.append((index, _unquoted(value), f"key {index[:40]}"))
        at = entry.end()
    return found


def _is_text(token: str) -> bool:
    return token[:1] in ("'", '"')


def _unquoted(token: str) -> str:
    return _ESCAPED.sub(lambda match: match[1], token[1:-1])


def _from_lines(text: str) -> list[str]:
    # Not splitlines, which also breaks at separators that may occur inside a name.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def _from_csv(text: str, path: Path) -> list[str]:
    rows = _rows(text, path)
    if not rows:
        return []
    indexed = all(len(row) > 1 for row in rows)
    if not indexed:
        header = rows[0][0].strip().lower() in _NAME_HEADERS and len(rows) > 1
        return [row[0] for row in rows[1 if header else 0 :]]
    index_at, name_at, header = _columns(rows)
    pairs = [
        (row[index_at], row[name_at] if name_at < len(row) else "", f"row {number}")
        for number, row in enumerate(rows, start=1)
    ][1 if header else 0 :]
    return _in_order(pairs, path)


def _rows(text: str, path: Path) -> list[list[str]]:
    first = text.lstrip("\r\n").partition("\n")[0]
    separator = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=separator, strict=True))
    except csv.Error as error:
        raise _fault(path, f"malformed CSV ({error}); correct the file") from error
    return [row for row in rows if any(cell.strip() for cell in row)]


def _columns(rows: list[list[str]]) -> tuple[int, int, bool]:
    """Which columns hold the index and the name, and whether the first row is a header."""
    header = [cell.strip().lower() for cell in rows[0]]
    numbers = [_whole(cell) is not None for cell in rows[0]]
    if not any(numbers):
        named = [n for n, word in enumerate(header) if word in _NAME_HEADERS]
        indices = [n for n, word in enumerate(header) if word in _INDEX_HEADERS]
        if len(rows) > 1:
            values = [_whole(cell) is not None for cell in rows[1]]
            index = next((n for n in indices if n < len(values) and values[n]), None)
            if index is None:
                index = values.index(True) if any(values) else 0
            last = [n for n in named if n != index]
            return index, last[-1] if last else (1 if index == 0 else 0), True
    index = numbers.index(True) if any(numbers) else 0
    return index, 1 if index == 0 else 0, False


def _from_json(text: str, path: Path) -> list[str]:
    try:
        content = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        raise _fault(path, f"malformed JSON ({error}); correct the file") from error
    names = _names_in(content, path, depth=0)
    if names is None:
        raise _fault(path, "no class names found; expected a list or a mapping by index")
    return names


class _Pairs(list[tuple[str, object]]):
    """An object's members in order, so that duplicate keys are detected."""


def _names_in(content: object, path: Path, depth: int) -> list[str] | None:
    if isinstance(content, _Pairs):
        members = dict(content)
        for nest in _NESTS:
            inner = members.get(nest)
            if isinstance(inner, list) and depth < 3:
                return _names_in(inner, path, depth + 1)
        return _from_mapping(content, path)
    if not isinstance(content, list):
        return None
    if all(isinstance(entry, str) for entry in content):
        return list(content)
    if all(isinstance(entry, _Pairs) for entry in content):
        return _from_records([dict(entry) for entry in content], path)
    if all(_is_pair(entry) for entry in content):
        return _in_order(
            ((str(e[0]), str(e[1]), f"entry {n}") for n, e in enumerate(content)), path
        )
    return None


def _from_mapping(pairs: _Pairs, path: Path) -> list[str] | None:
    """Index to name, index to [wordnet id, name], or name to index."""
    if not pairs:
        return []
    if all(_whole(key) is not None for key, _ in pairs):
        named = [(key, _name_of(value), f"key {key}") for key, value in pairs]
        if all(name is not None for _, name, _ in named):
            return _in_order(((key, name or "", where) for key, name, where in named), path)
    if all(isinstance(value, int) and not isinstance(value, bool) for _, value in pairs):
        return _in_order(((str(value), key, repr(key)) for key, value in pairs), path)
    return None


def _from_records(records: list[dict[str, object]], path: Path) -> list[str] | None:
    """A list of objects with a name and perhaps an index, as in [{"id": 0, "name": "cat"}]."""
    if not records:
        return []
    name = next((word for word in _NAME_HEADERS if all(word in r for r in records)), None)
    if name is None:
        return None
    index = next((word for word in _INDEX_HEADERS if all(word in r for r in records)), None)
    if index is None:
        return [str(record[name]) for record in records]
    triples = ((str(r[index]), str(r[name]), f"entry {n}") for n, r in enumerate(records))
    return _in_order(triples, path)


def _name_of(value: object) -> str | None:
    if isinstance(value, str):
        return value
    # ImageNet's common form: {"0": ["n01440764", "tench"]}.
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        return str(value[-1])
    return None


def _is_pair(entry: object) -> bool:
    return (
        isinstance(entry, list)
        and len(entry) == 2
        and isinstance(entry[0], int)
        and isinstance(entry[1], str)
    )


def _in_order(pairs: Iterable[tuple[str, str, str]], path: Path) -> list[str]:
    """Names by index, from (index, name, location)."""
    found: dict[int, str] = {}
    for text, name, where in pairs:
        index = _whole(text)
        if index is None:
            raise _fault(path, f"{where}: '{text.strip()[:40]}' is not an index; correct it")
        if index in found:
            raise _fault(path, f"{where}: index {index} is given twice; remove one")
        if not 0 <= index <= MAX_CLASSES:
            raise _fault(path, f"{where}: index {index} is out of range; correct it")
        found[index] = name
    return _without_gaps(found, path)


def _without_gaps(found: Mapping[int, str], path: Path) -> list[str]:
    if not found:
        return []
    if 0 not in found:
        raise _fault(path, "index 0 is missing; indices start at 0")
    missing = next((n for n in range(len(found)) if n not in found), None)
    if missing is not None:
        raise _fault(path, f"index {missing} is missing, but index {max(found)} is given; add it")
    return [found[n] for n in range(len(found))]


def _whole(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _checked(names: list[str], path: Path) -> tuple[str, ...]:
    # JSON can contain lone surrogates, which cannot be displayed or encoded.
    whole = (name.encode("utf-8", "replace").decode("utf-8") for name in names)
    stripped = tuple(" ".join(name.split()) for name in whole)
    if not stripped:
        raise _fault(path, "contains no class names; open another file")
    if len(stripped) > MAX_CLASSES:
        raise _fault(path, f"more than {MAX_CLASSES:,} class names; open another file")
    for number, name in enumerate(stripped):
        if not name:
            raise _fault(path, f"the name of class {number} is empty; add it")
        if len(name) > MAX_LENGTH:
            raise _fault(
                path,
                f"the name of class {number} has {len(name):,} characters, more than {MAX_LENGTH}; "
                "shorten it",
            )
    return stripped


def _fault(path: Path, what: str) -> ModelError:
    return ModelError(f"{path}: {what}")

"""Keeps what was found about networks in the user's cache folder, so that opening a model again
inspects nothing."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import ExportError
from engine.files.atomic import whole_file
from engine.inspection.facts import Inspection
from engine.remembered.spelling import content_of, inspection_of
from engine.version import NAME

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_SUFFIX = ".json.gz"
_MOST_FILES = 200
_MOST_BYTES = 64_000_000
_SMALLER = 50


def folder() -> Path:
    """Where inspections are kept: 'inspections' in the user's cache folder."""
    import platformdirs

    return Path(platformdirs.user_cache_path(NAME.lower(), appauthor=False)) / "inspections"


def key_of(*parts: object) -> str:
    """The name under which something is kept, from everything that it depends on."""
    return hashlib.sha256("\n".join(map(repr, parts)).encode()).hexdigest()


def load(key: str, store: Path | None = None) -> Inspection | None:
    """The inspection that is kept under a key, as read gives it."""
    return read(key, inspection_of, store)


def save(key: str, facts: Inspection, store: Path | None = None) -> None:
    """Keep an inspection, as write does."""
    write(key, content_of(facts), store)


def read(key: str, made: Callable[[Any], _T], store: Path | None = None) -> _T | None:
    """What is kept under a key; None if there is nothing. A damaged file is logged and ignored.

    made: makes it of the JSON; raises ValueError for what was not written by this program.
    """
    path = (store or folder()) / f"{key}{_SUFFIX}"
    try:
        with gzip.open(path) as file:
            text = file.read(_MOST_BYTES)
        return made(json.loads(text))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, EOFError, ValueError, RecursionError) as error:
        _log.warning("%s is ignored: %s", path, error)
        return None


def write(key: str, content: object, store: Path | None = None) -> None:
    """Keep JSON under a key; of more than two hundred, the oldest are deleted.

    A folder that cannot be written is logged: then it is found again.
    """
    path = (store or folder()) / f"{key}{_SUFFIX}"
    text = json.dumps(content, separators=(",", ":")).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            file.write(gzip.compress(text, 1, mtime=0))
        _prune(path.parent)
    except (OSError, ExportError) as error:
        _log.warning("what was found about a network cannot be kept: %s", error)


def _prune(where: Path) -> None:
    files = list(where.glob(f"*{_SUFFIX}"))
    if len(files) <= _MOST_FILES:
        return
    files.sort(key=lambda file: file.stat().st_mtime)
    for file in files[: len(files) - _MOST_FILES + _SMALLER]:
        file.unlink(missing_ok=True)

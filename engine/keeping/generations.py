"""The automatic save of what is open, and those of earlier runs, which are kept for a while."""

from __future__ import annotations

import logging
from itertools import pairwise
from pathlib import Path

from engine.errors import SessionError
from engine.files import presence
from engine.keeping import files
from engine.keeping.records import KeptSession
from engine.version import NAME

_log = logging.getLogger(__name__)

MOST = 3
"""How many earlier runs are kept."""


def default_place() -> Path:
    """The automatic save of the user, in the data folder; it may not exist yet."""
    import platformdirs

    folder = Path(platformdirs.user_data_path(NAME.lower(), appauthor=False))
    return folder / "sessions" / f"open{files.SUFFIX}"


def mark_of(record: Path) -> Path:
    """The file that is there while a program keeps this record, and after it crashed."""
    return record.with_suffix(".running")


def places(record: Path) -> list[Path]:
    """The automatic save and those of earlier runs, the latest first."""
    earlier = (record.with_stem(f"{record.stem}-{number}") for number in range(1, MOST + 1))
    return [record, *earlier]


def latest(record: Path) -> KeptSession | None:
    """What was open the last time; None if that is not known. What is unreadable is logged."""
    for place in places(record):
        if not presence.exists(place):
            continue
        try:
            return files.read(place)
        except SessionError as error:
            _log.warning("what was open the last time is unreadable: %s", error)
    return None


def shift(record: Path) -> None:
    """Keep the automatic save of the last run as an earlier one; the oldest goes. Raises OSError.

    At any moment, each of them is there under one of the names, or under two.
    """
    known = places(record)
    for place, older in reversed(list(pairwise(known))):
        if presence.is_file(place):
            place.replace(older)

"""The tables of an index, and how a connection to one is opened. docs/folder-index.md has both."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import HookscopeError
from engine.files import regular

VERSION = 1
"""Changes with every table or column; stored as user_version."""

APPLICATION = 0x484B5343
"""SQLite's application_id, by which an index is told from other databases ('HKSC')."""

FILE = "index.sqlite"
LOCK = "index.lock"
OVERLAYS, MAPS = "overlays", "maps"
"""Folders beside an index that are written from it."""

_MARK = (APPLICATION.to_bytes(4, "big"), 68)

PATIENCE_MS = 10_000

_DAMAGED = "put a copy back if you have one, or move it away and run batch again"
_OTHER = "close the program that has it open"
_ADVICE = {
    sqlite3.SQLITE_BUSY: _OTHER,
    sqlite3.SQLITE_LOCKED: _OTHER,
    sqlite3.SQLITE_FULL: "free some space and run the same command again",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_ERROR: _DAMAGED,
    sqlite3.SQLITE_MISMATCH: _DAMAGED,
}

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE inputs (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    place INTEGER,
    size INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    label TEXT NOT NULL DEFAULT '',
    more TEXT NOT NULL DEFAULT '',
    read_size INTEGER,
    read_changed INTEGER,
    content TEXT NOT NULL DEFAULT '',
    width INTEGER, height INTEGER, brightness REAL, contrast REAL, blur REAL, grey INTEGER,
    error TEXT NOT NULL DEFAULT '',
    tags TEXT NOT NULL DEFAULT ''
);
CREATE INDEX inputs_place ON inputs (place);
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    model TEXT NOT NULL, layer TEXT NOT NULL, method TEXT NOT NULL, policy TEXT NOT NULL,
    scores TEXT NOT NULL,
    classes TEXT NOT NULL,
    facts TEXT NOT NULL,
    used REAL NOT NULL
);
CREATE TABLE rows (
    job INTEGER NOT NULL REFERENCES jobs (id),
    input INTEGER NOT NULL REFERENCES inputs (id),
    content TEXT NOT NULL,
    label INTEGER, labels TEXT NOT NULL DEFAULT '',
    prediction INTEGER, probability REAL, correct INTEGER,
    target INTEGER, value REAL, margin REAL, entropy REAL, loss REAL,
    positives TEXT NOT NULL DEFAULT '',
    border REAL, corners REAL, spread REAL,
    verdict TEXT NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (job, input)
) WITHOUT ROWID;
CREATE INDEX rows_content ON rows (job, content);
CREATE INDEX rows_input ON rows (input);
CREATE TABLE maps (
    job INTEGER NOT NULL, input INTEGER NOT NULL,
    rows INTEGER NOT NULL, columns INTEGER NOT NULL,
    x REAL NOT NULL, y REAL NOT NULL, width REAL NOT NULL, height REAL NOT NULL,
    "values" BLOB NOT NULL,
    PRIMARY KEY (job, input)
) WITHOUT ROWID;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, job INTEGER NOT NULL, started REAL NOT NULL,
    seconds REAL NOT NULL DEFAULT 0, computed INTEGER NOT NULL DEFAULT 0
);
"""


def create(connection: sqlite3.Connection) -> None:
    """Make the tables of a new index."""
    # At once: tables that do not say whose they are would be refused by the next start.
    marks = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
    connection.executescript(f"BEGIN IMMEDIATE;{_TABLES}{marks}COMMIT;")


def connect(file: Path, *, writing: bool) -> sqlite3.Connection:
    """A connection to an index, in autocommit mode. Text is as names of files: any bytes.

    Raises HookscopeError if the file cannot be opened.
    """
    try:
        # SQLite would wait for what comes out of a pipe.
        irregular = not stat.S_ISREG(os.stat(file).st_mode)  # noqa: PTH116
    except FileNotFoundError:
        irregular = False
    except OSError as error:
        raise HookscopeError(f"{file}: {regular.reason(error)}") from error
    if irregular:
        raise HookscopeError(f"{file}: not a regular file; remove it, or choose another folder")
    try:
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode={'rwc' if writing else 'ro'}",
            uri=True,
            isolation_level=None,
            timeout=PATIENCE_MS / 1000,
            check_same_thread=False,
        )
        connection.text_factory = _text
        connection.row_factory = sqlite3.Row
        # Reads the header, which opening does not.
        connection.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        raise fault(file, error) from error
    return connection


def check(connection: sqlite3.Connection, file: Path) -> bool:
    """Whether the database is an index; False for an empty one.

    Raises HookscopeError for another database and for an index of another version.
    """
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        raise fault(file, error) from error
    if not tables:
        return False
    if application != APPLICATION:
        raise HookscopeError(f"{file}: not an index of this program; choose another folder")
    if version != VERSION:
        raise HookscopeError(
            f"{file}: written by another version of the program (index {version}, not {VERSION}); "
            "choose another folder"
        )
    return True


def fault(file: Path, error: sqlite3.Error) -> HookscopeError:
    """The error to raise for one of SQLite's."""
    advice = _ADVICE.get(_code(error), "check the disk and its permissions")
    return HookscopeError(
        f"{file}: the index cannot be used ({error}); {advice}, or choose another folder"
    )


@contextmanager
def telling(file: Path) -> Iterator[None]:
    """Raises HookscopeError for what SQLite raises inside."""
    try:
        yield
    except sqlite3.Error as error:
        raise fault(file, error) from error


def _code(error: sqlite3.Error) -> int:
    """The primary result code."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_in(folder: Path) -> bool:
    """Whether an index is in a folder."""
    return regular.has_mark(folder / FILE, *_MARK)


def as_bytes(path: str) -> bytes:
    """A path for CAST(? AS TEXT), since a name may have bytes that are not UTF-8."""
    return os.fsencode(path)


def _text(data: bytes) -> str:
    return os.fsdecode(data)

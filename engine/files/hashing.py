"""Checksums of files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from engine.errors import HookscopeError
from engine.files import regular
from engine.files.regular import Fault
from engine.progress import CancelToken
from engine.reader import client

_BLOCK = 1 << 20


class _Unread(HookscopeError):
    """Why a file could not be read, until it is known whose fault that is."""


def sha256_of(path: Path, fault: Fault, cancel: CancelToken | None = None) -> str:
    """SHA-256 of a file, in hexadecimal. Raises fault(one line) if it cannot be read, Cancelled."""
    return _digest(path, fault, cancel.raise_if_cancelled if cancel is not None else None)


def sha256_while_unchanged(path: Path, fault: Fault) -> str:
    """The same, remembered while the file has the same size and time of last change.

    Hashing gigabytes is slow, and opening a model, sessions and exports all need it. It is
    cancelled as the reads of its thread are (engine.reader.client). Raises fault(one line) if the
    file cannot be read, Cancelled.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise fault(f"{path}: {regular.reason(error)}") from error
    try:
        return _remembered(path, found.st_size, found.st_mtime_ns)
    except _Unread as error:
        raise fault(str(error)) from error


@lru_cache(maxsize=64)
def _remembered(path: Path, _size: int, _changed_ns: int) -> str:
    return _digest(path, _Unread, client.raise_if_cancelled)


def _digest(path: Path, fault: Fault, check: Callable[[], None] | None) -> str:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_BLOCK))
    with regular.opened(path, fault) as file:
        try:
            while count := file.readinto(buffer):  # type: ignore[attr-defined]
                if check is not None:
                    check()
                digest.update(buffer[:count])
        except OSError as error:
            raise fault(f"{path}: {regular.reason(error)}") from error
    return digest.hexdigest()

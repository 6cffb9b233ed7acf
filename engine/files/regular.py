"""Opens untrusted files: regular files only, anything else is rejected in one line.

Opening a pipe blocks until something writes to it, a device can be endless, and merely opening a
device can have side effects.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from engine.errors import HookscopeError

Fault = Callable[[str], HookscopeError]
"""Builds the error to raise from its message."""

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@contextmanager
def opened(path: Path, fault: Fault, folder: str = "name a file in it") -> Iterator[BinaryIO]:
    """The file, open for reading. folder: the advice given if it is a folder.

    Raises fault(one line) if it does not exist, is not a regular file, or cannot be opened.
    """
    try:
        # Checked before opening, since opening alone can trigger a device.
        _check(path, os.stat(path), fault, folder)  # noqa: PTH116 - Path fails on odd names
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    except (OSError, ValueError) as error:
        raise fault(f"{path}: {reason(error)}") from None
    with os.fdopen(descriptor, "rb") as file:
        _check(path, os.fstat(descriptor), fault, folder)
        yield file


def read(path: Path, fault: Fault, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes. Raises the same errors as opened."""
    with opened(path, fault) as file:
        try:
            content = file.read(most + 1)
        except OSError as error:
            raise fault(f"{path}: {reason(error)}") from error
    if len(content) > most:
        raise fault(
            f"{path}: larger than {most // 10**6} MB, too large for such a file; download it again"
        )
    return content


def has_mark(path: Path, mark: bytes, place: int) -> bool:
    """Whether a path is a readable regular file with these bytes at this place."""
    try:
        with opened(path, HookscopeError) as file:
            file.seek(place)
            return file.read(len(mark)) == mark
    except (HookscopeError, OSError):
        return False


def reason(error: OSError | ValueError) -> str:
    """Why a file cannot be opened, and what to do."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "no such file; check the name"
    if isinstance(error, PermissionError):
        return "permission denied; change the file's permissions"
    if isinstance(error, ValueError):
        return "not a valid file name; check the name"
    if error.errno == errno.ELOOP:
        return "a link that leads to itself; replace it with the file"
    return f"cannot be read ({error.strerror or error}); check the disk and the name"


def _check(path: Path, found: os.stat_result, fault: Fault, folder: str) -> None:
    if stat.S_ISREG(found.st_mode):
        return
    if stat.S_ISDIR(found.st_mode):
        raise fault(f"{path}: this is a folder; {folder}")
    what = next((words for test, words in _KINDS if test(found.st_mode)), "a special file")
    raise fault(f"{path}: this is {what}, not a regular file; save its content to a file")

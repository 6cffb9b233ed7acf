"""Atomic writes, used for every output of the program: a file is complete or absent."""

from __future__ import annotations

import contextlib
import io
import os
import select
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENXIO
from pathlib import Path
from typing import BinaryIO

from engine.files.destinations import Goal, cannot_write, goal_of, refusal
from engine.process import ending, leftovers

PATIENCE_S = 20.0
"""Longest wait for a reader of a pipe, in seconds."""

_LOOK_EVERY_S = 0.05
_BLOCK = 1 << 16


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A seekable file whose content goes to path if the block succeeds, and nowhere otherwise.

    A regular file is replaced atomically by a new one with the same permissions; symbolic links are
    followed. A device, a pipe, a terminal or a descriptor (/dev/stdout) is written in one go after
    the block, waiting up to 20 s for a pipe's reader. Raises ExportError, with the reason and what
    to do, if it cannot be written.
    """
    goal = goal_of(path)
    try:
        if goal.exchanged:
            with _exchanged(goal) as file:
                yield file
        else:
            # Writing images and archives needs seeking, which a pipe does not support.
            buffer = io.BytesIO()
            yield buffer
            _pour(goal, buffer.getbuffer())
    except OSError as error:
        raise cannot_write(path, error) from error


def exchange(new: Path, goal: Path) -> None:
    """Rename a complete file to goal, replacing a regular file of that name if there is one.

    Raises ExportError if goal is not a regular file, and OSError.
    """
    if not goal_of(goal).exchanged:
        raise refusal(goal, "not a regular file; remove it")
    new.replace(goal)


# --- a file in the place of another -----------------------------------------------------------


class _Temporaries:
    """The temporary files of this process, removed when it ends.

    changing: held while one is created or renamed, so that none appears during the final cleanup.
    """

    def __init__(self) -> None:
        self.changing = threading.Lock()
        self._paths: set[Path] = set()
        self._folders: set[Path] = set()
        ending.at_exit(self._vanish)

    def make(self, goal: Goal) -> tuple[Path, int]:
        """Create a temporary file beside the goal; returns path and descriptor. Raises OSError."""
        folder = goal.real.parent
        if folder not in self._folders:
            self._folders.add(folder)
            leftovers.remove_from(folder, goal.real.name)
        # The existing file may be private, so its replacement must not be readable by others.
        mode = 0o666 if goal.found is None else 0o600
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        while True:
            path = folder / leftovers.new_name(goal.real.name)
            with self.changing, contextlib.suppress(FileExistsError):
                descriptor = os.open(path, flags, mode)
                self._paths.add(path)
                if leftovers.held(descriptor):
                    return path, descriptor
                os.close(descriptor)
                self._paths.discard(path)

    def forget(self, path: Path) -> None:
        """Remove a temporary file if it still exists. Raises OSError."""
        path.unlink(missing_ok=True)
        self._paths.discard(path)

    def _vanish(self) -> None:
        # Never released: no file may be created or renamed from here on.
        self.changing.acquire(timeout=_LOOK_EVERY_S)
        for path in self._paths:
            with contextlib.suppress(OSError):
                path.unlink()


_temporaries = _Temporaries()


@contextmanager
def _exchanged(goal: Goal) -> Iterator[BinaryIO]:
    """A new file, which replaces the goal if the block succeeds.

    It is created in the same folder, since a rename is atomic only within one file system.
    Raises OSError.
    """
    temporary, descriptor = _temporaries.make(goal)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if goal.found is not None:
                _keep_permissions(descriptor, goal.found)
            yield file
            file.flush()
            os.fsync(descriptor)
            if sys.platform != "win32":
                # Renamed while open: the lock on it prevents another process from removing it.
                _put(temporary, goal)
        if sys.platform == "win32":
            _put(temporary, goal)
    finally:
        _temporaries.forget(temporary)


def _put(temporary: Path, goal: Goal) -> None:
    with _temporaries.changing:
        temporary.replace(goal.real)


def _keep_permissions(descriptor: int, old: os.stat_result) -> None:
    """Copy the mode and, where possible, the owner of the replaced file. Raises OSError."""
    if sys.platform == "win32":
        return
    new, mode = os.fstat(descriptor), stat.S_IMODE(old.st_mode) & 0o777
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, -1, old.st_gid)
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, -1)
        if os.fstat(descriptor).st_gid != old.st_gid:
            # If the group could not be kept, it gets no more rights than everybody.
            mode = mode & 0o707 | (mode & 0o007) << 3
    os.fchmod(descriptor, mode)


# --- what is written to -----------------------------------------------------------------------


def _pour(goal: Goal, content: memoryview) -> None:
    """Write everything into a device, a pipe or a descriptor. Raises OSError and ExportError."""
    if goal.descriptor is None:
        descriptor = _opened(goal)
    else:
        for stream in (sys.stdout, sys.stderr):
            # Output written earlier must appear first.
            if stream is not None:
                stream.flush()
        descriptor = os.dup(goal.descriptor)
    try:
        while content:
            try:
                content = content[os.write(descriptor, content[:_BLOCK]) :]
            except BlockingIOError:
                _wait_for_room(goal, descriptor)
    finally:
        os.close(descriptor)


def _opened(goal: Goal) -> int:
    """Open a device or pipe without blocking. Raises OSError and ExportError."""
    flags = os.O_WRONLY
    for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return os.open(goal.real, flags)
        except OSError as error:
            if error.errno != ENXIO or goal.found is None or not stat.S_ISFIFO(goal.found.st_mode):
                raise
        if time.monotonic() > end:
            raise refusal(
                goal.path, "nothing reads from this pipe; start the reading program first"
            )
        time.sleep(_LOOK_EVERY_S)


def _wait_for_room(goal: Goal, descriptor: int) -> None:
    if not select.select([], [descriptor], [], PATIENCE_S)[1]:
        raise refusal(goal.path, "the reading program has stopped reading; restart it")

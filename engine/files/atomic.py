"""The one door by which outputs leave the program: a file is complete or absent, never half."""

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
"""How long a pipe is waited for that nobody reads from."""

_LOOK_EVERY_S = 0.05
_BLOCK = 1 << 16


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """What is written in the block goes to path when the block ends well, and nowhere otherwise.

    A regular file is exchanged for a new one with the same permissions, in one step; of links, what
    they point to is. A device, a pipe, a terminal or a descriptor (/dev/stdout) is written to, all
    at once after the block; a pipe's reader is waited for for 20 s. The file can be sought in.
    Raises ExportError, with the reason and the way out, when it cannot be written.
    """
    goal = goal_of(path)
    try:
        if goal.exchanged:
            with _exchanged(goal) as file:
                yield file
        else:
            # Pictures and archives are written to and fro, which a pipe cannot be.
            buffer = io.BytesIO()
            yield buffer
            _pour(goal, buffer.getbuffer())
    except OSError as error:
        raise cannot_write(path, error) from error


def exchange(new: Path, goal: Path) -> None:
    """Let a file that is complete take the place of goal, if that is a file or a free name.

    Raises ExportError for what is no regular file, and OSError.
    """
    if not goal_of(goal).exchanged:
        raise refusal(goal, "not a regular file; remove it")
    new.replace(goal)


# --- a file in the place of another -----------------------------------------------------------


class _Temporaries:
    """Those that this process writes. They vanish with it.

    changing: held while one is made or gets its last name, so that none does after the last look.
    """

    def __init__(self) -> None:
        self.changing = threading.Lock()
        self._paths: set[Path] = set()
        self._folders: set[Path] = set()
        ending.at_exit(self._vanish)

    def make(self, goal: Goal) -> tuple[Path, int]:
        """A new one beside the goal, open to be written; and its descriptor. Raises OSError."""
        folder = goal.real.parent
        if folder not in self._folders:
            self._folders.add(folder)
            leftovers.remove_from(folder, goal.real.name)
        # What is there may be for some eyes only, and so is what takes its place.
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
        """Remove one if it is still there. Raises OSError."""
        path.unlink(missing_ok=True)
        self._paths.discard(path)

    def _vanish(self) -> None:
        # Not given back: nothing may be made or exchanged from here on.
        self.changing.acquire(timeout=_LOOK_EVERY_S)
        for path in self._paths:
            with contextlib.suppress(OSError):
                path.unlink()


_temporaries = _Temporaries()


@contextmanager
def _exchanged(goal: Goal) -> Iterator[BinaryIO]:
    """A new file, which takes the goal's place when the block ends well.

    It is made in the same folder, since only within one file system is the exchange atomic.
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
                # While it is still open, and with that locked against removal.
                _put(temporary, goal)
        if sys.platform == "win32":
            _put(temporary, goal)
    finally:
        _temporaries.forget(temporary)


def _put(temporary: Path, goal: Goal) -> None:
    with _temporaries.changing:
        temporary.replace(goal.real)


def _keep_permissions(descriptor: int, old: os.stat_result) -> None:
    """Owner, where that is possible, and mode of the file that is replaced. Raises OSError."""
    if sys.platform == "win32":
        return
    new, mode = os.fstat(descriptor), stat.S_IMODE(old.st_mode) & 0o777
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, -1, old.st_gid)
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, -1)
        if os.fstat(descriptor).st_gid != old.st_gid:
            # Another group gets no more than everybody.
            mode = mode & 0o707 | (mode & 0o007) << 3
    os.fchmod(descriptor, mode)


# --- what is written to -----------------------------------------------------------------------


def _pour(goal: Goal, content: memoryview) -> None:
    """Write everything into a device, a pipe or a descriptor. Raises OSError and ExportError."""
    if goal.descriptor is None:
        descriptor = _opened(goal)
    else:
        for stream in (sys.stdout, sys.stderr):
            # What was said before comes before.
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
    """The descriptor of a device or pipe, which does not block. Raises OSError and ExportError."""
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
        raise refusal(goal.path, "the reading program has stopped reading; start it again")

"""Where an output goes: what stands at a path, and whether and how something may be written there.

A regular file, or a name that is free, gets a new file in its place; a device, a pipe or a terminal
is written to; a descriptor of this process (/dev/stdout, /dev/fd/3) is written into. A folder, a
socket and a disk are refused.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ExportError

_FORBIDDEN = "writing there is not permitted; choose another folder, or close what has it open"

_REASONS = {
    errno.ENOENT: "the folder does not exist; create it or choose another one",
    errno.ENOTDIR: "a part of its path is not a folder; choose another one",
    errno.EISDIR: "a folder has that name; choose another name",
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: "the disk is read-only; choose another one",
    errno.ENOSPC: "the disk is full; make room or choose another one",
    errno.EDQUOT: "your disk quota is used up; make room or choose another folder",
    errno.EFBIG: "the file would be larger than is allowed there; choose another place",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ELOOP: "its symbolic links form a loop; choose another name",
    errno.EBUSY: "something is mounted there or has it open; choose another name",
    errno.EPIPE: "the reading program has ended; start it again",
    errno.EBADF: "no file descriptor with that number is open for writing; name a file",
    errno.EIO: "the device reports an error; choose another place",
}

_MOST_LINKS = 40
_OWN_DESCRIPTOR = re.compile(r"(?:/proc/(\d+)(?:/task/\d+)?/fd|/dev/fd)/(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Goal:
    """What a path leads to.

    path: as it was given. real: with every link followed. found: what stands there, None where the
    name is free. descriptor: of this process, None for what has a name of its own. exchanged:
    whether a new file takes its place; otherwise it is written to.
    """

    path: Path
    real: Path
    found: os.stat_result | None
    descriptor: int | None = None
    exchanged: bool = True

    @property
    def key(self) -> object:
        """Equal for two names of one file; None for what can be written to any number of times."""
        if not self.exchanged:
            return None
        if self.found is not None and self.found.st_ino:
            return self.found.st_dev, self.found.st_ino
        return os.path.normcase(self.real)


def goal_of(path: Path) -> Goal:
    """What path leads to. Raises ExportError for what nothing can be written to."""
    try:
        return _goal_of(path)
    except (OSError, ValueError) as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError | ValueError) -> ExportError:
    """The one line on why path cannot be written, with the way out."""
    if not isinstance(error, OSError):
        return refusal(path, "not a valid file name; choose another one")
    reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
    return refusal(path, reason)


def refusal(path: Path, reason: str) -> ExportError:
    """reason: with the way out."""
    return ExportError(f"cannot write {path}: {reason}")


def check_outputs(
    outputs: Mapping[str, Path | str | None], inputs: Iterable[Path | str | None] = ()
) -> None:
    """Refuse, before the work, what could not be written after it.

    outputs: by the option that names them. inputs: what is read, files and folders. Raises
    ExportError for an output that cannot be written, that is read, or that another option names.
    """
    read = _facts_of(Path(path) for path in inputs if path is not None)
    taken: dict[object, str] = {}
    for option, path in outputs.items():
        if path is None:
            continue
        goal = goal_of(Path(path))
        if goal.key is None:
            continue
        if goal.key in read or (goal.found is not None and _is_inside(goal.real, read)):
            raise ExportError(
                f"{option} {path}: it would overwrite an input file; choose another name"
            )
        if goal.key in taken:
            raise ExportError(
                f"{option} {path}: {taken[goal.key]} names the same file; choose another name"
            )
        taken[goal.key] = option


def is_stdout(path: Path | str | None) -> bool:
    """Whether what is written to path goes to stdout: '-', /dev/stdout, /dev/fd/1."""
    if path is None:
        return False
    if str(path) == "-":
        return True
    try:
        return _descriptor(Path(path)) == 1
    except (OSError, ValueError):
        return False


def _goal_of(path: Path) -> Goal:
    descriptor = _descriptor(path)
    if descriptor is not None:
        return _open_descriptor(path, descriptor)
    real = Path(os.path.realpath(path))
    try:
        found = os.stat(real)  # noqa: PTH116 - Path.stat() is the same
    except FileNotFoundError:
        # What has no name although it is there: a pipe that another process has open.
        if os.path.exists(path):  # noqa: PTH110
            return Goal(path, path, os.stat(path), exchanged=False)  # noqa: PTH116
        _check_folder(real.parent)
        return Goal(path, real, None)
    mode = found.st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if stat.S_ISSOCK(mode):
        raise refusal(path, "this is a socket; name a file or a pipe")
    if stat.S_ISBLK(mode):
        raise refusal(path, "this is a disk, and what is on it would be lost; name a file")
    if not os.access(real, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    # Windows' devices (NUL, CON) have no folder.
    device = sys.platform == "win32" and str(real).startswith("\\\\.\\")
    exchanged = stat.S_ISREG(mode) and not device
    if exchanged:
        _check_folder(real.parent)
    return Goal(path, real, found, exchanged=exchanged)


def _check_folder(folder: Path) -> None:
    """Raises OSError where no file can be made in folder."""
    found = os.stat(folder)  # noqa: PTH116
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not os.access(folder, os.W_OK | os.X_OK):
        read_only = os.name == "posix" and os.statvfs(folder).f_flag & os.ST_RDONLY
        code = errno.EROFS if read_only else errno.EACCES
        raise OSError(code, os.strerror(code))


def _descriptor(path: Path) -> int | None:
    """Which descriptor of this process path leads to, None for none.

    What it leads to may be a file, a pipe or gone: its name is then no name that can be written.
    """
    if sys.platform == "win32":
        return None
    name = os.fspath(path)
    for _ in range(_MOST_LINKS):
        folder, last = os.path.split(name)
        name = os.path.join(os.path.realpath(folder), last)  # noqa: PTH118
        match = _OWN_DESCRIPTOR.fullmatch(name)
        if match is not None:
            own = match[1] is None or int(match[1]) == os.getpid()
            return int(match[2]) if own else None
        if not os.path.islink(name):  # noqa: PTH114
            return None
        name = os.path.join(os.path.dirname(name), os.readlink(name))  # noqa: PTH115, PTH118, PTH120
    return None


def _open_descriptor(path: Path, descriptor: int) -> Goal:
    found = os.fstat(descriptor)
    # What the program has opened itself, its log say, is not handed down and not to be named.
    if not os.get_inheritable(descriptor):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return Goal(path, path, found, descriptor, exchanged=False)


def _facts_of(paths: Iterable[Path]) -> dict[object, Path]:
    """By key, of those that are there."""
    found: dict[object, Path] = {}
    for path in paths:
        try:
            facts = path.stat()
            real = Path(os.path.realpath(path))
        except (OSError, ValueError):
            continue
        found[(facts.st_dev, facts.st_ino) if facts.st_ino else os.path.normcase(real)] = real
    return found


def _is_inside(real: Path, read: Mapping[object, Path]) -> bool:
    """Whether a file belongs to a folder that is read as a whole (a model of Hugging Face)."""
    return any(real.is_relative_to(path) and real != path for path in read.values())

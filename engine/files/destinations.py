"""Checks output paths: what exists at a path, and whether and how it can be written.

A regular file, or a path where nothing exists, gets a new file; a device, a pipe or a terminal is
written to directly, and so is a descriptor of this process (/dev/stdout, /dev/fd/3). A folder, a
socket or a disk is rejected.
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

_FORBIDDEN = "permission denied; choose another folder, or close the program that has it open"

_REASONS = {
    errno.ENOENT: "the folder does not exist; create it or choose another one",
    errno.ENOTDIR: "part of the path is not a folder; choose another one",
    errno.EISDIR: "a folder has that name; choose another name",
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: "the disk is read-only; choose another one",
    errno.ENOSPC: "the disk is full; free some space or choose another one",
    errno.EDQUOT: "disk quota exceeded; free some space or choose another folder",
    errno.EFBIG: "the file would exceed the size limit there; choose another folder",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ELOOP: "its symbolic links form a loop; choose another name",
    errno.EBUSY: "it is in use or a mount point; choose another name",
    errno.EPIPE: "the reading program has ended; restart it",
    errno.EBADF: "no file descriptor with that number is open for writing; name a file",
    errno.EIO: "the device reports an I/O error; choose another folder",
}

_MOST_LINKS = 40
_OWN_DESCRIPTOR = re.compile(r"(?:/proc/(\d+)(?:/task/\d+)?/fd|/dev/fd)/(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Goal:
    """What an output path refers to.

    path: as given. real: with all symbolic links resolved. found: the stat of what exists there,
    None if nothing does. descriptor: of this process, None if the path is not one. exchanged: True
    if a new file replaces it, False if it is written to directly.
    """

    path: Path
    real: Path
    found: os.stat_result | None
    descriptor: int | None = None
    exchanged: bool = True

    @property
    def key(self) -> object:
        """Equal for two names of one file; None for what can be written to repeatedly."""
        if not self.exchanged:
            return None
        if self.found is not None and self.found.st_ino:
            return self.found.st_dev, self.found.st_ino
        return os.path.normcase(self.real)


def goal_of(path: Path) -> Goal:
    """Examine an output path. Raises ExportError if nothing can be written there."""
    try:
        return _goal_of(path)
    except (OSError, ValueError) as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError | ValueError) -> ExportError:
    """The error that says why path cannot be written and what to do, in one line."""
    if not isinstance(error, OSError):
        return refusal(path, "not a valid file name; choose another one")
    reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
    return refusal(path, reason)


def refusal(path: Path, reason: str) -> ExportError:
    """The error for a path that cannot be written. reason: includes what to do."""
    return ExportError(f"cannot write {path}: {reason}")


def check_outputs(
    outputs: Mapping[str, Path | str | None], inputs: Iterable[Path | str | None] = ()
) -> None:
    """Reject unusable output paths before the work starts.

    outputs: by the option that names them. inputs: files and folders that are read. Raises
    ExportError for an output that cannot be written, that is also an input, or that another option
    names as well.
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
    """Whether path means stdout: '-', /dev/stdout, /dev/fd/1."""
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
        # It exists without a real path: a pipe that another process has open.
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
        raise refusal(path, "this is a disk, and its content would be lost; name a file")
    if not os.access(real, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    # Windows' devices (NUL, CON) have no folder.
    device = sys.platform == "win32" and str(real).startswith("\\\\.\\")
    exchanged = stat.S_ISREG(mode) and not device
    if exchanged:
        _check_folder(real.parent)
    return Goal(path, real, found, exchanged=exchanged)


def _check_folder(folder: Path) -> None:
    """Raises OSError if no file can be created in folder."""
    found = os.stat(folder)  # noqa: PTH116
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not os.access(folder, os.W_OK | os.X_OK):
        read_only = os.name == "posix" and os.statvfs(folder).f_flag & os.ST_RDONLY
        code = errno.EROFS if read_only else errno.EACCES
        raise OSError(code, os.strerror(code))


def _descriptor(path: Path) -> int | None:
    """The descriptor of this process that path refers to, or None.

    It may refer to a file, a pipe or a deleted file, so its target's name cannot be used.
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
    # What the program opened itself, such as its log, is not inheritable; users cannot name it.
    if not os.get_inheritable(descriptor):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return Goal(path, path, found, descriptor, exchanged=False)


def _facts_of(paths: Iterable[Path]) -> dict[object, Path]:
    """The real paths that exist, by the key of Goal."""
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
    """Whether a file lies in a folder that is read as a whole (a Hugging Face model)."""
    return any(real.is_relative_to(path) and real != path for path in read.values())

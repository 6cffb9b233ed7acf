"""Writing a file whole: it is complete or absent, never half."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

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
    errno.EDQUOT: "your quota is used up; make room or choose another folder",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of path when the block ends well, and vanishes otherwise.

    It is made in the same folder, since only within one file system is the exchange atomic.
    Raises ExportError, with the reason and the way out, when it cannot be written.
    """
    # Through a link, so that what it points to is replaced and not the link.
    goal = Path(os.path.realpath(path))
    if goal.is_dir():
        raise ExportError(f"cannot write {path.name}: {_REASONS[errno.EISDIR]}")
    temporary = goal.with_name(f".{goal.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(goal)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise ExportError(f"cannot write {path}: {reason}") from error

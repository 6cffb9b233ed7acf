"""The temporary files that outputs are written into, and what a killed write leaves of them.

A temporary file has the name .NAME.xxxxxxxx.part beside the file that it will become. Half of the
eight digits are drawn, the others follow from the name and the drawn ones, so that no other
program's file is taken for one. While it is written its writer holds a lock on it, which the system
gives up with the process: a temporary file that nobody has locked is left over.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import sys
import time
import zlib
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_PATTERN = re.compile(r"\.(?P<name>[ -~]+)\.(?P<drawn>[0-9a-f]{4})(?P<check>[0-9a-f]{4})\.part")
# With what is added, a name is no longer than file systems take.
_LONGEST_NAME = 100
_MOST_ENTRIES = 50_000
# Where no lock tells, and for names that an earlier version gave.
_OLD_S = 3600.0


def new_name(name: str) -> str:
    """Of a temporary file that will become the file `name`; another one every time."""
    short = _shortened(name)
    drawn = secrets.token_hex(2)
    return f".{short}.{drawn}{_check(short, drawn)}.part"


def held(descriptor: int) -> bool:
    """Lock a temporary file that was just made; whether it is there and this process's own.

    It is not when somebody took it for left over in the moment before. Where the file system knows
    no locks, it is.
    """
    if sys.platform == "win32":
        return True  # there, an open file cannot be removed
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return os.fstat(descriptor).st_nlink > 0


def remove_from(folder: Path, name: str = "") -> None:
    """Remove what killed writes have left in a folder.

    name: of a file that is about to be written there; what has its name and was not touched for an
    hour is left over too, whoever gave it. What cannot be looked at or removed stays.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for _, entry in zip(range(_MOST_ENTRIES), entries, strict=False):
            match = _PATTERN.fullmatch(entry.name)
            if match is None:
                continue
            ours = match["check"] == _check(match["name"], match["drawn"])
            if ours or match["name"] == _shortened(name):
                with contextlib.suppress(OSError):
                    _remove(Path(entry.path), ours)


def _remove(path: Path, ours: bool) -> None:
    """Unless somebody writes it. Raises OSError."""
    facts = path.lstat()
    if not stat.S_ISREG(facts.st_mode):
        return
    old = time.time() - facts.st_mtime > _OLD_S
    if sys.platform == "win32":
        if old:
            path.unlink()
        return
    if facts.st_uid != os.geteuid() or not (ours or old):
        return
    # To be written to, since locks of network file systems ask for that.
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(descriptor)


def _shortened(name: str) -> str:
    # In ASCII, since some file systems write other letters in a way of their own.
    return re.sub(r"[^ -~]", "_", name)[:_LONGEST_NAME]


def _check(name: str, drawn: str) -> str:
    return f"{zlib.crc32(f'{name}.{drawn}'.encode()) & 0xFFFF:04x}"

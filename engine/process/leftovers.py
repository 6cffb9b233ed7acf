"""Names, locks and removes the temporary files of atomic writes, also after a killed process.

A temporary file is called .NAME.xxxxxxxx.part and is created beside its target. Half of the eight
digits are random, the others are a checksum of the name and the random ones, so that no other
program's file is mistaken for one. Its writer holds a lock on it, which the system releases with
the process: an unlocked temporary file is left over.
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
# With the additions, a name stays within the limits of file systems.
_LONGEST_NAME = 100
_MOST_ENTRIES = 50_000
# Age that counts as left over if there are no locks, or for names of an earlier version.
_OLD_S = 3600.0


def new_name(name: str) -> str:
    """A new temporary name for the target file `name`; different on every call."""
    short = _shortened(name)
    drawn = secrets.token_hex(2)
    return f".{short}.{drawn}{_check(short, drawn)}.part"


def held(descriptor: int) -> bool:
    """Lock a newly created temporary file; returns whether it still exists and belongs to us.

    It does not if another process took it for left over just before. On a file system without
    locks, returns True.
    """
    if sys.platform == "win32":
        return True  # Windows does not remove open files
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return os.fstat(descriptor).st_nlink > 0


def remove_from(folder: Path, name: str = "") -> None:
    """Remove the temporary files of killed writes from a folder.

    name: of a file about to be written there; temporary files with its name that are older than an
    hour are removed as well, whoever created them. Files that cannot be accessed are kept.
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
    """Remove it unless it is being written. Raises OSError."""
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
    # Opened for writing, since locks on network file systems require it.
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(descriptor)


def _shortened(name: str) -> str:
    # ASCII only, since some file systems normalise other characters.
    return re.sub(r"[^ -~]", "_", name)[:_LONGEST_NAME]


def _check(name: str, drawn: str) -> str:
    return f"{zlib.crc32(f'{name}.{drawn}'.encode()) & 0xFFFF:04x}"

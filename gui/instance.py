"""One window for each person and display: a second start hands its files to the first.

The first start holds a lock file and, once its window is there, listens on a local socket. A start
that finds the lock taken sends what it was asked to open, as one line of JSON, waits for the
answer and ends. Only the same person can connect: the socket lies in that person's folder, and is
theirs alone.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QDir, QLockFile, QStandardPaths, QSysInfo

from engine.version import COMMAND

if TYPE_CHECKING:
    from gui.models import NamedModel

_log = logging.getLogger(__name__)

# In bytes: what the kernels of Linux and macOS take for a socket.
_LONGEST_PLACE = 100
ACTIVATION = "XDG_ACTIVATION_TOKEN"
"""Where a desktop leaves its permission to come to the front (Wayland)."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What a start of the program was asked to open.

    activation: the desktop's permission to come to the front, '' where it gives none.
    """

    files: tuple[Path, ...] = ()
    model: NamedModel | None = None
    activation: str = ""

    def line(self) -> bytes:
        """As one line of JSON."""
        model = self.model
        facts = {
            "files": [os.path.normpath(path.absolute()) for path in self.files],
            "model": model.source.key if model is not None else "",
            "trusted": [str(path.absolute()) for path in model.trusted] if model else [],
            "activation": self.activation,
        }
        return json.dumps(facts).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Errand:
        """The errand of that line. Raises ValueError for what is none."""
        # Imported here: the window is painted before.
        from engine.sources import ModelSource
        from gui.models import NamedModel

        try:
            facts = json.loads(line)
            source = str(facts["model"])
            trusted = tuple(Path(name) for name in facts["trusted"])
            model = NamedModel(ModelSource.from_key(source), trusted) if source else None
            files = tuple(Path(name) for name in facts["files"])
            return cls(files, model, str(facts["activation"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"no errand: {error!r}") from error


class Instance:
    """This start's claim to be the program that runs here.

    remembers: whether this one, of all that a person has open on whatever displays, keeps what is
    open and what a crash leaves for the next start.
    """

    def __init__(self) -> None:
        caches = QStandardPaths.StandardLocation.GenericCacheLocation
        folder = Path(QStandardPaths.writableLocation(caches)) / COMMAND
        # Before anything is made of it: this start and the next must come to the same names.
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            _log.warning("no folder for a lock file: %s", error)
        # A home may be on several computers. Two displays are two desks: a window on the other one
        # would not be seen.
        machine = bytes(QSysInfo.machineUniqueId().data())
        desk = "\n".join(os.environ.get(name, "") for name in ("DISPLAY", "WAYLAND_DISPLAY"))
        home = hashlib.sha256(machine + str(folder).encode()).hexdigest()[:16]
        mark = hashlib.sha256(f"{home}\n{desk}".encode()).hexdigest()[:16]
        self.name = _socket_name(folder, f"{COMMAND}-{mark}")
        self.remembers = False
        self._lock = _lock(folder / f"running-{mark}.lock")
        self._memory = _lock(folder / f"remembers-{home}.lock")

    def claim(self) -> bool:
        """Whether no other window runs here; it holds until release() or the end of the process.

        Where no lock can be written, or no socket has room, every start is the first.
        """
        if not self._lock.tryLock(0) and self.name:
            if self._lock.error() == QLockFile.LockError.LockFailedError:
                return False
            _log.warning("every start opens a window: no lock file can be written")
        self.remembers = self._memory.tryLock(0)
        return True

    def release(self) -> None:
        self._lock.unlock()
        self._memory.unlock()

    def let_come_to_the_front(self) -> None:
        """Give the running window the foreground: Windows asks that of the program in front."""
        if sys.platform == "win32":
            import ctypes

            pid = self._lock.getLockInfo()[0]
            ctypes.windll.user32.AllowSetForegroundWindow(pid)


def use_activation(token: str) -> None:
    """Let the next activateWindow use it; Qt takes it from there."""
    if token:
        os.environ[ACTIVATION] = token


def _lock(path: Path) -> QLockFile:
    lock = QLockFile(str(path))
    # Held for as long as the window is open, which may be days.
    lock.setStaleLockTime(0)
    return lock


def _socket_name(folder: Path, name: str) -> str:
    """Where the socket lies, in a folder that is the person's own; '' where there is none with room
    for its name. On Windows it is a pipe, which has a name and no folder."""
    if sys.platform == "win32":
        return name
    places: list[Path | None] = [Path(os.environ.get("XDG_RUNTIME_DIR") or folder), folder]
    if len(os.fsencode(folder / name)) > _LONGEST_PLACE:
        places.append(_own_temporary_folder())
    for place in places:
        if (
            place is not None
            and place.is_dir()
            and len(os.fsencode(place / name)) <= _LONGEST_PLACE
        ):
            return str(place / name)
    _log.warning("every start opens a window: no folder has room for a socket")
    return ""


def _own_temporary_folder() -> Path | None:
    """A folder that nobody else may look into; None where somebody else has made that one."""
    place = Path(QDir.tempPath()) / f"{COMMAND}-{os.getuid()}"
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        facts = place.lstat()
    except OSError as error:
        _log.warning("%s", error)
        return None
    own = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid()
    return place if own and not facts.st_mode & 0o077 else None

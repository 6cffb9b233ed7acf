"""Single instance per user and display: a second start passes its files to the first.

The first start holds a lock file and, once its window exists, listens on a local socket whose
address it writes next to the lock. A start that finds the lock taken sends its request to that
address as one line of JSON, waits for the answer and exits. Only the same user can connect: the
socket is in a folder that is private to the user; on Windows, where a pipe has no folder, its name
cannot be guessed.
"""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCryptographicHash, QDir, QLockFile, QStandardPaths, QSysInfo

from engine.files.presence import can_be_named
from engine.version import COMMAND

if TYPE_CHECKING:
    from gui.controllers.models import NamedModel

_log = logging.getLogger(__name__)

# In bytes: the longest socket path that the kernels of Linux and macOS accept.
_LONGEST_PLACE = 100
ACTIVATION = "XDG_ACTIVATION_TOKEN"
"""The environment variable with the desktop's permission to raise a window (Wayland)."""


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """What a start of the program was asked to open.

    activation: the desktop's permission to raise the window, '' if there is none.
    """

    files: tuple[Path, ...] = ()
    model: NamedModel | None = None
    activation: str = ""

    def line(self) -> bytes:
        """The request as one line of JSON, for the window that is open.

        Trust given on the command line is left out: any process of the same user could send it,
        so the window itself asks about files that could run code.
        """
        model = self.model
        facts = {
            "files": [str(path.absolute()) for path in self.files],
            "model": model.source.key if model is not None else "",
            "activation": self.activation,
        }
        return json.dumps(facts).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> OpenRequest:
        """Parse a request. Raises ValueError if the line is not one."""
        # Imported here: the window is painted before.
        from engine.records.sources import ModelSource
        from gui.controllers.models import NamedModel

        try:
            facts = json.loads(line)
            key, names, token = facts["model"], facts["files"], facts["activation"]
        except (KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"no request: {type(error).__name__}") from error
        known = isinstance(names, list) and isinstance(key, str)
        if not known or not all(map(can_be_named, [*names, token])):
            raise ValueError("no request: something in it is no name")
        model = NamedModel(ModelSource.from_key(key)) if key else None
        return cls(tuple(map(Path, names)), model, token)


class Instance:
    """The claim of this process to be the single instance.

    remembers: whether this process, of all that the user runs on any display, records the session
    and the trace of a crash for the next start.
    """

    def __init__(self) -> None:
        caches = QStandardPaths.StandardLocation.GenericCacheLocation
        folder = Path(QStandardPaths.writableLocation(caches)) / COMMAND
        self._folder = folder / "run"
        self._usable = _made(self._folder)
        # A home folder may be shared between computers. Each display has its own instance, because
        # a window on another display would not be seen.
        machine = bytes(QSysInfo.machineUniqueId().data())
        displays = "\n".join(os.environ.get(name, "") for name in ("DISPLAY", "WAYLAND_DISPLAY"))
        home = _digest(machine + str(folder).encode())
        self._mark = _digest(f"{home}\n{displays}".encode())
        self.remembers = False
        self._lock = _lock(self._folder / f"running-{self._mark}.lock")
        self._memory = _lock(self._folder / f"remembers-{home}.lock")
        self._note = self._folder / f"running-{self._mark}.place"

    def claim(self) -> bool:
        """Whether this is the single instance; holds until release() or the end of the process.

        If no lock file can be written, every start claims successfully.
        """
        if self._lock.isLocked() or not self._usable:
            return True
        if not self._lock.tryLock(0):
            if self._lock.error() == QLockFile.LockError.LockFailedError:
                return False
            _log.warning("every start opens a window: no lock file can be written")
        self.remembers = self._memory.tryLock(0)
        return True

    def release(self) -> None:
        # First, so that a process waiting for the other lock finds this one free too.
        self._memory.unlock()
        self.let_others_open()

    def let_others_open(self) -> None:
        """Give up the claim where requests cannot be received: later starts open own windows."""
        if self._lock.isLocked():
            try:
                self._note.unlink(missing_ok=True)
            except OSError as error:
                _log.warning("the note of where this window listened stays: %s", error)
            self._lock.unlock()

    def new_place(self) -> str:
        """The address to listen at, for the process that holds the claim; '' for none."""
        if not self._lock.isLocked():
            return ""
        if sys.platform == "win32":
            import secrets

            return f"{COMMAND}-{secrets.token_hex(16)}"
        return _socket_name(self._folder, f"{COMMAND}-{self._mark}")

    def announce(self, place: str) -> bool:
        """Write the listening address for later starts; returns whether that succeeded."""
        draft = self._note.with_suffix(".part")
        try:
            draft.write_bytes(os.fsencode(place))
            draft.replace(self._note)
        except OSError as error:
            _log.warning("later starts open windows of their own: %s", error)
            return False
        return True

    def place(self) -> str:
        """The address at which the open window listens; '' while it is unknown."""
        try:
            return os.fsdecode(self._note.read_bytes())
        except FileNotFoundError:
            return ""
        except OSError as error:
            _log.warning("where the window listens cannot be read: %s", error)
            return ""

    def let_come_to_the_front(self) -> None:
        """Pass the right to come to the front on to the running window, as Windows requires."""
        if sys.platform == "win32":
            import ctypes

            pid = self._lock.getLockInfo()[0]
            ctypes.windll.user32.AllowSetForegroundWindow(pid)


def use_activation(token: str) -> None:
    """Put the token where Qt finds it at the next activateWindow()."""
    if token:
        os.environ[ACTIVATION] = token


def _digest(content: bytes) -> str:
    """16 hexadecimal digits; by Qt, since hashlib loads OpenSSL before the first paint."""
    digest = QCryptographicHash.hash(content, QCryptographicHash.Algorithm.Sha256)
    return bytes(digest.toHex().data()).decode("ascii")[:16]


def _lock(path: Path) -> QLockFile:
    lock = QLockFile(str(path))
    # Held for as long as the window is open, which may be days.
    lock.setStaleLockTime(0)
    return lock


def _made(folder: Path) -> bool:
    """Create the folder of the lock files; whether it exists and belongs to the user."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sys.platform != "win32" and folder.stat().st_uid != os.getuid():
            raise PermissionError(f"{folder} belongs to another user")
    except OSError as error:
        _log.warning("every start opens a window: %s", error)
        return False
    return True


def _socket_name(folder: Path, name: str) -> str:
    """The path of the socket in a folder private to the user; '' if none is short enough."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    # The folder named in the environment may belong to somebody else, or be open to everybody.
    places = [Path(os.path.realpath(runtime)), folder] if runtime else [folder]
    temporary = Path(QDir.tempPath()) / f"{COMMAND}-{os.getuid()}"
    for place in (*places, temporary):
        if len(os.fsencode(place / name)) <= _LONGEST_PLACE and _is_own(place, place is temporary):
            return str(place / name)
    _log.warning("every start opens a window: no folder of one's own has room for a socket")
    return ""


def _is_own(folder: Path, make: bool) -> bool:
    """Whether the folder is private to the user; make: create it first."""
    try:
        if make:
            folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
    except OSError as error:
        _log.info("%s", error)
        return False
    own = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid()
    return own and not facts.st_mode & 0o077

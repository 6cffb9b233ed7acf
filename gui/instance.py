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
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QLockFile, QStandardPaths

from engine.version import COMMAND

if TYPE_CHECKING:
    from gui.models import NamedModel

_log = logging.getLogger(__name__)

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
            "files": [str(path.absolute()) for path in self.files],
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
    """This start's claim to be the program that runs here."""

    def __init__(self) -> None:
        caches = QStandardPaths.StandardLocation.GenericCacheLocation
        folder = self._folder = Path(QStandardPaths.writableLocation(caches)) / COMMAND
        # Before anything is made of it: this start and the next must come to the same names.
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            _log.warning("no folder for a lock file: %s", error)
        # Two displays are two desks: a window on the other one would not be seen.
        desk = "\n".join(os.environ.get(name, "") for name in ("DISPLAY", "WAYLAND_DISPLAY"))
        mark = hashlib.sha256(f"{folder}\n{desk}".encode()).hexdigest()[:16]
        self._lock = QLockFile(str(folder / f"running-{mark}.lock"))
        # Held for as long as the window is open, which may be days.
        self._lock.setStaleLockTime(0)
        self.name = _socket_name(folder, f"{COMMAND}-{mark}")

    def claim(self) -> bool:
        """Whether no other window runs here; it holds until release() or the end of the process.

        Where no lock can be written, every start is the first.
        """
        if self._lock.tryLock(0):
            return True
        if self._lock.error() == QLockFile.LockError.LockFailedError:
            return False
        _log.warning("every start opens a window: no lock file in %s", self._folder)
        return True

    def release(self) -> None:
        self._lock.unlock()

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


def _socket_name(folder: Path, name: str) -> str:
    """Where the socket lies. On Windows it is a pipe, which has a name and no folder."""
    if sys.platform == "win32":
        return name
    for place in (os.environ.get("XDG_RUNTIME_DIR") or folder, folder):
        # The kernel takes no longer path for a socket; Qt puts the bare name into its own folder.
        if Path(place).is_dir() and len(str(Path(place) / name)) <= _LONGEST_PLACE:
            return str(Path(place) / name)
    return name

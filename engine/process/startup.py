"""Prepares the process before other imports: streams, libraries, child processes.

Each step matters only on one system or in the packaged program, and does nothing elsewhere.
"""

from __future__ import annotations

import importlib.util
import io
import logging
import os
import struct
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

_log = logging.getLogger(__name__)

_SIGNATURE = b"\xbd\x04\xef\xfe"
_RUNTIMES = ("msvcp140.dll", "msvcp140_1.dll", "msvcp140_2.dll")


def prepare() -> None:
    """Prepare the process; call before Qt, torch or cv2 is imported."""
    frozen = bool(getattr(sys, "frozen", False))
    if frozen:
        from engine.process import workers

        workers.prepare(sys.argv)
    fill_descriptors()
    adopt_streams()
    settle_home()
    if frozen and sys.platform.startswith("linux"):
        restore_library_path()
    if sys.platform == "win32":
        load_newest_runtimes(_library_folders())


class LogStream(io.TextIOBase):
    """A text stream that writes complete lines to the log.

    It replaces the stdout and stderr that a windowed program does not have. Output of the logging
    system itself while it handles such a line is dropped.
    """

    def __init__(self, name: str, level: int) -> None:
        super().__init__()
        self._logger, self._level = logging.getLogger(name), level
        self._inside = threading.local()
        self._rest = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if getattr(self._inside, "busy", False):
            return len(text)
        *lines, self._rest = (self._rest + text).replace("\r", "\n").split("\n")
        self._inside.busy = True
        try:
            for line in lines:
                if line.strip():
                    self._logger.log(self._level, "%s", line.rstrip())
        finally:
            self._inside.busy = False
        return len(text)

    def flush(self) -> None:
        if self._rest:
            self.write("\n")


def fill_descriptors() -> None:
    """Occupy closed standard descriptors, so that no file opened later becomes stdin or stdout.

    The replacement is empty, cannot be written and is not inherited.
    """
    if os.name != "posix":
        return
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # the lowest number that is free


def settle_home() -> None:
    """Set HOME to a path that does not exist, as Debian does, if the user has no home folder.

    Settings then cannot be written, which is reported where it matters.
    """
    if os.name == "posix" and not os.path.isabs(os.path.expanduser("~")):  # noqa: PTH111, PTH117
        os.environ["HOME"] = "/nonexistent"


def adopt_streams() -> None:
    """Send stdout and stderr to the log if they do not exist.

    In a windowed program on Windows they are None, so that code that prints (torch.hub's progress
    bar, a user's Python file) would fail.
    """
    if sys.stdout is None:
        sys.stdout = LogStream("stdout", logging.INFO)
    if sys.stderr is None:
        sys.stderr = LogStream("stderr", logging.WARNING)


def restore_library_path() -> None:
    """Restore LD_LIBRARY_PATH to its value before the packaged program was started.

    This process has already loaded its libraries; a browser or file manager started from here must
    use the system's libraries instead of the program's.
    """
    original = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if original:
        os.environ["LD_LIBRARY_PATH"] = original
    else:
        os.environ.pop("LD_LIBRARY_PATH", None)


def file_version(path: Path) -> tuple[int, int, int, int]:
    """The version in the resources of a Windows library; zeros if there is none.

    Located by the signature of VS_FIXEDFILEINFO; its third and fourth words are the version.
    Raises OSError if the file cannot be read.
    """
    data = path.read_bytes()
    start = data.find(_SIGNATURE)
    if start < 0 or start + 16 > len(data):
        return 0, 0, 0, 0
    high, low = struct.unpack_from("<II", data, start + 8)
    return high >> 16, high & 0xFFFF, low >> 16, low & 0xFFFF


def newest(name: str, folders: Iterable[Path]) -> Path | None:
    """The file with that name and the highest version in the folders; the first of equals."""
    found = [folder / name for folder in folders if (folder / name).is_file()]
    return max(found, key=file_version, default=None)


def load_newest_runtimes(folders: Iterable[Path]) -> None:
    """Load the newest available C++ runtime library, so that all later imports use it.

    Windows reuses a loaded library of the same name for every caller. Qt ships its own, and torch
    crashes with an access violation on a version older than 14.40.
    """
    # Windows alone needs it here; it costs every start elsewhere.
    import ctypes

    places = list(folders)
    for name in _RUNTIMES:
        path = newest(name, places)
        if path is None:
            continue
        try:
            ctypes.CDLL(str(path))
        except OSError as error:
            _log.warning("%s cannot be loaded: %s", path, error)


def _library_folders() -> list[Path]:
    """Folders that may contain them: of packages that ship them, of Python and of the system."""
    bundle = getattr(sys, "_MEIPASS", None)
    roots = [Path(bundle)] if bundle is not None else [Path(sys.base_prefix)]
    for package in ("torch", "PySide6", "shiboken6"):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            roots.append(Path(spec.origin).parent)
    roots.append(Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32")
    return [folder for root in roots for folder in (root, root / "lib")]

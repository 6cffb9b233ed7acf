"""Sets up the log file, its format and its location."""

from __future__ import annotations

import contextlib
import copy
import logging
import sys
from pathlib import Path
from types import TracebackType

from engine import escaping
from engine.version import NAME, VERSION

_FORMAT = "%(asctime)s %(levelname)-7s %(threadName)s %(name)s: %(message)s"
_MAX_BYTES = 1_000_000
_MOST = 2 * escaping.LINE
_FURTHER = "    "
"""Indentation of continuation lines, so that no name can forge the start of an entry."""

_Exception = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


class LogFormatter(logging.Formatter):
    """Formats log entries with control characters escaped, also those in names.

    A message is one line, unless its template has several; tracebacks keep their lines, indented.
    """

    def __init__(self) -> None:
        super().__init__(_FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        # A traceback formatted by another handler is cached in the record.
        record = copy.copy(record)
        record.exc_text = None
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:
        several = "\n" in str(record.msg)
        record.message = (
            _set_in(record.message) if several else escaping.plain(record.message, _MOST)
        )
        return super().formatMessage(record)

    def formatException(self, ei: _Exception) -> str:
        return _FURTHER + _set_in(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:
        return _FURTHER + _set_in(super().formatStack(stack_info))


def _set_in(text: str) -> str:
    return escaping.lines(text, _MOST).replace("\n", f"\n{_FURTHER}")


class _LogFile(logging.FileHandler):
    """Reports once if it cannot be written (disk full, for example); the program continues."""

    _told = False

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._told:
            self._told = True
            with contextlib.suppress(OSError):
                reason = error.strerror or error
                path = escaping.plain(self.baseFilename)
                sys.stderr.write(f"the log {path} cannot be written: {reason}\n")


class _Held(logging.Handler):
    """Buffers log records until the log file is open."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


_held = _Held()


def log_folder() -> Path:
    """The folder of the log files; it may not exist yet."""
    import platformdirs

    return Path(platformdirs.user_log_path(NAME.lower(), appauthor=False))


def log_file() -> Path:
    return log_folder() / f"{NAME.lower()}.log"


def hold_logging() -> None:
    """Buffer log records until start_logging: opening the file takes a while, and the window is
    painted before that."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(_held)


def release_logging() -> None:
    """Write buffered records, if any; called on every exit path."""
    if _held in logging.getLogger().handlers:
        start_logging()


def start_logging() -> Path | None:
    """Start logging to log_file() and return its path; None if it cannot be written.

    Buffered records are written first.

    A log that cannot be written must not stop the program: the reason goes to stderr once, and
    warnings go there from then on.
    """
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    # Library warnings go to the log, since the terminal is for results.
    logging.captureWarnings(True)
    # At INFO it logs every URL; a redirect target may contain a signature.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    path = log_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_room(path)
        handler: logging.Handler = _LogFile(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        fallback = logging.StreamHandler(sys.stderr)
        fallback.setLevel(logging.WARNING)
        fallback.setFormatter(LogFormatter())
        _add(root, fallback)
        root.warning("no log file: %s cannot be written: %s", path, error)
        return None
    handler.setFormatter(LogFormatter())
    _add(root, handler)
    root.info("%s %s on Python %s, %s", NAME, VERSION, sys.version.split()[0], sys.platform)
    return path


def _add(root: logging.Logger, handler: logging.Handler) -> None:
    root.removeHandler(_held)
    root.addHandler(handler)
    records, _held.records = _held.records, []
    for record in records:
        if record.levelno >= handler.level:
            handler.handle(record)


def _make_room(path: Path) -> None:
    """Rotate a full log, replacing the previous one.

    If another instance has it open (Windows), it keeps growing.
    """
    if path.is_file() and path.stat().st_size > _MAX_BYTES:
        with contextlib.suppress(PermissionError):
            path.replace(path.with_name(f"{path.stem}.1{path.suffix}"))

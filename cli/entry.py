"""What the entry point needs before other imports: command names, error reporting, exit codes.

Exit codes: 0 success; 2 wrong usage, unusable input or an output that cannot be written, with one
line on stderr; 1 a defect of the program, with the path of the log; 130 interrupted; 128 plus the
signal number when any other signal ended the program.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import TextIO

from engine.errors import ExportError, HookscopeError, one_line
from engine.escaping import LINE, plain
from engine.process import ending
from engine.process.logs import log_file, release_logging
from engine.process.startup import LogStream
from engine.progress import Report, ignore_progress
from engine.version import NAME

COMMANDS = (
    *("explain", "compare", "sweep", "channels", "layers", "methods", "questions", "presets"),
    *("models", "download", "what-if", "trust", "script", "report"),
    *("batch", "clusters", "summary"),
)
"""Commands that run without a window."""

_log = logging.getLogger(__name__)


def fail(message: str) -> None:
    """Report unusable input in one line on stderr."""
    tell(f"error: {message.strip()}")


def put(text: str) -> None:
    """Write to stdout and flush. Raises ExportError if stdout cannot be written."""
    try:
        # A file name may contain characters that the terminal cannot encode, or undecodable bytes.
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except OSError as error:
        reason = _STDOUT.get(error.errno or 0, error.strerror or str(error))
        raise ExportError(f"cannot write to stdout: {reason}") from error


def require_stdout() -> None:
    """Raises ExportError if there is no stdout; for results that are to be written there."""
    if isinstance(sys.stdout, LogStream):
        raise ExportError("cannot write to stdout: it is closed; name a file with --json")


def check_names(values: Iterable[object]) -> None:
    """Reject option values that cannot be file names on this system. Raises HookscopeError."""
    for value in values:
        if isinstance(value, list | tuple):
            check_names(value)
        elif isinstance(value, str | os.PathLike):
            name = os.fspath(value)
            try:
                odd = b"\0" in os.fsencode(name)
            except UnicodeEncodeError:
                odd = True
            if odd:
                raise HookscopeError(
                    f"{name}: contains characters that no file name can have; check it"
                )


_STDOUT = {
    errno.EPIPE: "the reading program has ended",
    errno.ENOSPC: "the disk is full",
    errno.EBADF: "it is closed",
}


def tell(line: str) -> None:
    """Write one line to stderr, with control characters in names escaped."""
    # If stderr cannot be written, the exit code still reports the failure.
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{NAME.lower()}: {plain(line, LINE)}\n")
        sys.stderr.flush()


def progress_line(stream: TextIO) -> Report:
    """A progress line, redrawn up to ten times a second on a terminal; silent otherwise."""
    if not stream.isatty():
        return ignore_progress
    last = 0.0

    def report(fraction: float, text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if fraction >= 1.0:
            stream.write("\r\x1b[K")
        elif now - last >= 0.1:
            stream.write(f"\r\x1b[K{fraction:4.0%}  {plain(text, 120)}")
            last = now
        stream.flush()

    return report


def guarded(work: Callable[[], int]) -> int:
    """Run work and return its exit code; every failure is reported here, in the same way."""
    try:
        code = _exit_code(work)
        put("")  # flushes what other code has written to stdout, so that errors show up here
        return code
    except HookscopeError as error:
        fail(str(error))
        return 2
    except KeyboardInterrupt:
        return ending.INTERRUPTED
    except MemoryError as error:
        _log.warning("out of memory: %s", one_line(error))
        fail(f"not enough memory ({one_line(error)}); close other programs and try again")
        return 2
    except Exception:  # noqa: BLE001 - the outermost frame: anything else is a defect to report
        _log.exception("Unexpected error")
        tell(f"internal error; see the log: {log_file()}")
        return 1
    finally:
        release_logging()


def _exit_code(work: Callable[[], int]) -> int:
    """The exit code of work, also where argparse ends it with SystemExit."""
    try:
        return work()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)

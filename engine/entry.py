"""What the entry point needs before anything else is imported: names, and how failures are told.

Exit codes: 0 done; 2 wrong usage or unusable input, with one line on stderr; 1 a defect of the
program, naming the log; 130 interrupted.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import TextIO

from engine.errors import HookscopeError
from engine.logs import log_file, release_logging
from engine.progress import Report, ignore_progress
from engine.version import NAME

COMMANDS = ("explain", "layers", "sweep", "models", "download")
"""Commands that open no window."""

_log = logging.getLogger(__name__)


def fail(message: str) -> None:
    """The one line on stderr that an unusable input gets."""
    sys.stderr.write(f"{NAME.lower()}: error: {' '.join(message.split())}\n")


def progress_line(stream: TextIO) -> Report:
    """One line on a terminal that is written anew ten times a second; nothing in a file or pipe."""
    if not stream.isatty():
        return ignore_progress
    last = 0.0

    def report(fraction: float, text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if fraction >= 1.0:
            stream.write("\r\x1b[K")
        elif now - last >= 0.1:
            stream.write(f"\r\x1b[K{fraction:4.0%}  {text}")
            last = now
        stream.flush()

    return report


def guarded(work: Callable[[], int]) -> int:
    """The exit code of work, whose failures are reported the one way they are reported."""
    try:
        return work()
    except HookscopeError as error:
        fail(str(error))
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of stdout went away; nobody is left to tell, and flushing would fail again.
        sys.stderr.close()
        return 1
    except Exception:  # noqa: BLE001 - the outermost frame: anything else is a defect to report
        _log.exception("internal failure")
        sys.stderr.write(f"{NAME.lower()}: internal failure; the log has it: {log_file()}\n")
        return 1
    finally:
        release_logging()

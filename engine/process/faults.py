"""Records crashes and cleans up after them: stack traces of the threads, half-written files.

No Python code runs after a crash in native code, so faulthandler writes the stack traces to a file,
which the next start reads.
"""

from __future__ import annotations

import faulthandler
import logging
from collections import deque
from pathlib import Path

from engine.process import leftovers
from engine.process.logs import log_file, log_folder
from engine.version import NAME

_log = logging.getLogger(__name__)

_LOG_LINES = 60


def fault_file() -> Path:
    return log_folder() / "fault.txt"


def take_over() -> str:
    """Return the stack traces of the last run ('' if none), and start recording those of this run.

    On Windows, faulthandler also records exceptions that were handled, so only the traces of a run
    that did not exit normally are significant.
    """
    path = fault_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        last = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        # Stays open for the life of the process, since it is written when nothing else works.
        faulthandler.enable(path.open("w", encoding="utf-8"))
    except OSError as error:
        _log.warning("crash reports cannot be written: %s", error)
        return ""
    return last.strip()


def clear_up() -> None:
    """Remove half-written files of killed runs from the program's own folders.

    Those beside an output are removed at the next write there; partial downloads are kept for
    resuming.
    """
    import platformdirs

    settings = Path(platformdirs.user_config_path(NAME.lower(), appauthor=False))
    cache = Path(platformdirs.user_cache_path(NAME.lower(), appauthor=False))
    for folder in (log_folder(), settings, settings / "profiles", cache):
        leftovers.remove_from(folder)


def log_tail() -> str:
    """The last lines of the log, '' if it cannot be read."""
    try:
        with log_file().open(encoding="utf-8", errors="replace") as file:
            return "".join(deque(file, _LOG_LINES))
    except FileNotFoundError:
        return ""
    except OSError as error:
        _log.warning("the log cannot be read: %s", error)
        return ""

"""What a crashed run leaves behind: the stacks of its threads, half-written files.

No Python code runs after a fault of native code, so faulthandler writes the stacks into a file,
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
    """The stacks that the last run left ('' for none); from now on this run writes there.

    On Windows faulthandler also tells of faults that were handled: only what a run left that did
    not end in order is worth a look.
    """
    path = fault_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        last = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        # Kept open for as long as the process lives: it is written to when nothing else works.
        faulthandler.enable(path.open("w", encoding="utf-8"))
    except OSError as error:
        _log.warning("crash reports cannot be written: %s", error)
        return ""
    return last.strip()


def clear_up() -> None:
    """Remove what killed runs have left half-written in the program's own folders.

    What they left beside an output goes when something is written there again; what has come of a
    download stays, to be resumed.
    """
    import platformdirs

    settings = Path(platformdirs.user_config_path(NAME.lower(), appauthor=False))
    cache = Path(platformdirs.user_cache_path(NAME.lower(), appauthor=False))
    for folder in (log_folder(), settings, settings / "profiles", cache):
        leftovers.remove_from(folder)


def log_tail() -> str:
    """The last lines of the log, '' where there is none that can be read."""
    try:
        with log_file().open(encoding="utf-8", errors="replace") as file:
            return "".join(deque(file, _LOG_LINES))
    except FileNotFoundError:
        return ""
    except OSError as error:
        _log.warning("the log cannot be read: %s", error)
        return ""

"""The log file: what an engineer must know, kept where the user can find it."""

from __future__ import annotations

import contextlib
import logging
import sys
from pathlib import Path

from engine.version import NAME, VERSION

_FORMAT = "%(asctime)s %(levelname)-7s %(threadName)s %(name)s: %(message)s"
_MAX_BYTES = 1_000_000


def log_folder() -> Path:
    """The folder of the log files, which may not exist yet."""
    import platformdirs

    return Path(platformdirs.user_log_path(NAME.lower(), appauthor=False))


def log_file() -> Path:
    return log_folder() / f"{NAME.lower()}.log"


def start_logging() -> Path | None:
    """Log into log_file() from now on, and name it; None where it cannot be written.

    A log that cannot be written must not keep the program from its work: the reason goes to
    stderr once, and warnings go there from then on.
    """
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    path = log_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_room(path)
        handler: logging.Handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        fallback = logging.StreamHandler(sys.stderr)
        fallback.setLevel(logging.WARNING)
        root.addHandler(fallback)
        root.warning("no log file, since %s cannot be written: %s", path, error)
        return None
    handler.setFormatter(logging.Formatter(_FORMAT))
    root.addHandler(handler)
    root.info("%s %s on Python %s, %s", NAME, VERSION, sys.version.split()[0], sys.platform)
    return path


def _make_room(path: Path) -> None:
    """Put a full log aside, in place of the one before it.

    Where another running program holds it open (Windows), it just grows on.
    """
    if path.is_file() and path.stat().st_size > _MAX_BYTES:
        with contextlib.suppress(PermissionError):
            path.replace(path.with_name(f"{path.stem}.1{path.suffix}"))

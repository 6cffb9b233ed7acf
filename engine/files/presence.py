"""Whether a file or folder exists, for paths that people name.

Path.is_dir() and its like raise PermissionError where a folder on the way may not be looked into
(until Python 3.14). These answer no, and whoever reads the file then says why it cannot be read.
"""

from __future__ import annotations

import os
from pathlib import Path


def can_be_named(text: object) -> bool:
    """Whether a text, from a record or from another process, can be the name of a file."""
    try:
        return isinstance(text, str) and b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:  # half of a character
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder is there and may be looked at."""
    return os.path.isdir(path)  # noqa: PTH112


def is_file(path: Path) -> bool:
    """Whether a file is there and may be looked at."""
    return os.path.isfile(path)  # noqa: PTH113


def exists(path: Path) -> bool:
    """Whether something is there and may be looked at."""
    return os.path.exists(path)  # noqa: PTH110

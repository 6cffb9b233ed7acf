"""Tests whether user-supplied paths exist, without raising.

Path.is_dir() and the like raise PermissionError if a parent folder may not be searched (until
Python 3.14). These return False, and the code that reads the file then reports the reason.
"""

from __future__ import annotations

import os
from pathlib import Path


def can_be_named(text: object) -> bool:
    """Whether a text from a record or another process is a valid file name."""
    try:
        return isinstance(text, str) and b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:  # a lone surrogate
        return False


def is_folder(path: Path) -> bool:
    """Whether the path is an accessible folder."""
    return os.path.isdir(path)  # noqa: PTH112


def is_file(path: Path) -> bool:
    """Whether the path is an accessible file."""
    return os.path.isfile(path)  # noqa: PTH113


def exists(path: Path) -> bool:
    """Whether the path exists and is accessible."""
    return os.path.exists(path)  # noqa: PTH110

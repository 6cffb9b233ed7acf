"""Reads class names from the user's text, CSV or JSON file, through a reader process."""

from __future__ import annotations

from pathlib import Path

from engine.errors import ModelError
from engine.reader import client


def read_class_names(path: str | Path) -> tuple[str, ...]:
    """The class names in a file, by index, as parsed by engine.loading.class_name_files.parse.

    Raises ModelError, a single line that names the file and the place, for a file that is
    missing, not a regular file, too large, malformed or empty, and for an index that is missing or
    duplicated; Cancelled.
    """
    path = Path(path)
    answer = client.ask("class names", ModelError, str(path), path=path)
    return tuple(client.text_of(answer))

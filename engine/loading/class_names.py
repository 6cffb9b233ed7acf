"""Class names from a file of the user's: text, CSV or JSON."""

from __future__ import annotations

from pathlib import Path

from engine.errors import ModelError
from engine.reader import client


def read_class_names(path: str | Path) -> tuple[str, ...]:
    """The names in a file, by index, as engine.loading.class_name_files.parse finds them.

    Raises ModelError, a single line that names the file and the place, for a file that is
    missing, no regular file, too large, malformed or empty, and for an index that is missing or
    stands twice; Cancelled.
    """
    path = Path(path)
    answer = client.ask("class names", ModelError, str(path), path=path)
    return tuple(client.text_of(answer))

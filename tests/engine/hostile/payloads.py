"""Files that try to run something, for the tests: each leaves a marker folder if it succeeds."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


class Marks:
    """Unpickled, it makes a folder."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


def rewritten(path: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """A copy of a zip archive beside it, whose entries went through change(name, content)."""
    goal = path.with_name(f"changed-{path.name}")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(goal, "w") as new:
        for entry in old.infolist():
            new.writestr(entry, change(entry.filename, old.read(entry)))
    return goal


def with_pickle(path: Path, part: str, marker: Path) -> Path:
    """A copy of an archive in which the entry that ends in part is a pickle that marks."""
    return rewritten(path, lambda name, old: _marking(marker) if name.endswith(part) else old)


def _marking(marker: Path) -> bytes:
    import io

    buffer = io.BytesIO()
    torch.save({"tensor": Marks(marker)}, buffer)
    return buffer.getvalue()

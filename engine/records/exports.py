"""What is to be written of an explanation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """What to write. Each path is None where that file is not wanted."""

    picture: Path | None
    map: Path | None
    json: Path | None
    colorbar: bool
    caption: bool

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files to be written, the picture first."""
        return tuple(path for path in (self.picture, self.map, self.json) if path is not None)

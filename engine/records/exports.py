"""The choice of files to export for an explanation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """Which files to write; a path is None if that file is not wanted.

    subject: with the patient's name and the date of a DICOM file.
    """

    picture: Path | None
    map: Path | None
    json: Path | None
    colorbar: bool
    caption: bool
    subject: bool = False

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files to be written, the picture first."""
        return tuple(path for path in (self.picture, self.map, self.json) if path is not None)

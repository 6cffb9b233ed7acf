"""What was copied of images without a file, for edits that paste it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.keeping.pixels import KeptPixels
from engine.records.images import LoadedImage


@dataclass(slots=True, eq=False)
class Piece:
    """A part of an image without a file, or all of one, which may be closed since.

    pixels: as a session keeps it. loaded: None before it is needed.
    """

    pixels: KeptPixels
    loaded: LoadedImage | None = None

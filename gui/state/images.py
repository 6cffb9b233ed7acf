"""An open image, with all that was chosen for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from engine.formats.demo import Scene
from engine.keeping.pixels import KeptPixels
from engine.records.asked import Question
from engine.records.edits import NO_EDITS, Edits
from engine.records.images import LoadedImage, Note
from engine.records.levels import AUTO, Levels
from engine.records.sources import ModelSource
from gui.state.edited import EditedImage
from gui.state.panes import Left
from gui.state.pieces import Piece
from gui.toolkit.imaging import Picture


@dataclass(slots=True, eq=False)
class OpenImage:
    """One image of the strip. loaded and picture are set while it is decoded.

    stamp: (modification time in ns, size) of the file when it was read. targets: the class that
    was chosen for it, by model; none for the one with the highest logit. questions: what was asked
    of it last, by model. left: what else was selected when another image was shown in its place, by
    model. expected: the class that it is of, as set by hand, by model. page: from 1, of pages.
    levels: set by hand; AUTO leaves them to the model. asked: those that picture shows. revision:
    counts the changes of page and levels. edits: all that are listed; edited: what the last of them
    that were done made of it. edits_error: why they cannot be done, ''. notes: what a person wrote
    about it. sight: what is looked at, as in engine.keeping.records; None while it is fitted.
    pixels: of an image without a file, for a session.
    """

    key: str
    name: str
    path: Path | None = None
    scene: Scene | None = None
    loaded: LoadedImage | None = None
    picture: Picture | None = None
    error: str = ""
    stamp: tuple[int, int] | None = None
    targets: dict[ModelSource, int] = field(default_factory=dict)
    questions: dict[ModelSource, Question] = field(default_factory=dict)
    left: dict[ModelSource, Left] = field(default_factory=dict)
    expected: dict[ModelSource, int] = field(default_factory=dict)
    page: int = 1
    pages: int = 1
    levels: Levels = AUTO
    asked: Levels = AUTO
    revision: int = 0
    edits: Edits = NO_EDITS
    edited: EditedImage | None = None
    edits_error: str = ""
    notes: tuple[Note, ...] = ()
    sight: tuple[float, float, float] | None = None
    pixels: KeptPixels | None = None

    @property
    def done(self) -> Edits:
        """The edits that are switched on, which are what an image looks like."""
        return Edits(self.edits.active)

    def loaded_with(self, edits: Edits) -> LoadedImage | None:
        """The image with these edits done; None while it is not there."""
        made = self._made(edits)
        return made.loaded if made is not None else None if edits.steps else self.loaded

    def picture_with(self, edits: Edits) -> Picture | None:
        """The same as it is shown."""
        made = self._made(edits)
        return made.picture if made is not None else None if edits.steps else self.picture

    def _made(self, edits: Edits) -> EditedImage | None:
        made = self.edited
        there = edits.steps and made is not None and made.original is self.loaded
        return made if there and made is not None and made.edits == edits else None

    def let_go(self) -> None:
        """Free the pixels, which can be read again."""
        self.loaded = self.picture = self.edited = None

    @property
    def title(self) -> str:
        """The name without a patient's; '' while the file is being read, since it may tell one."""
        if self.loaded is not None:
            return self.loaded.named(self.name, subject=False)
        return "" if self.path is not None and self.scene is None and not self.error else self.name


def pictures_of(
    images: Iterable[OpenImage], pieces: Mapping[str, Piece]
) -> dict[str, Callable[[], bytes]]:
    """What goes beside the JSON of an export, of images and parts of them that have no file, by
    their names."""
    kept = {image.name: image.pixels for image in images if image.path is None}
    kept |= {name: piece.pixels for name, piece in pieces.items()}
    return {name: partial(_encoded, one) for name, one in kept.items() if one is not None}


def _encoded(pixels: KeptPixels) -> bytes:
    return pixels.encoded

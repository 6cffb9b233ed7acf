"""Images with their edits done: on the file lane, or on the engine lane where an edit takes a map.

Plain functions on records: no widgets, no state, no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from engine.records.edits import Edits, Hide, Hottest
from engine.records.images import LoadedImage
from gui.state.edited import EditedImage
from gui.state.pieces import Piece
from gui.toolkit.imaging import Picture

if TYPE_CHECKING:
    from engine.edits.apply import Masks, Others
    from gui.jobs.lanes import Watch


Opened: TypeAlias = Mapping[str, LoadedImage | Piece]
"""What a paste may be of without being read: decoded images, by path or name, and pieces."""


def needs_map(edits: Edits) -> bool:
    """Whether the edits are by a map of the image, which takes the engine."""
    return any(isinstance(e, Hide) and isinstance(e.shape, Hottest) for e in edits.active)


def others_of(opened: Opened, watch: Watch) -> Others:
    """The images that parts are pasted of."""

    def find(source: str, page: int) -> LoadedImage:
        known = opened.get(source)
        if isinstance(known, Piece):
            return _loaded(known, source, page, watch)
        if known is not None and known.page == page:
            return known
        from engine.images.reading import load_image

        return load_image(Path(source), page=page, cancel=watch.cancel, patience=None)

    return find


def _loaded(piece: Piece, name: str, page: int, watch: Watch) -> LoadedImage:
    loaded = piece.loaded
    if loaded is None or loaded.page != page:
        from engine.images.reading import decode_image

        data = piece.pixels.encoded
        loaded = decode_image(data, name, page=page, cancel=watch.cancel, patience=None)
        piece.loaded = loaded
    return loaded


def make(
    image: LoadedImage,
    edits: Edits,
    opened: Opened,
    watch: Watch,
    masks: Masks | None = None,
) -> EditedImage:
    """Do the edits, and prepare the result for the canvas. Raises ImageError, Cancelled."""
    from engine.edits.apply import edited

    others = others_of(opened, watch)
    done = edited(
        image, edits, masks=masks, others=others, cancel=watch.cancel, progress=watch.report
    )
    watch.cancel.raise_if_cancelled()
    return EditedImage(edits, image, done, Picture.build(done.pixels))

"""Parts of images without a file, kept by themselves for edits that paste them."""

from __future__ import annotations

import hashlib

from engine.edits.boxes import rounded, whole
from engine.keeping.pixels import KeptPixels
from engine.lazy.numpy import np
from engine.records.edits import Rectangle
from engine.records.images import LoadedImage
from gui.state.images import OpenImage
from gui.state.pieces import Piece


def cut_out(image: OpenImage, part: Rectangle) -> tuple[str, Piece, Rectangle] | None:
    """A part of an image as it is shown: its name, which no other part has, the piece, and the
    rectangle that is all of it. None where the part has no pixel of the image.

    The image may be closed before the edit is done again, and another one may have its name then.
    """
    loaded = image.loaded
    if loaded is None:
        return None
    box = rounded(part).within(whole(loaded.height, loaded.width))
    if box.is_empty:
        return None
    pixels = np.ascontiguousarray(loaded.pixels[box.part])
    mark = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
    name = f"{image.name}, part {mark[:8]}"
    piece = Piece(KeptPixels(pixels=pixels), LoadedImage(name, pixels))
    return name, piece, Rectangle(0.0, 0.0, float(pixels.shape[1]), float(len(pixels)))

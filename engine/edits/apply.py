"""An image with its edits done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from engine.progress import CancelToken, Report, ignore_progress
from engine.records.edits import Edits, Hottest
from engine.records.images import LoadedImage, Region

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Masks: TypeAlias = "Callable[[Hottest, LoadedImage], NDArray[np.bool_]]"
"""The pixels of Hottest on an image: bool (height, width)."""

Others: TypeAlias = Callable[[str, int], LoadedImage]
"""The image of a source and a page, for Paste."""


def edited(
    image: LoadedImage,
    edits: Edits,
    *,
    masks: Masks | None = None,
    others: Others | None = None,
    cancel: CancelToken | None = None,
    progress: Report = ignore_progress,
) -> LoadedImage:
    """The image with the edits done, in their order; the same object where none is switched on."""
    raise NotImplementedError


def frame_of(edits: Edits, width: int, height: int) -> Region:
    """The part of an image of this size that its crops leave, in whole pixels of the image."""
    raise NotImplementedError

"""An image with its edits done, as it is shown and explained, and what live edits score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.lazy.numpy import np
from engine.records.edits import Edits
from engine.records.images import LoadedImage
from gui.toolkit.imaging import Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class EditedImage:
    """What edits made of an image. original: what they were done to."""

    edits: Edits
    original: LoadedImage
    loaded: LoadedImage
    picture: Picture


@dataclass(frozen=True, slots=True, eq=False)
class LiveScores:
    """What the network says of an image while it is being edited.

    image: its key. logits, probabilities: of all classes, float64 (classes,); NaN where the network
    returns values. before: the same two of the image without its edits.
    """

    image: str
    edits: Edits
    logits: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    before: tuple[NDArray[np.float64], NDArray[np.float64]]

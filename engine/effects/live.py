"""The logits of an image while it is edited: for painting, dragging and sliders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.edits.apply import Masks, Others
from engine.edits.live import Editing
from engine.explain.scoring import Scorer
from engine.images.following import Following
from engine.model import Model
from engine.progress import CancelToken
from engine.records.edits import Edits
from engine.records.images import LoadedImage, Region


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One moment of the edits of an image.

    image: as edited. changed: what may differ from the moment before, in its pixels; None for all
    of it. logits: float64 (classes,).
    """

    image: LoadedImage
    changed: Region | None
    logits: NDArray[np.float64]


class LiveScores:
    """Follows the edits of one image with a network's logits. Not thread-safe.

    Each answer takes one forward pass by the network's own modules, besides editing and resizing,
    which are done for the changed part alone where the last edit is a stroke that grows, a shape or
    a piece that moves. masks, others: as in engine.edits.apply.edited. Of a deep image everything
    is prepared anew. Resizing a part may differ from resizing all by a grey level where Pillow
    rounds, so that the logits are those of what_if but for the last digits.
    """

    def __init__(
        self,
        model: Model,
        image: LoadedImage,
        *,
        masks: Masks | None = None,
        others: Others | None = None,
    ) -> None:
        self.model = model
        self._editing = Editing(image, masks=masks, others=others)
        self._following = Following(model.preprocessing)
        self._scorer = Scorer(model, exact=True)
        self._prepared: LoadedImage | None = None

    def seen(self, edits: Edits, cancel: CancelToken | None = None) -> Seen:
        """The image with the edits done, and what the network says of it.

        Raises what edited and Scorer.logits raise; the next call then begins anew where it has to.
        """
        before = self._prepared
        self._prepared = None
        image = self._editing.image_with(edits, cancel)
        changed = self._editing.changed
        prepared = self._following.prepare(image, None if before is None else changed)
        # What was prepared is known, even if the pass is cancelled.
        self._prepared = image
        return Seen(image, changed, self._scorer.of_input(prepared.tensor, cancel))

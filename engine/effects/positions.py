"""The score of a class by where a piece of another image is pasted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from torch import Tensor

from engine.edits.apply import Doing, Others, Picture, done
from engine.edits.boxes import Box
from engine.edits.pasting import laid_over, piece_of, place_of
from engine.edits.planes import Plane
from engine.effects.curves import numbers_of, target_of
from engine.effects.hottest import Hottests
from engine.errors import EditError
from engine.explain.scoring import Scorer
from engine.images.following import Following
from engine.model import Model
from engine.progress import CancelToken, Report, ignore_progress
from engine.records.edits import Edits, Paste
from engine.records.images import LoadedImage
from engine.records.workbench.what_if import Positions

CELLS = 16
"""Positions along the longer side of the image, where no number is given."""


def positions(
    model: Model,
    image: LoadedImage,
    edits: Edits,
    at: int,
    target: int | str | None = None,
    *,
    others: Others,
    cells: int = CELLS,
    exact: bool = False,
    cancel: CancelToken | None = None,
    progress: Report = ignore_progress,
) -> Positions:
    """The score for every position of what is pasted, with the edits before it done.

    at: which of edits.steps is pasted elsewhere, from 0; it is taken for switched on. Steps after
    it are left out. cells: positions along the longer side of the image; the other side has as many
    as make the cells about square. The centre of the piece lies at the centre of each cell, so that
    it sticks out at the edges. target: index or label; None for the class that is predicted
    without the piece. One forward pass for each position, several in a batch. Raises
    EditError if that step does not paste, and what what_if raises.
    """
    step = edits.steps[at]
    if not isinstance(step, Paste):
        raise EditError("positions are of a pasted part of another image; choose such an edit")
    scorer = Scorer(model, exact=exact)
    doing = Doing(Hottests(model, exact=exact, cancel=cancel), others, cancel)
    before = Picture.of(image)
    for each in edits.steps[:at]:
        before = done(before, each, doing) if each.on else before
    piece = piece_of(others(step.source, step.page), step)
    frame = before.frame
    longer = max(frame.width, frame.height)
    columns = max(1, round(cells * frame.width / longer))
    rows = max(1, round(cells * frame.height / longer))
    shown = target_of(scorer, before.image, target, cancel)
    result = Positions(shown, np.zeros((rows, columns)), None, frame.region)

    def inputs() -> Iterator[Tensor]:
        following = Following(model.preprocessing)
        following.prepare(before.image)
        last = Box(0, 0, 0, 0)
        for number in range(rows * columns):
            doing.check()
            progress(number / (rows * columns), "positions")
            corner = result.corner(*divmod(number, columns), (piece.shape[1], piece.shape[0]))
            picture, place = _laid(before, piece, replace(step, at=corner))
            both, last = place.around(last), place
            yield following.prepare(picture, both.region).tensor

    found = np.array(list(scorer.of_inputs(inputs(), cancel)))
    progress(1.0, "positions")
    logits, probabilities = numbers_of(model, found, shown.index)
    shape = (rows, columns)
    return Positions(
        shown,
        logits.reshape(shape),
        None if probabilities is None else probabilities.reshape(shape),
        frame.region,
    )


def _laid(before: Picture, piece: Plane, step: Paste) -> tuple[LoadedImage, Box]:
    plane = before.plane.copy()
    written = laid_over(plane, piece, place_of(piece, step, before.frame))
    return replace(before, plane=plane).image, written

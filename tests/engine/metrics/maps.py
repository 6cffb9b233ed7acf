"""Explanations with a map that was written down."""

from __future__ import annotations

import numpy as np

from engine.records.explanations import Explanation, Seconds, Verdict
from engine.records.images import Region
from engine.records.models import Prediction


def explained(
    map: object,
    method: str = "grad-cam",
    region: Region | None = None,
    verdict: Verdict = Verdict.OK,
    label: str = "star",
) -> Explanation:
    """A map over a region, by default the whole of an image of 10 pixels for each cell."""
    values = np.asarray(map, np.float32)
    rows, columns = values.shape
    return Explanation(
        "layer",
        Prediction(0, label, 2.0, 0.9),
        values,
        (1, rows, columns),
        None,
        region or Region(0, 0, 10 * columns, 10 * rows),
        "image.png",
        (10 * columns, 10 * rows),
        "model",
        "cpu",
        Seconds(0, 0),
        method=method,
        verdict=verdict,
        subject=label,
        number="logit 2.00",
    )

"""Stability: small changes of the image, undone in the map before it is compared."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engine.errors import LayerError
from engine.explain.answers.trials import Trials
from engine.images.preprocessing import as_seen, prepare
from engine.metrics.agreement import rank_correlation, sampled
from engine.metrics.table import find as row_of
from engine.progress import Report
from engine.records.explanations import Explanation, FloatMap
from engine.records.images import LoadedImage, Preprocessing
from engine.records.workbench.trust import Curve, TrustFigure, TrustSettings, measured, said

SHIFT = 1 / 16
"""Of the shorter side, to the right and down."""

SIGMA = 0.05
"""Deviation of the noise, as a part of the image's range."""

QUALITY = 50
"""Of JPEG."""

# Points along a side at which maps are compared, at least; a finer map at its own.
_POINTS = 64
_STABLE, _SHAKY = 0.9, 0.6


@dataclass(frozen=True, slots=True)
class Changed:
    """A changed image. right, down: how far its content moved, as parts of the sides. mirrored:
    whether it is mirrored left to right."""

    name: str
    image: Tensor
    right: float = 0.0
    down: float = 0.0
    mirrored: bool = False

    def agrees(self, before: FloatMap, after: FloatMap) -> float | None:
        """The rank correlation of the two maps once the change is undone, where both have values;
        None where one is constant."""
        rows, columns = (max(_POINTS, side) for side in before.shape)
        x = _centres(columns, 0.0, 1 - self.right)
        y = _centres(rows, 0.0, 1 - self.down)
        turned = after[:, ::-1] if self.mirrored else after
        return rank_correlation(
            sampled(before, x, y), sampled(turned, x + self.right, y + self.down)
        )


def changes_of(image: Tensor, how: Preprocessing, seed: int) -> tuple[Changed, ...]:
    """Shift, mirror, noise and JPEG of a network's input (C, h, w); without JPEG where the network
    has neither one nor three channels."""
    height, width = image.shape[1:]
    by = max(1, round(SHIFT * min(height, width)))
    span = float(image.max() - image.min())
    drawn = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    found = [
        Changed("shift", shifted(image, by, by), by / width, by / height),
        Changed("mirror", image.flip(-1), mirrored=True),
        Changed("noise", image + SIGMA * span * drawn.to(image)),
    ]
    if len(how.mean) in (1, 3):
        found.append(Changed("JPEG", as_jpeg(image, how)))
    return tuple(found)


def shifted(image: Tensor, right: int, down: int) -> Tensor:
    """Moved by whole pixels; the edge is repeated in the place that is left."""
    height, width = image.shape[1:]
    rows = (torch.arange(height, device=image.device) - down).clamp(0, height - 1)
    columns = (torch.arange(width, device=image.device) - right).clamp(0, width - 1)
    return image[:, rows][:, :, columns]


def as_jpeg(image: Tensor, how: Preprocessing) -> Tensor:
    """What the network would get of the same image saved as JPEG at its size."""
    file = io.BytesIO()
    Image.fromarray(as_seen(image, how)).save(file, "JPEG", quality=QUALITY)
    pixels = np.array(Image.open(file).convert("RGB"))
    same = Preprocessing(
        None,
        how.crop,
        how.mean,
        how.std,
        channels=how.channels,
        range=how.range,
    )
    return prepare(LoadedImage("JPEG", pixels), same).tensor[0].to(image)


def stability(
    trials: Trials,
    explanation: Explanation,
    how: Preprocessing,
    top: int,
    settings: TrustSettings,
    report: Report,
) -> TrustFigure:
    """The mean rank correlation over the changes that leave the prediction as it is.

    top: the predicted class of the image itself.
    """
    changes = changes_of(trials.image, how, settings.seed)
    tops = trials.tops(lambda: (one.image for one in changes), len(changes))
    kept = [one for one, found in zip(changes, tops, strict=True) if found == top]
    values: dict[str, float] = {}
    for number, one in enumerate(kept):
        try:
            map = trials.map_of(one.image, _part(report, number, len(kept)), mirrored=one.mirrored)
        except LayerError:
            continue
        agreed = one.agrees(explanation.map, map)
        if agreed is not None:
            values[one.name] = agreed
    left = [one.name for one in changes if one not in kept]
    return _figure(values, left)


def _figure(values: dict[str, float], left: list[str]) -> TrustFigure:
    title = row_of("stability").title
    without = ""
    if left:
        without = f" Left out, because the prediction changes: {', '.join(left)}."
    if not values:
        return TrustFigure(
            "stability", title, None, f"No change leaves something to compare.{without}"
        )
    found = list(values.values())
    mean = float(np.mean(found))
    spread = float(np.std(found, ddof=1)) if len(found) > 1 else None
    weakest = min(values, key=lambda name: values[name])
    kind = "stable" if mean >= _STABLE else "fairly stable" if mean >= _SHAKY else "unstable"
    found_words = said(mean) if spread is None else measured(mean, spread)
    verdict = (
        f"The map is {kind} under small changes: rank correlation {found_words}, lowest "
        f"under {weakest} ({said(values[weakest])}).{without}"
    )
    bars = Curve(
        "this map",
        "rank correlation",
        tuple(map(float, range(len(found)))),
        tuple(found),
        tuple(values),
    )
    return TrustFigure(
        "stability", title, mean, verdict, spread, curves=(bars,), unit="rank correlation"
    )


def _centres(count: int, low: float, high: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The centres of so many equal parts of 0 to 1 that lie in low to high."""
    centres = (np.arange(count) + 0.5) / count
    return np.asarray(centres[(centres >= low) & (centres <= high)])


def _part(report: Report, number: int, total: int) -> Report:
    return lambda done, text: report((number + done) / total, text)

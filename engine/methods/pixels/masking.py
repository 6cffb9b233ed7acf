"""Maps from the scores of masked images: nothing but forward passes, whatever the network is.

Notation: x the preprocessed input (C, h, w), y the class's score, r an image without content that
fills what is masked. Every function takes a PixelInput and returns a signed MethodMap of (h, w);
`anything` is False where no mask changes the score.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from engine.errors import MethodError
from engine.methods.blocks import widest
from engine.methods.inputs import MethodMap
from engine.methods.pixels.expected import window_places, window_size
from engine.methods.pixels.inputs import Passes, PixelInput

_ROUNDING = 1e-6


def occlusion(given: PixelInput) -> MethodMap:
    """At each pixel, the mean of y(x) - y(x with the window filled) over the windows on it.

    Zeiler and Fergus 2014 (arXiv 1311.2901), section 4.2, with the drop of the score in place of
    the score. Windows are squares, a stride apart, the last of a row at the edge, so that every
    pixel is under at least one. Signed: positive where hiding lowers the score. A forward pass for
    each window.

    Raises MethodError for a window larger than the image, or a stride larger than the window.
    """
    passes, fill = _asked(given)
    x = given.image
    rows, columns = int(x.shape[1]), int(x.shape[2])
    side, step = window_size(given.options, rows, columns)
    if side > min(rows, columns):
        raise MethodError(
            f"occlusion: the window is at most {min(rows, columns)}, the input's shorter side, "
            f"not {side}"
        )
    if step > side:
        raise MethodError(f"occlusion: the stride is at most {side}, the window, not {step}")
    places = list(window_places(rows, columns, side, step))

    def hidden() -> Iterator[Tensor]:
        for top, left in places:
            masked = x.clone()
            here = (slice(None), slice(top, top + side), slice(left, left + side))
            masked[here] = fill[here]
            yield masked

    # Accumulated on the CPU, like the scores: thousands of windows are a few additions each.
    summed = torch.zeros((rows, columns), dtype=torch.float64)
    covered = torch.zeros_like(summed)
    waiting = iter(places)
    known = [given.score]
    for scores in passes.scores(hidden()):
        for score in scores.tolist():
            known.append(score)
            top, left = next(waiting)
            summed[top : top + side, left : left + side] += given.score - score
            covered[top : top + side, left : left + side] += 1
    found = summed / covered
    return MethodMap(found.float(), torch.tensor(_differ(known)))


def rise(given: PixelInput) -> MethodMap:
    """(1 / (N p)) sum over masks of (y(x * m + r * (1 - m)) - mean of y) * m.

    Petsiuk et al. 2018 (arXiv 1806.07421), equation 6, with the score's mean over the masks
    removed: without that, the map shows how often a pixel happened to be visible. Each of the N
    masks is a random grid whose cells are visible with probability p, enlarged linearly and shifted
    at random within a cell, as in the paper; the seed decides on them, whatever the device. Signed.
    N forward passes.
    """
    passes, fill = _asked(given)
    x = given.image
    count, probability = int(str(given.options["masks"])), float(str(given.options["probability"]))
    kind = widest(x.device)
    weighted = torch.zeros(x.shape[1:], dtype=kind, device=x.device)
    seen = torch.zeros_like(weighted)
    masks: list[Tensor] = []

    def masked() -> Iterator[Tensor]:
        for mask in rise_masks(given, count):
            masks.append(mask)
            yield x * mask + fill * (1 - mask)

    known: list[float] = []
    for scores in passes.scores(masked()):
        stack = torch.stack(masks[: len(scores)]).to(kind)
        del masks[: len(scores)]
        known += scores.tolist()
        # Counted from the first one, of which nothing is left where all are equal.
        weighted += torch.einsum("n,nhw->hw", (scores - known[0]).to(stack), stack)
        seen += stack.sum(dim=0)
    mean = sum(score - known[0] for score in known) / count
    found = (weighted - mean * seen) / (count * probability)
    return MethodMap(found.float(), torch.tensor(_differ(known)))


def rise_masks(given: PixelInput, count: int) -> Iterator[Tensor]:
    """The masks of RISE, (h, w) each, from 0 (hidden) to 1, in the image's type."""
    x, options = given.image, given.options
    generator = torch.Generator().manual_seed(int(str(options["seed"])))
    cells, probability = int(str(options["grid"])), float(str(options["probability"]))
    rows, columns = int(x.shape[1]), int(x.shape[2])
    high, wide = -(-rows // cells), -(-columns // cells)
    size = ((cells + 1) * high, (cells + 1) * wide)
    for _ in range(count):
        grid = (torch.rand((1, 1, cells, cells), generator=generator) < probability).float()
        enlarged = functional.interpolate(grid, size, mode="bilinear", align_corners=False)[0, 0]
        enlarged.clamp_(0, 1)
        top = int(torch.randint(high, (), generator=generator))
        left = int(torch.randint(wide, (), generator=generator))
        yield enlarged[top : top + rows, left : left + columns].to(x)


def _differ(scores: list[float]) -> bool:
    """Whether scores differ by more than their rounding, which depends on the batch."""
    return max(scores) - min(scores) > _ROUNDING * max(map(abs, scores))


def _asked(given: PixelInput) -> tuple[Passes, Tensor]:
    if given.passes is None or given.reference is None:
        raise ValueError("the passes or the reference are missing")
    return given.passes, given.reference(str(given.options["fill"]))

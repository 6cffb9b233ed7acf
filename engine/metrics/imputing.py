"""What takes the place of hidden pixels: an image without content, or what surrounds them.

Images are (C, h, w), masks (h, w) with True where a pixel is known.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from engine.methods.pixels.gradients import without_content
from engine.progress import CancelToken
from engine.records.workbench.trust import Fill

NOISE = 0.01
"""Deviation of ROAD's noise, in units of the network's input, as in the authors' code."""

TOLERANCE = 1e-5
"""Largest residual of the linear imputation, as a part of the image's range."""

_SMALLEST = 8
_MOST_STEPS = 2000


class Filler:
    """Hides the unknown pixels of one image, as often as is asked for.

    noise: deviation of normal noise on linearly imputed pixels, drawn from the seed, mask by mask.
    """

    def __init__(
        self,
        image: Tensor,
        fill: Fill,
        cancel: CancelToken | None = None,
        *,
        noise: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._image, self._cancel, self._noise = image, cancel, noise
        self._generator = torch.Generator().manual_seed(seed)
        plain = Fill.MEAN if fill is Fill.LINEAR else fill
        self._plain = without_content(image, plain.value)
        self._linear = fill is Fill.LINEAR

    def __call__(self, known: Tensor) -> Tensor:
        """(C, h, w): the image with what is not known filled. Raises Cancelled."""
        if self._cancel is not None:
            self._cancel.raise_if_cancelled()
        if not self._linear or not bool(known.any()):
            # Where nothing is known, there is nothing to impute from.
            return torch.where(known, self._image, self._plain)
        found = imputed(self._image, known, self._cancel)
        if self._noise:
            drawn = torch.randn(found.shape, generator=self._generator).to(found)
            found = torch.where(known, found, found + self._noise * drawn)
        return found


def imputed(
    image: Tensor,
    known: Tensor,
    cancel: CancelToken | None = None,
    *,
    tolerance: float = TOLERANCE,
) -> Tensor:
    """Each unknown pixel as the weighted mean of its eight neighbours, known or not.

    The linear imputation of Rong et al. 2022 (arXiv 2202.00449), section 4.2: direct neighbours
    weigh 1/6, diagonal ones 1/12, and pixels beyond the edge nothing. The system is sparse and
    symmetric, and solved by conjugate gradients that start at the solution of a coarser image. At
    least one pixel must be known. Raises Cancelled.
    """
    span = float(image.max() - image.min())
    if span == 0 or bool(known.all()):
        return image.clone()
    # In a network of 16-bit numbers, the residual would never become so small.
    values = image if image.dtype == torch.float64 else image.float()
    start = _from_coarser(values, known, cancel, tolerance * span)
    return _solved(values, known, start, cancel, tolerance * span).to(image)


def _from_coarser(image: Tensor, known: Tensor, cancel: CancelToken | None, least: float) -> Tensor:
    """A guess: the solution at half the size, enlarged."""
    height, width = known.shape
    weights = known.to(image)
    if min(height, width) <= _SMALLEST:
        mean = (image * weights).sum(dim=(1, 2)) / weights.sum()
        return mean[:, None, None].expand_as(image)
    share = _halved(weights[None])
    coarse = _halved(image * weights) / share.clamp(min=1e-6)
    there = share[0] > 0
    if not bool(there.all()):
        guess = _from_coarser(coarse, there, cancel, least)
        coarse = _solved(coarse, there, guess, cancel, least)
    fine = functional.interpolate(coarse[None], (height, width), mode="bilinear")
    return fine[0]


def _halved(image: Tensor) -> Tensor:
    """The mean of each two by two pixels, at an odd edge of those that there are."""
    return functional.avg_pool2d(image[None], 2, ceil_mode=True, count_include_pad=False)[0]


def _solved(
    image: Tensor, known: Tensor, start: Tensor, cancel: CancelToken | None, least: float
) -> Tensor:
    """Conjugate gradients, all channels at once, with the weights' sum as preconditioner."""
    wanted = (~known).to(image)
    degree = _neighbours(torch.ones_like(image[:1]))

    def applied(values: Tensor) -> Tensor:
        return wanted * (degree * values - _neighbours(values))

    x = wanted * start
    r = wanted * _neighbours(image * known.to(image)) - applied(x)
    z = r / degree
    p, size = z, (r * z).sum(dim=(1, 2), keepdim=True)
    for _ in range(_MOST_STEPS):
        if cancel is not None:
            cancel.raise_if_cancelled()
        if float(r.abs().max()) <= least:
            break
        ap = applied(p)
        # A channel that is solved already has nothing to divide by.
        step = size / (p * ap).sum(dim=(1, 2), keepdim=True).clamp(min=1e-30)
        x, r = x + step * p, r - step * ap
        z = r / degree
        former, size = size, (r * z).sum(dim=(1, 2), keepdim=True)
        p = z + size / former.clamp(min=1e-30) * p
    return torch.where(known, image, x)


def _neighbours(values: Tensor) -> Tensor:
    """The weighted sum over the eight neighbours of each pixel; nothing beyond the edge.

    The weights are those of (1, 2, 1) along both sides, over 12, without the pixel itself. Sums of
    slices: a convolution of one channel starts threads for each of many small images.
    """
    down = 2 * values
    down[:, 1:] += values[:, :-1]
    down[:, :-1] += values[:, 1:]
    found = 2 * down
    found[..., 1:] += down[..., :-1]
    found[..., :-1] += down[..., 1:]
    return found.sub_(values, alpha=4).div_(12)

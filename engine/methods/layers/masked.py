"""Maps of a layer from the scores of masked images, or of the layer without one of its channels.

Notation: A the activation (C, h, w), x the preprocessed input, y the score that is explained, p the
same where it is, as by default, a probability. Every function takes a MethodInput with passes and
returns a signed MethodMap; `anything` is False where no channel has a say: all are constant or
zero, or no weight is other than zero. A network whose output has no probabilities is weighed by its
score, and the map says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from engine.methods.blocks import cells_of, channel_blocks, widest
from engine.methods.components import smoothed
from engine.methods.inputs import LayerPasses, MethodInput, MethodMap
from engine.methods.layers.noise import seeded

NO_PROBABILITIES = "The output has no probabilities: its value itself weighs the channels."
"""What is said where the score stands in for the probability."""


def score_cam(given: MethodInput) -> MethodMap:
    """Sum over k of w_k A_k, where w_k = p(x * m_k) and m_k is channel k as a mask.

    Wang et al. 2020 (arXiv 1910.01279), as in the authors' code: the channel is enlarged to the
    input linearly, then scaled to the range from 0 to 1, and multiplies the preprocessed input,
    whose 0 is the mean colour. With the option softmax, the weights are the softmax over channels
    of these probabilities, as the paper's equation says; they are then nearly equal. A channel that
    is constant is no mask, and is left out. At most C forward passes.
    """
    return _weighed(given, lambda mask: iter((mask,)), 1)


def ss_cam(given: MethodInput) -> MethodMap:
    """Score-CAM with w_k the mean of p(x * m) over n noisy masks m of channel k.

    Wang et al. 2020 (arXiv 2006.14255). The noise is normal, of deviation sigma (the mask's own
    range is 1), added to the enlarged mask, which is then scaled to the range from 0 to 1 again, so
    that the masked image keeps within the input's range. It is drawn from the seed, channel by
    channel. With sigma 0 and n 1 it is Score-CAM. At most n C forward passes.
    """
    generator, sigma, count = seeded(given), given.number("sigma"), given.whole("n")

    def masks(mask: Tensor) -> Iterator[Tensor]:
        for _ in range(count):
            yield _scaled(mask + sigma * torch.randn(mask.shape, generator=generator).to(mask))

    return _weighed(given, masks, count)


def is_cam(given: MethodInput) -> MethodMap:
    """Score-CAM with w_k the mean of p(x * m_k * i / n) over i from 1 to n.

    Naidu et al. 2020 (arXiv 2010.03023): the integral of the score on the way to the masked image.
    The ramp ends at the mask itself, so that the masked image keeps within the input's range. With
    n 1 it is Score-CAM. At most n C forward passes.
    """
    count = given.whole("n")

    def masks(mask: Tensor) -> Iterator[Tensor]:
        for step in range(1, count + 1):
            yield mask * (step / count)

    return _weighed(given, masks, count)


def ablation_cam(given: MethodInput) -> MethodMap:
    """Sum over k of w_k A_k, where w_k = y - y(channel k at zero).

    Desai and Ramaswamy 2020 (WACV), without their division by y: it turns every weight round where
    y is negative, and is otherwise only a scale. Zero is zero, on signed layers too. Of a sequence,
    the cells of the grid are put to zero, not the tokens before them. A channel that is zero
    already is left out. At most C passes, which start at the layer where the network allows it.
    """
    passes, score = _passes(given), given.score
    if score is None:
        raise ValueError("the score is missing")
    a = given.activation.detach()
    channels = a.flatten(1).any(dim=1).nonzero().flatten().tolist()

    def ablated() -> Iterator[Tensor]:
        for channel in channels:
            without = a.clone()
            without[channel] = 0
            yield without

    found = [score - part for part in passes.scores_from_layer(ablated())]
    return _summed(given, channels, torch.cat(found) if found else torch.zeros(0))


def _weighed(
    given: MethodInput, masks: Callable[[Tensor], Iterator[Tensor]], each: int
) -> MethodMap:
    """The sum of channels, each weighed by the mean probability under `each` masks made of it."""
    passes, image = _passes(given), given.image
    if image is None:
        raise ValueError("the image is missing")
    a = given.activation.detach()
    flat = a.flatten(1)
    channels = (flat.amax(dim=1) > flat.amin(dim=1)).nonzero().flatten().tolist()

    def masked() -> Iterator[Tensor]:
        for channel in channels:
            fine = functional.interpolate(
                a[channel][None, None].to(image.dtype),
                size=(int(image.shape[1]), int(image.shape[2])),
                mode="bilinear",
                align_corners=False,
            )
            for mask in masks(_scaled(fine[0, 0])):
                yield image * mask

    found = list(passes.scores(masked()))
    weights = torch.cat(found).view(-1, each).mean(dim=1) if found else torch.zeros(0)
    if given.options["softmax"] and len(weights):
        weights = weights.softmax(dim=0)
    said = () if given.probable else (NO_PROBABILITIES,)
    return replace(_summed(given, channels, weights), said=said)


def _summed(given: MethodInput, channels: list[int], weights: Tensor) -> MethodMap:
    """Sum over the given channels of weight times activation; weights: (n,) on the CPU."""
    activation = given.activation.detach()
    kind = widest(activation.device)
    full = torch.zeros(len(activation), dtype=kind)
    full[channels] = weights.to(kind)
    full = full.to(activation.device)
    if given.is_on("eigen"):
        weighted = activation * full.to(activation.dtype)[:, None, None]
        return MethodMap(smoothed(weighted), full.any())
    summed = torch.zeros(activation[0].numel(), dtype=kind, device=activation.device)
    for part in channel_blocks(activation):
        summed += torch.mv(cells_of(activation[part].to(kind)), full[part])
    return MethodMap(summed.view(activation.shape[1:]).float(), full.any())


def _passes(given: MethodInput) -> LayerPasses:
    if given.passes is None:
        raise ValueError("the passes are missing")
    return given.passes


def _scaled(mask: Tensor) -> Tensor:
    """Linearly to the range from 0 to 1; a constant one becomes zero."""
    low, high = mask.min(), mask.max()
    return (mask - low) / torch.where(high > low, high - low, 1.0)

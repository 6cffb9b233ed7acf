"""Maps of the input's own pixels, from gradients at the input.

Notation: x the preprocessed input (C, h, w), y the class's score, G = d y / d x. Every function
takes a PixelInput and returns a MethodMap of (h, w); `anything` is False where the map is zero for
want of anything to show. Computed in the widest type that the device has.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from engine.methods.blocks import widest
from engine.methods.inputs import MethodMap, Sums
from engine.methods.pixels.inputs import Passes, PixelInput

NO_RELU = "This network has no ReLU, so the guided gradient is the plain one."
"""What is said of a guided method in a network of other activations."""

# Of the shorter side: the deviation of the Gaussian that leaves no content.
_BLUR = 1 / 16


def saliency(given: PixelInput) -> MethodMap:
    """max over channels of abs(G). Simonyan et al. 2014 (arXiv 1312.6034), section 3.1.

    Zero or positive: how much the score moves with a pixel, in whichever direction. One forward and
    one backward pass.
    """
    gradient = _gradient(given)
    return _made(gradient.abs().amax(dim=0), gradient.any())


def grad_x_input(given: PixelInput) -> MethodMap:
    """sum over channels of x * G. Shrikumar et al. 2016 (arXiv 1605.01713), section 3.2.

    Signed. In a network of convolutions and ReLUs without biases it sums to the score. A pixel of
    value 0, mostly the mean colour of the training images, gets 0. One forward and one backward
    pass.
    """
    gradient = _gradient(given)
    return _made((given.image.to(gradient.dtype) * gradient).sum(dim=0), gradient.any())


def smoothgrad(given: PixelInput) -> MethodMap:
    """max over channels of abs(mean over n of G at x + noise). Smilkov et al. 2017 (1706.03825).

    The noise is normal, with a deviation of sigma times the input's range (largest minus smallest
    value), and drawn from the seed for one input after the other, whatever the batches. Zero or
    positive; with sigma 0 it is saliency. n forward and n backward passes.
    """
    passes, x = _passes(given), given.image
    count = _whole(given, "n")
    spread = _number(given, "sigma") * float(x.max() - x.min())
    generator = torch.Generator().manual_seed(_whole(given, "seed"))

    def noisy() -> Iterator[Tensor]:
        for _ in range(count):
            yield x + spread * torch.randn(x.shape, generator=generator).to(x)

    total = torch.zeros(x.shape, dtype=widest(x.device), device=x.device)
    for gradients in passes.gradients(noisy()):
        total += gradients.to(total.dtype).sum(dim=0)
    mean = total / count
    return _made(mean.abs().amax(dim=0), mean.any())


def integrated_gradients(given: PixelInput) -> MethodMap:
    """sum over channels of (x - x0) * mean over steps of G on the way from x0 to x.

    Sundararajan et al. 2017 (arXiv 1703.01365), equation 1. The integral is the sum over the
    midpoints of equal steps, which is exact where G does not change along a step, as in a linear
    network with a single one. Signed; the map sums to y(x) - y(x0) up to the error of the steps,
    which is told. As many forward and backward passes as steps, and a forward pass for x0.
    """
    passes, x = _passes(given), given.image
    start = _reference(given, str(given.options["baseline"]))
    steps = _whole(given, "steps")
    way = x - start

    def points() -> Iterator[Tensor]:
        for step in range(steps):
            yield start + (step + 0.5) / steps * way

    total = torch.zeros(x.shape, dtype=widest(x.device), device=x.device)
    for gradients in passes.gradients(points()):
        total += gradients.to(total.dtype).sum(dim=0)
    (low,) = next(iter(passes.scores([start]))).tolist()
    parts = (x.to(total.dtype) - start.to(total.dtype)) * total / steps
    found = parts.sum(dim=0)
    sums = Sums(float(found.sum()), given.score - low)
    return MethodMap(found.float(), total.any(), sums=sums)


def guided_backprop(given: PixelInput) -> MethodMap:
    """sum over channels of the guided gradient. Springenberg et al. 2015 (arXiv 1412.6806).

    At every ReLU the gradient passes only where it and the ReLU's input are positive. Signed. It
    reconstructs edges and hardly depends on the class (Adebayo et al. 2018, arXiv 1810.03292):
    edge detail, not evidence. One forward and one backward pass.
    """
    gradient = _gradient(given)
    return _made(gradient.sum(dim=0), gradient.any(), _guided_words(given))


def guided_grad_cam(given: PixelInput) -> MethodMap:
    """Guided backpropagation times the positive part of a layer's Grad-CAM.

    Selvaraju et al. 2017 (arXiv 1610.02391), section 3.2: the layer's map is enlarged linearly to
    the input's size, each cell's value at its centre. Signed where the guided gradient is; its fine
    structure is edge detail, not evidence. One forward and two backward passes.
    """
    if given.layer_map is None:
        raise ValueError("the layer's map is missing")
    gradient = _gradient(given)
    coarse = given.layer_map.to(gradient.dtype).clamp(min=0)[None, None]
    size = gradient.shape[1:]
    fine = functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)[0, 0]
    found = gradient.sum(dim=0) * fine
    return _made(found, gradient.any() & fine.any(), _guided_words(given))


def without_content(image: Tensor, name: str) -> Tensor:
    """An image (C, h, w) that replaces content: 'zero', 'mean' (of each channel) or 'blur'.

    blur: by a Gaussian whose deviation is a sixteenth of the shorter side.
    """
    if name == "zero":
        return torch.zeros_like(image)
    if name == "mean":
        return image.mean(dim=(1, 2), keepdim=True).expand_as(image)
    if name != "blur":
        raise ValueError(f"no image without content is called {name!r}")
    deviation = max(1.0, _BLUR * min(image.shape[1:]))
    reach = int(3 * deviation)
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float32, device=image.device)
    weights = torch.exp(-0.5 * (offsets / deviation) ** 2)
    weights = (weights / weights.sum()).to(image.dtype)
    wide = functional.pad(image[:, None], (reach,) * 4, mode="replicate")
    down = functional.conv2d(wide, weights[None, None, :, None])
    return functional.conv2d(down, weights[None, None, None, :])[:, 0]


def _guided_words(given: PixelInput) -> tuple[str, ...]:
    return () if given.relus else (NO_RELU,)


def _made(found: Tensor, anything: Tensor, said: tuple[str, ...] = ()) -> MethodMap:
    return MethodMap(found.float(), anything, said=said)


def _gradient(given: PixelInput) -> Tensor:
    if given.gradient is None:
        raise ValueError("the gradient is missing")
    return given.gradient.detach().to(widest(given.image.device))


def _passes(given: PixelInput) -> Passes:
    if given.passes is None:
        raise ValueError("the passes are missing")
    return given.passes


def _reference(given: PixelInput, name: str) -> Tensor:
    if given.reference is None:
        raise ValueError("the reference is missing")
    return given.reference(name)


def _whole(given: PixelInput, name: str) -> int:
    value = given.options[name]
    if not isinstance(value, int):
        raise TypeError(f"{name} is {value!r}")
    return value


def _number(given: PixelInput, name: str) -> float:
    value = given.options[name]
    if not isinstance(value, int | float):
        raise TypeError(f"{name} is {value!r}")
    return float(value)

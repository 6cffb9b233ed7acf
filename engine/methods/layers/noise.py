"""Noise that the option seed decides on, whatever the device and the batches."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from engine.methods.inputs import MethodInput


def noisy(given: MethodInput, count: int) -> Iterator[Tensor]:
    """The image `count` times, each with normal noise of deviation sigma times its range."""
    image = given.image
    if image is None:
        raise ValueError("the image is missing")
    spread = given.number("sigma") * float(image.max() - image.min())
    generator = seeded(given)
    for _ in range(count):
        yield image + spread * torch.randn(image.shape, generator=generator).to(image)


def seeded(given: MethodInput) -> torch.Generator:
    """A generator on the CPU that starts at the option seed."""
    return torch.Generator().manual_seed(given.whole("seed"))

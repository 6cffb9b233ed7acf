"""Networks whose maps and scores can be written down by hand."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from engine.model import Model
from engine.records.images import LoadedImage, Preprocessing

SIDE = 12
HOW = Preprocessing(None, (SIDE, SIDE), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


class Linear(nn.Module):
    """One matrix from the pixels to the logits."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.head = nn.Linear(3 * SIDE * SIDE, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(x.flatten(1))
        return logits

    def weights(self, target: int) -> np.ndarray:
        """float64 (3, SIDE, SIDE)."""
        rows = self.head.weight.detach().double().numpy()
        return np.asarray(rows[target]).reshape(3, SIDE, SIDE)


class Pointwise(nn.Module):
    """A convolution of single pixels, averaged over space: moved or mirrored, it sees the same."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, 8, 1)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.relu(self.mix(x)).mean(dim=(2, 3)))
        return logits


class Edges(nn.Module):
    """A fixed edge filter, of which nothing was learned, and a head that was."""

    def __init__(self) -> None:
        super().__init__()
        self.filter: Tensor
        self.register_buffer("filter", torch.tensor([[-1.0, 1.0], [-1.0, 1.0]])[None, None])
        self.edges = nn.Identity()
        self.head = nn.Linear(1, 3)

    def forward(self, x: Tensor) -> Tensor:
        found = torch.relu(nn.functional.conv2d(x.mean(dim=1, keepdim=True), self.filter))
        logits: Tensor = self.head(self.edges(found).mean(dim=(2, 3)))
        return logits


def model_of(module: nn.Module) -> Model:
    return Model(module, preprocessing=HOW)


def balanced(seed: int = 0) -> LoadedImage:
    """Noise of which each channel has the mean of black and white, to which HOW gives 0."""
    half = np.random.default_rng(seed).integers(0, 256, (SIDE // 2, SIDE, 3), dtype=np.uint8)
    return LoadedImage("noise.png", np.concatenate([half, 255 - half[::-1]]))


def seen(image: LoadedImage) -> np.ndarray:
    """float64 (3, SIDE, SIDE): what the network gets, by HOW, computed by hand."""
    return np.asarray(image.pixels.astype(np.float64).transpose(2, 0, 1) / 127.5 - 1)

"""Small networks of tokens, as the published kinds build theirs, each written out here anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

WIDTH = 10
PATCH = 4


class Block(nn.Module):
    """Attention written out, so that its inner modules are called: (1, heads, N, N) and more."""

    def __init__(self, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(WIDTH)
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.q_norm = nn.LayerNorm(WIDTH // heads)
        self.attn_drop = nn.Dropout(0.1)
        self.proj = nn.Linear(WIDTH, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 16), nn.GELU(), nn.Linear(16, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        q, k, v = (
            part(y).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        weights = self.attn_drop((self.q_norm(q) @ k.transpose(2, 3)).softmax(-1))
        x = x + self.proj((weights @ v).transpose(1, 2).flatten(2))
        return x + self.mlp(self.norm2(x))


class Tokens(nn.Module):
    """A vision transformer. prefix: class, distillation and register tokens before the grid.

    pool: 'first' reads the first token, 'two' the mean of two heads (distillation), 'mean' all
    cells. size: fixes (rows, columns) of the input by a position embedding, None takes any.
    """

    def __init__(
        self,
        prefix: int = 1,
        pool: str = "first",
        size: tuple[int, int] | None = (24, 32),
        classes: int = 4,
    ) -> None:
        super().__init__()
        self.prefix, self.pool = prefix, pool
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.special = nn.Parameter(torch.randn(1, prefix, WIDTH)) if prefix else None
        cells = size[0] // PATCH * (size[1] // PATCH) if size else 0
        self.position = nn.Parameter(torch.randn(1, prefix + cells, WIDTH)) if size else None
        self.drop = nn.Dropout(0.1)
        self.blocks = nn.Sequential(*(Block() for _ in range(3)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, classes)
        self.head_dist = nn.Linear(WIDTH, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        if self.special is not None:
            x = torch.cat([self.special.expand(len(x), -1, -1), x], dim=1)
        if self.position is not None:
            x = x + self.position
        x = self.norm(self.blocks(self.drop(x)))
        if self.pool == "two":
            return (self.head(x[:, 0]) + self.head_dist(x[:, 1])) / 2
        pooled = x[:, 0] if self.pool == "first" else x[:, self.prefix :].mean(dim=1)
        logits: Tensor = self.head(pooled)
        return logits


class SequenceFirst(Tokens):
    """Its blocks see (N, B, C), as older transformers do."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).permute(2, 0, 1)
        x = self.norm(nn.functional.gelu(self.drop(x)))
        logits: Tensor = self.head(x.mean(dim=0))
        return logits


class Library(nn.Module):
    """torch's own encoder layers, whose attention returns a tuple and which have a fast path."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.position = nn.Parameter(torch.randn(1, 49, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 16, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token, x], dim=1) + self.position
        logits: Tensor = self.head(self.encoder(x)[:, 0])
        return logits


@dataclass
class Stage:
    """What a stage returns; the tensor is not the first field."""

    size: tuple[int, int]
    hidden: Tensor


class Merging(nn.Module):
    """Four tokens become one; the grid's size travels beside the sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * WIDTH)
        self.reduction = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Stage:
        rows, columns = size
        x = x.unflatten(1, size)
        x = nn.functional.pad(x, (0, 0, 0, columns % 2, 0, rows % 2))
        parts = [x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)]
        merged = torch.cat(parts, dim=-1)
        size = (merged.shape[1], merged.shape[2])
        return Stage(size, self.reduction(self.norm(merged.flatten(1, 2))))


class Windows(nn.Module):
    """Attention within windows of 2 by 2 tokens: their batch is their number."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = Block()

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        rows, columns = size
        x = x.unflatten(1, (rows // 2, 2, columns)).unflatten(3, (columns // 2, 2))
        x = x.permute(0, 1, 3, 2, 4, 5)
        shape = x.shape
        x = self.inside(x.reshape(-1, 4, WIDTH)).reshape(shape)
        return x.permute(0, 1, 3, 2, 4, 5).reshape(1, rows * columns, WIDTH)


class Shifting(nn.Module):
    """The kind that keeps (B, L, C) between windows and merges patches. fixed: one size only."""

    def __init__(self, fixed: bool = False) -> None:
        super().__init__()
        self.fixed = fixed
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.norm_in = nn.LayerNorm(WIDTH)
        self.windows = Windows()
        self.merging = Merging()
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 16), nn.GELU(), nn.Linear(16, WIDTH))
        self.norm = nn.LayerNorm(WIDTH)
        self.pool = nn.AdaptiveAvgPool1d(1)
        self.head = nn.Linear(WIDTH, 4)

    def forward(self, x: Tensor) -> Tensor:
        if self.fixed and x.shape[2:] != (24, 32):
            raise ValueError("the picture has another size")
        x = self.patches(x)
        size = (x.shape[2], x.shape[3])
        x = self.windows(self.norm_in(x.flatten(2).transpose(1, 2)), size)
        x = self.merging(x, size).hidden
        x = self.norm(x + self.mlp(x))
        logits: Tensor = self.head(self.pool(x.transpose(1, 2)).flatten(1))
        return logits


class Mixing(nn.Module):
    """Mixes tokens by linear layers over (1, C, N), which are no sequences of tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.norm = nn.LayerNorm(WIDTH)
        self.across = nn.Sequential(nn.Linear(48, 20), nn.GELU(), nn.Linear(20, 48))
        self.head = nn.Linear(WIDTH, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.patches(x).flatten(2).transpose(1, 2))
        x = x + self.across(x.transpose(1, 2)).transpose(1, 2)
        logits: Tensor = self.head(x.mean(dim=1))
        return logits


class Unfolding(Tokens):
    """Makes its patches without a convolution: no grid is seen before the tokens."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.patches = nn.Identity()
        self.embed = nn.Linear(3 * PATCH * PATCH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(nn.functional.unfold(x, PATCH, stride=PATCH).transpose(1, 2))
        x = torch.cat([self.special, x], dim=1) + self.position
        logits: Tensor = self.head(self.norm(self.blocks(x))[:, 0])
        return logits

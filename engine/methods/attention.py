"""Maps of a whole network's attention: over all blocks, and so without a layer.

Notation: A the attention of one block, (heads, N, N), a row for each token that looks and a column
for each that is looked at; p of the N tokens (class, distillation, register) come first, the others
are the cells of a grid. Every function takes an AttentionInput and returns a MethodMap of the grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.methods.inputs import MethodMap

FROM_CLASS = "Read from the class token."
FROM_ALL = "Read from the mean of all cells, since the network reads no class token."


@dataclass(frozen=True, slots=True, eq=False)
class AttentionInput:
    """One image, for one class.

    blocks: for each block in order, what joined or relevance makes of its attention.
    prefix: p; grid: (rows, columns), with N = p + rows * columns.
    from_class: whether the network reads its first token, rather than the mean of the grid's.
    options: one value for each option of the method's row.
    """

    blocks: tuple[Tensor, ...]
    prefix: int
    grid: tuple[int, int]
    from_class: bool
    options: Mapping[str, object] = field(default_factory=dict)


def rollout(given: AttentionInput) -> MethodMap:
    """The row of the class token in the product of (A + I) / 2, each row scaled to the sum 1.

    Abnar and Zuidema 2020 (arXiv 2005.00928), section 3: A is the mean over heads, the latest block
    comes first in the product. Where the network reads no class token, the mean over the rows of
    the grid. Zero or positive; each row of the product sums to 1, of which the map is the grid's
    part. Class-blind. One forward pass.
    """
    total: Tensor | None = None
    for joint in given.blocks:
        kind = torch.float32 if joint.device.type == "mps" else torch.float64
        own = torch.eye(len(joint), dtype=kind, device=joint.device)
        step = (joint.to(kind) + own) / 2
        step = step / step.sum(dim=1, keepdim=True)
        total = step if total is None else step @ total
    if total is None:
        raise ValueError("there is no attention")
    rows = total[:1] if given.from_class else total[given.prefix :]
    said = FROM_CLASS if given.from_class else FROM_ALL
    return _on_grid(rows.mean(dim=0), given, said)


def legrad(given: AttentionInput) -> MethodMap:
    """Mean over blocks, heads and looking tokens of relu(d s / d A), at each token looked at.

    Bousselham et al. 2024 (arXiv 2404.03214), equations 6 to 8, without the final scaling; s is the
    class's score, as the option 'score' says: of the mean of each block's own tokens, passed
    through what follows the last block (the authors' definition), or the network's. Zero or
    positive. Two forward passes, a backward pass through the head, and one through each block.
    """
    if not given.blocks:
        raise ValueError("there is no attention")
    mean = torch.stack([block.float() for block in given.blocks]).mean(dim=0)
    return _on_grid(mean, given, "")


def joined(weights: Tensor) -> Tensor:
    """A block's (heads, N, N) as rollout needs it: (N, N), the mean over heads."""
    return weights.float().mean(dim=0)


def relevance(gradient: Tensor) -> Tensor:
    """A block's d s / d A, (heads, N, N), as legrad needs it: (N,)."""
    return gradient.float().clamp(min=0).mean(dim=(0, 1))


def _on_grid(row: Tensor, given: AttentionInput, said: str) -> MethodMap:
    found = row[given.prefix :].reshape(given.grid)
    return MethodMap(found.float(), found.any(), said=(said,) if said else ())

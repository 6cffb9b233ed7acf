"""What is derived for a class by a method that compares it with others, and which these are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from engine.methods.registry import Chosen, compared
from engine.passes.backward import Target

# Classes that are named; the others are counted.
_NAMED = 5


def target_of(how: Chosen, logits: NDArray[np.float64], index: int) -> Target:
    """What the method derives for a class: its logit, or a sum of logits (classes,)."""
    if not how.method.compared:
        return index
    indices, factors = zip(*compared(how, logits.tolist(), index), strict=True)

    def summed(found: Tensor) -> Tensor:
        rows = found[:, list(indices)]
        return (rows * rows.new_tensor(factors)).sum(dim=1)

    return summed


def words_of(
    how: Chosen, logits: NDArray[np.float64], index: int, labels: Sequence[str]
) -> tuple[str, ...]:
    """Which classes the method compares the class with, as a sentence; none for most methods."""
    if not how.method.compared:
        return ()
    others = [labels[i] for i, _ in compared(how, logits.tolist(), index)[1:]]
    rest = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return (f"Compared with {', '.join(others[:_NAMED])}{rest}.",)

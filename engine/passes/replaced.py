"""A forward pass in which the output of one call is replaced by another tensor."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.passes.cuts import uncut
from engine.passes.hooks import Call, evaluating, watching
from engine.passes.outputs import Reading
from engine.progress import CancelToken


def logits_from(
    module: nn.Module,
    image: Tensor,
    call: Call,
    outputs: Tensor,
    reading: Reading,
    cancel: CancelToken | None = None,
    *,
    cut: bool = False,
) -> tuple[Tensor, Tensor]:
    """What the rest of a network makes of other outputs of a call: (n, classes), and its leaf.

    image: (1, channels, h, w), for what comes before the call, without a graph. outputs: (n, ...),
    in place of what the call returns. The graph starts at the leaf, a copy of them.

    The module's parameters, modes and hooks are restored in any case. Raises RuntimeError where the
    network takes no batch there, or does not make the call; Cancelled.
    """
    met = False
    with torch.inference_mode(False):
        leaf: Tensor = torch.ops.aten.detach.default(outputs).requires_grad_()

    def visit(made: Call, _module: nn.Module, _output: Tensor) -> Tensor | None:
        nonlocal met
        if made != call:
            return None
        met = True
        torch.set_grad_enabled(True)
        return leaf.clone()

    with torch.inference_mode(False), torch.no_grad(), evaluating(module):
        with (
            watching(module, visit, cancel, {call[0]}),
            uncut(cut),
            reading.watching() as seen,
        ):
            output = module(image.clone())
        if not met:
            raise RuntimeError(f"{call[0]} is not called")
        with torch.enable_grad():
            return reading.logits(output, seen, len(outputs)), leaf

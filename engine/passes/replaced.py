"""Forward passes in which the output of one call is replaced by another tensor, or that end at a
call."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from engine.errors import HookscopeError, ModelError
from engine.passes.cuts import uncut
from engine.passes.hooks import Call, evaluating, watching
from engine.passes.memory.allocation import Bounded, TooLarge, limit_of
from engine.passes.outputs import Reading
from engine.progress import CancelToken


class _Reached(HookscopeError):
    """Ends a pass: the call has returned."""


def output_of(
    module: nn.Module,
    batch: Tensor,
    call: Call,
    cancel: CancelToken | None = None,
    *,
    given: tuple[Call, Tensor] | None = None,
    bounded: bool = False,
) -> Tensor:
    """What a call returns for a batch, (n, ...), without a graph; nothing after it is computed.

    batch: (n, channels, h, w). given: an earlier call, or the same, and what it returns instead.

    The module's parameters, modes and hooks are restored in any case. Raises RuntimeError where the
    call is not made, ModelError if a bounded pass needs too much memory; Cancelled.
    """
    found: list[Tensor] = []

    def visit(made: Call, _module: nn.Module, output: Tensor) -> Tensor | None:
        is_given = given is not None and made == given[0]
        if given is not None and is_given:
            output = given[1].clone()
        if made == call:
            found.append(output)
            raise _Reached("reached")
        return output if is_given else None

    names = {call[0]} | ({given[0][0]} if given is not None else set())
    limit = Bounded(limit_of(module, batch.device)) if bounded else nullcontext()
    try:
        with (
            torch.inference_mode(),
            evaluating(module),
            limit,
            watching(module, visit, cancel, names),
        ):
            module(batch.clone())
    except _Reached:
        return found[0]
    except TooLarge as error:
        raise ModelError(f"the network does not run: {error}") from error
    raise RuntimeError(f"{call[0]} is not called")


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

"""Maps of a whole network's attention: the driver of the family ATTENTION.

It finds the attention of every block in one pass, checks that it is between the tokens of one grid,
calls the method's function, and leaves the rest to the session.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge

from engine.errors import MethodError, TargetError
from engine.explain.asking import Asking
from engine.explain.kept_passes import Computation
from engine.explain.maps import RawMap, raw_of
from engine.inspection.facts import Inspection
from engine.inspection.spatial_axes import Axes
from engine.lazy.shapes import without_symbols
from engine.methods.attention import AttentionInput, joined, relevance
from engine.methods.registry import Chosen, Need, load_attention
from engine.passes.backward import ForwardPass
from engine.passes.below.attention import Attention
from engine.passes.below.polling import Polled
from engine.passes.hooks import NETWORK_ERRORS, Call, watching
from engine.passes.memory.budget import is_out_of_memory
from engine.passes.replaced import logits_from
from engine.progress import CancelToken, Report
from engine.records.models import Layout
from engine.targets.scores import LogitScore

_log = logging.getLogger(__name__)

_OTHER_SCORE = (
    "The blocks of this network cannot be told apart, so that the network's own score is used for "
    "all of them."
)

_OF_OUTPUT = (
    "The question is about a layer's output, so that this is the score of every block before it."
)


@dataclass(slots=True)
class Attended:
    """The attention of one block.

    joint: (N, N), the mean over heads; None where only the gradient is wanted. tokens: N.
    node: of the softmax in the autograd graph. before: how many calls of modules had ended.
    """

    joint: Tensor | None
    tokens: int
    node: object
    before: int


def map_attention(
    work: Computation,
    chosen: Chosen,
    asking: Asking,
    cancel: CancelToken | None,
    report: Report,
) -> RawMap:
    """A map on the grid of the tokens, (rows, columns), by a method of the family ATTENTION.

    Raises Cancelled, MethodError where the network's attention is not between the tokens of one
    grid, and TargetError for an output before the first attention.
    """
    title, facts = chosen.method.title, work.model.facts
    axes = facts.attention.axes
    if axes is None:
        raise MethodError(f"{title}: {facts.attention.reason}; choose another method")
    with_gradient = Need.ATTENTION_GRADIENT in chosen.method.needs
    found: list[Attended] = []
    ended: list[str] = []
    with Polled(cancel):
        with watched(work.model.module, found, ended, joint=not with_gradient):
            done: ForwardPass | None = None
            if with_gradient:
                # The blocks are known once they have run, so that every sequence is kept.
                done = work.own_pass(cancel, (*_sequences(facts), *asking.calls))
            else:
                work.plain_pass(cancel)
        started = time.perf_counter()
        said: tuple[str, ...] = ()
        if done is not None:
            own = dict(chosen.options)["score"] == "block"
            blocks, said = _relevances(
                work, done, found, ended, chosen, asking, own, cancel, report
            )
        else:
            blocks = tuple(seen.joint for seen in found if seen.joint is not None)
    del done
    given = AttentionInput(blocks, axes.prefix, axes.grid, reads_class(facts), dict(chosen.options))
    with torch.no_grad():
        made = load_attention(chosen.method)(given)
    raw = raw_of(made, lambda: time.perf_counter() - started)
    return RawMap(raw.map, raw.anything, (*said, *raw.said), raw.seconds)


@contextmanager
def watched(
    module: nn.Module, found: list[Attended], ended: list[str], *, joint: bool
) -> Iterator[None]:
    """Note every attention of a pass, and the modules whose calls end, in order."""

    def attend(weights: Tensor, node: object) -> None:
        rows, columns = weights.shape[-2:]
        if columns == 1:
            return
        heads = weights.detach().reshape(-1, rows, columns)
        found.append(Attended(joined(heads) if joint else None, rows, node, len(ended)))

    def visit(call: Call, _module: Any, _output: Tensor) -> None:
        ended.append(call[0])

    with watching(module, visit), Attention(attend):
        yield


def _is_grid(axes: Axes | None) -> bool:
    return axes is not None and axes.layout is Layout.TOKENS


def _sequences(facts: Inspection) -> tuple[Call, ...]:
    """The calls that return a sequence of their own."""
    return tuple(c for c, f in facts.calls.items() if _is_grid(f.axes) and f.source == c)


def reads_class(facts: Inspection) -> bool:
    """Whether the network reads a token before those of the grid: after it, theirs are dead."""
    return any(
        f.axes is not None and f.axes.prefix > 0 and f.varies and not f.reached
        for f in facts.calls.values()
    )


def _relevances(
    work: Computation,
    done: ForwardPass,
    found: list[Attended],
    ended: list[str],
    chosen: Chosen,
    asking: Asking,
    own: bool,
    cancel: CancelToken | None,
    report: Report,
) -> tuple[tuple[Tensor, ...], tuple[str, ...]]:
    """relevance of each block's attention, (N,) each, and what to say about it."""
    root, score = _root(done, chosen, asking)
    outputs = [root] * len(found)
    said: tuple[str, ...] = ()
    slopes: list[Tensor] | None = None
    if asking.call is not None:
        said = (_OF_OUTPUT,) if own else ()
    elif own:
        shapes = {call: tuple(kept.tensor.shape) for call, kept in done.kept.items()}
        calls = block_calls(work.model.facts, shapes, found, ended)
        slopes = _slopes(work, done, calls, score, cancel) if calls else None
        if slopes is None:
            said = (_OTHER_SCORE,)
        else:
            outputs = [done.kept[call].tensor for call in calls]
    if slopes is None:
        slopes = [_slope(root, score)] * len(found)
    made: list[Tensor] = []
    for place, (seen, output, slope) in enumerate(zip(found, outputs, slopes, strict=True)):
        gradient = _gradient(output, slope, seen)
        if gradient is not None:
            made.append(relevance(gradient))
        elif asking.call is None:
            # Blocks after an output that is asked about are none of its; these are of the network.
            made.append(torch.zeros(seen.tokens, device=output.device))
        report((place + 1) / len(found), "going through the blocks")
    if not made:
        raise TargetError(
            f"no attention comes before '{asking.layer}'; ask about a layer after the first "
            "attention, or choose another method"
        )
    return tuple(made), said


def _root(done: ForwardPass, chosen: Chosen, asking: Asking) -> tuple[Tensor, LogitScore]:
    """What the score is made of, (1, ...) on the graph, and the score."""
    asking.target(chosen, done)  # notes the number that is explained
    root = done.logits if asking.call is None else done.kept[asking.call].tensor
    return root, asking.of_batch()


def _gradient(output: Tensor, slope: Tensor, seen: Attended) -> Tensor | None:
    """d s / d A, (heads, N, N), from the slope d s / d output; None where A has no part."""
    node: Any = seen.node
    with torch.inference_mode(False), torch.enable_grad(), without_symbols():
        found: tuple[Tensor | None, ...] = torch.autograd.grad(
            output, [GradientEdge(node, 0)], slope, retain_graph=True, allow_unused=True
        )
    (gradient,) = found
    if gradient is None:
        return None
    return gradient.detach().reshape(-1, seen.tokens, seen.tokens)


def _slope(root: Tensor, score: LogitScore) -> Tensor:
    """d s / d root, of its shape."""
    with torch.inference_mode(False), torch.enable_grad():
        own = torch.ops.aten.detach.default(root).requires_grad_()
        (slope,) = torch.autograd.grad(score(own).sum(), [own])
    return slope


def block_calls(
    facts: Inspection,
    shapes: Mapping[Call, tuple[int, ...]],
    found: list[Attended],
    ended: list[str],
) -> tuple[Call, ...]:
    """The call that ends the block of each attention: encoder.layer.0, encoder.layer.1, ...; () if
    they cannot be told apart. shapes: of the outputs that may be it."""
    ways = [ended[seen.before].split(".") if seen.before < len(ended) else [] for seen in found]
    depth = 0
    while all(len(way) > depth for way in ways) and len({way[depth] for way in ways}) == 1:
        depth += 1
    if any(len(way) <= depth for way in ways):
        return ()
    names = [".".join(way[: depth + 1]) for way in ways]
    if len(set(names)) < len(names):
        return ()
    made = []
    for name, seen in zip(names, found, strict=True):
        last = facts.last(name)
        call = last.source if last is not None else ("", -1)
        if shapes.get(call, ())[:2] != (1, seen.tokens):
            return ()
        made.append(call)
    return tuple(made)


def _slopes(
    work: Computation,
    done: ForwardPass,
    calls: tuple[Call, ...],
    score: LogitScore,
    cancel: CancelToken | None,
) -> list[Tensor] | None:
    """d s / d tokens of each block, where what follows the last block makes s of their mean.

    As the authors do, the mean is that of all tokens, whichever of them the network itself reads.
    None where the rest of the network cannot take several sequences at once.
    """
    facts = work.model.facts
    with torch.inference_mode(False):
        own = torch.cat([done.kept[call].tensor.detach() for call in calls])
        # With the mean in every place, whatever is read of the sequence is made of it.
        tokens = own.mean(dim=1, keepdim=True).expand_as(own).contiguous()
    try:
        logits, leaf = logits_from(
            work.model.module,
            work.input,
            calls[-1],
            tokens,
            facts.reading,
            cancel,
            cut=facts.cut,
        )
    except NETWORK_ERRORS as error:
        if is_out_of_memory(error):
            raise
        _log.info("the blocks cannot be scored: %s", error)
        return None
    with torch.inference_mode(False), torch.enable_grad():
        (slopes,) = torch.autograd.grad(score(logits).sum(), [leaf])
        slopes = slopes.mean(dim=1, keepdim=True).expand_as(own)
    return [slopes[place : place + 1] for place in range(len(calls))]

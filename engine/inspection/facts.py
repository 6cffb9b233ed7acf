"""Analyses a forward pass on the meta device, without computing it.

A copy of the network on torch's meta device has shapes but no data. A pass through it shows how
often each module is called, the shape of each output, which modules return the same tensor, which
outputs a later in-place operation overwrites, and on which outputs the logits depend. A second pass
with a larger, oblong input shows which axes are spatial: those that grow with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from engine.errors import LayerError
from engine.inspection.attention import NO_ATTENTION, AttentionFacts, attention_of
from engine.inspection.flow import Flow, flow_of
from engine.inspection.pooled_head import averaged_before, is_space
from engine.inspection.spatial_axes import (
    Axes,
    SeenGrid,
    axes_by_choice,
    axes_by_growth,
    axes_by_kind,
    tokens_by_count,
    tokens_by_growth,
)
from engine.passes import outputs
from engine.passes.hooks import Call
from engine.passes.observation import Seen, observe_uncut, shapes_when
from engine.passes.outputs import Reading
from engine.reader import client
from engine.records.models import Layout, OutputForm

# Rows and columns grow by different factors, so that a transposed grid is detected.
_GROWTH = (2, 3)


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call of one module.

    shape: of its output, including the batch axis. bytes: size of the output.
    source: the first call that returned this tensor, unchanged since; often itself.
    overwritten: a later in-place operation changes the output.
    varies: the output depends on the image. reached: the logits depend on the output.
    derived: the output comes from pooling, or is another view of an earlier spatial output.
    axes: the spatial axes, None if the output has none.
    part: which part of a tuple or mapping the output is, as text; '' if it is the whole.
    refusal: why a token sequence is not supported; '' if it is.
    kind: the module's class name. weighted: it has a matrix or kernel of its own.
    pooled: the output is averaged over space and read by one linear layer, and no more.
    """

    call: Call
    shape: tuple[int, ...]
    bytes: int
    source: Call
    overwritten: bool
    varies: bool
    reached: bool
    derived: bool
    axes: Axes | None
    part: str = ""
    refusal: str = ""
    kind: str = ""
    weighted: bool = False
    pooled: bool = False


@dataclass(frozen=True, slots=True)
class Inspection:
    """All calls of one forward pass, in order, and how its output is read.

    flow: how the image's influence reaches the logits. carrier: where the last tokens lead nowhere,
    the norm through which all influence of the tokens before it leads; else None.
    input_shape: (1, channels, h, w). grids: the grids of the 4-D outputs, without duplicates.
    cut: the network's own code cuts off gradients (no_grad, detach); the facts describe a pass in
    which that is disabled.
    real: the network was run with data, so another image's memory needs are unknown.
    attention: whether it can be mapped.
    """

    calls: dict[Call, CallFacts]
    counts: dict[str, int]
    reading: Reading
    input_shape: tuple[int, ...]
    flow: Flow
    grids: tuple[SeenGrid, ...] = ()
    cut: bool = False
    real: bool = False
    carrier: Call | None = None
    attention: AttentionFacts = NO_ATTENTION

    @property
    def classes(self) -> int:
        return self.reading.classes

    def last(self, name: str) -> CallFacts | None:
        """The last call of the module, None if it returned no tensor or was not called."""
        return self.calls.get((name, self.counts.get(name, 0) - 1))

    @property
    def largest(self) -> int:
        """Bytes of the largest output of a module."""
        return max((facts.bytes for facts in self.calls.values()), default=0)

    def overwritten(self) -> frozenset[Call]:
        return frozenset(call for call, facts in self.calls.items() if facts.overwritten)


def inspect(
    module: nn.Module,
    input_shape: tuple[int, ...],
    device: torch.device,
    wanted: OutputForm | str | None = None,
    names: int = 0,
) -> Inspection:
    """Analyse a forward pass of an input of shape (1, channels, h, w).

    wanted: the output to explain, or only its place, if chosen by the user. names: number of known
    class names, 0 for none.
    The module's parameters, modes and hooks are left unchanged. Raises ModelError if a pass fails,
    or if the network returns no row of logits (or not the wanted one).
    """
    pass_ = observe_uncut(module, input_shape, device)
    seen = pass_.seen
    reading = outputs.find(pass_.output, pass_.endings, wanted, names)
    # Independent of the caller's mode: dependencies of the logits are read from their graph.
    with torch.inference_mode(False), torch.enable_grad():
        logits = reading.logits(pass_.output, pass_.endings)
    grown = (*input_shape[:2], input_shape[2] * _GROWTH[0], input_shape[3] * _GROWTH[1])
    space = _Space(input_shape, shapes_when(module, grown))
    reached = _nodes_before(logits.grad_fn)
    averaged = averaged_before(logits.grad_fn)
    found = space.axes_of(seen)
    calls: dict[Call, CallFacts] = {}
    spatial_bases: set[int] = set()
    for item in seen:
        client.raise_if_late()
        axes = found[item.call]
        if item.source in calls:
            derived = calls[item.source].derived
        else:
            derived = item.base in spatial_bases or "Pool" in type(item.module).__name__
        if axes is not None:
            spatial_bases.add(item.base)
        calls[item.call] = CallFacts(
            call=item.call,
            shape=item.shape,
            bytes=item.tensor.numel() * item.tensor.element_size(),
            source=item.source,
            overwritten=item.tensor._version != item.version,
            varies=item.node is not None,
            reached=item.node in reached,
            derived=derived,
            axes=axes,
            part=item.part,
            refusal="" if axes is not None else space.refusal(item),
            kind=type(item.module).__name__,
            weighted=any(p.ndim > 1 for p in item.module.parameters(recurse=False)),
            pooled=item.node in averaged and is_space(averaged[item.node], axes),
        )
    counts: dict[str, int] = {}
    for name, index in calls:
        counts[name] = max(counts.get(name, 0), index + 1)
    own = {item.call: item.node for item in seen if item.source == item.call and item.node}
    return Inspection(
        calls,
        counts,
        reading,
        input_shape,
        flow=flow_of(logits.grad_fn, pass_.entry, own),
        grids=tuple(space.grids.values()),
        cut=pass_.cut,
        real=pass_.real,
        attention=attention_of(pass_.attention, ((c.shape, c.axes) for c in calls.values())),
    )


@dataclass(slots=True)
class _Space:
    """Determines the spatial axes of each output.

    larger: the outputs' shapes for the larger input, empty if the network's input size is fixed.
    grids: those of the 4-D outputs so far, the latest last. tokens: lengths of the sequences that
    have a grid.
    """

    input_shape: tuple[int, ...]
    larger: dict[Call, tuple[int, ...]]
    grids: dict[tuple[int, ...], SeenGrid] = field(default_factory=dict)
    tokens: set[int] = field(default_factory=set)

    def axes_of(self, seen: list[Seen]) -> dict[Call, Axes | None]:
        """The axes of every output of one pass, in its order."""
        found: dict[Call, Axes | None] = {}
        by_shape: dict[tuple[int, ...], Axes] = {}
        for item in seen:
            client.raise_if_late()
            axes = self._axes(item, found, by_shape)
            found[item.call] = axes
            if axes is not None:
                by_shape[item.shape] = axes
                self._remember(item, axes)
        return found

    def refusal(self, item: Seen) -> str:
        """Why an existing token sequence is not supported."""
        shape = item.shape
        if len(shape) == 3 and shape[1] == 1 and shape[0] > 1 and self._tokens((1, shape[0], 2)):
            sizes = " × ".join(str(n) for n in shape)
            return f"the token axis precedes the batch axis ({sizes}), which is not supported"
        return ""

    def _axes(
        self,
        item: Seen,
        found: dict[Call, Axes | None],
        by_shape: dict[tuple[int, ...], Axes],
    ) -> Axes | None:
        bigger = self.larger.get(item.call)
        size = (self.input_shape[2], self.input_shape[3])
        if bigger is not None:
            axes = axes_by_growth(item.shape, bigger) or tokens_by_growth(
                item.shape, bigger, size, tuple(self.grids.values()), _GROWTH
            )
            if axes is not None or bigger != item.shape:
                return axes
        # The shape is no evidence: the network or the grid has a fixed size.
        if item.source in found:
            return found[item.source]
        grids = tuple(self.grids.values())
        if len(item.shape) == 3:
            if bigger is None:
                return self._tokens(item.shape)
            # Some networks resize the image internally, so that nothing grows.
            constant = tuple(seen for seen in grids if seen.larger == seen.grid)
            return tokens_by_count(item.shape, size, constant) if constant else None
        neighbour = by_shape.get(item.shape)
        return axes_by_kind(
            item.module, item.shape, self.input_shape, neighbour, self.tokens, grids
        )

    def _tokens(self, shape: tuple[int, ...]) -> Axes | None:
        size = (self.input_shape[2], self.input_shape[3])
        return tokens_by_count(shape, size, tuple(self.grids.values()))

    def _remember(self, item: Seen, axes: Axes) -> None:
        if axes.layout is Layout.TOKENS:
            self.tokens.add(item.shape[1])
            return
        bigger = self.larger.get(item.call)
        larger = None
        if bigger is not None:
            rows = 2 if axes.layout is Layout.CHANNELS_FIRST else 1
            larger = (bigger[rows], bigger[rows + 1])
        key = (*axes.grid, *(larger or ()))
        self.grids.pop(key, None)
        self.grids[key] = SeenGrid(axes.grid, larger)


def with_layouts(facts: Inspection, layouts: Mapping[str, Layout]) -> Inspection:
    """The facts with layouts that the user has set for layers, by name.

    A tensor returned by several modules has the same layout for all of them.
    Raises LayerError for a layer that is not called, or whose output cannot have that layout.
    """
    calls = dict(facts.calls)
    size = (facts.input_shape[2], facts.input_shape[3])
    for name, layout in layouts.items():
        own = [call for call in facts.calls if call[0] == name]
        if not own:
            raise LayerError(
                f"there is no layer '{name}' to set the layout '{layout}' for; "
                "see the list of layers"
            )
        sources = {facts.calls[call].source for call in own}
        for call, known in facts.calls.items():
            if known.source in sources:
                axes = axes_by_choice(layout, known.shape, size, facts.grids)
                if axes is None:
                    shape = " × ".join(str(n) for n in known.shape)
                    raise LayerError(
                        f"the output of layer '{name}' ({shape}) cannot be read as '{layout}'; "
                        "choose another layout for it"
                    )
                calls[call] = replace(known, axes=axes, refusal="")
    return replace(facts, calls=calls)


def _nodes_before(root: object) -> set[object]:
    """Every node of the autograd graph that the root depends on."""
    found: set[object] = set()
    open_nodes = [root] if root is not None else []
    while open_nodes:
        node = open_nodes.pop()
        if node in found:
            continue
        found.add(node)
        open_nodes += [parent for parent, _ in node.next_functions if parent is not None]  # type: ignore[attr-defined]
    return found

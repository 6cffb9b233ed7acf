"""Builds the layer tree: names, which layers can be explained and why not, addresses."""

from __future__ import annotations

import difflib

from torch import nn
from torch.jit import ScriptModule

from engine.errors import LayerError
from engine.inspection.default_layer import default_layer, score_map
from engine.inspection.facts import Inspection
from engine.inspection.influence import influences
from engine.inspection.reasons import reason_against
from engine.passes.hooks import Call
from engine.records.models import LayerNode

_SCRIPTED = "part of a TorchScript program, which supports no hooks"


def layer_nodes(module: nn.Module, facts: Inspection) -> tuple[LayerNode, ...]:
    """One LayerNode for every named module except the network itself, in tree order."""
    chosen = default_layer(facts)
    scores = score_map(facts)
    changed = influences(facts)
    places = {call: place for place, call in enumerate(facts.calls)}
    nodes = []
    for name, inner in module.named_modules():
        if not name:
            continue
        last = facts.last(name)
        reason = _SCRIPTED if isinstance(inner, ScriptModule) else reason_against(last)
        nodes.append(
            LayerNode(
                name=name,
                type=type(inner).__name__,
                shape=last.shape[1:] if last else None,
                params=sum(p.numel() for p in inner.parameters()),
                calls=facts.counts.get(name, 0),
                explainable=not reason,
                reason=reason,
                default=name == chosen.name,
                branches=chosen.branches if name == chosen.name else 1,
                layout=last.axes.layout if last and last.axes and not reason else None,
                grid=last.axes.grid if last and last.axes and not reason else None,
                output=last.part if last else "",
                pooled=last.pooled if last else False,
                place=places[last.source] if last else 0,
                influences=changed[last.source] if last else 0,
                scored=last is not None and last.call == scores,
            )
        )
    return tuple(nodes)


LAST_CONVOLUTION = "last convolution"
"""Address of the layer that last_convolution finds, accepted in place of a layer name."""


def last_convolution(module: nn.Module, facts: Inspection) -> str:
    """Name of the last explainable Conv2d called in the forward pass; '' if there is none.

    For ResNet18 it is layer4.1.conv2.
    """
    parts = dict(module.named_modules())
    names = [
        call[0]
        for call, known in facts.calls.items()
        if isinstance(parts.get(call[0]), nn.Conv2d) and not reason_against(known)
    ]
    return names[-1] if names else ""


def parse_layer(text: str, facts: Inspection, names: tuple[str, ...]) -> Call:
    """The call that 'NAME' (its last call) or 'NAME#k' addresses.

    Raises LayerError for an unknown name (with the nearest ones), for a call that does not
    exist, and for a layer that cannot be explained (with the reason).
    """
    name, _, number = text.partition("#")
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        hint = (
            f"; did you mean {' or '.join(near)}?" if near else "; the command 'layers' lists all"
        )
        raise LayerError(f"there is no layer '{name}'{hint}")
    count = facts.counts.get(name, 0)
    if "#" in text and not (number.isdecimal() and int(number) < count):
        calls = f"choose a call from 0 to {count - 1}" if count else "it is never called"
        raise LayerError(f"layer '{name}' has no call '#{number}'; {calls}")
    call = (name, int(number) if number else count - 1)
    reason = reason_against(facts.calls.get(call))
    if reason:
        raise LayerError(f"layer '{text}' cannot be explained: {reason}; choose another layer")
    return call

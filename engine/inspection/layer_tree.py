"""Builds the layer tree: names, which layers can be explained, and the default layer."""

from __future__ import annotations

import difflib

from torch import nn
from torch.jit import ScriptModule

from engine.errors import LayerError
from engine.inspection.facts import CallFacts, Inspection
from engine.passes.hooks import Call
from engine.passes.outputs import Reading
from engine.records.models import LayerNode, Layout

_SCRIPTED = "part of a TorchScript program, which supports no hooks"


def layer_nodes(module: nn.Module, facts: Inspection) -> tuple[LayerNode, ...]:
    """One LayerNode for every named module except the network itself, in tree order."""
    default = default_layer(facts)
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
                default=name == default,
                layout=last.axes.layout if last and last.axes and not reason else None,
                grid=last.axes.grid if last and last.axes and not reason else None,
                output=last.part if last else "",
            )
        )
    return tuple(nodes)


def reason_against(facts: CallFacts | None) -> str:
    """Why an output cannot be explained, as text; '' if it can."""
    if facts is None:
        return "not called in the forward pass, or returns no tensor"
    if facts.refusal:
        return facts.refusal
    if not facts.varies:
        return "does not depend on the image"
    if facts.axes is None:
        shape = " × ".join(str(n) for n in facts.shape[1:])
        return f"no spatial output ({shape})"
    if facts.axes.grid[0] * facts.axes.grid[1] < 2:
        return "no spatial output (1 × 1)"
    if not facts.reached:
        return "no gradient reaches it"
    return ""


def default_layer(facts: Inspection) -> str:
    """The layer explained by default; '' if the network has no explainable layer.

    It is the last spatial output before the head that is not the result of pooling, a mere view of
    another output, or a map of class scores, since those add nothing or show too little.
    If the last token sequences affect nothing, or an attention pools them, it is the normalised
    input of that attention (the ViT's last ln_1), not its projections.
    If several modules return it, the outermost gives the name (resnet's layer4, not
    layer4.2.relu), and a module that returns only this tensor takes precedence.
    """
    explainable = [c for c in facts.calls.values() if not reason_against(c)]
    features = [c for c in explainable if not c.derived and not _is_score_map(c, facts.reading)]
    candidates = features or explainable
    if not candidates:
        return ""
    chosen = candidates[-1].source
    projected = _is_tokens(facts.calls[chosen]) and facts.calls[chosen].kind == "Linear"
    if projected or any(_leads_nowhere(c) for c in facts.calls.values()):
        norms = [c for c in candidates if _is_tokens(c) and "norm" in c.kind.lower()]
        chosen = norms[-1].source if norms and _is_tokens(candidates[-1]) else chosen
    names = [
        (bool(c.part), name.count("."), place, name)
        for place, ((name, index), c) in enumerate(facts.calls.items())
        if c.source == chosen and index == facts.counts[name] - 1
    ]
    return min(names)[-1] if names else chosen[0]


def _is_tokens(facts: CallFacts) -> bool:
    return facts.axes is not None and facts.axes.layout is Layout.TOKENS


def _leads_nowhere(facts: CallFacts) -> bool:
    return _is_tokens(facts) and facts.varies and not facts.reached


def _is_score_map(facts: CallFacts, reading: Reading) -> bool:
    if facts.axes is None or reading.classes < 2 or _is_tokens(facts):
        return False
    return facts.shape[1] == reading.width


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
        hint = f"; did you mean {' or '.join(near)}?" if near else "; see the list of layers"
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

"""What a script has to know of a network's attention, found out by running the network once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from engine.errors import MethodError
from engine.explain.drivers.attention_maps import Attended, block_calls, reads_class, watched
from engine.methods.registry import Chosen
from engine.model import Model
from engine.passes.hooks import NETWORK_ERRORS, Call, evaluating
from engine.passes.replaced import logits_from
from engine.scripting.recipe import Attending, NoScript

_aten = torch.ops.aten
_SPELLED: dict[Any, str] = {
    functional.multi_head_attention_forward: "functional.multi_head_attention_forward",
    functional.scaled_dot_product_attention: "functional.scaled_dot_product_attention",
    _aten.scaled_dot_product_attention: "torch.ops.aten.scaled_dot_product_attention",
    functional.softmax: "functional.softmax",
    torch.softmax: "torch.softmax",
    torch.special.softmax: "torch.special.softmax",
    Tensor.softmax: "torch.Tensor.softmax",
    _aten.softmax: "torch.ops.aten.softmax",
    _aten._softmax: "torch.ops.aten._softmax",
}
"""What computes attention, as a script names it; those of engine.passes.below.attention."""
_KERNELS = (
    "functional.scaled_dot_product_attention",
    "torch.ops.aten.scaled_dot_product_attention",
)
_USUAL = ("query", "key", "value", "dropout_p", "scale")
"""What a fused kernel may be given: no mask, and no heads that share their keys."""


def attention_of(model: Model, how: Chosen) -> Attending:
    """How the network attends. Takes one or two forward passes.

    Raises NoScript for attention that it takes more than a few lines to look into, and MethodError
    where the network has none between the cells of a grid.
    """
    facts = model.facts
    axes = facts.attention.axes
    if axes is None:
        raise MethodError(f"{how.method.title}: {facts.attention.reason}; choose another method")
    own = dict(how.options).get("score") == "block"
    seen = _Functions()
    blocks = _watched_blocks(model, seen)
    if seen.odd:
        raise NoScript("its attention is masked, or shares heads")
    return Attending(
        functions=tuple(sorted(seen.names)),
        grid=axes.grid,
        prefix=axes.prefix,
        from_class=reads_class(facts),
        blocks=tuple(call[0] for call in blocks) if own and _scores(model, blocks) else (),
    )


def _watched_blocks(model: Model, seen: _Functions) -> tuple[Call, ...]:
    """The calls that end the blocks; () if they cannot be told apart."""
    found: list[Attended] = []
    ended: list[str] = []
    with (
        torch.no_grad(),
        evaluating(model.module),
        watched(model.module, found, ended, joint=False),
        seen,
    ):
        model.module(_image(model))
    shapes = {call: facts.shape for call, facts in model.facts.calls.items()}
    return block_calls(model.facts, shapes, found, ended)


def _image(model: Model) -> Tensor:
    return torch.zeros(model.facts.input_shape, dtype=model.dtype, device=model.device)


def _scores(model: Model, blocks: tuple[Call, ...]) -> bool:
    """Whether the blocks have scores of their own, which the program gets from one batch of them.

    Raises NoScript for blocks that a hook on a module does not tell apart.
    """
    if not blocks:
        return False
    facts = model.facts
    if any(facts.counts[name] > 1 or facts.calls[name, at].part for name, at in blocks):
        raise NoScript("a block of it is called several times, or returns more than one tensor")
    shape = facts.calls[blocks[-1]].shape
    tokens = torch.zeros((len(blocks), *shape[1:]), dtype=model.dtype, device=model.device)
    try:
        logits_from(model.module, _image(model), blocks[-1], tokens, facts.reading, cut=facts.cut)
    except NETWORK_ERRORS:
        # The map is then by the network's own score, and says so.
        return False
    return True


class _Functions(TorchFunctionMode):
    """Notes which functions make the attention of a pass; changes nothing.

    names: of those, as a script has them. odd: whether one is given what a script does not spell
    out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.odd = False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = _SPELLED.get(getattr(func, "overloadpacket", func), "")
        if name:
            self.names.add(name)
        if name in _KERNELS:
            others = (value for key, value in kwargs.items() if key not in _USUAL)
            given = (*args[3:4], *args[5:], *others)
            self.odd |= any(value is not None and value is not False for value in given)
        return func(*args, **kwargs)

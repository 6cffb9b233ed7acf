"""Whether FullGrad's biases are those of a network's modules, which a script hooks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.model import Model
from engine.passes.below.biases import Biases
from engine.passes.hooks import evaluating
from engine.records.models import Layout
from engine.scripting.recipe import NoScript

_ELSEWHERE = (
    "biases are added outside of convolutions, linear layers and normalisations, which takes more "
    "than a hook on each module"
)


def check_biases(model: Model) -> None:
    """Raises NoScript unless hooks on modules see each bias that has a map. Takes a forward and a
    backward pass."""
    axes = [call.axes for call in model.facts.calls.values() if call.axes is not None]
    if any(one.layout is not Layout.CHANNELS_FIRST for one in axes):
        raise NoScript("layers of this network have their channels in other places")
    added: list[tuple[int, ...]] = []
    hooked: list[tuple[int, ...]] = []

    def visit(part: Tensor, is_layers: bool) -> None:
        if is_layers and _is_map(part.shape):
            added.append(tuple(part.shape))

    def seen(module: nn.Module, _inputs: object, made: object) -> None:
        adds = isinstance(getattr(module, "bias", None), Tensor)
        adds = adds or isinstance(getattr(module, "running_var", None), Tensor)
        if adds and isinstance(made, Tensor) and made.requires_grad and _is_map(made.shape):
            hooked.append(tuple(made.shape))

    image = torch.zeros(model.facts.input_shape, dtype=model.dtype, device=model.device)
    handles = [module.register_forward_hook(seen) for module in model.module.modules()]
    try:
        with torch.enable_grad(), evaluating(model.module), Biases(visit):
            image.requires_grad_()
            with model.facts.reading.watching() as endings:
                logits = model.facts.reading.logits(model.module(image), endings)
            torch.autograd.grad(logits.sum(), image)
    finally:
        for handle in handles:
            handle.remove()
    if sorted(added) != sorted(hooked):
        raise NoScript(_ELSEWHERE)


def _is_map(shape: tuple[int, ...]) -> bool:
    return len(shape) > 2 and shape[-1] * shape[-2] > 1

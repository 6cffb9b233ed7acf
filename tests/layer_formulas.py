"""Methods of a layer that take further passes, written the plain way; nothing from engine.

One image at a time, on a deep copy of the network, with the whole network run each time. Everything
is float64. a: activation (C, h, w); the layer's own layout is one of 'first' (1, C, h, w), 'last'
(1, h, w, C) and 'tokens' (1, p + h w, C).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.formulas import Array


def first_tensor(output: Any) -> Tensor | None:
    """The first floating tensor of a structure, depth first."""
    if isinstance(output, Tensor):
        return output if output.is_floating_point() else None
    if hasattr(output, "__dataclass_fields__"):
        output = vars(output)
    parts = output.values() if isinstance(output, dict) else output
    if not isinstance(parts, list | tuple | type({}.values())):
        return None
    return next((found for part in parts if (found := first_tensor(part)) is not None), None)


def exchanged(output: Any, old: Tensor, new: Tensor) -> Any:
    """The structure with one tensor for another."""
    if output is old:
        return new
    if hasattr(output, "__dataclass_fields__"):
        changed = copy.copy(output)
        for field, value in vars(output).items():
            setattr(changed, field, exchanged(value, old, new))
        return changed
    if isinstance(output, dict):
        return {key: exchanged(value, old, new) for key, value in output.items()}
    if isinstance(output, list | tuple):
        parts = [exchanged(part, old, new) for part in output]
        return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
    return output


class Layer:
    """One call of one module of a copy of the network, for one image and class."""

    def __init__(
        self,
        module: nn.Module,
        image: Tensor,
        name: str,
        call: int,
        target: int,
        layout: str = "first",
        grid: tuple[int, int] = (0, 0),
    ) -> None:
        self.module = copy.deepcopy(module).eval()
        self.image = image.detach()
        self.name, self.call, self.target = name, call, target
        self.layout, self.grid = layout, grid
        with torch.no_grad():
            self.output, self.logits = self._run(image)
        self.a = self.first(self.output)

    def _run(self, image: Tensor, given: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(what the layer returned, the logits (classes,)); given: handed on in its place."""
        kept: list[Tensor] = []

        def hook(_layer: nn.Module, _inputs: Any, output: Any) -> Any:
            tensor = first_tensor(output)
            assert tensor is not None
            kept.append(tensor)
            is_it = len(kept) - 1 == self.call
            handed = given.clone() if is_it and given is not None else tensor.clone()
            return exchanged(output, tensor, handed)

        handle = self.module.get_submodule(self.name).register_forward_hook(hook)
        try:
            output = self.module(image.clone())
        finally:
            handle.remove()
        logits = first_tensor(output)
        assert logits is not None
        return kept[self.call], logits.reshape(-1)

    def first(self, output: Tensor) -> Tensor:
        """(C, h, w) of an output of the layer."""
        if self.layout == "first":
            return output[0]
        cells = output[0]
        if self.layout == "tokens":
            rows, columns = self.grid
            cells = cells[len(cells) - rows * columns :].reshape(rows, columns, -1)
        return cells.permute(2, 0, 1)

    def own(self, a: Tensor) -> Tensor:
        """An output of the layer with this activation."""
        if self.layout == "first":
            return a[None]
        cells = a.permute(1, 2, 0)
        if self.layout == "last":
            return cells[None]
        flat = cells.flatten(0, 1)
        return torch.cat([self.output[0, : self.output.shape[1] - len(flat)], flat])[None]

    def probability(self, image: Tensor) -> float:
        with torch.no_grad():
            return float(self._run(image)[1].softmax(0)[self.target])

    def score(self, a: Tensor) -> float:
        with torch.no_grad():
            return float(self._run(self.image, self.own(a))[1][self.target])

    def gradient(self, image: Tensor, of: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """d of(logits) / d activation for an image, (C, h, w); of: the class's logit."""
        with torch.enable_grad():
            output, logits = self._run(image.clone().requires_grad_())
            score = of(logits) if of is not None else logits[self.target]
            (gradient,) = torch.autograd.grad(score, [output])
        return self.first(gradient)

    def gradient_at(self, a: Tensor) -> Tensor:
        """d score / d activation where the activation is another one, (C, h, w)."""
        with torch.enable_grad():
            leaf = self.own(a).detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self._run_from(leaf)[self.target], [leaf])
        return self.first(gradient)

    def _run_from(self, leaf: Tensor) -> Tensor:
        return self._run(self.image, leaf)[1]

    def mask(self, channel: int) -> Tensor:
        """The channel enlarged to the image, not scaled yet."""
        fine = functional.interpolate(
            self.a[channel][None, None], size=self.image.shape[2:], mode="bilinear"
        )
        return fine[0, 0]


def scaled(mask: Tensor) -> Tensor:
    return (mask - mask.min()) / (mask.max() - mask.min())


def weighed(layer: Layer, weights: list[float]) -> Array:
    return np.einsum("k,kij->ij", np.array(weights), layer.a.detach().numpy())


def score_cam(layer: Layer, ramp: tuple[float, ...] = (1.0,)) -> Array:
    weights = []
    for channel, values in enumerate(layer.a):
        if float(values.max()) == float(values.min()):
            weights.append(0.0)
            continue
        mask = scaled(layer.mask(channel))
        found = [layer.probability(layer.image * mask * part) for part in ramp]
        weights.append(sum(found) / len(ramp))
    return weighed(layer, weights)


def ablation_cam(layer: Layer) -> Array:
    whole = layer.score(layer.a)
    weights = []
    for channel in range(len(layer.a)):
        without = layer.a.clone()
        without[channel] = 0
        weights.append(whole - layer.score(without))
    return weighed(layer, weights)


def shapley_cam(layer: Layer, step: float = 1e-5) -> Array:
    """The product of Hessian and activation from differences of gradients."""
    a = layer.a.detach()
    up, down = layer.gradient_at(a * (1 + step)), layer.gradient_at(a * (1 - step))
    shares = layer.gradient_at(a) - (up - down) / (2 * step) / 2
    return weighed(layer, shares.mean(dim=(1, 2)).tolist())

"""torchvision's classifiers with seeded random weights, at input sizes that keep tests short."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.lazy import torchvision
from engine.records.images import LoadedImage, Preprocessing
from engine.records.models import Layout
from tests.reference import _first_tensor, map_of_tokens

# Not square, so that a grid that was transposed is noticed.
USUAL = (64, 96)
# What these accept: fixed by their partition, their stem or their position embedding.
SIZES = {"alexnet": (128, 160), "inception_v3": (128, 160), "maxvit_t": (224, 224)}


def names() -> list[str]:
    models = torchvision.load().models
    return list(models.list_models(module=models))


def build(name: str, seed: int = 0, classes: int = 20) -> nn.Module:
    """The classifier in evaluation mode; weights that its authors start at zero are not zero."""
    options: dict[str, Any] = {"num_classes": classes}
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False
    if name.startswith("vit_"):
        options["image_size"] = 4 * int(name.rpartition("_")[2])
    torch.manual_seed(seed)
    module: nn.Module = torchvision.load().models.get_model(name, weights=None, **options)
    for parameter in module.parameters():
        if parameter.ndim > 1 and not parameter.detach().any():
            nn.init.normal_(parameter, std=0.02)
    # Moments as after some training: without them a deep network's values explode or vanish.
    # The network itself stays in evaluation mode, where auxiliary heads are not called.
    norms = [part for part in module.eval().modules() if isinstance(part, nn.BatchNorm2d)]
    if norms:
        for part in norms:
            part.train().momentum = 1.0
        with torch.no_grad():
            module(torch.randn(2, 3, *size_of(name)))
    return module.eval()


def size_of(name: str) -> tuple[int, int]:
    """(height, width) of the input that the tests give it."""
    if name.startswith("vit_"):
        side = 4 * int(name.rpartition("_")[2])
        return side, side
    return SIZES.get(name, USUAL)


def preprocessing(name: str) -> Preprocessing:
    height, width = size_of(name)
    return Preprocessing(min(height, width), (height, width), (0.5, 0.4, 0.3), (0.2, 0.3, 0.25))


def picture(seed: int = 1, width: int = 250, height: int = 190) -> LoadedImage:
    """Noise with large structure: blocks of 10 pixels a side."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (height // 10, width // 10, 3), dtype=np.uint8)
    return LoadedImage("noise.png", blocks.repeat(10, axis=0).repeat(10, axis=1))


def all_activations_and_gradients(
    module: nn.Module, tensor: Tensor, target: int
) -> dict[tuple[str, int], tuple[Tensor, Tensor | None]]:
    """What every call of every module returned, and d logit[target] / d that output.

    As tests.reference does for one layer, for all at once: the network keeps every output and
    hands a clone on. The network's own forward pass has to be that of a copy: it is changed.
    """
    outputs: dict[tuple[str, int], Tensor] = {}

    def hook_of(name: str) -> Any:
        def hook(layer: nn.Module, inputs: Any, output: Any) -> Any:
            if dataclasses.is_dataclass(output) and not isinstance(output, type):
                fields = {f.name: getattr(output, f.name) for f in dataclasses.fields(output)}
                field = next(key for key, value in fields.items() if isinstance(value, Tensor))
                kept = hook(layer, inputs, fields[field])
                return dataclasses.replace(output, **{field: kept})
            whole = isinstance(output, Tensor)
            # An attention returns its output and its weights, or None in their place.
            tensor_out = output if whole else output[0]
            if not isinstance(tensor_out, Tensor):
                return None
            index = sum(1 for known, _ in outputs if known == name)
            outputs[name, index] = tensor_out
            return tensor_out.clone() if whole else (tensor_out.clone(), *output[1:])

        return hook

    for name, part in module.named_modules():
        if name:
            part.register_forward_hook(hook_of(name))
    with torch.enable_grad():
        given = tensor.detach().clone().requires_grad_(True)
        logits = _first_tensor(module(given))
        gradients = torch.autograd.grad(
            logits.reshape(1, -1)[0, target], list(outputs.values()), allow_unused=True
        )
    return {
        call: (output.detach(), gradient)
        for (call, output), gradient in zip(outputs.items(), gradients, strict=True)
    }


def map_of(activation: Tensor, gradient: Tensor, channels_last: bool) -> np.ndarray[Any, Any]:
    """Equations 1 and 2 of Selvaraju et al. 2017 in double precision, without the ReLU."""
    a, g = activation[0].double(), gradient[0].double()
    space = (0, 1) if channels_last else (1, 2)
    weights = g.mean(dim=space)
    weights = weights if channels_last else weights[:, None, None]
    result: np.ndarray[Any, Any] = (weights * a).sum(dim=2 if channels_last else 0).numpy()
    return result


def reference_of(
    name: str, activation: Tensor, gradient: Tensor, layout: Layout | None
) -> np.ndarray[Any, Any]:
    """The map of a layer of one of these classifiers at the size that the tests give it."""
    if layout is Layout.TOKENS:
        assert name.startswith("vit_"), "no other of them returns sequences"
        side = size_of(name)[0] // int(name.rpartition("_")[2])
        return map_of_tokens(activation, gradient, (side, side))
    return map_of(activation, gradient, layout is Layout.CHANNELS_LAST)

"""Grad-CAM written the plain way, to compare the engine with. Nothing here comes from engine.

Selvaraju et al. 2017, equations 1 and 2 without the ReLU: the weight of a channel is the mean over
space of d logit / d activation, the map is the sum over channels of weight times activation. One
layer at a time, on a deep copy of the network, with the graph of the whole network.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def _first_tensor(output: Any) -> Tensor:
    """The output itself, or the first tensor in what a module or network returned."""
    if isinstance(output, Tensor):
        return output
    values = output.values() if isinstance(output, dict) else output
    return next(value for value in values if isinstance(value, Tensor))


def reference_activation_and_gradient(
    module: nn.Module, tensor: Tensor, layer_name: str, target: int, call: int = -1
) -> tuple[Tensor, Tensor]:
    """What the layer returned in its call number `call`, and d logit[target] / d that output.

    tensor: (1, 3, H, W). The hook keeps what the layer returned and hands a clone on, so that no
    later operation can write into what was kept. Both results have the output's own shape.
    """
    network = copy.deepcopy(module).eval()
    outputs: list[Tensor] = []

    def keep(layer: nn.Module, inputs: Any, output: Any) -> Any:
        tensor_out = _first_tensor(output)
        outputs.append(tensor_out)
        if tensor_out is output:
            return output.clone()
        handed_on = [v.clone() if v is tensor_out else v for v in output]
        return output._make(handed_on) if hasattr(output, "_make") else tuple(handed_on)

    network.get_submodule(layer_name).register_forward_hook(keep)
    with torch.inference_mode(False), torch.enable_grad():
        picture = tensor.detach().clone().requires_grad_(True)
        logits = _first_tensor(network(picture))
        score = logits.reshape(logits.shape[0], -1)[0, target]
        (gradient,) = torch.autograd.grad(score, outputs[call])
    return outputs[call].detach(), gradient


def reference_map(
    module: nn.Module,
    tensor: Tensor,
    layer_name: str,
    target: int,
    call: int = -1,
    channels_last: bool = False,
    token_grid: tuple[int, int] | None = None,
) -> NDArray[np.float32]:
    """The signed Grad-CAM map of one layer: float32 (rows, columns), no ReLU, no scaling.

    channels_last: the layer's output is (1, H, W, C) instead of (1, C, H, W).
    token_grid: it is (1, N, C), and its last rows * columns tokens are the cells of this grid.
    """
    activation, gradient = reference_activation_and_gradient(
        module, tensor, layer_name, target, call
    )
    if token_grid is not None:
        return map_of_tokens(activation, gradient, token_grid)
    a, g = activation[0].double(), gradient[0].double()
    if channels_last:
        a, g = a.permute(2, 0, 1), g.permute(2, 0, 1)
    weights = g.mean(dim=(1, 2))
    summed = (weights[:, None, None] * a).sum(dim=0)
    result: NDArray[np.float32] = summed.numpy().astype(np.float32)
    return result


def map_of_tokens(
    activation: Tensor, gradient: Tensor, grid: tuple[int, int]
) -> NDArray[np.float32]:
    """The map of a sequence (1, N, C), cell by cell; what comes before the grid's cells is left.

    The weight of a channel is its mean gradient over the cells alone, and the value of a cell the
    scalar product of these weights with its token.
    """
    rows, columns = grid
    values, slopes = activation[0].double().numpy(), gradient[0].double().numpy()
    before = len(values) - rows * columns
    assert before >= 0
    weights = sum(slopes[before:]) / (rows * columns)
    result = np.zeros((rows, columns), dtype=np.float32)
    for row in range(rows):
        for column in range(columns):
            result[row, column] = values[before + row * columns + column] @ weights
    return result

"""ONNX graphs that are made by hand, of the weights of a small network in torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tests.engine.extras_help import package

onnx = package("onnx")
package("onnx2torch")
helper, numpy_helper = onnx.helper, onnx.numpy_helper
FLOAT = onnx.TensorProto.FLOAT


class Small(nn.Module):
    """Two convolutions and a classifier; the ONNX graphs here are made of its weights by hand."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv1 = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(6, 8, 3, padding=1)
        self.fc = nn.Linear(8, 4)

    def forward(self, pictures: Tensor) -> Tensor:
        values = self.conv2(self.conv1(pictures).relu()).relu()
        logits: Tensor = self.fc(values.mean(dim=(2, 3)))
        return logits


def weights_of(network: nn.Module) -> list[Any]:
    return [numpy_helper.from_array(t.numpy(), k) for k, t in network.state_dict().items()]


def nodes_of_small(names: tuple[str, ...] = ("",) * 6, opset: int = 13) -> list[Any]:
    first, second, third, fourth, fifth, sixth = names
    pads = {"pads": [1, 1, 1, 1]}
    if opset < 18:
        pool = helper.make_node("ReduceMean", ["d"], ["e"], fifth, axes=[2, 3], keepdims=0)
    else:
        pool = helper.make_node("ReduceMean", ["d", "axes"], ["e"], fifth, keepdims=0)
    conv = [["x", "conv1.weight", "conv1.bias"], ["b", "conv2.weight", "conv2.bias"]]
    return [
        helper.make_node("Conv", conv[0], ["a"], first, strides=[2, 2], **pads),
        helper.make_node("Relu", ["a"], ["b"], second),
        helper.make_node("Conv", conv[1], ["c"], third, **pads),
        helper.make_node("Relu", ["c"], ["d"], fourth),
        pool,
        helper.make_node("Gemm", ["e", "fc.weight", "fc.bias"], ["y"], sixth, transB=1),
    ]


TORCH_NAMES = (
    *("/conv1/Conv", "/Relu", "/conv2/Conv", "/Relu_1"),
    *("/ReduceMean", "/fc/Gemm"),
)


def model_of(
    nodes: list[Any],
    initializers: list[Any],
    shape: list[Any],
    opset: int = 13,
    outputs: int = 4,
    kind: int = FLOAT,
) -> Any:
    inputs = [helper.make_tensor_value_info("x", kind, shape)]
    results = [helper.make_tensor_value_info("y", FLOAT, [shape[0], outputs])]
    graph = helper.make_graph(nodes, "network", inputs, results, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def saved(model: Any, path: Path, **options: Any) -> Path:
    onnx.save(model, str(path), **options)
    return path


def small(path: Path, shape: tuple[Any, ...] = (1, 3, 48, 48), opset: int = 13) -> Path:
    initializers = weights_of(Small())
    if opset >= 18:
        initializers.append(numpy_helper.from_array(np.array([2, 3]), "axes"))
    nodes = nodes_of_small(TORCH_NAMES, opset)
    return saved(model_of(nodes, initializers, list(shape), opset), path)

"""Operators of newer versions of ONNX, against onnx's own reference implementation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine.formats.onnx import models
from tests.engine.extras_help import package
from tests.engine.onnx_files import FLOAT, model_of, saved

onnx = package("onnx")
package("onnx.reference")
package("onnx2torch")
helper, numpy_helper = onnx.helper, onnx.numpy_helper


def _array(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


NEWER: dict[str, tuple[int, Callable[[], list[Any]], dict[str, NDArray[Any]]]] = {
    "Gelu": (20, lambda: [helper.make_node("Gelu", ["x"], ["z"], approximate="tanh")], {}),
    "Mish": (18, lambda: [helper.make_node("Mish", ["x"], ["z"])], {}),
    "GroupNormalization": (
        21,
        lambda: [
            helper.make_node("GroupNormalization", ["x", "scale", "bias"], ["z"], num_groups=3)
        ],
        {"scale": _array(6), "bias": _array(6, seed=1)},
    ),
    "Split": (
        18,
        lambda: [
            helper.make_node("Split", ["x"], ["p", "q"], axis=1, num_outputs=2),
            helper.make_node("Sub", ["p", "q"], ["r"]),
            helper.make_node("Concat", ["r", "q"], ["z"], axis=1),
        ],
        {},
    ),
    "ReduceMax": (
        20,
        lambda: [
            helper.make_node("ReduceMax", ["x", "axes"], ["m"], keepdims=1),
            helper.make_node("Sub", ["x", "m"], ["z"]),
        ],
        {"axes": np.array([1])},
    ),
    "Pad": (
        19,
        lambda: [helper.make_node("Pad", ["x", "pads"], ["z"])],
        {"pads": np.array([0] * 6 + [1, 1])},
    ),
    "AveragePool": (
        22,
        lambda: [
            helper.make_node("AveragePool", ["x"], ["z"], kernel_shape=[2, 2], dilations=[1, 1])
        ],
        {},
    ),
    "Cast": (21, lambda: [helper.make_node("Cast", ["x"], ["z"], to=FLOAT, saturate=1)], {}),
    "Reshape": (
        21,
        lambda: [helper.make_node("Reshape", ["x", "s"], ["z"], allowzero=1)],
        {"s": np.array([1, 6, 4, 16])},
    ),
    "Slice": (
        13,
        lambda: [helper.make_node("Slice", ["x", "from", "to", "axes", "steps"], ["z"])],
        {
            "from": np.array([1, -1]),
            "to": np.array([7, -9]),
            "axes": np.array([2, -1]),
            "steps": np.array([2, -1]),
        },
    ),
    "Identity": (25, lambda: [helper.make_node("Identity", ["x"], ["z"])], {}),
    "MaxPool": (22, lambda: [helper.make_node("MaxPool", ["x"], ["z"], kernel_shape=[2, 2])], {}),
}


@pytest.mark.parametrize("name", NEWER)
def test_newer_operators_compute_what_onnx_says(name: str, tmp_path: Path) -> None:
    """Against onnx's own reference implementation, each after it a global maximum and a sum."""
    opset, make, constants = NEWER[name]
    nodes = [
        *make(),
        helper.make_node("GlobalMaxPool", ["z"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]
    constants = {**constants, "w": _array(6, 4, seed=2)}
    initializers = [numpy_helper.from_array(value, key) for key, value in constants.items()]
    model = model_of(nodes, initializers, [1, 6, 8, 8], opset)
    x = _array(1, 6, 8, 8, seed=3)
    (expected,) = onnx.reference.ReferenceEvaluator(model).run(None, {"x": x})
    network = models.open_onnx(saved(model, tmp_path / "op.onnx"))
    found = network.module(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)

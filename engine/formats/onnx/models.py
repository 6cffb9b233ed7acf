"""Opens ONNX files: a reader process prepares the graph, onnx2torch converts it to torch."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn

from engine.errors import ModelError
from engine.files import presence
from engine.formats.network import Network
from engine.formats.onnx import operators
from engine.formats.onnx.files import FAILURES, WAY_OUT, reason
from engine.lazy import extras
from engine.reader import client
from engine.weights.state_dicts import checksum

_log = logging.getLogger(__name__)

# Memory limit of a reader process, plus a share per byte of the file: message and serialised copy.
_MEMORY = 1200 << 20
_MEMORY_A_BYTE = 8
# Integer constants up to this length are shapes, axes and positions.
_SHAPE_LENGTH = 64
# Operators that take shapes, axes and positions, all after their first input.
_POSITIONAL = frozenset(
    {"Expand", "Gather", "Pad", "Reshape", "Resize", "Slice", "Split", "Squeeze", "Tile"}
    | {"Unsqueeze"}
)


class ChannelsLast(nn.Module):
    """Adapts a network with input (batch, height, width, channels) to channels-first input."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Any:
        return self.network(pictures.permute(0, 2, 3, 1))


def open_onnx(path: Path) -> Network:
    """The network in an ONNX file (.onnx, with its data file beside it if it has one).

    Layers keep their torch names if the exporter stored them. A dynamic batch size becomes 1.
    Raises ModelError: onnx2torch is missing, the file is damaged, its input is not one image, or it
    has an operator that onnx2torch does not support (named).
    """
    path = path.absolute()
    size = path.stat().st_size if presence.is_file(path) else 0
    asked = client.begin(
        "onnx",
        ModelError,
        str(path),
        path=path,
        memory=_MEMORY + _MEMORY_A_BYTE * size,
        role=client.NETWORKS,
    )
    try:
        # Imported while the file is read, since this takes a second.
        extras.load("onnx2torch", str(path))
        operators.teach()
    except BaseException:
        asked.drop()
        raise
    answer = asked.result()
    end = int(answer.reply["graph"])
    facts = json.loads(bytes(answer.content[end : answer.reply["facts"]]))
    graph = extras.load("onnx", str(path)).load_from_string(bytes(answer.content[:end]))
    module = _converted(path, graph, facts["names"])
    taken = facts["input"]
    return Network(
        ChannelsLast(module) if taken["channels_last"] else module,
        source=path.stem,
        title=path.stem,
        weights=str(path),
        weights_sha256=checksum(path),
        input_size=tuple(taken["size"]) if taken["size"] else None,
        channels=taken["channels"],
        classes=tuple(facts["labels"]),
        classes_origin="the ONNX file" if facts["labels"] else "",
    )


def _converted(path: Path, prepared: Any, names: list[str]) -> nn.Module:
    try:
        with warnings.catch_warnings():
            # Warnings about read-only arrays; nothing writes to them.
            warnings.simplefilter("ignore", UserWarning)
            converted = extras.load("onnx2torch", str(path)).convert(prepared)
        new = {f"node_{index}": name for index, name in enumerate(names)}
        return _renamed(converted, new, prepared.graph).eval()
    except FAILURES as error:
        _log.info("%s cannot be converted", path, exc_info=True)
        raise ModelError(f"{path}: {reason(error)}; {WAY_OUT}") from error


def _renamed(converted: fx.GraphModule, names: dict[str, str], graph: Any) -> fx.GraphModule:
    """The same network with its modules under tree names."""
    kinds = {node.name: node.op_type for node in graph.node}
    root: dict[str, Any] = {}
    at_hand = []
    for node in converted.graph.nodes:
        if node.op == "get_attr":
            root[node.target] = converted.get_buffer(node.target)
            if all(_is_position(node, user, kinds) for user in node.users):
                at_hand.append(node.target)
    for node in converted.graph.nodes:
        if node.op == "call_module":
            module = converted.get_submodule(node.target)
            node.target = names[node.target]
            root[node.target] = module
    named = fx.GraphModule(root, converted.graph, class_name="OnnxNetwork")
    for target in at_hand:
        _keep_at_hand(named, target)
    return named


def _is_position(constant: fx.Node, user: fx.Node, kinds: dict[str, str]) -> bool:
    used_as = constant not in user.args[:1]
    return used_as and kinds.get(str(user.target)) in _POSITIONAL


def _keep_at_hand(network: fx.GraphModule, target: str) -> None:
    """Turn a short integer buffer into a plain attribute, so that it stays on the CPU.

    Python reads its values: on a GPU that would synchronise, and on the meta device it would fail.
    """
    holder, _, name = target.rpartition(".")
    module, buffer = network.get_submodule(holder), network.get_buffer(target)
    if buffer.dtype == torch.int64 and buffer.ndim <= 1 and buffer.numel() <= _SHAPE_LENGTH:
        delattr(module, name)
        setattr(module, name, buffer)

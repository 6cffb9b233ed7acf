"""ONNX files as torch networks, converted by onnx2torch.

An ONNX file is a graph and its weights; nothing of it is code. The converter, though, has torch.fx
write Python for the graph and run that, and the names of the graph's nodes go into it as they are.
So every node is named anew, of plain letters, before it is converted.
"""

from __future__ import annotations

import ast
import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn

from engine import extras, onnx_operators
from engine.errors import ModelError, one_line
from engine.network import Network
from engine.onnx_graphs import fold, tree_names
from engine.weights import checksum

_log = logging.getLogger(__name__)

_CHANNELS = (1, 3)
_FLOATS = ("FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE")
# Integer constants up to this length are shapes, axes and positions.
_SHAPE_LENGTH = 64
_LABEL_KEYS = ("names", "classes", "class_names", "labels")
# Operators that take shapes, axes and positions, all after their first input.
_POSITIONAL = frozenset(
    {"Expand", "Gather", "Pad", "Reshape", "Resize", "Slice", "Split", "Squeeze", "Tile"}
    | {"Unsqueeze"}
)
_WAY_OUT = (
    "export it for an older version of ONNX (opset 13), or open the network that it was "
    "exported from"
)
_FAILURES = (
    *(RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError),
    *(ArithmeticError, OSError, MemoryError, NotImplementedError),
)


class ChannelsLast(nn.Module):
    """A network that takes pictures as (batch, height, width, channels), given channels first."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Any:
        return self.network(pictures.permute(0, 2, 3, 1))


@dataclass(frozen=True, slots=True)
class _Input:
    """The one picture that a graph takes: its name, channels and size where they are fixed."""

    name: str
    channels: int | None
    size: tuple[int, int] | None
    channels_last: bool


def open_onnx(path: Path) -> Network:
    """The network in an ONNX file (.onnx, with its data file beside it where it has one).

    Its layers are called as they were in torch where the exporter kept those names. A batch of any
    length becomes one of 1. Raises ModelError: onnx2torch is missing, the file is damaged, takes
    something else than one picture, or has an operator that onnx2torch does not know (named).
    """
    path = path.absolute()
    extras.load("onnx2torch", str(path))
    model = _read(path)
    taken = _input_of(path, model)
    module = _converted(path, model)
    labels = _labels(model)
    return Network(
        ChannelsLast(module) if taken.channels_last else module,
        source=path.stem,
        title=path.stem,
        weights=str(path),
        weights_sha256=checksum(path),
        input_size=taken.size,
        channels=taken.channels,
        classes=labels,
        classes_origin="the ONNX file" if labels else "",
    )


def _read(path: Path) -> Any:
    onnx = extras.load("onnx", str(path))
    damaged = extras.load("google.protobuf.message", str(path)).DecodeError
    try:
        model = onnx.load(str(path), load_external_data=False)
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no such file; check the name") from None
    except (damaged, ValueError, OSError) as error:
        raise ModelError(
            f"{path}: not an ONNX file, or damaged ({one_line(error)}); export or fetch it again"
        ) from error
    if not model.graph.node:
        raise ModelError(f"{path}: an ONNX file without a network; export it again")
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        files = sorted({_location(t) for t in model.graph.initializer if t.external_data} - {""})
        named = ", ".join(files[:3]) or "unnamed"
        raise ModelError(
            f"{path}: its weights are in a file of their own ({named}), which cannot be "
            "read; put it into the same folder, under that name"
        ) from error
    return model


def _location(tensor: Any) -> str:
    return next((entry.value for entry in tensor.external_data if entry.key == "location"), "")


def _input_of(path: Path, model: Any) -> _Input:
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(f"'{each.name[:40]}'" for each in inputs[:4])
        raise ModelError(
            f"{path}: the network takes {len(inputs)} inputs ({names or 'none'}); networks of "
            "more or less than one picture are not supported"
        )
    tensor = inputs[0].type.tensor_type
    kind = extras.load("onnx", str(path)).TensorProto.DataType.Name(tensor.elem_type)
    if kind not in _FLOATS:
        raise ModelError(
            f"{path}: the network takes {kind.lower()} values, which have no gradient; export it "
            "for float input"
        )
    sides = [int(each.dim_value) or None for each in tensor.shape.dim]
    if len(sides) != 4:
        raise ModelError(
            f"{path}: the network takes an input of {len(sides)} axes, and a picture has 4 (batch, "
            "channels, height, width)"
        )
    last = sides[3] in _CHANNELS and sides[1] not in _CHANNELS
    height, width = (sides[1], sides[2]) if last else (sides[2], sides[3])
    size = (height, width) if height is not None and width is not None else None
    # One picture at a time; with the batch known, most shapes in the graph are.
    tensor.shape.dim[0].dim_value = 1
    return _Input(inputs[0].name, sides[3] if last else sides[1], size, last)


def _converted(path: Path, model: Any) -> nn.Module:
    try:
        # Shapes that exporters noted for another batch would contradict those that are inferred.
        del model.graph.value_info[:]
        prepared = extras.load("onnx.shape_inference", str(path)).infer_shapes(model)
        constants = fold(prepared)
        onnx_operators.teach()
        onnx_operators.rewrite(prepared.graph, constants)
        names = tree_names(prepared.graph.node)
        for index, node in enumerate(prepared.graph.node):
            node.name = f"node_{index}"
        with warnings.catch_warnings():
            # Remarks on arrays that are not writable; nothing writes to them.
            warnings.simplefilter("ignore", UserWarning)
            converted = extras.load("onnx2torch", str(path)).convert(prepared)
        new = {f"node_{index}": name for index, name in enumerate(names)}
        return _renamed(converted, new, prepared.graph).eval()
    except _FAILURES as error:
        _log.info("%s cannot be converted", path, exc_info=True)
        raise ModelError(f"{path}: {_reason(error)}; {_WAY_OUT}") from error


def _reason(error: BaseException) -> str:
    """Why onnx2torch did not convert a graph, in words."""
    line = one_line(error)
    if isinstance(error, KeyError):
        return f"onnx2torch wants {line} as a constant, but the graph computes it"
    name = line.partition("operation_type='")[2].partition("'")[0]
    version = line.partition("version=")[2].partition(")")[0]
    if isinstance(error, NotImplementedError) and name:
        return f"onnx2torch does not know its operator {name} (version {version})"
    return f"onnx2torch cannot convert it ({line})"


def _renamed(converted: fx.GraphModule, names: dict[str, str], graph: Any) -> fx.GraphModule:
    """The same network with its modules below the names of a tree."""
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
    """Take a short list of whole numbers out of the buffers, which follow the network to a device.

    Python reads it: on a GPU it would be waited for, and torch's meta device has nothing to read.
    """
    holder, _, name = target.rpartition(".")
    module, buffer = network.get_submodule(holder), network.get_buffer(target)
    if buffer.dtype == torch.int64 and buffer.ndim <= 1 and buffer.numel() <= _SHAPE_LENGTH:
        delattr(module, name)
        setattr(module, name, buffer)


def _labels(model: Any) -> tuple[str, ...]:
    """Class names that the exporter left in the file: a list, or a mapping from the index."""
    facts = {each.key.lower(): each.value for each in model.metadata_props}
    for key in _LABEL_KEYS:
        found = _literal(facts.get(key, "")[:1_000_000])
        if isinstance(found, dict):
            by_index = {
                int(k): v for k, v in found.items() if str(k).isdecimal() and len(str(k)) < 8
            }
            if sorted(by_index) == list(range(len(found))):
                found = [by_index[index] for index in range(len(by_index))]
        if isinstance(found, list) and found and all(isinstance(each, str) for each in found):
            return tuple(found)
    return ()


def _literal(text: str) -> object:
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return None

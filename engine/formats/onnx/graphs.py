"""Prepares an ONNX graph for conversion: folds constants and derives tree names for operators."""

from __future__ import annotations

import ast
import keyword
import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import fx

from engine.lazy import extras

# Only shapes and the like are folded, never an image-sized array.
_MOST_ELEMENTS = 100_000
# Limit for all larger arrays together, since each is recomputed whenever the network runs.
_REFUSED_ELEMENTS = 1 << 26
_FOLDED = frozenset(
    {"Add", "Cast", "Concat", "ConstantOfShape", "Div", "Equal", "Expand", "Floor", "Gather"}
    | {"Identity", "Mod", "Mul", "Neg", "Range", "ReduceProd", "Reshape", "Slice", "Sqrt"}
    | {"Squeeze", "Sub", "Unsqueeze", "Where", "Max", "Min", "Ceil"}
)
_MAKERS = frozenset({"ConstantOfShape", "Expand", "Range"})
_SCOPES = "pkg.torch.onnx.name_scopes"
_LONGEST_PART = 60
_MOST_PARTS = 16


def fold(model: Any) -> dict[str, Any]:
    """Replace values that do not depend on the input by constants; returns them by name.

    Constant nodes become initializers; known shapes, and values computed only from constants,
    become constants. model: an onnx.ModelProto with inferred shapes, changed in place.
    """
    graph = model.graph
    to_array = extras.load("onnx.numpy_helper", "ONNX").to_array
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    small = {
        name: to_array(tensor)
        for name, tensor in tensors.items()
        if math.prod(tensor.dims) <= _MOST_ELEMENTS
    }
    shapes = {each.name: known_shape(each) for each in (*graph.value_info, *graph.input)}
    renamed: dict[str, str] = {}
    kept = []
    larger = 0
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = renamed.get(name, name)
        if node.op_type == "Identity" and node.input[0] in tensors and node.domain == "":
            renamed[node.output[0]] = node.input[0]
            continue
        values = _value(model, node, small, shapes)
        if values is None:
            larger += _asked_for(node, small)
            if larger > _REFUSED_ELEMENTS:
                raise ValueError(
                    f"its {node.op_type} and earlier nodes create {larger:,} constant values"
                )
            kept.append(node)
            continue
        small |= values
        for name, value in values.items():
            tensor = extras.load("onnx.numpy_helper", "ONNX").from_array(value, name)
            graph.initializer.append(tensor)
            tensors[name] = tensor
    wanted = {renamed.get(each.name, each.name) for each in graph.output}
    # A network with only constant outputs stays as it is: it is rejected later with a message.
    if not wanted & tensors.keys():
        copies = [_copied(node) for node in kept]
        del graph.node[:]
        graph.node.extend(copies)
    return small


def known_shape(value_info: Any) -> tuple[int, ...] | None:
    """The shape of an array if all its dimensions are known, else None."""
    tensor = value_info.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    sides = [int(each.dim_value) for each in tensor.shape.dim]
    return tuple(sides) if all(side > 0 for side in sides) else None


def tree_names(nodes: Sequence[Any]) -> list[str]:
    """A unique name for each node, as in torch's named_modules ('layer1.0.conv1').

    Derived from the exporter's names: torch's newer exporter stores the module names in the node's
    metadata, the older one writes '/layer1/layer1.0/conv1/Conv'. Only letters, digits and '_'
    remain, since torch.fx writes these names into the code that it runs.
    """
    scopes = [_scope(node) for node in nodes]
    uses = Counter(scopes)
    parents = {scope[:depth] for scope in scopes for depth in range(len(scope))}
    taken: set[tuple[str, ...]] = set(parents)
    names = []
    for node, scope in zip(nodes, scopes, strict=True):
        alone = scope and uses[scope] == 1 and scope not in parents
        wanted = scope if alone else (*scope, _part(node.op_type))
        name, count = wanted, 0
        while name in taken:
            count += 1
            name = (*wanted[:-1], f"{wanted[-1]}_{count}")
        taken.add(name)
        names.append(".".join(name))
    return names


def _value(
    model: Any, node: Any, known: dict[str, Any], shapes: dict[str, tuple[int, ...] | None]
) -> dict[str, Any] | None:
    """The outputs of a node that does not depend on the input, else None."""
    if node.domain != "":
        return None
    if node.op_type == "Shape" and not node.attribute:
        shape = shapes.get(node.input[0])
        return None if shape is None else {node.output[0]: np.array(shape, dtype=np.int64)}
    constant = node.op_type == "Constant"
    if not constant and (node.op_type not in _FOLDED or not node.input):
        return None
    if any(name and name not in known for name in node.input) or _is_large(node, known):
        return None
    helper = extras.load("onnx.helper", "ONNX")
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output]
    graph = helper.make_graph([node], "constants", [], outputs)
    graph.input.extend(helper.make_empty_tensor_value_info(name) for name in node.input if name)
    alone = helper.make_model(graph, opset_imports=model.opset_import)
    alone.ir_version = model.ir_version
    evaluator = extras.load("onnx.reference", "ONNX").ReferenceEvaluator(alone)
    results = evaluator.run(None, {name: known[name] for name in node.input if name})
    if not all(isinstance(r, np.ndarray | np.generic) for r in results):
        return None
    return {name: np.asarray(r) for name, r in zip(node.output, results, strict=True)}


def _is_large(node: Any, known: dict[str, Any]) -> bool:
    """Whether the result is too large to keep; a few bytes in a file can demand that."""
    # Broadcasting yields at most the product of its operands' numbers of elements.
    operands = math.prod(int(known[name].size) for name in node.input if name)
    return (_asked_for(node, known) if node.op_type in _MAKERS else operands) > _MOST_ELEMENTS


def _asked_for(node: Any, known: dict[str, Any]) -> int:
    """The number of elements that a node with a known size creates; 0 for any other node."""
    unknown = any(name and name not in known for name in node.input)
    if node.op_type not in _MAKERS or node.domain != "" or unknown:
        return 0
    if node.op_type == "ConstantOfShape":
        return _elements(known[node.input[0]])
    if node.op_type == "Expand":
        return _elements(known[node.input[1]]) * int(known[node.input[0]].size)
    start, stop, step = (float(known[name].reshape(-1)[0]) for name in node.input)
    return int(min(abs((stop - start) / step), 2.0**62)) if step else 0


def _elements(shape: Any) -> int:
    return math.prod(abs(int(side)) for side in shape.reshape(-1))


def _copied(node: Any) -> Any:
    copy = type(node)()
    copy.CopyFrom(node)
    return copy


def _scope(node: Any) -> tuple[str, ...]:
    """The modules that contain a node, outermost first; () if its name does not tell."""
    for fact in node.metadata_props:
        if fact.key == _SCOPES and len(fact.value) < 10_000:
            scopes = _literal(fact.value)
            if isinstance(scopes, list) and len(scopes) > 1:
                return tuple(_part(part) for part in str(scopes[-2]).split(".") if part)
    parts: list[str] = []
    for part in [part for part in node.name.split("/") if part][:_MOST_PARTS]:
        # torch repeats the enclosing module: 'layer1/layer1.0'.
        own = part.removeprefix(f"{_last(parts, part)}.")
        parts += own.split(".")
    clean = tuple(_part(part) for part in parts if part)[:_MOST_PARTS]
    return clean[:-1] if node.name.startswith("/") else clean


def _last(parts: list[str], part: str) -> str:
    for length in range(len(parts), 0, -1):
        tail = ".".join(parts[-length:])
        if part.startswith(f"{tail}."):
            return tail
    return ""


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _part(text: str) -> str:
    clean = re.sub(r"[^0-9A-Za-z_]", "_", text)[:_LONGEST_PART] or "_"
    # A submodule cannot have the name of an existing attribute.
    taken = hasattr(fx.GraphModule, clean) or keyword.iskeyword(clean) or clean == "initializers"
    return f"{clean}_" if taken else clean

"""Reads an ONNX file and prepares it for conversion; runs in a reader process.

An ONNX file contains a graph and its weights, but no code. The converter, however, lets torch.fx
generate and run Python for the graph, and inserts the names of the graph's nodes unescaped. So
every node is renamed, with plain letters, before conversion.
"""

from __future__ import annotations

import ast
import json
import os
from functools import partial
from pathlib import Path
from typing import Any

from engine.errors import ModelError, one_line
from engine.files import presence, regular
from engine.formats.onnx import operators
from engine.formats.onnx.graphs import fold, tree_names
from engine.lazy import extras

_CHANNELS = (1, 3)
_FLOATS = ("FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE")
# What ultralytics, PaddlePaddle's converters and others call them.
_LABEL_KEYS = ("names", "classes", "class_names", "labels", "character", "id2label")
_LONGEST_LABELS = 1_000_000
WAY_OUT = "export it for an older version of ONNX (opset 13), or open the original network"
FAILURES = (
    *(RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError),
    *(ArithmeticError, OSError, MemoryError, NotImplementedError),
)


def prepare(path: Path, descriptor: int) -> dict[str, Any]:
    """Write the prepared graph to a descriptor, followed by its metadata as JSON.

    In the graph, constants are folded, operators have the form that onnx2torch supports, and nodes
    are called node_0, node_1, ... The metadata holds the nodes' tree names, the input (channels,
    size, channels_last) and labels.
    Returns the end offsets of both. Raises ModelError: damaged, input other than one image, or an
    operator that cannot be brought into that form.
    """
    model = _read(path)
    taken = _input_of(path, model)
    try:
        # Shapes recorded by the exporter for another batch size would contradict inferred ones.
        del model.graph.value_info[:]
        prepared = extras.load("onnx.shape_inference", str(path)).infer_shapes(model)
        constants = fold(prepared)
        operators.rewrite(prepared.graph, constants)
        names = tree_names(prepared.graph.node)
        for index, node in enumerate(prepared.graph.node):
            node.name = f"node_{index}"
        data = prepared.SerializeToString()
    except FAILURES as error:
        raise ModelError(f"{path}: {reason(error)}; {WAY_OUT}") from error
    facts = json.dumps({"names": names, "labels": _labels(model), "input": taken}).encode()
    for content in (data, facts):
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
    return {"graph": len(data), "facts": len(data) + len(facts)}


def reason(error: BaseException) -> str:
    """Why a graph cannot be converted, as text."""
    line = one_line(error)
    if isinstance(error, KeyError):
        return f"onnx2torch requires {line} to be a constant, but the graph computes it"
    name = line.partition("operation_type='")[2].partition("'")[0]
    version = line.partition("version=")[2].partition(")")[0]
    if isinstance(error, NotImplementedError) and name:
        return f"onnx2torch does not support its operator {name} (version {version})"
    return f"onnx2torch cannot convert it ({line})"


def _read(path: Path) -> Any:
    onnx = extras.load("onnx", str(path))
    with regular.opened(path, ModelError) as file:
        content = file.read()
    damaged = extras.load("google.protobuf.message", str(path)).DecodeError
    try:
        model = onnx.load_from_string(content)
    except (damaged, ValueError, OSError) as error:
        raise ModelError(
            f"{path}: not an ONNX file, or damaged ({one_line(error)}); export or download it again"
        ) from error
    if not model.graph.node:
        raise ModelError(f"{path}: the ONNX file contains no network; export it again")
    for location in {_location(tensor) for tensor in model.graph.initializer} - {""}:
        if presence.exists(path.parent / location):
            with regular.opened(path.parent / location, partial(_beside, path)):
                pass
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        files = sorted({_location(t) for t in model.graph.initializer if t.external_data} - {""})
        named = ", ".join(files[:3]) or "unnamed"
        raise ModelError(
            f"{path}: its weights are in a separate file ({named}), which cannot be "
            "read; put it into the same folder, under that name"
        ) from error
    return model


def _beside(path: Path, text: str) -> ModelError:
    return ModelError(f"{path}: its weights are in a separate file, {text}")


def _location(tensor: Any) -> str:
    return next((entry.value for entry in tensor.external_data if entry.key == "location"), "")


def _input_of(path: Path, model: Any) -> dict[str, Any]:
    """The image input of a graph: channels and size where they are fixed."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(f"'{each.name[:40]}'" for each in inputs[:4])
        raise ModelError(
            f"{path}: the network takes {len(inputs)} inputs ({names or 'none'}); only networks "
            "that take a single image are supported"
        )
    tensor = inputs[0].type.tensor_type
    kind = extras.load("onnx", str(path)).TensorProto.DataType.Name(tensor.elem_type)
    if kind not in _FLOATS:
        raise ModelError(
            f"{path}: the network takes {kind.lower()} input, which has no gradient; export it "
            "for float input"
        )
    sides = [int(each.dim_value) or None for each in tensor.shape.dim]
    if len(sides) != 4:
        raise ModelError(
            f"{path}: the network's input has {len(sides)} axes, not 4 (batch, channels, height, "
            "width); open a network that takes a single image"
        )
    last = sides[3] in _CHANNELS and sides[1] not in _CHANNELS
    height, width = (sides[1], sides[2]) if last else (sides[2], sides[3])
    size = (height, width) if height is not None and width is not None else None
    # One image at a time; with a known batch size, most shapes in the graph are known.
    tensor.shape.dim[0].dim_value = 1
    return {
        "channels": sides[3] if last else sides[1],
        "size": size,
        "channels_last": last,
    }


def _labels(model: Any) -> tuple[str, ...]:
    """Class names in the file's metadata: a list, a mapping from index to name, or lines."""
    facts = {each.key.lower(): each.value[:_LONGEST_LABELS] for each in model.metadata_props}
    count = _classes_of(model)
    for key in _LABEL_KEYS:
        text = facts.get(key, "")
        found = _literal(text)
        if isinstance(found, dict):
            by_index = {
                int(k): v for k, v in found.items() if str(k).isdecimal() and len(str(k)) < 8
            }
            if sorted(by_index) == list(range(len(found))):
                found = [by_index[index] for index in range(len(by_index))]
        if isinstance(found, list) and found and all(isinstance(each, str) for each in found):
            return tuple(found)
        for parts in (text.strip("\r\n").splitlines(), text.split(",")):
            # Text without a form of its own, so the number of classes has to confirm it.
            if len(parts) == count > 1:
                return tuple(part.strip() for part in parts)
    return ()


def _classes_of(model: Any) -> int:
    """The number of classes if the file has a single output and fixes it, else 0."""
    if len(model.graph.output) != 1:
        return 0
    sides = [int(each.dim_value) for each in model.graph.output[0].type.tensor_type.shape.dim]
    return max(sides[1:], default=0)


def _literal(text: str) -> object:
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return None

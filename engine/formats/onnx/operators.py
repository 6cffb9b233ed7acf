"""Adds newer ONNX operators to onnx2torch, which supports those up to about opset 17.

Most later versions of an operator differ only in the types they accept; onnx's own schemas tell
which. Others, where exporters use them, are rewritten to their older form.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from engine.lazy import extras

_REDUCTIONS = frozenset(
    f"Reduce{kind}"
    for kind in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare")
)
# Attributes that later versions added, with the values that keep the old behaviour.
_ADDED: dict[str, dict[str, tuple[object, ...]]] = {
    "AveragePool": {"dilations": ([1], [1, 1], [1, 1, 1])},
    "Cast": {"saturate": (0, 1), "round_mode": (b"up",)},
    "Resize": {"antialias": (0,), "keep_aspect_ratio_policy": (b"stretch",)},
    "Range": {"stash_type": (1,)},
    "Pad": {},
}
# Number of inputs in the version that onnx2torch supports.
_INPUTS = {"Pad": 3}
_REWRITTEN = _REDUCTIONS | frozenset(_ADDED) | {"Split"}


class GroupNormalization(nn.Module):
    """ONNX GroupNormalization since opset 21: scale and bias per channel."""

    def __init__(self, groups: int, epsilon: float) -> None:
        super().__init__()
        self.groups, self.epsilon = groups, epsilon

    def forward(self, values: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
        if len(scale) == self.groups:  # opset 18 had them per group
            repeats = values.shape[1] // self.groups
            scale, bias = scale.repeat_interleave(repeats), bias.repeat_interleave(repeats)
        return functional.group_norm(values, self.groups, scale, bias, self.epsilon)


class GlobalMaxPool(nn.Module):
    """The maximum of each channel, with spatial axes of length 1 kept."""

    def forward(self, values: Tensor) -> Tensor:
        return values.amax(dim=tuple(range(2, values.ndim)), keepdim=True)


def teach() -> None:
    """Register missing converters with onnx2torch; existing ones stay. Safe to call twice."""
    _mend_slices()
    history: dict[str, list[Any]] = {}
    for schema in extras.load("onnx.defs", "ONNX").get_all_schemas_with_history():
        if schema.domain == "":
            history.setdefault(schema.name, []).append(schema)
    for name, schemas in history.items():
        known = None
        for schema in sorted(schemas, key=lambda each: int(each.since_version)):
            version = int(schema.since_version)
            converter = _converter(name, version)
            if converter is not None:
                known = schema, converter
            elif name in _NEW:
                _register(name, version, _NEW[name])
            elif known is not None and (
                name in _REWRITTEN or _signature(known[0]) == _signature(schema)
            ):
                _register(name, version, known[1])


def _mend_slices() -> None:
    """onnx2torch indexes with lists, which torch no longer wants."""
    slices = extras.load("onnx2torch.node_converters.slice", "ONNX")
    slices._do_slice = _sliced


def _sliced(values: Tensor, flipped: list[int], first: list[Any], last: list[Any]) -> Tensor:
    values = values.flip(flipped) if flipped else values
    values = values[tuple(first)] if first else values
    return values[tuple(last)] if last else values


def rewrite(graph: Any, constants: dict[str, Any]) -> None:
    """Rewrite newer nodes of a graph to the form that onnx2torch's converters expect.

    constants: the values that do not depend on the input, by name, as numpy arrays.
    Raises NotImplementedError, naming the operator, for a use without an older form.
    """
    for node in graph.node:
        if node.op_type in _REDUCTIONS and len(node.input) > 1:
            _reduce_as_before(node, constants)
        elif node.op_type == "Split":
            _drop(node, "num_outputs")
        elif node.op_type == "Reshape" and 0 not in constants.get(node.input[1], (0,)):
            # It defines the meaning of a 0 in the shape, and there is none.
            _drop(node, "allowzero")
        for name, harmless in _ADDED.get(node.op_type, {}).items():
            value = _attribute(node, name)
            if value is not None and value not in harmless:
                raise NotImplementedError(f"{node.op_type} with {name} {value}")
            _drop(node, name)
        most = _INPUTS.get(node.op_type)
        if most is not None and len(node.input) > most:
            if any(node.input[most:]):
                raise NotImplementedError(f"{node.op_type} with chosen axes")
            del node.input[most:]


def _reduce_as_before(node: Any, constants: dict[str, Any]) -> None:
    name = node.input[1]
    if name and name not in constants:
        raise NotImplementedError(f"{node.op_type} with computed axes")
    axes = constants[name].tolist() if name else []
    nothing = _attribute(node, "noop_with_empty_axes")
    del node.input[1:]
    _drop(node, "noop_with_empty_axes")
    if axes:
        make = extras.load("onnx.helper", "ONNX").make_attribute
        node.attribute.append(make("axes", axes))
    elif nothing:
        node.op_type = "Identity"
        del node.attribute[:]


def _attribute(node: Any, name: str) -> Any:
    value = extras.load("onnx.helper", "ONNX").get_attribute_value
    return next((value(each) for each in node.attribute if each.name == name), None)


def _drop(node: Any, name: str) -> None:
    for index, attribute in reversed(list(enumerate(node.attribute))):
        if attribute.name == name:
            del node.attribute[index]


def _signature(schema: Any) -> object:
    """The parts of an operator's schema that define its meaning: all but types and descriptions."""
    return (
        [(each.name, str(each.option)) for each in schema.inputs],
        [each.name for each in schema.outputs],
        {
            name: (str(each.type), each.required, str(each.default_value))
            for name, each in schema.attributes.items()
        },
    )


def _registry() -> Any:
    return extras.load("onnx2torch.node_converters.registry", "ONNX")


def _converter(name: str, version: int) -> Any:
    try:
        return _registry().get_converter(name, version)
    except NotImplementedError:
        return None


def _register(name: str, version: int, converter: Any) -> None:
    _registry().add_converter(operation_type=name, version=version)(converter)


def _simple(module: nn.Module, node: Any) -> Any:
    common = extras.load("onnx2torch.utils.common", "ONNX")
    return common.OperationConverterResult(
        torch_module=module, onnx_mapping=common.onnx_mapping_from_node(node)
    )


def _gelu(node: Any, _graph: Any) -> Any:
    return _simple(nn.GELU(approximate=node.attributes.get("approximate", "none")), node)


def _mish(node: Any, _graph: Any) -> Any:
    return _simple(nn.Mish(), node)


def _group_norm(node: Any, _graph: Any) -> Any:
    facts = node.attributes
    module = GroupNormalization(facts["num_groups"], facts.get("epsilon", 1e-5))
    return _simple(module, node)


def _global_max_pool(node: Any, _graph: Any) -> Any:
    return _simple(GlobalMaxPool(), node)


_NEW: dict[str, Any] = {
    "Gelu": _gelu,
    "Mish": _mish,
    "GroupNormalization": _group_norm,
    "GlobalMaxPool": _global_max_pool,
}

"""What the calls that a pickle requests would make, as nodes of its table; nothing is called.

Tensors, their storages and plain containers are recognised; of any other call, function and
arguments are noted (engine.weights.descriptions).
"""

from __future__ import annotations

import base64
from typing import Any

from engine.weights.pickle_table import Table, UnpicklingFault

_DTYPES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "UntypedStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
    "QUInt4x2Storage": "quint4x2",
    "QUInt2x4Storage": "quint2x4",
}
_PLAIN_DTYPES = frozenset(
    {"float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8"}
    | {"bool", "complex64", "complex128", "uint16", "uint32", "uint64"}
    | {"float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"}
)
# Tensor classes that do not change a tensor's values.
_TENSOR_TYPES = frozenset(
    {"torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter"}
    | {"torch.nn.parameter.Buffer"}
)


def called(table: Table, what: Any, arguments: list[Any] | None, keywords: Any = None) -> list[int]:
    """A reference to the result of a call that a pickle requests; nothing is called.

    Tensors and plain containers are recognised; other calls are described.
    """
    name = table.name(what)
    if name is None or arguments is None:
        # For example, the result of a call is called in turn.
        name, arguments = "an object", [what, *(arguments or ())]
    made = _plain_call(table, name, arguments) if keywords is None else None
    if made is not None:
        return made
    table.names[name] = None
    for value in arguments:
        inner = table.name(value)
        if inner is not None:
            table.names[inner] = None
    return table.add("described", name, list(arguments), keywords, None, [], [])


def _plain_call(table: Table, name: str, given: list[Any]) -> list[int] | None:
    if name in ("collections.OrderedDict", "builtins.dict") and not given:
        return table.add("dict", [])
    if name in ("builtins.set", "builtins.frozenset", "builtins.list", "builtins.tuple"):
        values = table.items(given[0]) if len(given) == 1 else ([] if not given else None)
        return None if values is None else table.add(name.rpartition(".")[2], list(values))
    if name == "torch.Size" and len(given) == 1 and table.items(given[0]) is not None:
        return table.add("tuple", list(table.items(given[0]) or ()))
    if name == "builtins.complex" and len(given) == 2:
        return table.add("complex", *given) if all(map(_is_number, given)) else None
    if name == "_codecs.encode" and len(given) == 2 and table.text(given[1]) == "latin1":
        octets = (table.text(given[0]) or "").encode("latin-1", "replace")
        return table.add("bytes", base64.b64encode(octets).decode("ascii"))
    if name == "copyreg._reconstructor" and len(given) == 3:
        # The way the oldest protocols create an object.
        kind = table.name(given[0])
        if kind is not None and table.name(given[1]) == "builtins.object" and given[2] is None:
            return called(table, given[0], [])
    return _tensor_call(table, name, given)


def _tensor_call(table: Table, name: str, given: list[Any]) -> list[int] | None:
    place, _, function = name.rpartition(".")
    if name == "torch._tensor._rebuild_from_type_v2" and len(given) == 4:
        inner = table.items(given[2])
        if table.name(given[1]) in _TENSOR_TYPES and inner is not None:
            return _tensor_call(table, table.name(given[0]) or "", inner)
        return None
    if place != "torch._utils":
        return None
    if function in ("_rebuild_parameter", "_rebuild_parameter_with_state") and given:
        data: list[int] | None = given[0] if table.node(given[0], "tensor") is not None else None
        return data
    if function in ("_rebuild_tensor", "_rebuild_tensor_v2") and len(given) >= 4:
        _refuse_marks(table, given[6:])
        return _tensor(table, given, None)
    if function == "_rebuild_tensor_v3" and len(given) >= 7:
        _refuse_marks(table, given[7:])
        return _tensor(table, given, (table.name(given[6]) or "").removeprefix("torch."))
    return None


def _refuse_marks(table: Table, given: list[Any]) -> None:
    """Raises UnpicklingFault for a tensor whose values differ from its storage: torch marks it as
    negated or conjugated, and applies that on reading."""
    if any(value is not None and table.node(value, "dict") != ["dict", []] for value in given):
        raise UnpicklingFault("has a tensor that is only marked as negated or conjugated")


def _tensor(table: Table, given: list[Any], dtype: str | None) -> list[int] | None:
    storage = table.node(given[0], "storage")
    shape, stride = table.items(given[2]), table.items(given[3])
    if storage is None or shape is None or stride is None:
        return None
    kind = storage[1] if dtype is None else dtype
    numbers = [given[1], *shape, *stride]
    if kind not in _PLAIN_DTYPES or not all(_is_count(n) for n in numbers):
        return None
    if len(shape) != len(stride) or len(shape) > 16:
        raise UnpicklingFault("has a tensor whose shape does not fit its strides")
    return table.add("tensor", kind, storage[2], given[1], list(shape), list(stride))


def storage(table: Table, given: list[Any] | None) -> list[int]:
    """A node for the storage of a tensor, whose bytes are elsewhere in the file.

    given: 'storage', its type, its key, a device, its number of elements; old files add a view.
    """
    if given and table.text(given[0]) == "module" and len(given) >= 2:
        source: list[int] = given[1]  # a class; its source code, kept for a warning, is ignored
        return source
    name = table.name(given[1]) if given and len(given) >= 5 else None
    key = table.text(given[2]) if given and name is not None else None
    if given is None or table.text(given[0]) != "storage" or name is None or key is None:
        raise UnpicklingFault("refers to something other than a tensor")
    dtype = _DTYPES.get(name.rpartition(".")[2])
    if dtype is None or not name.startswith("torch."):
        raise UnpicklingFault("has a tensor of an unknown kind")
    if not _is_count(given[4]):
        raise UnpicklingFault("has a tensor without a valid size")
    view = table.items(given[5]) if len(given) > 5 else None
    if view is not None:
        raise UnpicklingFault("has a view of a tensor, in the format of torch before 0.4")
    known = table.storages.setdefault(key, (dtype, given[4]))
    if known[1] != given[4] and known[0] == dtype:
        raise UnpicklingFault("gives two sizes for one tensor")
    return table.add("storage", dtype, key, given[4])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62

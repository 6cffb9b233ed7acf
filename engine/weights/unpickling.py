"""Interprets the opcodes of a pickle into a table of plain values; it creates no objects.

It decodes with pickletools and supports a short list of opcodes; classes and functions are only
named, and calls are recorded instead of made (engine.weights.descriptions). It does not need torch.

The table is a list of nodes. A value is None, a bool, an int, a float, a short str, or [i] for the
i-th node. Nodes precede the nodes that refer to them, except for values added later to a list, a
dict or an object's state; so values may be shared, and may contain themselves:

    ["str", text]  ["bytes", base64]  ["complex", real, imaginary]
    ["list", values]  ["tuple", values]  ["set", values]  ["frozenset", values]
    ["dict", [key, value, key, value, ...]]
    ["named", "module.name"]
    ["described", kind, arguments, keywords, state, items, [key, value, ...]]
    ["storage", dtype, key, elements]
    ["tensor", dtype, key, offset, shape, stride]     offset and stride in elements
"""

from __future__ import annotations

import base64
import pickletools
import warnings
from collections.abc import Callable
from typing import IO, Any

_MOST_VALUES = 12_000_000
_LONGEST_INLINE = 40
_LARGEST_INT_BITS = 1024
_MARK = object()

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
# Module names of Python 2.
_OLD_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg", "cPickle": "pickle"}


class UnpicklingFault(ValueError):
    """The pickle is damaged, or has content that no saved network has; the message says what."""


class Bounded:
    """A size-limited file for pickletools, which would allocate any length a pickle claims."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._size = file, size

    def read(self, count: int) -> bytes:
        if count > self._size:
            raise EOFError
        return self._file.read(count)

    def readline(self) -> bytes:
        return self._file.readline(1 << 20)


class Table:
    """The nodes that pickles are read into.

    names: the callables they request beyond tensors and plain values, as 'module.name', in order of
    appearance. storages: dtype and number of elements of each storage, by key.
    """

    def __init__(self) -> None:
        self.nodes: list[list[Any]] = []
        self.names: dict[str, None] = {}
        self.storages: dict[str, tuple[str, int]] = {}
        self._values = 0

    def load(self, file: Bounded) -> Any:
        """The value of the next pickle in the file.

        Raises UnpicklingFault, or pickletools' errors for a damaged pickle (ValueError, EOFError,
        IndexError).
        """
        return _Machine(self).run(file)

    def add(self, *node: Any) -> list[int]:
        """Add a node; returns a reference to it."""
        self.count(1)
        self.nodes.append(list(node))
        return [len(self.nodes) - 1]

    def count(self, values: int) -> None:
        self._values += values
        if self._values > _MOST_VALUES:
            raise UnpicklingFault(f"contains more than {_MOST_VALUES:,} values")

    def node(self, value: Any, *kinds: str) -> list[Any] | None:
        """The node that a value refers to, if it is of one of these kinds."""
        if not isinstance(value, list):
            return None
        node = self.nodes[value[0]]
        return node if node[0] in kinds else None

    def items(self, value: Any) -> list[Any] | None:
        """The values in a tuple or list; None for anything else."""
        node = self.node(value, "tuple", "list")
        return None if node is None else node[1]

    def text(self, value: Any) -> str | None:
        if isinstance(value, str):
            return value
        node = self.node(value, "str")
        return None if node is None else str(node[1])

    def name(self, value: Any) -> str | None:
        node = self.node(value, "named")
        return None if node is None else str(node[1])


class _Machine:
    """Interprets one pickle. The stack holds values and marks; the memo is the pickle's own."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, file: Bounded) -> Any:
        source: Any = file
        with warnings.catch_warnings():
            # Invalid escapes in strings of a damaged pickle cause warnings.
            warnings.simplefilter("ignore")
            for opcode, argument, _place in pickletools.genops(source):
                if opcode.name == "STOP":
                    return self._pop()
                step = _STEPS.get(opcode.name)
                if step is None:
                    raise UnpicklingFault(f"has the opcode {opcode.name}")
                step(self, argument)
        raise EOFError

    def push(self, value: Any) -> None:
        self.table.count(1)
        self.stack.append(value)

    def _pop(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise UnpicklingFault("has opcodes that do not fit together")
        return self.stack.pop()

    def top(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise UnpicklingFault("has opcodes that do not fit together")
        return self.stack[-1]

    def marked(self) -> list[Any]:
        """Pop the values above the last mark, and the mark."""
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _MARK:
                found = self.stack[place + 1 :]
                del self.stack[place:]
                return found
        raise UnpicklingFault("has opcodes that do not fit together")

    def last(self, count: int) -> list[Any]:
        return [self._pop() for _ in range(count)][::-1]

    # One method for each kind of opcode; pickletools documents their effect on the stack.

    def plain(self, argument: Any) -> None:
        if isinstance(argument, int) and argument.bit_length() > _LARGEST_INT_BITS:
            raise UnpicklingFault("contains an extremely large number")
        self.push(argument)

    def text(self, argument: str) -> None:
        long = len(argument) > _LONGEST_INLINE
        self.push(self.table.add("str", argument) if long else argument)

    def octets(self, argument: Any) -> None:
        # Python 2 used these opcodes for strings as well; pickletools decodes those to str.
        if isinstance(argument, str):
            self.text(argument)
            return
        self.push(self.table.add("bytes", base64.b64encode(argument).decode("ascii")))

    def mark(self, _argument: object) -> None:
        self.stack.append(_MARK)

    def pop(self, _argument: object) -> None:
        if not self.stack:
            raise UnpicklingFault("has opcodes that do not fit together")
        self.stack.pop()

    def pop_mark(self, _argument: object) -> None:
        self.marked()

    def duplicate(self, _argument: object) -> None:
        self.push(self.top())

    def put(self, argument: int | None) -> None:
        self.memo[len(self.memo) if argument is None else int(argument)] = self.top()

    def get(self, argument: int) -> None:
        if int(argument) not in self.memo:
            raise UnpicklingFault("has opcodes that do not fit together")
        self.push(self.memo[int(argument)])

    def sequence(self, kind: str, values: list[Any]) -> None:
        self.push(self.table.add(kind, values))

    def append(self, values: list[Any]) -> None:
        node = self.table.node(self.top(), "list", "set", "described")
        if node is None:
            raise UnpicklingFault("appends to something other than a list")
        (node[5] if node[0] == "described" else node[1]).extend(values)

    def set_items(self, values: list[Any]) -> None:
        node = self.table.node(self.top(), "dict", "described")
        if node is None or len(values) % 2:
            raise UnpicklingFault("sets items of something other than a dict")
        (node[6] if node[0] == "described" else node[1]).extend(values)

    def name(self, module: str, name: str) -> None:
        self.push(self.table.add("named", f"{_OLD_MODULES.get(module, module)}.{name}"))

    def named(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.name(module, name)

    def stack_named(self, _argument: object) -> None:
        module, name = (self.table.text(value) for value in self.last(2))
        if module is None or name is None:
            raise UnpicklingFault("contains a name that is not a string")
        self.name(module, name)

    def reduce(self, _argument: object) -> None:
        what, arguments = self.last(2)
        self.push(called(self.table, what, self.table.items(arguments)))

    def new(self, _argument: object) -> None:
        kind, arguments = self.last(2)
        self.push(called(self.table, kind, self.table.items(arguments)))

    def new_with_keywords(self, _argument: object) -> None:
        kind, arguments, keywords = self.last(3)
        self.push(called(self.table, kind, self.table.items(arguments), keywords))

    def instance(self, argument: str) -> None:
        values = self.marked()
        self.named(argument)
        self.push(called(self.table, self._pop(), values))

    def made(self, _argument: object) -> None:
        kind, *values = self.marked() or [None]
        self.push(called(self.table, kind, values))

    def build(self, _argument: object) -> None:
        state = self._pop()
        node = self.table.node(self.top(), "described")
        if node is not None:
            # A second state would update the object, so both are kept.
            node[4] = state if node[4] is None else self.table.add("tuple", [node[4], state])
        elif self.table.node(self.top(), "dict", "tensor") is None:
            raise UnpicklingFault("sets the state of something without attributes")

    def persistent(self, _argument: object) -> None:
        self.push(_storage(self.table, self.table.items(self._pop())))


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


def _storage(table: Table, given: list[Any] | None) -> list[int]:
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


_M = _Machine
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME"), lambda _machine, _argument: None),
    "NONE": lambda machine, _: machine.plain(None),
    "NEWTRUE": lambda machine, _: machine.plain(True),
    "NEWFALSE": lambda machine, _: machine.plain(False),
    **dict.fromkeys(
        ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        _M.plain,
    ),
    **dict.fromkeys(("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"), _M.text),
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING"), _M.octets),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"), _M.octets),
    "MARK": _M.mark,
    "POP": _M.pop,
    "POP_MARK": _M.pop_mark,
    "DUP": _M.duplicate,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _M.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _M.get),
    "EMPTY_LIST": lambda machine, _: machine.sequence("list", []),
    "EMPTY_TUPLE": lambda machine, _: machine.sequence("tuple", []),
    "EMPTY_DICT": lambda machine, _: machine.sequence("dict", []),
    "EMPTY_SET": lambda machine, _: machine.sequence("set", []),
    "LIST": lambda machine, _: machine.sequence("list", machine.marked()),
    "TUPLE": lambda machine, _: machine.sequence("tuple", machine.marked()),
    "DICT": lambda machine, _: machine.sequence("dict", machine.marked()),
    "FROZENSET": lambda machine, _: machine.sequence("frozenset", machine.marked()),
    "TUPLE1": lambda machine, _: machine.sequence("tuple", machine.last(1)),
    "TUPLE2": lambda machine, _: machine.sequence("tuple", machine.last(2)),
    "TUPLE3": lambda machine, _: machine.sequence("tuple", machine.last(3)),
    "APPEND": lambda machine, _: machine.append(machine.last(1)),
    "APPENDS": lambda machine, _: machine.append(machine.marked()),
    "ADDITEMS": lambda machine, _: machine.append(machine.marked()),
    "SETITEM": lambda machine, _: machine.set_items(machine.last(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.marked()),
    "GLOBAL": _M.named,
    "STACK_GLOBAL": _M.stack_named,
    "INST": _M.instance,
    "OBJ": _M.made,
    "REDUCE": _M.reduce,
    "NEWOBJ": _M.new,
    "NEWOBJ_EX": _M.new_with_keywords,
    "BUILD": _M.build,
    "BINPERSID": _M.persistent,
}

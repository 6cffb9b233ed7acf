"""Interprets the opcodes of a pickle into a table of plain values; it creates no objects.

It decodes with pickletools and supports a short list of opcodes; classes and functions are only
named, and calls are recorded instead of made (engine.weights.pickle_calls). It does not need torch.
"""

from __future__ import annotations

import base64
import pickletools
import warnings
from collections.abc import Callable
from typing import IO, Any

from engine.weights.pickle_calls import called, storage
from engine.weights.pickle_table import Table, UnpicklingFault

_LONGEST_INLINE = 40
_LARGEST_INT_BITS = 1024
_MARK = object()

# Module names of Python 2.
_OLD_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg", "cPickle": "pickle"}


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


def load(table: Table, file: Bounded) -> Any:
    """The value of the next pickle in the file, its nodes added to the table.

    Raises UnpicklingFault, or pickletools' errors for a damaged pickle (ValueError, EOFError,
    IndexError).
    """
    return _Machine(table).run(file)


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
        self.push(storage(self.table, self.table.items(self._pop())))


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

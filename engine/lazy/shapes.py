"""Lets a pass without data, and a gradient along a tensor, do without sympy and torch's compiler.

torch computes or compares shapes in Python there, in functions that also take the symbolic sizes
of its compiler; they import sympy, and the compiler itself, to ask whether a size is a symbol. Both
take about as long as importing torch, and cannot be cancelled. No size is a symbol in a pass of
this program, so the questions have plain answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from engine.lazy.stand_ins import real, standing_in

_SYMBOLS = "torch.fx.experimental.symbolic_shapes"
_COMPILER = "torch._dynamo"
_ALGEBRA = "sympy"
_FAMILY = (_SYMBOLS, _COMPILER, _ALGEBRA)


_PLAIN = frozenset({bool, int, float})


class _Symbol:
    """In place of sympy.Basic: no value in these passes is one."""


def _plain(name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
    """A function of that name, for numbers and truth values; for anything else, the real one."""

    def asked(*values: Any, **options: Any) -> Any:
        # Called for every axis of every tensor, so without a function call for a plain number.
        for value in values:
            if type(value) not in _PLAIN and not _is_plain(value):
                break
        else:
            if not options:
                return answer(*values)
        return getattr(real(_SYMBOLS, _FAMILY), name)(*values, **options)

    return asked


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return type(value) in _PLAIN


def _same(value: Any) -> Any:
    return value


def _equal(one: Any, other: Any) -> bool:
    return bool(list(one) == list(other) if isinstance(one, list | tuple) else one == other)


_ANSWERS: dict[str, Callable[..., Any]] = {
    "expect_true": _same,
    "guard_or_false": _same,
    "guard_or_true": _same,
    "guard_size_oblivious": _same,
    "guarding_hint_or_throw": _same,
    "has_guarding_hint": lambda _value: True,
    "statically_known_true": _same,
    "sym_and": lambda *values: all(values),
    "sym_or": lambda *values: any(values),
    "sym_eq": _equal,
    "is_nested_int": lambda _value: False,
}


@contextmanager
def without_symbols() -> Iterator[None]:
    """What is computed inside the with block imports neither sympy nor torch's compiler, unless an
    operation needs more of them than these answers."""
    seen: list[Any] = []

    def disable(function: Any, *_: Any, **__: Any) -> Any:
        # torch keeps the answer with the function, for good.
        seen.append(function)
        return function

    known = {name: _plain(name, answer) for name, answer in _ANSWERS.items()}
    try:
        with standing_in(
            {_SYMBOLS: known, _COMPILER: {"disable": disable}, _ALGEBRA: {"Basic": _Symbol}}
        ):
            yield
    finally:
        for function in seen:
            vars(function).pop("__dynamo_disable", None)

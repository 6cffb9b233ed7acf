"""The arguments of the user's classes and functions, those that **kwargs lead to included."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from engine.formats.python.proposals import is_class_count
from engine.questions import ArgumentKind, NetworkOption, Parameter

_KINDS: dict[object, ArgumentKind] = {
    int: "int",
    float: "float",
    bool: "bool",
    str: "str",
    "int": "int",
    "float": "float",
    "bool": "bool",
    "str": "str",
}


_PLAIN = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_DEEPEST = 5

# Tried where nothing shows what becomes of **kwargs.
_UNSEEN = inspect.Parameter("num_classes", inspect.Parameter.KEYWORD_ONLY, default=None)


@dataclass(frozen=True, slots=True)
class Calls:
    """The signatures of one imported file. tree: its source."""

    module: ModuleType
    tree: ast.Module

    def option(self, name: str) -> NetworkOption | None:
        """The class or function with all arguments that it takes; None without a signature."""
        parameters = self._parameters(name, _DEEPEST)
        if parameters is None:
            return None
        made = maker(self.module, name)
        kind: Literal["class", "function"] = "class" if isinstance(made, type) else "function"
        return NetworkOption(name, kind, tuple(map(_parameter, parameters.values())))

    def _parameters(self, name: str, depth: int) -> dict[str, inspect.Parameter] | None:
        try:
            signature = inspect.signature(maker(self.module, name))
        except (AttributeError, ValueError, TypeError):
            return None
        given = signature.parameters.values()
        own = {p.name: p for p in given if p.kind in _PLAIN}
        gathers = next((p.name for p in given if p.kind is inspect.Parameter.VAR_KEYWORD), None)
        body = self._body(name)
        if gathers is None or body is None or not depth:
            return own
        for call, bound in _passing(body, gathers):
            further = self._further(name, call, bound, depth)
            # Own arguments stay first: calls bind them by position.
            own |= {name: found for name, found in further.items() if name not in own}
        return own if any(map(is_class_count, own)) else {**own, _UNSEEN.name: _UNSEEN}

    def _further(
        self, caller: str, call: ast.Call, bound: set[str], depth: int
    ) -> dict[str, inspect.Parameter]:
        """The arguments that **kwargs may still name in this call."""
        target = named(self.module, call.func)
        if _is_super(call):
            target = next(iter(getattr(self.module, caller).__bases__), None)
        name = getattr(target, "__name__", "")
        if getattr(self.module, name, None) is target and target is not None:
            taken = self._parameters(name, depth - 1)
        elif callable(target) and target is not dict:
            taken = _plain(target)
        else:
            taken = None
        if not taken:
            return {}
        fixed = bound | {keyword.arg for keyword in call.keywords if keyword.arg is not None}
        positional = list(taken)[: len(call.args)]
        return {
            name: parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, parameter in taken.items()
            if name not in fixed and name not in positional
        }

    def _body(self, name: str) -> ast.FunctionDef | None:
        """The code of a function, of a class's constructor, or of a class method."""
        first, _, method = name.partition(".")
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return node
            if isinstance(node, ast.ClassDef) and node.name == first:
                inner = (part for part in node.body if isinstance(part, ast.FunctionDef))
                return next((n for n in inner if n.name == (method or "__init__")), None)
        return None


def maker(module: ModuleType, name: str) -> Any:
    """What an option's name refers to: a class, a function, or the method 'Class.method'."""
    return functools.reduce(getattr, name.split("."), module)


def _is_super(call: ast.Call) -> bool:
    """Whether this is super().__init__(...)."""
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and function.attr == "__init__"
        and isinstance(function.value, ast.Call)
        and isinstance(function.value.func, ast.Name)
        and function.value.func.id == "super"
    )


def _plain(target: Any) -> dict[str, inspect.Parameter]:
    try:
        parameters = inspect.signature(target).parameters.values()
    except (ValueError, TypeError):
        return {}
    return {p.name: p for p in parameters if p.kind in _PLAIN}


def _passing(body: ast.FunctionDef, gathers: str) -> Iterator[tuple[ast.Call, set[str]]]:
    """Calls that receive the function's **kwargs, perhaps by way of dict(size=2, **kwargs), with
    the names that such a dictionary binds."""
    through: dict[str, set[str]] = {gathers: set()}
    for node in ast.walk(body):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            call = node.value
            inner = next((n for n in _unpacked(call) if n in through), None)
            if inner is not None and isinstance(call.func, ast.Name) and call.func.id == "dict":
                names = {keyword.arg for keyword in call.keywords if keyword.arg is not None}
                targets = {t.id for t in node.targets if isinstance(t, ast.Name)}
                through |= dict.fromkeys(targets, through[inner] | names)
    for node in ast.walk(body):
        if isinstance(node, ast.Call):
            inner = next((name for name in _unpacked(node) if name in through), None)
            if inner is not None:
                yield node, through[inner]


def _unpacked(call: ast.Call) -> Iterator[str]:
    for keyword in call.keywords:
        if keyword.arg is None and isinstance(keyword.value, ast.Name):
            yield keyword.value.id


def named(module: ModuleType, expression: ast.expr) -> Any:
    """The object that a dotted name refers to in the module; None for other expressions."""
    if isinstance(expression, ast.Name):
        return getattr(module, expression.id, None)
    if isinstance(expression, ast.Attribute):
        return getattr(named(module, expression.value), expression.attr, None)
    return None


def _parameter(parameter: inspect.Parameter) -> Parameter:
    has_default = parameter.default is not inspect.Parameter.empty
    kind = _KINDS.get(parameter.annotation)
    if kind is None:
        known = _KINDS.get(type(parameter.default)) if has_default else None
        kind = known or "value"
    if has_default and parameter.default is None:
        kind = "value"
    return Parameter(parameter.name, kind, _shown(parameter.default) if has_default else None)


def _shown(default: object) -> str:
    if isinstance(default, type) or inspect.isroutine(default):
        return str(getattr(default, "__name__", default))
    return repr(default)[:200]

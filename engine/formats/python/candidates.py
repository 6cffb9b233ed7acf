"""Finds the classes and functions of a Python file that create networks, and calls them."""

from __future__ import annotations

import ast
import inspect
import typing
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from engine.errors import ModelError
from engine.formats.python.importing import told_in_one_line
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


def networks_in(module: ModuleType) -> tuple[NetworkOption, ...]:
    """The networks of an imported file: its nn.Module classes with a forward method, own or
    inherited, and its functions that return such a network.

    A function counts if its return annotation is a module, or if its return value comes from
    calling a module class or another such function. Losses and names with a leading underscore do
    not count. Building blocks of other networks come last.
    """
    # The source that was run; the file on disk may have changed since.
    loader: Any = module.__loader__
    tree = ast.parse(loader.get_source(module.__name__))
    classes = list(_classes(module))
    functions = list(_functions(module, tree))
    used = _used_inside(tree)
    ordered = sorted((*classes, *functions), key=lambda name: name in used)
    return tuple(option for name in ordered if (option := _option(module, name)) is not None)


def make(
    path: Path,
    module: ModuleType,
    option: NetworkOption,
    arguments: Iterable[tuple[str, str]] = (),
) -> nn.Module:
    """Build the network of an option with these arguments (Python literals), in eval mode.

    Raises ModelError for an argument that does not exist or has the wrong type, and, with the line
    number, for any error in the file's code.
    """
    given = _values(path, option, arguments)
    with told_in_one_line(path):
        made: object = getattr(module, option.name)(**given)
        if not isinstance(made, nn.Module):
            raise ModelError(
                f"{path}: {option.name} returned a {type(made).__name__}, not a network; "
                "name another class or function"
            )
        return made.cpu().eval()


def missing(option: NetworkOption, arguments: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The names of the arguments that have no default and were not given."""
    given = {name for name, _ in arguments}
    return tuple(p.name for p in option.parameters if p.required and p.name not in given)


def _values(
    path: Path, option: NetworkOption, arguments: Iterable[tuple[str, str]]
) -> dict[str, object]:
    known = {parameter.name: parameter for parameter in option.parameters}
    values: dict[str, object] = {}
    for name, text in arguments:
        parameter = known.get(name)
        if parameter is None:
            takes = f"it takes {', '.join(known)}" if known else "it takes no arguments"
            raise ModelError(f"{path}: {option.name} has no argument '{name}'; {takes}")
        # A default may be something other than a literal (an activation class); it is left unset.
        if text != parameter.default:
            values[name] = _value(path, parameter, text)
    return values


def _value(path: Path, parameter: Parameter, text: str) -> object:
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        if parameter.kind == "str":
            return text
        if parameter.kind == "bool" and text.strip().lower() in ("true", "false"):
            return text.strip().lower() == "true"
        what = "a Python literal such as 3, [1, 2] or 'text'"
        raise _unfit(path, parameter, text, what) from None
    if parameter.kind == "float" and type(value) is int:
        return float(value)
    if parameter.kind == "str" and not isinstance(value, str):
        return text
    wanted = {"int": int, "float": float, "bool": bool, "str": str}.get(parameter.kind)
    if wanted is not None and type(value) is not wanted and value is not None:
        raise _unfit(path, parameter, text, f"of type {parameter.kind}")
    return value


def _unfit(path: Path, parameter: Parameter, text: str, what: str) -> ModelError:
    return ModelError(f"{path}: the argument {parameter.name} must be {what}, not {text[:40]}")


def _classes(module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        if (
            isinstance(value, type)
            and issubclass(value, nn.Module)
            and not issubclass(value, nn.modules.loss._Loss)
            and value.__module__ == module.__name__
            and value.__name__ == name
            and value.forward is not nn.Module.forward
            and not inspect.isabstract(value)
            and not name.startswith("_")
        ):
            yield name


def _functions(module: ModuleType, tree: ast.Module) -> Iterator[str]:
    known: set[str] = set()
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        function = getattr(module, node.name, None)
        if inspect.isfunction(function) and (
            _is_network(_result(function)) or _returns_network(module, node, known)
        ):
            known.add(node.name)
            yield node.name


def _result(function: Callable[..., object]) -> object:
    """The return annotation of a function, None if it cannot be resolved."""
    try:
        return typing.get_type_hints(function).get("return")
    except (NameError, TypeError, AttributeError, SyntaxError):
        return None


def _is_network(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, nn.Module)


def _returns_network(module: ModuleType, function: ast.FunctionDef, known: set[str]) -> bool:
    made: set[str] = set()

    def makes(value: ast.expr | None) -> bool:
        if isinstance(value, ast.Name):
            return value.id in made
        if not isinstance(value, ast.Call):
            return False
        if isinstance(value.func, ast.Name) and value.func.id in known:
            return True
        # network.eval() and network.to(device) return the network itself.
        if isinstance(value.func, ast.Attribute) and makes(value.func.value):
            return True
        target = _named(module, value.func)
        return _is_network(target) or (callable(target) and _is_network(_result(target)))

    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and makes(node.value):
            made |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    returned = [makes(node.value) for node in ast.walk(function) if isinstance(node, ast.Return)]
    return bool(returned) and all(returned)


def _named(module: ModuleType, expression: ast.expr) -> Any:
    """The object that a dotted name refers to in the module; None for other expressions."""
    if isinstance(expression, ast.Name):
        return getattr(module, expression.id, None)
    if isinstance(expression, ast.Attribute):
        return getattr(_named(module, expression.value), expression.attr, None)
    return None


def _used_inside(tree: ast.Module) -> set[str]:
    """The names used inside other classes of the file: their building blocks."""
    used: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            used |= names - {node.name}
    return used


def _option(module: ModuleType, name: str) -> NetworkOption | None:
    value = getattr(module, name)
    try:
        signature = inspect.signature(value)
    except (ValueError, TypeError):
        return None
    plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = [_parameter(p) for p in signature.parameters.values() if p.kind in plain]
    kind: typing.Literal["class", "function"] = "class" if isinstance(value, type) else "function"
    return NetworkOption(name, kind, tuple(parameters))


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

"""Finds the classes and functions of a Python file that create networks, and calls them."""

from __future__ import annotations

import ast
import inspect
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from engine.errors import ModelError
from engine.formats.python.importing import fetched_by, told_in_one_line
from engine.formats.python.offline.fetches import without_fetching
from engine.formats.python.signatures import Calls, maker, named
from engine.questions import NetworkOption, Parameter

# Text without quotes, for an argument of unknown type.
_WORD = re.compile(r"[A-Za-z_][\w.+/-]*")


def networks_in(module: ModuleType) -> tuple[NetworkOption, ...]:
    """The networks of an imported file: its nn.Module classes with a forward method, own or
    inherited, and its functions that return such a network.

    A function counts if its return annotation is a module, or if its return value comes from
    calling a module class or another such function, and a class method ('Net.from_name') if it
    returns what its class makes. Losses, classes of TorchScript, names with a leading underscore
    and helpers that make one layer for other classes do not count. Building blocks of other
    networks come last.
    """
    # The source that was run; the file on disk may have changed since.
    loader: Any = module.__loader__
    tree = ast.parse(loader.get_source(module.__name__))
    classes = list(_classes(module))
    functions = list(_functions(module, tree))
    used = used_inside(tree)
    inside = _used_in_classes(tree)
    networks = [name for name in functions if name not in inside]
    methods = [f"{kind}.{name}" for kind in classes for name in _class_methods(tree, kind)]
    ordered = (*sorted((*classes, *networks), key=lambda name: name in used), *methods)
    calls = Calls(module, tree)
    return tuple(option for name in ordered if (option := calls.option(name)) is not None)


def blocks_in(module: ModuleType) -> frozenset[str]:
    """The names in a file that its other classes and functions use: parts, not whole networks."""
    loader: Any = module.__loader__
    return frozenset(used_inside(ast.parse(loader.get_source(module.__name__))))


def users_of(module: ModuleType, name: str) -> frozenset[str]:
    """The classes and functions of a file that use this name in their code."""
    loader: Any = module.__loader__
    definitions = (ast.ClassDef, ast.FunctionDef)
    tree = ast.parse(loader.get_source(module.__name__))
    own = [node for node in tree.body if isinstance(node, definitions) and node.name != name]
    return frozenset(node.name for node in own if name in _names(node))


def make(
    path: Path, module: ModuleType, option: NetworkOption, values: Mapping[str, object]
) -> tuple[nn.Module, tuple[str, ...]]:
    """Build the network of an option with these arguments, on the CPU and in eval mode.

    Nothing is fetched (see offline); also returns what the code asked to download. Raises
    ModelError, with the line number, for any error in the file's code.
    """
    with without_fetching(fetched_by(module)) as noted, told_in_one_line(path):
        network = called(path, module, option, values).cpu().eval()
    return network, tuple(noted)


def called(
    path: Path, module: ModuleType, option: NetworkOption, values: Mapping[str, object]
) -> nn.Module:
    """The network that the option returns for these values. Raises ModelError if it returns
    something else; the file's own exceptions pass."""
    made: object = maker(module, option.name)(**values)
    if not isinstance(made, nn.Module):
        raise ModelError(
            f"{path}: {option.name} returned a {type(made).__name__}, not a network; "
            "name another class or function"
        )
    return made


def missing(option: NetworkOption, arguments: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The names of the arguments that have no default and were not given."""
    given = {name for name, _ in arguments}
    return tuple(p.name for p in option.parameters if p.required and p.name not in given)


def values_of(
    path: Path, option: NetworkOption, arguments: Iterable[tuple[str, str]]
) -> dict[str, object]:
    """The arguments as Python values. Raises ModelError for one that does not exist or has the
    wrong type."""
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
        word = parameter.kind == "value" and _WORD.fullmatch(text.strip())
        if parameter.kind == "str" or word:
            return text.strip() if word else text
        if parameter.kind == "bool" and text.strip().lower() in ("true", "false"):
            return text.strip().lower() == "true"
        what = "a Python literal such as 3, [1, 2] or 'text'"
        raise _unfit(path, parameter, text, what) from None
    if parameter.kind == "float" and type(value) is int:
        return float(value)
    if parameter.kind == "str" and not isinstance(value, str | None):
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
            and not issubclass(value, torch.jit.ScriptModule)
            and not issubclass(value, nn.modules.loss._Loss)
            and value.__module__ == module.__name__
            and value.__name__ == name
            and value.forward is not nn.Module.forward
            and not inspect.isabstract(value)
            and not name.startswith("_")
        ):
            yield name


def _class_methods(tree: ast.Module, kind: str) -> Iterator[str]:
    """The class methods that return what cls(...) makes."""
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind)
    for node in (part for found in classes for part in found.body):
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        decorated = any(
            isinstance(d, ast.Name) and d.id == "classmethod" for d in node.decorator_list
        )
        if decorated and node.args.args and _returns_own(node, node.args.args[0].arg):
            yield node.name


def _returns_own(method: ast.FunctionDef, cls: str) -> bool:
    made: set[str] = set()

    def makes(value: ast.expr | None) -> bool:
        if isinstance(value, ast.Name):
            return value.id in made
        if not isinstance(value, ast.Call):
            return False
        target = value.func
        # cls(...), or another of its class methods.
        owner = target.value if isinstance(target, ast.Attribute) else target
        return isinstance(owner, ast.Name) and owner.id == cls

    for node in ast.walk(method):
        if isinstance(node, ast.Assign) and makes(node.value):
            made |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return any(makes(node.value) for node in ast.walk(method) if isinstance(node, ast.Return))


def _functions(module: ModuleType, tree: ast.Module) -> Iterator[str]:
    """Functions that return a network; they may call each other in any order."""
    nodes = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    known: set[str] = set()
    while found := {node.name for node in nodes if _makes(module, node, known)} - known:
        known |= found
    yield from (node.name for node in nodes if node.name in known and node.name[0] != "_")


def _makes(module: ModuleType, node: ast.FunctionDef, known: set[str]) -> bool:
    function = getattr(module, node.name, None)
    return inspect.isfunction(function) and (
        _is_network(_result(function)) or _returns_network(module, node, known)
    )


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
        target = named(module, value.func)
        if _is_network(target):
            return not _is_layer(target)
        return callable(target) and _is_network(_result(target))

    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.AnnAssign) and makes(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            made |= {target.id for target in targets if isinstance(target, ast.Name)}
    returned = [makes(node.value) for node in ast.walk(function) if isinstance(node, ast.Return)]
    return bool(returned) and all(returned)


def _is_layer(kind: type) -> bool:
    """Whether a class is a layer of torch, unlike a container, which may be a whole network."""
    return kind.__module__.startswith("torch.nn") and not issubclass(kind, nn.Sequential)


def used_inside(tree: ast.Module) -> set[str]:
    """The names used inside other classes of the file, or handed to a function: building blocks."""
    handed = {
        value.id
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
        for value in (*call.args, *(keyword.value for keyword in call.keywords))
        if isinstance(value, ast.Name)
    }
    return handed | _used_in_classes(tree)


def _used_in_classes(tree: ast.Module) -> set[str]:
    used: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            used |= _names(node) - {node.name}
    return used


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}

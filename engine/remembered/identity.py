"""Tells networks apart: equal identities are inspected with equal results.

An inspection depends on the structure of a network, on the code of its modules and on the shapes of
its tensors, but not on their values. So all of these make up the identity: modules with their plain
attributes, the releases of the packages that their classes come from, and the checksum of a Python
file that the user opened.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from engine.version import VERSION

CHECKSUM = "__hookscope_sha256__"
"""Attribute of a package that holds a user's code: the checksum of that code."""

_TORCHS_OWN = frozenset(vars(nn.Module()))
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_NOT_CODE = frozenset({"builtins", *sys.stdlib_module_names})
_PLAIN = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.Size)
# Attributes that repeat the number of classes: of any module, and of the head as well.
_COUNTS = (("num_classes",), ("num_classes", "out_features", "out_channels"))
_RULING = ("formats", "inspection", "lazy", "passes")
_MOST_PARTS = 100_000


@dataclass(slots=True)
class _Description:
    """plain: whether all attributes were understood. roots: the packages whose code runs.
    classes: the number of outputs that is left out, where a layer has as many; 0 for none."""

    plain: bool = True
    roots: set[str] = field(default_factory=set)
    known: dict[int, int] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    classes: int = 0

    def number(self, thing: object) -> int:
        """The same for the same object, which a network may use in several places."""
        return self.known.setdefault(id(thing), len(self.known))

    def value(self, value: Any) -> str:
        """One attribute of a module."""
        if isinstance(value, (Enum, *_PLAIN)):
            return repr(value)
        if isinstance(value, Tensor):
            return self.tensor(value)
        if isinstance(value, list | tuple):
            return f"[{', '.join(map(self.value, value))}]"
        if isinstance(value, set | frozenset):
            return f"{{{', '.join(sorted(map(self.value, value)))}}}"
        if isinstance(value, dict):
            pairs = (f"{self.value(k)}: {self.value(v)}" for k, v in value.items())
            return f"{{{', '.join(pairs)}}}"
        if isinstance(value, functools.partial):
            return f"partial {self.value([value.func, value.args, value.keywords])}"
        if isinstance(value, type) or (isinstance(value, FunctionType) and _is_constant(value)):
            return self.code(value)
        self.plain = False
        return type(value).__qualname__

    def code(self, thing: type | FunctionType) -> str:
        """A class or function, by the name under which its package defines it."""
        self.roots.add(thing.__module__.partition(".")[0])
        return f"{thing.__module__}.{thing.__qualname__}"

    def module(self, name: str, part: nn.Module) -> None:
        kinds = [self.code(kind) for kind in type(part).__mro__ if kind is not object]
        if "<locals>" in kinds[0] or any(getattr(part, hooks, None) for hooks in _HOOKS):
            self.plain = False
        own = {k: v for k, v in vars(part).items() if k not in _TORCHS_OWN}
        head = isinstance(part, nn.Linear | nn.Conv2d) and classes_of(part) == self.classes
        if self.classes:
            own = {k: v for k, v in own.items() if k not in _COUNTS[head]}
        tensors = [
            f"{key} {self.number(tensor)} {self.tensor(tensor, head)}"
            for key, tensor in (*part._parameters.items(), *part._buffers.items())
            if tensor is not None
        ]
        self.parts.append(f"{name} {self.number(part)} {kinds} {tensors} {self.value(own)}")

    def tensor(self, tensor: Tensor, of_head: bool = False) -> str:
        return f"tensor {tuple(tensor.shape[of_head:])} {tensor.dtype}"


def head_of(module: nn.Module) -> nn.Linear | nn.Conv2d | None:
    """The last linear layer or convolution in the tree, which gives the logits of most networks."""
    layers = [part for part in module.modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    return layers[-1] if layers else None


def classes_of(head: nn.Linear | nn.Conv2d) -> int:
    return head.out_features if isinstance(head, nn.Linear) else head.out_channels


def identity_of(module: nn.Module, content: str = "", *, any_classes: bool = False) -> str:
    """A checksum over the network's structure and code; '' if it cannot be told apart from others.

    content: checksum of the file that it was built from, for networks with attributes that are not
    plain values; '' if there is none. Such a network of a user's own code has no identity.
    any_classes: leave out how many outputs its heads have.
    """
    head = head_of(module) if any_classes else None
    described = _Description(classes=0 if head is None else classes_of(head))
    for name, part in module.named_modules(remove_duplicate=False):
        described.module(name, part)
        if len(described.parts) > _MOST_PARTS:
            return ""
    if not described.plain and (not content or _is_users(described.roots)):
        # A user's code may set such an attribute from anything, so that no file determines it.
        return ""
    releases = _releases(described.roots)
    if releases is None:
        return ""
    own = [content] if not described.plain else []
    whole = "\n".join([*own, *releases, *described.parts])
    return hashlib.sha256(whole.encode("utf-8", "backslashreplace")).hexdigest()


def _is_constant(function: FunctionType) -> bool:
    """Whether its code alone says what it does: it holds no values of its own."""
    return function.__closure__ is None and not (function.__defaults__ or function.__kwdefaults__)


def _is_users(roots: set[str]) -> bool:
    return any(getattr(sys.modules.get(root), CHECKSUM, "") for root in roots)


def _releases(roots: set[str]) -> list[str] | None:
    """The code of each package, by its release or its checksum; None if one has neither."""
    found: dict[str, str] = {}
    waiting = sorted(roots - _NOT_CODE)
    while waiting:
        root = waiting.pop()
        if root in found:
            continue
        package = sys.modules.get(root)
        own = getattr(package, CHECKSUM, "")
        told = own or _release(root)
        if not told:
            return None
        found[root] = told
        if own:
            # The user's code may call any package that it imports.
            waiting += sorted(_used_by(root) - found.keys() - _NOT_CODE)
    return [f"{root} {found[root]}" for root in sorted(found)]


@functools.cache
def _release(root: str) -> str:
    """The release of an installed package, '' if its files may change without another number."""
    if root == "engine":
        return VERSION
    try:
        package = importlib.metadata.distribution(root)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        packaged = getattr(sys, "frozen", False)
        release = str(getattr(sys.modules.get(root), "__version__", "")) if packaged else ""
        return release.partition("+")[0]
    edited = package.read_text("direct_url.json")
    return "" if edited is not None else package.version.partition("+")[0]


def _used_by(root: str) -> set[str]:
    """The packages of everything that the modules of the user's code hold."""
    return {
        name.partition(".")[0]
        for module in [m for n, m in sys.modules.items() if n.partition(".")[0] == root]
        for value in vars(module).values()
        for name in _origins(value)
    }


def _origins(value: Any) -> Iterator[str]:
    if isinstance(value, ModuleType):
        yield value.__name__
    elif isinstance(getattr(value, "__module__", None), str):
        yield value.__module__


@functools.cache
def rules() -> str:
    """A checksum over the program's own code that inspects networks, or builds them."""
    engine = Path(__file__).parents[1]
    whole = hashlib.sha256(VERSION.encode())
    for room in _RULING:
        for file in sorted((engine / room).rglob("*.py")):
            # In the packaged program there are no sources, and code changes with the version.
            whole.update(file.read_bytes())
    return whole.hexdigest()

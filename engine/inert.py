"""Pickles read without running anything: what is not a tensor or a plain value becomes inert.

torch's own restricted reader (weights_only) calls nothing but what it is allowed to. Allowed are
here, besides what rebuilds tensors, stand-ins for every class that the pickle names: they take
any arguments and only remember their state. A module of an unknown class so still gives its
tensors, under the names of its state dict.
"""

from __future__ import annotations

import io
import logging
import pickle
import struct
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import WeightsError

_log = logging.getLogger(__name__)

# The class of what torch.compile returns, whose first argument is the network.
_COMPILED = "OptimizedModule"

FAILURES = (
    *(pickle.UnpicklingError, OSError, EOFError, RuntimeError, ValueError, LookupError),
    *(TypeError, AttributeError, MemoryError, AssertionError, ArithmeticError, struct.error),
)
"""What reading a damaged pickle can raise."""


class Inert:
    """Stands for an object whose class was not run; its state is what the pickle said.

    given: the arguments that its constructor would have got.
    """

    given: tuple[object, ...] = ()

    def __new__(cls, *_args: object, **_named: object) -> Inert:
        return super().__new__(cls)

    def __init__(self, *given: object, **_named: object) -> None:
        self.given = given

    def __setstate__(self, state: object) -> None:
        # With slots, it is a pair of dictionaries.
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                self.__dict__.update(part)


def unsafe_names(names: Iterable[str]) -> tuple[str, ...]:
    """Those names of a pickle that torch does not read by itself, as it does tensors and numbers.

    They come back as Python 3 calls them ('builtins.eval' for '__builtin__.eval'), sorted.
    """
    wanted = sorted(set(names))
    # torch tells it for zip archives only; so it is given one that holds nothing but the names.
    odd = [name for name in wanted if not name.isprintable() or "." not in name]
    globals_ = (name.rpartition(".") for name in wanted if name not in odd)
    lines = "".join(f"c{module}\n{name}\n" for module, _, name in globals_)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("names/data.pkl", b"\x80\x02" + lines.encode("utf-8", "replace") + b".")
        file.writestr("names/version", b"3\n")
    archive.seek(0)
    return (*sorted(torch.serialization.get_unsafe_globals_in_checkpoint(archive)), *odd)


def stand_in(name: str) -> type[Inert]:
    """An inert class for the name 'module.Class'."""
    return type(name.rpartition(".")[2] or "Unnamed", (Inert,), {})


def restricted_load(path: Path, allowed: Mapping[str, object]) -> Any:
    """The content of a file of torch.save, by torch's weights_only reader, on the CPU.

    allowed: what names of the pickle stand for, beyond tensors and plain values. Raises what torch
    raises (FAILURES).
    """
    pairs: list[Any] = [(what, name) for name, what in allowed.items()]
    with warnings.catch_warnings(), torch.serialization.safe_globals(pairs), torch.device("meta"):
        # torch remarks on pickle protocols and old storages; what it cannot read is an error. The
        # meta device keeps a constructor that the pickle calls from filling the memory.
        warnings.simplefilter("ignore")
        # The open file, for torch goes by the suffix of a path.
        with path.open("rb") as file:
            return torch.load(file, map_location="cpu", weights_only=True)


def read_inert(
    path: Path, names: Iterable[str], allowed: Mapping[str, object] | None = None
) -> Any:
    """The content of a file of torch.save, with an Inert object for each of the named classes.

    allowed: names that stand for what they say. Wrappers of torch.compile are taken off.
    Raises WeightsError when the file is damaged or cannot be read without running it.
    """
    known = {name: stand_in(name) for name in names} | dict(allowed or {})
    try:
        content = restricted_load(path, known)
    except FAILURES as error:
        _log.info("%s cannot be read inertly: %s", path, error)
        raise WeightsError(
            f"{path}: its tensors cannot be read without running it; "
            "save the network's state_dict() and open that"
        ) from error
    if isinstance(content, dict):
        return {key: _bare(value) for key, value in content.items()}
    return _bare(content)


def _bare(value: object) -> object:
    while isinstance(value, Inert) and type(value).__name__ == _COMPILED and value.given:
        value = value.given[0]
    return value


def has_inert(value: object) -> bool:
    """Whether an inert object is somewhere in value, its containers and modules."""
    waiting, seen = [value], set()
    while waiting:
        current = waiting.pop()
        if isinstance(current, Inert):
            return True
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, nn.Module):
            waiting += vars(current).values()
        elif isinstance(current, Mapping):
            waiting += [*current.keys(), *current.values()]
        elif isinstance(current, list | tuple | set):
            waiting += current
    return False


def looks_like_module(value: object) -> bool:
    """Whether value is a module, or stands for one."""
    if isinstance(value, nn.Module):
        return True
    return isinstance(value, Inert) and isinstance(vars(value).get("_modules"), Mapping)


def state_dict_of(value: object) -> OrderedDict[str, Tensor]:
    """The tensors of a module, or of what stands for one, under the names of its state dict."""
    found: OrderedDict[str, Tensor] = OrderedDict()
    _collect(value, "", found, depth=0)
    return found


def with_state_dicts(content: object) -> object:
    """content with each module in it, at its top or in a mapping, replaced by its state dict."""
    if looks_like_module(content):
        return state_dict_of(content)
    if isinstance(content, Mapping):
        return {
            key: state_dict_of(value) if looks_like_module(value) else value
            for key, value in content.items()
        }
    return content


def _collect(value: object, prefix: str, found: dict[str, Tensor], depth: int) -> None:
    # As deep as no network goes; a pickle can hold itself.
    if depth > 100:
        return
    state = vars(value)
    passing = state.get("_non_persistent_buffers_set") or ()
    for part in ("_parameters", "_buffers"):
        tensors = state.get(part)
        for name, tensor in tensors.items() if isinstance(tensors, Mapping) else ():
            if isinstance(tensor, Tensor) and not (part == "_buffers" and name in passing):
                found[f"{prefix}{name}"] = tensor.detach()
    for name, child in state["_modules"].items():
        if looks_like_module(child):
            _collect(child, f"{prefix}{name}.", found, depth + 1)

"""Whole networks that torch.save pickled: read restricted where that is enough, else after consent.

Three ways, the first that will do: torch's restricted reader with no classes but those of
torch.nn, torchvision.models, torchvision.ops and of a Python file that the user agreed to; the
same reader with stand-ins for every other class, where no network has a part in them (as the
settings in a checkpoint); and, once the user agreed to the file, an unrestricted one.
"""

from __future__ import annotations

import importlib
import logging
import pickle
import types
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import nn

from engine import vision
from engine.archives import pickle_facts
from engine.errors import FOREIGN_ERRORS, HookscopeError, ModelError, WeightsError, one_line
from engine.inert import (
    FAILURES,
    has_inert,
    looks_like_module,
    read_inert,
    restricted_load,
    unsafe_names,
    with_state_dicts,
)
from engine.network import Network
from engine.python_sources import is_absent
from engine.trust import Trust
from engine.weights import StateDict, checksum, find_state_dict
from engine.wrappers import unwrapped

_log = logging.getLogger(__name__)

OwnClass = Callable[[str], type | None]
"""Finds a class of the user's Python file by the name 'module.Class' in a pickle."""

RISK = (
    "a pickled network; while it is opened it can call any function of this computer, with all "
    "your rights"
)
_LIBRARIES = ("torch.nn.modules", "torch.nn.parallel", "torchvision.models", "torchvision.ops")
# Under which keys training programs keep a whole network, the one meant for use first.
_PLACES = ("ema", "model_ema", "model", "net", "network", "module")


def open_pickled(path: Path, *, trust: Trust, own: OwnClass | None = None) -> Network | object:
    """The network that a file of torch.save holds, or, where it holds none, the file's content.

    The content may hold inert objects (engine.inert) among its tensors. own: finds the classes of
    the network's Python file, which was agreed to, by the names in the pickle.
    Raises ConsentNeeded, ModelError for a class that is not there, WeightsError for a damaged file.
    """
    content = read_pickle(path, trust=trust, own=own)
    module = _module_in(content)
    if module is None:
        return content
    return Network(
        module=_ready(module, path),
        source=type(module).__name__,
        title=path.stem,
        weights=str(path.absolute()),
        weights_sha256=checksum(path),
    )


def read_pickle(path: Path, *, trust: Trust, own: OwnClass | None = None) -> object:
    """The content of a file of torch.save, on the CPU; as open_pickled, but whatever it holds."""
    names = unsafe_names(pickle_facts(path).names)
    allowed = _allowed(names, own)
    others = tuple(name for name in names if name not in allowed)
    if not others:
        try:
            return restricted_load(path, allowed)
        except FAILURES as error:
            # It may be an old or a new way of pickling, which the restricted reader does not know.
            _log.info("%s cannot be read restricted: %s", path, error)
            if not isinstance(error, pickle.UnpicklingError):
                raise _damaged(path, error) from error
    else:
        content = _inert_content(path, names, allowed)
        if content is not None:
            return content
        _refuse_missing(path, others)
    with trust.read(path, checksum(path), RISK, others or names) as file:
        return _unrestricted_load(path, file, allowed)


def read_tensors(path: Path) -> StateDict | None:
    """The state dict of the network that a file of torch.save holds; None where it holds none.

    Nothing of the file is run, whatever its classes are, and none of them needs to be there.
    Raises WeightsError where the restricted reader does not understand the file.
    """
    return tensors_in(read_inert(path, unsafe_names(pickle_facts(path).names)))


def tensors_in(content: object) -> StateDict | None:
    """The state dict in content, be it one, a network's, or a network's within a checkpoint."""
    return find_state_dict(with_state_dicts(content))


def _module_in(content: object) -> nn.Module | None:
    if isinstance(content, nn.Module):
        return unwrapped(content)
    if not isinstance(content, Mapping):
        return None
    modules = {str(k): value for k, value in content.items() if isinstance(value, nn.Module)}
    best = next((place for place in _PLACES if place in modules), next(iter(modules), None))
    return unwrapped(modules[best]) if best is not None else None


def _ready(module: nn.Module, path: Path) -> nn.Module:
    if any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers())):
        raise WeightsError(f"{path}: some of its weights are missing; save the network again")
    try:
        return module.eval()
    except RecursionError as error:  # a module within itself
        raise _damaged(path, error) from error


def _allowed(names: tuple[str, ...], own: OwnClass | None) -> dict[str, object]:
    """What those names stand for that are the user's own or network classes of the libraries."""
    found: dict[str, object] = {}
    for name in names:
        value = own(name) if own is not None else None
        if value is None and name.startswith(tuple(f"{library}." for library in _LIBRARIES)):
            value = _library_class(name)
        if value is not None:
            found[name] = value
    return found


def _library_class(name: str) -> type[nn.Module] | None:
    if name.startswith("torchvision."):
        vision.load()
    module, _, attribute = name.rpartition(".")
    try:
        value = getattr(importlib.import_module(module), attribute, None)
    except ImportError:
        return None
    if not isinstance(value, type) or not issubclass(value, nn.Module):
        return None
    # A module of the libraries may have imported a class from anywhere.
    return value if value.__module__.startswith(_LIBRARIES) else None


def _inert_content(
    path: Path, names: tuple[str, ...], allowed: Mapping[str, object]
) -> object | None:
    """The content, if it can be read with stand-ins and no network in it has a part in them."""
    try:
        content = read_inert(path, names, allowed)
    except WeightsError:
        return None
    values = content.values() if isinstance(content, Mapping) else (content,)
    return None if any(looks_like_module(v) and has_inert(v) for v in values) else content


def _refuse_missing(path: Path, names: tuple[str, ...]) -> None:
    """Raises ModelError for a class that no unpickling could find; nobody is asked in vain."""
    together = (
        "open the Python file that defines it, with this one as its weights (--model FILE.py "
        f"--weights {path.name})"
    )
    for name in names:
        top = name.partition(".")[0]
        if top == "__main__":
            raise ModelError(
                f"{path}: it needs {name.partition('.')[2]}, a class of the program that saved it; "
                f"{together}, or name its architecture if it is a published one (--arch)"
            )
        if is_absent(top):
            raise ModelError(
                f"{path}: it needs {name}, but there is no module '{top}' here; {together}, or "
                "save the network's state_dict() and open that"
            )


def _unrestricted_load(path: Path, file: IO[bytes], classes: Mapping[str, object]) -> Any:
    """The content of a file that the user agreed to; classes: found there before anywhere else."""

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            known = classes.get(f"{module}.{name}")
            return super().find_class(module, name) if known is None else known

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return torch.load(
                file, map_location="cpu", weights_only=False, pickle_module=_reader(Unpickler)
            )
        except HookscopeError:
            raise
        except AttributeError as error:
            raise ModelError(
                f"{path}: a class that it needs is not in the version installed here "
                f"({one_line(error)}); open the Python file that defines it together with this one"
            ) from error
        except ImportError as error:
            raise ModelError(
                f"{path}: it needs a module that is not here ({one_line(error)}); install it, or "
                "save the network's state_dict() and open that"
            ) from error
        except FOREIGN_ERRORS as error:
            _log.warning("%s cannot be opened", path, exc_info=True)
            raise _damaged(path, error) from error


def _reader(unpickler: type[pickle.Unpickler]) -> types.ModuleType:
    """What torch.load takes in place of the module pickle."""
    module = types.ModuleType("pickle")

    def load(file: Any, **options: Any) -> Any:
        return unpickler(file, **options).load()

    module.__dict__.update(Unpickler=unpickler, load=load, UnpicklingError=pickle.UnpicklingError)
    return module


def _damaged(path: Path, error: BaseException) -> WeightsError:
    return WeightsError(
        f"{path}: it cannot be opened ({one_line(error)}); save the network's state_dict() and "
        "open that"
    )

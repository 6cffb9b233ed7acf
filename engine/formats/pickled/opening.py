"""Opens networks pickled whole by torch.save: rebuilt if possible, else run after consent.

A file is read as an inert description (engine.weights.torch_files), and the program builds the
network that it describes (engine.formats.pickled.rebuilt). Anything other than torchvision's
networks and known layers can only be restored by running the pickle, which requires the user's
consent.
"""

from __future__ import annotations

import logging
import pickle
import types
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import torch
from torch import nn

from engine import escaping
from engine.errors import FOREIGN_ERRORS, HookscopeError, ModelError, WeightsError, one_line
from engine.files.python_sources import is_absent
from engine.files.trust import Trust
from engine.formats.network import Network
from engine.formats.pickled.checkpoint_files import noted, with_class_names
from engine.formats.pickled.faults import foreign_names
from engine.formats.pickled.modules import PLACES, Whole, network_in, with_state_dicts
from engine.formats.pickled.rebuilt import rebuild
from engine.passes.wrappers import unwrapped
from engine.weights import torch_files
from engine.weights.checkpoint_facts import facts_in
from engine.weights.checkpoints import find_state_dict
from engine.weights.descriptions import Described
from engine.weights.state_dicts import StateDict, checksum

_log = logging.getLogger(__name__)

FindClass = Callable[[str], type | None]
"""Finds a class by its name 'module.Class' in a pickle; consulted before the normal import."""

RISK = "a pickled network; opening it can call any function on this computer, with all your rights"
_MOST_NAMES = 100
_LONGEST_NAME = 150
# Parts of networks that cannot be explained, by their beginnings.
_QUANTISED = ("torch.ao.nn.quantized", "torch.nn.quantized", "torch.ao.nn.intrinsic.quantized")
# Packages whose pickles can be opened once they are installed.
_PACKAGES = ("ultralytics",)
# What no training program saves; torch's own reader rejects the first four as well.
_SYSTEM = ("os.", "posix.", "nt.", "sys.", "subprocess.", "builtins.eval", "builtins.exec")


def open_pickled(path: Path, *, trust: Trust, key: str | None = None) -> Network | object:
    """The network in a torch.save file, or the file's content if it contains none.

    The content may contain descriptions (engine.weights.descriptions) among its tensors. key: which
    of several networks; the content is returned if it names none.
    Raises ConsentNeeded, ModelError for a missing class, WeightsError for a damaged file,
    ChoiceNeeded (WhichStateDict) for several equally likely networks.
    """
    file = torch_files.read(path)
    found = network_in(path, file.content, key)
    if found is None:
        names = _asked(file.content, file.names) if key is None else ()
        if not names:
            return file.content
        return run_pickle(path, trust=trust, names=names, classes=foreign_names(file.content))
    _refuse_quantised(path, file.names)
    rebuilt = rebuild(found.root, path)
    if rebuilt.network is not None:
        return told(network_of(rebuilt.network, path), path, file.content, found)
    classes, names = foreign_names(found.root), rebuilt.unfitting
    network = run_pickle(path, trust=trust, names=names, classes=classes, key=found.key)
    if not isinstance(network, Network):
        return network
    return told(network, path, file.content, found)


def told(network: Network, path: Path, content: object, found: Whole) -> Network:
    """The network with what its file says of it, and of others in it."""
    network = replace(noted(network, found.notice), other_weights=found.others)
    return with_class_names(network, path, facts_in(content))


def _refuse_quantised(path: Path, names: tuple[str, ...]) -> None:
    if any(name.startswith(_QUANTISED) for name in names):
        raise ModelError(
            f"{path}: a quantised network, whose integer layers pass no gradient; open the float "
            "network"
        )


def tensors_in(content: object) -> StateDict | None:
    """The state dict in content: a state dict, a network, or a checkpoint with either."""
    return find_state_dict(with_state_dicts(content))


def run_pickle(
    path: Path,
    *,
    trust: Trust,
    names: tuple[str, ...],
    classes: Iterable[str] = (),
    find: FindClass | None = None,
    key: str = "",
) -> Network | object:
    """Run a pickle and return its network, or its content if it contains none.

    names: the reasons why it must be run. classes: those it requires. find: finds some of them.
    key: of the network, '' if that is the whole file or unknown.
    Raises ConsentNeeded unless the user agreed to the file; ModelError for a missing class, before
    asking for consent.
    """
    _refuse_missing(path, [name for name in classes if find is None or find(name) is None])
    names = tuple(escaping.plain(name, _LONGEST_NAME) for name in names[:_MOST_NAMES])
    with trust.read(path, checksum(path), RISK, names) as file:
        content = _unrestricted_load(path, file, find)
    module = _module_in(content, key)
    return content if module is None else network_of(module, path)


def network_of(module: nn.Module, path: Path) -> Network:
    """The Network record of a network restored whole from a file."""
    return Network(
        module=_ready(module, path),
        source=type(module).__name__,
        title=path.stem,
        weights=str(path.absolute()),
        weights_sha256=checksum(path),
    )


def _asked(content: object, names: tuple[str, ...]) -> tuple[str, ...]:
    """Why a pickle without a described network must be run; () if it need not.

    Reasons are an unknown object where a network should be, and calls of system functions, which
    the user should know about although reading tensors calls nothing.
    """
    called = tuple(name for name in names if name.startswith(_SYSTEM))
    if called:
        return names
    if find_state_dict(content) is not None:
        return ()
    places = [content] if not isinstance(content, Mapping) else map(content.get, PLACES)
    if not any(isinstance(value, Described) for value in places):
        return ()
    return foreign_names(content) or names


def _module_in(content: object, key: str) -> nn.Module | None:
    if isinstance(content, nn.Module):
        return unwrapped(content)
    if not isinstance(content, Mapping):
        return None
    modules = {str(k): value for k, value in content.items() if isinstance(value, nn.Module)}
    places = (key, *PLACES)
    best = next((place for place in places if place in modules), next(iter(modules), None))
    return unwrapped(modules[best]) if best is not None else None


def _ready(module: nn.Module, path: Path) -> nn.Module:
    if any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers())):
        raise WeightsError(f"{path}: some weights are missing; save the network again")
    try:
        return module.eval()
    except RecursionError as error:  # a module that contains itself
        raise _damaged(path, error) from error


def _refuse_missing(path: Path, names: Iterable[str]) -> None:
    """Raises ModelError for a missing class, so that no consent is asked for in vain."""
    together = (
        "open the Python file that defines it, with this one as its weights (--model FILE.py "
        f"--weights {path.name})"
    )
    for name in names:
        top = name.partition(".")[0]
        name = escaping.plain(name, _LONGEST_NAME)
        if top == "__main__":
            raise ModelError(
                f"{path}: needs {name.partition('.')[2]}, a class of the program that saved it; "
                f"{together}, or name its architecture if it is a published one (--arch)"
            )
        if top in _PACKAGES and is_absent(top):
            raise ModelError(
                f"{path}: needs {name}; install {top} (pip install {top}) and open it again, or "
                "export the network to ONNX with it and open that"
            )
        if is_absent(top):
            top = escaping.plain(top, _LONGEST_NAME)
            raise ModelError(
                f"{path}: needs {name}, but the module '{top}' is not installed; {together}, or "
                "save the network's state_dict() and open that"
            )


def _unrestricted_load(path: Path, file: IO[bytes], find: FindClass | None) -> Any:
    """The content of a file that the user agreed to."""

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            known = find(f"{module}.{name}") if find is not None else None
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
                f"{path}: needs a class that is not in the installed version "
                f"({one_line(error)}); open the Python file that defines it together with this one"
            ) from error
        except ImportError as error:
            raise ModelError(
                f"{path}: needs a module that is not installed ({one_line(error)}); install it, "
                "or save the network's state_dict() and open that"
            ) from error
        except FOREIGN_ERRORS as error:
            _log.warning("%s cannot be opened", path, exc_info=True)
            raise _damaged(path, error) from error


def _reader(unpickler: type[pickle.Unpickler]) -> types.ModuleType:
    """A stand-in for the module pickle, for torch.load's pickle_module."""
    module = types.ModuleType("pickle")

    def load(file: Any, **options: Any) -> Any:
        return unpickler(file, **options).load()

    module.__dict__.update(Unpickler=unpickler, load=load, UnpicklingError=pickle.UnpicklingError)
    return module


def _damaged(path: Path, error: BaseException) -> WeightsError:
    return WeightsError(
        f"{path}: cannot be opened ({one_line(error)}); save the network's state_dict() and "
        "open that"
    )

"""Opens a network from the Python file that defines it, together with its weights."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from torch import nn

from engine.errors import ChoiceNeeded, ModelError, WeightsError
from engine.files import suffixes
from engine.files.kinds import Kind, kind_of, refusal
from engine.files.trust import Trust
from engine.formats.network import Network
from engine.formats.pickled.modules import faults, foreign_names, network_in, state_dict_of
from engine.formats.pickled.opening import run_pickle, tensors_in
from engine.formats.pickled.same_module import differences
from engine.formats.python import candidates, importing
from engine.formats.python.candidates import missing, networks_in
from engine.questions import NetworkOption, WhichNetwork, WhichWeights
from engine.weights import torch_files
from engine.weights.descriptions import Described
from engine.weights.state_dicts import StateDict, checksum, matching, mismatch, read_state_dict

_log = logging.getLogger(__name__)

_MOST_FILES = 12
_WEIGHTS = (Kind.WEIGHTS, Kind.PICKLED, Kind.SAFETENSORS)

_FOUND = "Weights found beside the file: {}."

Arguments = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """The imported file and the user's options for it."""

    path: Path
    module: ModuleType
    options: tuple[NetworkOption, ...]
    arguments: Arguments
    trust: Trust


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """A network of the file with a matching state dict, under the network's keys."""

    option: NetworkOption
    network: nn.Module
    state: StateDict
    weights: Path


def open_network_file(
    path: Path,
    *,
    weights: Path | None = None,
    name: str | None = None,
    arguments: Arguments = (),
    trust: Trust,
) -> Network:
    """The network that a Python file defines, with its weights.

    weights: if None, searched beside the file: first under the file's own name, then the only file
    that fits. name: the class or function; if None, the only one that the weights fit.
    arguments: its arguments, as Python literals.
    Raises ConsentNeeded before any code runs; ChoiceNeeded (WhichNetwork, WhichWeights); ModelError
    for errors in the file, WeightsError for weights of another network.
    """
    module = importing.import_file(path, trust=trust)
    options = networks_in(module)
    if not options:
        raise ModelError(
            f"{path}: defines no network (a torch.nn.Module class with a forward method, or a "
            "function that returns one); open the file that does"
        )
    file = _File(path, module, _named(path, options, name), arguments, trust)
    if weights is None:
        return _with_found_weights(file)
    state = _read(file, weights)
    if isinstance(state, Network):
        return state
    return _network(file, _one(file, _made(file), weights, state))


def _named(
    path: Path, options: tuple[NetworkOption, ...], name: str | None
) -> tuple[NetworkOption, ...]:
    if name is None:
        return options
    chosen = tuple(option for option in options if option.name == name)
    if not chosen:
        known = ", ".join(option.name for option in options)
        raise ModelError(f"{path}: contains no network '{name}'; choose from {known}")
    return chosen


def _with_found_weights(file: _File) -> Network:
    found = _beside(file.path)
    # A file of the same name is intended, so its errors must be reported.
    if found and found[0].stem == file.path.stem:
        state = _read(file, found[0])
        if isinstance(state, Network):
            return state
        return _network(
            file, _one(file, _made(file), found[0], state), _FOUND.format(found[0].name)
        )
    made = _made(file)
    fits: list[_Fit] = []
    for weights in found:
        try:
            state = _read(file, weights)
        except ModelError:
            continue
        if not isinstance(state, Network):
            fits += _fits(made, weights, state)[0]
    files = tuple(dict.fromkeys(fit.weights for fit in fits))
    if len(files) == 1:
        if len(fits) > 1:
            raise _which(file, tuple(fit.option for fit in fits))
        return _network(file, fits[0], _FOUND.format(files[0].name))
    there = files or found
    named = f" (there are {', '.join(path.name for path in there[:3])})" if there else ""
    raise ChoiceNeeded(
        f"{file.path}: needs its weights as well{named}; name their file (--weights FILE)",
        WhichWeights(file.path, there),
    )


def _beside(path: Path) -> tuple[Path, ...]:
    """Files beside it that may be weights: those with the same name first, then the newest."""
    near = [
        other
        for other in path.absolute().parent.iterdir()
        if other.suffix.lower() in suffixes.WEIGHTS and other.is_file()
    ]
    near.sort(key=lambda other: (other.stem != path.stem, -other.stat().st_mtime, other.name))
    return tuple(near[:_MOST_FILES])


def _read(file: _File, weights: Path) -> StateDict | Network:
    """The state dict in a weights file, or the network itself if it was pickled whole."""
    kind = kind_of(weights)
    if kind not in _WEIGHTS:
        raise WeightsError(str(refusal(weights, kind)))
    if kind is not Kind.PICKLED:
        return read_state_dict(weights)
    content = torch_files.read(weights).content
    root = network_in(content)
    if root is not None and importing.own_class(file.module, root.kind) is not None:
        whole = _whole(file, weights, root)
        if whole is not None:
            return whole
    state = tensors_in(content)
    if state is None:
        raise WeightsError(f"{weights}: contains no weights; name another file")
    return state


def _whole(file: _File, weights: Path, root: Described) -> Network | None:
    """The network that a pickle describes, built by the file's class; None if the user chose
    another of the file's networks.

    The class is called with the described attributes that have the names of its arguments. If the
    result differs from the description, only running the pickle can restore the network. Raises
    ConsentNeeded for the pickle.
    """
    own = functools.partial(importing.own_class, file.module)
    name = root.kind.rpartition(".")[2]
    option = next((option for option in file.options if option.name == name), None)
    if option is None and any(known.name == name for known in networks_in(file.module)):
        return None
    unfitting = faults(root, weights) or (root.kind,)
    if option is not None and not faults(root, weights):
        fit, unfitting = _described_fit(file, weights, root, option)
        if fit is not None:
            return _network(file, fit)
    classes = foreign_names(root)
    whole = run_pickle(weights, trust=file.trust, names=unfitting, classes=classes, find=own)
    return whole if isinstance(whole, Network) else None


def _described_fit(
    file: _File, weights: Path, root: Described, option: NetworkOption
) -> tuple[_Fit | None, tuple[str, ...]]:
    """The described network, built by its class; or None and the differences."""
    given = dict(file.arguments)
    attributes = root.attributes
    for parameter in option.parameters:
        value = attributes.get(parameter.name)
        if type(value) in (bool, int, float, str):
            given.setdefault(parameter.name, repr(value))
    wanted = missing(option, tuple(given.items()))
    if wanted:
        return None, tuple(f"the argument {name} of {option.name}" for name in wanted)
    try:
        network = candidates.make(file.path, file.module, option, tuple(given.items()))
    except ModelError as error:
        _log.info("%s cannot be rebuilt: %s", weights, error)
        return None, (root.kind,)
    own = functools.partial(importing.own_class, file.module)
    left = differences(root, network, own=own)
    return (None, left) if left else (_Fit(option, network, state_dict_of(root), weights), ())


def _made(file: _File) -> list[tuple[NetworkOption, nn.Module]]:
    """The networks of the file that can be built with the given arguments.

    Raises ChoiceNeeded if all lack arguments, ModelError if building fails for another reason.
    """
    ready = [option for option in file.options if not missing(option, file.arguments)]
    made: list[tuple[NetworkOption, nn.Module]] = []
    failures: list[ModelError] = []
    for option in ready:
        known = {parameter.name for parameter in option.parameters}
        # With several candidates, an argument need not exist for each of them.
        given = [pair for pair in file.arguments if len(file.options) == 1 or pair[0] in known]
        try:
            made.append((option, candidates.make(file.path, file.module, option, given)))
        except ModelError as error:
            failures.append(error)
    if made:
        return made
    if failures:
        raise failures[0]
    raise _which(file, file.options)


def _which(file: _File, options: tuple[NetworkOption, ...]) -> ChoiceNeeded:
    first = options[0]
    wanted = " ".join(f"--arg {name}=VALUE" for name in missing(first, file.arguments))
    names = ", ".join(option.name for option in options[:5])
    what = "which network to open" if len(options) > 1 else "the arguments of the network"
    return ChoiceNeeded(
        f"{file.path}: specify {what} ({names}), as in {f'--arch {first.name} {wanted}'.strip()}",
        WhichNetwork(file.path, options),
    )


def _fits(
    made: Sequence[tuple[NetworkOption, nn.Module]], weights: Path, state: StateDict
) -> tuple[list[_Fit], str]:
    """The networks that the weights fit, and how the closest other one differs."""
    fits: dict[str, _Fit] = {}
    closest = (-1, "")
    for option, network in made:
        own = network.state_dict()
        variant = matching(own, state)
        difference = mismatch(own, variant)
        if difference:
            shared = len(own.keys() & variant.keys())
            closest = max(closest, (shared, f"{option.name}: {difference}"))
        elif own:
            # A class and the function that calls it with its defaults count as one network.
            fits.setdefault(repr(network), _Fit(option, network, variant, weights))
    return list(fits.values()), closest[1] or "no network in it has weights"


def _one(
    file: _File,
    made: Sequence[tuple[NetworkOption, nn.Module]],
    weights: Path,
    state: StateDict,
) -> _Fit:
    """The one network that the weights fit. Raises ChoiceNeeded, WeightsError."""
    fits, difference = _fits(made, weights, state)
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise _which(file, tuple(fit.option for fit in fits))
    parts = {type(part).__name__ for _, network in made for part in network.modules()}
    others = tuple(o for o in file.options if missing(o, file.arguments) and o.name not in parts)
    if others:
        raise _which(file, others)
    raise WeightsError(
        f"{weights}: fits no network in {file.path.name} ({difference}); name other "
        "weights, or the arguments used in training (--arg NAME=VALUE)"
    )


def _network(file: _File, fit: _Fit, *notices: str) -> Network:
    with importing.told_in_one_line(file.path):
        fit.network.load_state_dict(fit.state, strict=True)
    return Network(
        module=fit.network,
        source=fit.option.name,
        title=fit.option.name,
        weights=str(fit.weights.absolute()),
        weights_sha256=checksum(fit.weights),
        notices=notices,
    )

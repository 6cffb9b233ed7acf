"""Opens a network from the Python file that defines it, together with its weights."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from engine.errors import ChoiceNeeded, ModelError, WeightsError
from engine.files import suffixes
from engine.files.kinds import Kind, kind_of, refusal
from engine.files.trust import Trust
from engine.formats.network import Network
from engine.formats.pickled.modules import faults, foreign_names, network_in, state_dict_of
from engine.formats.pickled.opening import run_pickle, tensors_in
from engine.formats.pickled.same_module import differences
from engine.formats.python import candidates, fitting, importing
from engine.formats.python.candidates import missing, networks_in
from engine.formats.python.fitting import Guess, Search, Values
from engine.formats.python.proposals import default_of
from engine.formats.python.shapes import COUNTER, completed, finish_lazy_modules, shapes_in
from engine.questions import NetworkOption, WhichNetwork, WhichWeights
from engine.weights import torch_files
from engine.weights.descriptions import Described
from engine.weights.state_dicts import StateDict, checksum, mismatch, read_state_dict, variants
from engine.weights.state_dicts import matching as matching_variant

_log = logging.getLogger(__name__)

_MOST_FILES = 12
_WEIGHTS = (Kind.WEIGHTS, Kind.PICKLED, Kind.SAFETENSORS)

# Arguments that say for which input size a network is built.
_SIZES = ("image_size", "img_size", "input_size", "input_resolution", "in_size", "resolution")
_SMALLEST = 16

_FOUND = "Weights found beside the file: {}."

Arguments = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """The imported file and the user's options for it. blocks: names used inside other networks."""

    path: Path
    module: ModuleType
    options: tuple[NetworkOption, ...]
    arguments: Arguments
    trust: Trust
    search: Search

    def given(self, option: NetworkOption) -> Values:
        """The user's arguments for one option. Raises ModelError for an unsuitable value."""
        known = {parameter.name for parameter in option.parameters}
        # With several candidates, an argument need not exist for each of them.
        pairs = [p for p in self.arguments if len(self.options) == 1 or p[0] in known]
        return candidates.values_of(self.path, option, pairs)


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """A network of the file with a matching state dict, under the network's keys.

    found: its arguments that were derived from the weights.
    """

    option: NetworkOption
    network: nn.Module
    state: StateDict
    weights: Path
    values: Values
    found: tuple[str, ...] = ()


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
    chosen = _named(path, options, name)
    file = _File(path, module, chosen, arguments, trust, Search(path, module))
    if weights is None:
        return _with_found_weights(file)
    state = _read(file, weights)
    if isinstance(state, Network):
        return state
    return _network(file, _one(file, weights, state))


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
        return _network(file, _one(file, found[0], state), _FOUND.format(found[0].name))
    matching: list[tuple[Path, StateDict, list[Guess]]] = []
    for weights in found:
        try:
            state = _read(file, weights)
        except ModelError:
            continue
        if not isinstance(state, Network):
            guesses = _fits(file, state)[0]
            matching += [(weights, state, guesses)] if guesses else []
    if len(matching) == 1:
        weights, state, _ = matching[0]
        return _network(file, _one(file, weights, state), _FOUND.format(weights.name))
    if not matching:
        _require_a_network(file)
    there = tuple(weights for weights, _, _ in matching) or found
    named = f" (there are {', '.join(path.name for path in there[:3])})" if there else ""
    raise ChoiceNeeded(
        f"{file.path}: needs its weights as well{named}; name their file (--weights FILE)",
        WhichWeights(file.path, there),
    )


def _require_a_network(file: _File) -> None:
    """Raises ModelError if no network of the file can be built as it is, for an error in it."""
    ready = [option for option in file.options if not missing(option, file.arguments)]
    guesses = [file.search.guess(option, file.given(option), [{}]) for option in ready]
    if ready and not any(guesses):
        raise next(iter(file.search.failures.values()))


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
        values = candidates.values_of(file.path, option, tuple(given.items()))
        network = candidates.make(file.path, file.module, option, values)
    except ModelError as error:
        _log.info("%s cannot be rebuilt: %s", weights, error)
        return None, (root.kind,)
    own = functools.partial(importing.own_class, file.module)
    left = differences(root, network, own=own)
    fit = _Fit(option, network, state_dict_of(root), weights, values)
    return (None, left) if left else (fit, ())


def _which(file: _File, options: tuple[NetworkOption, ...]) -> ChoiceNeeded:
    first = options[0]
    wanted = " ".join(f"--arg {name}=VALUE" for name in missing(first, file.arguments))
    names = ", ".join(option.name for option in options[:5])
    what = "which network to open" if len(options) > 1 else "the arguments of the network"
    return ChoiceNeeded(
        f"{file.path}: specify {what} ({names}), as in {f'--arch {first.name} {wanted}'.strip()}",
        WhichNetwork(file.path, options),
    )


def _fits(file: _File, state: StateDict) -> tuple[list[Guess], Guess | None]:
    """The networks that the weights fit, and the closest one."""
    weights = [shapes_in(variant) for variant in variants(state)]
    matching, closest = fitting.fits(file.search, file.options, weights, file.given)
    # A class that another one extends is a part of it.
    kinds = [guess.kind for guess in matching]
    extended = [
        kind for kind in kinds for other in kinds if other is not kind and _extends(other, kind)
    ]
    left = [g for g, kind in zip(matching, kinds, strict=True) if kind not in extended]
    return left, closest


def _extends(kind: object, other: object) -> bool:
    return isinstance(kind, type) and isinstance(other, type) and issubclass(kind, other)


def _one(file: _File, weights: Path, state: StateDict) -> _Fit:
    """The one network that the weights fit. Raises ChoiceNeeded, ModelError, WeightsError."""
    matching, closest = _fits(file, state)
    if len(matching) == 1:
        _raise_hidden_failure(file, matching[0])
        return _made(file, matching[0], weights, state)
    if matching:
        raise _which(file, tuple(guess.option for guess in matching))
    blocks = candidates.blocks_in(file.module)
    failures = [error for name, error in file.search.failures.items() if name not in blocks]
    far = closest is None or closest.distance > len(closest.shapes) / 2
    if failures and far:
        raise failures[0]
    lacking = [o for o in file.options if missing(o, file.arguments)]
    others = tuple(o for o in lacking if o.name not in blocks)
    if others and far:
        raise _which(file, others)
    if closest is None:
        raise next(iter(file.search.failures.values()), _which(file, others or file.options))
    raise WeightsError(
        f"{weights}: fits no network in {file.path.name} ({closest.option.name}: "
        f"{_difference(closest, state)}); name other weights, or the arguments used in "
        "training (--arg NAME=VALUE)"
    )


def _raise_hidden_failure(file: _File, guess: Guess) -> None:
    """Raises ModelError if the network that fits is only a part of one that cannot be built."""
    for name, error in file.search.failures.items():
        if _extends(getattr(file.module, name, None), guess.kind):
            raise ModelError(
                f"{error}; or open {guess.option.name}, which {name} extends "
                f"(--arch {guess.option.name})"
            )


def _made(file: _File, guess: Guess, weights: Path, state: StateDict) -> _Fit:
    """The network itself, with the weights' variant that belongs to it."""
    network = candidates.make(file.path, file.module, guess.option, guess.values)
    own = network.state_dict(keep_vars=True)
    variant = completed(network, matching_variant(own, state))
    lazy = {key for key, tensor in own.items() if is_lazy(tensor)}
    difference = mismatch(
        {key: tensor for key, tensor in own.items() if key not in lazy},
        {key: tensor for key, tensor in variant.items() if key not in lazy},
    )
    if difference:
        raise WeightsError(
            f"{weights}: does not fit {guess.option.name} in {file.path.name} ({difference}); "
            "name other weights"
        )
    return _Fit(guess.option, network, variant, weights, guess.values, guess.found)


def _difference(guess: Guess, state: StateDict) -> str:
    """How the closest network differs from the weights, in the words of state_dicts.mismatch."""
    own = {
        key: torch.empty(shape, device="meta")
        for key, shape in guess.shapes.items()
        if shape is not None
    }
    variant = matching_variant(own, state)
    return mismatch(own, {k: t for k, t in variant.items() if not k.endswith(COUNTER)})


def _network(file: _File, fit: _Fit, *notices: str) -> Network:
    with importing.told_in_one_line(file.path):
        fit.network.load_state_dict(fit.state, strict=True)
        finish_lazy_modules(fit.network)
    return Network(
        module=fit.network,
        source=fit.option.name,
        title=fit.option.name,
        weights=str(fit.weights.absolute()),
        weights_sha256=checksum(fit.weights),
        input_size=_told_size(fit),
        notices=(*notices, *_notices(file, fit)),
    )


def _notices(file: _File, fit: _Fit) -> Iterator[str]:
    found = [f"{name}={_shown(fit.values[name])}" for name in fit.found if name in fit.values]
    if found:
        yield f"Arguments derived from the weights: {', '.join(found)}."
    if file.search.fetched:
        names = ", ".join(file.search.fetched[:3])
        yield (
            f"The network's code asks for a download ({names}). Nothing was downloaded: all "
            f"weights come from {fit.weights.name}."
        )


def _shown(value: object) -> str:
    return value.__name__ if isinstance(value, type) else repr(value)


def _told_size(fit: _Fit) -> tuple[int, int] | None:
    """The input size that an argument gives; None if there is none."""
    for parameter in fit.option.parameters:
        if parameter.name in _SIZES:
            value = fit.values.get(parameter.name, default_of(parameter))
            side = value[-2:] if isinstance(value, list | tuple) else (value, value)
            if len(side) == 2 and all(type(n) is int and n >= _SMALLEST for n in side):
                return (side[0], side[1])
    return None

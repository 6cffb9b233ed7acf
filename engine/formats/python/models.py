"""Opens a network from the Python file that defines it, together with its weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch.nn.parameter import is_lazy

from engine.errors import ChoiceNeeded, ModelError, WeightsError
from engine.files import suffixes
from engine.files.kinds import Kind, kind_of, refusal
from engine.files.trust import Trust
from engine.formats.network import Network
from engine.formats.pickled import checkpoint_files
from engine.formats.pickled.checkpoint_files import Checkpoint, described, noted
from engine.formats.pickled.modules import network_in
from engine.formats.pickled.opening import told
from engine.formats.python import candidates, fitting, importing
from engine.formats.python.candidates import missing, networks_in
from engine.formats.python.fits import Arguments, Fit, ImportedFile, network_of
from engine.formats.python.fitting import Guess, Search
from engine.formats.python.shapes import COUNTER, Shapes, completed, distance, shapes_in
from engine.formats.python.whole import whole
from engine.questions import NetworkOption, WhichNetwork, WhichStateDict, WhichWeights
from engine.reader import client
from engine.weights import torch_files
from engine.weights.state_dicts import StateDict, dropped, mismatch, variants
from engine.weights.state_dicts import matching as matching_variant

_MOST_FILES = 12
_WEIGHTS = (Kind.WEIGHTS, Kind.PICKLED, Kind.SAFETENSORS, Kind.SHARDS)

_FOUND = "Weights found beside the file: {}."


def open_network_file(
    path: Path,
    *,
    weights: Path | None = None,
    name: str | None = None,
    arguments: Arguments = (),
    trust: Trust,
    weights_key: str | None = None,
) -> Network:
    """The network that a Python file defines, with its weights.

    weights: if None, searched beside the file: first under the file's own name, then the only file
    that fits. name: the class or function; if None, the only one that the weights fit.
    arguments: its arguments, as Python literals. weights_key: which of several networks in the
    weights file.
    Raises ConsentNeeded before any code runs; ChoiceNeeded (WhichNetwork, WhichWeights,
    WhichStateDict); ModelError for errors in the file, WeightsError for weights of another network.
    """
    module = importing.import_file(path, trust=trust)
    options = networks_in(module)
    if not options:
        raise ModelError(
            f"{path}: defines no network (a torch.nn.Module class with a forward method, or a "
            "function that returns one); open the file that does"
        )
    chosen = _named(path, options, name)
    file = ImportedFile(path, module, chosen, arguments, trust, Search(path, module), weights_key)
    if weights is None:
        return _with_found_weights(file)
    return _with_weights(file, weights)


def _with_weights(
    file: ImportedFile, weights: Path, *notices: str, read: Checkpoint | None = None
) -> Network:
    found = read or _read(file, weights)
    if isinstance(found, Network):
        return noted(found, *notices)
    return described(network_of(file, _one(file, weights, found.state), *notices), found)


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


def _with_found_weights(file: ImportedFile) -> Network:
    found = _beside(file.path)
    # A file of the same name is intended, so its errors must be reported.
    if found and found[0].stem == file.path.stem:
        return _with_weights(file, found[0], _FOUND.format(found[0].name))
    matching: list[tuple[Path, Checkpoint | None]] = []
    for weights in found:
        try:
            read = _read(file, weights)
        except ModelError as error:
            choice = error.question if isinstance(error, ChoiceNeeded) else None
            matching += [(weights, None)] if isinstance(choice, WhichStateDict) else []
            continue
        if not isinstance(read, Network) and _fits(file, read.state)[0]:
            matching.append((weights, read))
    if len(matching) == 1:
        weights, checkpoint = matching[0]
        return _with_weights(file, weights, _FOUND.format(weights.name), read=checkpoint)
    if not matching:
        _require_a_network(file)
    there = tuple(weights for weights, _ in matching) or found
    named = f" (there are {', '.join(path.name for path in there[:3])})" if there else ""
    raise ChoiceNeeded(
        f"{file.path}: needs its weights as well{named}; name their file (--weights FILE)",
        WhichWeights(file.path, there),
    )


def _require_a_network(file: ImportedFile) -> None:
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
        if (other.suffix.lower() in suffixes.WEIGHTS or suffixes.is_index(other))
        and other.is_file()
        and not suffixes.is_shard(other)
    ]
    near.sort(key=lambda other: (other.stem != path.stem, -other.stat().st_mtime, other.name))
    return tuple(near[:_MOST_FILES])


def _read(file: ImportedFile, weights: Path) -> Checkpoint | Network:
    """The weights in a file, or the network itself if it was pickled whole."""
    kind = kind_of(weights)
    if kind not in _WEIGHTS:
        raise WeightsError(str(refusal(weights, kind)))
    key = file.weights_key
    if kind is not Kind.PICKLED:
        return _part(file, checkpoint_files.read(weights, key, side_by_side=key is not None))
    content = torch_files.read(weights).content
    root = network_in(weights, content, key)
    if root is not None and importing.own_class(file.module, root.root.kind) is not None:
        network = whole(file, weights, root)
        if network is not None:
            return told(network, weights, content, root)
    state = checkpoint_files.of_content(weights, content, key, side_by_side=key is not None)
    if state is None:
        raise WeightsError(f"{weights}: contains no weights; name another file")
    return _part(file, state)


def _part(file: ImportedFile, found: Checkpoint) -> Checkpoint:
    """One of the networks side by side in a state dict, unless the file's network has them all."""
    whole_fits = not found.has_parts or file.weights_key is not None
    if whole_fits or _fits(file, found.state)[0]:
        return found
    return found.one_part()


def _which(file: ImportedFile, options: tuple[NetworkOption, ...]) -> ChoiceNeeded:
    first = options[0]
    wanted = " ".join(f"--arg {name}=VALUE" for name in missing(first, file.arguments))
    names = ", ".join(option.name for option in options[:5])
    what = "which network to open" if len(options) > 1 else "the arguments of the network"
    return ChoiceNeeded(
        f"{file.path}: specify {what} ({names}), as in {f'--arch {first.name} {wanted}'.strip()}",
        WhichNetwork(file.path, options),
    )


def _fits(file: ImportedFile, state: StateDict) -> tuple[list[Guess], Guess | None]:
    """The networks that the weights fit, and the closest one."""
    weights = [shapes_in(variant) for variant in variants(state)]
    with client.counting():
        matching, closest = fitting.fits(file.search, file.options, weights, file.given)
    matching = _least_stripped(matching, weights)
    return _unextended(matching), closest


def _unextended(matching: list[Guess]) -> list[Guess]:
    """Those that none of the others extends: a class that another one extends is a part of it."""
    left = []
    for guess in matching:
        if not any(_extends(other.kind, guess.kind) for other in matching):
            parts = dict.fromkeys(g.kind.__name__ for g in matching if _extends(guess.kind, g.kind))
            left.append(replace(guess, parts=tuple(parts)))
    return left


def _least_stripped(matching: list[Guess], weights: list[Shapes]) -> list[Guess]:
    """Of the networks that fit, those that fit the keys with the fewest prefixes removed: the
    wrapper that has these prefixes, rather than the part of it that has none."""
    for variant in weights:
        fitting_it = [guess for guess in matching if not distance(guess.shapes, variant)]
        if fitting_it:
            return fitting_it
    return matching


def _extends(kind: object, other: type) -> bool:
    return isinstance(kind, type) and kind is not other and issubclass(kind, other)


def _one(file: ImportedFile, weights: Path, state: StateDict) -> Fit:
    """The one network that the weights fit. Raises ChoiceNeeded, ModelError, WeightsError."""
    matching, closest = _fits(file, state)
    if len(matching) == 1:
        _raise_hidden_failure(file, matching[0], state)
        return _made(file, matching[0], weights, state)
    if matching:
        raise _which(file, tuple(_known(guess) for guess in matching))
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


def _raise_hidden_failure(file: ImportedFile, guess: Guess, state: StateDict) -> None:
    """Raises ModelError if the network that fits is only a part of one that cannot be built: a
    class that extends it, or uses it where the weights' keys have a further prefix."""
    own = guess.option.name
    prefixed = bool(distance(guess.shapes, shapes_in(state)))
    users = candidates.users_of(file.module, own) if prefixed else frozenset()
    for name, error in file.search.failures.items():
        if name in users or _extends(getattr(file.module, name, None), guess.kind):
            how = "uses" if name in users else "extends"
            raise ModelError(f"{error}; or open {own}, which {name} {how} (--arch {own})")


def _known(guess: Guess) -> NetworkOption:
    """The option with the arguments that were derived from the weights in place of defaults."""
    known = {n: v for n, v in guess.values.items() if n in guess.found and not isinstance(v, type)}
    parameters = tuple(
        replace(p, default=repr(known[p.name])) if p.name in known else p
        for p in guess.option.parameters
    )
    return replace(guess.option, parameters=parameters)


def _made(file: ImportedFile, guess: Guess, weights: Path, state: StateDict) -> Fit:
    """The network itself, with the weights' variant that belongs to it."""
    network, fetched = candidates.make(file.path, file.module, guess.option, guess.values)
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
    lost = dropped(own, state)
    told = (fetched, guess.found, guess.parts, lost)
    return Fit(guess.option, network, variant, weights, guess.values, *told)


def _difference(guess: Guess, state: StateDict) -> str:
    """How the closest network differs from the weights, in the words of state_dicts.mismatch."""
    own = {
        key: torch.empty(shape, device="meta")
        for key, shape in guess.shapes.items()
        if shape is not None
    }
    variant = matching_variant(own, state)
    return mismatch(own, {k: t for k, t in variant.items() if not k.endswith(COUNTER)})

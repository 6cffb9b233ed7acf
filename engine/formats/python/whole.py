"""Rebuilds a network that was pickled whole with the class of the user's Python file."""

from __future__ import annotations

import functools
import logging
from pathlib import Path

from engine.errors import ModelError
from engine.formats.network import Network
from engine.formats.pickled.faults import faults, foreign_names
from engine.formats.pickled.modules import Whole, state_dict_of
from engine.formats.pickled.opening import run_pickle
from engine.formats.pickled.same_module import differences
from engine.formats.python import candidates, importing
from engine.formats.python.candidates import missing, networks_in
from engine.formats.python.fits import Fit, ImportedFile, network_of
from engine.questions import NetworkOption
from engine.weights.descriptions import Described

_log = logging.getLogger(__name__)


def whole(file: ImportedFile, weights: Path, found: Whole) -> Network | None:
    """The network that a pickle describes, built by the file's class; None if the user chose
    another of the file's networks.

    The class is called with the described attributes that have the names of its arguments. If the
    result differs from the description, only running the pickle can restore the network. Raises
    ConsentNeeded for the pickle.
    """
    root = found.root
    own = functools.partial(importing.own_class, file.module)
    name = root.kind.rpartition(".")[2]
    option = next((option for option in file.options if option.name == name), None)
    if option is None and any(known.name == name for known in networks_in(file.module)):
        return None
    unfitting = faults(root, weights) or (root.kind,)
    if option is not None and not faults(root, weights):
        fit, unfitting = _described_fit(file, weights, root, option)
        if fit is not None:
            return network_of(file, fit)
    classes = foreign_names(root)
    run = run_pickle(
        weights, trust=file.trust, names=unfitting, classes=classes, find=own, key=found.key
    )
    return run if isinstance(run, Network) else None


def _described_fit(
    file: ImportedFile, weights: Path, root: Described, option: NetworkOption
) -> tuple[Fit | None, tuple[str, ...]]:
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
        network, fetched = candidates.make(file.path, file.module, option, values)
    except ModelError as error:
        _log.info("%s cannot be rebuilt: %s", weights, error)
        return None, (root.kind,)
    own = functools.partial(importing.own_class, file.module)
    left = differences(root, network, own=own)
    fit = Fit(option, network, state_dict_of(root), weights, values, fetched)
    return (None, left) if left else (fit, ())

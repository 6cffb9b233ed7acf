"""A network of a Python file with the weights that it fits, and what there is to say of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from torch import nn

from engine.files.trust import Trust
from engine.formats.network import SIZE_NAMES, Network
from engine.formats.python import candidates, importing
from engine.formats.python.fitting import Search, Values
from engine.formats.python.proposals import default_of
from engine.formats.python.shapes import finish_lazy_modules
from engine.questions import NetworkOption
from engine.weights.state_dicts import StateDict, checksum

_SMALLEST = 16

Arguments = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, eq=False)
class ImportedFile:
    """The imported file, and the user's options for it."""

    path: Path
    module: ModuleType
    options: tuple[NetworkOption, ...]
    arguments: Arguments
    trust: Trust
    search: Search
    weights_key: str | None = None

    def given(self, option: NetworkOption) -> Values:
        """The user's arguments for one option. Raises ModelError for an unsuitable value."""
        known = {parameter.name for parameter in option.parameters}
        # With several candidates, an argument need not exist for each of them.
        pairs = [p for p in self.arguments if len(self.options) == 1 or p[0] in known]
        return candidates.values_of(self.path, option, pairs)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A network of the file with a matching state dict, under the network's keys.

    fetched: what its code asked to download. found: its arguments that were derived from the
    weights. parts: classes that it extends, and that match the weights as well. dropped: a notice
    on tensors that were left out, '' if none were.
    """

    option: NetworkOption
    network: nn.Module
    state: StateDict
    weights: Path
    values: Values
    fetched: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    dropped: str = ""


def network_of(file: ImportedFile, fit: Fit, *notices: str) -> Network:
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
        notices=(*notices, *_notices(fit)),
        made_with=None if fit.fetched else _literals(fit.values),
    )


def _literals(values: Values) -> tuple[tuple[str, str], ...] | None:
    """The arguments as Python literals; None if one of them is something else."""
    texts = tuple((name, repr(value)) for name, value in values.items())
    for _, text in texts:
        try:
            ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return None
    return texts


def _notices(fit: Fit) -> Iterator[str]:
    found = [f"{name}={_shown(fit.values[name])}" for name in fit.found if name in fit.values]
    if found:
        yield f"Arguments derived from the weights: {', '.join(found)}."
    if fit.parts:
        yield (
            f"The weights also fit {', '.join(fit.parts)}, which {fit.option.name} extends "
            f"(--arch {fit.parts[0]})."
        )
    if fit.dropped:
        yield fit.dropped
    if fit.fetched:
        names = ", ".join(fit.fetched[:3])
        yield (
            f"The network's code asks for a download ({names}). Nothing was downloaded: all "
            f"weights come from {fit.weights.name}."
        )


def _shown(value: object) -> str:
    return value.__name__ if isinstance(value, type) else repr(value)


def _told_size(fit: Fit) -> tuple[int, int] | None:
    """The input size that an argument gives; None if there is none."""
    for parameter in fit.option.parameters:
        if parameter.name in SIZE_NAMES:
            value = fit.values.get(parameter.name, default_of(parameter))
            side = value[-2:] if isinstance(value, list | tuple) else (value, value)
            if len(side) == 2 and all(type(n) is int and n >= _SMALLEST for n in side):
                return (side[0], side[1])
    return None

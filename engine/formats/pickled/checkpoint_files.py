"""Reads the weights of a file, of a state dict or of a network pickled whole, and what the file
says of their network beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from engine.files import suffixes
from engine.formats.network import Network
from engine.formats.pickled.modules import with_state_dicts
from engine.weights import checkpoint_facts, checkpoints, torch_files
from engine.weights.checkpoint_facts import Facts
from engine.weights.checkpoints import Chosen, Held
from engine.weights.state_dicts import StateDict, no_state_dict, read_state_dict


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """The weights of a file, and what it says of their network. held: all that it contains."""

    path: Path
    chosen: Chosen
    facts: Facts
    held: tuple[Held, ...]

    @property
    def state(self) -> StateDict:
        return self.chosen.state

    @property
    def has_parts(self) -> bool:
        """Whether its one state dict may be that of several networks, side by side."""
        return len(self.held) == 1 and bool(checkpoints.parts_of(self.held[0]))

    def one_part(self) -> Checkpoint:
        """With one of these networks. Raises ChoiceNeeded (WhichStateDict)."""
        chosen = checkpoints.choose(self.path, self.held, side_by_side=True)
        return self if chosen is None else replace(self, chosen=chosen)


def read(path: Path, key: str | None = None, *, side_by_side: bool = True) -> Checkpoint:
    """The weights in a .safetensors or torch.save file, or in the files of an index; of a network
    pickled whole, its tensors.

    key: which of several to open. side_by_side: whether several networks in one state dict count.
    Runs no code of the file. Raises WeightsError if it has none, ChoiceNeeded (WhichStateDict) if
    it has several equally likely ones.
    """
    if suffixes.is_index(path):
        return _chosen(path, (Held("", read_state_dict(path)),), Facts(), key, side_by_side)
    found = torch_files.read(path)
    opened = of_content(path, found.content, key, side_by_side=side_by_side)
    if opened is None:
        raise no_state_dict(path, found)
    return opened


def of_content(
    path: Path, content: object, key: str | None = None, *, side_by_side: bool = True
) -> Checkpoint | None:
    """The same for a file that was read; None if it contains no weights."""
    held = checkpoints.held_in(with_state_dicts(content))
    facts = checkpoint_facts.facts_in(content)
    return _chosen(path, held, facts, key, side_by_side) if held else None


def _chosen(
    path: Path, held: tuple[Held, ...], facts: Facts, key: str | None, side_by_side: bool
) -> Checkpoint:
    chosen = checkpoints.choose(path, held, key, side_by_side=side_by_side)
    assert chosen is not None
    return Checkpoint(path, chosen, facts, held)


def described(network: Network, found: Checkpoint) -> Network:
    """The network with the class names that its file states, and the notice on other weights."""
    network = noted(network, found.chosen.notice)
    network = replace(network, other_weights=found.chosen.others)
    return with_class_names(network, found.path, found.facts)


def with_class_names(network: Network, path: Path, facts: Facts) -> Network:
    """The network with stated class names, unless it has others and these cannot be its own."""
    fits = len(facts.classes) == _outputs(network)
    if not facts.classes or (network.classes and not fits):
        return network
    where = f"'{facts.classes_key}' of {path.name}"
    return replace(network, classes=facts.classes, classes_origin=where, classes_sure=fits)


def noted(network: Network, *notices: str) -> Network:
    more = tuple(notice for notice in notices if notice)
    return replace(network, notices=(*network.notices, *more)) if more else network


def _outputs(network: Network) -> int:
    """The number of rows of the last matrix: the classes, in most classifiers."""
    rows = [len(tensor) for tensor in network.module.state_dict().values() if tensor.ndim >= 2]
    return rows[-1] if rows else 0

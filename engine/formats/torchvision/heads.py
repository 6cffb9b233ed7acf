"""Reads the layers that replace the last one of a classifier, from the shapes of their tensors.

Fine-tuning often replaces fc by Sequential(Dropout, Linear) or by several linear layers. Layers
without tensors are not stored in the file: dropout does nothing when a network is used, and an
activation is assumed where the numbers of the layers leave room for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import nn

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Kind = Literal["linear", "batch norm", "layer norm"]

# Names of a head beside a body without one.
_HEADS = ("fc", "classifier", "classifiers", "head", "heads", "linear", "cls", "cls_head", "output")
_OTHER_HEADS = ("logits", "out", "final", "mlp", "dense", "fc1", "fc_layers", "last_linear")
_NORMS = {"weight", "bias", "running_mean", "running_var"}


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a head. name: in the file; entries: of its tensors ('weight', 'bias')."""

    name: str
    kind: Kind
    inputs: int
    outputs: int
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """The layers in place of a network's last one.

    place: the module that they replace; is_last: whether that is the last layer alone. theirs:
    their common name in the file. own: whether the
    architecture's layers stay, with other sizes. activated: after which layers an activation is
    assumed. keys: of the built network for the tensors of the file, in order.
    """

    place: str
    is_last: bool
    theirs: str
    layers: tuple[Layer, ...]
    activated: tuple[int, ...]
    own: bool
    keys: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """Whether it is one linear layer in place of another, under whatever name."""
        one = self.layers[0]
        return self.is_last and len(self.layers) == 1 and {"weight", "bias"} == set(one.entries)

    @property
    def classes(self) -> int:
        return self.layers[-1].outputs

    @property
    def words(self) -> tuple[str, ...]:
        linear = sum(layer.kind == "linear" for layer in self.layers)
        if linear == 1:
            return ()
        how = "as in the architecture" if self.own else "with ReLU between them"
        if not self.own and not self.activated:
            how = "without an activation between them, as their numbers leave no room for one"
        return (
            f"The head has {linear} linear layers ({self.theirs}); assumed, since the file does "
            f"not contain activations: {how}. If that is wrong, open the network's Python file.",
        )


def places(wanted: Shapes, last: str) -> Iterator[tuple[str, Shapes]]:
    """What the head may replace, and the tensors of the architecture that then remain: the last
    layer, or the whole part that it is in if that has no layers but linear ones."""
    yield last, {k: s for k, s in wanted.items() if k.rpartition(".")[0] != last}
    top = last.partition(".")[0]
    inner = [shape for key, shape in wanted.items() if key.startswith(f"{top}.")]
    if top != last and all(len(shape) < 3 for shape in inner) and _only_linear(wanted, top):
        yield top, {k: s for k, s in wanted.items() if not k.startswith(f"{top}.")}


def _only_linear(wanted: Shapes, top: str) -> bool:
    names = {key.rpartition(".")[0] for key in wanted if key.startswith(f"{top}.")}
    return all(len(wanted.get(f"{name}.weight", ())) == 2 for name in names)


def head_of(wanted: Shapes, last: str, place: str, rest: Shapes) -> Head | None:
    """The head that the remaining tensors of a file form; None if they form none."""
    layers = _layers(rest)
    if not layers or not _chained(layers) or layers[-1].kind != "linear":
        return None
    if layers[0].inputs != _inputs(wanted, last, place):
        return None
    theirs = _common([layer.name for layer in layers])
    alone = all(k.rpartition(".")[0] == last for k in wanted if _top(k) == _top(last))
    if not _in_place(theirs, last, place, alone):
        return None
    ours = {k.rpartition(".")[0] for k in wanted if k.startswith(f"{place}.") and place != last}
    own = sorted(ours) == sorted(layer.name for layer in layers)
    activated = _activated(layers, theirs)
    if len(layers) == 1 and not own:
        names: tuple[str, ...] = (last if place == last else place,)
    else:
        names = tuple(
            layer.name if own else f"{place}.{number}"
            for layer, number in zip(layers, _numbers(layers, activated), strict=True)
        )
    entries = {
        f"{layer.name}.{entry}": f"{name}.{entry}"
        for layer, name in zip(layers, names, strict=True)
        for entry in layer.entries
    }
    return Head(
        place, place == last, theirs, layers, activated, own, tuple(entries[key] for key in rest)
    )


def _layers(rest: Shapes) -> tuple[Layer, ...]:
    """The layers with these tensors, in order; () if one is of another kind."""
    grouped: dict[str, dict[str, Shape]] = {}
    for key, shape in rest.items():
        name, _, entry = key.rpartition(".")
        grouped.setdefault(name, {})[entry] = shape
    found = [_layer(name, entries) for name, entries in grouped.items()]
    layers = [layer for layer in found if layer is not None]
    if len(layers) < len(found):
        return ()
    last = [layer.name.rpartition(".")[2] for layer in layers]
    if all(part.isdigit() and len(part) < 5 for part in last):
        layers.sort(key=lambda layer: int(layer.name.rpartition(".")[2]))
    return tuple(layers)


def _layer(name: str, entries: Shapes) -> Layer | None:
    weight = entries.get("weight", ())
    listed = tuple(entries)
    if len(weight) == 2 and entries.keys() <= {"weight", "bias"}:
        fits = entries.get("bias", weight[:1]) == weight[:1] and all(weight)
        return Layer(name, "linear", weight[1], weight[0], listed) if fits else None
    if len(weight) != 1 or any(shape != weight for shape in entries.values()) or not weight[0]:
        return None
    if entries.keys() == _NORMS:
        return Layer(name, "batch norm", weight[0], weight[0], listed)
    if entries.keys() == {"weight", "bias"}:
        return Layer(name, "layer norm", weight[0], weight[0], listed)
    return None


def _chained(layers: tuple[Layer, ...]) -> bool:
    return all(one.outputs == two.inputs for one, two in pairwise(layers))


def _inputs(wanted: Shapes, last: str, place: str) -> int:
    """The numbers that the body hands to its head."""
    if place == last:
        return wanted[f"{last}.weight"][1]
    names = {k.rpartition(".")[0] for k in wanted if k.startswith(f"{place}.")}
    first = min(names, key=lambda name: (len(name), name))
    return wanted[f"{first}.weight"][1]


def _common(names: list[str]) -> str:
    """The module that contains all of these; the layer itself if there is one."""
    if len(names) == 1:
        return names[0]
    parts = [name.split(".") for name in names]
    shared = []
    for column in zip(*parts, strict=False):
        if len(set(column)) > 1:
            break
        shared.append(column[0])
    return ".".join(shared)


def _in_place(theirs: str, last: str, place: str, alone: bool) -> bool:
    if theirs == place or theirs.startswith(f"{place}."):
        return True
    # Among other layers with tensors, its position would be ambiguous.
    if _top(theirs) == _top(last):
        return alone
    return _top(theirs) in (*_HEADS, *_OTHER_HEADS)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _activated(layers: tuple[Layer, ...], theirs: str) -> tuple[int, ...]:
    """After which layers an activation is assumed: one between two linear layers, at the first
    place where the names leave room for a layer without tensors."""
    found: list[int] = []
    open_since_linear = False
    for place, (one, two) in enumerate(pairwise(layers)):
        open_since_linear = open_since_linear or one.kind == "linear"
        if open_since_linear and _has_room(one, two, theirs):
            found.append(place)
            open_since_linear = False
    return tuple(found)


def _has_room(one: Layer, two: Layer, theirs: str) -> bool:
    """Whether there may be a layer without tensors between two layers, by their names."""
    places = [layer.name.removeprefix(f"{theirs}.") for layer in (one, two)]
    if all(place.isdigit() for place in places):
        return int(places[1]) - int(places[0]) > 1
    return two.kind == "linear"


def _numbers(layers: tuple[Layer, ...], activated: tuple[int, ...]) -> Iterator[int]:
    number = 0
    for place, _ in enumerate(layers):
        yield number
        number += 2 if place in activated else 1


def built(network: nn.Module, head: Head) -> nn.Module:
    """The head's layers, not initialised. network: of the architecture, with its own head."""
    if head.own:
        return _resized(network, head)
    parts: list[nn.Module] = []
    for place, layer in enumerate(head.layers):
        parts.append(_MADE[layer.kind](layer))
        if place in head.activated:
            parts.append(nn.ReLU())
    return parts[0] if len(parts) == 1 else nn.Sequential(*parts)


def _resized(network: nn.Module, head: Head) -> nn.Module:
    for layer in head.layers:
        parent, _, child = layer.name.rpartition(".")
        network.get_submodule(parent)._modules[child] = _MADE[layer.kind](layer)
    return network.get_submodule(head.place)


_MADE: Mapping[Kind, Callable[[Layer], nn.Module]] = {
    "linear": lambda layer: nn.Linear(layer.inputs, layer.outputs, "bias" in layer.entries),
    "batch norm": lambda layer: nn.BatchNorm1d(layer.inputs),
    "layer norm": lambda layer: nn.LayerNorm(layer.inputs),
}

"""Reads the layers that replace the last one of a classifier, from the shapes of their tensors.

Fine-tuning often replaces fc by Sequential(Dropout, Linear) or by several linear layers. Layers
without tensors are not stored in the file: dropout does nothing when a network is used, and an
activation is assumed where the numbers of the layers leave room for one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from engine.formats.torchvision.head_layers import Kind, Layer, Shapes, layers_in

# Names of a head beside a body without one.
_HEADS = ("fc", "classifier", "classifiers", "head", "heads", "linear", "cls", "cls_head", "output")
_OTHER_HEADS = ("logits", "out", "final", "mlp", "dense", "fc1", "fc_layers", "last_linear")


@dataclass(frozen=True, slots=True)
class Head:
    """The layers in place of a network's last one.

    place: the module that they replace; is_last: whether that is the last layer alone; instead_of:
    its number of linear layers. theirs: their common name in the file. sure: whether their order is
    certain. own: whether the architecture's layers stay, with other sizes. kept: how many of the
    first stay as they are; carried: the numbers of the architecture's modules, activations among
    them, that stay with these. activated: after which layers ReLU is assumed. keys: of the built
    network for the tensors of the file, in order.
    """

    place: str
    is_last: bool
    theirs: str
    layers: tuple[Layer, ...]
    activated: tuple[int, ...]
    own: bool
    keys: tuple[str, ...]
    sure: bool = True
    kept: int = 0
    carried: int = 0
    instead_of: int = 1

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
        """What differs from the architecture, and what is assumed, as sentences for the user."""
        linear = [layer for layer in self.layers if layer.kind == "linear"]
        norms = sum(layer.kind != "linear" for layer in self.layers[self.kept :])
        bare = sum("bias" not in layer.entries for layer in linear)
        sizes = " to ".join(str(n) for n in (linear[0].inputs, *(each.outputs for each in linear)))
        what = f"The head has {_counted(len(linear), 'linear layer')} ({self.theirs}: {sizes})"
        what += f" and {_counted(norms, 'norm layer')}" if norms else ""
        what += f", {bare} of {len(linear)} without a bias" if bare else ""
        if norms or bare or len(linear) != self.instead_of:
            what += f"; the architecture's has {_counted(self.instead_of, 'linear layer')}."
        else:
            what += ", with other sizes or numbers than in the architecture."
        if len(linear) > 1:
            what += (
                " Assumed, since the file does not contain activations: "
                f"{self._how()}. If that is wrong, open the network's Python file."
            )
        elif norms:
            what += " Assumed: no activation beside them, since the file does not contain any."
        if self.sure:
            return (what,)
        order = ", ".join(layer.name for layer in self.layers)
        return what, f"The sizes of the head's layers allow several orders; assumed: {order}."

    def _how(self) -> str:
        """Which activations are assumed."""
        if self.own:
            return "as in the architecture"
        names = [layer.name for layer in self.layers]
        before = [n for n, layer in enumerate(self.layers[:-1]) if layer.kind == "linear"]
        stays = [n for n in before if n < self.kept and self.carried > _number(names[n]) + 1]
        parts = []
        if stays:
            parts.append(f"as in the architecture after {', '.join(names[n] for n in stays)}")
        if self.activated:
            whole = not stays and len(self.activated) == len(before)
            where = "after " + ", ".join(names[n] for n in self.activated)
            if whole:
                norms = len(before) + 1 < len(names)
                where = f"between them ({where})" if norms else "between them"
            parts.append(f"with ReLU {where}")
        elif not stays:
            return "without an activation between them, as their numbers leave no room for one"
        if len(stays) + len(self.activated) < len(before):
            parts.append("without an activation between the others, for want of room")
        return ", ".join(parts)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}"


def places(wanted: Shapes, last: str) -> Iterator[tuple[str, Shapes]]:
    """What the head may replace, and the tensors of the architecture that then remain: the last
    layer, or the whole part that it is in if that has no layers but linear ones and norms."""
    yield last, {k: s for k, s in wanted.items() if k.rpartition(".")[0] != last}
    top = _top(last)
    if top != last and layers_in(_within(wanted, top)).layers:
        yield top, {k: s for k, s in wanted.items() if not k.startswith(f"{top}.")}


def _within(wanted: Shapes, place: str) -> Shapes:
    return {key: shape for key, shape in wanted.items() if key.startswith(f"{place}.")}


def head_of(wanted: Shapes, last: str, place: str, rest: Shapes) -> Head | None:
    """The head that the remaining tensors of a file form; None if they form none."""
    own = layers_in(_within(wanted, place)).layers
    found = layers_in(rest, own[0].inputs) if own else None
    if found is None or not found.layers:
        return None
    layers = found.layers
    theirs = _common([layer.name for layer in layers])
    alone = all(k.rpartition(".")[0] == last for k in wanted if _top(k) == _top(last))
    if not _in_place(theirs, last, place, alone):
        return None
    kept = 0 if place == last else _kept(wanted, rest, own, layers)
    # What stands before a norm, such as pooling, is not stored and goes with it.
    if kept == len(layers) or (not kept and any(layer.kind != "linear" for layer in own)):
        return None
    same = place != last and sorted(e.name for e in own) == sorted(e.name for e in layers)
    # Nothing follows the architecture's last layer, and an activation follows each other one.
    free = layers[kept - (kept == len(own)) :] if kept else layers
    activated = () if same else _activated(layers, theirs, len(layers) - len(free))
    names = tuple(_names(place, layers, activated, numbered=bool(kept), own=same))
    entries = {
        f"{layer.name}.{entry}": f"{name}.{entry}"
        for layer, name in zip(layers, names, strict=True)
        for entry in layer.entries
    }
    return Head(
        *(place, place == last, theirs, layers, activated, same),
        keys=tuple(entries[key] for key in rest),
        sure=found.sure,
        kept=kept,
        carried=_carried(own, layers, kept),
        instead_of=sum(layer.kind == "linear" for layer in own),
    )


def _kept(wanted: Shapes, rest: Shapes, own: tuple[Layer, ...], layers: tuple[Layer, ...]) -> int:
    """How many of the first layers are those of the architecture, by number and shape."""
    count = 0
    for one, two in zip(own, layers, strict=False):
        keys = [f"{one.name}.{entry}" for entry in one.entries]
        if one.name != two.name or any(wanted[key] != rest.get(key) for key in keys):
            break
        count += 1
    numbered = all(_last(layer.name).isdigit() for layer in (*own, *layers))
    return count if numbered and len({_parent(layer.name) for layer in layers}) == 1 else 0


def _carried(own: tuple[Layer, ...], layers: tuple[Layer, ...], kept: int) -> int:
    if not kept:
        return 0
    end = _number(own[kept].name) if kept < len(own) else _number(own[-1].name) + 1
    return min(end, _number(layers[kept].name))


def _number(name: str) -> int:
    return int(_last(name))


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


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


def _activated(layers: tuple[Layer, ...], theirs: str, start: int) -> tuple[int, ...]:
    """After which layers an activation is assumed: one between two linear layers, at the first
    place where the names leave room for a layer without tensors. start: the first layer that may
    have one."""
    found: list[int] = []
    open_since_linear = False
    for place, (one, two) in enumerate(pairwise(layers)):
        open_since_linear = open_since_linear or one.kind == "linear"
        if place >= start and open_since_linear and _has_room(one, two, theirs):
            found.append(place)
            open_since_linear = False
    return tuple(found)


def _has_room(one: Layer, two: Layer, theirs: str) -> bool:
    """Whether there may be a layer without tensors between two layers, by their names."""
    places = [layer.name.removeprefix(f"{theirs}.") for layer in (one, two)]
    if all(place.isdigit() for place in places):
        return int(places[1]) - int(places[0]) > 1
    return two.kind == "linear"


def _names(
    place: str, layers: tuple[Layer, ...], activated: tuple[int, ...], *, numbered: bool, own: bool
) -> Iterator[str]:
    """The layers' names in the built network."""
    if own or numbered:
        yield from (layer.name for layer in layers)
    elif len(layers) == 1:
        yield place
    else:
        number = 0
        for index, _ in enumerate(layers):
            yield f"{place}.{number}"
            number += 2 if index in activated else 1


def built(network: nn.Module, head: Head) -> nn.Module:
    """The head's layers, not initialised. network: of the architecture, with its own head."""
    if head.own:
        return _resized(network, head)
    if head.kept:
        return _extended(network, head)
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


def _extended(network: nn.Module, head: Head) -> nn.Module:
    """The architecture's first layers with new ones, under the numbers of the file."""
    stay = list(network.get_submodule(head.place).children())[: head.carried]
    parts: dict[str, nn.Module] = {str(number): module for number, module in enumerate(stay)}
    for place, layer in enumerate(head.layers):
        if place >= head.kept:
            parts[_last(layer.name)] = _MADE[layer.kind](layer)
        if place in head.activated:
            parts[str(_number(layer.name) + 1)] = nn.ReLU()
    return nn.Sequential(OrderedDict(parts))


_MADE: Mapping[Kind, Callable[[Layer], nn.Module]] = {
    "linear": lambda layer: nn.Linear(layer.inputs, layer.outputs, "bias" in layer.entries),
    "batch norm": lambda layer: nn.BatchNorm1d(layer.inputs),
    "layer norm": lambda layer: nn.LayerNorm(layer.inputs),
}

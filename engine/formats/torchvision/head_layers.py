"""Reads the layers of a head from the shapes of their tensors, in the order in which they compute.

A Sequential numbers its layers. Where they have names, the file's order may be that of the alphabet
(.safetensors), so the layers' sizes decide.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Literal

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Kind = Literal["linear", "batch norm", "layer norm"]

_NORMS = {"weight", "bias", "running_mean", "running_var"}
_NUMBERED = re.compile(r"(.*?)(\d{1,4})")
# More named layers than any head has.
_MOST_SEARCHED = 12


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a head. name: in the file; entries: of its tensors ('weight', 'bias')."""

    name: str
    kind: Kind
    inputs: int
    outputs: int
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layers:
    """layers: in the order in which they compute. sure: whether names or sizes allow no other."""

    layers: tuple[Layer, ...]
    sure: bool = True


_NONE = Layers(())


def layers_in(rest: Shapes, inputs: int | None = None) -> Layers:
    """The layers that these tensors form, () if one is of another kind, or none follows another.

    inputs: of the first layer, if known.
    """
    grouped: dict[str, dict[str, Shape]] = {}
    for key, shape in rest.items():
        name, _, entry = key.rpartition(".")
        grouped.setdefault(name, {})[entry] = shape
    found = [_layer(name, entries) for name, entries in grouped.items()]
    layers = [layer for layer in found if layer is not None]
    if not layers or len(layers) < len(found):
        return _NONE
    given = tuple(layers)
    if len(given) == 1:
        return Layers(given) if _is_chain(given, inputs) else _NONE
    numbered = [_NUMBERED.fullmatch(layer.name.rpartition(".")[2]) for layer in layers]
    numbers = [(match[1], int(match[2])) for match in numbered if match is not None]
    if len(numbers) == len(layers) and len({stem for stem, _ in numbers}) == 1:
        order = sorted(range(len(layers)), key=lambda place: numbers[place])
        whole = tuple(layers[place] for place in order)
        if _is_chain(whole, inputs):
            return Layers(whole)
    unnamed = len(numbers) == len(layers) and not any(stem for stem, _ in numbers)
    if inputs is None or unnamed:
        return _NONE
    orders = tuple(islice(_chains(layers, inputs), 2)) if _may_be_chain(layers, inputs) else ()
    if _is_chain(given, inputs):
        return Layers(given, len(orders) == 1)
    return Layers(orders[0], len(orders) == 1) if orders else _NONE


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


def _is_chain(layers: tuple[Layer, ...], inputs: int | None) -> bool:
    ends = inputs in (None, layers[0].inputs) and layers[-1].kind == "linear"
    return ends and all(one.outputs == two.inputs for one, two in pairwise(layers))


def _may_be_chain(layers: list[Layer], inputs: int) -> bool:
    """Whether all that is taken is returned once, except for the last. Without this, the search for
    an order could try all of them."""
    taken = Counter(layer.inputs for layer in layers)
    returned = Counter([inputs, *(layer.outputs for layer in layers)])
    return len(layers) <= _MOST_SEARCHED and (returned - taken).total() == 1


def _chains(layers: list[Layer], inputs: int) -> Iterator[tuple[Layer, ...]]:
    """The orders in which each layer takes what the one before it returns."""
    if not layers:
        yield ()
    for place, layer in enumerate(layers):
        if layer.inputs == inputs and (len(layers) > 1 or layer.kind == "linear"):
            others = layers[:place] + layers[place + 1 :]
            for after in _chains(others, layer.outputs):
                yield (layer, *after)

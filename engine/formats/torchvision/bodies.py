"""Recognises torchvision's networks whose first or last layers were changed for another task.

Compares shapes alone. A changed network is described by a Change, which is applied to the network
that torchvision builds. What the file cannot show (activations, strides) is assumed and said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from engine.formats.torchvision import heads
from engine.formats.torchvision.heads import Head

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

_CLASSES = 1000
_MOST_CHANNELS = 64
_MONAI_BIAS = re.compile(r"layer\d\.0\.downsample\.0\.bias")
_SMALL_INPUT = 32


@dataclass(frozen=True, slots=True)
class Stem:
    """A first convolution that differs from the architecture's. name: its module; small: 3 x 3 with
    stride 1 and without pooling after it, as for CIFAR; stride: None for the architecture's."""

    name: str
    channels: int
    small: bool = False
    bias: bool = False
    stride: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """How a network differs from torchvision's. head: the layers in place of its last one, None if
    that is the same; biased: convolutions that have a bias here; auxiliary: whether its file has
    auxiliary heads, which are left out."""

    stem: Stem | None = None
    head: Head | None = None
    biased: tuple[str, ...] = ()
    auxiliary: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The differences as sentences for the user."""
        return (*_stem_words(self), *(() if self.head is None else self.head.words))

    @property
    def side(self) -> int | None:
        """The usual side of the input, if the architecture's own does not apply."""
        return _SMALL_INPUT if self.stem is not None and self.stem.small else None


def _stem_words(change: Change) -> tuple[str, ...]:
    stem = change.stem
    if stem is None:
        return ()
    found = []
    if stem.channels != 3:
        plural = "s" if stem.channels > 1 else ""
        found.append(f"The first convolution takes {stem.channels} channel{plural} instead of 3.")
    if stem.small:
        found.append(
            "The first convolution is 3 x 3: assumed, as for CIFAR, stride 1 and no pooling."
        )
    if stem.bias:
        found.append("The first convolution has a bias, unlike that of the architecture.")
    if stem.stride is not None:
        found.append(
            "Built as MONAI does: the first convolution has stride 1, and those of the shortcuts "
            "have a bias."
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Comparison:
    """change: None if the weights do not fit. headless: they fit, but the head is missing.
    names: the file's keys of the head, and the network's; theirs, ours: the name of a last layer
    that was only renamed."""

    change: Change | None = None
    headless: bool = False
    names: tuple[tuple[str, str], ...] = ()
    theirs: str = ""
    ours: str = ""


NOTHING = Comparison()


def compare(wanted: Shapes, given: Shapes) -> Comparison:
    """Whether shapes fit an architecture's body with another head or first convolution.

    wanted: of the architecture with 1,000 classes, without counters; given: of a state dict.
    """
    last = _last_layer(wanted)
    if not last:
        return NOTHING
    for place, body in heads.places(wanted, last):
        rest = {key: given[key] for key in given if key not in body}
        stem, biased = _body(body, {key: given[key] for key in body if key in given}, rest)
        if stem is None:
            continue
        if not rest and place == last:
            return Comparison(headless=True)
        head = heads.head_of(wanted, last, place, rest)
        if head is not None:
            first, bare = stem if isinstance(stem, Stem) else None, head.is_plain
            names = tuple(zip(rest, head.keys, strict=True))
            renamed = (head.theirs, last) if bare and head.theirs != last else ("", "")
            return Comparison(Change(first, None if bare else head, biased), False, names, *renamed)
    return NOTHING


def _last_layer(wanted: Shapes) -> str:
    """The name of the linear layer with the classes; '' if the network ends otherwise."""
    found = [key for key, shape in wanted.items() if shape[:1] == (_CLASSES,) and len(shape) == 2]
    return found[0].removesuffix(".weight") if len(found) == 1 else ""


def _body(
    wanted: Shapes, given: Shapes, rest: dict[str, Shape]
) -> tuple[Stem | bool | None, tuple[str, ...]]:
    """The changed first convolution, True if it is the same, None if the body does not fit; and
    the convolutions with a bias. Keys that belong to the body are removed from rest."""
    if wanted.keys() != given.keys():
        return None, ()
    changed = [key for key in wanted if wanted[key] != given[key]]
    first = next((k for k, s in wanted.items() if len(s) == 4 and s[1] == 3), "")
    if changed not in ([], [first]):
        return None, ()
    biased = tuple(key.removesuffix(".bias") for key in rest if _MONAI_BIAS.fullmatch(key))
    for name in biased:
        rest.pop(f"{name}.bias")
    name = first.removesuffix(".weight")
    bias = rest.pop(f"{name}.bias", None) is not None
    own, theirs = wanted.get(first, ()), given.get(first, ())
    if len(own) != 4 or len(theirs) != 4:
        return (None if changed else True), biased
    small = theirs[2:] == (3, 3) != own[2:] and "layer1.0.conv1.weight" in wanted
    same_size = own[2:] == theirs[2:]
    if own[0] != theirs[0] or not 0 < theirs[1] <= _MOST_CHANNELS or not (small or same_size):
        return None, ()
    if not changed and not bias and not biased:
        return True, ()
    return Stem(name, theirs[1], small, bias, 1 if biased else None), biased


def apply(network: nn.Module, change: Change) -> None:
    """Change a network that torchvision built, in place; its new layers are not initialised."""
    if change.stem is not None:
        stem = change.stem
        own = network.get_submodule(stem.name)
        assert isinstance(own, nn.Conv2d)
        side = 3 if stem.small else 0
        conv = nn.Conv2d(
            stem.channels,
            own.out_channels,
            side or own.kernel_size,  # type: ignore[arg-type]
            1 if side else stem.stride or own.stride,  # type: ignore[arg-type]
            1 if side else own.padding,  # type: ignore[arg-type]
            bias=stem.bias or own.bias is not None,
        )
        put(network, stem.name, conv)
        if stem.small:
            put(network, "maxpool", nn.Identity())
    for name in change.biased:
        conv2d = network.get_submodule(name)
        assert isinstance(conv2d, nn.Conv2d)
        conv2d.bias = nn.Parameter(conv2d.weight.new_empty(conv2d.out_channels))
    if change.head is not None:
        put(network, change.head.place, heads.built(network, change.head))


def put(network: nn.Module, name: str, module: nn.Module) -> None:
    """Replace a submodule."""
    parent, _, child = name.rpartition(".")
    network.get_submodule(parent)._modules[child] = module

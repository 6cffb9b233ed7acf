"""Rebuilds a network from a pickle's description, without running the pickle.

A torchvision class is built by torchvision's own constructor, as the architecture that matches its
tensors; a network of allow-listed layers is assembled from those. Then every class, setting and
child must match the description (engine.formats.pickled.same_module): with another dilation, eps or
pooling, the same state dict would give other logits.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import ModelError
from engine.formats import rejections
from engine.formats.pickled.described import children_of, joined, settings_of
from engine.formats.pickled.faults import faults, foreign_names
from engine.formats.pickled.layer_classes import (
    REFUSALS,
    Misfit,
    is_sequence,
    layers,
    make,
    make_sequence,
)
from engine.formats.pickled.layer_names import canonical
from engine.formats.pickled.modules import state_dict_of
from engine.formats.pickled.same_module import class_name, differences, own_differences
from engine.formats.torchvision import architectures, construction, metadata
from engine.formats.torchvision import models as torchvision_models
from engine.lazy import torchvision
from engine.reader import client
from engine.weights.descriptions import Described

_CLASSES = 1000
_MOST_FITTING = 3
# Nested torchvision networks are tried once for every candidate of the outer one.
_MOST_OUTLINES = 60
# The pooling before the head, which has no tensors.
_LAST_POOLING = "avgpool"


@dataclass(frozen=True, slots=True, eq=False)
class Rebuilt:
    """network: with its weights loaded; None if it cannot be rebuilt. unfitting: in that case, the
    first parts of the description that do not fit, as text or class names."""

    network: nn.Module | None
    unfitting: tuple[str, ...] = ()


def rebuild(root: Described, path: Path) -> Rebuilt:
    """Rebuild the network that the file `path` describes.

    Raises ModelError for a network that is not an image classifier, WeightsError for modules that
    contain themselves or exceed the limits of depth and number.
    """
    refused = rejections.kind_of_class(root.kind)
    if refused:
        raise ModelError(f"{path}: {refused}; {rejections.ONLY_CLASSIFIERS}")
    foreign = foreign_names(root)
    odd = faults(root, path)
    if odd or foreign:
        return Rebuilt(None, foreign + odd)
    try:
        network = _Builder().built(root, "")
    except Misfit as error:
        return Rebuilt(None, tuple(str(what).removeprefix(": ").strip() for what in error.args))
    unfitting = differences(root, network)
    if unfitting:
        return Rebuilt(None, unfitting)
    _fill(root, network)
    return Rebuilt(network.eval())


@dataclass(frozen=True, slots=True)
class _Place:
    """A submodule of a torchvision network. name: relative to the outermost network; inner:
    relative to torchvision's. free: the parts in which layers may be replaced; '' for all."""

    name: str
    inner: str
    free: tuple[str, ...]

    @property
    def is_free(self) -> bool:
        return "" in self.free or self.inner.partition(".")[0] in self.free

    def below(self, name: str) -> _Place:
        return _Place(joined(self.name, name), joined(self.inner, name), self.free)


@dataclass(slots=True)
class _Builder:
    """Builds each described module once, however many names it has. outlines: the torchvision
    architectures tried so far, shared by all builders of one network."""

    made: dict[int, nn.Module] = field(default_factory=dict)
    outlines: list[str] = field(default_factory=list)

    def built(self, module: Described, place: str) -> nn.Module:
        """Raises Misfit for anything but torchvision's networks and the allow-listed layers."""
        client.raise_if_late()
        if id(module) not in self.made:
            self.made[id(module)] = self._built(module, place)
        return self.made[id(module)]

    def _built(self, module: Described, place: str) -> nn.Module:
        if is_sequence(module.kind):
            children = {
                name: self.built(child, joined(place, name)) for name, child in children_of(module)
            }
            return make_sequence(module, children, place)
        if canonical(module.kind) in families():
            return self._published(module, place)
        return make(module, place)

    def _published(self, module: Described, place: str) -> nn.Module:
        """The closest torchvision network, with allow-listed layers where it was modified."""
        state = state_dict_of(module)
        found: tuple[str, ...] = (f"{place}: {module.kind}",)
        for name in _nearest(families()[canonical(module.kind)], state):
            if len(self.outlines) >= _MOST_OUTLINES:
                raise Misfit(f"{place}: too many nested networks")
            self.outlines.append(name)
            parts = _Builder(dict(self.made), self.outlines)
            try:
                built = construction.outline(name, _options(name, module, state))
                network = parts.adapted(module, built, _Place(place, "", _free_parts(name, state)))
            except Misfit as error:
                found = error.args
                continue
            except REFUSALS:
                continue
            found = differences(module, network)
            if not found:
                self.made = parts.made
                return network
        raise Misfit(*found)

    def adapted(self, module: Described, built: nn.Module, place: _Place) -> nn.Module:
        """`built`, or allow-listed layers in its place, with its children adapted likewise."""
        if id(module) in self.made:
            return self.made[id(module)]
        names = [name for name, _ in children_of(module)]
        own = [name for name, child in built._modules.items() if child is not None]
        is_alike = canonical(module.kind) == class_name(type(built)) and names == own
        if is_alike:
            for name, child in children_of(module):
                inner = built.get_submodule(name)
                built._modules[name] = self.adapted(child, inner, place.below(name))
        if place.is_free:
            if canonical(module.kind) in layers():
                if not is_alike or own_differences(module, built, place.name):
                    built = make(module, place.name)
            elif not is_alike and is_sequence(module.kind):
                built = self.built(module, place.name)
        self.made[id(module)] = built
        return built


@functools.cache
def families() -> Mapping[str, tuple[str, ...]]:
    """The architectures of each torchvision class, by the class's name in a pickle."""
    models = torchvision.load().models
    found: dict[str, tuple[str, ...]] = {}
    for name in metadata.names():
        kind = inspect.signature(models.get_model_builder(name)).return_annotation
        if isinstance(kind, type):
            found[class_name(kind)] = (*found.get(class_name(kind), ()), name)
    return found


def _nearest(names: tuple[str, ...], state: Mapping[str, Tensor]) -> list[str]:
    """The architectures whose tensors differ least from a state dict; several if tied."""
    given = {(key, tuple(tensor.shape)) for key, tensor in state.items()}
    index = architectures.known()
    apart = {name: len(given ^ set(index[name].items())) for name in names if name in index}
    least = min(apart.values(), default=0)
    return [name for name in apart if apart[name] == least][:_MOST_FITTING]


def _free_parts(name: str, state: Mapping[str, Tensor]) -> tuple[str, ...]:
    """The parts in which layers may differ from the architecture: anywhere, if the tensors already
    show that it is not the published network, else only in its head, which is often replaced."""
    shapes = architectures.known()[name]
    heads = tuple(
        dict.fromkeys(
            key.partition(".")[0] for key, shape in shapes.items() if shape[:1] == (_CLASSES,)
        )
    )
    body = {
        key: shape
        for key, shape in shapes.items()
        if key.partition(".")[0] not in heads and not key.endswith(".num_batches_tracked")
    }
    same = all(key in state and tuple(state[key].shape) == body[key] for key in body)
    return (*heads, _LAST_POOLING) if same else ("",)


def _options(name: str, module: Described, state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The constructor arguments, derived from the tensors and checked attributes."""
    options: dict[str, Any] = {}
    sizes = {
        int(state[key].shape[0])
        for key, shape in architectures.known()[name].items()
        if shape[:1] == (_CLASSES,) and key in state and state[key].shape[1:] == shape[1:]
    }
    if len(sizes) == 1 and 0 not in sizes:
        options["num_classes"] = sizes.pop()
    attributes = module.attributes
    if name in torchvision_models.TRANSFORMING:
        options["init_weights"] = False
        for flag in ("aux_logits", "transform_input"):
            options[flag] = attributes.get(flag) is True
    size = torchvision_models.image_size(name, state)
    if size is not None:
        options["image_size"] = size
    return options


def _fill(root: Described, network: nn.Module) -> None:
    """Load the described tensors into a network that matches the description."""
    waiting, seen = [(root, network)], set()
    while waiting:
        module, built = waiting.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        attributes = settings_of(module)
        for name, value in attributes["_parameters"].items():
            if value is not None:
                built._parameters[name] = nn.Parameter(value)
        for name, value in built._buffers.items():
            given = attributes["_buffers"].get(name)
            if given is None and value is not None:
                given = torch.zeros(value.shape, dtype=value.dtype)
            built._buffers[name] = given
        waiting += [(child, built.get_submodule(name)) for name, child in children_of(module)]

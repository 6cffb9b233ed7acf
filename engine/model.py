"""An opened model: the network, what it eats, what its classes are called, what its layers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from engine.device import is_out_of_memory, release_cache
from engine.errors import ModelError
from engine.inspection import Inspection, inspect, with_layouts
from engine.layers import default_layer, layer_nodes
from engine.observation import dtype_of
from engine.progress import CancelToken
from engine.reach import without_dead_tokens
from engine.records import LayerNode, Layout, ModelInfo, Preprocessing

_CUT = (
    "This network cuts its gradients off (detach or no_grad). The maps follow its function through "
    "the cut, as if it did not."
)


class Model:
    """A network ready for sessions. Its parameters, modes and hooks are never changed.

    module: any torch image classifier from (1, channels, h, w) to logits.
    classes: labels in the order of the logits; missing ones are numbered.
    layouts: what the user says of the outputs of layers, by name, where it was found wrongly.
    Raises ModelError when the network does not run on an input of the crop's size or does not
    return one row of logits, LayerError where a layer cannot have the layout given to it.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        preprocessing: Preprocessing,
        classes: Sequence[str] = (),
        source: str = "module",
        title: str = "",
        weights: str = "",
        weights_sha256: str = "",
        device: torch.device | str = "cpu",
        notices: tuple[str, ...] = (),
        layouts: Mapping[str, Layout] | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        self.device, self._notices = _place(module, torch.device(device))
        self.module = module
        self.preprocessing = preprocessing
        self.dtype = dtype_of(module)
        shape = (1, len(preprocessing.mean), *preprocessing.crop)
        facts = with_layouts(inspect(self.module, shape, self.device), layouts or {})
        self.layouts = dict(layouts or {})
        self.facts: Inspection = without_dead_tokens(
            self.module, facts, self.device, self.dtype, cancel
        )
        self.layers: tuple[LayerNode, ...] = layer_nodes(module, self.facts)
        self.classes = _labels(classes, self.facts.classes)
        self.source = source
        self._title = title or type(module).__name__
        self._weights = weights
        self._weights_sha256 = weights_sha256
        self._notices = (*self._notices, *notices)
        if self.facts.cut:
            self._notices += (_CUT,)

    @property
    def info(self) -> ModelInfo:
        """Everything about the model that can be said without torch."""
        return ModelInfo(
            source=self.source,
            title=self._title,
            architecture=type(self.module).__name__,
            weights=self._weights,
            device=str(self.device),
            classes=self.classes,
            parameters=sum(p.numel() for p in self.module.parameters()),
            preprocessing=self.preprocessing,
            default_layer=default_layer(self.facts),
            notices=self._notices,
            weights_sha256=self._weights_sha256,
        )

    def move(self, device: torch.device, notice: str) -> None:
        """Go on with the network on another device; the notice says why."""
        self.module.to(device)
        self.device = device
        self._notices = (*self._notices, notice)


def _place(module: nn.Module, device: torch.device) -> tuple[torch.device, tuple[str, ...]]:
    """Move the network to the device, or to the CPU where the device has no room for it.

    Returns where it is, and what the user should know of that.
    """
    try:
        module.to(device)
    except (RuntimeError, MemoryError) as error:
        if device.type == "cpu" or not is_out_of_memory(error):
            raise
        module.to("cpu")
        release_cache(device)
        return torch.device("cpu"), (f"{device} has no room for this model; the CPU computes",)
    return device, ()


def _labels(classes: Sequence[str], count: int) -> tuple[str, ...]:
    if classes and len(classes) != count:
        raise ModelError(
            f"{len(classes)} class names were given, but the network has {count} classes"
        )
    return tuple(classes) or tuple(f"class {i}" for i in range(count))

"""An open model: its network, expected input, class names and layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.errors import LayerError, ModelError
from engine.inspection.dead_tokens import without_dead_tokens
from engine.inspection.default_layer import default_layer
from engine.inspection.facts import Inspection, inspect, with_layouts
from engine.inspection.layer_tree import LAST_CONVOLUTION, last_convolution, layer_nodes
from engine.methods.registry import GRAD_CAM, Chosen
from engine.passes.allocation import limit_of
from engine.passes.devices import is_out_of_memory, release_cache
from engine.passes.observation import dtype_of
from engine.passes.outputs import Reading
from engine.passes.wrappers import unwrapped
from engine.progress import CancelToken
from engine.records.images import Preprocessing
from engine.records.models import LayerNode, Layout, ModelInfo, OutputForm, Prediction, Scores
from engine.targets import classes as targets

_BRANCHES = (
    "No single layer sees all that the network sees. The default layer, {name}, is one of {count} "
    "branches."
)
_CUT = "This network blocks gradients (detach or no_grad). The maps are computed as if it did not."


class Model:
    """A network ready for sessions. Its parameters, modes and hooks are never changed.

    module: any torch image classifier from (1, channels, h, w) to logits.
    classes: labels in the order of the logits; numbered if not given.
    output: which part of the network's output to explain, and how to read it; None detects it.
    layouts: layouts set by the user for layers by name, where detection was wrong.
    preprocessing_origin, classes_origin: where these come from, for ModelInfo.
    method: the attribution method used if none is named.
    Raises ModelError if the network does not run on an input of the crop's size or does not
    return one row of logits, LayerError if a layer cannot have its given layout.
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
        output: OutputForm | None = None,
        layouts: Mapping[str, Layout] | None = None,
        preprocessing_origin: str = "",
        classes_origin: str = "",
        method: Chosen = GRAD_CAM,
        cancel: CancelToken | None = None,
    ) -> None:
        self.device, self._notices = _place(module, torch.device(device))
        module = unwrapped(module)
        self.module = module
        self.preprocessing = preprocessing
        self.dtype = dtype_of(module)
        shape = (1, len(preprocessing.mean), *preprocessing.crop)
        facts = inspect(module, shape, self.device, output, len(classes))
        if facts.largest > limit_of(module, self.device):
            raise ModelError(
                f"the output of one layer takes {facts.largest / 1e9:.1f} GB; choose a "
                "smaller input, as in --input 3x224x224"
            )
        facts = with_layouts(facts, layouts or {})
        self._asked = tuple(classes), output
        self.layouts = dict(layouts or {})
        self.method = method
        self.facts: Inspection = without_dead_tokens(
            self.module, facts, self.device, self.dtype, cancel
        )
        self.layers: tuple[LayerNode, ...] = layer_nodes(module, self.facts)
        self.classes = _labels(classes, self.facts.reading, classes_origin)
        self._origins = preprocessing_origin, classes_origin if classes else "numbered"
        self.source = source
        self._title = title or type(module).__name__
        self._weights = weights
        self._weights_sha256 = weights_sha256
        self._notices = (*self._notices, *notices)
        if self.facts.reading.notice:
            self._notices += (self.facts.reading.notice,)
        if self.facts.cut:
            self._notices += (_CUT,)
        self._default = default_layer(self.facts)
        if self._default.branches > 1:
            said = _BRANCHES.format(name=self._default.name, count=self._default.branches)
            self._notices += (said,)

    def configured(
        self,
        *,
        preprocessing: Preprocessing | None = None,
        preprocessing_origin: str = "set by you",
        classes: Sequence[str] | None = None,
        classes_origin: str = "set by you",
        output: OutputForm | None = None,
        layouts: Mapping[str, Layout] | None = None,
        method: Chosen | None = None,
        cancel: CancelToken | None = None,
    ) -> Model:
        """A new Model of the same network with other settings; None leaves one unchanged.

        This model is left unchanged. Raises the same errors as the constructor.
        """
        names, form = self._asked
        how, origins = self.preprocessing, self._origins
        return Model(
            self.module,
            preprocessing=how if preprocessing is None else preprocessing,
            preprocessing_origin=origins[0] if preprocessing is None else preprocessing_origin,
            classes=names if classes is None else classes,
            classes_origin=origins[1] if classes is None else classes_origin,
            output=form if output is None else output,
            layouts=self.layouts if layouts is None else layouts,
            source=self.source,
            title=self._title,
            weights=self._weights,
            weights_sha256=self._weights_sha256,
            device=self.device,
            method=self.method if method is None else method,
            cancel=cancel,
        )

    @property
    def info(self) -> ModelInfo:
        """The model's metadata, free of torch objects."""
        return ModelInfo(
            source=self.source,
            title=self._title,
            architecture=type(self.module).__name__,
            weights=self._weights,
            device=str(self.device),
            classes=self.classes,
            parameters=sum(p.numel() for p in self.module.parameters()),
            preprocessing=self.preprocessing,
            default_layer=self._default.name,
            notices=self._notices,
            weights_sha256=self._weights_sha256,
            preprocessing_origin=self._origins[0],
            classes_origin=self._origins[1],
            output=self.facts.reading.form,
            outputs=self.facts.reading.places,
            method=self.method.method.slug,
            method_options=self.method.options,
        )

    def address(self, layer: str | None) -> str:
        """The layer's name: the default for None, the convolution for 'last convolution'.

        Any other text is returned as it is. Raises LayerError if there is no such layer.
        """
        if layer is None:
            name = self._default.name
            if not name:
                raise LayerError(
                    f"{self.source}: no layer can be explained; "
                    "the list of layers gives the reason for each"
                )
            return name
        if layer != LAST_CONVOLUTION:
            return layer
        name = last_convolution(self.module, self.facts)
        if not name:
            raise LayerError(
                f"{self.source}: no convolution can be explained; choose another layer"
            )
        return name

    def predictions(
        self, logits: NDArray[np.float64], indices: Sequence[int]
    ) -> tuple[Prediction, ...]:
        """The Prediction for each of the given classes; logits: (classes,) from a forward pass."""
        scores = self.facts.reading.form.scores
        return targets.predictions(logits, self.classes, indices, scores)

    def move(self, device: torch.device, notice: str) -> None:
        """Move the network to another device; the notice says why."""
        self.module.to(device)
        self.device = device
        self._notices = (*self._notices, notice)


def _place(module: nn.Module, device: torch.device) -> tuple[torch.device, tuple[str, ...]]:
    """Move the network to the device, or to the CPU if the device lacks memory.

    Returns the device used, and notices for the user.
    """
    try:
        module.to(device)
    except (RuntimeError, MemoryError) as error:
        if device.type == "cpu" or not is_out_of_memory(error):
            raise
        module.to("cpu")
        release_cache(device)
        return torch.device("cpu"), (
            f"{device} does not have enough memory for this model; using the CPU",
        )
    return device, ()


def _labels(classes: Sequence[str], reading: Reading, origin: str) -> tuple[str, ...]:
    count = reading.classes
    if reading.form.scores is Scores.SIDES and len(classes) < count:
        # A single name is that of the positive class.
        return (f"not {classes[0]}", classes[0]) if classes else ("negative", "positive")
    if classes and len(classes) != count:
        named = f"{origin}: " if origin else ""
        raise ModelError(
            f"{named}{len(classes)} class names were given, but the network has {count} classes; "
            "open a file with as many names"
        )
    return tuple(classes) or tuple(f"class {i}" for i in range(count))

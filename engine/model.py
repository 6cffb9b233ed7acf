"""An open model: its network, expected input, class names and layers."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.errors import LayerError, ModelError
from engine.inspection import class_labels
from engine.inspection.default_layer import default_layer
from engine.inspection.facts import Inspection
from engine.inspection.layer_tree import LAST_CONVOLUTION, last_convolution, layer_nodes
from engine.methods.registry import GRAD_CAM, Chosen, choose
from engine.passes.copies import half_precision, in_float32
from engine.passes.memory.budget import is_out_of_memory, release_cache
from engine.passes.memory.reserve import Reserve
from engine.passes.modules import stops
from engine.passes.observation import dtype_of
from engine.passes.wrappers import Scripted, unwrapped
from engine.progress import CancelToken
from engine.records import asked as asking
from engine.records.images import Preprocessing
from engine.records.models import (
    LayerNode,
    Layout,
    ModelInfo,
    Origin,
    OutputForm,
    Prediction,
    named,
)
from engine.remembered.inspecting import Question, inspected
from engine.rewriting.faster import Faster
from engine.rewriting.given_up import Memory
from engine.targets import classes as targets

_log = logging.getLogger(__name__)

_BRANCHES = (
    "No single layer sees all that the network sees. The default layer, {name}, is one of {count} "
    "branches."
)
_OTHER_NAMES = "The {} class names do not fit this output of {}; its classes are numbered."
_NO_HOOKS = "a TorchScript archive takes no hooks"
_CUT = "This network blocks gradients (detach or no_grad). The maps are computed as if it did not."


class Model:
    """A network ready for sessions. Its parameters, modes and hooks are never changed.

    module: any torch image classifier from (1, channels, h, w) to logits.
    classes: labels in the order of the logits; numbered if not given.
    output: which part of the network's output to explain, and how to read it, or only which part;
        None detects both. fitting: whether class names of another number are an error; otherwise
        the classes are numbered instead.
    layouts: layouts set by the user for layers by name, where detection was wrong.
    preprocessing_origin, classes_origin, preprocessing_from: where these come from, for ModelInfo.
    method: the attribution method used if none is named. asked: the question that the window asks
    first.
    made_with: as in Network. arithmetic: that of the Model of which this is another configuration.
    A network with 16-bit weights is copied, and computed in float32.
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
        output: OutputForm | str | None = None,
        layouts: Mapping[str, Layout] | None = None,
        preprocessing_origin: str = "",
        preprocessing_from: Origin = Origin.CHOSEN,
        classes_origin: str = "",
        method: Chosen = GRAD_CAM,
        asked: asking.Question = asking.CLASS,
        other_weights: Sequence[str] = (),
        made_with: tuple[tuple[str, str], ...] | None = None,
        arithmetic: str = "",
        fitting: bool = True,
        cancel: CancelToken | None = None,
    ) -> None:
        self.preprocessing = preprocessing
        self.arithmetic = arithmetic
        self.device, self._notices = torch.device(device), notices
        self.layouts = dict(layouts or {})
        shape = (1, len(preprocessing.mean), *preprocessing.crop)
        question = Question(shape, output, len(classes), self.layouts, weights_sha256)
        self.facts = self._inspected(unwrapped(module), question, cancel)
        self.dtype = dtype_of(self.module)
        self._asked = tuple(classes), output
        self.method, self.asked = method, asked
        self.layers: tuple[LayerNode, ...] = layer_nodes(self.module, self.facts)
        fits = fitting or not classes or class_labels.are_enough(classes, self.facts.reading)
        self.classes = class_labels.labels_of(
            classes if fits else (), self.facts.reading, classes_origin
        )
        self._names_origin = classes_origin
        self._origins = preprocessing_origin, classes_origin if classes and fits else "numbered"
        self._from = preprocessing_from
        self.source = source
        self._title = title or type(self.module).__name__
        self._weights = weights
        self._weights_sha256 = weights_sha256
        self._other_weights = tuple(other_weights)
        self.made_with = made_with
        self._notices += self.facts.reading.notices
        if not fits:
            self._notices += (_OTHER_NAMES.format(len(classes), self.facts.reading.classes),)
        if self.facts.cut:
            self._notices += (_CUT,)
        self._default = default_layer(self.facts)
        # Counting takes as long as a click on a small network, which asks for info.
        self._parameters = sum(p.numel() for p in self.module.parameters())
        memory = Memory(weights_sha256, shape, self.device.type)
        self.faster = Faster(self.module, self.facts, self.device, memory)
        self.reserve = Reserve()
        self.stops = frozenset(stops(self.module))
        """Names of the modules between which a pass can be stopped."""
        self.pass_seconds = 0.0
        """Of the latest forward pass for one image, 0 before the first."""
        if self._default.branches > 1:
            self._notices += (self._branch,)

    def _inspected(
        self, module: nn.Module, question: Question, cancel: CancelToken | None
    ) -> Inspection:
        """Choose the module that is computed, place it, and inspect it."""
        half = half_precision(module)
        if half:
            try:
                self.module = in_float32(module)
                self._place()
                facts = inspected(self.module, question, self.device, cancel)
            except (TypeError, ModelError) as error:
                _log.info("the network cannot be computed in float32: %s", error)
                self.arithmetic = f"computed in {half}"
            else:
                self.arithmetic = "computed in float32"
                return facts
        self.module = module
        self._place()
        return inspected(module, question, self.device, cancel)

    def _place(self) -> None:
        """Move the network to the device, or to the CPU if the device lacks memory."""
        device = self.device
        try:
            self.module.to(device)
        except (RuntimeError, MemoryError) as error:
            if device.type == "cpu" or not is_out_of_memory(error):
                raise
            self.module.to("cpu")
            release_cache(device)
            text = f"{device} does not have enough memory for this model; using the CPU"
            self.device, self._notices = torch.device("cpu"), (text, *self._notices)

    def configured(
        self,
        *,
        preprocessing: Preprocessing | None = None,
        preprocessing_origin: str = "set by you",
        preprocessing_from: Origin = Origin.CHOSEN,
        classes: Sequence[str] | None = None,
        classes_origin: str = "set by you",
        output: OutputForm | str | None = None,
        layouts: Mapping[str, Layout] | None = None,
        method: Chosen | None = None,
        asked: asking.Question | None = None,
        notices: tuple[str, ...] = (),
        cancel: CancelToken | None = None,
    ) -> Model:
        """A new Model of the same network with other settings; None leaves one unchanged.

        Class names that do not fit another output are kept for when it is changed back. This model
        is left unchanged. Raises the same errors as the constructor.
        """
        names, form = self._asked
        how, origins = self.preprocessing, self._origins
        return Model(
            self.module,
            preprocessing=how if preprocessing is None else preprocessing,
            preprocessing_origin=origins[0] if preprocessing is None else preprocessing_origin,
            preprocessing_from=self._from if preprocessing is None else preprocessing_from,
            classes=names if classes is None else classes,
            classes_origin=self._names_origin if classes is None else classes_origin,
            output=form if output is None else output,
            layouts=self.layouts if layouts is None else layouts,
            source=self.source,
            title=self._title,
            weights=self._weights,
            weights_sha256=self._weights_sha256,
            device=self.device,
            notices=notices,
            method=self.method if method is None else method,
            asked=self.asked if asked is None else asked,
            other_weights=self._other_weights,
            made_with=self.made_with,
            arithmetic=self.arithmetic,
            fitting=classes is not None,
            cancel=cancel,
        )

    def with_module(self, module: nn.Module) -> Model:
        """The same with another network, which differs from this one in the values of its
        parameters alone. This model is left unchanged."""
        other = copy.copy(self)
        other.module = module
        other.faster = Faster(module, self.facts, self.device)
        other.reserve = Reserve()
        return other

    @property
    def source_name(self) -> str:
        """The source, with the name of the weights file where that says more."""
        return named(self.source, self._weights)

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
            parameters=self._parameters,
            preprocessing=self.preprocessing,
            default_layer=self._default.name,
            notices=self._notices,
            weights_sha256=self._weights_sha256,
            preprocessing_origin=self._origins[0],
            preprocessing_from=self._from,
            classes_origin=self._origins[1],
            output=self.facts.reading.form,
            outputs=tuple(self.facts.reading.places),
            output_widths=tuple(self.facts.reading.places.values()),
            method=self.method.method.slug,
            method_options=self.method.options,
            question=self.asked,
            other_weights=self._other_weights,
            arithmetic=self.arithmetic,
            no_attention=self.facts.attention.reason,
            no_hooks=self.no_hooks,
        )

    @property
    def default_method(self) -> Chosen:
        """What explains it unless something else is chosen."""
        return default_method(self.module)

    @property
    def no_hooks(self) -> str:
        """Why only methods that need no hook can explain the network; '' if others can."""
        return _NO_HOOKS if isinstance(self.module, Scripted) else ""

    @property
    def doubts(self) -> tuple[str, ...]:
        """What was chosen for the user where another choice would make sense, in sentences."""
        branch = (self._branch,) if self._default.branches > 1 else ()
        return (*self.facts.reading.doubts, *branch)

    @property
    def _branch(self) -> str:
        return _BRANCHES.format(name=self._default.name, count=self._default.branches)

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

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Those of all classes, (classes,), from the logits (classes,) of a forward pass; NaN where
        the network returns values."""
        return targets.probabilities(logits, self.facts.reading.form.scores)

    def move(self, device: torch.device, notice: str) -> None:
        """Move the network to another device; the notice says why."""
        self.module.to(device)
        self.device = device
        self._notices = (*self._notices, notice)


def default_method(module: nn.Module) -> Chosen:
    """What explains a network where nothing else was chosen."""
    return choose("occlusion") if isinstance(module, Scripted) else GRAD_CAM

"""Recognises networks that are not image classifiers, by signature, class and output."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from engine.errors import ModelError
from engine.passes.outputs import MOST_CLASSES
from engine.passes.wrappers import unwrapped

ONLY_CLASSIFIERS = "only image classifiers can be explained"

# Kinds of networks by the package, or the end of the name, of one of their classes.
_PACKAGES = {
    "torchvision.models.detection": "a detection model",
    "torchvision.models.segmentation": "a segmentation model",
    "torchvision.models.video": "a video classifier",
    "torchvision.models.optical_flow": "an optical flow model",
    "ultralytics.nn.tasks.DetectionModel": "a detection model",
}
_ENDINGS = {
    "ForObjectDetection": "a detection model",
    "ForZeroShotObjectDetection": "a detection model",
    "ForSemanticSegmentation": "a segmentation model",
    "ForInstanceSegmentation": "a segmentation model",
    "ForUniversalSegmentation": "a segmentation model",
    "ForImageSegmentation": "a segmentation model",
    "ForDepthEstimation": "a depth estimation model",
    "ForMaskedImageModeling": "an image inpainting model",
    "ForImageToImage": "an image generation model",
    "ForVideoClassification": "a video classifier",
}
_BOXES = frozenset({"boxes", "pred_boxes", "bboxes"})


def refuse(module: nn.Module, name: str) -> None:
    """Raises ModelError for a network that does not classify single images, before it is run.

    name: its name in the message. Networks with two or more inputs are recognised by the signature
    of forward; detection, segmentation and the like by their class.
    """
    needed = _needed_inputs(module)
    if len(needed) > 1:
        more = "a second input" if len(needed) == 2 else "further inputs"
        raise ModelError(
            f"{name}: forward wants {more} besides the image ({', '.join(needed[1:])}), which is "
            "not supported; open a network that takes a single image"
        )
    kind = _kind(module)
    if kind:
        raise ModelError(f"{name}: {kind} ({type(module).__name__}); {ONLY_CLASSIFIERS}")
    if _takes_volumes(module):
        raise ModelError(
            f"{name}: the network takes volumes or videos (it has 3D convolutions); "
            f"{ONLY_CLASSIFIERS}"
        )


def kind_of_weights(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """The kind of network that weights belong to that is not a classifier of images, by their keys
    and shapes; '' if unknown."""
    axes = {len(shape) for shape in shapes.values()}
    if 5 in axes and 4 not in axes:
        return "a network for volumes or videos (it has 3D convolutions)"
    if any(key.startswith(("roi_heads.", "rpn.", "head.classification_head.")) for key in shapes):
        return "a detection model"
    dense = any(key.startswith("classifier.") and len(shape) == 4 for key, shape in shapes.items())
    if dense and any(key.startswith("backbone.") for key in shapes):
        return "a segmentation model"
    return ""


def fault_of_output(output: Any) -> str:
    """Why a network's output for one image contains no logits; '' if it may contain them.

    Logits are a floating-point tensor of shape (1, classes), possibly with trailing axes of length
    1, or a single number. Tuples, lists, mappings and dataclasses are searched.
    """
    tensors = list(tensors_in(output))
    if any(_like_logits(tensor) for tensor in tensors):
        return ""
    if isinstance(output, list | tuple) and output and isinstance(output[0], Mapping):
        output = output[0]
    if isinstance(output, Mapping) and _BOXES & set(map(str, output)):
        return "it returns boxes, as detection models do"
    for tensor in tensors:
        if tensor.ndim == 4 and tensor.shape[2] * tensor.shape[3] > 1:
            _, channels, rows, columns = tensor.shape
            what = "a map" if channels == 1 else f"{channels} maps"
            return f"it returns {what} of {rows} x {columns}, as segmentation models do"
    if tensors:
        return f"it returns shape {tuple(tensors[0].shape)} instead of (1, classes)"
    return "it returns no floating-point tensor"


def tensors_in(output: Any) -> Iterator[Tensor]:
    """The floating-point tensors in a network's output, depth first."""
    if isinstance(output, Tensor):
        if output.is_floating_point():
            yield output
    elif isinstance(output, Mapping):
        for value in output.values():
            yield from tensors_in(value)
    elif isinstance(output, list | tuple):
        for value in output:
            yield from tensors_in(value)
    elif dataclasses.is_dataclass(output) and not isinstance(output, type):
        for entry in dataclasses.fields(output):
            yield from tensors_in(getattr(output, entry.name))


def optional_inputs(module: nn.Module) -> list[str]:
    """The names of the inputs that forward takes besides the first, with None for a default."""
    return [p.name for p in _inputs(module)[1:] if p.default is None]


def _needed_inputs(module: nn.Module) -> list[str]:
    return [p.name for p in _inputs(module) if p.default is inspect.Parameter.empty]


def _inputs(module: nn.Module) -> list[inspect.Parameter]:
    try:
        signature = inspect.signature(unwrapped(module).forward)
    except (TypeError, ValueError):
        return []
    gathered = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p for p in signature.parameters.values() if p.kind not in gathered]


def kind_of_class(name: str) -> str:
    """The kind of network of a class 'module.Class' that is not a classifier; '' otherwise."""
    for start, kind in _PACKAGES.items():
        if name.startswith(start):
            return kind
    for end, kind in _ENDINGS.items():
        if name.endswith(end):
            return kind
    return ""


def _kind(module: nn.Module) -> str:
    for cls in type(unwrapped(module)).__mro__:
        kind = kind_of_class(f"{cls.__module__}.{cls.__qualname__}")
        if kind:
            return kind
    return ""


def _takes_volumes(module: nn.Module) -> bool:
    flat = any(isinstance(part, nn.Conv2d) for part in module.modules())
    return not flat and any(isinstance(part, nn.Conv3d) for part in module.modules())


def _like_logits(tensor: Tensor) -> bool:
    if tensor.ndim < 2:
        return tensor.numel() == 1
    return tensor.shape[0] == 1 and 0 < tensor.numel() == tensor.shape[1] <= MOST_CLASSES

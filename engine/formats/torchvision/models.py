"""Builds torchvision's classifiers for given weights, with input and classes from the metadata."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from engine.errors import WeightsError
from engine.formats.network import Network
from engine.formats.torchvision import bodies, metadata
from engine.formats.torchvision.bodies import Change
from engine.formats.torchvision.construction import construct
from engine.records.images import Preprocessing
from engine.weights.state_dicts import StateDict, mismatch

# These transform their input when built for the published weights; a state dict does not show it.
TRANSFORMING = ("googlenet", "inception_v3")
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_OLD_DENSENET = re.compile(r"(denselayer\d+)\.(norm|conv)\.([12])\.")


def network_of(
    name: str,
    weights: StateDict,
    path: Path,
    sha256: str,
    entry: Any | None = None,
    change: Change | None = None,
) -> Network:
    """The classifier `name` with these weights and torchvision's metadata.

    weights: those of path, under the network's own keys. entry: the published entry, by default
    found by checksum; its classes and preprocessing are used. Without one, those of the default
    weights are assumed. change: how the network differs from torchvision's.
    Raises WeightsError, naming the first keys that differ, if the weights belong to another
    architecture.
    """
    entry = entry or metadata.published_entry(name, sha256)
    module = build(name, weights, path, published=entry is not None, change=change)
    described = entry or metadata.entries(name)[0]
    fixed = image_size(name, weights)
    labels = tuple(described.meta["categories"])
    known = len(labels) == _classes(module, change)
    if change is not None and change.stem is not None:
        return _with_own_input(name, module, path, sha256, change, metadata.entries(name)[0])
    return Network(
        module,
        source=name,
        title=name,
        weights=entry.name if entry is not None else str(path),
        weights_sha256=sha256,
        preprocessing=_preprocessing(described, fixed),
        preprocessing_origin="torchvision's metadata" if entry is not None else "assumed",
        input_size=(fixed, fixed) if fixed is not None else None,
        classes=labels if known else (),
        classes_origin="torchvision's metadata" if known else "",
        assumption="" if entry is not None else _assumption(path, described),
        notices=tuple(filter(None, [_renormalising(name, module)])) if entry is None else (),
    )


def _with_own_input(
    name: str, module: nn.Module, path: Path, sha256: str, change: Change, entry: Any
) -> Network:
    """A network whose first layer was changed: torchvision's preprocessing does not apply."""
    side = change.side or metadata.preprocessing_of(entry).crop[0]
    return Network(
        module,
        source=name,
        title=name,
        weights=str(path),
        weights_sha256=sha256,
        input_size=(side, side),
        channels=change.stem.channels if change.stem is not None else None,
    )


def build(
    name: str,
    weights: Mapping[str, Tensor],
    path: Path,
    *,
    published: bool,
    change: Change | None = None,
) -> nn.Module:
    """Build the classifier `name` with these weights; the head is adapted to their size.

    published: the weights are torchvision's own. Raises WeightsError, naming the first keys that
    differ, if the weights belong to another architecture.
    """
    left_out = change is not None and change.auxiliary
    options = _options(name, weights, published, left_out=left_out)
    if change is not None and change.stem is not None and name in TRANSFORMING:
        options["transform_input"] = False
    module = construct(name, options)
    classes = head_size(module.state_dict(), weights)
    if classes is not None:
        module = construct(name, {**options, "num_classes": classes})
    if change is not None:
        bodies.apply(module, change)
    filled = module.state_dict()
    # Old files lack the batch counters of batch normalisation; nothing here depends on them.
    counters = {k: t for k, t in filled.items() if k.endswith(".num_batches_tracked")}
    difference = mismatch(filled, counters | dict(weights))
    if difference:
        raise WeightsError(
            f"{path}: these weights do not fit {name} ({difference}); "
            "choose the architecture they were saved from"
        )
    # Updated rather than replaced: the version metadata that torch attaches to a state dict, which
    # MNASNet requires, is lost in many files.
    filled.update({key: _fitting(tensor, filled[key]) for key, tensor in weights.items()})
    # Assigned without copying, since nothing else uses these tensors.
    module.load_state_dict(filled, assign=True)
    return module.eval()


def _fitting(tensor: Tensor, own: Tensor) -> Tensor:
    """A tensor of a file with the dtype of the network's own, contiguous."""
    return tensor.detach().to(own.dtype).contiguous()


def signatures() -> dict[str, dict[str, tuple[int, ...]]]:
    """Keys and shapes of the state dict of every classifier, with 1000 classes. Takes seconds."""
    return {
        name: {key: tuple(tensor.shape) for key, tensor in _plain(name).state_dict().items()}
        for name in metadata.names()
    }


def with_modern_keys(weights: Mapping[str, Tensor]) -> StateDict:
    """The same tensors under current keys: a DenseNet's 'norm.1' became 'norm1'."""
    return {_OLD_DENSENET.sub(r"\1.\2\3.", key): tensor for key, tensor in weights.items()}


def image_size(name: str, weights: Mapping[str, Tensor]) -> int | None:
    """The fixed input size of a vision transformer, from its position embedding, else None."""
    if not name.startswith("vit_"):
        return None
    embedding = weights.get("encoder.pos_embedding")
    patches = weights.get("conv_proj.weight")
    if embedding is None or patches is None or embedding.ndim != 3 or patches.ndim != 4:
        return None
    if embedding.shape[1] < 2 or patches.shape[-1] < 1:
        return None
    return math.isqrt(embedding.shape[1] - 1) * int(patches.shape[-1])


def _plain(name: str) -> nn.Module:
    return construct(name, {"init_weights": False} if name in TRANSFORMING else {})


def _classes(module: nn.Module, change: Change | None) -> int:
    """The number of classes that the head of a torchvision classifier has."""
    if change is not None and change.head is not None:
        return change.head.classes
    return int(list(module.state_dict().values())[-1].shape[0])


def _preprocessing(entry: Any, fixed_size: int | None) -> Preprocessing:
    known = metadata.preprocessing_of(entry)
    if fixed_size is None or known.crop == (fixed_size, fixed_size):
        return known
    return replace(
        known,
        resize=fixed_size,
        crop=(fixed_size, fixed_size),
        mean=_IMAGENET_MEAN,
        std=_IMAGENET_STD,
    )


def _assumption(path: Path, entry: Any) -> str:
    how = metadata.preprocessing_of(entry)
    return (
        f"The file {path.name} does not specify its preprocessing. Assumed, as torchvision "
        f"does: resize {how.resize}, crop {how.crop[0]}, ImageNet mean and standard deviation."
    )


def _transforms(name: str, auxiliary: bool) -> bool:
    return name == "googlenet" and not auxiliary


def _renormalising(name: str, module: nn.Module) -> str:
    """A notice on what a file does not show of these networks; '' for others."""
    if name not in TRANSFORMING:
        return ""
    how = "renormalises" if getattr(module, "transform_input", False) else "does not renormalise"
    return (
        f"Assumed, since the file does not show it: {name} {how} its input "
        f"(transform_input={how == 'renormalises'}). If that is wrong, open its Python file."
    )


def _options(
    name: str, weights: Mapping[str, Tensor], published: bool, *, left_out: bool
) -> dict[str, Any]:
    """left_out: whether auxiliary heads of the file are not among the weights."""
    options: dict[str, Any] = {}
    if name in TRANSFORMING:
        auxiliary = any(key.startswith(("aux1.", "AuxLogits.")) for key in weights)
        options = {
            "aux_logits": auxiliary,
            "init_weights": False,
            # Only loading the published weights drops GoogLeNet's auxiliary heads.
            "transform_input": published or _transforms(name, auxiliary or left_out),
        }
    size = image_size(name, weights)
    if size is not None:
        options["image_size"] = size
    return options


def head_size(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> int | None:
    """The number of classes in the weights, if only the heads differ."""
    sizes = {
        int(given[key].shape[0])
        for key, tensor in wanted.items()
        if key in given
        and given[key].ndim == tensor.ndim
        and tensor.ndim > 0
        and given[key].shape != tensor.shape
        and given[key].shape[1:] == tensor.shape[1:]
    }
    return sizes.pop() if len(sizes) == 1 else None

"""torchvision's classifiers: building them for given weights, and what their metadata says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from engine import vision
from engine.errors import WeightsError
from engine.records import Preprocessing
from engine.weights import mismatch

# These change their input when built for the published weights, which a state dict cannot tell.
_TRANSFORMING = ("googlenet", "inception_v3")


def names() -> tuple[str, ...]:
    """Names of all classifiers of the installed torchvision, sorted."""
    models = vision.load().models
    return tuple(models.list_models(module=models))


def entries(name: str) -> tuple[Any, ...]:
    """The published weights of a classifier (members of its weights enum), the default first."""
    weights = vision.load().models.get_model_weights(name)
    return (weights.DEFAULT, *(entry for entry in weights if entry is not weights.DEFAULT))


def cached_file(entry: Any) -> Path:
    """Where torch's hub keeps the file of a published entry, whether it is there or not."""
    name: str = entry.url.rpartition("/")[2]
    return Path(torch.hub.get_dir()) / "checkpoints" / name


def published_entry(name: str, sha256: str) -> Any | None:
    """The published entry whose file has this checksum, whatever its name now; None for none.

    torchvision puts the first digits of the checksum at the end of the file's name.
    """
    for entry in entries(name):
        digest = Path(entry.url.rpartition("/")[2]).stem.rpartition("-")[2]
        if sha256.startswith(digest):
            return entry
    return None


def published_name(file_name: str) -> str | None:
    """The classifier whose published weights have this file name; None when there is none."""
    for name in names():
        if any(entry.url.rpartition("/")[2] == file_name for entry in entries(name)):
            return name
    return None


def preprocessing_of(entry: Any) -> Preprocessing:
    """The preset of a published entry as a record."""
    preset = entry.transforms()
    crop = preset.crop_size[0]
    return Preprocessing(
        resize=preset.resize_size[0],
        crop=(crop, crop),
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        interpolation=preset.interpolation.value,
        antialias=bool(preset.antialias),
    )


def build(name: str, weights: Mapping[str, Tensor], path: Path, *, published: bool) -> nn.Module:
    """The classifier `name` with these weights; a head of another size is built to fit.

    published: the weights are torchvision's own. Raises WeightsError, naming the first keys that
    differ, when the weights belong to another architecture.
    """
    options = _options(name, weights, published)
    module = _construct(name, options)
    classes = _head_size(module.state_dict(), weights)
    if classes is not None:
        module = _construct(name, {**options, "num_classes": classes})
    difference = mismatch(module.state_dict(), weights)
    if difference:
        raise WeightsError(
            f"{path}: these weights do not belong to {name} ({difference}); "
            "choose the architecture that they were saved from"
        )
    module.load_state_dict(dict(weights))
    return module.eval()


def image_size(name: str, weights: Mapping[str, Tensor]) -> int | None:
    """The fixed input size of a vision transformer, told by its position embedding, else None."""
    if not name.startswith("vit_"):
        return None
    embedding = weights.get("encoder.pos_embedding")
    patches = weights.get("conv_proj.weight")
    if embedding is None or patches is None or embedding.ndim != 3 or patches.ndim != 4:
        return None
    return math.isqrt(embedding.shape[1] - 1) * int(patches.shape[-1])


def _options(name: str, weights: Mapping[str, Tensor], published: bool) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if name in _TRANSFORMING:
        auxiliary = any(key.startswith(("aux1.", "AuxLogits.")) for key in weights)
        options = {
            "aux_logits": auxiliary,
            "init_weights": False,
            # GoogLeNet's heads are dropped where the published weights are loaded, and only there.
            "transform_input": published or (name == "googlenet" and not auxiliary),
        }
    size = image_size(name, weights)
    if size is not None:
        options["image_size"] = size
    return options


# Functions of nn.init come to the mode themselves; what they call inside does not.
_RANDOM_INITS = (
    *(nn.init.normal_, nn.init.uniform_, nn.init.kaiming_normal_, nn.init.kaiming_uniform_),
)


class _WithoutRandomValues(TorchFunctionMode):
    """Draws no values for new parameters: 100 million numbers to overwrite them are waste.

    Tensor.normal_ gives its mean instead, since nn.init.trunc_normal_ draws until every value
    lies within its bounds, which arbitrary values would never do.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _RANDOM_INITS:
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        if func is Tensor.normal_:
            return args[0].fill_(args[1] if len(args) > 1 else kwargs.get("mean", 0.0))
        if func is Tensor.uniform_:
            return args[0].fill_(args[1] if len(args) > 1 else kwargs.get("from", 0.0))
        return func(*args, **kwargs)


def _construct(name: str, options: dict[str, Any]) -> nn.Module:
    with _WithoutRandomValues():
        module: nn.Module = vision.load().models.get_model(name, weights=None, **options)
    return module


def _head_size(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> int | None:
    """The number of classes that the weights were saved for, when only their heads differ."""
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

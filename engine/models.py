"""What can be opened as a model, and how."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import torch

from engine import demo, device, suffixes, torchvision_models
from engine.errors import ModelError, WeightsError
from engine.model import Model
from engine.records import Preprocessing
from engine.weights import checksum, read_state_dict

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


def load_model(spec: str | Path, weights: str | Path | None = None, device: str = "auto") -> Model:
    """Open a model.

    spec: 'demo:shapes' or 'demo:shortcut'; the name of one of torchvision's classifiers; or the
        path of a weights file whose name begins with such a name ('resnet50-0676ba61.pth').
    weights: a .safetensors file or a state dict saved by torch.save, for a torchvision name.
        Without it, the published weights are used if torch's hub cache has them.
    device: 'auto' (CUDA, then MPS, then CPU), 'cpu', 'cuda', 'cuda:1', 'mps'.

    Classes and preprocessing come from torchvision's metadata; a head of another size than 1000
    is built from the weights, and its classes are numbered. Nothing in a file is executed.

    Raises ModelError (unknown name, no weights), WeightsError (unreadable or of another
    architecture, naming the first keys that differ), DeviceError.
    """
    # Tensors made in a caller's inference mode could never be part of a graph.
    with torch.inference_mode(False):
        return _open(spec, weights, _choose(device))


def _open(spec: str | Path, weights: str | Path | None, where: torch.device) -> Model:
    text = str(spec)
    if text.startswith("demo:"):
        if weights is not None:
            raise ModelError(f"{text}: the demo has its own weights; leave out the weights file")
        return _open_demo(text, where)
    if text in torchvision_models.names():
        return _open_torchvision(text, Path(weights) if weights is not None else None, where)
    path = Path(spec)
    if path.suffix.lower() in suffixes.WEIGHTS or path.exists():
        if weights is not None:
            raise ModelError(
                f"{text}: a weights file cannot take another weights file; "
                "name the architecture instead"
            )
        return _open_torchvision(guess_architecture(path), path, where)
    raise ModelError(f"there is no model '{text}'{_nearest(text)}")


def _choose(name: str) -> torch.device:
    return device.choose(name)


def guess_architecture(path: Path) -> str:
    """The torchvision name that a weights file's name begins with, or was published under.

    Raises WeightsError when the file is missing, or its name does not tell.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such file; check the name")
    published = torchvision_models.published_name(path.name)
    if published is not None:
        return published
    stem = path.stem.lower()
    fitting = [name for name in torchvision_models.names() if stem.startswith(name)]
    if not fitting:
        raise WeightsError(
            f"{path}: its name does not tell which architecture the weights belong to; name it, "
            f"as in --model resnet50 --weights {path.name}"
        )
    return max(fitting, key=len)


def _open_demo(spec: str, where: torch.device) -> Model:
    known = demo.DEMOS.get(spec.partition(":")[2])
    if known is None:
        choices = " or ".join(f"demo:{name}" for name in demo.DEMOS)
        raise ModelError(f"there is no model '{spec}'; choose {choices}")
    return Model(
        demo.build(known),
        preprocessing=known.preprocessing,
        classes=known.classes,
        source=spec,
        title=known.title,
        weights=known.weights.name,
        weights_sha256=checksum(known.weights),
        device=where,
    )


def _open_torchvision(name: str, path: Path | None, where: torch.device) -> Model:
    if path is None:
        path, entry = _cached_weights(name)
        sha256 = checksum(path)
    else:
        path = path.absolute()
        sha256 = checksum(path)
        entry = torchvision_models.published_entry(name, sha256)
    state = read_state_dict(path)
    module = torchvision_models.build(name, state, path, published=entry is not None)
    described = entry or torchvision_models.entries(name)[0]
    labels = tuple(described.meta["categories"])
    model = Model(
        module,
        preprocessing=_preprocessing(described, torchvision_models.image_size(name, state)),
        source=name,
        title=name,
        weights=entry.name if entry is not None else str(path),
        weights_sha256=sha256,
        device=where,
        notices=() if entry is not None else (_assumption(path, described),),
    )
    if len(model.classes) == len(labels):
        model.classes = labels
    return model


def _assumption(path: Path, entry: Any) -> str:
    how = torchvision_models.preprocessing_of(entry)
    return (
        f"{path.name} does not say how pictures are prepared for it. Assumed is what torchvision "
        f"does: resize {how.resize}, crop {how.crop[0]}, ImageNet's mean and deviation."
    )


def _cached_weights(name: str) -> tuple[Path, Any]:
    for entry in torchvision_models.entries(name):
        path = torchvision_models.cached_file(entry)
        if path.is_file():
            return path, entry
    path = torchvision_models.cached_file(torchvision_models.entries(name)[0])
    raise ModelError(
        f"{name}: its weights are not on this computer; open it together with a weights file "
        f"(on the command line: --weights FILE), or put {path.name} into {path.parent}"
    )


def _preprocessing(entry: Any, fixed_size: int | None) -> Preprocessing:
    known = torchvision_models.preprocessing_of(entry)
    if fixed_size is None or known.crop == (fixed_size, fixed_size):
        return known
    return Preprocessing(
        resize=fixed_size,
        crop=(fixed_size, fixed_size),
        mean=_IMAGENET_MEAN,
        std=_IMAGENET_STD,
        interpolation=known.interpolation,
    )


def _nearest(text: str) -> str:
    choices = (*(f"demo:{name}" for name in demo.DEMOS), *torchvision_models.names())
    near = difflib.get_close_matches(text.lower(), choices, n=3, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return "; name a demo (demo:shapes), a torchvision classifier (resnet50) or a weights file"

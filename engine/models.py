"""What can be opened as a model, and how."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from engine import architectures, demo, suffixes, torchvision_models
from engine import device as devices
from engine.errors import ChoiceNeeded, ModelError, WeightsError
from engine.model import Model
from engine.network import Network
from engine.questions import WhichArchitecture
from engine.sources import ModelSource
from engine.trust import NOBODY, Trust
from engine.weights import StateDict, checksum, matching, read_state_dict


def load_model(
    spec: str | Path,
    weights: str | Path | None = None,
    device: str = "auto",
    *,
    architecture: str | None = None,
    trust: Trust = NOBODY,
) -> Model:
    """Open a model.

    spec: 'demo:shapes' or 'demo:shortcut'; the name of one of torchvision's classifiers; or a
        weights file, whose architecture is then recognised.
    weights: a .safetensors file or what torch.save wrote (a state dict, or a training checkpoint
        that holds one), for a torchvision name. Without it, the published weights are used if
        torch's hub cache has them.
    device: 'auto' (CUDA, then MPS, then CPU), 'cpu', 'cuda', 'cuda:1', 'mps'.
    architecture: the torchvision name for a weights file that fits several.

    Raises ModelError (unknown name, no weights), WeightsError (unreadable or of another
    architecture, naming the first keys that differ), ConsentNeeded (the file could run code, and
    trust does not cover it), ChoiceNeeded (a question has to be answered first), DeviceError.
    """
    source = ModelSource(
        str(spec), None if weights is None else str(weights), architecture=architecture
    )
    return open_source(source, device, trust)


def open_source(source: ModelSource, device: str = "auto", trust: Trust = NOBODY) -> Model:
    """As load_model, from the record of a source."""
    # Tensors made in a caller's inference mode could never be part of a graph.
    with torch.inference_mode(False):
        where = devices.choose(device)
        network = _network(source, trust)
        assert network.preprocessing is not None
        return Model(
            network.module,
            preprocessing=network.preprocessing,
            classes=network.classes,
            source=network.source,
            title=network.title,
            weights=network.weights,
            weights_sha256=network.weights_sha256,
            device=where,
            notices=network.notices,
        )


def _network(source: ModelSource, trust: Trust) -> Network:
    spec, weights = source.spec, source.weights
    if spec.startswith("demo:"):
        if weights is not None:
            raise ModelError(f"{spec}: the demo has its own weights; leave out the weights file")
        return _demo(spec)
    if spec in torchvision_models.names():
        return _by_name(spec, Path(weights) if weights is not None else None)
    path = Path(spec)
    if path.suffix.lower() in suffixes.WEIGHTS or path.exists():
        if weights is not None:
            raise ModelError(
                f"{spec}: a weights file cannot take another weights file; "
                "name the architecture instead"
            )
        return _from_state_dict(path.absolute(), source.architecture)
    raise ModelError(f"there is no model '{spec}'{_nearest(spec)}")


def _demo(spec: str) -> Network:
    known = demo.DEMOS.get(spec.partition(":")[2])
    if known is None:
        choices = " or ".join(f"demo:{name}" for name in demo.DEMOS)
        raise ModelError(f"there is no model '{spec}'; choose {choices}")
    return Network(
        demo.build(known),
        source=spec,
        title=known.title,
        weights=known.weights.name,
        weights_sha256=checksum(known.weights),
        preprocessing=known.preprocessing,
        preprocessing_origin="the demo",
        classes=known.classes,
        classes_origin="the demo",
    )


def _by_name(name: str, weights: Path | None) -> Network:
    if weights is not None:
        return _torchvision(name, read_state_dict(weights), weights.absolute())
    path, entry = torchvision_models.cached_weights(name)
    return _torchvision(name, read_state_dict(path), path, entry)


def _torchvision(name: str, state: StateDict, path: Path, entry: Any = None) -> Network:
    wanted = architectures.known().get(name, {})
    fitting = matching(wanted, torchvision_models.with_modern_keys(state))
    return torchvision_models.network_of(name, fitting, path, checksum(path), entry)


def _from_state_dict(path: Path, architecture: str | None) -> Network:
    """The torchvision classifier that a weights file was saved from."""
    state = read_state_dict(path)
    if architecture is not None:
        _check_name(architecture)
        return _torchvision(architecture, state, path)
    found = architectures.recognise(state)
    if len(found.names) > 1:
        raise ChoiceNeeded(
            f"{path}: these weights fit {' and '.join(found.names)}; say which with --arch",
            WhichArchitecture(path, found.names),
        )
    if not found.names:
        raise WeightsError(_unrecognised(path, found))
    return torchvision_models.network_of(found.names[0], found.state, path, checksum(path))


def _unrecognised(path: Path, found: architectures.Recognition) -> str:
    ways = (
        "open the Python file that defines the network together with it, "
        "or save the network with torch.export"
    )
    if not found.closest:
        return f"{path}: these weights belong to no architecture of torchvision; {ways}"
    return (
        f"{path}: these weights belong to no architecture of torchvision; the closest is "
        f"{found.closest} ({found.difference}); {ways}"
    )


def _check_name(name: str) -> None:
    if name not in torchvision_models.names():
        raise ModelError(f"there is no architecture '{name}'{_nearest(name)}")


def _nearest(text: str) -> str:
    choices: Sequence[str] = (
        *(f"demo:{name}" for name in demo.DEMOS),
        *torchvision_models.names(),
    )
    near = difflib.get_close_matches(text.lower(), choices, n=3, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return "; name a demo (demo:shapes), a torchvision classifier (resnet50) or a weights file"

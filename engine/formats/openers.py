"""Opens a model source as a network: picks the opener by the kind of file."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.errors import ChoiceNeeded, ModelError, UnrecognisedError, WeightsError
from engine.files import kinds, presence, suffixes
from engine.files.kinds import Kind
from engine.files.trust import Trust
from engine.formats import demo, rejections, torch_export
from engine.formats.huggingface.folders import open_folder
from engine.formats.network import Network
from engine.formats.onnx.models import open_onnx
from engine.formats.photos.opening import open_photos
from engine.formats.pickled import opening
from engine.formats.python import models
from engine.formats.timm import models as timm_models
from engine.formats.torchvision import architectures
from engine.formats.torchvision import models as torchvision_models
from engine.lazy import extras
from engine.questions import WhichArchitecture
from engine.records.sources import ModelSource
from engine.weights.state_dicts import (
    StateDict,
    checksum,
    find_state_dict,
    matching,
    read_state_dict,
)

_WAYS = "open the network's Python file together with it, or save the network with torch.export"


# These contain the network as well as its weights.
_COMPLETE = (Kind.FOLDER, Kind.ONNX, Kind.EXPORTED)


def open_network(source: ModelSource, trust: Trust) -> Network:
    """Open the network of a source. Raises the same errors as load_model."""
    spec = source.spec
    weights = Path(source.weights) if source.weights is not None else None
    if spec.startswith("demo:"):
        if weights is not None:
            raise ModelError(f"{spec}: the demo has its own weights; leave out the weights file")
        return _demo(spec)
    if spec in torchvision_models.names():
        return _by_name(spec, weights)
    path = Path(spec)
    if path.suffix.lower() in suffixes.WEIGHTS | suffixes.NETWORKS or presence.exists(path):
        return _from_path(path.absolute(), source, weights, trust)
    if spec.startswith("timm:") or (extras.installed("timm") and timm_models.knows(spec)):
        return timm_models.network_of(spec, weights)
    raise ModelError(f"there is no model '{spec}'{_nearest(spec)}")


def _from_path(path: Path, source: ModelSource, weights: Path | None, trust: Trust) -> Network:
    kind = kinds.kind_of(path)
    if kind is Kind.PYTHON:
        return models.open_network_file(
            path,
            weights=weights,
            name=source.architecture,
            arguments=source.arguments,
            trust=trust,
        )
    if weights is not None:
        raise ModelError(
            f"{path}: this {'folder' if kind is Kind.FOLDER else 'file'} already contains weights; "
            "to use other weights, name the architecture or the Python file instead"
        )
    if source.architecture is not None and kind in _COMPLETE:
        raise ModelError(f"{path}: a {kind} defines its own architecture; leave out --arch")
    if kind is Kind.FOLDER:
        return open_folder(path)
    if kind is Kind.ONNX:
        return open_onnx(path)
    if kind is Kind.EXPORTED:
        return torch_export.open_exported(path, trust=trust)
    if kind in (Kind.WEIGHTS, Kind.SAFETENSORS):
        return _from_state_dict(path, read_state_dict(path), source.architecture)
    if kind is Kind.PICKLED:
        return _from_pickle(path, source.architecture, trust)
    raise kinds.refusal(path, kind)


def _from_pickle(path: Path, architecture: str | None, trust: Trust) -> Network:
    """A whole network, or a state dict among other objects.

    If the architecture is given, the tensors suffice, and no code needs to run.
    """
    if architecture is not None:
        return _from_state_dict(path, _tensors(path), architecture)
    content = opening.open_pickled(path, trust=trust)
    if isinstance(content, Network):
        return content
    state = find_state_dict(content)
    if state is None:
        raise WeightsError(
            f"{path}: contains neither a network nor a state dict; "
            "save the network's state_dict() and open that"
        )
    return _from_state_dict(path, state, architecture)


def _tensors(path: Path) -> StateDict:
    """The state dict in a weights file, or of a network pickled into it; runs no code."""
    if kinds.kind_of(path) is not Kind.PICKLED:
        return read_state_dict(path)
    state = opening.read_tensors(path)
    if state is None:
        raise WeightsError(f"{path}: contains no weights; name another file")
    return state


def _demo(spec: str) -> Network:
    if spec == demo.PHOTOS:
        return open_photos(spec, demo.TITLES[spec])
    known = demo.DEMOS.get(spec.partition(":")[2])
    if known is None:
        choices = " or ".join(demo.TITLES)
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
        return _torchvision(name, _tensors(weights), weights.absolute())
    path, entry = torchvision_models.cached_weights(name)
    return _torchvision(name, read_state_dict(path), path, entry)


def _torchvision(name: str, state: StateDict, path: Path, entry: Any = None) -> Network:
    wanted = architectures.known().get(name, {})
    fitting = matching(wanted, torchvision_models.with_modern_keys(state))
    found = architectures.with_moved_head(name, fitting)
    network = torchvision_models.network_of(name, found.state, path, checksum(path), entry)
    return _noted(network, found.notice)


def _from_state_dict(path: Path, state: StateDict, architecture: str | None) -> Network:
    """The classifier that a weights file was saved from, detected unless it is named."""
    if architecture is not None:
        return _named(architecture, path, state)
    found = architectures.recognise(state)
    if len(found.names) > 1:
        raise ChoiceNeeded(
            f"{path}: these weights fit {' and '.join(found.names)}; choose one with --arch",
            WhichArchitecture(path, found.names),
        )
    if not found.names:
        raise _unrecognised(path, found)
    network = torchvision_models.network_of(found.names[0], found.state, path, checksum(path))
    return _noted(network, found.notice)


def _noted(network: Network, notice: str) -> Network:
    return replace(network, notices=(*network.notices, notice)) if notice else network


def _named(name: str, path: Path, state: StateDict) -> Network:
    if name in torchvision_models.names():
        return _torchvision(name, state, path)
    if name.startswith("timm:") or (extras.installed("timm") and timm_models.knows(name)):
        return timm_models.network_of(name, path)
    raise ModelError(f"there is no architecture '{name}'{_nearest(name)}")


def _unrecognised(path: Path, found: architectures.Recognition) -> WeightsError:
    kind = rejections.kind_of_weights({key: tuple(t.shape) for key, t in found.state.items()})
    if kind:
        return WeightsError(f"{path}: weights of {kind}; {rejections.ONLY_CLASSIFIERS}")
    what = f"{path}: these weights fit no torchvision architecture"
    if (path.parent / "config.json").is_file():
        return UnrecognisedError(
            f"{what}, but there is a config.json beside them; open their folder, {path.parent.name}"
        )
    if not found.closest:
        return UnrecognisedError(f"{what}; {_WAYS}")
    return UnrecognisedError(
        f"{what}; the closest is {found.closest} ({found.difference}); {_WAYS}, or name a timm "
        "architecture with --arch timm:NAME"
    )


def _nearest(text: str) -> str:
    choices = (*demo.TITLES, *torchvision_models.names())
    near = difflib.get_close_matches(text.lower(), choices, n=3, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return "; name a demo (demo:photos), a torchvision classifier (resnet50) or a model file"

"""Opens a model source as a network: picks the opener by the name or the kind of file.

The demos have an opener of their own, demo_opening.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine.errors import ModelError, WeightsError
from engine.files import kinds, presence, suffixes
from engine.files.kinds import Kind
from engine.files.trust import Trust
from engine.formats import checkpoints, demo, torch_export, torchscript
from engine.formats.huggingface.adapters import open_adapter
from engine.formats.huggingface.files import weights_of
from engine.formats.huggingface.folders import open_folder
from engine.formats.network import Network
from engine.formats.onnx.models import open_onnx
from engine.formats.pickled import checkpoint_files, opening
from engine.formats.python import models
from engine.formats.timm import models as timm_models
from engine.formats.torchvision import metadata
from engine.lazy import extras
from engine.records.sources import ModelSource
from engine.weights.checkpoints import other_content
from engine.weights.state_dicts import read_state_dict

_DEMOS = tuple(f"demo:{name}" for name in demo.DEMOS)
# These contain the network as well as its weights.
_COMPLETE = (Kind.FOLDER, Kind.ONNX, Kind.EXPORTED, Kind.TORCHSCRIPT)
_WEIGHTS = (Kind.WEIGHTS, Kind.SAFETENSORS, Kind.PICKLED, Kind.SHARDS)
_FOLDERS = (Kind.FOLDER, Kind.ADAPTER, Kind.SHARDS)


def open_network(source: ModelSource, trust: Trust) -> Network:
    """Open the network of a source. Raises the same errors as load_model."""
    spec = source.spec
    weights = _file_of(Path(source.weights)) if source.weights is not None else None
    if spec in metadata.names():
        return _by_name(spec, source, weights)
    path = Path(spec)
    if suffixes.is_model(path) or presence.exists(path):
        return _from_path(path.absolute(), source, weights, trust)
    if spec.startswith("timm:") or (extras.installed("timm") and timm_models.knows(spec)):
        return _of_timm(spec, source, weights)
    raise ModelError(f"there is no model '{spec}'{metadata.nearest(spec, _DEMOS)}")


def _from_path(path: Path, source: ModelSource, weights: Path | None, trust: Trust) -> Network:
    kind = kinds.kind_of(path)
    if source.weights_key is not None and kind not in (*_WEIGHTS, Kind.PYTHON, Kind.ADAPTER):
        raise ModelError(
            f"{path}: not a weights file that may hold several networks; leave out --weights-key"
        )
    if kind is Kind.PYTHON:
        return models.open_network_file(
            path,
            weights=weights,
            name=source.architecture,
            arguments=source.arguments,
            trust=trust,
            weights_key=source.weights_key,
        )
    if weights is not None:
        raise ModelError(
            f"{path}: this {'folder' if kind in _FOLDERS else 'file'} already contains weights; "
            "to use other weights, name the architecture or the Python file instead"
        )
    if source.architecture is not None and kind in _COMPLETE:
        raise ModelError(f"{path}: a {kind} defines its own architecture; leave out --arch")
    if kind is Kind.ADAPTER or _is_adapter(path):
        folder = path if kind is Kind.ADAPTER else path.parent
        return open_adapter(folder, lambda base: _from_base(base, source, trust))
    if kind is Kind.FOLDER:
        return open_folder(path)
    if kind is Kind.SHARDS:
        return _from_shards(path, source)
    if kind is Kind.ONNX:
        return open_onnx(path)
    if kind is Kind.EXPORTED:
        return torch_export.open_exported(path, trust=trust)
    if kind is Kind.TORCHSCRIPT:
        return torchscript.open_scripted(path, trust=trust)
    _refuse_shard(path)
    if kind in (Kind.WEIGHTS, Kind.SAFETENSORS):
        return _from_weights(path, source)
    if kind is Kind.PICKLED:
        return _from_pickle(path, source, trust)
    raise kinds.refusal(path, kind)


def _file_of(weights: Path) -> Path:
    """The weights file that is named, or that of a named folder (an index if there are several)."""
    return weights_of(weights.absolute()).main if presence.is_folder(weights) else weights


def _is_adapter(path: Path) -> bool:
    """Whether a weights file is that of an adapter, whose folder says how to merge it."""
    own = path.name.startswith("adapter_model.")
    return own and presence.is_file(path.parent / "adapter_config.json")


def _from_base(base: Path, source: ModelSource, trust: Trust) -> Network:
    """The network that an adapter was trained on, from a folder or a weights file."""
    if not presence.is_folder(base):
        return _from_path(base, replace(source, spec=str(base)), None, trust)
    if source.architecture is not None:
        raise ModelError(f"{base}: a folder defines its own architecture; leave out --arch")
    return open_folder(base)


def _refuse_shard(path: Path) -> None:
    """Raises WeightsError for one of several files that weights were split into."""
    count = suffixes.shards(path)
    if count > 1:
        raise WeightsError(
            f"{path}: one of {count} files that hold the weights together; open their folder, "
            f"{path.parent.name}"
        )


def _from_shards(path: Path, source: ModelSource) -> Network:
    """Weights in several files: of a Hugging Face folder, or a state dict without a config."""
    folder = path if presence.is_folder(path) else path.parent
    if source.architecture is None and presence.is_file(folder / "config.json"):
        return open_folder(folder)
    index = path if path != folder else weights_of(folder).main
    return _from_weights(index, source)


def _from_pickle(path: Path, source: ModelSource, trust: Trust) -> Network:
    """A whole network, or a state dict among other objects.

    If the architecture is named, the tensors suffice, and no code needs to run.
    """
    if source.architecture is not None:
        return _from_weights(path, source)
    content = opening.open_pickled(path, trust=trust, key=source.weights_key)
    if isinstance(content, Network):
        return content
    found = checkpoint_files.of_content(path, content, source.weights_key)
    if found is None:
        what = other_content(content) or "contains neither a network nor a state dict"
        raise WeightsError(f"{path}: {what}; save the network's state_dict() and open that")
    return checkpoints.open_checkpoint(found, None)


def _from_weights(path: Path, source: ModelSource) -> Network:
    found = checkpoint_files.read(path, source.weights_key)
    return checkpoints.open_checkpoint(found, source.architecture)


def _of_timm(spec: str, source: ModelSource, weights: Path | None) -> Network:
    if weights is None:
        return timm_models.network_of(spec)
    found = checkpoint_files.read(weights.absolute(), source.weights_key)
    return checkpoints.open_checkpoint(found, spec)


def _by_name(name: str, source: ModelSource, weights: Path | None) -> Network:
    if weights is not None:
        found = checkpoint_files.read(weights.absolute(), source.weights_key)
        return checkpoints.open_checkpoint(found, name)
    path, entry = metadata.cached_weights(name)
    return checkpoints.of_torchvision(name, read_state_dict(path), path, entry)

"""Resolves timm network names, and finds or downloads their published weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.errors import ModelError, one_line
from engine.lazy import extras
from engine.weights.state_dicts import StateDict, read_state_dict

PREFIX = "timm:"
"""Optional prefix of a name; required if torchvision has a network of the same name."""

_HUB_FILES = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A weights file. published: its timm name, '' for the user's own file."""

    path: Path
    state: StateDict
    published: str = ""


def config_of(name: str) -> Any:
    """timm's PretrainedCfg for 'NAME' (of its default weights) or 'NAME.TAG'.

    Raises ModelError for an unknown tag.
    """
    models = extras.load("timm.models", name)
    try:
        return models.get_pretrained_cfg(name)
    except RuntimeError as error:
        known = ", ".join(_entries(models, architecture_of(name))[:5])
        raise ModelError(f"timm has no weights '{name}'; choose from {known}") from error


def published_weights(name: str, download: bool) -> Weights:
    """The locally available published weights of a name, preferring the default ones.

    download: allow a download into the cache of huggingface_hub. Raises ModelError, saying how to
    get them, if there are none, and WeightsError for damaged ones.
    """
    hub = extras.load("huggingface_hub", name)
    entries = [name] if "." in name else _entries(extras.load("timm.models", name), name)
    for entry in entries:
        path = _cached(hub, config_of(entry))
        if path is not None:
            return Weights(path, read_state_dict(path), published=entry)
    config = config_of(entries[0])
    if not config.has_weights:
        raise ModelError(
            f"{name}: timm has no published weights for it; open it together with a weights file "
            "(--weights FILE on the command line)"
        )
    if download and config.hf_hub_id:
        path = _downloaded(hub, entries[0], config.hf_hub_id)
        return Weights(path, read_state_dict(path), published=entries[0])
    raise ModelError(_how_to_get(entries[0], config))


def _how_to_get(name: str, config: Any) -> str:
    start = f"{name}: its weights are not downloaded; open it together with a weights file "
    if config.hf_hub_id:
        return f"{start}(--weights FILE), or download them with 'hf download {config.hf_hub_id}'"
    file = str(config.url).rpartition("/")[2]
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    return f"{start}(--weights FILE), or put {file} into {folder}"


def _entries(models: Any, name: str) -> list[str]:
    """The published entries of an architecture as 'NAME.TAG', the default first."""
    default = models.get_pretrained_cfg(name)
    first = f"{name}.{default.tag}" if default is not None and default.tag else name
    return [first, *(entry for entry in models.list_pretrained(f"{name}.*") if entry != first)]


def _cached(hub: Any, config: Any) -> Path | None:
    if config.custom_load:
        return None
    if config.hf_hub_id:
        repository, _, revision = config.hf_hub_id.partition("@")
        files = (config.hf_hub_filename,) if config.hf_hub_filename else _HUB_FILES
        for file in files:
            path = hub.try_to_load_from_cache(repository, file, revision=revision or None)
            if isinstance(path, str):
                return Path(path)
    if isinstance(config.url, str) and config.url:
        path = Path(torch.hub.get_dir()) / "checkpoints" / config.url.rpartition("/")[2]
        return path if path.is_file() else None
    return None


def _downloaded(hub: Any, name: str, repository: str) -> Path:
    plain, _, revision = repository.partition("@")
    try:
        return Path(hub.hf_hub_download(plain, _HUB_FILES[0], revision=revision or None))
    except (OSError, ValueError, hub.errors.HfHubHTTPError) as error:
        first = one_line(error)
        raise ModelError(
            f"{name}: its weights could not be downloaded ({first}); check the connection, or "
            "open it together with a weights file"
        ) from error


def without_prefix(name: str) -> str:
    return name.removeprefix(PREFIX)


def architecture_of(name: str) -> str:
    return without_prefix(name).partition(".")[0]

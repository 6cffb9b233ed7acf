"""Opens LoRA adapters: merges their low-rank changes into the network that they were trained on.

Hu et al. 2021, 'LoRA: Low-Rank Adaptation of Large Language Models', equation 3: W + s B A, with
s = alpha / r, or alpha / sqrt(r) where the adapter says rank-stabilised (Kalajdzievski 2023).
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine import escaping
from engine.errors import ModelError, WeightsError
from engine.files import presence, suffixes
from engine.files.json_files import read_json
from engine.formats.network import Network
from engine.weights.state_dicts import StateDict, checksum, few, read_state_dict

CONFIG = "adapter_config.json"
_FILES = ("adapter_model.safetensors", "adapter_model.bin")
_NO_BASES = ("adapter_model", "training_args", "optimizer", "scheduler", "rng_state", "scaler")
_PREFIX = "base_model.model."
_MERGE = "merge it (merge_and_unload()), save the network and open that"
# Kinds of adapters whose merging differs, by the setting that is set then.
_OTHERS = ("use_dora", "megatron_config", "use_qalora")
_PATTERN = "alpha_pattern"
_PLAIN_NAME = re.compile(r"\^?[\w.-]+\$?")


def open_adapter(folder: Path, open_base: Callable[[Path], Network]) -> Network:
    """The network that a LoRA adapter changes, with the adapter merged.

    open_base: opens the folder or weights file of that network. Raises ModelError if that is not on
    this computer or the adapter is of another kind, WeightsError if it does not fit.
    """
    folder = folder.absolute()
    config = read_json(folder / CONFIG)
    kind = str(config.get("peft_type", ""))[:40]
    odd = next((name for name in _OTHERS if config.get(name)), "")
    patterns = config.get(_PATTERN) or {}
    if not isinstance(patterns, Mapping) or not all(map(_PLAIN_NAME.fullmatch, map(str, patterns))):
        odd = _PATTERN
    if kind != "LORA" or odd:
        raise ModelError(f"{folder}: an adapter of the kind {odd or kind}; {_MERGE}")
    path = next((folder / name for name in _FILES if presence.is_file(folder / name)), None)
    if path is None:
        raise WeightsError(f"{folder}: no weights beside {CONFIG}; download the folder again")
    base = _base_of(folder, config)
    network = open_base(base)
    resized = _merge(network.module, read_state_dict(path), config, path)
    joined = f"{network.weights_sha256}{checksum(path)}{checksum(folder / CONFIG)}"
    return replace(
        network,
        title=folder.name,
        weights=str(path),
        weights_sha256=hashlib.sha256(joined.encode()).hexdigest(),
        classes=() if resized else network.classes,
        classes_origin="" if resized else network.classes_origin,
        notices=(*network.notices, f"The LoRA adapter was merged into {base.name}."),
    )


def _base_of(folder: Path, config: Mapping[str, Any]) -> Path:
    """The adapter's network: the folder or weights file that is named, in its folder or beside it;
    else the folder that it is in or beside, or the only weights file there if none is named."""
    named = config.get("base_model_name_or_path")
    name = named if isinstance(named, str) and presence.can_be_named(named) else ""
    # Only beside the adapter: a stranger's file must not lead to other places on this computer.
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    usable = last not in ("", ".", "..") and ":" not in last
    near = (folder, folder.parent)
    for place in (*(each / last for each in near if usable), *near):
        if presence.is_file(place / "config.json"):
            return place
    for place in near:
        files = _weights_in(place)
        found = [path for path in files if last in (path.name, path.stem)] if last else files
        if len(found) == 1:
            return found[0]
    shown = escaping.plain(name, 80) or "a network that it does not name"
    beside = (
        f", or put that network's folder or weights ({escaping.plain(last, 80)}) beside it"
        if last
        else ", or put that network's weights beside it"
    )
    raise ModelError(f"{folder}: a LoRA adapter for {shown}; {_MERGE}{beside}")


def _weights_in(folder: Path) -> list[Path]:
    """The weights files of a folder, without adapters and what trainers save beside them."""
    try:
        files = sorted(folder.iterdir())
    except OSError:
        return []
    return [
        path
        for path in files
        if path.suffix.lower() in suffixes.WEIGHTS
        and not path.name.startswith(_NO_BASES)
        and presence.is_file(path)
    ]


def _merge(network: nn.Module, adapter: StateDict, config: Mapping[str, Any], path: Path) -> bool:
    """Change the network's weights in place. Returns whether its last layer has another size.

    Raises WeightsError, naming the first tensors that do not fit.
    """
    parameters = dict(network.named_parameters())
    down, up, others = _sorted(adapter)
    unknown = [name for name in (*down, *up) if f"{name}.weight" not in parameters]
    unknown += [name for name in others if name not in parameters]
    if unknown or down.keys() != up.keys():
        missing = unknown or sorted(down.keys() ^ up.keys())
        raise WeightsError(
            f"{path}: the adapter does not fit its network ({few(missing)}); {_MERGE}"
        )
    resized = False
    with torch.no_grad():
        for name in down:
            weight = parameters[f"{name}.weight"]
            change = _change(down[name], up[name], _alpha(name, config), config)
            if change is None or change.shape != weight.shape:
                raise WeightsError(f"{path}: the adapter does not fit {name}; {_MERGE}")
            weight.add_(change.to(weight.dtype))
        for name, tensor in others.items():
            resized |= _replaced(network, name, parameters[name], tensor, path)
    return resized


def _sorted(adapter: StateDict) -> tuple[StateDict, StateDict, StateDict]:
    """A and B of each changed layer by its name, and the parameters that were trained whole."""
    down: StateDict = {}
    up: StateDict = {}
    others: StateDict = {}
    for key, tensor in adapter.items():
        name = key.removeprefix(_PREFIX)
        for mark, found in ((".lora_A.", down), (".lora_B.", up)):
            if mark in name:
                found[name.partition(mark)[0]] = tensor
                break
        else:
            owner, mark, entry = name.partition(".modules_to_save.")
            entry = entry.rpartition(".")[2] if mark else ""
            others[f"{owner}.{entry}" if mark else name.replace(".base_layer.", ".")] = tensor
    return down, up, others


def _alpha(layer: str, config: Mapping[str, Any]) -> object:
    """alpha of a layer: of the first pattern that is its name or the end of it, else the usual."""
    for pattern, alpha in (config.get(_PATTERN) or {}).items():
        name = str(pattern).strip("^$")
        if layer == name or (layer.endswith(f".{name}") and not str(pattern).startswith("^")):
            return alpha
    return config.get("lora_alpha")


def _change(down: Tensor, up: Tensor, alpha: object, config: Mapping[str, Any]) -> Tensor | None:
    """s B A in the shape of the weight; None if the tensors do not fit together. The rank is that
    of the tensors, so a rank_pattern says nothing new."""
    rank = len(down)
    if not rank or isinstance(alpha, bool) or not isinstance(alpha, int | float):
        return None
    if down.ndim != up.ndim or down.ndim not in (2, 4) or up.shape[1] != rank:
        return None
    scale = alpha / math.sqrt(rank) if config.get("use_rslora") is True else alpha / rank
    if down.ndim == 4 and up.shape[2:] != (1, 1):
        return None
    change: Tensor = scale * torch.tensordot(up.float().flatten(1), down.float(), dims=1)
    return change.T if config.get("fan_in_fan_out") is True and down.ndim == 2 else change


def _replaced(network: nn.Module, name: str, own: nn.Parameter, tensor: Tensor, path: Path) -> bool:
    """Replace a parameter that was trained whole. Returns whether it is of another size, which
    only the last layer may be."""
    owner, _, entry = name.rpartition(".")
    layer = network.get_submodule(owner)
    resized = own.shape != tensor.shape
    if resized:
        linear = isinstance(layer, nn.Linear) and own.shape[1:] == tensor.shape[1:]
        if not linear:
            raise WeightsError(f"{path}: the adapter does not fit {name}; {_MERGE}")
        layer.out_features = len(tensor)  # type: ignore[assignment]
    layer._parameters[entry] = nn.Parameter(tensor.to(own.dtype))
    return resized

"""Builds timm networks for given weights, with input and classes from timm's configuration."""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import ModelError, WeightsError, one_line
from engine.formats.network import Network
from engine.formats.network_trials import Trial, refuse_larger
from engine.formats.timm.config import channels_of, first_of, labels_of, preprocessing_of
from engine.formats.timm.weights import (
    PREFIX,
    Weights,
    architecture_of,
    config_of,
    published_weights,
    without_prefix,
)
from engine.images.presets import ASSUMED
from engine.lazy import extras
from engine.records.images import Preprocessing
from engine.weights.state_dicts import (
    StateDict,
    checksum,
    matching,
    mismatch,
    read_state_dict,
    variants,
)

ORIGIN = "timm"

# What timm's key conversion functions raise for unknown keys.
_FILTER_ERRORS = (LookupError, RuntimeError, ValueError, TypeError, AttributeError, AssertionError)


def knows(name: str) -> bool:
    """Whether timm is installed and has a network of that name, with or without the prefix."""
    if not extras.installed("timm"):
        return False
    timm = extras.load("timm", name)
    return bool(timm.is_model(architecture_of(name)))


def similar(name: str, most: int = 3) -> tuple[str, ...]:
    """The most similar names of timm networks; () if timm is not installed."""
    if not extras.installed("timm"):
        return ()
    timm = extras.load("timm", name)
    return tuple(
        difflib.get_close_matches(without_prefix(name).lower(), timm.list_models(), most, 0.5)
    )


def network_of(
    name: str,
    weights: Path | None = None,
    state: StateDict | None = None,
    *,
    download: bool = False,
) -> Network:
    """The timm network with this name ('timm:resnet18', 'resnet18.a1_in1k', 'convnext_atto').

    weights: a state dict or training checkpoint saved from it (.pth, .safetensors), which defines
    the number of classes and channels and a vision transformer's input size; state: its content, if
    it was read. Without it, the
    published weights are used, from the cache of huggingface_hub or torch, or, with download,
    downloaded into the cache of huggingface_hub.

    Raises ModelError (timm missing, unknown name, no weights on this computer), WeightsError
    (unreadable, or of another architecture, naming the first keys that differ).
    """
    timm = extras.load("timm", name)
    plain = without_prefix(name)
    if not timm.is_model(architecture_of(name)):
        near = similar(plain)
        hint = (
            f"did you mean {' or '.join(near)}?" if near else "timm.list_models() lists the names"
        )
        raise ModelError(f"timm has no network '{plain}'; {hint}")
    if weights is None:
        found = published_weights(plain, download)
        plain = found.published
    else:
        path = weights.absolute()
        found = Weights(path, read_state_dict(path) if state is None else state)
    return _network(plain, found, config_of(plain).to_dict(), {})


def without_data(
    folder: Path, name: str, arguments: Mapping[str, Any], described: Mapping[str, Any]
) -> nn.Module:
    """The timm network with a folder's arguments, on torch's meta device.

    described: its pretrained_cfg, from which timm also takes sizes. Raises ModelError if timm
    cannot build it.
    """
    with torch.device("meta"):
        return _construct(name, arguments, described, folder)


def is_timm_config(config: Mapping[str, Any]) -> bool:
    """Whether a config.json was written by timm (or by transformers for a timm network)."""
    return isinstance(config.get("architecture"), str) and (
        "pretrained_cfg" in config or config.get("model_type") == "timm_wrapper"
    )


def network_of_folder(folder: Path, config: Mapping[str, Any], weights: Path) -> Network:
    """The network in a folder saved by timm for the Hugging Face hub.

    config: the content of its config.json; weights: its weights file. Raises the same errors as
    network_of.
    """
    timm = extras.load("timm", str(folder))
    name = str(config["architecture"])
    if not timm.is_model(name):
        raise ModelError(
            f"{folder}: its config.json names the timm architecture '{name[:80]}', which the "
            "installed timm does not have; install a newer timm"
        )
    own = {**config, **dict(config.get("pretrained_cfg") or {})}
    fields = set(timm.models.PretrainedCfg.__dataclass_fields__) - {"url", "file", "hf_hub_id"}
    described = {key: own[key] for key in sorted(fields) if own.get(key) is not None}
    given = config.get("num_classes")
    if isinstance(given, int):
        described["num_classes"] = given
    arguments = _plain_arguments(config.get("model_args"))
    state = read_state_dict(weights)
    elements = sum(tensor.numel() for tensor in state.values())
    inner = {k.removeprefix("timm_model."): t for k, t in state.items()}
    if arguments:
        facts = {"architecture": name, "arguments": arguments, "described": described}
        Trial("timm network", str(folder), facts).check(elements)
    else:
        # Without arguments, the name fixes the number of layers, and only their sizes vary.
        small = without_data(folder, name, _told(inner, described), described)
        refuse_larger(str(folder), sum(t.numel() for t in small.parameters()), elements)
    found = Weights(weights.absolute(), inner, published=name)
    network = _network(name, found, described, arguments)
    return replace(
        network,
        title=folder.name,
        weights=str(found.path),
        preprocessing_origin="config.json",
        classes_origin="config.json" if network.classes else "",
    )


def _network(
    name: str, weights: Weights, config: Mapping[str, Any], arguments: Mapping[str, Any]
) -> Network:
    module, options = _fitted(name, weights, config, arguments)
    channels = int(options.get("in_chans", channels_of(config)))
    size = options.get("img_size")
    if size is not None:
        height, width = (size, size) if isinstance(size, int) else size
        config = {**config, "input_size": (channels, height, width)}
    how = preprocessing_of(config, channels)
    count = int(module.num_classes)  # type: ignore[arg-type]
    if count < 1:
        raise ModelError(
            f"{weights.path}: a timm network without a classification head; open a classifier"
        )
    labels = labels_of(config, count)
    own = not weights.published
    fixed = size is not None or bool(config.get("fixed_input_size"))
    return Network(
        module.eval(),
        source=PREFIX + name,
        title=name,
        weights=weights.published or str(weights.path),
        weights_sha256=checksum(weights.path),
        preprocessing=how,
        preprocessing_origin=ASSUMED if own else ORIGIN,
        input_size=how.crop if fixed else None,
        channels=channels,
        classes=labels,
        classes_origin=(ASSUMED if own else ORIGIN) if labels else "",
        assumption=_assumption(weights.path, name, how) if own else "",
    )


def _assumption(path: Path, name: str, how: Preprocessing) -> str:
    return (
        f"{path.name} does not specify its preprocessing. Assumed, as timm does for "
        f"{name}: resize {how.resize}, crop {how.crop[0]}, {how.interpolation}."
    )


def _fitted(
    name: str, weights: Weights, config: Mapping[str, Any], arguments: Mapping[str, Any]
) -> tuple[nn.Module, dict[str, Any]]:
    """The network with these weights loaded, and the options it was built with."""
    options = {**arguments, **_told(weights.state, config)}
    module = _construct(name, options, config, weights.path)
    given = matching(module.state_dict(), weights.state)
    more = _adapted(module, given)
    if more:
        options |= more
        module = _construct(name, options, config, weights.path)
    given = _with_counters(module, given)
    difference = mismatch(module.state_dict(), given)
    if difference:
        given = _with_counters(module, _modern(name, module, given))
    if mismatch(module.state_dict(), given):
        raise WeightsError(
            f"{weights.path}: these weights do not fit timm's {name} ({difference}); "
            "choose the architecture they were saved from"
        )
    module.load_state_dict(given)
    return module, options


def _construct(
    name: str, options: Mapping[str, Any], config: Mapping[str, Any], path: Path
) -> nn.Module:
    timm = extras.load("timm", name)
    try:
        module: nn.Module = timm.create_model(
            name, pretrained=False, pretrained_cfg=dict(config), **options
        )
    except (RuntimeError, TypeError, ValueError, LookupError, AssertionError) as error:
        first = one_line(error)
        given = ", ".join(f"{key}={value}" for key, value in options.items())
        raise ModelError(
            f"{path}: timm cannot build {name} with {given or 'its defaults'} ({first}); "
            "choose the architecture the weights were saved from"
        ) from error
    return module


def _told(state: StateDict, config: Mapping[str, Any]) -> dict[str, int]:
    """Numbers of classes and channels, from the shapes of the layers named in timm's config."""
    options: dict[str, int] = {}
    for variant in variants(state):
        head = variant.get(f"{first_of(config.get('classifier'))}.weight")
        stem = variant.get(f"{first_of(config.get('first_conv'))}.weight")
        if head is not None and head.ndim >= 2 and len(head) != config.get("num_classes"):
            options["num_classes"] = len(head)
        if stem is not None and stem.ndim == 4 and stem.shape[1] != channels_of(config):
            options["in_chans"] = int(stem.shape[1])
    return options


def _adapted(module: nn.Module, given: Mapping[str, Tensor]) -> dict[str, int | tuple[int, int]]:
    """The input size of a vision transformer, if its position embedding implies another one."""
    ours: Any = module.state_dict().get("pos_embed")
    theirs = given.get("pos_embed")
    patch: Any = getattr(getattr(module, "patch_embed", None), "patch_size", None)
    if ours is None or theirs is None or not patch or theirs.ndim != 3 or ours.ndim != 3:
        return {}
    if ours.shape[1] == theirs.shape[1] or ours.shape[2] != theirs.shape[2]:
        return {}
    rows, columns = module.patch_embed.grid_size  # type: ignore[union-attr,misc]
    side = math.isqrt(theirs.shape[1] - (int(ours.shape[1]) - int(rows * columns)))
    return {"img_size": (side * patch[0], side * patch[1])}


def _modern(name: str, module: nn.Module, given: StateDict) -> Mapping[str, Tensor]:
    """The tensors under timm's current keys, if timm can convert the older ones."""
    timm = extras.load("timm", name)
    home = sys.modules[timm.models.model_entrypoint(architecture_of(name)).__module__]
    convert = getattr(home, "checkpoint_filter_fn", None) or getattr(home, "_filter_fn", None)
    if convert is None:
        return given
    try:
        with torch.no_grad():
            converted: Mapping[str, Tensor] = convert(dict(given), module)
    except _FILTER_ERRORS:
        return given
    return converted


def _with_counters(module: nn.Module, given: Mapping[str, Tensor]) -> StateDict:
    # Old files lack the batch counters of batch normalisation; nothing here depends on them.
    ours = module.state_dict()
    return {k: t for k, t in ours.items() if k.endswith(".num_batches_tracked")} | dict(given)


def _plain_arguments(arguments: object) -> dict[str, Any]:
    """A folder's arguments for its architecture, without those that would load other files."""
    if not isinstance(arguments, Mapping):
        return {}
    kept = {str(key): value for key, value in arguments.items()}
    for key in ("pretrained", "checkpoint_path", "cache_dir", "scriptable"):
        kept.pop(key, None)
    return {key: value for key, value in kept.items() if not key.startswith("pretrained_")}

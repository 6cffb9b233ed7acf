"""Recognises the timm network that a state dict was saved from, if timm is installed.

The shipped index holds a fingerprint of the keys and shapes of each of timm's networks. The numbers
of classes and of input channels do not count. What it names is still held against the network that
the installed timm builds (models.network_of).
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.formats.timm.weights import PREFIX, architecture_of, without_prefix
from engine.lazy import extras
from engine.paths import RESOURCES
from engine.weights.state_dicts import StateDict, is_counter, left_out, unwrapped

SHIPPED: Path = RESOURCES / "timm_architectures.json.gz"

Shapes = Mapping[str, tuple[int, ...]]
Place = tuple[tuple[str, ...], tuple[str, ...]]
"""The names of the last layers and of the first ones, whose sizes depend on the task."""

_WORDS = "The file uses EfficientNet-PyTorch's names; opened as timm's {}."
_DIGITS = 16
_EFFICIENTNETS = tuple(f"tf_efficientnet_b{number}" for number in range(9))
_BLOCK = re.compile(r"_blocks\.(\d{1,3})\.(.+)")
# EfficientNet-PyTorch's names and timm's: outside of blocks, and in blocks with and without the
# convolution that widens them.
_OUTSIDE = (
    *(("_conv_stem.", "conv_stem."), ("_bn0.", "bn1."), ("_conv_head.", "conv_head.")),
    *(("_bn1.", "bn2."), ("_fc.", "classifier.")),
)
_SQUEEZE = (("_se_reduce.", "se.conv_reduce."), ("_se_expand.", "se.conv_expand."))
_WIDENED = (
    *(("_expand_conv.", "conv_pw."), ("_bn0.", "bn1."), ("_depthwise_conv.", "conv_dw.")),
    *(("_bn1.", "bn2."), *_SQUEEZE, ("_project_conv.", "conv_pwl."), ("_bn2.", "bn3.")),
)
_PLAIN = (
    *(("_depthwise_conv.", "conv_dw."), ("_bn1.", "bn1."), *_SQUEEZE),
    *(("_project_conv.", "conv_pw."), ("_bn2.", "bn2.")),
)


@dataclass(frozen=True, slots=True, eq=False)
class Recognition:
    """names: of timm networks that fit, with the prefix; () for none. state: under timm's keys."""

    names: tuple[str, ...]
    state: StateDict
    notices: tuple[str, ...] = ()


def recognise(state: Mapping[str, Tensor]) -> Recognition:
    """The timm networks that a state dict fits; none if timm is not installed."""
    if not extras.installed("timm"):
        return Recognition((), dict(state))
    for variant in unwrapped(state):
        notices = (left_out(variant.dropped),) if variant.dropped else ()
        if "_conv_stem.weight" in variant.state:
            return _efficientnet_pytorch(variant.state)
        names = _named(variant.state)
        if names:
            return Recognition(names, variant.state, notices)
    return Recognition((), dict(state))


def _named(state: StateDict) -> tuple[str, ...]:
    places, names = _index()
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    found: dict[str, None] = {}
    for place in places:
        if all(f"{name}.weight" in shapes for part in place for name in part):
            found |= dict.fromkeys(names.get(fingerprint(shapes, place), ()))
    known = extras.load("timm", "timm")
    return tuple(PREFIX + name for name in found if known.is_model(name))


def fingerprint(shapes: Shapes, place: Place) -> str:
    """A digest of keys and shapes without counters, and without the sizes that a task decides."""
    heads, stems = place
    lines = []
    for key, shape in sorted(shapes.items()):
        owner = key.rpartition(".")[0]
        if is_counter(key):
            continue
        if owner in heads:
            shape = (0, *shape[1:])
        elif owner in stems and len(shape) == 4:
            shape = (shape[0], 0, *shape[2:])
        lines.append(f"{key} {shape}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:_DIGITS]


@functools.cache
def _index() -> tuple[tuple[Place, ...], Mapping[str, tuple[str, ...]]]:
    content = json.loads(gzip.decompress(SHIPPED.read_bytes()))
    places = tuple((tuple(heads), tuple(stems)) for heads, stems in content["places"])
    return places, {digest: tuple(names) for digest, names in content["networks"].items()}


def index_of(networks: Iterable[tuple[str, Place, Shapes]]) -> bytes:
    """The content of the shipped file, from each network's name, place and shapes."""
    places: dict[Place, None] = {}
    names: dict[str, list[str]] = {}
    for name, place, shapes in networks:
        places[place] = None
        names.setdefault(fingerprint(shapes, place), []).append(name)
    content = {"places": sorted(places), "networks": dict(sorted(names.items()))}
    return gzip.compress(json.dumps(content, separators=(",", ":")).encode(), mtime=0)


def under_timms_names(name: str, state: StateDict) -> Recognition:
    """The state dict of a named network, under timm's names where those are another library's."""
    for variant in unwrapped(state):
        if "_conv_stem.weight" in variant.state:
            renamed = _renamed(variant.state, _blocks_of(_outline(architecture_of(name))))
            words = _WORDS.format(without_prefix(name))
            return Recognition((name,), renamed, (words, left_out(variant.dropped)))
    return Recognition((name,), state)


def _efficientnet_pytorch(state: StateDict) -> Recognition:
    """EfficientNet-PyTorch's keys as those of timm's network with the same layers."""
    for name in _EFFICIENTNETS:
        network = _outline(name)
        wanted = {k: tuple(t.shape) for k, t in network.state_dict().items() if not is_counter(k)}
        renamed = _renamed(state, _blocks_of(network))
        shapes = {k: tuple(t.shape) for k, t in renamed.items() if not is_counter(k)}
        place = (("classifier",), ("conv_stem",))
        if fingerprint(shapes, place) == fingerprint(wanted, place):
            return Recognition((PREFIX + name,), renamed, (_WORDS.format(name),))
    return Recognition((), state)


def _outline(name: str) -> nn.Module:
    with torch.device("meta"):
        network: nn.Module = extras.load("timm", name).create_model(name, pretrained=False)
    return network


def _blocks_of(network: nn.Module) -> list[str]:
    return [key for key, _ in network.named_modules() if _is_block(key)]


def _is_block(name: str) -> bool:
    return re.fullmatch(r"blocks\.\d+\.\d+", name) is not None


def _renamed(state: Mapping[str, Tensor], blocks: list[str]) -> StateDict:
    widened = {
        int(match[1])
        for key in state
        if (match := _BLOCK.fullmatch(key)) and match[2].startswith("_expand_conv.")
    }
    renamed: StateDict = {}
    for key, tensor in state.items():
        match = _BLOCK.fullmatch(key)
        number = int(match[1]) if match else -1
        if match is None:
            renamed[_translated(key, _OUTSIDE)] = tensor
        elif number < len(blocks):
            table = _WIDENED if number in widened else _PLAIN
            renamed[f"{blocks[number]}.{_translated(match[2], table)}"] = tensor
    return renamed


def _translated(key: str, table: Iterable[tuple[str, str]]) -> str:
    for theirs, ours in table:
        if key.startswith(theirs):
            return ours + key.removeprefix(theirs)
    return key

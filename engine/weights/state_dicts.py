"""State dicts from weights files, read without running anything they contain."""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from engine.errors import WeightsError
from engine.files import regular
from engine.reader import client
from engine.weights import torch_files

StateDict = dict[str, Tensor]

# Where training programs keep the network's state dict, the likeliest first.
_NESTS = (
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module"),
    *("net_state_dict", "network_state_dict", "weights", "params", "model_weights", "backbone"),
    *("ema_state_dict", "state_dict_ema", "model_ema", "ema", "ema_model", "shadow"),
)
_NO_NESTS = ("optim", "scheduler", "lr_sched", "scaler", "amp", "loops", "callbacks", "args")
# The part of all keys that has to carry a prefix for it to be a wrapper's.
_DOMINANT = 0.9
# What a training program keeps beside its network, whose tensors are no layers of it.
_ASIDE = ("criterion", "loss", "metric")
_HASHED_AT_ONCE = 1 << 20
# Mappings within mappings: more than any checkpoint has.
_DEEPEST = 30


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits.

    Raises WeightsError when it is no regular file or cannot be read; Cancelled.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: {regular.reason(error)}") from error
    return _checksum(path, found.st_size, found.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _checksum(path: Path, _size: int, _changed_ns: int) -> str:
    """Asked for more than once while a model is opened, and files of gigabytes are read slowly."""
    whole = hashlib.sha256()
    with regular.opened(path, WeightsError) as file:
        buffer = memoryview(bytearray(_HASHED_AT_ONCE))
        while count := file.readinto(buffer):  # type: ignore[attr-defined]
            client.raise_if_cancelled()
            whole.update(buffer[:count])
    return whole.hexdigest()


def read_state_dict(path: Path, reading: torch_files.Reading | None = None) -> StateDict:
    """The state dict in a .safetensors file or in what torch.save wrote, on the CPU.

    A training checkpoint's is found inside it (find_state_dict). reading: where it is being read
    already.
    Raises WeightsError when the file is missing, unreadable, or holds something else.
    """
    found = (reading or torch_files.Reading(path)).result()
    state = find_state_dict(found.content)
    if state is None:
        more = f"it holds more than tensors ({found.names[0]})" if found.names else ""
        raise WeightsError(
            f"{path}: {more or 'it holds no state dict'}; save the network's state_dict() and open "
            "that"
        )
    return state


def find_state_dict(content: object) -> StateDict | None:
    """The state dict in what a weights file holds; None where there is none.

    A training checkpoint keeps it beside an optimizer, an epoch and more, under a name of its own
    or one inside the other. Names that usually mean it come first, then the one of most tensors.
    An optimizer's tensors are never taken, nor a list's. Networks of one tensor are none.
    """
    return _state_dict_in(content, set(), _DEEPEST)


def _state_dict_in(content: object, seen: set[int], depth: int) -> StateDict | None:
    """seen: mappings that were looked through; one can be in several, or in itself."""
    if not isinstance(content, Mapping) or id(content) in seen or not depth:
        return None
    seen.add(id(content))
    tensors = {
        key: value
        for key, value in content.items()
        if isinstance(key, str) and isinstance(value, Tensor)
    }
    # A few plain values (an epoch, a version) may stand among the tensors.
    if tensors and 2 * len(tensors) > len(content):
        return tensors
    nested = {str(key): value for key, value in content.items() if isinstance(value, Mapping)}
    for name in _NESTS:
        found = _state_dict_in(nested.get(name), seen, depth - 1)
        if found is not None:
            return found
    others = (
        _state_dict_in(value, seen, depth - 1)
        for key, value in nested.items()
        if not key.startswith(_NO_NESTS)
    )
    return max((found for found in others if found), key=len, default=None)


def variants(state: Mapping[str, Tensor]) -> Iterator[StateDict]:
    """The state dict as it is, then without each prefix that a wrapper has put before its keys.

    Lightning puts 'model.' there (or whatever the program calls its network), DataParallel
    'module.', torch.compile '_orig_mod.'. A few keys beside them (a loss's, an averaged model's
    counter) belong to the wrapper and are left out; but not where they may be a layer's, without
    which the network would be another one.
    """
    current = dict(state)
    yield current
    while True:
        prefix = _wrapper(current)
        if prefix is None:
            return
        current = {k.removeprefix(prefix): v for k, v in current.items() if k.startswith(prefix)}
        yield current


def matching(wanted: Mapping[str, object], given: Mapping[str, Tensor]) -> StateDict:
    """The variant of `given` that shares most keys with `wanted`, the earliest of equals."""
    return max(variants(given), key=lambda variant: len(wanted.keys() & variant.keys()))


def _wrapper(state: Mapping[str, Tensor]) -> str | None:
    """The prefix that nearly all keys carry, if nothing beside them may be a layer."""
    firsts = Counter(key.partition(".")[0] for key in state if "." in key)
    if not firsts:
        return None
    name, count = firsts.most_common(1)[0]
    beside = (key for key in state if not key.startswith(f"{name}."))
    if count < _DOMINANT * len(state) or any(_may_be_layer(key, state[key]) for key in beside):
        return None
    return f"{name}."


def _may_be_layer(key: str, tensor: Tensor) -> bool:
    owner = key.partition(".")[0].lower()
    return tensor.ndim >= 2 and not any(word in owner for word in _ASIDE)


def mismatch(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """How two state dicts differ, naming the first keys of each kind; '' when they agree.

    Numbers of another kind count, too: whole or quantised ones would be read as if they were
    floating, and those of the meta device are not there.
    """
    missing = [key for key in wanted if key not in given]
    unexpected = [key for key in given if key not in wanted]
    shapes = [
        f"{key} {tuple(given[key].shape)} instead of {tuple(tensor.shape)}"
        for key, tensor in wanted.items()
        if key in given and given[key].shape != tensor.shape
    ]
    types = [
        f"{key} {_kind(given[key])}"
        for key, tensor in wanted.items()
        if key in given and tensor.is_floating_point() and _kind(given[key])
    ]
    kinds = (
        *(("missing", missing), ("unexpected", unexpected), ("other shape", shapes)),
        ("not plain floating-point numbers", types),
    )
    return "; ".join(f"{kind}: {few(keys)}" for kind, keys in kinds if keys)


def _kind(tensor: Tensor) -> str:
    """What keeps a tensor from filling a layer of floating-point numbers; '' for nothing."""
    if tensor.is_quantized:
        return "quantised"
    if tensor.layout is not torch.strided:
        return "sparse"
    if tensor.is_meta:
        return "without values"
    return "" if tensor.is_floating_point() else str(tensor.dtype).removeprefix("torch.")


def few(keys: list[str], most: int = 3) -> str:
    """The first keys, and how many more there are."""
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more

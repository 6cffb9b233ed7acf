"""Finds and compares state dicts in weights files; runs no code in them."""

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

# Keys under which training programs store the network's state dict, the most likely first.
_NESTS = (
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module"),
    *("net_state_dict", "network_state_dict", "weights", "params", "model_weights", "backbone"),
    *("ema_state_dict", "state_dict_ema", "model_ema", "ema", "ema_model", "shadow"),
)
_NO_NESTS = ("optim", "scheduler", "lr_sched", "scaler", "amp", "loops", "callbacks", "args")
# Fraction of all keys that must share a prefix for it to be a wrapper's.
_DOMINANT = 0.9
# Modules that a training program stores beside its network; their tensors are not layers of it.
_ASIDE = ("criterion", "loss", "metric")
_HASHED_AT_ONCE = 1 << 20
# Nesting depth of mappings, more than any real checkpoint has.
_DEEPEST = 30


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits.

    Raises WeightsError if it is not a regular file or cannot be read; Cancelled.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: {regular.reason(error)}") from error
    return _checksum(path, found.st_size, found.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _checksum(path: Path, _size: int, _changed_ns: int) -> str:
    """Cached, since opening a model needs it repeatedly and hashing gigabytes is slow."""
    whole = hashlib.sha256()
    with regular.opened(path, WeightsError) as file:
        buffer = memoryview(bytearray(_HASHED_AT_ONCE))
        while count := file.readinto(buffer):  # type: ignore[attr-defined]
            client.raise_if_cancelled()
            whole.update(buffer[:count])
    return whole.hexdigest()


def read_state_dict(path: Path, reading: torch_files.Reading | None = None) -> StateDict:
    """The state dict in a .safetensors or torch.save file, on the CPU.

    In a training checkpoint it is searched (find_state_dict). reading: a read already in progress.
    Raises WeightsError if the file is missing, unreadable, or contains something else.
    """
    found = (reading or torch_files.Reading(path)).result()
    state = find_state_dict(found.content)
    if state is None:
        more = f"contains more than tensors ({found.names[0]})" if found.names else ""
        raise WeightsError(
            f"{path}: {more or 'contains no state dict'}; save the network's state_dict() and open "
            "that"
        )
    return state


def find_state_dict(content: object) -> StateDict | None:
    """The state dict in the content of a weights file; None if there is none.

    A training checkpoint stores it beside an optimizer state, an epoch and more, under some key,
    possibly nested. Well-known keys are tried first, then the mapping with most tensors. Tensors of
    an optimizer or in a list are never used.
    """
    return _state_dict_in(content, set(), _DEEPEST)


def _state_dict_in(content: object, seen: set[int], depth: int) -> StateDict | None:
    """seen: mappings already searched, since they may be shared or contain themselves."""
    if not isinstance(content, Mapping) or id(content) in seen or not depth:
        return None
    seen.add(id(content))
    tensors = {
        key: value
        for key, value in content.items()
        if isinstance(key, str) and isinstance(value, Tensor)
    }
    # A few plain values (an epoch, a version) may be stored among the tensors.
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
    """The state dict as it is, then with each wrapper's key prefix removed.

    Lightning adds 'model.' (or the program's name for its network), DataParallel 'module.',
    torch.compile '_orig_mod.'. A few other keys (of a loss, an averaged model's counter) belong to
    the wrapper and are left out, unless they may be layers, without which the network would differ.
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
    """The variant of `given` that shares most keys with `wanted`; the first of equals."""
    return max(variants(given), key=lambda variant: len(wanted.keys() & variant.keys()))


def _wrapper(state: Mapping[str, Tensor]) -> str | None:
    """The prefix that nearly all keys share, if no other key may be a layer."""
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
    """How two state dicts differ, naming the first keys of each kind; '' if they match.

    Unsuitable dtypes count as well: integer or quantised values would be misread as floating-point,
    and tensors on the meta device have no data.
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
        *(("missing", missing), ("unexpected", unexpected), ("different shape", shapes)),
        ("not plain floating-point tensors", types),
    )
    return "; ".join(f"{kind}: {few(keys)}" for kind, keys in kinds if keys)


def _kind(tensor: Tensor) -> str:
    """Why a tensor cannot be loaded into a floating-point layer; '' if it can."""
    if tensor.is_quantized:
        return "quantised"
    if tensor.layout is not torch.strided:
        return "sparse"
    if tensor.is_meta:
        return "without data"
    return "" if tensor.is_floating_point() else str(tensor.dtype).removeprefix("torch.")


def few(keys: list[str], most: int = 3) -> str:
    """The first keys, and the number of further ones, as text."""
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more

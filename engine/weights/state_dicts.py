"""Reads and compares state dicts of weights files; runs no code in them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from engine.errors import WeightsError
from engine.files import suffixes
from engine.files.hashing import sha256_while_unchanged
from engine.weights import checkpoints, shards, torch_files
from engine.weights.checkpoints import find_state_dict, other_content

StateDict = checkpoints.StateDict

# Fraction of the keys of layers that must share a prefix for it to be a wrapper's.
_DOMINANT = 0.9
# What thop and similar counters of operations leave in every layer.
_COUNTED = ("total_ops", "total_params")
_TRACKED = "num_batches_tracked"


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits; of an index of weights files, over theirs.

    Raises WeightsError if it is not a regular file or cannot be read; Cancelled.
    """
    if suffixes.is_index(path):
        files = [checksum(shard) for shard in shards.files_of(path)]
        return files[0] if len(files) == 1 else hashlib.sha256("".join(files).encode()).hexdigest()
    return sha256_while_unchanged(path, WeightsError)


def read_state_dict(path: Path, reading: torch_files.Reading | None = None) -> StateDict:
    """The most likely state dict in a .safetensors or torch.save file, on the CPU, or the one that
    is split into the files of an index.

    In a training checkpoint it is searched (checkpoints.held_in). reading: a read already in
    progress. Raises WeightsError if the file is missing, unreadable, or contains something else.
    """
    if suffixes.is_index(path):
        return {k: t for shard in shards.files_of(path) for k, t in read_state_dict(shard).items()}
    found = (reading or torch_files.Reading(path)).result()
    state = find_state_dict(found.content)
    if state is None:
        raise no_state_dict(path, found)
    return state


def no_state_dict(path: Path, found: torch_files.TorchFile) -> WeightsError:
    """The error for a file without a state dict, with what it contains instead."""
    what = other_content(found.content)
    if what:
        return WeightsError(f"{path}: {what}; save the network's state_dict() and open that")
    more = f"contains more than tensors ({found.names[0]})" if found.names else ""
    return WeightsError(
        f"{path}: {more or 'contains no state dict'}; save the network's state_dict() and open that"
    )


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """A state dict without a wrapper's prefixes. dropped: keys that were left out."""

    state: StateDict
    dropped: tuple[str, ...] = ()


def variants(state: Mapping[str, Tensor]) -> Iterator[StateDict]:
    """The state dict as it is, then with each wrapper's key prefix removed (see unwrapped)."""
    return (variant.state for variant in unwrapped(state))


def unwrapped(state: Mapping[str, Tensor]) -> Iterator[Variant]:
    """The state dict as it is, then with each wrapper's key prefix removed.

    Lightning adds 'model.' (or the program's name for its network), DataParallel 'module.',
    torch.compile '_orig_mod.'. A few other keys (of a loss, an averaged model's counter) belong to
    the wrapper and are left out, unless they may be layers, without which the network would differ.
    Counters of operations are always left out.
    """
    current = {key: tensor for key, tensor in state.items() if not _is_count(key)}
    dropped = tuple(key for key in state if key not in current)
    yield Variant(current, dropped)
    while True:
        prefix = _wrapper(current)
        if prefix is None:
            break
        dropped += tuple(key for key in current if not key.startswith(prefix))
        current = {k.removeprefix(prefix): v for k, v in current.items() if k.startswith(prefix)}
        yield Variant(current, dropped)
    layers = {key: tensor for key, tensor in current.items() if not is_aside(key)}
    if layers and len(layers) < len(current):
        yield Variant(layers, dropped + tuple(key for key in current if key not in layers))


def matching(wanted: Mapping[str, object], given: Mapping[str, Tensor]) -> StateDict:
    """The variant of `given` that shares most keys with `wanted` and has fewest others; the first
    of equals.

    The counters of batch normalisation that old files lack are added, since nothing depends on
    them.
    """
    return with_counters(wanted, _best(wanted, given).state)


def dropped(wanted: Mapping[str, object], given: Mapping[str, Tensor]) -> str:
    """A notice for the user on the keys that matching leaves out; '' if there are none."""
    return left_out(_best(wanted, given).dropped)


def left_out(keys: Sequence[str]) -> str:
    """A notice for the user on keys that were left out; '' for none."""
    return f"Left out, as not part of the network: {few(list(keys))}." if keys else ""


def _best(wanted: Mapping[str, object], given: Mapping[str, Tensor]) -> Variant:
    return max(
        unwrapped(given),
        key=lambda each: (len(wanted.keys() & each.state.keys()), -len(each.state.keys() - wanted)),
    )


def with_counters(wanted: Iterable[str], given: Mapping[str, Tensor]) -> StateDict:
    """The state dict with the wanted counters of batch normalisation; missing ones are 0."""
    absent = (key for key in wanted if is_counter(key) and key not in given)
    return {**given, **{key: torch.zeros((), dtype=torch.int64) for key in absent}}


def is_counter(key: str) -> bool:
    """Whether a key is of a counter of batch normalisation, on which no output depends."""
    return key.rpartition(".")[2] == _TRACKED


def is_aside(key: str) -> bool:
    """Whether a key is of a loss or the like, which is not part of the network."""
    return checkpoints.is_aside(key.partition(".")[0])


def _is_count(key: str) -> bool:
    return key.rpartition(".")[2] in _COUNTED


def _wrapper(state: Mapping[str, Tensor]) -> str | None:
    """The prefix that nearly all keys share, if no other key may be a layer."""
    layers = [key for key in state if not is_aside(key)]
    firsts = Counter(key.partition(".")[0] for key in layers if "." in key)
    if not firsts:
        return None
    name, count = firsts.most_common(1)[0]
    beside = (key for key in layers if not key.startswith(f"{name}."))
    if count < _DOMINANT * len(layers) or any(state[key].ndim >= 2 for key in beside):
        return None
    return f"{name}."


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

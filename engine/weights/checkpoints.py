"""Finds the state dicts in a training checkpoint, and chooses one of them.

Works on inert content (engine.weights.torch_files): plain values, tensors and descriptions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from engine import escaping
from engine.errors import ChoiceNeeded, WeightsError
from engine.questions import WhichStateDict
from engine.weights.plain_values import members_of

StateDict = dict[str, Tensor]

# Keys under which training programs store the network's state dict, the most likely first.
_NESTS = (
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module"),
    *("net_state_dict", "network_state_dict", "weights", "params", "model_weights", "backbone"),
)
_NO_NESTS = ("optim", "scheduler", "lr_sched", "scaler", "amp", "loops", "callbacks", "args")
# Words in the key of averaged weights.
_AVERAGED = ("ema", "averag", "swa", "shadow", "polyak")
# Words in the prefixes of networks that one module trains together; their layers are the same.
_ROLES = ("student", "teacher", "online", "target", "momentum", "encoder_q", "encoder_k")
# Modules that a training program stores beside its network; their tensors are not layers of it.
ASIDE = ("criterion", "loss", "metric", "prototype", "queue", "centers", "proxies", "memory_bank")
# Nesting depth of mappings, and mappings visited, more than any real checkpoint has.
_DEEPEST = 30
_MOST_VISITED = 200_000
_MOST_NAMED = 5
_LONGEST_NAME = 80


def _is_optimizer(members: Mapping[str, object]) -> bool:
    inner = [members, *(members_of(value) or {} for value in members.values())]
    return any({"param_groups", "state"} <= each.keys() for each in inner)


# Files that training programs write beside the weights.
_OTHERS: tuple[tuple[str, Callable[[Mapping[str, object]], bool]], ...] = (
    ("the state of an optimizer, without the network's weights", _is_optimizer),
    (
        "the state of a learning rate scheduler, without the network's weights",
        lambda members: {"last_epoch", "_step_count"} <= members.keys(),
    ),
    (
        "settings of a training run, without the network's weights",
        lambda members: (
            bool(members)
            and not any(isinstance(value, Tensor) for value in members.values())
            and bool(members.keys() & {"lr", "learning_rate", "epochs", "batch_size"})
        ),
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A state dict in a file. key: the way to it, as in 'state_dict_ema' or 'nets.student'; '' for
    the whole file."""

    key: str
    state: StateDict


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The state dict to open. notice: for the user if there are others; others: their keys."""

    state: StateDict
    key: str = ""
    notice: str = ""
    others: tuple[str, ...] = ()


def other_content(content: object) -> str:
    """What a file without a state dict holds instead, in words; '' if that is unknown."""
    members = members_of(content) or {}
    for words, matches in _OTHERS:
        if matches(members):
            return words
    return ""


def find_state_dict(content: object) -> StateDict | None:
    """The most likely state dict in the content of a weights file; None if there is none."""
    found = held_in(content)
    return found[0].state if found else None


def held_in(content: object) -> tuple[Held, ...]:
    """The state dicts in the content of a weights file, the most likely first.

    A training checkpoint stores them beside an optimizer state, an epoch and more, under some key,
    possibly nested. Those of an optimizer, a loss and the like are left out. Averaged weights come
    after plain ones.
    """
    found = list(_walk(content))
    # Beside a network with convolutions, a state dict without any belongs to a part of it.
    if any(_has_images(held.state) for held in found):
        found = [held for held in found if _has_images(held.state)]
    return tuple(sorted(_distinct(found), key=_rank))


def parts_of(held: Held) -> tuple[Held, ...]:
    """The networks that one state dict holds side by side, such as student and teacher.

    () unless some first part of the keys names such a role, and another has the same layers.
    """
    state, outer = held.state, ""
    tops = _tops(state)
    if len(tops) == 1 and "." in next(iter(state), ""):
        # The prefix of DataParallel or Lightning, which both networks share.
        outer = next(iter(tops)) + "."
        state = {key.removeprefix(outer): tensor for key, tensor in state.items()}
        tops = _tops(state)
    parts = [
        Held(_joined(held.key, outer + top), {key.partition(".")[2]: state[key] for key in keys})
        for top, keys in tops.items()
        if len(keys) > 1 and all("." in key for key in keys)
    ]
    parts = [part for part in parts if _has_images(part.state)]
    if len(parts) < 2 or not any(is_averaged(p.key) or _has_role(p.key) for p in parts):
        return ()
    alike = [
        part
        for part in parts
        if any(part is not other and _shared(part.state, other.state) for other in parts)
    ]
    return tuple(sorted(alike, key=_rank))


def choose(
    path: Path, held: Sequence[Held], key: str | None = None, *, side_by_side: bool = False
) -> Chosen | None:
    """The state dict to open; None if there is none.

    key: the user's choice. side_by_side: whether networks within one state dict (parts_of) count
    as several. Raises ChoiceNeeded (WhichStateDict) if there are several equally likely ones, and
    WeightsError for a key that does not exist.
    """
    if not held:
        return None
    every = [*held, *(part for each in held for part in parts_of(each))]
    if key is not None:
        return _named(path, every, key)
    if side_by_side and len(held) == 1 and len(every) > 2:
        held = every[1:]
    name, notice = preferred(path, [each.key for each in held])
    others = tuple(each.key for each in held if each.key != name)
    return Chosen(next(h.state for h in held if h.key == name), name, notice, others)


def preferred(path: Path, keys: Sequence[str]) -> tuple[str, str]:
    """Which of several networks in a file to open, by their keys, and a notice for the user.

    Raises ChoiceNeeded (WhichStateDict) if that is not clear.
    """
    plain = [key for key in keys if not is_averaged(key)] or list(keys)
    known = [key for key in plain if set(key.split(".")) <= set(_NESTS)]
    likely = plain if len(plain) == 1 else known
    if len(likely) != 1:
        names = " and ".join(_shown(keys))
        raise ChoiceNeeded(
            f"{path}: contains several networks ({names}); choose one with --weights-key",
            WhichStateDict(path, tuple(keys)),
        )
    chosen = likely[0]
    others = [key for key in keys if key != chosen]
    if not others:
        return chosen, ""
    what = "averaged weights" if all(map(is_averaged, others)) else "other weights"
    shown, first = ", ".join(_shown(others)), _shown([chosen])[0]
    return chosen, (
        f"The file also holds {what} ({shown}). Opened: {first}. To open the others, use "
        f"--weights-key {_shown(others)[0]}."
    )


def is_averaged(key: str) -> bool:
    """Whether a key names averaged weights."""
    words = key.lower().replace("-", "_").replace(".", "_").split("_")
    return any(word.startswith(_AVERAGED) or word.endswith("ema") for word in words)


def is_aside(key: str) -> bool:
    """Whether a key names something that a training program stores beside its network."""
    return any(word in key.lower() for word in ASIDE)


def _named(path: Path, every: Sequence[Held], key: str) -> Chosen:
    for ending in (False, True):
        found = [held for held in every if (_last(held.key) if ending else held.key) == key]
        if len(found) == 1:
            others = tuple(held.key for held in every if held is not found[0] and held.key)
            return Chosen(found[0].state, found[0].key, "", others)
    known = ", ".join(_shown([held.key for held in every if held.key]))
    way = f"choose from {known}" if known else "it holds one network; leave out --weights-key"
    raise WeightsError(f"{path}: contains no weights under '{_shown([key])[0]}'; {way}")


def _shown(keys: Sequence[str]) -> list[str]:
    """The first keys as short text."""
    return [escaping.plain(key, _LONGEST_NAME) for key in keys[:_MOST_NAMED]]


def _walk(content: object) -> Iterator[Held]:
    """The state dicts in content, outer ones first. Objects may be shared or contain themselves."""
    seen: set[int] = set()
    waiting: list[tuple[str, object, int]] = [("", content, 0)]
    while waiting and len(seen) < _MOST_VISITED:
        place, current, depth = waiting.pop()
        if id(current) in seen or depth > _DEEPEST:
            continue
        members = members_of(current)
        if members is None:
            continue
        seen.add(id(current))
        tensors = {key: value for key, value in members.items() if isinstance(value, Tensor)}
        # A few plain values (an epoch, a version) may be stored among the tensors.
        if tensors and 2 * len(tensors) > len(members):
            if not isinstance(current, list | tuple):
                yield Held(place, tensors)
            continue
        if {"param_groups", "state"} <= members.keys():
            continue
        waiting += [
            (_joined(place, key), value, depth + 1)
            for key, value in reversed(members.items())
            if not key.lower().startswith(_NO_NESTS) and not is_aside(key)
        ]


def _distinct(found: Sequence[Held]) -> list[Held]:
    """Without state dicts whose tensors are all those of an earlier one."""
    kept: list[Held] = []
    for held in found:
        if not any(_same(held.state, other.state) for other in kept):
            kept.append(held)
    return kept


def _same(one: StateDict, other: StateDict) -> bool:
    """Whether two state dicts share the memory of all their tensors."""
    return one.keys() == other.keys() and all(
        other[key] is tensor or (tensor.numel() > 0 and other[key].data_ptr() == tensor.data_ptr())
        for key, tensor in one.items()
    )


def _rank(held: Held) -> tuple[bool, int, int]:
    last = _last(held.key)
    place = _NESTS.index(last) if last in _NESTS else len(_NESTS)
    return is_averaged(held.key), place, -len(held.state)


def _has_images(state: Mapping[str, Tensor]) -> bool:
    return any(tensor.ndim == 4 for tensor in state.values())


def _tops(state: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """The keys by their first part."""
    found: dict[str, list[str]] = {}
    for key in state:
        found.setdefault(key.partition(".")[0], []).append(key)
    return found


def _has_role(key: str) -> bool:
    return any(word in _last(key).lower() for word in _ROLES)


def _shared(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether most tensors of two state dicts have the same names and shapes."""
    alike = sum(key in other and other[key].shape == one[key].shape for key in one)
    return 2 * alike > max(len(one), len(other))


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def _joined(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name

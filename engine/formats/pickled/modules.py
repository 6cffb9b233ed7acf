"""Finds networks in a pickle's description: where they are, and their tensors.

Works only on records (engine.weights.descriptions) and builds no module. Traversals are iterative
and bounded: a description may share objects, contain itself, and be arbitrarily deep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from engine.formats.pickled.described import DEPTH, MODULES, entries_of, settings_of
from engine.formats.pickled.faults import shadows
from engine.weights.checkpoints import find_state_dict, preferred
from engine.weights.descriptions import Described

# Wrappers that training programs put around a network, with the child or argument that is the
# network.
_WRAPPERS = {
    "torch.nn.parallel.data_parallel.DataParallel": "module",
    "torch.nn.parallel.distributed.DistributedDataParallel": "module",
    "torch.optim.swa_utils.AveragedModel": "module",
    "torch._dynamo.eval_frame.OptimizedModule": "_orig_mod",
}
# Keys under which training programs store a whole network; plain weights first.
PLACES = ("model", "net", "network", "module", "ema", "model_ema")
# Other modules that they store beside it.
_ASIDE = ("criterion", "loss", "metric")
_LOSSES = "torch.nn.modules.loss."


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """A network in a file. key: in the checkpoint, '' for the file itself. notice: for the user if
    there are others; others: their keys."""

    root: Described
    key: str = ""
    notice: str = ""
    others: tuple[str, ...] = ()


def networks_in(content: object) -> dict[str, Described]:
    """The networks that a file or a checkpoint in it contains, by their keys, without wrappers.

    Losses do not count, nor do small modules beside the state dict of a network, nor modules
    without convolutions of pictures beside one that has some.
    """
    inner = bare(content)
    if isinstance(inner, Described):
        return {"": inner} if inner.is_module else {}
    if not isinstance(content, Mapping):
        return {}
    found: dict[str, Described] = {}
    for key, value in content.items():
        inner = bare(value)
        known = any(inner is other for other in found.values())
        if isinstance(inner, Described) and inner.is_module and not known:
            found |= {} if _is_aside(str(key), inner) else {str(key): inner}
    state = find_state_dict(content) if found else None
    if state is not None:
        found = {key: module for key, module in found.items() if _is_rival(module, state)}
    pictures = {key: module for key, module in found.items() if _has_images(module)}
    return pictures or found


def network_in(path: Path, content: object, key: str | None = None) -> Whole | None:
    """The network to open of those in a file; None if there is none, or none under the key.

    Of several, plain weights come before averaged ones. Raises ChoiceNeeded (WhichStateDict) if
    that does not decide.
    """
    found = networks_in(content)
    if not found or (key is not None and key not in found):
        return None
    chosen, notice = (key, "") if key is not None else preferred(path, list(found))
    return Whole(found[chosen], chosen, notice, tuple(k for k in found if k != chosen))


def _has_images(module: Described) -> bool:
    return any(tensor.ndim == 4 for tensor in state_dict_of(module).values())


def _is_rival(module: Described, state: Mapping[str, Tensor]) -> bool:
    """Whether a module may be the network itself, rather than one trained beside a state dict's."""
    own = state_dict_of(module)
    return bool(own) and 2 * len(own) > len(state)


def bare(value: object) -> object:
    """The description inside DataParallel, torch.compile and the like, or value itself.

    A wrapper that does more than wrap is kept: it has a hook, or shadows a method.
    """
    seen: list[Described] = []
    while isinstance(value, Described) and value.kind in _WRAPPERS and len(seen) < DEPTH:
        if any(value is other for other in seen):
            return value
        seen.append(value)
        attributes = value.attributes
        children = attributes.get("_modules")
        inner = children.get(_WRAPPERS[value.kind]) if isinstance(children, dict) else None
        if inner is None and value.arguments:
            inner = value.arguments[0]
        if not isinstance(inner, Described) or any(shadows("", attributes)):
            return value
        value = inner
    return value


def state_dict_of(module: Described) -> dict[str, Tensor]:
    """The tensors of a described module, by their state dict keys.

    For modules that contain themselves, only the first tensors.
    """
    found: dict[str, Tensor] = {}
    visited = 0
    waiting: list[tuple[str, Described, int]] = [("", module, 0)]
    while waiting and visited < MODULES:
        prefix, current, depth = waiting.pop()
        visited += 1
        attributes = settings_of(current)
        passing = attributes.get("_non_persistent_buffers_set")
        passing = passing if isinstance(passing, set | frozenset | list | tuple) else ()
        for part in ("_parameters", "_buffers"):
            for name, tensor in entries_of(attributes, part):
                if isinstance(tensor, Tensor) and not (part == "_buffers" and name in passing):
                    found[f"{prefix}{name}"] = tensor
        waiting += [
            (f"{prefix}{name}.", child, depth + 1)
            for name, child in reversed(entries_of(attributes, "_modules"))
            if depth < DEPTH and isinstance(child, Described) and child.is_module
        ]
    return found


def with_state_dicts(content: object) -> object:
    """content with each module, at top level or in a mapping, replaced by its state dict."""
    inner = bare(content)
    if isinstance(inner, Described):
        return state_dict_of(inner) if inner.is_module else content
    if not isinstance(content, Mapping):
        return content
    bared = {key: bare(value) for key, value in content.items()}
    return {
        key: state_dict_of(value)
        if isinstance(value, Described) and value.is_module
        else content[key]
        for key, value in bared.items()
    }


def _is_aside(key: str, module: Described) -> bool:
    return module.kind.startswith(_LOSSES) or any(word in key.lower() for word in _ASIDE)

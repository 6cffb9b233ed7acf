"""Finds class names and the architecture that a training checkpoint states beside its weights.

Works on inert content (engine.weights.torch_files).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from engine.weights.plain_values import members_of, plain

# Keys of class names and of the architecture in lower case, the most likely first.
_CLASSES = (
    *("class_names", "classnames", "classes", "class_to_idx", "class2idx", "class_to_index"),
    *("idx_to_class", "idx2class", "index_to_class", "id2label", "idx_to_label", "idx2label"),
    *("label2id", "label_to_idx", "label_names", "labels", "categories", "names"),
)
_ARCHITECTURES = ("arch", "architecture", "model_arch", "model_name", "modelname", "network_name")
# Of settings alone, since beside the settings these keys hold the network itself.
_IN_SETTINGS = (*_ARCHITECTURES, "model", "backbone", "encoder", "net", "network", "name")
_SETTINGS = (
    *("args", "hyper_parameters", "hparams", "config", "cfg", "opt", "opts", "options", "params"),
    *("parameters", "settings", "meta", "metadata", "dataset_meta", "model", "train_args", "data"),
    *("dataset", "model_args", "model_config", "model_kwargs", "hyperparameters", "info", "extra"),
)
_DEEPEST = 4
_MOST_SETTINGS = 200
_MOST_CLASSES = 200_000
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Facts:
    """What a checkpoint says of its network. classes: by index, () if it does not say;
    classes_key: where, as in 'meta.classes'. architecture: as written, '' if it does not say."""

    classes: tuple[str, ...] = ()
    classes_key: str = ""
    architecture: str = ""


def facts_in(content: object) -> Facts:
    """The class names and the architecture that a checkpoint states."""
    places = list(_settings_in(content))
    classes, key = _class_names(places)
    return Facts(classes, key, _architecture(places))


def _settings_in(content: object) -> Iterator[tuple[str, dict[str, object]]]:
    """The checkpoint and the settings within it by lower-case keys, outer ones first."""
    waiting: list[tuple[str, object, int]] = [("", content, 0)]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_SETTINGS:
        place, current, depth = waiting.pop(0)
        members = members_of(current)
        if members is None or id(current) in seen or isinstance(current, list | tuple):
            continue
        seen.add(id(current))
        if sum(isinstance(value, Tensor) for value in members.values()) > 1:
            continue
        lower = {key.lower(): value for key, value in members.items()}
        yield place, lower
        if depth < _DEEPEST:
            waiting += [
                (f"{place}.{key}" if place else key, value, depth + 1)
                for key, value in lower.items()
                if key in _SETTINGS
            ]


def _class_names(places: list[tuple[str, dict[str, object]]]) -> tuple[tuple[str, ...], str]:
    for place, members in places:
        for key in _CLASSES:
            names = names_of(plain(members[key])) if key in members else ()
            if names:
                return names, f"{place}.{key}" if place else key
    return (), ""


def names_of(value: object) -> tuple[str, ...]:
    """Class names by index: from a list, a mapping from index to name, or from name to index.

    () for anything else, and where an index is missing, given twice, or a name is not text.
    """
    if isinstance(value, list):
        found: list[object] = value
    elif isinstance(value, Mapping):
        by_index = {_index(key): name for key, name in value.items()}
        if None in by_index or not all(isinstance(name, str) for name in by_index.values()):
            by_index = {_index(index): name for name, index in value.items()}
        if len(by_index) != len(value) or set(by_index) != set(range(len(by_index))):
            return ()
        found = [by_index[n] for n in range(len(by_index))]
    else:
        return ()
    if len(found) < 2 or len(found) > _MOST_CLASSES:
        return ()
    names = tuple(" ".join(name.split()) for name in found if isinstance(name, str))
    whole = len(names) == len(found) and all(0 < len(name) <= _LONGEST for name in names)
    return tuple(n.encode("utf-8", "replace").decode("utf-8") for n in names) if whole else ()


def _index(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _architecture(places: list[tuple[str, dict[str, object]]]) -> str:
    for place, members in places:
        for key in _IN_SETTINGS if place else _ARCHITECTURES:
            value = plain(members[key]) if key in members else None
            if isinstance(value, str) and value.strip() and len(value) <= _LONGEST:
                return value.strip()
    return ""

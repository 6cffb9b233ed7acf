"""Values for the arguments of a network, read from the shapes of its weights."""

from __future__ import annotations

import ast
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from torch import nn

from engine.formats.python.shapes import Shapes
from engine.questions import Parameter

# Arguments that say how many classes there are, in the files that people publish.
_CLASSES = re.compile(
    r"(num|n|nb|nr|number_of)?_?(class|classes|categories|labels|outputs|out_features)(_?(num|count))?",
    re.IGNORECASE,
)
_MOST_NAMES = 40
_MOST_NUMBERS = 10
_MOST_STARTS = 24
_MOST_FLAGS = 6

# Depths in layers of which networks are published; those of ResNets, DenseNets and wide networks.
_DEPTHS = (18, 20, 28, 16, 50, 34, 22, 40, 32, 44, 56, 110)
_DEPTH = re.compile(r"(num_?|n_?)?(depth|layers)", re.IGNORECASE)


def is_class_count(name: str) -> bool:
    """Whether an argument of that name says how many classes there are."""
    return _CLASSES.fullmatch(name) is not None


def in_order(parameters: Sequence[Parameter]) -> list[Parameter]:
    """The number of classes first: it is what differs most often."""
    return sorted(parameters, key=lambda p: not is_class_count(p.name))


def default_of(parameter: Parameter) -> object:
    """The default as a value; None if it is no literal, or there is none."""
    try:
        return ast.literal_eval(parameter.default or "None")
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def values(
    parameter: Parameter, current: object, own: Shapes, given: Shapes, module: ModuleType
) -> Iterator[object]:
    """What the argument may have been in training, the most likely first.

    current: its value in the network that has the shapes `own`. given: the shapes in the weights.
    """
    if isinstance(current, bool):
        yield not current
    elif isinstance(current, int):
        yield from _integers(current, own, given)
    elif isinstance(current, float):
        yield from _scaled(current, own, given)
    elif isinstance(current, list | tuple) and current:
        yield from _lists(current, own, given)
    elif isinstance(current, str):
        yield from (name for name in _names(module) if isinstance(name, str))
    elif is_class_count(parameter.name) and parameter.kind in ("int", "value"):
        yield from _heads(given)


def required(
    wanted: Sequence[Parameter], given: Shapes, module: ModuleType
) -> Iterator[dict[str, object]]:
    """Combinations of values for arguments without defaults; few, the most likely first."""
    choices: list[list[object]] = []
    for parameter in wanted:
        if is_class_count(parameter.name):
            choices.append(list(_heads(given))[:2])
        elif parameter.kind == "str":
            choices.append([name for name in _names(module) if isinstance(name, str)])
        elif _DEPTH.fullmatch(parameter.name) and parameter.kind in ("int", "value"):
            choices.append([*_stages(given), *_DEPTHS])
        elif parameter.kind in ("int", "float", "bool"):
            return
        else:
            choices.append([*_unnamed(parameter, given, module), *_names(module)])
    if all(choices):
        pairs = itertools.product(*choices)
        for chosen in itertools.islice(pairs, _MOST_STARTS):
            yield dict(zip([p.name for p in wanted], chosen, strict=True))


def _unnamed(parameter: Parameter, given: Shapes, module: ModuleType) -> Iterator[object]:
    """For an argument of unknown type: the file's blocks, or how many each stage has."""
    if "block" in parameter.name.lower() and not parameter.name.lower().startswith("num"):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, nn.Module):
                own = value.__module__ == module.__name__
                if own and ("block" in value.__name__.lower() or "neck" in value.__name__.lower()):
                    yield value
    elif parameter.name.lower() in ("depths", "num_blocks", "blocks_num"):
        yield from _stages(given)


def _differing(own: Shapes, given: Shapes) -> Counter[tuple[int, int]]:
    """(own, given) sizes of the axes that differ, with how often they do."""
    pairs: Counter[tuple[int, int]] = Counter()
    for key, shape in own.items():
        other = given.get(key)
        if shape is None or other is None or len(shape) != len(other):
            continue
        pairs.update((a, b) for a, b in zip(shape, other, strict=True) if a != b)
    return pairs


def _integers(current: int, own: Shapes, given: Shapes) -> Iterator[object]:
    found: list[int] = []
    for (a, b), _ in _differing(own, given).most_common(_MOST_NUMBERS):
        if current > 0 and a % current == 0 and b % (a // current) == 0:
            found.append(b // (a // current))
        elif current > 0 and a and (current * b) % a == 0:
            found.append(current * b // a)
    mine, theirs = counts(own), counts(given)
    for prefix in mine.keys() & theirs.keys():
        a, b = mine[prefix], theirs[prefix]
        if a != b and current > 0:
            # As many blocks as said, or a depth in layers of which each block has a few.
            steps = (1, 2, 3, 6, 9)
            found += [b] if a == current else [current + step * (b - a) for step in steps]
    yield from list(dict.fromkeys(n for n in found if n > 0))[:_MOST_NUMBERS]


def _scaled(current: float, own: Shapes, given: Shapes) -> Iterator[object]:
    for (a, b), _ in _differing(own, given).most_common(4):
        if a:
            yield round(current * b / a, 4)


def _lists(current: Sequence[Any], own: Shapes, given: Shapes) -> Iterator[object]:
    made: Any = type(current)
    if all(type(value) is int for value in current):
        for stages in _stages(given):
            if len(stages) == len(current):
                yield made(stages)
        known: dict[int, int] = {}
        for (a, b), _ in _differing(own, given).most_common():
            known.setdefault(a, b)
        changed = [known.get(value, value) for value in current]
        if changed != list(current):
            yield made(changed)
        for (a, b), place in itertools.product(_differing(own, given), range(len(current))):
            if current[place] == a:
                yield made((*current[:place], b, *current[place + 1 :]))


def _stages(given: Shapes) -> Iterator[list[int]]:
    """How many blocks each stage has: of modules whose names differ in one number alone."""
    found: dict[str, dict[int, int]] = {}
    for prefix, count in counts(given).items():
        for match in re.finditer(r"\d+", prefix):
            family = f"{prefix[: match.start()]}#{prefix[match.end() :]}"
            found.setdefault(family, {})[int(match.group())] = count
    ordered = sorted(found.items(), key=lambda item: (item[0].count("."), item[0]))
    yielded: list[list[int]] = []
    for _, numbered in ordered:
        stages = [numbered[index] for index in sorted(numbered)]
        if 2 <= len(stages) <= 8 and stages not in yielded:
            yielded.append(stages)
            yield stages


def _names(module: ModuleType) -> Iterator[object]:
    """Names of configurations: the keys of the file's dictionaries, such as cfg['VGG16'], and the
    entries of its lists of texts."""
    found: list[object] = []
    for name, value in vars(module).items():
        if name.startswith("__"):
            continue
        if isinstance(value, dict):
            found += [key for key in value if type(key) in (str, int, float)]
        elif isinstance(value, list | tuple) and all(isinstance(text, str) for text in value):
            found += value
    plain = (key for key in found if not str(key).startswith("_"))
    yield from list(dict.fromkeys(plain))[:_MOST_NAMES]


def flags_with_classes(
    parameters: Sequence[Parameter], values: Mapping[str, object], given: Shapes
) -> Iterator[dict[str, object]]:
    """A flag turned over together with a number of classes: some heads need both."""
    free = [p for p in parameters if p.kind == "bool"]
    counted = [p for p in parameters if is_class_count(p.name)]
    for flag, count in itertools.product(free[:_MOST_FLAGS], counted[:1]):
        turned = not values.get(flag.name, default_of(flag))
        for classes in itertools.islice(_heads(given), 2):
            yield {flag.name: turned, count.name: classes}


def _heads(given: Shapes) -> Iterator[object]:
    """How many classes there may be: rows of the last matrices, from the end."""
    rows = [shape[0] for shape in given.values() if shape is not None and len(shape) == 2]
    yield from dict.fromkeys(reversed(rows[-4:]))


def counts(shapes: Mapping[str, object]) -> Counter[str]:
    """How many numbered children each module has, by its prefix with a final dot."""
    found: dict[str, set[str]] = {}
    for key in shapes:
        for match in re.finditer(r"(?:^|\.)(\d+)(?=\.)", key):
            found.setdefault(key[: match.start(1)], set()).add(match.group(1))
        flat = re.match(r"([a-zA-Z_]+)(\d+)\.", key)
        if flat is not None:
            found.setdefault(f"{flat.group(1)}*", set()).add(flat.group(2))
    return Counter({prefix: len(children) for prefix, children in found.items()})

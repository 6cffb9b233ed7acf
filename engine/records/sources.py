"""The source of a model: a name or a file, and the user's answers about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.files import presence, suffixes


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model source, with the arguments of load_model.

    spec: 'demo:shapes', a torchvision or timm name, or the path of a file or folder.
    weights: a weights file for a name or for a network in a Python file.
    architecture: the architecture of a weights file, or a class or function in a Python file.
    arguments: for that class or function, as (name, Python literal).
    classes: a file with class names.
    input: expected input, channels x height x width, as in '3x256x256'.
    weights_key: which of several networks in a weights file, as in 'state_dict_ema'.
    preprocessing: chosen by the user, as (name, text); see engine.images.choices.
    profile: a profile file, used in place of the saved one.
    output: which of the network's outputs to explain, by its name or position.
    """

    spec: str
    weights: str | None = None
    architecture: str | None = None
    arguments: tuple[tuple[str, str], ...] = ()
    classes: str | None = None
    input: str | None = None
    weights_key: str | None = None
    preprocessing: tuple[tuple[str, str], ...] = ()
    profile: str | None = None
    output: str | None = None

    @property
    def key(self) -> str:
        """One line that identifies the source, and from which it can be restored."""
        facts = {name: value for name, value in asdict(self).items() if value}
        return self.spec if list(facts) == ["spec"] else json.dumps(facts)

    @property
    def named(self) -> tuple[str, ...]:
        """The texts that may name files: the model, its weights, class names and profile."""
        names = (self.spec, self.weights, self.classes, self.profile)
        return tuple(name for name in names if name)

    @property
    def title(self) -> str:
        """A short title for a menu or a heading: the file's name, or the model's."""
        return Path(self.weights or self.spec).name

    @classmethod
    def among(cls, paths: Sequence[Path], classes: Sequence[Path] = ()) -> ModelSource | None:
        """The source formed by several files: a Python file with its weights, or the first file."""
        if not paths:
            return None
        names = str(classes[0]) if classes else None
        network = next((path for path in paths if path.suffix.lower() == ".py"), None)
        # An index comes before the files that it lists.
        indices = [path for path in paths if suffixes.is_index(path)]
        kinds = suffixes.WEIGHTS | suffixes.FOREIGN
        files = [path for path in paths if path.suffix.lower() in kinds]
        weights = next(iter((*indices, *files)), None)
        if network is not None:
            return cls(str(network), str(weights) if weights else None, classes=names)
        return cls(str(paths[0]), classes=names)

    @classmethod
    def from_key(cls, key: str) -> ModelSource:
        """The source with that key. Raises ValueError for an invalid key."""
        try:
            facts: dict[str, Any] = json.loads(key) if key.startswith("{") else {"spec": key}
            arguments = _pairs(facts.pop("arguments", []))
            chosen = _pairs(facts.pop("preprocessing", []))
            source = cls(**facts, arguments=arguments, preprocessing=chosen)
        except (TypeError, RecursionError) as error:
            raise ValueError(f"{key[:80]!r} names no model") from error
        if not all(map(presence.can_be_named, facts.values())):
            raise ValueError(f"{key[:80]!r} names no model")
        return source


def _pairs(given: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in given)

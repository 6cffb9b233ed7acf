"""Inert records of what a pickle describes: plain values and tensors, no live objects.

Nothing here has a method that a pickle could reach, and nothing of it is ever called.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Named:
    """A class or function that a pickle only names, as 'module.name'."""

    name: str


@dataclass(slots=True, eq=False, repr=False)
class Described:
    """An object that a pickle would have made by calling something.

    kind: the class or function that would have been called, as 'module.name'. arguments, keywords:
    what it would have got. state: what the object would then have been filled with (usually a dict
    of its attributes, with slots a pair of dicts), None for nothing. items, pairs: what would have
    been appended to it, and set in it by key.

    Objects may be shared and may contain themselves, so whoever walks them remembers what it saw.
    """

    kind: str
    arguments: tuple[object, ...] = ()
    keywords: dict[str, object] = field(default_factory=dict)
    state: object = None
    items: list[object] = field(default_factory=list)
    pairs: list[tuple[object, object]] = field(default_factory=list)

    @property
    def attributes(self) -> dict[str, object]:
        """The attributes that it would have had, by name; those of slots too."""
        found: dict[str, object] = {}
        for part in self.state if isinstance(self.state, tuple) else (self.state,):
            if isinstance(part, dict):
                found |= {name: value for name, value in part.items() if isinstance(name, str)}
        return found

    @property
    def is_module(self) -> bool:
        """Whether it stands for a torch module: it has parameters, buffers and children."""
        attributes = self.attributes
        return all(
            isinstance(attributes.get(part), dict)
            for part in ("_parameters", "_buffers", "_modules")
        )

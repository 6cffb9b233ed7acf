"""Inert records of a pickle's content: plain values and tensors, no live objects.

Nothing here has a method that a pickle could reach, and nothing in it is ever called.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Named:
    """A class or function that a pickle references, as 'module.name'."""

    name: str


@dataclass(slots=True, eq=False, repr=False)
class Described:
    """An object that a pickle would create by a call.

    kind: the class or function that it would call, as 'module.name'. arguments, keywords: of that
    call. state: the state it would set (usually a dict of attributes; with slots, a pair of dicts),
    None if none. items, pairs: the values it would append, and the key-value pairs it would set.

    Objects may be shared and may contain themselves, so traversals must remember visited objects.
    """

    kind: str
    arguments: tuple[object, ...] = ()
    keywords: dict[str, object] = field(default_factory=dict)
    state: object = None
    items: list[object] = field(default_factory=list)
    pairs: list[tuple[object, object]] = field(default_factory=list)

    @property
    def attributes(self) -> dict[str, object]:
        """The attributes that the object would have, by name, including slots."""
        found: dict[str, object] = {}
        for part in self.state if isinstance(self.state, tuple) else (self.state,):
            if isinstance(part, dict):
                found |= {name: value for name, value in part.items() if isinstance(name, str)}
        return found

    @property
    def is_module(self) -> bool:
        """Whether it describes a torch module, with parameters, buffers and children."""
        attributes = self.attributes
        return all(
            isinstance(attributes.get(part), dict)
            for part in ("_parameters", "_buffers", "_modules")
        )

"""How a described module is read: its settings, its children and their names.

Works only on records (engine.weights.descriptions) and builds no module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.weights.descriptions import Described

DEPTH, MODULES = 100, 100_000
"""Limits of a network's depth and number of modules, which no real one reaches."""


def children_of(module: Described) -> list[tuple[str, Described]]:
    """The names and descriptions of a module's children, without those that are None."""
    return [
        (name, child)
        for name, child in entries_of(settings_of(module), "_modules")
        if isinstance(child, Described)
    ]


def settings_of(module: Described) -> dict[str, Any]:
    """The attributes of a described module."""
    return module.state if isinstance(module.state, dict) else module.attributes


def joined(place: str, name: str) -> str:
    """The full name of a submodule; place is '' for the network itself."""
    return f"{place}.{name}" if place else name


def entries_of(attributes: Mapping[str, object], part: str) -> list[tuple[str, Any]]:
    """What a part of a module has by name: '_parameters', '_buffers' or '_modules'."""
    entries = attributes.get(part)
    if not isinstance(entries, dict):
        return []
    return [(name, value) for name, value in entries.items() if isinstance(name, str)]

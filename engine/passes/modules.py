"""Walks over a network's modules, by the dictionaries in which torch keeps them.

Each pass makes several of them, and torch's own walk takes a twentieth of a small network's pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

# A module with more than one in so many of a network's modules is taken apart for cancellation.
_PARTS = 4


def each(*networks: nn.Module) -> list[nn.Module]:
    """The modules given and all below them, each once, in no particular order."""
    seen = {id(module) for module in networks}
    found = list(networks)
    # It grows while it is walked. A generator takes twice as long, in every pass.
    for inner in found:
        for child in inner._modules.values():
            if child is not None and id(child) not in seen:
                seen.add(id(child))
                found.append(child)
    return found


def stops(module: nn.Module) -> Iterator[str]:
    """Names of modules between which a pass can stop: two levels, and within a module that has more
    than one in _PARTS of all modules, its children as well."""
    sizes: dict[int, int] = {}
    whole = _size(module, sizes)

    def within(outer: nn.Module, way: str, level: int) -> Iterator[str]:
        for name, inner in outer._modules.items():
            if inner is None:
                continue
            yield way + name
            if level < 2 or _PARTS * sizes[id(inner)] > whole:
                yield from within(inner, f"{way}{name}.", level + 1)

    return within(module, "", 1)


def _size(module: nn.Module, sizes: dict[int, int]) -> int:
    """How many modules there are from one on, and of each below it by its id."""
    known = sizes.get(id(module))
    if known is not None:
        return known
    # Known before its children are counted, so that a network that contains itself ends.
    sizes[id(module)] = 1
    size = 1
    for child in module._modules.values():
        if child is not None:
            size += _size(child, sizes)
    sizes[id(module)] = size
    return size


def below(module: nn.Module, name: str) -> nn.Module:
    """The module of a dotted name, '' for itself. Raises AttributeError if there is none."""
    inner = module
    for part in name.split(".") if name else ():
        # A TorchScript module's dictionary has no get.
        child = inner._modules[part] if part in inner._modules else None  # noqa: SIM401
        if child is None:
            # A name may lead through a plain attribute; torch knows how.
            return module.get_submodule(name)
        inner = child
    return inner

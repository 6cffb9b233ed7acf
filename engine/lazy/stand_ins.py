"""Stands in for modules that torch imports for a function or two, and that take long to import."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_PACKAGES = ("torch._dynamo", "sympy")


class StandIn(ModuleType):
    """A module that becomes the real one as soon as anything but the given functions is used.

    family: the names of all stand-ins that make way together. known: the functions that do without
    the real module.
    """

    def __init__(self, name: str, family: tuple[str, ...], known: Mapping[str, Any]) -> None:
        super().__init__(name)
        self.__dict__.update(known)
        self._family = family

    def __getattr__(self, name: str) -> Any:
        # Asked for when another module inside this one is imported. Of a module that is no package
        # it is asked for in vain before each import from it.
        package = name == "__path__" and self.__name__ in _PACKAGES
        if name.startswith("__") and not package:
            raise AttributeError(name)
        return getattr(real(self.__name__, self._family), name)


def real(name: str, family: tuple[str, ...]) -> Any:
    """The real module, imported in place of its stand-in and those of its family."""
    for each in family:
        if isinstance(sys.modules.get(each), StandIn):
            del sys.modules[each]
    return importlib.import_module(name)


@contextmanager
def standing_in(modules: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """Stand-ins inside the with block, by name with the functions that they know, for each module
    that is not imported already."""
    family = tuple(name for name in modules if name not in sys.modules)
    sys.modules.update({name: StandIn(name, family, modules[name]) for name in family})
    try:
        yield
    finally:
        for name in family:
            if isinstance(sys.modules.get(name), StandIn):
                del sys.modules[name]

"""Worker processes of Python's multiprocessing in the packaged program, prepared only where one is.

Such a worker is the program itself, started again with arguments of multiprocessing's own.
PyInstaller prepares for that by a hook that imports multiprocessing before anything else, which
takes a twentieth of the time to the first paint. Nothing here starts such a worker; a user's
network may.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

HOOK = "pyi_rth_multiprocessing"
"""PyInstaller's hook, which the bundle carries as a module."""

_PREPARED = "multiprocessing.process"


def prepare(arguments: Sequence[str]) -> None:
    """Do a worker's work and end the process, if that is what it was started for.

    arguments: of the process, its own name first. In any other, what the hook does for those that
    start workers is done once multiprocessing is imported. For the packaged program alone.
    """
    if "--multiprocessing-fork" in arguments[1:2] or "-c" in arguments[1:]:
        importlib.import_module(HOOK)
        import multiprocessing

        multiprocessing.freeze_support()
    sys.meta_path.insert(0, _Later())


class _Later(MetaPathFinder):
    """Notices that multiprocessing is imported, once."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname != _PREPARED:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Prepared(spec.loader)
        return spec


class _Prepared(Loader):
    """Loads the module as its own loader does, and changes it as the hook would."""

    def __init__(self, own: Loader) -> None:
        self._own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._own.exec_module(module)
        # A worker would look for the program's source file below this folder.
        vars(module)["ORIGINAL_DIR"] = None

"""Imports the user's Python file after consent, isolated from the program's own modules.

The file and the files beside it that it imports become modules of a separate package, so that a
neighbour called 'utils' or 'engine' collides neither with the program's modules nor with another
network's. They are run from the exact bytes whose checksum was agreed to. sys.path is not changed,
and nothing is written beside the files.
"""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from engine import paths
from engine.errors import FOREIGN_ERRORS, HookscopeError, ModelError, one_line
from engine.files.python_sources import NEVER_NEIGHBOURS, Sources, read_sources
from engine.files.trust import Trust
from engine.formats.python.offline import fetches
from engine.lazy import torchvision
from engine.remembered.identity import CHECKSUM

_log = logging.getLogger(__name__)

RISK = "a Python file; opening it runs its code, with all your rights"
RISK_WITH_NEIGHBOURS = (
    "a Python file; opening it runs its code and that of the files beside it that it imports, with "
    "all your rights"
)
_PREFIX = "opened_network_"

# Any other package may import torchvision, which has a door of its own.
_WITHOUT_TORCHVISION = {*sys.stdlib_module_names, "torch", "numpy", "PIL", "cv2", "safetensors"}


def import_file(path: Path, *, trust: Trust) -> ModuleType:
    """Import a Python file afresh and return its module. Nothing is fetched (see fetched_by).

    Raises ConsentNeeded before any of its code runs; ModelError for a file that cannot be read, has
    an error, or needs a package that is not installed, in one line with the line number.
    """
    sources = read_sources(path)
    risk = RISK_WITH_NEIGHBOURS if sources.neighbours else RISK
    trust.require(path, sources.sha256, risk, sources.neighbours)
    package = f"{_PREFIX}{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:12]}"
    _forget(package)
    finder = _Finder(package, sources)
    sys.meta_path.append(finder)
    try:
        with fetches.without_fetching() as noted, told_in_one_line(path):
            module = importlib.import_module(f"{package}.{sources.name}")
            setattr(sys.modules[package], CHECKSUM, sources.sha256)
    except ModelError:
        _forget(package)
        raise
    finder.fetched = tuple(noted)
    return module


def fetched_by(module: ModuleType) -> tuple[str, ...]:
    """What a file's code asked to download while it was imported."""
    finders = (f for f in sys.meta_path if isinstance(f, _Finder))
    return next((f.fetched for f in finders if f.package == module.__package__), ())


def is_own(module: ModuleType, kind: type) -> bool:
    """Whether a class was defined in that imported file or in a file beside it."""
    return kind.__module__.startswith(f"{module.__package__}.")


def own_class(module: ModuleType, name: str) -> type | None:
    """The file's class that a pickle names 'module.Class'; None if it has none.

    The program that saved the pickle may have run the file as '__main__' or under any other name,
    so a matching class name suffices.
    """
    place, _, attribute = name.rpartition(".")
    for where in (sys.modules.get(f"{module.__package__}.{place}"), module):
        found = getattr(where, attribute, None)
        if isinstance(found, type) and is_own(module, found):
            return found
    return None


@contextlib.contextmanager
def told_in_one_line(path: Path) -> Iterator[None]:
    """Run the user's code: its exceptions become a ModelError with the line number.

    Its output goes to the log, and torch settings that it changes are restored.
    """
    printed = io.StringIO()
    dtype, gradients = torch.get_default_dtype(), torch.is_grad_enabled()
    device = torch.get_default_device()
    try:
        with contextlib.redirect_stdout(printed):
            yield
    except HookscopeError:
        raise
    except FOREIGN_ERRORS as error:
        _log.warning("%s failed", path, exc_info=True)
        raise ModelError(_sentence(path, error)) from error
    finally:
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(gradients)
        if torch.get_default_device() != device:
            torch.set_default_device(None if device.type == "cpu" else device)
        if printed.getvalue():
            _log.info("%s printed: %s", path, printed.getvalue()[:2000])


def _sentence(path: Path, error: BaseException) -> str:
    where = f"line {_line_of(path, error)}: " if _line_of(path, error) else ""
    if isinstance(error, ModuleNotFoundError) and error.name:
        if error.name.startswith(_PREFIX):
            missing = error.name.partition(".")[2].replace(".", "/")
            return f"{path}: {where}{missing}.py is missing; put it into the same folder"
        return f"{path}: {where}{_missing_package(error.name.partition('.')[0])}"
    if isinstance(error, SyntaxError):
        return f"{path}: {where}not valid Python ({error.msg}); correct the file"
    what = type(error).__name__
    return f"{path}: {where}{what}: {one_line(error)}; correct the file"


def _missing_package(name: str) -> str:
    if paths.PACKAGED:
        return (
            f"needs the package '{name}', {paths.NOT_INCLUDED} (it has torch, torchvision, NumPy, "
            "OpenCV and Pillow); run Hookscope from source (see 'Start' in the README) with "
            f"'{name}' installed"
        )
    return (
        f"needs the package '{name}', which is not installed; install it, or move the "
        "network's class to a file that does not need it"
    )


def _line_of(path: Path, error: BaseException) -> int | None:
    """The last line of this file in the traceback, or the line of the syntax error."""
    if isinstance(error, SyntaxError) and error.filename == str(path.absolute()):
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path.absolute())]
    return lines[-1] if lines else None


def _forget(package: str) -> None:
    for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
        del sys.modules[name]
    for finder in [f for f in sys.meta_path if isinstance(f, _Finder) and f.package == package]:
        sys.meta_path.remove(finder)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Provides the modules of one package, and only those, from the bytes that were agreed to."""

    def __init__(self, package: str, sources: Sources) -> None:
        self.package, self._sources = package, sources
        self.fetched: tuple[str, ...] = ()
        own = {"__import__": self._import, "open": fetches.opened}
        self._builtins = {**vars(builtins), **own}

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - as importlib calls it
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        inner = self._inner(fullname)
        if inner is None or not self._is_known(inner):
            return None
        where = self._sources.paths.get(inner)
        spec = importlib.machinery.ModuleSpec(
            fullname,
            self,
            origin=str(where) if where is not None else None,
            is_package=self._is_package(inner),
        )
        spec.has_location = where is not None
        return spec

    def get_source(self, fullname: str) -> str | None:
        text = self._sources.texts.get(self._inner(fullname) or "")
        return None if text is None else importlib.util.decode_source(text)

    def exec_module(self, module: ModuleType) -> None:
        inner = self._inner(module.__name__) or ""
        text = self._sources.texts.get(inner)
        if text is None:
            return
        # The module's functions take their builtins, and so __import__, from here.
        module.__dict__["__builtins__"] = self._builtins
        code = compile(text, str(self._sources.paths[inner]), "exec", dont_inherit=True)
        exec(code, module.__dict__)  # after consent

    def _inner(self, fullname: str) -> str | None:
        """The name below the package; '' for the package itself, None if not this finder's."""
        if fullname == self.package:
            return ""
        start = f"{self.package}."
        return fullname.removeprefix(start) if fullname.startswith(start) else None

    def _is_known(self, inner: str) -> bool:
        return not inner or inner in self._sources.texts or self._is_package(inner)

    def _is_package(self, inner: str) -> bool:
        if not inner or any(name.startswith(f"{inner}.") for name in self._sources.texts):
            return True
        where = self._sources.paths.get(inner)
        return where is not None and where.name == "__init__.py"

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> ModuleType:
        """The import statement in these modules: neighbours resolve to modules of the package."""
        top = name.partition(".")[0]
        # Relative imports, builtins and installed packages are imported normally.
        if level or not top or top in NEVER_NEIGHBOURS or not self._is_known(top):
            if not level and top not in _WITHOUT_TORCHVISION:
                torchvision.load()
            imported = builtins.__import__(name, globals, locals, fromlist, level)
            fetches.renew()
            return imported
        inner = f"{self.package}.{name}"
        if fromlist:
            return builtins.__import__(inner, globals, locals, fromlist, 0)
        importlib.import_module(inner)
        return sys.modules[f"{self.package}.{top}"]

"""A Python file of the user's, imported after consent, apart from the program's own modules.

The file and those beside it that it imports become modules below a name of their own, so that a
neighbour called 'utils' or 'engine' meets neither the program's modules nor another network's.
They are run from the very bytes whose checksum was agreed to. sys.path stays as it is, and nothing
is written beside the files.
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

_log = logging.getLogger(__name__)

RISK = "a Python file; opening it runs it, and it can do anything that you can"
RISK_WITH_NEIGHBOURS = (
    "a Python file; opening it runs it and the files beside it that it imports, which can do "
    "anything that you can"
)
_PREFIX = "opened_network_"


def import_file(path: Path, *, trust: Trust) -> ModuleType:
    """The module of a Python file, imported afresh.

    Raises ConsentNeeded before anything of it is run; ModelError for a file that cannot be read,
    has an error, or needs a package that is not installed, in one line with the line number.
    """
    sources = read_sources(path)
    risk = RISK_WITH_NEIGHBOURS if sources.neighbours else RISK
    trust.require(path, sources.sha256, risk, sources.neighbours)
    package = f"{_PREFIX}{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:12]}"
    _forget(package)
    sys.meta_path.append(_Finder(package, sources))
    try:
        with told_in_one_line(path):
            return importlib.import_module(f"{package}.{sources.name}")
    except ModelError:
        _forget(package)
        raise


def is_own(module: ModuleType, kind: type) -> bool:
    """Whether a class was defined in that imported file or in a file beside it."""
    return kind.__module__.startswith(f"{module.__package__}.")


def own_class(module: ModuleType, name: str) -> type | None:
    """What the file calls 'module.Class', as a pickle of its program does; None for others.

    The program that saved it may have called the file '__main__' or anything else, so the class's
    name in the file is enough.
    """
    place, _, attribute = name.rpartition(".")
    for where in (sys.modules.get(f"{module.__package__}.{place}"), module):
        found = getattr(where, attribute, None)
        if isinstance(found, type) and is_own(module, found):
            return found
    return None


@contextlib.contextmanager
def told_in_one_line(path: Path) -> Iterator[None]:
    """Runs code of the user's: what it raises becomes a ModelError with the line number.

    What it prints goes to the log, and settings of torch that it changes are put back.
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
            return f"{path}: {where}there is no {missing}.py beside it; put it there"
        return f"{path}: {where}{_missing_package(error.name.partition('.')[0])}"
    if isinstance(error, SyntaxError):
        return f"{path}: {where}it is no valid Python ({error.msg}); correct it there"
    what = type(error).__name__
    return f"{path}: {where}{what}: {one_line(error)}; correct it there"


def _missing_package(name: str) -> str:
    if paths.PACKAGED:
        return (
            f"it needs the package '{name}', which the installed program does not have (it has "
            "torch, torchvision, NumPy, OpenCV and Pillow); run Hookscope from source, as README "
            f"says under 'Start', with '{name}' beside it"
        )
    return (
        f"it needs the package '{name}', which is not installed here; install it, or move the "
        "network's class to a file that does not need it"
    )


def _line_of(path: Path, error: BaseException) -> int | None:
    """The last line of this file in the error's way, or the line that Python cannot read."""
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
    """Gives importlib the modules below one such name, and those only, from their bytes."""

    def __init__(self, package: str, sources: Sources) -> None:
        self.package, self._sources = package, sources
        self._builtins = {**vars(builtins), "__import__": self._import}

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
        # Functions of the module take their builtins, and so its imports, from here.
        module.__dict__["__builtins__"] = self._builtins
        code = compile(text, str(self._sources.paths[inner]), "exec", dont_inherit=True)
        exec(code, module.__dict__)  # after consent

    def _inner(self, fullname: str) -> str | None:
        """The name below the folder; '' is the folder itself, None is not this finder's."""
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
        """The statement 'import' in those modules: neighbours are found below their own name."""
        top = name.partition(".")[0]
        # Builtins and what is installed go Python's own way.
        if level or not top or top in NEVER_NEIGHBOURS or not self._is_known(top):
            return builtins.__import__(name, globals, locals, fromlist, level)
        inner = f"{self.package}.{name}"
        if fromlist:
            return builtins.__import__(inner, globals, locals, fromlist, 0)
        importlib.import_module(inner)
        return sys.modules[f"{self.package}.{top}"]

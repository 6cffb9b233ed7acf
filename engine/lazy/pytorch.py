"""Imports torch, and reports a failure in one line.

Loading its libraries takes a fifth of the time of the import, and can go on in a thread of its own
while other modules are imported.

If the address space is limited (ulimit -v), importing numpy or torch can abort the process, since
C++ code that runs out of memory while a library is loaded calls abort(). So the limit is checked
first.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import os
import sys
import threading
import time
from pathlib import Path

from engine.errors import ModelError, one_line

_log = logging.getLogger(__name__)

# In the order and manner of torch's own import.
_LIBRARIES = (
    ("libtorch_global_deps.*", ctypes.RTLD_GLOBAL),
    ("libtorch_cpu.*", ctypes.DEFAULT_MODE),
)
_begun: list[float] = []

# Bytes needed besides torch's libraries, as measured: Python, numpy, Pillow, the smallest network.
_BESIDE = 500_000_000


def begin() -> None:
    """Start loading torch's libraries in a thread, which ends by itself.

    On Windows torch looks for its libraries in a way of its own, when it is imported.
    """
    if _begun or sys.platform == "win32":
        return
    _begun.append(time.perf_counter())
    threading.Thread(target=_load_libraries, name="torch libraries", daemon=True).start()


def load() -> float:
    """Import torch; returns the seconds that it took, from begin() on.

    Raises ModelError, saying what to do.
    """
    started = _begun[0] if _begun and "torch" not in sys.modules else time.perf_counter()
    check_limit()
    try:
        import torch
    except MemoryError as error:
        raise ModelError(
            "not enough memory to load torch; close other programs and start again"
        ) from error
    except (ImportError, OSError, RuntimeError) as error:
        raise ModelError(
            f"torch cannot be loaded ({one_line(error)}); reinstall it as described in the README, "
            "on Windows together with the Visual C++ runtime"
        ) from error
    del torch
    return time.perf_counter() - started


def _load_libraries() -> None:
    """Whatever fails here fails again when torch is imported, and is reported then."""
    try:
        check_limit()
        folder = _library_folder()
        for pattern, mode in _LIBRARIES:
            for library in sorted(folder.glob(pattern)) if folder is not None else ():
                _open(library, mode)
    except (ModelError, OSError) as error:
        _log.info("torch's libraries are not loaded ahead: %s", error)


def _open(library: Path, mode: int) -> None:
    """Load a library as ctypes.CDLL does, which would keep every other thread waiting meanwhile.

    Raises OSError.
    """
    system = ctypes.CDLL(None)
    # Both are looked up before either is called: a look-up clears the error that is told.
    dlopen, dlerror = system.dlopen, system.dlerror
    dlopen.restype, dlopen.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    dlerror.restype = ctypes.c_char_p
    if dlopen(os.fsencode(library), mode | os.RTLD_NOW) is None:
        raise OSError(os.fsdecode(dlerror() or b"unknown error"))


def check_limit() -> None:
    """Raises ModelError if the limit on address space is too low for torch."""
    if sys.platform == "win32":
        return
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY or "torch" in sys.modules:
        return
    needed = _BESIDE + _size_of_libraries()
    if limit < needed:
        raise ModelError(
            f"this process is limited to {limit // 10**6} MB of address space, but torch needs "
            f"{needed // 10**6} MB; raise the limit (ulimit -v unlimited)"
        )


def _size_of_libraries() -> int:
    """In bytes; 0 if torch is not installed, since its import reports that."""
    folder = _library_folder()
    try:
        return sum(library.stat().st_size for library in folder.glob("*.so*")) if folder else 0
    except OSError:
        return 0


def _library_folder() -> Path | None:
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "lib"

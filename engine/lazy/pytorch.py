"""Imports torch, and reports a failure in one line.

If the address space is limited (ulimit -v), importing numpy or torch can abort the process, since
C++ code that runs out of memory while a library is loaded calls abort(). So the limit is checked
first.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from engine.errors import ModelError, one_line

# Bytes needed besides torch's libraries, as measured: Python, numpy, Pillow, the smallest network.
_BESIDE = 500_000_000


def load() -> None:
    """Import torch. Raises ModelError, saying what to do."""
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
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return 0
    folder = Path(spec.origin).parent / "lib"
    try:
        return sum(library.stat().st_size for library in folder.glob("*.so*"))
    except OSError:
        return 0

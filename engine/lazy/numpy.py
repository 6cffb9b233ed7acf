"""numpy, imported on first use.

The window is painted before anything heavy is imported, and numpy would take a large part of the
startup time. Modules on that path write `from engine.lazy.numpy import np` and use it as usual; the
real import is for the type checker only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
else:

    class _Lazy:
        """A proxy that imports its module on the first attribute access."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, attribute: str) -> Any:
            value = getattr(importlib.import_module(self._name), attribute)
            # Cached, so that the next access bypasses __getattr__.
            setattr(self, attribute, value)
            return value

    np = _Lazy("numpy")

__all__ = ["np"]

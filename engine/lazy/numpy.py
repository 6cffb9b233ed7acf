"""numpy, imported when it is first used.

The window is painted before anything heavy is loaded, and importing numpy takes a good part of the
time until then. Modules on that path write `from engine.lazy.numpy import np` and use it as ever;
its types are for the type checker alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
else:

    class _Lazy:
        """Stands for a module until one of its attributes is asked for."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, attribute: str) -> Any:
            value = getattr(importlib.import_module(self._name), attribute)
            # The next access finds it here and comes no more this way.
            setattr(self, attribute, value)
            return value

    np = _Lazy("numpy")

__all__ = ["np"]

"""The one place that imports cv2.

opencv-python sets variables of the environment when it is imported, which would send Qt to plugins
that do not exist and child processes to libraries that are not theirs. They are put back here, and
removed where they were absent. No window function of cv2 is used anywhere.
"""

from __future__ import annotations

import os
from typing import Any

_TOUCHED = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR", "LD_LIBRARY_PATH")


def _import_cv2() -> Any:
    before = {name: os.environ.get(name) for name in _TOUCHED}
    try:
        import cv2 as module
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    return module


class _Cv2:
    """Stands for cv2 until one of its functions is called: the window is painted before that."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(_import_cv2(), name)
        setattr(self, name, value)
        return value


cv2: Any = _Cv2()

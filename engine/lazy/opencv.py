"""The only module that imports cv2.

opencv-python sets environment variables on import, which would point Qt to missing plugins and
child processes to the wrong libraries. They are restored here, or removed if they were absent. No
GUI function of cv2 is used anywhere.
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
    """A proxy that imports cv2 on first use, after the window has been painted."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(_import_cv2(), name)
        setattr(self, name, value)
        return value


cv2: Any = _Cv2()

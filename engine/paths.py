"""Where the files that ship with the program lie."""

from __future__ import annotations

import sys
from pathlib import Path


def _resources() -> Path:
    # A frozen program unpacks its data into the folder that PyInstaller names; beside the
    # sources, resources/ is a sibling of this package.
    bundle = getattr(sys, "_MEIPASS", None)
    root = Path(__file__).resolve().parent.parent if bundle is None else Path(bundle)
    return root / "resources"


RESOURCES: Path = _resources()
"""The folder resources/, from source and in a packaged program alike."""

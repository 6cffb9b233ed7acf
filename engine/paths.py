"""Where the files that ship with the program lie."""

from __future__ import annotations

import sys
from pathlib import Path


def _root() -> Path:
    # A frozen program unpacks its data into the folder that PyInstaller names; beside the
    # sources, resources/ is a sibling of this package.
    bundle = getattr(sys, "_MEIPASS", None)
    return Path(__file__).resolve().parent.parent if bundle is None else Path(bundle)


PACKAGED: bool = hasattr(sys, "_MEIPASS")
"""Whether this is the packaged program, into which nothing can be installed."""

ROOT: Path = _root()
"""The folder that holds resources/ and docs/, from source and in a packaged program alike."""

RESOURCES: Path = ROOT / "resources"
"""The folder resources/, from source and in a packaged program alike."""

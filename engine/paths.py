"""Where the files that ship with the program lie."""

from __future__ import annotations

import sys
from pathlib import Path

_IN_WHEEL = "_data"
"""The folder of this package that has them in a wheel; pyproject.toml puts them there."""


def _root() -> Path:
    # A frozen program unpacks its data into the folder that PyInstaller names.
    bundle = getattr(sys, "_MEIPASS", None)
    if bundle is not None:
        return Path(bundle)
    # Beside the packages of others, resources/ and docs/ would be nobody's, so that a wheel has
    # them inside this one; in the source tree they are its siblings.
    package = Path(__file__).resolve().parent
    inside = package / _IN_WHEEL
    return inside if inside.is_dir() else package.parent


PACKAGED: bool = hasattr(sys, "_MEIPASS")
"""Whether this is the packaged program, into which nothing can be installed."""

ROOT: Path = _root()
"""The folder that holds resources/ and docs/: of the source tree, a bundle or a wheel."""

FROM_WHEEL: bool = not PACKAGED and ROOT.name == _IN_WHEEL
"""Whether it was installed as a wheel, without the requirements files of the source tree."""

RESOURCES: Path = ROOT / "resources"
"""The folder resources/."""

GUIDE: Path = ROOT / "docs" / "guide.md"
"""The guide; the pictures that it shows lie beside it, in images/."""

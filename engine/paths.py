"""Locates the files that ship with the program."""

from __future__ import annotations

import sys
from pathlib import Path

_IN_WHEEL = "_data"
"""The folder of this package that contains them in a wheel, as set in pyproject.toml."""


def _root() -> Path:
    # In a frozen program, PyInstaller names the folder with the data.
    bundle = getattr(sys, "_MEIPASS", None)
    if bundle is not None:
        return Path(bundle)
    # In site-packages, top-level folders resources/ and docs/ would belong to no package, so a
    # wheel has them inside this one; in the source tree they are its siblings.
    package = Path(__file__).resolve().parent
    inside = package / _IN_WHEEL
    return inside if inside.is_dir() else package.parent


PACKAGED: bool = hasattr(sys, "_MEIPASS")
"""Whether this is the packaged program, into which no packages can be installed."""

NOT_INCLUDED = "which the installed program does not include"
"""What messages say of such packages; the check of the packaged program looks for it."""

ROOT: Path = _root()
"""The folder that contains resources/ and docs/: in the source tree, a bundle or a wheel."""

FROM_WHEEL: bool = not PACKAGED and ROOT.name == _IN_WHEEL
"""Whether the program was installed as a wheel, without the requirements files."""

RESOURCES: Path = ROOT / "resources"
"""The folder resources/."""

GUIDE: Path = ROOT / "docs" / "guide.md"
"""The user guide; its images are beside it, in images/."""

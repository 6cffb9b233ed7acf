"""The C++ run-time libraries of a Windows bundle: all copies of one are the newest there is.

Qt brings some of its own, and torch needs 14.40 or newer. Windows takes whichever copy was loaded
first for everybody, so which one that is must not matter. Microsoft keeps newer ones compatible
with all that was built for 14.0 and later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PureWindowsPath

from engine.process.startup import file_version
from scripts.bundle.contents import Entry

# Names as Microsoft has them; a package's own copy under another name disturbs nobody.
_RUNTIME = re.compile(r"(msvcp|vcruntime|concrt|vccorlib)140(_[a-z0-9_]+)?\.dll")
_NEEDED = (
    *("vcruntime140.dll", "vcruntime140_1.dll"),
    *("msvcp140.dll", "msvcp140_1.dll", "msvcp140_2.dll"),
)
_OLDEST = (14, 40)


def with_newest_runtimes(binaries: Iterable[Entry], system: Path) -> list[Entry]:
    """The binaries, each C++ run-time library taken from its newest copy, in every place; those
    that Qt and torch ask for lie beside the program too.

    system: the folder of the building system's own libraries, which are looked at as well. Raises
    SystemExit where the newest is older than torch takes, or is not there at all.
    """
    entries = list(binaries)
    sources: dict[str, list[Path]] = {name: [] for name in _NEEDED}
    for destination, source, _ in entries:
        if _is_runtime(destination):
            sources.setdefault(_name(destination), []).append(Path(source))
    for name, found in sources.items():
        if (system / name).is_file():
            found.append(system / name)
    newest = {name: max(found, key=file_version) for name, found in sources.items() if found}
    for name in _NEEDED:
        version = file_version(newest[name]) if name in newest else (0, 0, 0, 0)
        if version[:2] < _OLDEST:
            told = ".".join(map(str, version))
            raise SystemExit(f"{name} {told}: torch needs {_OLDEST[0]}.{_OLDEST[1]} or newer")
    result = [
        (place, str(newest[_name(place)]) if _is_runtime(place) else source, kind)
        for place, source, kind in entries
    ]
    beside = {place.lower() for place, _, _ in entries}
    return result + [(n, str(newest[n]), "BINARY") for n in _NEEDED if n not in beside]


def _name(destination: str) -> str:
    return PureWindowsPath(destination).name.lower()


def _is_runtime(destination: str) -> bool:
    return _RUNTIME.fullmatch(_name(destination)) is not None

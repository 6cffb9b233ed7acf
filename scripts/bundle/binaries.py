"""What becomes of the libraries that PyInstaller collected; build.spec puts it into effect.

Imports no PyInstaller.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from scripts.bundle import contents, licences
from scripts.bundle.contents import Entry

_CUDA_SIDE = "libtorch_cuda.so"
_WITH_SYMBOLS = ("torch/lib/lib", "libpython", "_openjpeg.", "_CharLS.")
_LOOSE = re.compile(r"(?!libpython)[^/]+$|torchvision\.libs/")


def kept(binaries: Iterable[Entry]) -> list[Entry]:
    """The binaries without those that are dropped, and on Linux without libraries that nobody
    needs then: of the building system, and of a torchvision that was built for another torch."""
    entries = [entry for entry in binaries if not contents.is_dropped(entry[0])]
    reader = shutil.which("readelf") if sys.platform.startswith("linux") else None
    if reader is None:
        return entries
    if not any(entry[0] == f"torch/lib/{_CUDA_SIDE}" for entry in entries):
        # It cannot be loaded, and engine/lazy/torchvision.py does without.
        entries = [e for e in entries if not _is_for_cuda(reader, e)]
    loose = {Path(e[0]).name: e[1] for e in entries if _is_loose(e) and e[2] != "SYMLINK"}
    wanted: set[str] = set()
    waiting = [e[1] for e in entries if not _is_loose(e) and e[2] != "SYMLINK"]
    while waiting:
        named = _needed(reader, waiting.pop()) - wanted
        waiting += [loose[name] for name in named if name in loose]
        wanted |= named
    return [e for e in entries if not _is_loose(e) or Path(e[0]).name in wanted]


def _is_loose(entry: Entry) -> bool:
    """Whether it is there only for libraries that link to it. Modules are imported."""
    return entry[2] != "EXTENSION" and _LOOSE.match(entry[0]) is not None


def once(binaries: Iterable[Entry], datas: Iterable[Entry]) -> list[Entry]:
    """The binaries, each file once: what was collected for several places, since links lead to it,
    stays in one and is linked to from the others. So conda lays out torch's libraries.

    datas: what else is collected, where PyInstaller has links of its own: the place that such a
    link leads to keeps its file, otherwise the one with the shortest path. On Windows nothing is
    changed: there, links take rights that not every user has.
    """
    entries = list(binaries)
    if sys.platform == "win32":
        return entries
    led_to = {target for _, target in _links(datas)}
    place: dict[Path, str] = {}
    for destination, source, kind in sorted(
        entries, key=lambda e: (e[0] not in led_to, len(PurePosixPath(e[0]).parts))
    ):
        if kind != "SYMLINK":
            place.setdefault(Path(source).resolve(), destination)
    result: list[Entry] = []
    for destination, source, kind in entries:
        kept_at = destination if kind == "SYMLINK" else place[Path(source).resolve()]
        if kept_at != destination:
            source = posixpath.relpath(kept_at, posixpath.dirname(destination))
            kind = "SYMLINK"
        result.append((destination, source, kind))
    return result


def _links(entries: Iterable[Entry]) -> Iterator[tuple[str, str]]:
    """Links and where they lead, both seen from the bundle's top; the second field of a link is
    where it leads, seen from where it lies."""
    for place, target, kind in entries:
        if kind == "SYMLINK":
            yield place, posixpath.normpath(posixpath.join(posixpath.dirname(place), target))


def without_dangling(datas: Iterable[Entry], binaries: Iterable[Entry]) -> list[Entry]:
    """The data files without those that are dropped, and without links to what is not there."""
    entries = [entry for entry in datas if not contents.is_dropped(entry[0])]
    everything = [*entries, *binaries]
    files = {entry[0] for entry in everything if entry[2] != "SYMLINK"}
    there = files | {str(folder) for place in files for folder in PurePosixPath(place).parents}
    links = dict(_links(everything))
    return [e for e in entries if e[2] != "SYMLINK" or _real(links[e[0]], links) in there]


def _real(place: str, links: dict[str, str]) -> str:
    """Where a path leads when folders on its way are links, as in the frameworks of macOS."""
    for _ in range(len(links)):
        way = PurePosixPath(place)
        link = next((str(p) for p in (way, *way.parents) if str(p) in links), None)
        if link is None:
            break
        place = posixpath.join(links[link], place.removeprefix(link).lstrip("/")).rstrip("/")
    return place


def _is_for_cuda(reader: str, entry: Entry) -> bool:
    library = entry[0].startswith("torchvision/") and entry[0].endswith(".so")
    return library and _CUDA_SIDE in _needed(reader, entry[1])


def _needed(reader: str, source: str) -> set[str]:
    told = subprocess.run([reader, "-dW", source], capture_output=True, text=True, check=True)
    return set(re.findall(r"\(NEEDED\).*\[(.+)\]", told.stdout))


def stripped(binaries: Iterable[Entry], folder: Path) -> list[Entry]:
    """The binaries, some of them replaced by copies: those of torch, Python itself and decoders of
    DICOM without symbol tables, and any that looks for libraries in a folder of the building system
    without that.

    Debuggers alone read the symbols; they are a fifth of libtorch_cpu.so. A path of the building
    system leads nowhere on another, or to what somebody else put there. Linux only: elsewhere the
    symbols lie in files of their own.
    """
    if not sys.platform.startswith("linux"):
        return list(binaries)
    result: list[Entry] = []
    for destination, source, kind in binaries:
        strip = destination.startswith(_WITH_SYMBOLS) or "/lib-dynload/" in destination
        paths = _run_path(source) if kind != "SYMLINK" and ".so" in destination else []
        own = [path for path in paths if path.startswith("$ORIGIN")]
        if kind == "SYMLINK" or not (strip or own != paths):
            result.append((destination, source, kind))
            continue
        copy = folder / destination
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
        if strip:
            subprocess.run(["strip", "--strip-unneeded", str(copy)], check=True)
        if own != paths:
            change = ["-r", ":".join(own)] if own else ["-d"]
            subprocess.run(["chrpath", *change, str(copy)], check=True, stdout=subprocess.DEVNULL)
        result.append((destination, str(copy), kind))
    return result


def _run_path(source: str) -> list[str]:
    told = subprocess.run(["readelf", "-dW", source], capture_output=True, text=True, check=True)
    found = re.search(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", told.stdout)
    return found[1].split(":") if found and found[1] else []


def licences_of_libraries(binaries: Iterable[Entry]) -> list[Entry]:
    """More data files: the licences of the packages that no wheel brought, and their list."""
    sources = [source for _, source, kind in binaries if kind != "SYMLINK"]
    written = licences.collect_origins(contents.ROOT / "build" / contents.LICENCES, sources)
    return [(f"{contents.LICENCES}/{path.name}", str(path), "DATA") for path in written]

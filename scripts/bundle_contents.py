"""What goes into the packaged program and what stays out; build.spec puts it into effect.

Kept apart from build.spec so that a test can hold it against the code. Imports no PyInstaller.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path, PurePosixPath

from engine.extras import PACKAGES
from engine.version import NAME
from scripts import _licences

ROOT = Path(__file__).resolve().parent.parent

# Files of the project, as (where it lies, the folder in the bundle). resources/packaging stays out:
# the installers read it, the program does not.
DATA = (
    *(("resources/architectures.json.gz", "resources"), ("resources/theme.qss", "resources")),
    *((f"resources/{name}", f"resources/{name}") for name in ("demo", "icons", "scenes")),
    *(("docs/guide.md", "docs"), ("docs/images", "docs/images"), ("LICENSE", ".")),
)

LICENCES = "licences"
"""The folder of the bundle with the licence texts of what it carries."""

# A network's own Python file may import any part of these, whether the program does or not.
WHOLE_PACKAGES = ("engine", "gui", "torch", "torchvision", "numpy", "safetensors")

# Never wanted, though code in torch, torchvision or numpy names them, and so a packager would take
# them along from whatever environment it runs in.
UNWANTED = (
    *("matplotlib", "scipy", "sklearn", "pandas", "IPython", "tensorboard", "tensorflow"),
    *("setuptools", "pkg_resources", "_distutils_hack", "pip", "wheel", "PyInstaller"),
    *("pytest", "_pytest", "mypy", "hypothesis", "expecttest", "pycocotools", "gdown"),
    *("tkinter", "_tkinter", "idlelib", "lib2to3", "turtle", "turtledemo", "ensurepip", "test"),
    "numpy.f2py",
)

_STDLIB_LEFT_OUT = {"antigravity", "this", "idlelib", "lib2to3", "tkinter", "turtle", "turtledemo"}
_STDLIB_LEFT_OUT |= {"ensurepip", "test", "venv", "distutils", "msilib", "nt", "winreg", "winsound"}
# Old Unix passwords and devices, for which the system would have to have libraries of its own.
_STDLIB_LEFT_OUT |= {"crypt", "nis", "ossaudiodev", "spwd"}

# Destinations in the bundle, with forward slashes.
_DROPPED = re.compile(
    "|".join(
        (
            # torch: the C++ tests, and what a C++ program is built with.
            r"torch/(test|include|share)/",
            r"torch/bin/(?!torch_shm_manager(\.exe)?$)",
            r"torch/lib/.*(_test|backend_with_compiler|aoti_custom_ops)\.(so|dll|dylib)$",
            r"torch/lib/.*\.(a|lib|pdb)$",
            # Qt: QML, Quick, Designer, SQL, other people's languages, consoles without a desktop.
            r"PySide6/(Qt/)?(translations|qml|metatypes|libexec)/",
            r"PySide6/.*(Qt|Qt6)(Qml|Quick|Designer|Lottie|VirtualKeyboard|Pdf|Sql|Help|UiTools|Labs"
            r"|Egl[Ff][Ss]|Wayland(Egl)?Compositor)",
            r"PySide6/(Qt/)?plugins/(designer|qmllint|qmltooling|sqldrivers|egldeviceintegrations"
            r"|generic|tls|networkinformation|wayland-graphics-integration-server"
            r"|vectorimageformats|printsupport)/",
            r"PySide6/(Qt/)?plugins/platforms/.*(eglfs|linuxfb|vnc|vkkhrdisplay|minimalegl|direct2d)",
            r"PySide6/(Qt/)?plugins/platforminputcontexts/.*virtualkeyboard",
            r"PySide6/(Qt/)?plugins/imageformats/.*pdf",
            r"PySide6/opengl32sw\.dll$",
            # Every Linux desktop has these, and its own drivers, themes and fonts are made for its
            # own versions of them; the .deb names the packages.
            r"lib(gtk|gdk|atk|atspi|pango|cairo|epoxy|glib|gobject|gio|gmodule|gthread)[-\w.]*\.so",
            r"lib(X11|X11-xcb|xcb|ICE|SM|fontconfig|freetype|dbus-1|systemd|stdc\+\+|gcc_s)\.so",
            # OpenCV: its windows are never used, nor the cascades that come with it.
            r"cv2/(qt|data)/",
            r"(numpy|sympy|networkx|torch|torchvision)/(.*/)?tests/",
        )
    )
)


def is_dropped(destination: str) -> bool:
    """Whether a file that the packager collected for that place in the bundle is left out."""
    return _DROPPED.match(destination.replace("\\", "/")) is not None


def datas() -> list[tuple[str, str]]:
    """DATA with full paths, as PyInstaller takes it, and the licence texts, collected anew."""
    texts = ROOT / "build" / LICENCES
    _licences.collect(texts, bundled_distributions())
    return [(str(ROOT / source), folder) for source, folder in DATA] + [(str(texts), LICENCES)]


def bundled_distributions() -> set[str]:
    """What is installed here and goes into the bundle, in canonical names."""
    return {name for name in _needed_distributions() if name.replace("-", "_") not in UNWANTED}


def _requirements() -> list[str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line.partition("==")[0] for line in lines if line and not line.startswith("#")]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _needed_distributions() -> set[str]:
    """requirements.txt and all that they need, as far as it is installed."""
    # The environment's own come first, and are the ones that are imported.
    found = reversed([*metadata.distributions()])
    installed = {_canonical(d.metadata["Name"]): d for d in found}
    needed: set[str] = set()
    waiting = [_canonical(name) for name in _requirements()]
    while waiting:
        name = waiting.pop()
        if name in needed or name not in installed:
            continue
        needed.add(name)
        waiting += [
            _canonical(re.split(r"[\s;<>=!~\[(]", line, maxsplit=1)[0])
            for line in installed[name].requires or []
            if "extra ==" not in line
        ]
    return needed


def excluded() -> list[str]:
    """Modules that must not be bundled: UNWANTED, the extras, and every package that is installed
    here without being needed by requirements.txt (so that what the environment happens to hold
    changes nothing)."""
    needed = _needed_distributions()
    owners = metadata.packages_distributions()
    strangers = {
        module
        for module, names in owners.items()
        if module.isidentifier() and not {_canonical(name) for name in names} & needed
    }
    return sorted({*UNWANTED, *PACKAGES, *strangers} - {"engine", "gui", "main"})


def standard_library() -> list[str]:
    """The modules of the standard library that a network's own file may import, and the modules
    inside its packages."""
    tops = {n for n in sys.stdlib_module_names - _STDLIB_LEFT_OUT if not n.startswith("_")}
    home = Path(sysconfig.get_path("stdlib"))
    inside = {
        ".".join(path.relative_to(home).with_suffix("").parts)
        for top in tops
        for path in (home / top).rglob("*.py")
        if path.stem not in ("__init__", "__main__")
    }
    return sorted(name for name in tops | inside if is_wanted(name))


def is_wanted(module: str) -> bool:
    """Whether a module inside a package that is taken whole goes along."""
    top = module.partition(".")[0]
    return top not in UNWANTED and re.search(r"\.tests?(\.|$)|^numpy\.f2py", module) is None


Entry = tuple[str, str, str]
"""As PyInstaller lists what it collects: destination, source, kind."""

_CUDA_SIDE = "libtorch_cuda.so"
_LOOSE = re.compile(r"(?!libpython)[^/]+$|torchvision\.libs/")


def kept(binaries: Iterable[Entry]) -> list[Entry]:
    """The binaries without those that are dropped, and on Linux without libraries that nobody
    needs then: of the building system, and of a torchvision that was built for another torch."""
    entries = [entry for entry in binaries if not is_dropped(entry[0])]
    reader = shutil.which("readelf") if sys.platform.startswith("linux") else None
    if reader is None:
        return entries
    if not any(entry[0] == f"torch/lib/{_CUDA_SIDE}" for entry in entries):
        # It cannot be loaded, and engine/vision.py does without.
        entries = [e for e in entries if not _is_for_cuda(reader, e)]
    loose = {Path(e[0]).name: e[1] for e in entries if _LOOSE.match(e[0]) and e[2] != "SYMLINK"}
    wanted: set[str] = set()
    waiting = [e[1] for e in entries if not _LOOSE.match(e[0]) and e[2] != "SYMLINK"]
    while waiting:
        named = _needed(reader, waiting.pop()) - wanted
        waiting += [loose[name] for name in named if name in loose]
        wanted |= named
    return [e for e in entries if not _LOOSE.match(e[0]) or Path(e[0]).name in wanted]


def once(binaries: Iterable[Entry]) -> list[Entry]:
    """Each file once: what was collected for several places, since links lead to it, stays where
    the path is shortest and is linked to from the others. So conda lays out torch's libraries.

    On Windows nothing is changed: there, links take rights that not every user has.
    """
    entries = list(binaries)
    if sys.platform == "win32":
        return entries
    place: dict[Path, str] = {}
    for destination, source, kind in sorted(entries, key=lambda e: len(PurePosixPath(e[0]).parts)):
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


def without_dangling(datas: Iterable[Entry], binaries: Iterable[Entry]) -> list[Entry]:
    """The data files without those that are dropped, and without links to what is not there."""
    entries = [entry for entry in datas if not is_dropped(entry[0])]
    files = {entry[0] for entry in (*entries, *binaries) if entry[2] != "SYMLINK"}
    there = files | {str(folder) for place in files for folder in PurePosixPath(place).parents}
    # The second field of a link is where it leads, seen from where it lies.
    links = {
        place: posixpath.normpath(posixpath.join(posixpath.dirname(place), target))
        for place, target, kind in entries
        if kind == "SYMLINK"
    }
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
    """The binaries, some of them replaced by copies: those of torch and Python itself without
    symbol tables, and any that looks for libraries in a folder of the building system without that.

    Debuggers alone read the symbols; they are a fifth of libtorch_cpu.so. A path of the building
    system leads nowhere on another, or to what somebody else put there. Linux only: elsewhere the
    symbols lie in files of their own.
    """
    if not sys.platform.startswith("linux"):
        return list(binaries)
    result: list[Entry] = []
    for destination, source, kind in binaries:
        strip = (
            destination.startswith(("torch/lib/lib", "libpython")) or "/lib-dynload/" in destination
        )
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


def bundle_folder() -> Path:
    """Where `make bundle` leaves the program."""
    return ROOT / "dist" / NAME

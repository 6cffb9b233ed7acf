"""What the Linux installers have in common: the files that make a desktop know the program, the
libraries that the bundle takes from the system, and the packages that have them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from engine.files import suffixes
from engine.version import APP_ID, COMMAND, NAME
from scripts.bundle import make_icons

ROOT = Path(__file__).resolve().parents[2]
LINUX = ROOT / "resources" / "packaging" / "linux"

# Loaded where the system has it, and done without where not.
_OPTIONAL = ("libqgtk3.so",)
# A program for CUDA finds the driver's own library by itself, and torchvision's may be missing.
_NOT_PACKAGED = ("libcuda.so.1", "libnvidia-ml.so.1")
_TESTED_VERSIONS = ("libc6", "libstdc++6", "libgcc-s1")
_PROGRAMS = {NAME, "torch_shm_manager"}

# A file manager looks for the icon of a MIME type by its name, with '-' for '/'.
_ICONS = {
    COMMAND: f"apps/{COMMAND}",
    make_icons.SESSION: f"mimetypes/{suffixes.SESSION_MIME.replace('/', '-')}",
}


def output(*command: str) -> str:
    """What a command writes to stdout. Raises CalledProcessError."""
    env = os.environ | {"LC_ALL": "C"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    return done.stdout


def require_bundle(bundle: Path) -> Path:
    """The bundle itself. Raises SystemExit where there is none."""
    if not (bundle / NAME).is_file():
        raise SystemExit(f"{bundle}: there is no program here; make it with 'make bundle'")
    if not sys.platform.startswith("linux"):
        raise SystemExit("this installer is made on Linux")
    return bundle


def copy_bundle(bundle: Path, target: Path) -> None:
    """A copy of the bundle with the modes of a package: only programs and folders have x."""
    shutil.copytree(bundle, target, symlinks=True)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.name in _PROGRAMS else 0o644)


def desktop_files(share: Path) -> None:
    """Desktop entry, AppStream metainfo, MIME types, icons and manual page below a share folder."""
    for source, target in (
        (LINUX / f"{COMMAND}.desktop", f"applications/{COMMAND}.desktop"),
        (LINUX / f"{COMMAND}.metainfo.xml", f"metainfo/{APP_ID}.metainfo.xml"),
        (LINUX / f"{COMMAND}-mime.xml", f"mime/packages/{COMMAND}.xml"),
        (LINUX / f"{COMMAND}.1", f"man/man1/{COMMAND}.1"),
    ):
        _place(source, share / target)
    icons = ROOT / "build" / "icons"
    make_icons.make(icons)
    for name, place in _ICONS.items():
        drawing = make_icons.DRAWINGS[name]
        _place(drawing, share / f"icons/hicolor/scalable/{place}.svg")
        for size in make_icons.SIZES[:-1]:
            image = share / f"icons/hicolor/{size}x{size}/{place}.png"
            _place(icons / f"{name}-{size}.png", image)


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o644)


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def needed_libraries(bundle: Path) -> tuple[set[str], set[str]]:
    """The libraries that the bundle takes from the system: needed, and used where they are."""
    files = [p for p in bundle.rglob("*") if p.is_file() and not p.is_symlink() and _is_elf(p)]
    own = {p.name for p in bundle.rglob("*")}
    required: set[str] = set()
    optional: set[str] = set()
    for path in files:
        told = output("readelf", "-dW", str(path))
        names = set(re.findall(r"\(NEEDED\).*\[(.+)\]", told)) - own
        (optional if path.name in _OPTIONAL else required).update(names)
    missing = {*_NOT_PACKAGED}
    return required - missing, optional - required - missing


def packages_by_library(libraries: set[str]) -> dict[str, str]:
    """The Debian package that holds each library. Raises SystemExit with all that none holds."""
    places = dict(re.findall(r"^\s*(\S+) .*=> (\S+)$", output("/sbin/ldconfig", "-p"), re.M))
    if missing := sorted(libraries - places.keys()):
        raise SystemExit(f"neither in the bundle nor on this system: {', '.join(missing)}")
    return {library: _package_with(places[library]) for library in sorted(libraries)}


def _package_with(path: str) -> str:
    # Where /lib is a link to /usr/lib, dpkg knows the file by one of the two names.
    for place in (path, str(Path(path).resolve()), path.removeprefix("/usr")):
        asked = subprocess.run(["dpkg", "-S", place], capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            return asked.stdout.partition(":")[0]
    raise SystemExit(f"{path} belongs to no package")


def packages_of(libraries: set[str]) -> list[str]:
    """The Debian packages of those libraries; the C and C++ libraries with their version."""
    found = {*packages_by_library(libraries).values()}
    return sorted(_with_version(name) if name in _TESTED_VERSIONS else name for name in found)


def _with_version(name: str) -> str:
    version = output("dpkg-query", "-W", "-f=${Version}", name)
    return f"{name} (>= {re.split('[-+]', version)[0]})"

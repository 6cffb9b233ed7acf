"""Make the Debian package of what `make bundle` built.

    .venv/bin/python scripts/make_deb.py [--compression xz|gzip|zstd|none]

The program goes to /opt/hookscope, a link to it to /usr/bin; the desktop finds it by its entry,
icons, MIME types and AppStream data. What it depends on is found by asking every library of the
bundle what it needs, and dpkg which package has that.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.version import APP_ID, COMMAND, NAME, SUMMARY, VERSION  # noqa: E402
from scripts import make_icons  # noqa: E402
from scripts.bundle_contents import bundle_folder  # noqa: E402

LINUX = ROOT / "resources" / "packaging" / "linux"
MAINTAINER = "The Hookscope authors <hookscope@localhost>"
# Loaded where the system has it, and done without where not.
_OPTIONAL = ("libqgtk3.so",)
# A program for CUDA finds the driver's own library by itself, and torchvision's may be missing.
_NOT_PACKAGED = ("libcuda.so.1", "libnvidia-ml.so.1")
_TESTED_VERSIONS = ("libc6", "libstdc++6", "libgcc-s1")
_DESCRIPTION = """\
 Open a picture and a network, click a layer, and see the Grad-CAM heat map of
 that layer over the picture at full resolution: zoom in, read values off it,
 ask about another class or layer, export what was found.
 .
 Weights as PyTorch and safetensors keep them, Python files with a network's
 class, and networks of torch.export are opened; a demo is built in."""


def output(*command: str) -> str:
    """What a command writes to stdout. Raises CalledProcessError."""
    env = os.environ | {"LC_ALL": "C"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    return done.stdout


def architecture() -> str:
    return output("dpkg", "--print-architecture").strip()


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


def packages_of(libraries: set[str]) -> list[str]:
    """The Debian packages that hold those libraries; the C and C++ libraries with their version.

    Raises SystemExit for a library that no installed package has.
    """
    places = dict(re.findall(r"^\s*(\S+) .*=> (\S+)$", output("/sbin/ldconfig", "-p"), re.M))
    found: dict[str, str] = {}
    for library in sorted(libraries):
        path = places.get(library)
        if path is None:
            raise SystemExit(f"{library} is neither in the bundle nor on this system")
        # Where /lib is a link to /usr/lib, dpkg knows the file by one of the two names.
        owner = ""
        for place in (path, str(Path(path).resolve()), path.removeprefix("/usr")):
            asked = subprocess.run(
                ["dpkg", "-S", place], capture_output=True, text=True, check=False
            )
            owner = owner or asked.stdout.partition(":")[0]
        if not owner:
            raise SystemExit(f"{path} belongs to no package")
        found[owner] = owner
    for name in _TESTED_VERSIONS:
        if name in found:
            version = output("dpkg-query", "-W", "-f=${Version}", name)
            found[name] = f"{name} (>= {re.split('[-+]', version)[0]})"
    return sorted(found.values())


def control(bundle: Path, installed_kb: int) -> str:
    required, optional = needed_libraries(bundle)
    depends = ", ".join(packages_of(required))
    recommends = ", ".join([*packages_of(optional), "xdg-utils", "fonts-dejavu-core"])
    return (
        f"Package: {COMMAND}\nVersion: {VERSION}\nArchitecture: {architecture()}\n"
        f"Maintainer: {MAINTAINER}\nInstalled-Size: {installed_kb}\nDepends: {depends}\n"
        f"Recommends: {recommends}\nSection: science\nPriority: optional\n"
        f"Description: {SUMMARY[0].lower()}{SUMMARY[1:]}\n{_DESCRIPTION}\n"
    )


def _packed(path: Path, text: bytes) -> None:
    """A .gz without name and time, so that the same input makes the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.write(text)


def lay_out(bundle: Path, root: Path) -> None:
    """The file system of the package below root."""
    shutil.copytree(bundle, root / "opt" / COMMAND, symlinks=True, copy_function=os.link)
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin" / COMMAND).symlink_to(f"/opt/{COMMAND}/{NAME}")
    share = root / "usr/share"
    for source, target in (
        (LINUX / f"{COMMAND}.desktop", f"applications/{COMMAND}.desktop"),
        (LINUX / f"{COMMAND}.metainfo.xml", f"metainfo/{APP_ID}.metainfo.xml"),
        (LINUX / f"{COMMAND}-mime.xml", f"mime/packages/{COMMAND}.xml"),
        (ROOT / f"resources/icons/{COMMAND}.svg", f"icons/hicolor/scalable/apps/{COMMAND}.svg"),
    ):
        (share / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, share / target)
    icons = ROOT / "build" / "icons"
    make_icons.make(icons)
    for size in make_icons.SIZES[:-1]:
        place = share / f"icons/hicolor/{size}x{size}/apps/{COMMAND}.png"
        place.parent.mkdir(parents=True)
        shutil.copyfile(icons / f"{COMMAND}-{size}.png", place)
    documents = share / "doc" / COMMAND
    _packed(share / f"man/man1/{COMMAND}.1.gz", (LINUX / f"{COMMAND}.1").read_bytes())
    entry = f"{COMMAND} ({VERSION}) stable; urgency=medium\n\n  * See CHANGELOG.md.\n\n"
    day = datetime.fromtimestamp((ROOT / "CHANGELOG.md").stat().st_mtime, UTC)
    entry += f" -- {MAINTAINER}  {day:%a, %d %b %Y} 00:00:00 +0000\n"
    _packed(documents / "changelog.gz", entry.encode())
    shutil.copyfile(ROOT / "LICENSE", documents / "copyright")


def _set_modes(root: Path) -> None:
    for path in root.rglob("*"):
        if path.is_symlink():
            continue
        runs = path.is_dir() or path.parent == root / "opt" / COMMAND
        runs = runs or path.name == "torch_shm_manager"
        path.chmod(0o755 if runs else 0o644)


def build(compression: str) -> Path:
    """The finished package in dist/."""
    bundle = bundle_folder()
    root = ROOT / "build" / "deb"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    lay_out(bundle, root)
    _set_modes(root)
    files = sorted(p for p in root.rglob("*") if p.is_file() and not p.is_symlink())
    sums = "".join(
        f"{hashlib.md5(p.read_bytes(), usedforsecurity=False).hexdigest()}  "
        f"{p.relative_to(root).as_posix()}\n"
        for p in files
    )
    description = root / "DEBIAN"
    description.mkdir()
    size = sum(p.stat().st_size for p in files) // 1024
    (description / "control").write_text(control(bundle, size), encoding="utf-8")
    (description / "md5sums").write_text(sums, encoding="utf-8")
    target = ROOT / "dist" / f"{COMMAND}_{VERSION}_{architecture()}.deb"
    command = ["dpkg-deb", "--root-owner-group", f"-Z{compression}", "--build", str(root)]
    subprocess.run([*command, str(target)], check=True)
    return target


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the Debian package.")
    parser.add_argument("--compression", default="xz", choices=("xz", "gzip", "zstd", "none"))
    parser.add_argument("--control", action="store_true", help="only print what it depends on")
    options = parser.parse_args()
    if shutil.which("dpkg-deb") is None:
        raise SystemExit("dpkg-deb is not here: a Debian package is made on Debian or Ubuntu")
    if options.control:
        print(control(bundle_folder(), 0))
        return 0
    target = build(options.compression)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

r"""Make the Debian package of what `make bundle` built.

    .venv/bin/python scripts/installers/make_deb.py [--compression xz|gzip|zstd|none] \
        [--bundle FOLDER]

The program goes to /opt/hookscope, a link to it to /usr/bin; the desktop finds it by its entry,
icons, MIME types and AppStream data. What it depends on is found by asking every library of the
bundle what it needs, and dpkg which package has that.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import re
import shutil
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine.version import COMMAND, CONTACT, NAME, SUMMARY, VERSION
from scripts.bundle.contents import LICENCES, bundle_folder
from scripts.installers import linux_tree as tree

_DESCRIPTION = """\
 Open a picture and a network, click a layer, and see the Grad-CAM heat map of
 that layer over the picture at full resolution: zoom in, read values off it,
 ask about another class or layer, export what was found.
 .
 Weights as PyTorch and safetensors keep them, Python files with a network's
 class, and networks of torch.export are opened; a demo is built in."""
# Opening links and folders, letters, and certificates for downloads: the program starts without.
_RECOMMENDED = ("ca-certificates", "fonts-dejavu-core", "xdg-utils", "xkb-data")


def architecture() -> str:
    return tree.output("dpkg", "--print-architecture").strip()


def target() -> Path:
    """Where the finished package lies."""
    return ROOT / "dist" / f"{COMMAND}_{VERSION}_{architecture()}.deb"


def control(bundle: Path, installed_kb: int) -> str:
    required, optional = tree.needed_libraries(bundle)
    # Asked for together first, so that all that are missing are named at once.
    tree.packages_by_library(required | optional)
    needed = tree.packages_of(required)
    bare = {name.partition(" ")[0] for name in needed}
    wished = {*tree.packages_of(optional), *_RECOMMENDED} - bare
    return (
        f"Package: {COMMAND}\nVersion: {VERSION}\nArchitecture: {architecture()}\n"
        f"Maintainer: {CONTACT}\nInstalled-Size: {installed_kb}\nDepends: {', '.join(needed)}\n"
        f"Recommends: {', '.join(sorted(wished))}\nSection: science\nPriority: optional\n"
        f"Description: {SUMMARY[0].lower()}{SUMMARY[1:]}\n{_DESCRIPTION}\n"
    )


def _packed(path: Path, text: bytes) -> None:
    """A .gz without name and time, so that the same input makes the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.write(text)
    path.chmod(0o644)


def changelog() -> str:
    """CHANGELOG.md's newest version in the form that Debian gives to such lists."""
    path = ROOT / "CHANGELOG.md"
    newest = re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1]
    items = re.split(r"^- ", newest.replace("\n  - ", "\n  "), flags=re.MULTILINE)[1:]
    said = [" ".join(re.sub(r"[`*]|^#.*", "", item, flags=re.MULTILINE).split()) for item in items]
    wrapped = (textwrap.wrap(text, 74, break_long_words=False) for text in said)
    day = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    body = "\n".join("  * " + "\n    ".join(lines) for lines in wrapped)
    signed = f" -- {CONTACT}  {day:%a, %d %b %Y} 00:00:00 +0000\n"
    return f"{COMMAND} ({VERSION}) stable; urgency=medium\n\n{body}\n\n{signed}"


def copyright_file() -> str:
    """The licences of the program and of what it carries, in the form that tools can read."""
    own = (ROOT / "LICENSE").read_text(encoding="utf-8").split("\n\n", 2)[2]
    text = "\n".join(f" {line}" if line else " ." for line in own.strip().splitlines())
    template = (tree.LINUX / "copyright").read_text(encoding="utf-8")
    for word, value in (("NAME", NAME), ("COMMAND", COMMAND), ("LICENCE", text)):
        template = template.replace(f"@{word}@", value)
    return template


def lay_out(bundle: Path, root: Path) -> None:
    """The file system of the package below root."""
    tree.copy_bundle(bundle, root / "opt" / COMMAND)
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin" / COMMAND).symlink_to(f"/opt/{COMMAND}/{NAME}")
    share = root / "usr/share"
    tree.desktop_files(share)
    manual = share / f"man/man1/{COMMAND}.1"
    _packed(manual.with_name(f"{COMMAND}.1.gz"), manual.read_bytes())
    manual.unlink()
    documents = share / "doc" / COMMAND
    _packed(documents / "changelog.gz", changelog().encode())
    (documents / "copyright").write_text(copyright_file(), encoding="utf-8")
    overrides = share / "lintian" / "overrides" / COMMAND
    overrides.parent.mkdir(parents=True)
    shutil.copyfile(tree.LINUX / "lintian-overrides", overrides)
    for path in root.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    for path in (documents / "copyright", overrides):
        path.chmod(0o644)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def build(bundle: Path, compression: str) -> Path:
    """The finished package in dist/. Raises SystemExit when the bundle lacks its licences."""
    if not (bundle / "_internal" / LICENCES).is_dir():
        raise SystemExit(f"{bundle}: the licences of what it carries are missing; build it anew")
    root = ROOT / "build" / "deb"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    try:
        lay_out(bundle, root)
        files = sorted(p for p in root.rglob("*") if p.is_file() and not p.is_symlink())
        sums = "".join(f"{_sum(p)}  {p.relative_to(root).as_posix()}\n" for p in files)
        description = root / "DEBIAN"
        description.mkdir(mode=0o755)
        size = sum(p.stat().st_size for p in files) // 1024
        (description / "control").write_text(control(bundle, size), encoding="utf-8")
        (description / "md5sums").write_text(sums, encoding="utf-8")
        for path in description.iterdir():
            path.chmod(0o644)
        finished = target()
        finished.parent.mkdir(exist_ok=True)
        command = ["dpkg-deb", "--root-owner-group", f"-Z{compression}", "--build", str(root)]
        # Under its name once it is whole.
        part = finished.with_name(f"{finished.name}.part")
        subprocess.run([*command, str(part)], check=True, stdout=subprocess.DEVNULL)
        part.rename(finished)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return finished


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the Debian package.")
    parser.add_argument("--compression", default="xz", choices=("xz", "gzip", "zstd", "none"))
    parser.add_argument("--bundle", type=Path, default=bundle_folder(), help="what 'make' built")
    parser.add_argument("--control", action="store_true", help="only print what it depends on")
    options = parser.parse_args()
    if shutil.which("dpkg-deb") is None:
        raise SystemExit("dpkg-deb is not here: a Debian package is made on Debian or Ubuntu")
    bundle = tree.require_bundle(options.bundle)
    if options.control:
        print(control(bundle, 0))
        return 0
    finished = build(bundle, options.compression)
    print(f"{finished.relative_to(ROOT)}: {finished.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Make the self-extracting installer for one user, of what `make bundle` built.

    .venv/bin/python scripts/installers/make_run.py [--level 0-9] [--bundle FOLDER]

Needs makeself and xz. The archive holds the program as a compressed tar and the scripts of
resources/packaging/linux/run, which it fills in here: what the system has to have, how much space
it takes, and the list of files that the uninstaller removes. Compressing is left to this script
and not to makeself, so that the program is unpacked where it is going to stay.
"""

from __future__ import annotations

import argparse
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine.version import COMMAND, NAME, VERSION
from scripts.bundle.contents import bundle_folder
from scripts.installers import linux_tree as tree

_SCRIPTS = ("install.sh", "uninstall.sh", "journal.sh")
_NAMES = re.compile(r"[A-Za-z0-9._+@/-]+")
"""Names that xargs takes as they are."""

# How ldconfig calls the libraries of a machine.
_ABI = {"x86_64": "libc6,x86-64", "aarch64": "libc6,AArch64"}


def target() -> Path:
    """Where the finished installer lies."""
    return ROOT / "dist" / f"{COMMAND}-{VERSION}-{platform.machine()}.run"


def file_list(bundle: Path) -> str:
    """A line for each file (f) and folder (d) of the bundle.

    Raises SystemExit for a name that the uninstaller could not take from a list.
    """
    lines = []
    for path in sorted(bundle.rglob("*")):
        place = path.relative_to(bundle).as_posix()
        if not _NAMES.fullmatch(place):
            raise SystemExit(f"{place}: the uninstaller cannot remove a file of that name")
        lines.append(f"{'d' if path.is_dir() and not path.is_symlink() else 'f'} {place}\n")
    return "".join(lines)


def values(bundle: Path, version: str) -> dict[str, str]:
    """What the scripts have filled in for @NAME@ and the like."""
    required, _ = tree.needed_libraries(bundle)
    packages = tree.packages_by_library(required)
    libraries = [f"{name}={package}" for name, package in packages.items()]
    size = sum(p.lstat().st_size for p in bundle.rglob("*") if not p.is_dir())
    # A file takes up whole blocks.
    blocks = 4 * sum(1 for _ in bundle.rglob("*"))
    return {
        "NAME": NAME,
        "COMMAND": COMMAND,
        "VERSION": version,
        "MACHINE": platform.machine(),
        "ABI": _ABI[platform.machine()],
        "GLIBC": platform.libc_ver()[1],
        "UNPACKED_KB": str(size // 1024 + blocks),
        "LIBRARIES": " ".join(libraries),
    }


def script(name: str, filled: dict[str, str]) -> str:
    """A script with its values. Raises KeyError for a value that there is none of."""
    text = (tree.LINUX / "run" / name).read_text(encoding="utf-8")
    return re.sub(r"@([A-Z_]+)@", lambda found: filled[found[1]], text)


def _compress(bundle: Path, archive: Path, level: int) -> None:
    """A tar with nothing of this machine in it: no owners, sorted, one time for all files."""
    command = ["tar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"]
    pack = subprocess.Popen([*command, "-C", str(bundle), "-cf", "-", "."], stdout=subprocess.PIPE)
    with archive.open("wb") as file:
        subprocess.run(["xz", f"-{level}", "-T0", "-c"], stdin=pack.stdout, stdout=file, check=True)
    if pack.wait():
        raise SystemExit("tar failed")


def lay_out(bundle: Path, folder: Path, level: int, version: str = VERSION) -> None:
    """What the archive holds, in a folder."""
    filled = values(bundle, version)
    for name in _SCRIPTS:
        (folder / name).write_text(script(name, filled), encoding="utf-8")
        (folder / name).chmod(0o755)
    (folder / "program.list").write_text(file_list(bundle), encoding="utf-8")
    tree.desktop_files(folder / "share")
    _compress(bundle, folder / "program.tar.xz", level)


def pack(folder: Path, finished: Path) -> None:
    """The archive of a folder that lay_out has filled; under its name once it is whole."""
    part = finished.with_name(f"{finished.name}.part")
    part.unlink(missing_ok=True)
    command = ["makeself", "--nocomp", "--sha256", "--nomd5", "--nocrc", "--tar-quietly", "--quiet"]
    command += ["--noprogress", str(folder), str(part), NAME, "./install.sh"]
    subprocess.run(command, check=True)
    part.rename(finished)


def build(bundle: Path, level: int) -> Path:
    """The finished installer in dist/."""
    work = ROOT / "build" / "run"
    shutil.rmtree(work, ignore_errors=True)
    (work / "archive").mkdir(parents=True)
    try:
        tree.copy_bundle(bundle, work / "program")
        lay_out(work / "program", work / "archive", level)
        target().parent.mkdir(exist_ok=True)
        pack(work / "archive", target())
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target()


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the self-extracting installer.")
    parser.add_argument("--level", type=int, default=6, choices=range(10), help="of xz")
    parser.add_argument("--bundle", type=Path, default=bundle_folder(), help="what 'make' built")
    options = parser.parse_args()
    for tool in ("makeself", "xz", "tar"):
        if shutil.which(tool) is None:
            raise SystemExit(
                f"{tool} is not installed; on Debian it is in the package of that name"
            )
    finished = build(tree.require_bundle(options.bundle), options.level)
    print(f"{finished.relative_to(ROOT)}: {finished.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

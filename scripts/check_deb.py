"""Install the Debian package into a bare Debian, use it there, remove it, and see what is left.

    .venv/bin/python scripts/check_deb.py [--root FOLDER] [--mirror URL] [--suite bookworm]

As root, with debootstrap; the bare system is made in FOLDER when nothing is there yet, and kept
for the next time. Only apt's own archive is asked for packages, so a dependency that the package
does not name is not there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.version import APP_ID, COMMAND, NAME, VERSION  # noqa: E402
from scripts.make_deb import architecture  # noqa: E402

_INSTALLED = (
    f"usr/bin/{COMMAND}",
    f"opt/{COMMAND}/{NAME}",
    f"usr/share/applications/{COMMAND}.desktop",
    f"usr/share/metainfo/{APP_ID}.metainfo.xml",
    f"usr/share/mime/packages/{COMMAND}.xml",
    f"usr/share/icons/hicolor/scalable/apps/{COMMAND}.svg",
    f"usr/share/icons/hicolor/256x256/apps/{COMMAND}.png",
)
# What apt and the desktop's caches write for themselves.
_APTS_OWN = ("var/", "tmp/", "proc/", "sys/", "dev/", "run/", "etc/ld.so.cache", "root/")


def inside(root: Path, *command: str, **environment: str) -> str:
    """What a command in that system writes to stdout. Raises CalledProcessError."""
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
    env |= {"DEBIAN_FRONTEND": "noninteractive"} | environment
    done = subprocess.run(
        ["chroot", str(root), *command], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def bare_system(root: Path, suite: str, mirror: str) -> None:
    if not (root / "etc/debian_version").exists():
        command = ["debootstrap", "--variant=minbase", suite, str(root), mirror]
        subprocess.run(command, check=True)
        inside(root, "apt-get", "update", "-q")


def files(root: Path) -> set[str]:
    found = (Path(folder) / name for folder, _, names in os.walk(root) for name in names)
    places = {path.relative_to(root).as_posix() for path in found}
    return {place for place in places if not place.startswith(_APTS_OWN)}


def check(root: Path, package: Path) -> None:
    """Raises SystemExit with what is wrong."""
    shutil.copyfile(package, root / "tmp" / package.name)
    install = ["apt-get", "install", "-y", "--no-install-recommends"]
    inside(root, *install, f"/tmp/{package.name}")
    missing = [place for place in _INSTALLED if not os.path.lexists(root / place)]
    if missing:
        raise SystemExit(f"not installed: {missing}")
    print(f"ok     installed: {inside(root, COMMAND, '--version').strip()}")
    told = inside(root, COMMAND, "self-test", QT_QPA_PLATFORM="offscreen")
    report = json.loads(told)
    print(f"ok     self-test: {len(report['steps'])} steps, ok is {report['ok']}")
    inside(root, COMMAND, "explain", "--out", "/tmp/map.png")
    print("ok     explain")
    with_program = files(root)
    inside(root, "apt-get", "purge", "-y", COMMAND)
    left = {place for place in files(root) & with_program if COMMAND in place.lower()}
    if left or (root / "opt" / COMMAND).exists():
        raise SystemExit(f"left behind: {sorted(left)}")
    print("ok     removed without a trace")


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the Debian package in a bare Debian.")
    parser.add_argument("--root", type=Path, default=ROOT / "build" / "debian")
    parser.add_argument("--mirror", default="http://deb.debian.org/debian")
    parser.add_argument("--suite", default="bookworm")
    options = parser.parse_args()
    package = ROOT / "dist" / f"{COMMAND}_{VERSION}_{architecture()}.deb"
    if not package.is_file():
        raise SystemExit(f"{package.relative_to(ROOT)} is not there; make it with 'make installer'")
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise SystemExit("it takes root and debootstrap to make a bare Debian")
    bare_system(options.root, options.suite, options.mirror)
    # Some of what the program asks the kernel for is asked through there.
    mounted = subprocess.run(
        ["mount", "-t", "proc", "proc", str(options.root / "proc")], check=False
    )
    try:
        check(options.root, package)
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", str(options.root / "proc")], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A bare Debian for the checks of the Linux installers: made once, used in copies.

Everything in it that can be mounted is mounted for the check alone, and ends with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.common.checks import CheckFailed, wait_for
from scripts.installers.linux_check import (
    SOCKETS,
    Person,
    Told,
    mount,
    snapshot,
    unmount,
)

_CHROOT = shutil.which("chroot") or "/usr/sbin/chroot"
HOME = str(Path("/", "home", "lena"))
"""Of the user in a system that was made for the check."""

INSTALL = ("apt-get", "install", "-y", "-q", "--no-install-recommends")

# What apt, dpkg and the loader write for themselves, and what a running system puts there.
_NOT_OURS = (
    *("var/cache/", "var/lib/apt/", "var/lib/dpkg/", "var/log/", "tmp/", "proc/", "sys/"),
    *("dev/", "run/", "root/", "home/", "etc/ld.so.cache"),
)


def can_be_made() -> bool:
    """Whether this user and this system can have one at all."""
    return os.geteuid() == 0 and shutil.which("debootstrap") is not None


def bare_system(told: Told) -> Path:
    """A Debian with nothing but what every Debian has; made once and kept. Raises CheckFailed."""
    base = Path(__file__).resolve().parents[2] / "build" / "debian"
    if not can_be_made():
        raise CheckFailed("it takes root and debootstrap to make a bare Debian")
    if (base / "etc/debian_version").exists():
        return base
    if " " in str(base):
        raise CheckFailed(
            f"{base}: debootstrap takes no path with a blank; clone to another folder"
        )
    unfinished = base.with_name(f"{base.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    command = ["debootstrap", "--variant=minbase", told.suite, str(unfinished), told.mirror]
    if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode:
        raise CheckFailed(f"debootstrap failed: {unfinished}/debootstrap/debootstrap.log says why")
    unfinished.rename(base)
    return base


@contextmanager
def copied_system(base: Path) -> Iterator[Path]:
    """A copy of the bare system that goes away again, with what a program asks the kernel through.

    The mounts are seen by this process alone, and end with it.
    """
    root = base.with_name(f"{base.name}.{Path(sys.argv[0]).stem}")
    unmount(root)
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run(["cp", "-a", str(base), str(root)], check=True)
    ended_well = False
    try:
        (root / "dev/shm").mkdir(exist_ok=True)
        (root / "tmp/.X11-unix").mkdir()
        mount("proc", root / "proc")
        mount("tmpfs", root / "dev/shm")
        mount(str(SOCKETS), root / "tmp/.X11-unix", "--bind")
        yield root
        ended_well = True
    finally:
        try:
            _clear_away(root)
        except (CheckFailed, OSError, subprocess.SubprocessError) as error:
            if ended_well:
                raise
            # What the check itself failed for matters more.
            print(f"note: {root} could not be cleared away: {error}")


def _clear_away(root: Path) -> None:
    for process in processes_below(root):
        os.kill(process, signal.SIGKILL)
    wait_for("its programs have ended", lambda: not processes_below(root) or None, 10)
    unmount(root)
    shutil.rmtree(root)


def administrator(root: Path) -> Person:
    """Root in that system, with the network."""
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
    return Person((_CHROOT, str(root)), env | {"DEBIAN_FRONTEND": "noninteractive"})


def user_inside(root: Path, name: str, home: str) -> Person:
    """A user of that system, made here, without rights and without the network."""
    administrator(root).run("useradd", "--create-home", "--home-dir", home, name)
    env = {"PATH": "/usr/bin:/bin", "HOME": home, "USER": name, "LANG": "C.UTF-8"}
    return Person(("unshare", "-n", _CHROOT, f"--userspec={name}", str(root)), env)


def processes_below(root: Path) -> list[int]:
    """The processes that live in that changed root."""
    found = []
    for link in Path("/proc").glob("[0-9]*/root"):
        try:
            if link.readlink() == root.resolve():
                found.append(int(link.parent.name))
        except OSError:  # It ended meanwhile.
            continue
    return found


def system_snapshot(root: Path) -> dict[str, str]:
    """Of that system, what the package could have changed."""
    return snapshot(root, _NOT_OURS)


def same(before: dict[str, str], after: dict[str, str], allowed: tuple[str, ...] = ()) -> None:
    """Raises CheckFailed where the two differ in more than the places that are allowed to."""
    # dpkg takes an empty /opt away, which base-files made by hand and no package owns.
    places = (before.keys() | after.keys()) - {"opt"}
    different = {p for p in places if before.get(p) != after.get(p)}
    strange = sorted(p for p in different if not p.startswith(allowed or ("\0",)))
    if strange:
        raise CheckFailed(f"not as before: {strange[:12]}")

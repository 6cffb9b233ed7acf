"""What the checks of the Linux installers share: their frame, and how others' commands are run.

Everything runs in mount and process namespaces of its own where it is started as root: mounts and
programs end with the check, however it ends.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from scripts.common.checks import CheckFailed

_INSIDE = "HOOKSCOPE_CHECK_INSIDE"
_TIMEOUT_S = 300.0
SOCKETS = Path("/tmp/.X11-unix")
"""Where displays are found; the checks have one of their own."""

Step = tuple[str, Callable[[], str]]
"""What is checked, and the check: it answers with what it saw, and raises CheckFailed."""


@dataclass(frozen=True)
class Told:
    """What a check was told on its command line."""

    installer: Path
    only: str
    suite: str
    mirror: str

    def wants(self, part: str) -> bool:
        return self.only in ("", part)


def main(about: str, installer: Path, parts: tuple[str, ...], check: Callable[[Told], None]) -> int:
    """The frame of a check: its command line, and one line where it fails.

    about: one sentence. installer: what is looked at when nothing else is said. parts: what it can
    be confined to.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--installer", type=Path, default=installer)
    parser.add_argument("--only", default="", choices=("", *parts))
    parser.add_argument("--suite", default="bookworm", help="of Debian, for the bare system")
    parser.add_argument("--mirror", default="http://deb.debian.org/debian")
    told = Told(**vars(parser.parse_args()))
    if not told.installer.is_file():
        raise SystemExit(f"{told.installer} is not there; make it with 'make installer'")
    try:
        check(told)
    except (CheckFailed, subprocess.SubprocessError) as error:
        raise SystemExit(f"FAILED {error}") from None
    return 0


def take(steps: Iterable[Step]) -> None:
    """One after the other, each with a line of the report. Raises CheckFailed for the first."""
    for what, step in steps:
        started = time.monotonic()
        try:
            seen = step()
        except (CheckFailed, OSError, subprocess.SubprocessError) as error:
            raise CheckFailed(f"{what}: {error}") from error
        print(f"ok     {what} ({time.monotonic() - started:.1f} s): {seen}", flush=True)


def isolate() -> None:
    """Start this script once more, in namespaces that end with it. As root on Linux only."""
    if os.geteuid() != 0:
        return
    if os.environ.get(_INSIDE):
        # Displays of its own, that nobody else sees, and that can be shown to a changed root.
        SOCKETS.mkdir(mode=0o1777, exist_ok=True)
        mount("tmpfs", SOCKETS, "-o", "mode=1777")
        return
    os.environ[_INSIDE] = "1"
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    os.execvp(command[0], [*command, sys.executable, *sys.argv])


def mount(what: str, place: Path, *options: str) -> None:
    """What, of a kind of file system or bound, at a place; for this process and its children."""
    kind = [] if "--bind" in options else ["-t", what]
    subprocess.run(["mount", *kind, *options, what, str(place)], check=True)


def unmount(root: Path) -> None:
    """Everything that is mounted below a folder. Raises CalledProcessError where that fails."""
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    # Blanks and their like are written as three octal digits (fstab(5)).
    places = [re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), m.split()[1]) for m in mounts]
    for place in reversed(places):
        if Path(place).is_relative_to(root.resolve()):
            subprocess.run(["umount", place], check=True)


@dataclass(frozen=True)
class Person:
    """Somebody who runs commands: the words that come before each, and the environment."""

    prefix: tuple[str, ...]
    environment: dict[str, str]

    def attempt(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        """The command with what it wrote and how it ended."""
        return subprocess.run(
            [*self.prefix, *command],
            env=self.environment | more,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )

    def start(self, *command: str) -> None:
        """The command, which nothing is read from: what it starts may outlive it."""
        done = subprocess.run(
            [*self.prefix, *command],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise CheckFailed(f"{' '.join(command)}: {done.returncode}")

    def run(self, *command: str, **more: str) -> str:
        """What the command wrote to stdout. Raises CheckFailed when it fails."""
        done = self.attempt(*command, **more)
        if done.returncode:
            words = " ".join(command)
            raise CheckFailed(f"{words}: {done.returncode}: {(done.stdout + done.stderr)[-1500:]}")
        return done.stdout


def snapshot(root: Path, left_out: tuple[str, ...]) -> dict[str, str]:
    """Every file and folder below, with a hash of what is in it or where it leads.

    left_out: how the paths begin that do not count, a folder's with a slash at its end.
    """
    found: dict[str, str] = {}
    for folder, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = Path(folder) / name
            place = path.relative_to(root).as_posix()
            if f"{place}/".startswith(left_out):
                continue
            if path.is_symlink():
                found[place] = str(path.readlink())
            elif path.is_file():
                with path.open("rb") as file:
                    found[place] = hashlib.file_digest(file, "sha256").hexdigest()
            else:
                found[place] = "folder"
    return found


def processes_of(program: str) -> list[int]:
    """The processes whose program is this file, as seen from outside of any changed root."""
    found = []
    for link in Path("/proc").glob("[0-9]*/exe"):
        try:
            if str(link.readlink()).removesuffix(" (deleted)").endswith(program):
                found.append(int(link.parent.name))
        except OSError:  # It ended meanwhile, or is the kernel's own.
            continue
    return found

"""What the checks of the Linux installers share: a bare Debian, a screen, a user without rights.

Everything runs in mount and process namespaces of its own where it is started as root: mounts and
programs end with the check, however it ends.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine.version import NAME

_INSIDE = "HOOKSCOPE_CHECK_INSIDE"
_TIMEOUT_S = 300.0
_CHROOT = shutil.which("chroot") or "/usr/sbin/chroot"
_SIZE = "1440x900"
_SOCKETS = Path("/tmp/.X11-unix")
HOME_INSIDE = str(Path("/", "home", "lena"))
"""Of the user in a system that was made for the check."""


_T = TypeVar("_T")


class CheckFailed(Exception):
    """Something is not as it should be; says what."""


def isolate() -> None:
    """Start this script once more, in namespaces that end with it. As root on Linux only."""
    if os.geteuid() != 0:
        return
    if os.environ.get(_INSIDE):
        # Displays of its own, that nobody else sees, and that can be shown to a changed root.
        _SOCKETS.mkdir(mode=0o1777, exist_ok=True)
        _mount("tmpfs", _SOCKETS, "-o", "mode=1777")
        return
    os.environ[_INSIDE] = "1"
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    os.execvp(command[0], [*command, sys.executable, *sys.argv])


def said(what: str, started: float, detail: str = "") -> None:
    """One line of the report."""
    print(
        f"ok     {what} ({time.monotonic() - started:.1f} s){detail and ': ' + detail}", flush=True
    )


def wait_for(what: str, ask: Callable[[], _T | None], seconds: float = 60.0) -> _T:
    """What ask() answers once it is something. Raises CheckFailed when time is up."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            raise CheckFailed(f"after {seconds:.0f} s still not: {what}")
        time.sleep(0.3)


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


class Screen:
    """A display with a window manager, and what can be seen on it."""

    def __init__(self, display: str) -> None:
        self.display = display
        self._person = Person((), dict(os.environ) | {"DISPLAY": display})

    def windows(self) -> dict[str, str]:
        """The titles of the program's visible windows, by their X ids."""
        found = self._person.attempt("xdotool", "search", "--onlyvisible", "--class", f"^{NAME}$")
        return {
            number: self._person.attempt("xdotool", "getwindowname", number).stdout.strip()
            for number in found.stdout.split()
        }

    def titled(self, words: str) -> str | None:
        """The window whose title has these words in it."""
        return next((n for n, title in self.windows().items() if words in title), None)

    def wm_class(self, window: str) -> list[str]:
        told = self._person.run("xprop", "-id", window, "WM_CLASS")
        return re.findall(r'"([^"]*)"', told)

    def close(self, window: str) -> None:
        """As the cross in its corner does; again where a busy machine lost the key."""

        def gone() -> bool | None:
            self._person.run("xdotool", "windowactivate", "--sync", window)
            self._person.run("xdotool", "key", "alt+F4")
            end = time.monotonic() + 5.0
            while window in self.windows() and time.monotonic() < end:
                time.sleep(0.1)
            return window not in self.windows() or None

        wait_for("the window has closed", gone, 20)

    def press(self, key: str) -> None:
        self._person.run("xdotool", "key", key)

    def picture(self, path: Path) -> bytes:
        """The screen as it is now, also written to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        program = (
            "import sys\nfrom PySide6.QtGui import QGuiApplication\n"
            "application = QGuiApplication([])\n"
            "image = application.primaryScreen().grabWindow(0)\n"
            "sys.exit(not image.save(sys.argv[1]))\n"
        )
        self._person.run(sys.executable, "-c", program, str(path), QT_QPA_PLATFORM="xcb")
        return path.read_bytes()

    def settled(self, path: Path, seconds: float = 60.0) -> bytes:
        """The screen once nothing on it changes any more."""
        last = b""

        def same() -> bytes | None:
            nonlocal last
            time.sleep(1.5)
            before, last = last, self.picture(path)
            return last if before == last else None

        return wait_for("the window is at rest", same, seconds)


@contextmanager
def screen() -> Iterator[Screen]:
    """A display of its own with openbox on it. Raises CheckFailed where a tool is missing."""
    for tool in ("Xvfb", "openbox", "xdotool", "xprop"):
        if shutil.which(tool) is None:
            raise CheckFailed(f"{tool} is not installed")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{_SIZE}x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    manager: subprocess.Popen[bytes] | None = None
    try:
        display = ":" + os.read(read, 20).decode().strip()
        manager = subprocess.Popen(
            ["openbox"],
            env=os.environ | {"DISPLAY": display},
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        yield Screen(display)
    finally:
        os.close(read)
        for process in filter(None, (manager, server)):
            process.terminate()
            process.wait(10)


def bare_system(base: Path, suite: str, mirror: str) -> None:
    """A Debian with nothing but what every Debian has; made once and kept."""
    if (base / "etc/debian_version").exists():
        return
    unfinished = base.with_name(f"{base.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    command = ["debootstrap", "--variant=minbase", suite, str(unfinished), mirror]
    if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode:
        raise CheckFailed("debootstrap failed; its log is in debootstrap/debootstrap.log there")
    unfinished.rename(base)


@contextmanager
def copied_system(base: Path) -> Iterator[Path]:
    """A copy of the bare system that goes away again, with what a program asks the kernel through.

    The mounts are seen by this process alone, and end with it.
    """
    root = base.with_name(f"{base.name}.{Path(sys.argv[0]).stem}")
    leave(root)
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run(["cp", "-a", str(base), str(root)], check=True)
    try:
        (root / "dev/shm").mkdir(exist_ok=True)
        (root / "tmp/.X11-unix").mkdir()
        _mount("proc", root / "proc")
        _mount("tmpfs", root / "dev/shm")
        _mount(str(_SOCKETS), root / "tmp/.X11-unix", "--bind")
        yield root
    finally:
        for process in processes_below(root):
            os.kill(process, signal.SIGKILL)
        leave(root)
        shutil.rmtree(root)


def _mount(what: str, place: Path, *options: str) -> None:
    kind = [] if "--bind" in options else ["-t", what]
    subprocess.run(["mount", *kind, *options, what, str(place)], check=True)


def leave(root: Path) -> None:
    """Everything that is mounted below a folder. Raises CalledProcessError where that fails."""
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    for place in reversed([line.split()[1] for line in mounts]):
        if Path(place).is_relative_to(root.resolve()):
            subprocess.run(["umount", place], check=True)


def administrator(root: Path) -> Person:
    """Root in that system, with the network."""
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
    return Person((_CHROOT, str(root)), env | {"DEBIAN_FRONTEND": "noninteractive"})


def user_inside(root: Path, name: str, home: str) -> Person:
    """A user of that system, made here, without rights and without the network."""
    administrator(root).run("useradd", "--create-home", "--home-dir", home, name)
    env = {"PATH": "/usr/bin:/bin", "HOME": home, "USER": name, "LANG": "C.UTF-8"}
    return Person(("unshare", "-n", _CHROOT, f"--userspec={name}", str(root)), env)


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


def processes_below(root: Path) -> list[int]:
    """The processes that live in that changed root."""
    found = []
    for link in Path("/proc").glob("[0-9]*/root"):
        try:
            if link.readlink() == root.resolve():
                found.append(int(link.parent.name))
        except OSError:  # As above.
            continue
    return found


def ended(program: str) -> bool | None:
    """For wait_for: whether no process of that program is left."""
    return not processes_of(program) or None

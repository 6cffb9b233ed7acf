"""Check the self-extracting installer as an ordinary user has it, and in a bare Debian.

    .venv/bin/python scripts/check_run.py [--installer FILE] [--only user|bare] [--mirror URL]

The home has a space and an umlaut in its name. Started as root, the user without rights is another
one, the network is cut off, and a copy of the bare Debian that check_deb.py keeps is used as well:
there the installer has to name the packages that it lacks, and the line that it names has to do.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.version import COMMAND, NAME, VERSION  # noqa: E402
from scripts import _linux_check as stage  # noqa: E402
from scripts import make_run  # noqa: E402
from scripts._linux_check import HOME_INSIDE, CheckFailed, Person  # noqa: E402

PICTURE = ROOT / "build" / "installed-run.png"
_OLDER = "0.0.9"
_ONLY_IN_OLDER = f"_internal/only-in-{_OLDER}.txt"
_SCENE = ROOT / "resources" / "scenes" / "star-with-mark.jpg"
_NOBODY = "65534"
# What the program itself keeps for its user.
_OWN = (f".local/state/{COMMAND}", f".config/{COMMAND}", f".config/{NAME}", f".cache/{COMMAND}")
# Of the libraries that draw: fontconfig's and Mesa's caches, Qt's and D-Bus's folders.
_OTHERS = (".cache", ".config", ".local/state")


def contents(home: Path) -> dict[str, str]:
    """Every file and folder of a home, with size or target; without what the program keeps."""
    found: dict[str, str] = {}
    for path in home.rglob("*"):
        place = path.relative_to(home).as_posix()
        if place.startswith(_OWN) or place in _OTHERS:
            continue
        if path.is_symlink():
            found[place] = str(path.readlink())
        else:
            found[place] = "folder" if path.is_dir() else str(path.stat().st_size)
    return found


def older_installer(installer: Path, folder: Path) -> Path:
    """The same installer under an older version, with one file that the newer one does not have.

    Its program answers with the older version, since the installer asks for that.
    """
    inside = folder / "older"
    command = ["sh", str(installer), "--noexec", "--nox11", "--target", str(inside)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    program = folder / "program"
    (program / "_internal").mkdir(parents=True)
    (program / NAME).write_text(f"#!/bin/sh\necho {NAME} {_OLDER}\n", encoding="utf-8")
    (program / NAME).chmod(0o755)
    (program / _ONLY_IN_OLDER).write_text("of the version before\n", encoding="utf-8")
    tar = ["tar", "-C", str(program), "-cJf", str(inside / "program.tar.xz"), "."]
    subprocess.run(tar, check=True)
    (inside / "program.list").write_text(make_run.file_list(program), encoding="utf-8")
    script = (inside / "install.sh").read_text(encoding="utf-8")
    script = script.replace(f"VERSION='{VERSION}'", f"VERSION='{_OLDER}'")
    (inside / "install.sh").write_text(script, encoding="utf-8")
    shutil.copyfile(inside / "share/man/man1/hookscope.1", inside / "share/man/man1/old-name.1")
    target = folder / f"older-{_OLDER}.run"
    make_run.pack(inside, target)
    target.chmod(0o755)
    return target


class Life:
    """The installer's life in one home; each step builds on those before."""

    def __init__(self, installer: Path, folder: Path, screen: stage.Screen) -> None:
        self.folder, self.screen = folder, screen
        self.installer = folder / installer.name
        shutil.copyfile(installer, self.installer)
        self.older = older_installer(installer, folder)
        self.home = folder / "Zoë Müller"
        self.home.mkdir()
        (self.home / "mine.txt").write_text("mine\n", encoding="utf-8")
        (self.home / ".config").mkdir()
        (self.home / ".cache").mkdir()
        (self.home / ".local/state").mkdir(parents=True)
        temporary = folder / "tmp"
        temporary.mkdir()
        environment = {
            "HOME": str(self.home),
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TMPDIR": str(temporary),
        }
        prefix: tuple[str, ...] = ()
        if os.geteuid() == 0:
            rights = ("setpriv", "--reuid", _NOBODY, "--regid", _NOBODY, "--clear-groups")
            prefix = ("unshare", "-n", *rights)
            folder.chmod(0o755)
            for path in (self.home, *self.home.rglob("*"), temporary):
                os.chown(path, int(_NOBODY), int(_NOBODY))
        self.user = Person(prefix, environment)
        self.program = self.home / ".local/share" / COMMAND
        self.before = contents(self.home)

    def install(self, installer: Path, *options: str) -> str:
        return self.user.run("sh", str(installer), "--nox11", "--", "--yes", *options)

    def refuse(self, words: str, *options: str, **more: str) -> None:
        """Raises CheckFailed unless it fails with these words and leaves the home as it was."""
        before = contents(self.home)
        done = self.user.attempt(
            "sh", str(self.installer), "--nox11", "--", "--yes", *options, **more
        )
        said = done.stdout + done.stderr
        if done.returncode == 0 or words not in said:
            raise CheckFailed(f"{options}: expected '{words}': {done.returncode}: {said[-500:]}")
        if contents(self.home) != before:
            raise CheckFailed(f"{options}: it was refused and left something")

    def refusals(self) -> str:
        self.refuse("is no Hookscope", "--prefix", str(self.home))
        self.refuse("cannot be written to", "--prefix", "/proc/hookscope")
        self.refuse("is not an option", "--no-such-thing")
        self.refuse("no home folder", HOME="/no/such/home")
        small = self._small_disk()
        if small is not None:
            self.refuse("MB free, and it takes", "--prefix", str(small / COMMAND))
        if os.geteuid() == 0:
            root = Person((), self.user.environment)
            done = root.attempt("sh", str(self.installer), "--nox11", "--", "--yes")
            if done.returncode == 0 or "for one user" not in done.stderr:
                raise CheckFailed(f"root was not refused: {done.stdout}{done.stderr}")
        return "a foreign folder, no rights, no space, no home, root"

    def _small_disk(self) -> Path | None:
        """A folder on a file system that is too small; as root only."""
        if os.geteuid() != 0:
            return None
        small = self.folder / "small"
        small.mkdir()
        options = ["-o", f"size=16m,mode=755,uid={_NOBODY}"]
        subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(small)], check=True)
        return small

    def cancelled(self) -> str:
        """Ended in the middle of unpacking, by a signal and for good: nothing is half-done."""
        self._end_while_unpacking(signal.SIGTERM)
        left = contents(self.home)
        if left != self.before:
            raise CheckFailed(f"left behind: {sorted(left.keys() - self.before.keys())[:5]}")
        self._end_while_unpacking(signal.SIGKILL)
        return "by SIGTERM: nothing left; by SIGKILL: for the next one to clear away"

    def _end_while_unpacking(self, number: signal.Signals) -> None:
        command = [*self.user.prefix, "sh", str(self.installer), "--nox11", "--", "--yes"]
        started = subprocess.Popen(
            command,
            env=self.user.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        data = self.home / ".local/share"
        stage.wait_for("it unpacks", lambda: list(data.glob(f"{COMMAND}.new.*/_internal/torch")))
        os.killpg(started.pid, number)
        started.wait(60)

    def first(self) -> str:
        """An older version into the fresh home, after one that was killed."""
        self.install(self.older)
        data = self.home / ".local/share"
        if list(data.glob(f"{COMMAND}.*")):
            raise CheckFailed(f"left of the killed one: {list(data.glob(f'{COMMAND}.*'))}")
        if not (self.program / _ONLY_IN_OLDER).exists():
            raise CheckFailed("the older version is not there")
        return f"{len(contents(self.home)) - len(self.before)} files and folders"

    def upgrade(self) -> str:
        settings = self.home / ".config" / NAME
        self.user.run("mkdir", "-p", str(settings))
        self.user.run("sh", "-c", 'echo mine > "$1/of-the-user.conf"', "sh", str(settings))
        self.user.run("touch", str(self.program / "_internal/of-the-user.txt"))
        told = self.install(self.installer)
        if f"It replaced {NAME} {_OLDER}" not in told or "were left in" not in told:
            raise CheckFailed(f"it does not say what it did: {told}")
        gone = (self.program / _ONLY_IN_OLDER, self.home / ".local/share/man/man1/old-name.1")
        if any(path.exists() for path in gone):
            raise CheckFailed("files of the older version are still there")
        kept = next((self.home / ".local/share").glob(f"{COMMAND}.old.*"))
        if [p.name for p in kept.rglob("*") if p.is_file()] != ["of-the-user.txt"]:
            raise CheckFailed(f"kept aside: {list(kept.rglob('*'))}")
        shutil.rmtree(kept)
        if (settings / "of-the-user.conf").read_text(encoding="utf-8") != "mine\n":
            raise CheckFailed("the user's settings were changed")
        said = self.user.run(str(self.home / ".local/bin" / COMMAND), "--version").strip()
        if said != f"{NAME} {VERSION}":
            raise CheckFailed(f"it says {said!r}")
        return f"{_OLDER} to {VERSION}; what the user put there was set aside"

    def self_test(self) -> str:
        told = self.user.run(
            str(self.home / ".local/bin" / COMMAND), "self-test", DISPLAY=self.screen.display
        )
        report = json.loads(told)
        if not report["ok"]:
            raise CheckFailed(json.dumps(report["steps"][-1]))
        return f"{len(report['steps'])} steps, first paint {report['first_paint_s']} s"

    def from_the_menu(self) -> str:
        """From its entry with a picture; neither upgrade nor removal while it runs."""
        entry = self.home / ".local/share/applications" / f"{COMMAND}.desktop"
        subprocess.run(["desktop-file-validate", str(entry)], check=True)
        for kind in ("image/png", "application/x-hookscope-safetensors"):
            if f"{COMMAND}.desktop" not in self.user.run("gio", "mime", kind):
                raise CheckFailed(f"{kind} is not offered")
        picture = self.home / "naïve star.jpg"
        shutil.copyfile(_SCENE, picture)
        environment = self.user.environment | {"DISPLAY": self.screen.display}
        Person(self.user.prefix, environment).start("gio", "launch", str(entry), str(picture))
        name = picture.name
        window = stage.wait_for(f"a window named {name}", lambda: self.screen.titled(name))
        if self.screen.wm_class(window)[-1] != NAME:
            raise CheckFailed(f"WM_CLASS is {self.screen.wm_class(window)}")
        self.screen.settled(PICTURE)
        self.refuse("is running")
        removal = self.user.attempt(str(self.home / f".local/bin/{COMMAND}-uninstall"), "--yes")
        if removal.returncode == 0 or not (self.program / NAME).exists():
            raise CheckFailed("it was removed while it ran")
        title = self.screen.windows()[window]
        self.screen.close(window)
        program = f"{COMMAND}/{NAME}"
        stage.wait_for("the program has ended", lambda: stage.ended(program), 20)
        picture.unlink()
        return f"title {title!r}; neither upgraded nor removed meanwhile"

    def uninstall(self) -> str:
        self.user.run(str(self.home / f".local/bin/{COMMAND}-uninstall"), "--yes")
        left = contents(self.home)
        if left != self.before:
            raise CheckFailed(f"not as before: {sorted(left.keys() ^ self.before.keys())[:8]}")
        return "the home is as before"

    def elsewhere(self) -> str:
        """Into a folder of one's own, with a file that is not the installer's in it later."""
        place = self.home / "Programme & mehr" / "Hook $cope"
        self.install(self.installer, "--prefix", str(place))
        entry = self.home / ".local/share/applications" / f"{COMMAND}.desktop"
        subprocess.run(["desktop-file-validate", str(entry)], check=True)
        environment = self.user.environment | {"DISPLAY": self.screen.display}
        Person(self.user.prefix, environment).start("gio", "launch", str(entry))
        window = stage.wait_for("its window", lambda: next(iter(self.screen.windows()), None))
        self.screen.settled(PICTURE.with_name("installed-elsewhere.png"))
        self.screen.close(window)
        stage.wait_for("the program has ended", lambda: stage.ended(f"Hook $cope/{NAME}"), 20)
        self.user.run("touch", str(place / "of-the-user.txt"))
        self.user.run("sh", str(place / "uninstall.sh"), "--yes")
        if [p.name for p in place.rglob("*")] != ["of-the-user.txt"]:
            raise CheckFailed(f"left: {list(place.rglob('*'))[:5]}")
        shutil.rmtree(place.parent)
        if contents(self.home) != self.before:
            raise CheckFailed("the home is not as before")
        return "installed, started and removed; a file of the user's stays"


def check_bare(installer: Path, root: Path) -> str:
    """In a bare Debian: it names what is missing, and with exactly that it runs."""
    user = stage.user_inside(root, "lena", HOME_INSIDE)
    place = root / "tmp" / installer.name
    shutil.copyfile(installer, place)
    place.chmod(0o755)
    done = user.attempt(f"/tmp/{installer.name}", "--", "--yes")
    lines = [line.strip() for line in done.stdout.splitlines() if "apt-get install" in line]
    if done.returncode != 2 or len(lines) != 1:
        raise CheckFailed(f"it does not name what is missing: {done.stdout}{done.stderr}")
    names = lines[0].removeprefix("sudo apt-get install ").split()
    administrator = stage.administrator(root)
    administrator.run("apt-get", "update", "-q")
    administrator.run("apt-get", "install", "-y", "-q", "--no-install-recommends", *names)
    user.run(f"/tmp/{installer.name}", "--", "--yes")
    told = user.run(f"{HOME_INSIDE}/.local/bin/{COMMAND}", "self-test", QT_QPA_PLATFORM="offscreen")
    if not json.loads(told)["ok"]:
        raise CheckFailed("self-test")
    user.run(f"{HOME_INSIDE}/.local/bin/{COMMAND}-uninstall", "--yes")
    left = list((root / "home/lena/.local/share").rglob("*"))
    if left:
        raise CheckFailed(f"left behind: {left[:5]}")
    return f"{len(names)} packages named, installed, self-test, removed"


def check(installer: Path, only: str) -> None:
    """Raises CheckFailed with what is wrong."""
    if only in ("", "user"):
        with tempfile.TemporaryDirectory(prefix="hookscope-run-") as name, stage.screen() as screen:
            life = Life(installer, Path(name), screen)
            steps: tuple[tuple[str, Callable[[], str]], ...] = (
                ("refusals", life.refusals),
                ("cancelled", life.cancelled),
                ("installed without root", life.first),
                ("upgrade", life.upgrade),
                ("self-test, under Xvfb", life.self_test),
                ("started from its desktop entry", life.from_the_menu),
                ("removed", life.uninstall),
                ("a folder of one's own", life.elsewhere),
            )
            try:
                for what, step in steps:
                    started = time.monotonic()
                    try:
                        stage.said(what, started, step())
                    except CheckFailed as error:
                        raise CheckFailed(f"{what}: {error}") from None
            finally:
                stage.leave(Path(name))


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the self-extracting installer.")
    parser.add_argument("--installer", type=Path, default=make_run.target())
    parser.add_argument("--mirror", default="http://deb.debian.org/debian")
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--only", default="", choices=("", "user", "bare"))
    options = parser.parse_args()
    installer: Path = options.installer
    if not installer.is_file():
        raise SystemExit(f"{installer} is not there; make it with 'make installer'")
    try:
        check(installer, options.only)
        if options.only in ("", "bare") and os.geteuid() == 0 and shutil.which("debootstrap"):
            base = ROOT / "build" / "debian"
            stage.bare_system(base, options.suite, options.mirror)
            started = time.monotonic()
            with stage.copied_system(base) as root:
                stage.said("in a bare Debian", started, check_bare(installer, root))
        elif options.only != "user":
            print("note: without root and debootstrap the bare Debian is left out")
    except (CheckFailed, subprocess.SubprocessError) as error:
        raise SystemExit(f"FAILED {error}") from None
    return 0


if __name__ == "__main__":
    stage.isolate()
    sys.exit(main())

r"""Check the self-extracting installer as an ordinary user has it, and in a bare Debian.

    .venv/bin/python scripts/installers/check_run.py [--installer FILE] [--only user|bare] \
        [--mirror URL]

The home has a space and an umlaut in its name. Started as root, the user without rights is another
one, the network is cut off, and a copy of the bare Debian that check_deb.py keeps is used as well:
there the installer has to name the packages that it lacks, and the line that it names has to do.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine.files import suffixes
from engine.version import COMMAND, NAME, VERSION
from scripts.common.checks import CheckFailed, failed_step, wait_for
from scripts.installers import debian, make_run
from scripts.installers import linux_check as stage
from scripts.installers.linux_check import Person
from scripts.installers.older import OLDER, ONLY_IN_OLDER, older_installer
from scripts.installers.screen import Screen, screen

PICTURE = ROOT / "build" / "installed-run.png"
_SCENE = ROOT / "resources" / "scenes" / "star-with-mark.jpg"
_NOBODY = "65534"
_YES = ("--nox11", "--", "--yes")
# What the program itself keeps for its user.
_OWN = (f".local/state/{COMMAND}/", f".config/{COMMAND}/", f".config/{NAME}/", f".cache/{COMMAND}/")


def contents(home: Path) -> dict[str, str]:
    """Every file and folder of a home, without what the program keeps."""
    return stage.snapshot(home, _OWN)


class Life:
    """The installer's life in one home; each step builds on those before."""

    def __init__(self, installer: Path, folder: Path, screen: Screen) -> None:
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
        environment = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        environment["TMPDIR"] = str(temporary)
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
        return self.user.run("sh", str(installer), *_YES, *options)

    def refuse(self, words: str, *options: str, **more: str) -> None:
        """Raises CheckFailed unless it fails with these words and leaves the home as it was."""
        before = contents(self.home)
        done = self.user.attempt("sh", str(self.installer), *_YES, *options, **more)
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
            done = root.attempt("sh", str(self.installer), *_YES)
            if done.returncode == 0 or "for one user" not in done.stderr:
                raise CheckFailed(f"root was not refused: {done.stdout}{done.stderr}")
        return "a foreign folder, no rights, no space, no home, root"

    def _small_disk(self) -> Path | None:
        """A folder on a file system that is too small; as root only."""
        if os.geteuid() != 0:
            return None
        small = self.folder / "small"
        small.mkdir()
        stage.mount("tmpfs", small, "-o", f"size=16m,mode=755,uid={_NOBODY}")
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
        started = subprocess.Popen(
            [*self.user.prefix, "sh", str(self.installer), *_YES],
            env=self.user.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        data = self.home / ".local/share"
        wait_for("it unpacks", lambda: list(data.glob(f"{COMMAND}.new.*/_internal/torch")))
        os.killpg(started.pid, number)
        started.wait(60)

    def first(self) -> str:
        """An older version into the fresh home, after one that was killed."""
        self.install(self.older)
        data = self.home / ".local/share"
        if list(data.glob(f"{COMMAND}.*")):
            raise CheckFailed(f"left of the killed one: {list(data.glob(f'{COMMAND}.*'))}")
        if not (self.program / ONLY_IN_OLDER).exists():
            raise CheckFailed("the older version is not there")
        return f"{len(contents(self.home)) - len(self.before)} files and folders"

    def ended_late(self) -> str:
        """An upgrade whose last move fails, and one that is killed there."""
        mv, before = self.folder / "commands" / "mv", contents(self.home)
        mv.parent.mkdir()
        last = f'case "$*" in *"/{COMMAND}.new."*" {self.program}") eval "$AT_LAST" ;; esac'
        mv.write_text(f'#!/bin/sh\n{last}\nexec /bin/mv "$@"\n', encoding="utf-8")
        mv.chmod(0o755)
        more = {"PATH": f"{mv.parent}:{self.user.environment['PATH']}", "AT_LAST": "exit 1"}
        self.refuse("is there still", **more)
        killed = more | {"AT_LAST": "kill -KILL $PPID; exit 1"}
        self.user.attempt("sh", str(self.installer), *_YES, **killed)
        said = self.user.attempt("sh", str(self.installer), *_YES, **more).stdout
        if "is taken back" not in said or contents(self.home) != before:
            raise CheckFailed(f"after a kill it is not as before: {said[-500:]}")
        return "the home is as before; where it was killed, after the next run"

    def upgrade(self) -> str:
        settings = self.home / ".config" / NAME
        self.user.run("mkdir", "-p", str(settings))
        self.user.run("sh", "-c", 'echo mine > "$1/of-the-user.conf"', "sh", str(settings))
        self.user.run("touch", str(self.program / "_internal/of-the-user.txt"))
        told = self.install(self.installer)
        if f"It replaced {NAME} {OLDER}" not in told or "were left in" not in told:
            raise CheckFailed(f"it does not say what it did: {told}")
        gone = (self.program / ONLY_IN_OLDER, self.home / ".local/share/man/man1/old-name.1")
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
        return f"{OLDER} to {VERSION}; what the user put there was set aside"

    def self_test(self) -> str:
        told = self.user.run(
            str(self.home / ".local/bin" / COMMAND), "self-test", DISPLAY=self.screen.display
        )
        report = json.loads(told)
        if not report["ok"]:
            raise CheckFailed(failed_step(report))
        return f"{len(report['steps'])} steps, first paint {report['first_paint_s']} s"

    def from_the_menu(self) -> str:
        """From its entry with a picture; neither upgrade nor removal while it runs."""
        entry = self.home / ".local/share/applications" / f"{COMMAND}.desktop"
        subprocess.run(["desktop-file-validate", str(entry)], check=True)
        for kind in ("image/png", "application/x-hookscope-safetensors", suffixes.SESSION_MIME):
            if f"{COMMAND}.desktop" not in self.user.run("gio", "mime", kind):
                raise CheckFailed(f"{kind} is not offered")
        picture = self.home / "naïve star.jpg"
        shutil.copyfile(_SCENE, picture)
        window = self.screen.launch(self.user, str(entry), str(picture))
        if self.screen.wm_class(window)[-1] != NAME:
            raise CheckFailed(f"WM_CLASS is {self.screen.wm_class(window)}")
        self.screen.settled(PICTURE)
        self.refuse("is running")
        removal = self.user.attempt(str(self.home / f".local/bin/{COMMAND}-uninstall"), "--yes")
        if removal.returncode == 0 or not (self.program / NAME).exists():
            raise CheckFailed("it was removed while it ran")
        title = self.screen.windows()[window]
        self.screen.close(window, f"{COMMAND}/{NAME}")
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
        window = self.screen.launch(self.user, str(entry))
        self.screen.settled(PICTURE.with_name("installed-elsewhere.png"))
        self.screen.close(window, f"Hook $cope/{NAME}")
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
    user = debian.user_inside(root, "lena", debian.HOME)
    place = root / "tmp" / installer.name
    shutil.copyfile(installer, place)
    place.chmod(0o755)
    done = user.attempt(f"/tmp/{installer.name}", "--", "--yes")
    lines = [line.strip() for line in done.stdout.splitlines() if "apt-get install" in line]
    if done.returncode != 2 or len(lines) != 1:
        raise CheckFailed(f"it does not name what is missing: {done.stdout}{done.stderr}")
    names = lines[0].removeprefix("sudo apt-get install ").split()
    administrator = debian.administrator(root)
    administrator.run("apt-get", "update", "-q")
    administrator.run(*debian.INSTALL, *names)
    user.run(f"/tmp/{installer.name}", "--", "--yes")
    told = user.run(f"{debian.HOME}/.local/bin/{COMMAND}", "self-test", QT_QPA_PLATFORM="offscreen")
    if not json.loads(told)["ok"]:
        raise CheckFailed("self-test")
    user.run(f"{debian.HOME}/.local/bin/{COMMAND}-uninstall", "--yes")
    left = list((root / "home/lena/.local/share").rglob("*"))
    if left:
        raise CheckFailed(f"left behind: {left[:5]}")
    return f"{len(names)} packages named, installed, self-test, removed"


def check(told: stage.Told) -> None:
    """Raises CheckFailed with what is wrong."""
    if told.wants("user"):
        with tempfile.TemporaryDirectory(prefix="hookscope-run-") as name, screen() as display:
            life = Life(told.installer, Path(name), display)
            try:
                stage.take(
                    (
                        ("refusals", life.refusals),
                        ("cancelled", life.cancelled),
                        ("installed without root", life.first),
                        ("upgrade ended late", life.ended_late),
                        ("upgrade", life.upgrade),
                        ("self-test, under Xvfb", life.self_test),
                        ("started from its desktop entry", life.from_the_menu),
                        ("removed", life.uninstall),
                        ("a folder of one's own", life.elsewhere),
                    )
                )
            finally:
                stage.unmount(Path(name))
    if told.only == "" and not debian.can_be_made():
        print("note: without root and debootstrap the bare Debian is left out")
    elif told.wants("bare"):
        base = debian.bare_system(told)
        with debian.copied_system(base) as root:
            stage.take([("in a bare Debian", partial(check_bare, told.installer, root))])


if __name__ == "__main__":
    stage.isolate()
    about = "Check the self-extracting installer."
    sys.exit(stage.main(about, make_run.target(), ("user", "bare"), check))

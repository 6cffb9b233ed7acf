"""The installer for one user, with a program of two files: never half-done, however it ends."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.version import COMMAND, NAME
from scripts.installers import make_run
from scripts.installers.linux_check import snapshot

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="an installer for Linux"),
    pytest.mark.skipif(shutil.which("xz") is None, reason="the program is unpacked by xz"),
]

OLD, NEW = "1.0", "2.0"
COMMON = ("applications/hookscope.desktop", "mime/packages/hookscope.xml")
ONLY_IN = {OLD: "man/man1/old-name.1", NEW: "zz/new-name.1"}
_VALUES = {
    "NAME": NAME,
    "COMMAND": COMMAND,
    "MACHINE": platform.machine(),
    "ABI": "none",
    "GLIBC": "2.0",
    "UNPACKED_KB": "10",
    "LIBRARIES": "",
}
_CHANGING = ("cp", "find", "ln", "mkdir", "mv", "rm", "rmdir", "xargs")
# Stands before the commands that change something, counts them, and ends the installer: for good
# at one of them, by a signal when everything outside is written, or where the last move fails.
_STAND_IN = """#!/bin/sh
read -r count <"$0.d/../count"
echo $((count + 1)) >"$0.d/../count"
[ "$count" != "${KILLED_AT:-}" ] || kill -KILL 0
case "${FAILS:-} ${0##*/} $*" in
    "last mv "*".new."*"/share/hookscope") exit 1 ;;
    "signal mv "*"/bin/hookscope-uninstall") kill -TERM $PPID ;;
esac
exec %s "$@"
"""


def archive(folder: Path, version: str) -> Path:
    """What the installer's archive of a version holds."""
    program = folder / f"program-{version}"
    (program / "_internal").mkdir(parents=True)
    (program / NAME).write_text(f"#!/bin/sh\necho {NAME} {version}\n", encoding="utf-8")
    (program / NAME).chmod(0o755)
    (program / f"_internal/of-{version}.txt").write_text(version, encoding="utf-8")
    inside = folder / f"archive-{version}"
    for place in (*COMMON, ONLY_IN[version]):
        (inside / "share" / place).parent.mkdir(parents=True, exist_ok=True)
        (inside / "share" / place).write_text(f"Exec=\nof {version}\n", encoding="utf-8")
    for name in make_run._SCRIPTS:
        text = make_run.script(name, _VALUES | {"VERSION": version})
        (inside / name).write_text(text, encoding="utf-8")
    (inside / "program.list").write_text(make_run.file_list(program), encoding="utf-8")
    tar = ["tar", "-C", str(program), "-cJf", str(inside / "program.tar.xz"), "."]
    subprocess.run(tar, check=True, timeout=60)
    return inside


class Place:
    """A home, the archives of two versions, and commands that stop on demand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "Zoë Müller"
        self.program = self.home / ".local/share" / COMMAND
        (self.home / ".local/share").mkdir(parents=True)
        (self.home / "mine.txt").write_text("mine", encoding="utf-8")
        self.archives = {version: archive(folder, version) for version in (OLD, NEW)}
        self.commands = folder / "commands"
        for name in _CHANGING:
            (self.commands / f"{name}.d").mkdir(parents=True)
            real = shutil.which(name)
            (self.commands / name).write_text(_STAND_IN % real, encoding="utf-8")
            (self.commands / name).chmod(0o755)

    def contents(self) -> dict[str, str]:
        return snapshot(self.home, ())

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        (self.commands / "count").write_text("0\n", encoding="utf-8")
        path = f"{self.commands}:{os.environ['PATH']}"
        return subprocess.run(
            command,
            env={"HOME": str(self.home), "PATH": path, "LANG": "C.UTF-8"} | more,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            start_new_session=True,
        )

    def install(self, version: str, *options: str, **more: str) -> str:
        """What it said on its standard error; an empty text when it went well."""
        inside = self.archives[version]
        line = 'cd "$0" && exec sh ./install.sh --yes --allow-root "$@"'
        more["USER_PWD"] = str(self.folder)
        done = self.run("sh", "-c", line, str(inside), *options, **more)
        assert (done.returncode == 0) == (done.stderr == ""), done.stdout + done.stderr
        return done.stderr

    def kill(self, version: str, at: int) -> bool:
        """Whether the installer was killed, at the command of that number."""
        inside = self.archives[version]
        line = 'cd "$0" && exec sh ./install.sh --yes --allow-root'
        done = self.run("sh", "-c", line, str(inside), KILLED_AT=str(at))
        assert done.returncode in (0, -9), done.stderr
        return done.returncode == -9

    def uninstall(self) -> None:
        done = self.run("sh", str(self.program / "uninstall.sh"), "--yes")
        assert done.returncode == 0, done.stderr


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def older(place: Place) -> Place:
    """With the older version installed."""
    assert place.install(OLD) == ""
    return place


def test_installed_upgraded_and_removed(place: Place) -> None:
    before = place.contents()
    place.install(OLD)
    place.install(NEW)
    share = place.home / ".local/share"
    assert (share / ONLY_IN[NEW]).is_file()
    assert not (share / ONLY_IN[OLD]).exists()
    assert not list(share.glob("hookscope.*"))
    assert not [path for path in place.program.iterdir() if path.name in (".journal", ".saved")]
    place.uninstall()
    assert place.contents() == before


def test_one_that_fails_in_the_end_leaves_nothing(place: Place) -> None:
    before = place.contents()
    assert "is there still" in place.install(NEW, FAILS="last")
    assert place.contents() == before


@pytest.mark.parametrize("way", ["last", "signal"])
def test_an_upgrade_that_fails_in_the_end_changes_nothing(older: Place, way: str) -> None:
    """Neither a file of both versions, nor one of the older only; nothing of the newer stays."""
    before = older.contents()
    assert "is there still" in older.install(NEW, FAILS=way)
    assert older.contents() == before


def test_what_others_had_in_the_place_of_its_files_comes_back(place: Place) -> None:
    entry = place.home / ".local/share" / COMMON[0]
    command = place.home / ".local/bin" / COMMAND
    for path in (entry, command):
        path.parent.mkdir(parents=True)
    entry.write_text("somebody else's", encoding="utf-8")
    command.symlink_to("/somewhere/else")
    before = place.contents()
    place.install(NEW, FAILS="last")
    assert place.contents() == before


def test_a_command_that_is_somebody_elses_by_now_survives_an_upgrade(older: Place) -> None:
    command = older.home / ".local/bin" / COMMAND
    command.unlink()
    command.write_text("mine", encoding="utf-8")
    older.install(NEW)
    older.uninstall()
    assert command.read_text(encoding="utf-8") == "mine"


def test_after_a_kill_at_any_point_the_next_one_makes_it_whole(
    older: Place, tmp_path: Path
) -> None:
    """Killed, then taken back or brought to an end by one that fails itself, then installed."""
    of_old, kept = older.contents(), tmp_path / "kept"
    shutil.copytree(older.home, kept, symlinks=True)
    older.install(NEW)
    of_new = older.contents()
    completed = []
    for at in range(3, 38, 5):
        shutil.rmtree(older.home)
        shutil.copytree(kept, older.home, symlinks=True)
        assert older.kill(NEW, at)
        assert older.install(NEW, FAILS="last")
        assert older.contents() in (of_old, of_new), at
        completed.append(older.contents() == of_new)
        assert older.install(NEW) == ""
        assert older.contents() == of_new, at
    assert completed == sorted(completed)
    assert set(completed) == {False, True}


@pytest.mark.parametrize("at", [26, 33])
def test_removed_after_a_kill_the_home_is_as_before(place: Place, at: int) -> None:
    """Before and after the renames: the uninstaller clears away what was cut short as well."""
    before = place.contents()
    place.install(OLD)
    assert place.kill(NEW, at)
    place.uninstall()
    assert place.contents() == before


def test_slashes_at_the_end_of_the_folder_do_not_count(place: Place) -> None:
    assert place.install(NEW, "--prefix", "a//.//") == ""
    assert (place.folder / "a" / NAME).is_file()
    assert not list(place.folder.glob("a.*"))


@pytest.mark.parametrize(
    "prefix", ["/", "//", "/.", "no/..", "{bin}/hookscope", "{bin}//hookscope-uninstall/", "{bin}"]
)
def test_a_folder_that_will_not_do_is_refused_in_one_line(place: Place, prefix: str) -> None:
    temporary = place.folder / "tmp"
    temporary.mkdir()
    before = place.contents()
    prefix = prefix.format(bin=place.home / ".local/bin")
    said = place.install(NEW, "--prefix", prefix, TMPDIR=str(temporary))
    assert said.count("\n") == 1
    assert said.startswith(f"{NAME}: ")
    assert "cannot be put into" in said or "will not do" in said
    assert place.contents() == before
    assert not list(temporary.iterdir())

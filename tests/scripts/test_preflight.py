"""What a target needs of the system is named before it starts: all of it, and how to get it."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import bootstrap, preflight
from scripts.bundle import binaries
from scripts.bundle.contents import is_dropped
from scripts.common import system as _system
from scripts.common.system import Need
from scripts.installers import linux_tree

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="elsewhere there is nothing to see to"
)


class System:
    """A system that lacks what a test says: its files, its user, and what apt can give it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lacks: set[str] = set()
        self.apt_has: set[str] = set()
        self.asked_of_apt: list[str] = []
        self.user = 1000
        monkeypatch.setattr(_system, "_libraries", lambda: _all_files() - self.lacks)
        monkeypatch.setattr(_system, "_command", lambda n: None if n in self.lacks else f"/bin/{n}")
        monkeypatch.setattr(_system.Path, "is_file", lambda path: str(path) not in self.lacks)
        monkeypatch.setattr(preflight.os, "geteuid", lambda: self.user, raising=False)
        monkeypatch.setattr(preflight.sys, "platform", "linux")
        monkeypatch.setattr(preflight.shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(bootstrap, "install_system_packages", self.install)

    def install(self, names: list[str]) -> None:
        self.asked_of_apt += names
        given = {*names} & self.apt_has
        for needs in _system.TARGETS.values():
            self.lacks -= {f for need in needs if need.package in given for f in need.files}


def _all_files() -> set[str]:
    return {f for needs in _system.TARGETS.values() for need in needs for f in need.files}


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    return System(monkeypatch)


@pytest.mark.parametrize("target", _system.TARGETS)
def test_a_system_that_has_everything_is_told_nothing(
    system: System, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    system.user = 0
    assert preflight.main([target]) == 0
    assert not capsys.readouterr().out
    assert not system.asked_of_apt


@pytest.mark.parametrize("target", _system.TARGETS)
def test_everything_that_is_missing_is_named_at_once(
    system: System, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    system.lacks = {"libwayland-cursor.so.0", "libwayland-egl.so.1", "libgdk-3.so.0"}
    assert preflight.main([target]) == 1
    said = capsys.readouterr().out
    assert all(name in said for name in system.lacks)
    # Of a package that is half there, what is there is not named.
    assert "libgtk-3.so.0" not in said
    command = said.split("Install it with:")[1].splitlines()[1].split()
    assert command[:3] == ["sudo", "apt-get", "install"]
    assert {n for n in command if n.startswith("lib")} == {
        "libgtk-3-0",
        "libwayland-cursor0",
        "libwayland-egl1",
    }
    assert not system.asked_of_apt


def test_commands_and_files_are_needed_as_well(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    font = next(f for f in _all_files() if f.endswith(".ttf"))
    system.lacks = {"makensis", "xprop", "wine64", font}
    assert preflight.main(["test-installer"]) == 1
    said = capsys.readouterr().out
    assert all(name in said for name in ("makensis", "nsis", "x11-utils", font))
    assert "as root" in said
    # Another wine does as well.
    assert "wine" not in said
    system.lacks |= {"wine"}
    assert preflight.main(["test-installer"]) == 1
    assert "wine64 or wine" in capsys.readouterr().out


def test_for_root_it_is_installed(system: System, capsys: pytest.CaptureFixture[str]) -> None:
    system.user, system.lacks = 0, {"libgdk-3.so.0", "libgtk-3.so.0", "makeself"}
    system.apt_has = {"libgtk-3-0", "makeself"}
    assert preflight.main(["installer"]) == 0
    assert system.asked_of_apt == ["libgtk-3-0", "makeself"]
    assert not capsys.readouterr().out


def test_what_apt_could_not_install_is_named(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    system.user, system.lacks = 0, {"libwayland-egl.so.1", "makeself", "chrpath"}
    system.apt_has = {"makeself"}
    assert preflight.main(["installer"]) == 1
    said = capsys.readouterr().out
    assert "libwayland-egl1" in said
    assert "chrpath" in said
    assert "makeself" not in said


def test_the_check_of_installers_is_for_root(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    assert preflight.main(["test-installer"]) == 1
    assert "as root" in capsys.readouterr().out
    assert preflight.main(["installer"]) == 0


def test_other_systems_need_nothing_from_here(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    system.lacks = _all_files()
    monkeypatch.setattr(preflight.sys, "platform", "darwin")
    assert preflight.main(["installer"]) == 0


@on_linux
def test_this_system_is_asked_for_what_it_has(tmp_path: Path) -> None:
    """By the loader's own list, the path, and the disk; nothing is made up here."""
    here = tmp_path / "font.ttf"
    here.touch()
    needs = [
        Need("libc6", ("libc.so.6", "libno-such.so.1")),
        Need("dash", ("sh", "no-such-command")),
        Need("either", ("no-such-command or sh",)),
        Need("font", (str(here), f"{here}.gone")),
    ]
    assert _system.missing(needs) == [
        Need("libc6", ("libno-such.so.1",)),
        Need("dash", ("no-such-command",)),
        Need("font", (f"{here}.gone",)),
    ]


@pytest.mark.parametrize("target", _system.TARGETS)
def test_make_looks_at_the_system_first(target: str) -> None:
    rule = re.search(rf"^{target}: (\S+)", MAKEFILE, re.MULTILINE)
    assert rule is not None
    assert rule[1] == f"system-{target}"
    listed = re.search(r"^SYSTEM_OF := (.*)$", MAKEFILE, re.MULTILINE)
    assert listed is not None
    assert rule[1] in listed[1].split()
    assert ".NOTPARALLEL:" in MAKEFILE


@pytest.mark.parametrize("target", _system.TARGETS)
def test_set_up_installs_what_the_targets_need(target: str) -> None:
    assert {*_system.packages(_system.TARGETS[target])} <= {*bootstrap.SYSTEM_PACKAGES["package"]}


def test_no_package_is_listed_twice() -> None:
    for needs in _system.TARGETS.values():
        names = [need.package for need in needs]
        assert len(names) == len(set(names))


@on_linux
@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf reads Linux's libraries")
def test_the_list_has_what_the_wheels_ask_for() -> None:
    """Every library that the kept libraries need and no wheel has, but for the C library's own."""
    site = Path(str(importlib.util.find_spec("numpy").origin)).parents[1]  # type: ignore[union-attr]
    packages = ("PySide6", "shiboken6", "torch", "torchvision", "numpy", "cv2", "PIL")
    folders = [site / name for name in packages] + sorted(site.glob("*.libs"))
    found = [p for folder in folders for p in folder.rglob("*.so*") if not p.is_symlink()]
    own = {path.name for path in site.rglob("*.so*")}
    entries = [(p.relative_to(site).as_posix(), str(p), "BINARY") for p in found]
    kept = [e for e in binaries.kept(entries) if not is_dropped(e[0])]
    told = subprocess.run(
        ["readelf", "-dW", *(source for _, source, _ in kept)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    asked = set(re.findall(r"\(NEEDED\).*\[(.+)\]", told)) - own - {*linux_tree._NOT_PACKAGED}
    assert len(asked) > 20
    of_the_c_library = re.compile(r"(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|util))\.so\.\d+")
    listed = {f for need in _system.TARGETS["bundle"] for f in need.files}
    assert not {name for name in asked - listed if not of_the_c_library.fullmatch(name)}

"""Set-up does what is missing, once, and says what it cannot do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts import bootstrap


class Commands:
    """Stands for subprocess.run: notes the commands, creates an environment, may fail."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.failing = ""
        self.stdout = ""

    def __call__(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        self.ran.append(command)
        failed = bool(self.failing) and self.failing in command
        if "venv" in command:
            scripts = Path(command[-1]) / ("Scripts" if sys.platform == "win32" else "bin")
            scripts.mkdir(parents=True)
            (scripts / ("python.exe" if sys.platform == "win32" else "python")).touch()
            seen = str("--system-site-packages" in command).lower()
            facts = Path(command[-1]) / "pyvenv.cfg"
            facts.write_text(f"include-system-site-packages = {seen}\n", encoding="utf-8")
        if failed and options.get("check"):
            raise subprocess.CalledProcessError(1, command)
        return subprocess.CompletedProcess(command, int(failed), self.stdout, "")

    def count(self, word: str) -> int:
        return sum(word in command for command in self.ran)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Commands:
    fake = Commands()
    monkeypatch.setattr(bootstrap.subprocess, "run", fake)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    for name in ("requirements.txt", "requirements-extras.txt", "requirements-dev.txt"):
        (tmp_path / name).write_text(f"{name}==1\n", encoding="utf-8")
    return fake


def test_a_second_run_does_nothing(commands: Commands) -> None:
    bootstrap.install_requirements("run")
    assert (commands.count("venv"), commands.count("pip")) == (1, 1)
    bootstrap.install_requirements("run")
    assert len(commands.ran) == 2


def test_what_the_tests_need_includes_what_the_program_needs(commands: Commands) -> None:
    bootstrap.install_requirements("test")
    bootstrap.install_requirements("run")
    assert (commands.count("venv"), commands.count("pip")) == (1, 1)


def test_a_changed_pin_installs_again(commands: Commands, tmp_path: Path) -> None:
    bootstrap.install_requirements("run")
    (tmp_path / "requirements.txt").write_text("other==2\n", encoding="utf-8")
    bootstrap.install_requirements("run")
    assert (commands.count("venv"), commands.count("pip")) == (1, 2)


def test_a_failed_installation_is_tried_again(commands: Commands) -> None:
    commands.failing = "pip"
    with pytest.raises(subprocess.CalledProcessError):
        bootstrap.install_requirements("run")
    commands.failing = ""
    bootstrap.install_requirements("run")
    assert (commands.count("venv"), commands.count("pip")) == (1, 2)


def test_torch_can_come_from_this_python(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Everything else is installed anew at the pinned versions, whatever this Python has."""
    text = "torch==2.13.0\ntorchvision==0.28.0\nnumpy==2.4.6\n"
    (tmp_path / "requirements.txt").write_text(text, encoding="utf-8")
    bootstrap.install_requirements("run")
    assert commands.count("--system-site-packages") == 0
    # An environment that was made otherwise, as by an attempt before, is in nobody's way.
    monkeypatch.setenv("SYSTEM_SITE_PACKAGES", "1")
    bootstrap.install_requirements("run")
    assert commands.count("--system-site-packages") == 1
    own, all_of_it = commands.ran[-2:]
    assert own[-3:] == ["--ignore-installed", "--no-deps", "numpy==2.4.6"]
    assert all_of_it[-2:] == ["-r", str(tmp_path / "requirements.txt")]
    bootstrap.install_requirements("run")
    assert commands.count("--system-site-packages") == 1
    monkeypatch.delenv("SYSTEM_SITE_PACKAGES")
    bootstrap.install_requirements("run")
    assert commands.count("venv") == 3


def test_the_tools_of_a_release_see_nothing_else(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "requirements-release.txt").write_text("cyclonedx-bom==7.5.0\n", encoding="utf-8")
    monkeypatch.setenv("SYSTEM_SITE_PACKAGES", "1")
    bootstrap.install_requirements("release")
    assert commands.count("--system-site-packages") == 0


@pytest.mark.parametrize(("machine", "told"), [("x86_64", True), ("arm64", False)])
def test_on_an_intel_mac_it_is_said_where_torch_is(
    commands: Commands,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    machine: str,
    told: bool,
) -> None:
    commands.failing = "pip"
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(bootstrap.platform, "machine", lambda: machine)
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "run"])
    monkeypatch.delenv("SYSTEM_SITE_PACKAGES", raising=False)
    assert bootstrap.main() == 1
    assert ("docs/packaging.md, section macOS" in capsys.readouterr().out) == told


def test_half_an_environment_is_removed(commands: Commands, tmp_path: Path) -> None:
    commands.failing = "venv"
    with pytest.raises(subprocess.CalledProcessError):
        bootstrap.install_requirements("run")
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize(("user", "installs"), [(0, True), (1000, False)])
def test_missing_system_packages(
    commands: Commands,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    user: int,
    installs: bool,
) -> None:
    monkeypatch.setattr(bootstrap.sys, "platform", "linux")
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: user, raising=False)
    commands.stdout = "libegl1 installed\nxvfb config-files\n"
    bootstrap.install_system_packages(["libegl1", "xvfb", "xdotool"])
    apt = [command for command in commands.ran if command[0] == "apt-get"]
    assert [command[1] for command in apt] == (["update", "install"] if installs else [])
    told = capsys.readouterr().out
    assert told.count("\n") == 1
    assert "xvfb xdotool" in told
    assert "libegl1" not in told


def test_nothing_missing_says_nothing(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap.sys, "platform", "darwin")
    bootstrap.install_system_packages(["libegl1"])
    assert not commands.ran
    assert capsys.readouterr().out == ""

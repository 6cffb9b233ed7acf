"""Set-up does what is missing, once, and says what it cannot do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts import bootstrap
from scripts.common import locks

HASH = f"    --hash=sha256:{'0' * 64}\n"
TAG = f"cp{sys.version_info[0]}{sys.version_info[1]}"


class Commands:
    """Stands for subprocess.run: notes the commands, creates an environment, may fail."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.failing = ""
        self.stdout = ""
        self.told: dict[str, str] = {}
        """What a command prints that has this in one of its words."""

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
        told = [text for word, text in self.told.items() if any(word in part for part in command)]
        stdout = told[0] if told else self.stdout
        return subprocess.CompletedProcess(command, int(failed), stdout, "")

    def count(self, word: str) -> int:
        return sum(word in command for command in self.ran)

    def installed(self) -> list[str]:
        """The files that pip was given, in order."""
        return [Path(command[-1]).name for command in self.ran if "install" in command]


def lock(root: Path, name: str, *pins: str) -> None:
    """Write a lock that is current."""
    text = locks.inputs_line(locks.LOCKS[name], root) + "\n"
    text += "".join(f"{pin} \\\n{HASH}" for pin in pins)
    (root / name).write_text(text, encoding="utf-8")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Commands:
    fake = Commands()
    monkeypatch.setattr(bootstrap.subprocess, "run", fake)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.delenv("SYSTEM_SITE_PACKAGES", raising=False)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "benchmarks").mkdir()
    for name in {name for inputs in locks.LOCKS.values() for name in inputs}:
        (tmp_path / name).write_text(f"{Path(name).stem}==1\n", encoding="utf-8")
    label = locks.BUILD_OF.get(sys.platform, "cpu")
    (tmp_path / locks.BUILDS).write_text(
        f"{'0' * 64}  torch-2.13.0+{label}-{TAG}-{TAG}-any.whl\n", encoding="utf-8"
    )
    for name in locks.LOCKS:
        lock(tmp_path, name)
    lock(tmp_path, locks.CUDA, "triton==3.7.1 ; sys_platform == 'linux'", "nvidia-cublas==13.1.1")
    versions = ("torch==2.13.0", f"torch==2.13.0+{label}", "torchvision==0.28.0")
    lock(tmp_path, locks.TORCH, *versions)
    return fake


def test_a_second_run_does_nothing(commands: Commands) -> None:
    bootstrap.install_requirements("run")
    assert commands.count("venv") == 1
    assert commands.installed() == ["torch.txt", "run.lock"]
    done = len(commands.ran)
    bootstrap.install_requirements("run")
    assert len(commands.ran) == done


def test_pip_takes_nothing_that_is_not_in_the_lock(commands: Commands) -> None:
    for purpose in bootstrap.PURPOSES:
        bootstrap.install_requirements(purpose)
    installs = [command for command in commands.ran if "install" in command]
    assert len(installs) >= 8
    for command in installs:
        assert {"--require-hashes", "--no-deps", "--no-build-isolation"} <= set(command)


def test_what_the_tests_need_includes_what_the_program_needs(commands: Commands) -> None:
    bootstrap.install_requirements("test")
    bootstrap.install_requirements("run")
    bootstrap.install_requirements("extras")
    assert commands.count("venv") == 1
    assert commands.installed() == ["torch.txt", "test.lock", "published.txt"]


@pytest.mark.parametrize("name", ["requirements/run.lock", locks.TORCH, locks.CUDA])
def test_a_changed_lock_is_installed(commands: Commands, tmp_path: Path, name: str) -> None:
    bootstrap.install_requirements("run")
    lock(tmp_path, name, "torch==2.13.0")
    bootstrap.install_requirements("run")
    assert commands.count("venv") == 1
    assert commands.installed() == ["torch.txt", "run.lock"] * 2


def test_a_pin_that_is_not_locked_is_refused(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    text = (tmp_path / "requirements.txt").read_text("utf-8")
    (tmp_path / "requirements.txt").write_text(f"# why\n\n{text}", encoding="utf-8")
    bootstrap.install_requirements("run")
    (tmp_path / "requirements.txt").write_text("other==2\n", encoding="utf-8")
    monkeypatch.setattr(bootstrap, "install_system_packages", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "run"])
    assert bootstrap.main() == 1
    told = capsys.readouterr().out.splitlines()[-1]
    assert "requirements.txt" in told
    assert "'make lock'" in told
    # What makes the locks anew does without.
    (tmp_path / "requirements-upkeep.txt").write_text("uv==2\n", encoding="utf-8")
    bootstrap.install_requirements("upkeep")
    assert commands.installed()[-1] == "upkeep.lock"


def test_a_failed_installation_is_tried_again(commands: Commands) -> None:
    commands.failing = "install"
    with pytest.raises(subprocess.CalledProcessError):
        bootstrap.install_requirements("run")
    commands.failing = ""
    bootstrap.install_requirements("run")
    assert commands.count("venv") == 1
    assert commands.installed() == ["torch.txt", "torch.txt", "run.lock"]


@pytest.mark.parametrize(
    ("platform", "offered", "chosen"),
    [
        ("linux", "2.14.0, 2.13.0+cpu, 2.13.0", "2.13.0+cpu"),
        ("linux", "2.14.0, 2.13.0", "2.13.0"),
        ("linux", "2.13.0+cu130, 2.13.0", "2.13.0"),
        ("linux", "", "2.13.0"),
        ("win32", "2.13.0+cu130, 2.13.0", "2.13.0+cu130"),
        ("win32", "2.13.0+cpu, 2.13.0", "2.13.0"),
        ("darwin", "2.13.0", "2.13.0"),
    ],
)
def test_the_build_of_torch_is_the_one_that_pip_can_have(
    commands: Commands,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    platform: str,
    offered: str,
    chosen: str,
) -> None:
    monkeypatch.setattr(bootstrap.sys, "platform", platform)
    files = [f"{'0' * 64}  torch-2.13.0+{b}-{TAG}-{TAG}-x.whl" for b in ("cpu", "cu130")]
    (tmp_path / locks.BUILDS).write_text("\n".join(files), encoding="utf-8")
    lock(tmp_path, locks.TORCH, "torch==2.13.0", "torch==2.13.0+cpu", "torch==2.13.0+cu130")
    commands.told = {"index": f"torch (2.14.0)\nAvailable versions: {offered}\n"}
    text = bootstrap.torch_of(Path("python"))
    assert [entry.version for entry in locks.entries(text)] == [chosen]
    assert all(entry.hashes for entry in locks.entries(text))


def test_a_build_without_a_file_for_this_python_is_not_chosen(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bootstrap.sys, "platform", "linux")
    other = f"{'0' * 64}  torch-2.13.0+cpu-cp399-cp399-manylinux_2_28_x86_64.whl"
    (tmp_path / locks.BUILDS).write_text(other, encoding="utf-8")
    lock(tmp_path, locks.TORCH, "torch==2.13.0", "torch==2.13.0+cpu")
    commands.told = {"index": "Available versions: 2.13.0+cpu, 2.13.0\n"}
    assert [e.version for e in locks.entries(bootstrap.torch_of(Path("python")))] == ["2.13.0"]


@pytest.mark.parametrize(
    ("platform", "requires", "needs"),
    [
        ("linux", "filelock\ntriton==3.7.1; platform_system == 'Linux'", True),
        ("linux", "jinja2\nnvidia_cublas (==13.1.1)", True),
        ("linux", "filelock\nsympy>=1.13.3", False),
        ("win32", "filelock\ntriton==3.7.1; platform_system == 'Linux'", False),
    ],
)
def test_what_cuda_needs_is_installed_with_the_build_that_needs_it(
    commands: Commands,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    requires: str,
    needs: bool,
) -> None:
    monkeypatch.setattr(bootstrap.sys, "platform", platform)
    commands.told = {"requires('torch')": requires}
    bootstrap.install_requirements("run")
    middle = ["cuda.lock"] if needs else []
    assert commands.installed() == ["torch.txt", *middle, "run.lock"]


def test_torch_can_come_from_this_python(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything else is installed anew at the locked versions, whatever this Python has."""
    bootstrap.install_requirements("run")
    assert commands.count("--system-site-packages") == 0
    # An environment that was made otherwise, as by an attempt before, is in nobody's way.
    monkeypatch.setenv("SYSTEM_SITE_PACKAGES", "1")
    commands.told = {"'torch'": "2.13.0+cpu 1.0\n", "'torchvision'": "0.28.0\n"}
    bootstrap.install_requirements("run")
    assert commands.count("--system-site-packages") == 1
    assert commands.installed() == ["torch.txt", "run.lock", "run.lock"]
    assert "--ignore-installed" in commands.ran[-1]
    bootstrap.install_requirements("run")
    assert commands.count("--system-site-packages") == 1
    monkeypatch.delenv("SYSTEM_SITE_PACKAGES")
    bootstrap.install_requirements("run")
    assert commands.count("venv") == 3


@pytest.mark.parametrize("found", ["2.12.0\n", "\n"])
def test_another_torch_in_this_python_is_refused(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, found: str
) -> None:
    monkeypatch.setenv("SYSTEM_SITE_PACKAGES", "1")
    commands.told = {"'torch'": found, "'torchvision'": "0.28.0\n"}
    with pytest.raises(bootstrap.SetupFault, match=r"torch 2\.13\.0, and there is (2\.12\.0|none)"):
        bootstrap.install_requirements("run")
    assert not commands.installed()


def test_the_tools_of_a_release_see_nothing_else(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    commands.failing = "install"
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

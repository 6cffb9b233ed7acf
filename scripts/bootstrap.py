"""Prepare a checkout: system libraries, virtual environment, pinned requirements.

    python3 scripts/bootstrap.py [run | test | bench | package | release]

Needs nothing but Python 3.11 or newer with its venv module. Whatever is already in place is left
alone: a stamp in the environment holds a hash of the requirements that were installed.

With SYSTEM_SITE_PACKAGES=1 the environment of the program also sees what this Python has, and takes
torch and torchvision from there: where there are no wheels of them, they can come from elsewhere.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What is installed where: environment folder, then the requirements files in order.
PURPOSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "run": (".venv", ("requirements.txt",)),
    "test": (
        ".venv",
        ("requirements.txt", "requirements-extras.txt", "requirements-dev.txt"),
    ),
    "package": (
        ".venv",
        ("requirements.txt", "requirements-extras.txt", "requirements-dev.txt"),
    ),
    "bench": (".venv-bench", ("requirements.txt", "benchmarks/requirements.txt")),
    "release": (".venv-release", ("requirements-release.txt",)),
}

_FROM_ELSEWHERE = ("torch", "torchvision")

QT_LIBRARIES = [
    "libegl1",
    "libgl1",
    "libxcb-cursor0",
    "libxkbcommon-x11-0",
    "libdbus-1-3",
    "libfontconfig1",
    "libxcb-icccm4",
    "libxcb-image0",
    "libxcb-keysyms1",
    "libxcb-randr0",
    "libxcb-render-util0",
    "libxcb-shape0",
    "libxcb-xinerama0",
    "libxcb-xkb1",
]
DISPLAY_TOOLS = ["xvfb", "xdotool", "openbox", "fonts-dejavu-core"]
# What makes and checks the installers of Linux and, with a stand-in payload, of Windows.
PACKAGING_TOOLS = [
    "appstream",
    "binutils",
    "chrpath",
    "debootstrap",
    "desktop-file-utils",
    "libglib2.0-bin",
    "lintian",
    "makeself",
    "nsis",
    "shared-mime-info",
    "shellcheck",
    "wine64",
    "x11-utils",
    "xz-utils",
]
SYSTEM_PACKAGES = {
    "run": QT_LIBRARIES,
    "test": QT_LIBRARIES + DISPLAY_TOOLS,
    "package": QT_LIBRARIES + DISPLAY_TOOLS + PACKAGING_TOOLS,
    "bench": [],
    "release": [],
}


def say(text: str) -> None:
    print(text, flush=True)


def missing_packages(wanted: list[str]) -> list[str]:
    """Those of the Debian packages that are not installed; none on any other system."""
    if not wanted or not sys.platform.startswith("linux") or not shutil.which("dpkg-query"):
        return []
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n", *wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    installed = {
        name
        for name, _, status in (line.partition(" ") for line in asked.stdout.splitlines())
        if status == "installed"
    }
    return [name for name in wanted if name not in installed]


def install_system_packages(wanted: list[str]) -> None:
    missing = missing_packages(wanted)
    if not missing:
        return
    install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() != 0:
        say(f"System libraries are missing; install them with: sudo {shlex.join(install)}")
        return
    say(f"Installing system libraries: {' '.join(missing)}")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-q"], install):
        if subprocess.run(command, env=env, stdin=subprocess.DEVNULL, check=False).returncode:
            say(f"'{shlex.join(command)}' failed; going on without.")
            return


def requirements_hash(files: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in files:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def shares(folder: str) -> bool:
    """Whether that environment is to see what this Python has."""
    return folder == ".venv" and os.environ.get("SYSTEM_SITE_PACKAGES") == "1"


def create_environment(environment: Path, shared: bool) -> None:
    option = ["--system-site-packages"] if shared else []
    try:
        subprocess.run([sys.executable, "-m", "venv", *option, str(environment)], check=True)
    except subprocess.CalledProcessError:
        # Half an environment would pass for a whole one next time.
        shutil.rmtree(environment, ignore_errors=True)
        raise


def fits(environment: Path, shared: bool) -> bool:
    """Whether an environment that is there sees of its Python what it is to see."""
    facts = environment / "pyvenv.cfg"
    if not facts.is_file():
        return False
    text = facts.read_text(encoding="utf-8").lower()
    return ("include-system-site-packages = true" in text) == shared


def python_of(environment: Path) -> Path:
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    return scripts / ("python.exe" if os.name == "nt" else "python")


def without_torch(files: tuple[str, ...]) -> list[str]:
    """The pins of these files without those of torch and torchvision."""
    lines = [line for name in files for line in (ROOT / name).read_text("utf-8").splitlines()]
    pins = [line.strip() for line in lines if "==" in line and not line.startswith("#")]
    return [pin for pin in pins if pin.partition("==")[0] not in _FROM_ELSEWHERE]


def install_requirements(purpose: str) -> None:
    folder, files = PURPOSES[purpose]
    environment, shared = ROOT / folder, shares(folder)
    python = python_of(environment)
    stamp = environment / f".installed-{purpose}"
    wanted = requirements_hash(files)
    if python.exists() and not fits(environment, shared):
        say(f"{folder} was made otherwise and is made anew")
        shutil.rmtree(environment)
    if python.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return
    if not python.exists():
        say(f"Creating {folder} with Python {sys.version.split()[0]}")
        create_environment(environment, shared)
    say(f"Installing {', '.join(files)} into {folder}")
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    if shared:
        # Its own copy of everything else, whatever this Python has: the wheels that are tested.
        own = [*command, "--ignore-installed", "--no-deps", *without_torch(files)]
        subprocess.run(own, check=True, stdin=subprocess.DEVNULL)
    for name in files:
        command += ["-r", str(ROOT / name)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    for name, (other_folder, other_files) in PURPOSES.items():
        if other_folder == folder and set(other_files) <= set(files):
            done = environment / f".installed-{name}"
            done.write_text(requirements_hash(other_files), encoding="ascii")


def hint() -> str:
    """What else can be the matter here; '' where nothing is known."""
    intel_mac = sys.platform == "darwin" and platform.machine() == "x86_64"
    if intel_mac and os.environ.get("SYSTEM_SITE_PACKAGES") != "1":
        return (
            "PyTorch has no wheels for Macs with an Intel processor any more; "
            "docs/packaging.md, section macOS, says where to take it from."
        )
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description="Prepare a checkout of Hookscope.")
    parser.add_argument("purpose", nargs="?", default="run", choices=sorted(PURPOSES))
    purpose = parser.parse_args().purpose
    if sys.version_info < (3, 11):  # noqa: UP036 - this is what says so to an older Python
        say(f"Hookscope needs Python 3.11 or newer, this is {sys.version.split()[0]}.")
        return 1
    install_system_packages(SYSTEM_PACKAGES[purpose])
    try:
        install_requirements(purpose)
    except subprocess.CalledProcessError as error:
        say(f"Set-up failed: '{shlex.join(map(str, error.cmd))}' ended with {error.returncode}.")
        if told := hint():
            say(told)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

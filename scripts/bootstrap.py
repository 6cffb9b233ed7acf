"""Prepare a checkout: system libraries, virtual environment, locked requirements.

    python3 scripts/bootstrap.py [run | extras | test | bench | package | release | browser |
                                  upkeep]

Needs nothing but Python 3.11 or newer with its venv module. Whatever is already in place is left
alone: a stamp in the environment holds a hash of the locks that were installed.

A lock in requirements/ names every package with the hashes of its files, and pip takes no other:
neither another file nor a package that is not in it. torch, of which there are several builds, is
installed first and by itself; what its CUDA build needs on top is installed where that build is.

With SYSTEM_SITE_PACKAGES=1 the environment of the program also sees what this Python has, and takes
torch and torchvision from there: where there are no wheels of them, they can come from elsewhere.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.common import locks as _locks
from scripts.common import system
from scripts.common.locks import BUILDS, CUDA, TORCH

# What is installed where: environment folder, then the locks in order.
PURPOSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "run": (".venv", (TORCH, "requirements/run.lock")),
    "extras": (".venv", (TORCH, "requirements/extras.lock")),
    "test": (".venv", (TORCH, "requirements/test.lock")),
    "package": (".venv", (TORCH, "requirements/test.lock")),
    # The first brings the setuptools that builds what the second has as source alone.
    "bench": (".venv-bench", (TORCH, "requirements/run.lock", "requirements/bench.lock")),
    "release": (".venv-release", ("requirements/release.lock",)),
    "browser": (".venv-browser", ("requirements/browser.lock",)),
    "upkeep": (".venv-upkeep", ("requirements/upkeep.lock",)),
}

PUBLISHED = "requirements/published.txt"

QT_LIBRARIES = system.packages(system.QT)
_TEST = system.packages((*system.QT, *system.DISPLAY))
_ALL_TARGETS = (need for needs in system.TARGETS.values() for need in needs)
_PACKAGE = system.packages((*_ALL_TARGETS, *system.METADATA_TOOLS))
SYSTEM_PACKAGES = {
    "run": QT_LIBRARIES,
    "test": _TEST,
    "package": _PACKAGE,
    "extras": QT_LIBRARIES,
    "bench": [],
    "release": [],
    "browser": system.packages((*system.QT, *system.BROWSER)),
    "upkeep": [],
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


class SetupFault(Exception):
    """What keeps a checkout from being prepared, in one line that says what to do."""


def locks_hash(locks: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in [*locks, *([CUDA] if TORCH in locks else [])]:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def refuse_stale(locks: tuple[str, ...]) -> None:
    """Raises SetupFault for a lock that was made from other requirements than are there."""
    for name in [*locks, *([CUDA] if TORCH in locks else [])]:
        if not _locks.is_current(name, ROOT):
            inputs = " or ".join(_locks.LOCKS[name])
            raise SetupFault(f"{name} was made before {inputs} was changed: run 'make lock'.")


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


def offered(python: Path, name: str) -> set[str]:
    """The versions of a package that pip can have here; none where it cannot have any."""
    command = [str(python), "-m", "pip", "index", "versions", "--disable-pip-version-check", name]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    line = re.search(r"^Available versions: (.*)$", told, re.MULTILINE)
    return set(line[1].split(", ")) if line else set()


def torch_of(python: Path) -> str:
    """The entries of torch and torchvision for this system, as pip takes them: the build that is
    meant beside the usual one where pip can have it, as it would choose without hashes."""
    found = _locks.entries((ROOT / TORCH).read_text("utf-8"))
    files = _locks.pins((ROOT / BUILDS).read_text("utf-8"))
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    chosen = {entry.name: entry for entry in found if not entry.build}
    for entry in found:
        meant = f"  {entry.name}-{entry.version}-{tag}-"
        if (
            entry.build == _locks.BUILD_OF.get(sys.platform)
            and any(meant in line for line in files)
            and entry.version in offered(python, entry.name)
        ):
            chosen[entry.name] = entry
    return "--require-hashes\n--only-binary :all:\n" + "".join(e.text for e in chosen.values())


def asked(python: Path, code: str) -> str:
    """What that Python prints about torch and torchvision. Raises CalledProcessError."""
    command = [str(python), "-c", f"from importlib import metadata\n{code}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def needs_cuda(python: Path) -> bool:
    """Whether the torch that is installed there is a build that needs the packages of CUDA."""
    if not sys.platform.startswith("linux"):
        # All builds list those packages, for Linux alone.
        return False
    listed = asked(python, "print(*metadata.requires('torch') or (), sep='\\n')")
    names = {_locks.canonical(re.split(r"[^\w.-]", line)[0]) for line in listed.splitlines()}
    return bool(names & {e.name for e in _locks.entries((ROOT / CUDA).read_text("utf-8"))})


def check_given(python: Path) -> None:
    """Raises SetupFault where torch and torchvision from elsewhere are not the locked versions."""
    for entry in _locks.entries((ROOT / TORCH).read_text("utf-8")):
        if entry.build:
            continue
        seen = f"metadata.distributions(name={entry.name!r})"
        # The first is the one that is imported.
        version = [*asked(python, f"print(*[d.version for d in {seen}])").split(), "none"][0]
        if version.partition("+")[0] != entry.version:
            raise SetupFault(
                f"with SYSTEM_SITE_PACKAGES=1, {sys.executable} has to bring {entry.name} "
                f"{entry.version}, and there is {version}."
            )


def install(command: list[str], requirements: Path) -> None:
    subprocess.run([*command, "-r", str(requirements)], check=True, stdin=subprocess.DEVNULL)


def install_locks(python: Path, locks: tuple[str, ...], shared: bool) -> None:
    """Raises CalledProcessError where pip fails, and SetupFault where torch is not the one."""
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    # A lock is whole; and what has to be built is built with what is locked.
    command += ["--require-hashes", "--no-deps", "--no-build-isolation"]
    if shared:
        check_given(python)
        # Its own copy of everything else, whatever this Python has: the wheels that are tested.
        command += ["--ignore-installed"]
    for name in locks:
        if name != TORCH:
            install(command, ROOT / name)
        elif not shared:
            one_build = python.parent.parent / "torch.txt"
            one_build.write_text(torch_of(python), encoding="utf-8")
            install(command, one_build)
            if needs_cuda(python):
                install(command, ROOT / CUDA)


def install_published(python: Path) -> None:
    """Networks for tests, which are left out where pip cannot have them."""
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    command += ["--require-hashes", "--no-deps", "--no-build-isolation"]
    command += ["-r", str(ROOT / PUBLISHED)]
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode:
        say(f"{PUBLISHED} could not be installed; going on without the tests that need it.")


def install_requirements(purpose: str) -> None:
    folder, locks = PURPOSES[purpose]
    environment, shared = ROOT / folder, shares(folder)
    python = python_of(environment)
    stamp = environment / f".installed-{purpose}"
    if purpose != "upkeep":
        # That is what makes them anew.
        refuse_stale(locks)
    wanted = locks_hash(locks)
    if python.exists() and not fits(environment, shared):
        say(f"{folder} was made otherwise and is made anew")
        shutil.rmtree(environment)
    if python.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return
    if not python.exists():
        say(f"Creating {folder} with Python {sys.version.split()[0]}")
        create_environment(environment, shared)
    say(f"Installing {', '.join(locks)} into {folder}")
    install_locks(python, locks, shared)
    if purpose == "test":
        install_published(python)
    inputs = set(_locks.LOCKS[locks[-1]])
    for name, (other_folder, other) in PURPOSES.items():
        if other_folder == folder and set(_locks.LOCKS[other[-1]]) <= inputs:
            done = environment / f".installed-{name}"
            done.write_text(locks_hash(other), encoding="ascii")


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
    except SetupFault as fault:
        say(f"Set-up failed: {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

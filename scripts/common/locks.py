"""The locks in requirements/: what each is made from, how it is read, whether it is current.

Standard library alone, since scripts/bootstrap.py reads them before anything is installed.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

BUILDS = "requirements/torch-builds.txt"
TORCH = "requirements/torch.lock"
CUDA = "requirements/cuda.lock"

# Each lock, and the files that people edit from which it is made.
LOCKS: dict[str, tuple[str, ...]] = {
    TORCH: ("requirements.txt", BUILDS),
    CUDA: ("requirements.txt",),
    "requirements/run.lock": ("requirements.txt",),
    "requirements/extras.lock": ("requirements.txt", "requirements-extras.txt"),
    "requirements/test.lock": (
        "requirements.txt",
        "requirements-extras.txt",
        "requirements-cluster.txt",
        "requirements-dev.txt",
    ),
    "requirements/bench.lock": ("requirements.txt", "benchmarks/requirements.txt"),
    "requirements/release.lock": ("requirements-release.txt",),
    "requirements/browser.lock": ("requirements-browser.txt",),
    "requirements/upkeep.lock": ("requirements-upkeep.txt",),
}

TORCH_NAMES = ("torch", "torchvision")
"""Of these there are several builds of one version, and TORCH has each of them as an entry."""

BUILD_OF = {"linux": "cpu", "win32": "cu130"}
"""The build that is meant beside the usual one, by sys.platform: on Linux the usual is for CUDA, on
Windows for the CPU."""

_INPUTS = "# inputs: sha256 "
_ENTRY = re.compile(r"^([a-z0-9-]+)==([^\s;]+)(?: ; (.+?))? \\$", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class Entry:
    """One package of a lock at one version, with the text that stands for it there."""

    def __init__(self, name: str, version: str, marker: str, text: str) -> None:
        self.name = name
        """In the registries' form: 'typing-extensions'."""
        self.version = version
        self.marker = marker
        """Where it is installed, as packages say it; '' for everywhere."""
        self.text = text
        self.hashes: list[str] = _HASH.findall(text)

    @property
    def build(self) -> str:
        """'cpu' of 2.13.0+cpu; '' for the usual build."""
        return self.version.partition("+")[2]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(text: str) -> list[Entry]:
    """What a lock, or what uv wrote, holds; a name may be there more than once."""
    found = []
    for start in _ENTRY.finditer(text):
        indented = re.compile(r"(?:    .*\n)*").match(text, start.end() + 1)
        end = indented.end() if indented else start.end()
        entry = Entry(start[1], start[2], start[3] or "", text[start.start() : end])
        found.append(entry)
    return found


def pins(text: str) -> list[str]:
    """The lines of a file that people edit, without comments and without '-r FILE'."""
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("-r ")]


def digest(inputs: tuple[str, ...], root: Path = ROOT) -> str:
    """Of all that the input files pin; comments, order and line endings do not count."""
    lines = [line for name in inputs for line in pins((root / name).read_text("utf-8"))]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def inputs_line(inputs: tuple[str, ...], root: Path = ROOT) -> str:
    """What a lock that is made from these files says in its head."""
    return _INPUTS + digest(inputs, root)


def is_current(name: str, root: Path = ROOT) -> bool:
    """Whether that lock was made from its input files as they are."""
    path = root / name
    line = inputs_line(LOCKS[name], root)
    return path.is_file() and line in path.read_text("utf-8").splitlines()

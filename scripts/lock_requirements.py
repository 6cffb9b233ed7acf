"""Write the locks in requirements/: every package at one version, with the hashes of its files.

    make lock                              # after an edit of a requirements file
    make lock LOCK_ARGS=--upgrade          # newer versions of what no requirements file pins
    make lock LOCK_ARGS='--builds cpu=INDEX --builds cu130=INDEX'    # after another torch

uv resolves them for Linux, macOS and Windows at once, and for each Python from 3.11 on; what is
locked already stays as it is where it can. Then wheels are looked for, on each system and Python.

torch and torchvision come in several builds of one version: they are in a lock of their own, with
the builds of requirements/torch-builds.txt beside the usual ones, and what the usual CUDA build for
Linux needs on top is in another. Needs requirements/upkeep.lock (make sees to it) and the network.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.common import locks
from scripts.common.locks import BUILDS, CUDA, LOCKS, TORCH, TORCH_NAMES, Entry

_UV = [sys.executable, "-m", "uv", "--no-config", "--quiet", "pip"]
_PYTHONS = ("3.11", "3.12", "3.13")

# What is asked for a wheel of everything: the oldest systems that Qt and NumPy have wheels for.
_SYSTEMS = (
    "x86_64-manylinux_2_36",
    "aarch64-manylinux_2_39",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-msvc",
)
_MACOS = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}
# PyTorch has no wheels for it; docs/packaging.md says where its torch is from.
_WITHOUT_TORCH = "x86_64-apple-darwin"

# Which wheels of the other builds are meant: those of the systems in BUILD_OF.
_MEANT = {
    "cpu": re.compile(r"-cp31[123]-manylinux_\w+_(x86_64|aarch64)\.whl$"),
    "cu130": re.compile(r"-cp31[123]-win_amd64\.whl$"),
}

_WIDEST = "requirements/test.lock"
_OF_CUDA = re.compile(r"(nvidia|cuda)-[a-z0-9-]+|triton")

# No wheel of it is published: it is built from its source, whose hash is here, by the setuptools
# that is locked as well.
_FROM_SOURCE = {"requirements/bench.lock": "grad-cam"}

_ONE_BUILD = """\
# Not for pip as it is: scripts/bootstrap.py takes one build of each. In front of a file, the first
# digits of its hash.
"""

_HEAD = """\
# Written by scripts/lock_requirements.py, not by hand: edit a requirements file, then 'make lock'.
{inputs}
--require-hashes
--only-binary :all:
"""


def uv(arguments: list[str], **variables: str) -> str:
    """What uv's pip printed. Raises SystemExit with its error."""
    done = subprocess.run(
        [*_UV, *arguments],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"uv pip {' '.join(arguments)}\n{done.stderr}")
    return done.stdout


def text_of(name: str) -> str:
    path = ROOT / name
    return path.read_text("utf-8") if path.is_file() else ""


def resolve(lock: str, known: str) -> list[Entry]:
    """All that the inputs of a lock need, torch among it. known: entries that are to stay."""
    with tempfile.TemporaryDirectory(prefix="hookscope-lock-") as folder:
        out = Path(folder) / "out.txt"
        out.write_text(known, encoding="utf-8")
        command = ["compile", "--universal", "--python-version", _PYTHONS[0]]
        command += ["--generate-hashes", "--no-header", *LOCKS[lock], "--output-file", str(out)]
        if lock not in _FROM_SOURCE:
            command += ["--only-binary", ":all:"]
        uv(command)
        return locks.entries(out.read_text("utf-8"))


def write(lock: str, body: str) -> None:
    text = _HEAD.format(inputs=locks.inputs_line(LOCKS[lock]))
    if built := _FROM_SOURCE.get(lock):
        text += f"--no-binary {built}\n"
    if lock == TORCH:
        text += _ONE_BUILD
    (ROOT / lock).write_text(f"{text}\n{body}", encoding="utf-8", newline="\n")
    print(f"{lock}: {len(locks.entries(body))} packages", flush=True)


def wheels(requirement: str, index: str | None = None) -> dict[str, str]:
    """The wheels of one version, {name of the file: SHA-256}, in the usual index or that one."""
    with tempfile.TemporaryDirectory(prefix="hookscope-lock-") as folder:
        asked, out = Path(folder) / "asked.txt", Path(folder) / "pylock.toml"
        asked.write_text(requirement + "\n", encoding="utf-8")
        command = ["compile", "--universal", "--python-version", _PYTHONS[0], "--no-deps"]
        command += ["--only-binary", ":all:", "--format", "pylock.toml", str(asked)]
        command += ["--output-file", str(out), *(["--default-index", index] if index else [])]
        uv(command)
        found = [w for p in tomllib.loads(out.read_text("utf-8"))["packages"] for w in p["wheels"]]
    return {
        urllib.parse.unquote(wheel["url"].rpartition("/")[2]): wheel.get("hashes", {}).get("sha256")
        or hash_of(wheel["url"])
        for wheel in found
        if index is None or is_meant(urllib.parse.unquote(wheel["url"]))
    }


def is_meant(file: str) -> bool:
    """Whether a wheel of one of the other builds is for a system where that build is meant."""
    label = re.search(r"\+(\w+)-", file)
    return label is not None and label[1] in _MEANT and bool(_MEANT[label[1]].search(file))


def hash_of(url: str) -> str:
    """The SHA-256 of what is there, for an index that does not say it; large files take a while."""
    print(f"the index has no hash of {url.rpartition('/')[2]}: fetching it", flush=True)
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=60) as answer:
        while block := answer.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_builds(indices: dict[str, str], pinned: dict[str, str]) -> None:
    """Ask each index for the builds of its label, and write those in place of the ones there."""
    lines = text_of(BUILDS).splitlines()
    head = [line for line in lines if line.startswith("#")]
    kept = [
        line
        for line in lines
        if line and not line.startswith("#")
        if not any(f"+{label}-" in line for label in indices)
    ]
    for label, index in indices.items():
        for name in TORCH_NAMES:
            found = wheels(f"{name}=={pinned[name]}+{label}", index)
            kept += [f"{sha256}  {file}" for file, sha256 in found.items()]
    text = "\n".join([*head, *sorted(kept, key=lambda line: line.partition("  ")[2]), ""])
    (ROOT / BUILDS).write_text(text, encoding="utf-8", newline="\n")


def torch_lock(pinned: dict[str, str]) -> str:
    """An entry for each build of torch and torchvision, below the files that its hashes are of.
    Raises SystemExit where those that are not the usual ones are of another version."""
    listed = [line.split("  ") for line in locks.pins(text_of(BUILDS))]
    others = {file: sha256 for sha256, file in listed}
    parts = []
    for name in TORCH_NAMES:
        builds = {pinned[name]: wheels(f"{name}=={pinned[name]}")}
        for file, sha256 in others.items():
            distribution, version, _ = file.split("-", 2)
            if distribution != name:
                continue
            if version.partition("+")[0] != pinned[name]:
                raise SystemExit(f"{BUILDS} has {file}, not {pinned[name]}: use --builds")
            builds.setdefault(version, {})[file] = sha256
        for version, files in builds.items():
            table = [f"# {sha256[:12]}  {file}" for file, sha256 in sorted(files.items())]
            hashes = [f"    --hash=sha256:{sha256}" for sha256 in sorted(files.values())]
            body = " \\\n".join([f"{name}=={version}", *hashes])
            parts.append("\n".join([*table, body, ""]))
    return "\n".join(parts)


def is_for_all(entry: Entry) -> bool:
    """Whether it belongs into the locks that do not depend on the build of torch."""
    return entry.name not in TORCH_NAMES and _OF_CUDA.fullmatch(entry.name) is None


def check_wheels(lock: str) -> None:
    """Look for a wheel of all that a lock holds, on each system. Raises SystemExit for a gap."""
    source = _FROM_SOURCE.get(lock)
    found = locks.entries(text_of(lock))
    usual = [entry.text for entry in found if not entry.build and entry.name != source]
    with tempfile.TemporaryDirectory(prefix="hookscope-lock-") as folder:
        asked = Path(folder) / "asked.txt"
        asked.write_text("".join(usual), encoding="utf-8")
        for system in _SYSTEMS:
            if lock == TORCH and system == _WITHOUT_TORCH:
                continue
            for python in _PYTHONS:
                command = ["install", "--dry-run", "--target", f"{folder}/none", "--no-deps"]
                command += ["--require-hashes", "--only-binary", ":all:", "--requirement"]
                command += [str(asked), "--python-platform", system, "--python-version", python]
                uv(command, **_MACOS)


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the locks in requirements/.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    parser.add_argument(
        "--builds",
        action="append",
        default=[],
        metavar="LABEL=INDEX",
        help=f"write the builds of that label anew ({', '.join(_MEANT)})",
    )
    options = parser.parse_args()
    pinned = dict(line.split("==") for line in locks.pins(text_of("requirements.txt")))
    if options.builds:
        write_builds(dict(line.split("=", 1) for line in options.builds), pinned)
    before = {lock: "" if options.upgrade else text_of(lock) for lock in LOCKS}
    known = before[TORCH] + before[CUDA]
    whole = resolve(_WIDEST, known + before[_WIDEST])
    write(TORCH, torch_lock(pinned))
    write(CUDA, "".join(entry.text for entry in whole if _OF_CUDA.fullmatch(entry.name)))
    # What two locks share, they have at one version.
    chosen = "".join(entry.text for entry in whole)
    for lock in [name for name in LOCKS if name not in (TORCH, CUDA)]:
        shared = chosen if "requirements.txt" in LOCKS[lock] else ""
        found = resolve(lock, shared + before[lock])
        write(lock, "".join(entry.text for entry in found if is_for_all(entry)))
    for lock in LOCKS:
        check_wheels(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main())

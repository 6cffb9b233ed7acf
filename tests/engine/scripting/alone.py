"""Python with torch, torchvision, numpy and Pillow alone, to run scripts in."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("torch", "torchvision", "numpy", "pillow")

# Runs each script as if it were started by itself, with the file for its map as its argument.
_RUNNER = """\
import json, runpy, sys, traceback
sys.path.insert(0, sys.argv[1])
for line in sys.stdin:
    sys.argv = json.loads(line)
    failure = ""
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except BaseException:
        failure = traceback.format_exc()
    print(json.dumps(failure), flush=True)
"""


def surroundings(folder: Path) -> Path:
    """A folder to import from, with links to these packages and to what they require."""
    folder.mkdir()
    for name in _distributions():
        for place in _tops(name):
            link = folder / place.name
            if place.exists() and not link.exists():
                _link(link, place)
    return folder


class Alone:
    """A process that can import nothing but site, and runs scripts one after the other."""

    def __init__(self, site: Path) -> None:
        self.site = site
        # -S: no site-packages; -I: neither the working folder nor the user's packages.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _RUNNER, str(site)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, script: Path, target: Path) -> None:
        """Run a script that is to write to target."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(script), str(target)]) + "\n")
        self._process.stdin.flush()
        failure = json.loads(self._process.stdout.readline())
        assert not failure, failure

    def close(self) -> None:
        self._process.communicate()
        assert self._process.returncode == 0


def imports(site: Path, module: str) -> bool:
    """Whether a module can be imported there."""
    code = f"import sys; sys.path.insert(0, sys.argv[1]); import {module}"
    command = [sys.executable, "-I", "-S", "-c", code, str(site)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _distributions() -> list[str]:
    found: list[str] = []
    waiting = list(PACKAGES)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.append(name)
        for text in importlib.metadata.requires(name) or ():
            if "extra ==" not in text:
                required = re.split(r"[\s<>=!~;(\[]", text, maxsplit=1)[0].lower()
                # What another system needs is not installed here.
                waiting += [required] if _is_installed(required) else []
    return found


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _tops(name: str) -> Iterator[Path]:
    distribution = importlib.metadata.distribution(name)
    root = Path(str(distribution.locate_file("")))
    tops = {file.parts[0] for file in distribution.files or () if file.parts[0] != ".."}
    yield from (root / top for top in sorted(tops))


def _link(link: Path, place: Path) -> None:
    if sys.platform == "win32" and place.is_dir():
        import _winapi

        # Unlike a symbolic link, it needs no privilege.
        _winapi.CreateJunction(str(place), str(link))
    elif sys.platform == "win32":
        link.write_bytes(place.read_bytes())
    else:
        link.symlink_to(place)

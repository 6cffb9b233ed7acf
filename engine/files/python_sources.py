"""A Python file together with the files beside it that it imports; read, never run."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import ModelError

_MOST_FILES = 300
_LARGEST = 10 << 20
# Not taken from beside the file, where another project's folder may hold one of that name.
NEVER_NEIGHBOURS = {*sys.stdlib_module_names, "torch", "torchvision", "numpy", "timm", "PIL"}


@dataclass(frozen=True, slots=True)
class Sources:
    """A Python file and what it imports from beside it, as read.

    name: of the main file's module. texts: the content of each, by its dotted name below the
    folder; paths: where each came from. A package without __init__.py has no text of its own.
    Files that are only found from the folder above (as where a program is started there) count
    too, unless an installed package has their name.
    """

    name: str
    texts: dict[str, bytes] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """The file's own checksum where it stands alone, else one over all the files."""
        if len(self.texts) == 1:
            return hashlib.sha256(self.texts[self.name]).hexdigest()
        whole = hashlib.sha256()
        for name in sorted(self.texts):
            whole.update(f"{name} {hashlib.sha256(self.texts[name]).hexdigest()}\n".encode())
        return whole.hexdigest()

    @property
    def neighbours(self) -> tuple[str, ...]:
        """The names of the other files, for people to read."""
        folder = self.paths[self.name].parent
        others = (path for name, path in self.paths.items() if name != self.name)
        return tuple(sorted(Path(os.path.relpath(path, folder)).as_posix() for path in others))


def read_sources(path: Path) -> Sources:
    """A Python file and all files beside it that it imports. Runs nothing. Raises ModelError."""
    name = "".join(letter if letter.isalnum() else "_" for letter in path.stem) or "network"
    sources = Sources(name)
    waiting = [(name, path.absolute())]
    while waiting:
        current, where = waiting.pop()
        if current in sources.texts:
            continue
        if len(sources.texts) >= _MOST_FILES:
            raise ModelError(f"{path}: it imports more than {_MOST_FILES} files from beside it")
        sources.texts[current] = _read(where)
        sources.paths[current] = where
        wanted = _imports(where, sources.texts[current], current, where.name == "__init__.py")
        waiting += _neighbours(path.absolute().parent, wanted)
    return sources


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise ModelError(f"{path}: too large for a Python file; open the network's own")
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no such file; check the name") from None
    except OSError as error:
        raise ModelError(f"{path}: it cannot be read ({error.strerror})") from error


def _imports(path: Path, text: bytes, name: str, is_package: bool) -> set[str]:
    """The dotted names that a file imports; relative ones are resolved against its own name."""
    try:
        tree = ast.parse(text, str(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # Running it says so, with the line.
        return set()
    package = name.split(".") if is_package else name.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {f"{base}.{alias.name}".strip(".") for alias in node.names}
    return found


def _neighbours(folder: Path, names: set[str]) -> list[tuple[str, Path]]:
    """The files that those imports reach from the folder or the one above, with dotted names."""
    found: list[tuple[str, Path]] = []
    for name in names:
        if name.partition(".")[0] in NEVER_NEIGHBOURS:
            continue
        reached = list(_reached(folder, name))
        if not reached and is_absent(name.partition(".")[0]):
            reached = list(_reached(folder.parent, name))
        found += reached
    return found


def _reached(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        place = folder.joinpath(*parts[:end])
        for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if file.is_file():
                yield ".".join(parts[:end]), file
                break


def is_absent(package: str) -> bool:
    """Whether there is no top-level module of that name here; nothing is imported to find out."""
    try:
        return package not in sys.modules and importlib.util.find_spec(package) is None
    except (ImportError, ValueError):
        return True

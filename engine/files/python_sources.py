"""Reads a Python file and the files beside it that it imports; runs none of them."""

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
# Never taken from beside the file, where an unrelated folder may have one of these names.
NEVER_NEIGHBOURS = {*sys.stdlib_module_names, "torch", "torchvision", "numpy", "timm", "PIL"}


@dataclass(frozen=True, slots=True)
class Sources:
    """The content of a Python file and of the files beside it that it imports.

    name: module name of the main file. texts: the content of each file by its dotted name below the
    folder; paths: the path of each. A package without __init__.py has no text of its own. Files
    found only relative to the parent folder (where a program may be started) are included, unless
    an installed package has the same name.
    """

    name: str
    texts: dict[str, bytes] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """The file's own checksum if there is only one file, else a checksum over all files."""
        if len(self.texts) == 1:
            return hashlib.sha256(self.texts[self.name]).hexdigest()
        whole = hashlib.sha256()
        for name in sorted(self.texts):
            whole.update(f"{name} {hashlib.sha256(self.texts[name]).hexdigest()}\n".encode())
        return whole.hexdigest()

    @property
    def neighbours(self) -> tuple[str, ...]:
        """The relative paths of the other files, for display."""
        folder = self.paths[self.name].parent
        others = (path for name, path in self.paths.items() if name != self.name)
        return tuple(sorted(Path(os.path.relpath(path, folder)).as_posix() for path in others))


def read_sources(path: Path) -> Sources:
    """Read a Python file and all files beside it that it imports. Raises ModelError."""
    name = "".join(letter if letter.isalnum() else "_" for letter in path.stem) or "network"
    sources = Sources(name)
    waiting = [(name, path.absolute())]
    while waiting:
        current, where = waiting.pop()
        if current in sources.texts:
            continue
        if len(sources.texts) >= _MOST_FILES:
            raise ModelError(
                f"{path}: imports more than {_MOST_FILES} files beside it; move the network's "
                "class to a file with fewer imports"
            )
        sources.texts[current] = _read(where)
        sources.paths[current] = where
        wanted = _imports(where, sources.texts[current], current, where.name == "__init__.py")
        waiting += _neighbours(path.absolute().parent, wanted)
    return sources


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise ModelError(
                f"{path}: too large for a Python file; open the file that defines the network"
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; check the name") from None
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror}); check the disk and the name"
        ) from error


def _imports(path: Path, text: bytes, name: str, is_package: bool) -> set[str]:
    """The dotted names that a file imports; relative imports are resolved against its own name."""
    try:
        tree = ast.parse(text, str(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # Running the file reports the error with its line number.
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
    """The files that these imports find in the folder or its parent, with their dotted names."""
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
    """Whether no top-level module of that name is installed; imports nothing."""
    try:
        return package not in sys.modules and importlib.util.find_spec(package) is None
    except (ImportError, ValueError):
        return True

"""Files that a JSON file names, so that they are found again: where they were, where they lie seen
from it, and what was in them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

from engine.errors import HookscopeError
from engine.files import presence
from engine.files.hashing import sha256_of, sha256_while_unchanged
from engine.files.regular import Fault

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST = 10_000
_HIDDEN = "\u2026"
"""In a path, in place of what it says of a patient."""
# Reading a file that large takes longer than what else an export does.
_LARGE = 16 << 20


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file as another one names it.

    name: the text that stands for it there. path: absolute, as it was. relative: from the folder of
    the file that names it, with '/' on all systems; '' for none. size: in bytes.
    """

    name: str
    path: str
    relative: str
    sha256: str
    size: int

    @property
    def facts(self) -> dict[str, Any]:
        """The record for JSON, from which read makes it again."""
        return asdict(self)


def noted(name: str, folder: Path | None, sha256: str = "") -> NamedFile | None:
    """What is noted of a file, with its checksum; None where the name is of no readable file.

    folder: of the file that names it; None for none, as where that goes to stdout. sha256: of what
    was read of it, where that is known; '' reads it now.
    """
    path = Path(name)
    if not presence.can_be_named(name) or not presence.is_file(path):
        return None
    whole = Path(os.path.abspath(path))  # noqa: PTH100 - a link stays the name that it is
    try:
        sha256, size = sha256 or _checksum(whole), whole.stat().st_size
    except (HookscopeError, OSError):
        return None
    relative = ""
    if folder is not None:
        try:
            relative = PurePath(os.path.relpath(whole, folder)).as_posix()
        except ValueError:  # on another drive
            relative = ""
    return NamedFile(name, str(whole), relative, sha256, size)


def noted_as(written: str, name: str) -> NamedFile | None:
    """The same of a file of that name that is written in another way, as without a patient: neither
    its path nor its place is told, only what is in it."""
    file = noted(name, None)
    return None if file is None else replace(file, name=written, path=written)


def is_elsewhere(path: Path, folder: Path) -> bool:
    """Whether looking for it would sign in to another computer, which a stranger's file may want:
    Windows tells a server who the user is. folder: of the file that names it."""
    if sys.platform == "win32":
        return path.drive.startswith("\\\\") and path.drive.lower() != folder.drive.lower()
    return False


class NamedFiles:
    """The files that a JSON file names, and where they are now.

    is_silent: it was written before files were noted.
    """

    def __init__(self, origin: Path, known: Mapping[str, NamedFile] | None) -> None:
        self.is_silent = known is None
        self._origin, self._known = origin, known or {}
        self._found: dict[str, Path] = {}

    @classmethod
    def read(cls, origin: Path, content: object) -> NamedFiles:
        """Those of a list of facts; None and [] are none. origin: the file that it was read from.

        Raises ValueError for a list that was not written by this program.
        """
        if content is None:
            return cls(origin, None)
        if not isinstance(content, list) or len(content) > _MOST:
            raise ValueError("'files' is no list of files")
        return cls(origin, {file.name: file for file in map(_read, content)})

    def place(
        self, name: str, fault: Fault, beyond: Iterable[Path] = (), alike: Iterable[Path] = ()
    ) -> Path:
        """Where a file of that name is now. beyond: further files that may be it. alike: files that
        are it if they have its content, where its name was not written in full.

        One of which nothing was noted is looked for in the folder of the file that names it, if its
        path is relative, and then as it is named. Raises fault(one line) if it is not there any
        more, or if another file has taken its place.
        """
        if name not in self._found:
            known = self._known.get(name)
            if known is None:
                self._found[name] = self._as_named(name)
            else:
                self._found[name] = self._placed(known, fault, beyond, alike)
        return self._found[name]

    def is_of(self, name: str, path: Path) -> bool:
        """Whether a path is of the file with that name: at its place, or with the same content."""
        known = self._known.get(name)
        if known is not None and presence.is_file(path) and _is_same(path, known):
            return True
        return os.path.abspath(path) == os.path.abspath(name)  # noqa: PTH100

    def knows(self, name: str) -> bool:
        """Whether something is noted of a file with that name."""
        return name in self._known

    def _as_named(self, name: str) -> Path:
        path, folder = Path(name), self._origin.parent
        beside = folder / path
        if not path.is_absolute() and presence.exists(beside):
            return beside
        return path

    def _placed(
        self, known: NamedFile, fault: Fault, beyond: Iterable[Path], alike: Iterable[Path]
    ) -> Path:
        changed: Path | None = None
        for path in (*self._candidates(known), *beyond):
            if not presence.is_file(path):
                continue
            if _is_same(path, known):
                return path
            changed = changed or path
        if _HIDDEN in known.path:
            for path in (*alike, *self._beside()):
                if presence.is_file(path) and _is_same(path, known):
                    return path
        called = PurePath(known.path.replace("\\", "/")).name
        origin = self._origin.name
        if changed is None:
            raise fault(
                f"{known.path}: is missing, and {origin} names it; put it back, or into the folder "
                f"of {origin}"
            )
        raise fault(
            f"{changed}: has changed since {origin} was written; put the earlier {called} back"
        )

    def _beside(self) -> Iterator[Path]:
        """The files in the folder of the file that names them."""
        try:
            with os.scandir(self._origin.absolute().parent) as entries:
                yield from (Path(entry.path) for entry in islice(entries, _MOST))
        except OSError:
            return

    def _candidates(self, known: NamedFile) -> Iterator[Path]:
        folder = self._origin.parent
        called = PurePath(known.path.replace("\\", "/")).name
        for text in (known.relative, known.path, called):
            path = Path(text)
            place = path if path.is_absolute() else Path(os.path.normpath(folder / path))
            if text and not is_elsewhere(place, folder):
                yield place


def _checksum(path: Path) -> str:
    """SHA-256 of a file; that of a large one, as of a model, is remembered while it is unchanged.

    Raises HookscopeError, OSError.
    """
    large = path.stat().st_size >= _LARGE
    return (sha256_while_unchanged if large else sha256_of)(path, HookscopeError)


def _is_same(path: Path, known: NamedFile) -> bool:
    try:
        if path.stat().st_size != known.size:
            return False
        return _checksum(path) == known.sha256
    except (HookscopeError, OSError):
        return False


def _read(facts: object) -> NamedFile:
    if not isinstance(facts, dict):
        raise ValueError("'files' is no list of files")
    texts = [facts.get(name) for name in ("name", "path", "relative", "sha256")]
    name, path, relative, sha256 = (text if isinstance(text, str) else "" for text in texts)
    size = facts.get("size")
    named = name and path and all(map(presence.can_be_named, (name, path, relative)))
    if not named or not _SHA256.fullmatch(sha256) or type(size) is not int or size < 0:
        raise ValueError("'files' says of a file what cannot be")
    return NamedFile(name, path, relative, sha256, size)

"""Records which files the user has agreed to run, identified by content rather than by name."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Iterable
from pathlib import Path

from engine.errors import ConsentNeeded, HookscopeError, ModelError
from engine.files.atomic import whole_file
from engine.version import NAME

_log = logging.getLogger(__name__)


def store_file() -> Path:
    """Where consent is stored: trusted.json in the user's configuration folder."""
    import platformdirs

    return Path(platformdirs.user_config_path(NAME.lower(), appauthor=False)) / "trusted.json"


class Trust:
    """The files that may run code while they are opened.

    agreed: SHA-256 checksums of such files. named: files covered by --trust on the command line,
    whatever their content. everything: trust every file opened with this object. store: the file
    that keeps consent by path and checksum; None keeps it in memory only.
    """

    def __init__(
        self,
        agreed: Iterable[str] = (),
        *,
        named: Iterable[Path] = (),
        everything: bool = False,
        store: Path | None = None,
    ) -> None:
        self._agreed = set(agreed)
        # A name covers the content found when the file is first opened.
        self._named: dict[str, str] = {_name(path): "" for path in named}
        self._everything = everything
        self._store = store

    def name(self, paths: Iterable[Path]) -> None:
        """Add named files; for one already named, its current content counts."""
        self._named |= {_name(path): "" for path in paths}

    def covers(self, sha256: str, path: Path | None = None) -> bool:
        """Whether the user has agreed to this content; stored consent counts only for its path."""
        if self._everything or sha256 in self._agreed:
            return True
        if path is None:
            return False
        name = _name(path)
        if name in self._named:
            self._named[name] = self._named[name] or sha256
            if self._named[name] == sha256:
                return True
        return self._remembered().get(name) == sha256

    def require(self, path: Path, sha256: str, risk: str, names: tuple[str, ...] = ()) -> None:
        """Raises ConsentNeeded unless the user has agreed to this exact file."""
        if not self.covers(sha256, path):
            raise ConsentNeeded(path, sha256, risk, names)

    def read(self, path: Path, sha256: str, risk: str, names: tuple[str, ...] = ()) -> io.BytesIO:
        """The content of a file that the user agreed to; the caller must open exactly this content.

        sha256: the checksum known so far; that of the content read here is checked as well, since
        the file can be replaced in between. Raises the same errors as require, and ModelError if
        the file cannot be read or does not fit into memory.
        """
        self.require(path, sha256, risk, names)
        try:
            content = path.read_bytes()
        except (OSError, MemoryError) as error:
            reason = getattr(error, "strerror", None) or "not enough memory"
            raise ModelError(f"{path}: cannot be read ({reason}); try again") from error
        self.require(path, hashlib.sha256(content).hexdigest(), risk, names)
        return io.BytesIO(content)

    def agree(self, path: Path, sha256: str) -> None:
        """Record that the user agreed to a file, in the store if there is one.

        If the store cannot be written, this is logged, and the consent lasts as long as this
        object.
        """
        self._agreed.add(sha256)
        if self._store is None:
            return
        files = {**self._remembered(), _name(path): sha256}
        try:
            self._store.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(self._store) as file:
                file.write(json.dumps({"files": files}, indent=2).encode("utf-8"))
        except (OSError, HookscopeError) as error:
            _log.warning("consent cannot be stored: %s", error)

    def _remembered(self) -> dict[str, str]:
        if self._store is None:
            return {}
        try:
            files = json.loads(self._store.read_text(encoding="utf-8"))["files"]
            return {str(path): str(sha256) for path, sha256 in files.items()}
        except FileNotFoundError:
            return {}
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            RecursionError,
        ) as error:
            _log.warning("%s cannot be read, so consent is asked for again: %s", self._store, error)
            return {}


def _name(path: Path) -> str:
    return str(path.absolute())


NOBODY = Trust()
"""Trusts no file."""

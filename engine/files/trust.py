"""Which files the user has agreed to run. Each is known by its content, not by its name."""

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
    """Where agreements are remembered: trusted.json in the user's configuration folder."""
    import platformdirs

    return Path(platformdirs.user_config_path(NAME.lower(), appauthor=False)) / "trusted.json"


class Trust:
    """The files that may run code while they are opened.

    agreed: their SHA-256 checksums. named: files that the command line's --trust covers, whatever
    is in them. everything: all that is opened with this object. store: where agreements are
    remembered by path and checksum; None forgets them.
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
        # A name stands for what lies there when it is first opened.
        self._named: dict[str, str] = {_name(path): "" for path in named}
        self._everything = everything
        self._store = store

    def name(self, paths: Iterable[Path]) -> None:
        """Take these files as named too; for one that was, what lies there now counts."""
        self._named |= {_name(path): "" for path in paths}

    def covers(self, sha256: str, path: Path | None = None) -> bool:
        """Whether the user has agreed to this content; a remembered one only under its path."""
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
        """Raises ConsentNeeded unless the user has agreed to this very file."""
        if not self.covers(sha256, path):
            raise ConsentNeeded(path, sha256, risk, names)

    def read(self, path: Path, sha256: str, risk: str, names: tuple[str, ...] = ()) -> io.BytesIO:
        """The content of a file that the user agreed to, which is what then has to be opened.

        sha256: its checksum as far as known; that of what is read here is asked for as well, since
        a file can be exchanged in between. Raises as require, and ModelError for one that cannot
        be read or has no room in memory.
        """
        self.require(path, sha256, risk, names)
        try:
            content = path.read_bytes()
        except (OSError, MemoryError) as error:
            reason = getattr(error, "strerror", None) or "there is no room for it in memory"
            raise ModelError(f"{path}: it cannot be read ({reason})") from error
        self.require(path, hashlib.sha256(content).hexdigest(), risk, names)
        return io.BytesIO(content)

    def agree(self, path: Path, sha256: str) -> None:
        """Note that the user agreed to a file, and remember it where there is a store.

        A store that cannot be written is said in the log: the agreement then lasts as long as this
        object does.
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
            _log.warning("agreements cannot be remembered: %s", error)

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
            _log.warning(
                "%s cannot be read, so every file is asked for again: %s", self._store, error
            )
            return {}


def _name(path: Path) -> str:
    return str(path.absolute())


NOBODY = Trust()
"""Nobody has agreed to anything."""

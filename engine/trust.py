"""Which files the user has agreed to run. Each is known by its content, not by its name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from engine.errors import ConsentNeeded


class Trust:
    """The files that may run code while they are opened.

    agreed: their SHA-256 checksums. everything: the command line's --trust, which covers the files
    that are named there. store: where agreements are remembered; None forgets them.
    """

    def __init__(
        self, agreed: Iterable[str] = (), *, everything: bool = False, store: Path | None = None
    ) -> None:
        self._agreed = set(agreed)
        self._everything = everything
        self._store = store

    def covers(self, sha256: str) -> bool:
        return self._everything or sha256 in self._agreed

    def require(self, path: Path, sha256: str, risk: str, names: tuple[str, ...] = ()) -> None:
        """Raises ConsentNeeded unless the user has agreed to this very file."""
        if not self.covers(sha256):
            raise ConsentNeeded(path, sha256, risk, names)


NOBODY = Trust()

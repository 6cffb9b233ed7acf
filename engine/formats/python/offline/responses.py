"""Empty answers in place of those of a server, and files that are not written from them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

from engine.formats.python.offline.replacing import noted


class EmptyResponse(io.BytesIO):
    """An answer without content, with what code asks of those of urllib and requests."""

    status = code = status_code = 200
    ok, reason, text, content, encoding = True, "OK", "", b"", "utf-8"

    def __init__(self, url: str = "") -> None:
        super().__init__()
        self.url = url
        self.headers: Any = Message()
        self.raw = self

    def getcode(self) -> int:
        return self.status

    def geturl(self) -> str:
        return self.url

    def info(self) -> Any:
        return self.headers

    def json(self, **_: Any) -> dict[str, Any]:
        return {}

    def raise_for_status(self) -> EmptyResponse:
        return self

    def iter_content(self, *_: Any, **__: Any) -> Iterator[bytes]:
        return iter(())

    iter_lines = iter_bytes = iter_content


class LateFile(io.BytesIO):
    """A file opened for writing that is written when it is closed.

    After a fetch, it is not written without content: later runs of the user's code would take an
    empty file for the download. An existing file stays as it is.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path: Path | None = path

    def close(self) -> None:
        path, self._path = self._path, None
        if path is not None and (self.getbuffer().nbytes or not noted()):
            path.write_bytes(self.getvalue())
        super().close()


def late_file(path: Path, mode: str, **options: Any) -> Any:
    """A LateFile for open()'s mode 'w' or 'wb'; options: encoding, errors, newline."""
    file = LateFile(path)
    return file if "b" in mode else io.TextIOWrapper(file, **options)

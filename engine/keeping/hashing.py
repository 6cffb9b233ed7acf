"""Checksums of the files of a session."""

from __future__ import annotations

import hashlib
from pathlib import Path

from engine.errors import SessionError
from engine.files import regular
from engine.progress import CancelToken

_BLOCK = 1 << 20


def sha256_of(path: Path, cancel: CancelToken) -> str:
    """SHA-256 of a file, in hexadecimal. Raises SessionError if it cannot be read, Cancelled."""
    digest = hashlib.sha256()
    with regular.opened(path, SessionError) as file:
        try:
            while block := file.read(_BLOCK):
                cancel.raise_if_cancelled()
                digest.update(block)
        except OSError as error:
            raise SessionError(f"{path}: {regular.reason(error)}") from error
    return digest.hexdigest()

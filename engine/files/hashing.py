"""Checksums of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from engine.files import regular
from engine.files.regular import Fault
from engine.progress import CancelToken

_BLOCK = 1 << 20


def sha256_of(path: Path, fault: Fault, cancel: CancelToken | None = None) -> str:
    """SHA-256 of a file, in hexadecimal. Raises fault(one line) if it cannot be read, Cancelled."""
    digest = hashlib.sha256()
    with regular.opened(path, fault) as file:
        try:
            while block := file.read(_BLOCK):
                if cancel is not None:
                    cancel.raise_if_cancelled()
                digest.update(block)
        except OSError as error:
            raise fault(f"{path}: {regular.reason(error)}") from error
    return digest.hexdigest()

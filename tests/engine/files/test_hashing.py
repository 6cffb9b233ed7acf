"""Checksums of files, and when they are computed again."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest

from engine.errors import Cancelled, SessionError, WeightsError
from engine.files.hashing import sha256_of, sha256_while_unchanged
from engine.progress import CancelToken
from engine.reader import client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "some.bin"
    # More than is read at once, and no multiple of it.
    path.write_bytes(bytes(range(251)) * 10_000)
    return path


def of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_it_is_that_of_the_content(file: Path) -> None:
    assert sha256_of(file, WeightsError) == sha256_while_unchanged(file, WeightsError) == of(file)


def test_a_file_is_read_again_when_its_size_or_time_changes(file: Path) -> None:
    first, state = sha256_while_unchanged(file, WeightsError), file.stat()
    file.write_bytes(b"x" * state.st_size)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert sha256_while_unchanged(file, WeightsError) == first
    assert sha256_of(file, WeightsError) == of(file) != first
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns + 1_000_000))
    assert sha256_while_unchanged(file, WeightsError) == of(file)
    file.write_bytes(b"x")
    assert sha256_while_unchanged(file, WeightsError) == of(file)


def test_a_file_that_cannot_be_read_is_the_callers_fault(tmp_path: Path) -> None:
    for kind in (WeightsError, SessionError):
        for path in (tmp_path, tmp_path / "none"):
            with pytest.raises(kind, match=re.escape(str(path))):
                sha256_of(path, kind)
            with pytest.raises(kind, match=re.escape(str(path))):
                sha256_while_unchanged(path, kind)


def test_both_are_cancelled(file: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        sha256_of(file, WeightsError, token)
    with client.reading(token), pytest.raises(Cancelled):
        sha256_while_unchanged(file, WeightsError)
    assert sha256_while_unchanged(file, WeightsError) == of(file)

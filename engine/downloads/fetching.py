"""Resumable, cancellable downloads over HTTP, with progress.

The data received so far is kept beside the target as NAME.part until it is complete and its
checksum matches; then it is renamed to the target atomically. NAME.part.json records which version
of the file it belongs to.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from engine.downloads import reasons
from engine.downloads.http import SLICE_S, Answer, ask
from engine.downloads.partial import MEGABYTE, Part, Version, start_of, version_of
from engine.errors import DownloadError
from engine.progress import CancelToken, Report, ignore_progress
from engine.version import NAME, VERSION

if TYPE_CHECKING:
    from hashlib import _Hash

_log = logging.getLogger(__name__)

_BLOCK = 1 << 18
_SPARE = 8 * MEGABYTE
_ATTEMPTS = 5
_PAUSE_S = 1.0


def download(
    url: str,
    target: Path,
    *,
    sha256_prefix: str,
    size: int | None = None,
    cancel: CancelToken | None = None,
    progress: Report = ignore_progress,
    patience: float = 30.0,
) -> Path:
    """Download url to target, unless target already exists with that checksum.

    sha256_prefix: the first hexadecimal digits of the expected SHA-256. size: approximate size in
    bytes, if known before the server reports it. progress: receives a fraction (0 to 1) and a text
    with megabytes and speed. patience: seconds without data after which an attempt fails.
    A partial file left by an earlier call is resumed if the server still has the same file. A
    connection that breaks after data has arrived is retried. If two callers share one target, the
    later one waits for the earlier.

    Raises DownloadError, naming the cause and what to do, and Cancelled. Both keep the partial
    file, unless its checksum is wrong.
    """
    fetch = _Fetch(url, target, sha256_prefix.lower(), size, cancel or CancelToken(), progress)
    if fetch.is_there():
        return target
    with reasons.local(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with fetch.alone():
            if not fetch.is_there():
                fetch.run(patience)
    return target


class _Fetch:
    """One call of download."""

    def __init__(
        self,
        url: str,
        target: Path,
        prefix: str,
        size: int | None,
        cancel: CancelToken,
        progress: Report,
    ) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise DownloadError(f"{url}: not a web address; use one that begins with https://")
        self._url = url
        self._target = target
        self._prefix = prefix
        self._expected = size
        self._cancel = cancel
        self._progress = progress
        self._part = Part(target)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock that keeps other programs from downloading the same file."""
        # Imported here: browsing the gallery needs no locks.
        from filelock import FileLock, Timeout

        lock = FileLock(self._target.with_name(f"{self._target.name}.lock"))
        while True:
            self._cancel.raise_if_cancelled()
            try:
                lock.acquire(timeout=SLICE_S)
                break
            except Timeout:
                self._tell(self._part.size, "another program is downloading this file")
        try:
            yield
        finally:
            lock.release()
            if self._target.is_file():
                # Anyone waiting for the lock will find the complete file.
                Path(lock.lock_file).unlink(missing_ok=True)

    def is_there(self) -> bool:
        """Whether the target exists with the right checksum."""
        if not self._target.is_file():
            return False
        return self._hash_of(self._target).hexdigest().startswith(self._prefix)

    def run(self, patience: float) -> None:
        """Download until the partial file is complete, verify it and rename it to the target."""
        tries = 0
        while True:
            before = self._part.size
            try:
                digest = self._continue(patience)
                break
            except OSError as error:
                came = self._part.size - before
                tries += came < MEGABYTE
                if came <= 0 or tries >= _ATTEMPTS:
                    raise reasons.remote(error, self._url, self._target) from error
                _log.info("%s: %s; resuming", self._url, error)
                self._pause()
        self._finish(digest)

    def _finish(self, digest: str) -> None:
        if not digest.startswith(self._prefix):
            self._start_over()
            raise reasons.wrong_checksum(self._url, digest, self._prefix)
        self._part.become(self._target)
        self._progress(1.0, "complete")

    def _continue(self, patience: float) -> str:
        """Download the missing bytes; returns the SHA-256 of the whole file."""
        version, have = self._part.version, self._part.size
        if version is None or not version.validator:
            have = 0
        if have and version is not None and have == version.total:
            return self._hash_of(self._part.path).hexdigest()
        self._tell(have, "connecting")
        with ask(self._url, _headers(have, version), self._cancel, patience) as answer:
            beyond = have and answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            if not (200 <= answer.status < 300 or beyond):
                raise reasons.status(answer.status, self._url, self._target)
            found, start = version_of(answer), start_of(answer)
            fits = start == have and version is not None and version.fits(found)
            if not beyond and (start == 0 or fits):
                return self._receive(answer, start, found)
        if not have:
            raise ConnectionError("the server sent a range that was not requested")
        self._start_over()
        return self._continue(patience)

    def _receive(self, answer: Answer, have: int, version: Version) -> str:
        total = version.total
        self._check_room(have, total)
        digest = self._hash_of(self._part.path) if have else hashlib.sha256()
        pace = _Pace(have)
        with self._open_part(have, version) as file:
            for block in answer.blocks:
                rest = memoryview(block)
                while rest:
                    with reasons.local(self._target):
                        rest = rest[file.write(rest) :]
                digest.update(block)
                have += len(block)
                self._tell(have, pace.words(have, total or self._expected), total)
                self._cancel.raise_if_cancelled()
            with reasons.local(self._target):
                os.fsync(file.fileno())
        if total is not None and have < total:
            raise ConnectionAbortedError(f"{total - have} bytes are missing")
        return digest.hexdigest()

    def _open_part(self, have: int, version: Version) -> FileIO:
        with reasons.local(self._target):
            # Unbuffered: on a full disk, closing a buffered file would try to write again.
            file = self._part.path.open("ab" if have else "wb", buffering=0)
            if not have:
                self._part.remember(version)
        return file

    def _start_over(self) -> None:
        with reasons.local(self._target):
            self._part.discard()

    def _check_room(self, have: int, total: int | None) -> None:
        missing = (total or self._expected or 0) - have
        with reasons.local(self._target):
            free = shutil.disk_usage(self._target.parent).free
        if missing > 0 and free < missing + _SPARE:
            raise reasons.no_room(self._target, missing, free)

    def _hash_of(self, path: Path) -> _Hash:
        digest = hashlib.sha256()
        with reasons.local(self._target), path.open("rb") as file:
            size, done = path.stat().st_size, 0
            while block := file.read(16 * _BLOCK):
                self._cancel.raise_if_cancelled()
                digest.update(block)
                done += len(block)
                self._tell(done, "verifying the part already downloaded", size)
        return digest

    def _pause(self) -> None:
        end = time.monotonic() + _PAUSE_S
        while time.monotonic() < end:
            self._cancel.raise_if_cancelled()
            time.sleep(SLICE_S)

    def _tell(self, have: int, words: str, total: int | None = None) -> None:
        whole = total or self._expected
        self._progress(min(1.0, have / whole) if whole else 0.0, words)


def _headers(have: int, version: Version | None) -> dict[str, str]:
    headers = {"User-Agent": f"{NAME}/{VERSION}", "Accept-Encoding": "identity"}
    if have and version is not None:
        headers |= {"Range": f"bytes={have}-", "If-Range": version.validator}
    return headers


class _Pace:
    """Megabytes and speed as text; the speed is averaged over the last few seconds."""

    _SECONDS = 3.0

    def __init__(self, have: int) -> None:
        self._marks = deque([(time.monotonic(), have)])

    def words(self, have: int, total: int | None) -> str:
        now = time.monotonic()
        self._marks.append((now, have))
        while len(self._marks) > 2 and now - self._marks[0][0] > self._SECONDS:
            self._marks.popleft()
        since, then = self._marks[0]
        speed = (have - then) / max(now - since, 1e-3)
        of = f" of {total / MEGABYTE:.1f}" if total else ""
        return f"{have / MEGABYTE:.1f}{of} MB, {speed / MEGABYTE:.1f} MB/s"

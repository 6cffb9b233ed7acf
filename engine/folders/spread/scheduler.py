"""The connection to a Dask scheduler, and the shards that its workers are computing.

A shard that is lost is sent again, and one that takes long is computed twice: a shard is a pure
function, and whichever result comes first is taken.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import logging
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import HookscopeError, ModelError, one_line
from engine.files import regular
from engine.folders.records import NO_STAMP, Pending, Picture
from engine.folders.spread.worker import Result, Task, compute, paths_of
from engine.progress import CancelToken

_log = logging.getLogger(__name__)

_AHEAD = 3
"""Shards for each worker's thread that are sent ahead."""

_LOOK_EVERY_S = 0.1
_POLL_S = 0.01
_CONNECT_S = 20
_RECONNECT_S = 300
_LATE = 4
"""A shard is late when it takes so many times as long as the median."""
_TRIES = 4
_LARGEST_SENT = 1 << 31
_MISSING = "no such file; check the name"
_ADDRESS = re.compile(r"((tcp|tls|ws|wss|ucx|ucxx)://)?(\[[0-9a-fA-F:.]+\]|[^\s/:\[\]]+):\d{1,5}/?")


@dataclass(slots=True)
class Underway:
    """A shard that is being computed: its items, the futures for it, and when it was sent."""

    items: tuple[Pending, ...]
    futures: list[Any] = field(default_factory=list)
    since: float = 0.0
    tries: int = 0
    sent: Mapping[int, bytes] | None = None


def check_address(address: str) -> None:
    """Raises HookscopeError if this cannot be the address of a scheduler, which Dask would try to
    reach for minutes."""
    if not _ADDRESS.fullmatch(address):
        raise HookscopeError(
            f"'{address}' is not the address of a scheduler; give host and port, as in "
            "tcp://10.0.0.5:8786"
        )


class Scheduler:
    """The scheduler at an address, with at least one worker; out: the shards that are there.

    Raises HookscopeError if distributed is not installed, or nothing answers there.
    """

    def __init__(self, address: str, task: Task, cancel: CancelToken | None) -> None:
        if importlib.util.find_spec("distributed") is None:
            raise HookscopeError(
                "--scheduler needs the package distributed; install it with "
                "'pip install -r requirements-cluster.txt'"
            )
        self._distributed = importlib.import_module("distributed")
        self._address, self._task, self._cancel = address, task, cancel
        self._files: Any = None
        self.out: list[Underway] = []
        self._took: list[float] = []
        self._client = self._connected(_CONNECT_S)

    def _connected(self, patience: float) -> Any:
        """A client with at least one worker. Raises HookscopeError."""
        end = time.monotonic() + patience
        while True:
            try:
                client = self._distributed.Client(
                    self._address, timeout=_CONNECT_S, set_as_default=False
                )
                client.wait_for_workers(1, timeout=max(1.0, end - time.monotonic()))
            except (OSError, TimeoutError, ValueError) as error:
                if time.monotonic() < end:
                    time.sleep(1.0)
                    continue
                raise HookscopeError(
                    f"{self._address}: no Dask scheduler with a worker answers "
                    f"({one_line(error)}); start them, or check the address"
                ) from error
            return client

    def close(self) -> None:
        for one in self.out:
            self._client.cancel(one.futures)
        self._client.close(timeout=5)

    @property
    def has_room(self) -> bool:
        threads = sum(self._client.nthreads().values()) if self.out else 1
        return len(self.out) < _AHEAD * max(1, threads)

    def send(self, one: Underway, *, elsewhere: bool = False) -> None:
        """Have a shard computed; elsewhere: by a worker that does not have it already."""
        workers = self._others(one) if elsewhere else None
        one.since = time.monotonic()
        one.tries += 1
        # The same shard has the same name, by which the scheduler knows it; a second try does not.
        whole = repr((self._task.key, [(item.number, item.label) for item in one.items]))
        key = f"shard-{hashlib.sha256(whole.encode()).hexdigest()[:24]}-{one.tries}"
        future = self._client.submit(
            *(compute, self._task, one.items, one.sent, self._files),
            key=key,
            workers=workers,
            allow_other_workers=workers is not None,
            retries=0,
            pure=False,
        )
        one.futures.append(future)
        if one not in self.out:
            self.out.append(one)

    def _others(self, one: Underway) -> list[str] | None:
        keys = {future.key for future in one.futures}
        busy = {
            worker for worker, own in self._client.processing().items() if keys.intersection(own)
        }
        return sorted(set(self._client.nthreads()) - busy) or None

    def send_late_again(self) -> None:
        """When nothing else is left to do, have late shards computed by another worker, too."""
        if not self._took:
            return
        median = sorted(self._took)[len(self._took) // 2]
        now = time.monotonic()
        for one in self.out:
            late = now - one.since > _LATE * max(1.0, median)
            if late and len(one.futures) == 1:
                self.send(one, elsewhere=True)

    def finished(self) -> Iterator[tuple[tuple[Pending, ...], Result]]:
        """The shards that have come back meanwhile; waits a moment for one.

        Raises ModelError for what no other worker could do better.
        """
        try:
            self._wait()
        except OSError as error:
            self._again(error)
            return
        for one in list(self.out):
            done = next((future for future in one.futures if future.done()), None)
            if done is None:
                continue
            result = self._result(one, done)
            if result is not None:
                self._took.append(time.monotonic() - one.since)
                yield one.items, result

    def _wait(self) -> None:
        """Wait a moment for a shard. Raises OSError if the scheduler is lost."""
        end = time.monotonic() + _LOOK_EVERY_S
        while True:
            # Looked at first: with the scheduler, all futures are lost, and count as done.
            if self._client.status != "running":
                raise OSError("the connection was closed")
            if any(future.done() for one in self.out for future in one.futures):
                return
            if time.monotonic() >= end:
                return
            time.sleep(_POLL_S)

    def _result(self, one: Underway, done: Any) -> Result | None:
        """What came of a shard; None if it was sent again."""
        one.futures.remove(done)
        try:
            result: Result = done.result(timeout=_CONNECT_S)
        except FileNotFoundError as error:
            self._send_files(error)
            self.send(one)
            return None
        except HookscopeError:
            raise
        except Exception as error:
            # Dask raises here whatever the worker raised, or why it is gone.
            _log.warning("a shard was lost: %s", one_line(error))
            if one.tries >= _TRIES:
                raise ModelError(
                    f"{self._address}: workers failed {one.tries} times on the same images "
                    f"({one_line(error)}); see their logs"
                ) from error
            self.send(one)
            return None
        self.out.remove(one)
        if one.futures:
            self._client.cancel(one.futures)
        content: dict[int, bytes] = {}
        shard, sent = list(result.shard), []
        for item in one.items:
            if item.number in result.unseen:
                data = _content(item.path)
                if data is None:
                    # Nor does this machine see it.
                    shard.append((item.number, Picture("", NO_STAMP, None, _MISSING), None))
                else:
                    content[item.number] = data
                    sent.append(item)
        if sent:
            self.send(Underway(tuple(sent), sent=content))
        return Result(shard) if shard else None

    def _send_files(self, error: FileNotFoundError) -> None:
        """Send the files of the model along with the shards. Raises ModelError."""
        if self._files is not None:
            raise ModelError(f"{error}: workers cannot open the model") from error
        found: dict[str, bytes] = {}
        for path in paths_of(self._task.source):
            if Path(path).is_dir() or Path(path).stat().st_size > _LARGEST_SENT:
                raise ModelError(
                    f"{path}: workers do not see it, and it is not sent; put it on a shared disk"
                ) from error
            found[path] = Path(path).read_bytes()
        (self._files,) = self._client.scatter([found], broadcast=True)

    def _again(self, error: BaseException) -> None:
        """After the scheduler was lost: connect anew, and send all shards again."""
        _log.warning("the scheduler was lost: %s", one_line(error))
        # The client tries for a while by itself; closing it meanwhile would wait for that.
        while self._client.status not in ("running", "closed"):
            if self._cancel is not None:
                self._cancel.raise_if_cancelled()
            time.sleep(_LOOK_EVERY_S)
        if self._client.status == "closed":
            self._client = self._connected(_RECONNECT_S)
        self._files = None
        lost, self.out = self.out, []
        for one in lost:
            one.futures.clear()
            self.send(one)


def _content(path: str) -> bytes | None:
    try:
        return regular.read(Path(path), HookscopeError, _LARGEST_SENT)
    except HookscopeError:
        return None

"""Sends requests to reader processes: idle ones are reused, and one that is cancelled, too slow,
too large or dead is killed and replaced.

    with reading(cancel=token, patience=20.0):
        answer = ask("picture", ImageError, str(path), path=path)

The caller waits in its own thread and polls the process every few milliseconds; no extra threads
are used. Works from a script without a main guard, from a notebook and from several threads.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine import errors, paths
from engine.errors import HookscopeError, Late, ModelError
from engine.progress import CancelToken
from engine.reader import SWITCH
from engine.reader.channel import Channel, ChannelClosed, PipeChannel
from engine.reader.shared import Shared

_log = logging.getLogger(__name__)

PATIENCE = 20.0
"""Default limit of CPU time for reading a file, in seconds."""

_LOOK_EVERY = 0.02
# Wall-clock limit as a multiple of patience: a disk or network that does not respond uses no CPU.
_STANDSTILL = 6
_START = 300.0
_MOST_IDLE = 2

FILES, NETWORKS = "files", "networks"
"""Roles of reader processes: reading files, and trial construction of networks with torch."""

# An idle reader larger than this is replaced, so that memory use stays flat.
_LARGEST_IDLE = {FILES: 300 << 20, NETWORKS: 900 << 20}

# -P keeps modules beside that file from shadowing others of the same name.
_AS_FILE = ("-P", str(Path(__file__).resolve().parents[1] / "reader_process" / "start.py"))

Fault = Callable[[str], HookscopeError]


@dataclass(frozen=True, slots=True)
class _Settings:
    cancel: CancelToken | None = None
    patience: float | None = PATIENCE
    started: float = 0.0
    counted: bool = False


_USUAL = _Settings()
_settings: ContextVar[_Settings] = ContextVar("reading", default=_USUAL)


@contextlib.contextmanager
def reading(cancel: CancelToken | None = None, patience: float | None = PATIENCE) -> Iterator[None]:
    """Limit reading in this thread inside the block: it stops when cancelled (Cancelled), or after
    `patience` seconds of the reader's CPU time (the operation's own error); None for no limit."""
    mark = _settings.set(_Settings(cancel, patience, time.thread_time()))
    try:
        yield
    finally:
        _settings.reset(mark)


@contextlib.contextmanager
def counting() -> Iterator[None]:
    """For work of this process that limits itself by counting, so that it ends alike on an idle and
    on a busy machine: inside the block no time is used up, and raise_if_late only looks for a
    cancellation."""
    settings, begun = _settings.get(), time.thread_time()
    mark = _settings.set(replace(settings, counted=True))
    try:
        yield
    finally:
        _settings.reset(mark)
        if settings is not _USUAL:
            _settings.set(replace(settings, started=settings.started + time.thread_time() - begun))


def raise_if_cancelled() -> None:
    """For files that this process reads itself, piece by piece. Raises Cancelled."""
    cancel = _settings.get().cancel
    if cancel is not None:
        cancel.raise_if_cancelled()


def raise_if_late() -> None:
    """For work on a file's content that this process does itself, step by step.

    Raises Cancelled, and Late if this thread has used more CPU time than its patience allows.
    """
    raise_if_cancelled()
    settings = _settings.get()
    if settings is _USUAL or settings.counted or settings.patience is None:
        return
    if time.thread_time() - settings.started > settings.patience:
        raise Late(
            f"opening was stopped after {settings.patience:g} seconds; save it in a simpler "
            "form, or raise the limit (--patience SECONDS)"
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """reply: the plain values. content: the shared bytes, writable, valid as long as they are
    referenced."""

    reply: dict[str, Any]
    content: memoryview


def ask(operation: str, fault: Fault, name: str, **options: Any) -> Answer:
    """Run an operation in a reader process and wait for its answer: begin, then result."""
    return begin(operation, fault, name, **options).result()


def begin(
    operation: str,
    fault: Fault,
    name: str,
    *,
    path: Path | None = None,
    data: bytes | None = None,
    memory: int = 600 << 20,
    role: str = FILES,
    **facts: Any,
) -> Asked:
    """Start an operation of engine.reader_process.operations on the file at path, or on data, in
    the background.

    name: of the file, for messages. memory: limit of the reader's memory in bytes. fault: the error
    type for problems with the file. Raises ModelError if no reader can be started.
    """
    request = {"operation": operation, "name": name, **facts}
    if path is not None:
        request["path"] = str(path.absolute())
    if data is not None:
        request["bytes"] = len(data)
    asked = Asked(request, fault, data, memory, role)
    asked.start()
    return asked


class Asked:
    """An operation running in a reader process; must be ended by result() or drop()."""

    def __init__(
        self, request: dict[str, Any], fault: Fault, data: bytes | None, memory: int, role: str
    ) -> None:
        self._request, self._fault, self._data = request, fault, data
        self._memory, self._role = memory, role
        self._reader: _Reader | None = None
        self._shared: Shared | None = None
        self._again = True

    def start(self) -> None:
        self._reader = _borrowed(self._role)
        self._shared = Shared()
        if self._data is not None:
            self._shared.write(self._data)
        # A reader that died in the meantime is detected by result().
        with contextlib.suppress(ChannelClosed):
            self._reader.send(self._request, self._shared)

    def result(self) -> Answer:
        """Wait for the answer.

        Raises the operation's HookscopeError, the fault (one line) for any other problem with the
        file, Cancelled.
        """
        reader, shared = self._reader, self._shared
        assert reader is not None
        assert shared is not None
        name = self._request["name"]
        try:
            reply = reader.wait(shared, self._memory)
        except ChannelClosed:
            code = reader.end()
            _log.warning(
                "the reader ended with %s while it read %s", code, _logged(name, name, self._fault)
            )
            # It may have been killed from outside; a second time, the file is the cause.
            if not self._again:
                raise self._fault(
                    f"{name}: the decoder crashed ({_in_words(code)}); download or save the file "
                    "again"
                ) from None
        except _Stop as stop:
            reader.end()
            raise (self._fault(f"{name}: {stop}") if str(stop) else _cancelled()) from None
        except BaseException:
            reader.end()
            raise
        else:
            _give_back(reader)
            return Answer(checked(reply, self._fault, name), shared.take(shared.size))
        finally:
            shared.close()
        self._again = False
        self.start()
        return self.result()

    def drop(self) -> None:
        """Cancel the operation."""
        if self._reader is not None and self._shared is not None:
            self._reader.end()
            self._shared.close()


def warm(role: str = FILES) -> None:
    """Start a reader in advance, so that the next ask does not wait for it.

    If it cannot be started, the next ask reports it.
    """
    _forget_after_fork()
    if not _idle.get(role):
        try:
            _idle.setdefault(role, []).append(_Reader(role))
        except ModelError as error:
            _log.warning("%s", error)


def end_all() -> None:
    """End all idle readers; called when the program ends."""
    for readers in _idle.values():
        while readers:
            readers.pop().end()


def _cancelled() -> HookscopeError:
    return errors.Cancelled("cancelled")


class _Stop(Exception):
    """Why a reader was stopped; '' if it was cancelled."""


class _Reader:
    """A reader process and the channel to it."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.owner = os.getpid()
        self._process, self._channel, self._line = _started(role)
        self._facts: Any = None
        self._ready = False
        self._asked = (0.0, 0.0)

    def send(self, request: dict[str, Any], shared: Shared) -> None:
        """Raises ChannelClosed."""
        # CPU time used before this request does not count.
        self._asked = time.monotonic(), self.measured()[1] if self._ready else 0.0
        if shared.name:
            self._channel.send({**request, "file": shared.name})
        else:
            self._channel.send(request, shared.descriptor)

    def wait(self, shared: Shared, memory: int) -> dict[str, Any]:
        """The reply to the request. Raises ChannelClosed, _Stop."""
        while True:
            reply = self._channel.receive(_LOOK_EVERY)
            if reply is not None and self._ready:
                return reply
            if reply is not None:
                self._ready = True
                self._asked = time.monotonic(), self.measured()[1]
                if reply.get("missing"):
                    _log.info("the reader runs without %s", " and ".join(reply["missing"]))
                continue
            self._look(shared, memory)

    def end(self) -> int:
        """Kill the process and wait for it; its exit code."""
        self._channel.close()
        if self._line is not None:
            self._line.close()
        if self.owner != os.getpid():
            return 0
        self._process.kill()
        return self._process.wait()

    def _look(self, shared: Shared, memory: int) -> None:
        """Check cancellation and limits. Raises _Stop."""
        settings = _settings.get()
        if settings.cancel is not None and settings.cancel.cancelled:
            raise _Stop
        started, before = self._asked
        if not self._ready:
            if time.monotonic() - started > _START:
                raise ModelError(
                    "the reader process did not start; see the log, close other programs and try "
                    "again"
                )
            return
        taken, worked = self.measured()
        if taken + shared.size > memory:
            raise _Stop(
                f"reading needs more than {memory / 1e9:.1f} GB, far more than the size of the "
                "file justifies; download or save it again"
            )
        if settings.patience is not None and (
            worked - before > settings.patience
            or time.monotonic() - started > _STANDSTILL * settings.patience
        ):
            raise _Stop(
                f"reading was stopped after {settings.patience:g} seconds; save it in a "
                "simpler form, or raise the limit (--patience SECONDS)"
            )

    def measured(self) -> tuple[int, float]:
        """Resident memory of the process in bytes, and its CPU time in seconds, which does not
        depend on the machine's load; zeros if it has ended."""
        # Imported here, since it takes a while and quick requests never need it.
        import psutil

        try:
            self._facts = self._facts or psutil.Process(self._process.pid)
            with self._facts.oneshot():
                times = self._facts.cpu_times()
                return int(self._facts.memory_info().rss), float(times.user + times.system)
        except psutil.Error:
            return 0, 0.0


_idle: dict[str, list[_Reader]] = {}


def _borrowed(role: str) -> _Reader:
    _forget_after_fork()
    try:
        # list.pop is atomic, so that no two threads get the same one.
        return _idle.setdefault(role, []).pop()
    except IndexError:
        return _Reader(role)


def _give_back(reader: _Reader) -> None:
    readers = _idle.setdefault(reader.role, [])
    if len(readers) >= _MOST_IDLE:
        reader.end()
    elif reader.measured()[0] > _LARGEST_IDLE[reader.role]:
        reader.end()
        readers.append(_Reader(reader.role))
    else:
        readers.append(reader)


def _forget_after_fork() -> None:
    """Drop the parent's readers after a fork; they do not belong to this process."""
    for readers in _idle.values():
        readers[:] = [reader for reader in readers if reader.owner == os.getpid()]


def _started(role: str) -> tuple[subprocess.Popen[bytes], Channel, socket.socket | None]:
    """The process, the channel to it, and a socket whose closing tells it that we ended."""
    command = [sys.executable, *([] if paths.PACKAGED else _AS_FILE), SWITCH, str(os.getpid())]
    try:
        if sys.platform == "win32":
            process = subprocess.Popen(
                [*command, "-", "-", role],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                creationflags=subprocess.CREATE_NO_WINDOW,
            )
            assert process.stdin is not None
            assert process.stdout is not None
            incoming, outgoing = os.dup(process.stdout.fileno()), os.dup(process.stdin.fileno())
            process.stdin.close()
            process.stdout.close()
            return process, PipeChannel(incoming, outgoing), None
        from engine.reader.channel import SocketChannel

        ours, theirs = socket.socketpair()
        line, their_line = socket.socketpair()
        with theirs, their_line:
            inherited = [theirs.fileno(), their_line.fileno()]
            process = subprocess.Popen(
                [*command, *map(str, inherited), role],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=inherited,
            )
        return process, SocketChannel(ours), line
    except (OSError, ValueError) as error:
        raise ModelError(
            f"the reader process cannot be started ({error}); close other programs and try again"
        ) from error


def _logged(text: str, name: str, fault: Fault) -> str:
    """A text for the log, without the name of an image, which may be that of a patient."""
    return text.replace(name, "an image") if fault is errors.ImageError else text


def checked(reply: dict[str, Any], fault: Fault, name: str) -> dict[str, Any]:
    """A reply, if it is not about an error; that is raised: HookscopeError, or the fault."""
    if "error" in reply:
        kind = getattr(errors, str(reply["error"]), None)
        known = isinstance(kind, type) and issubclass(kind, HookscopeError)
        # Errors that carry more than a message are never raised while reading.
        plain = known and kind not in (errors.ConsentNeeded, errors.ChoiceNeeded)
        raise (kind if plain else fault)(str(reply.get("text", "")))  # type: ignore[misc]
    if reply.get("memory"):
        raise fault(
            f"{name}: not enough memory to open it; close other programs or use a smaller one"
        )
    if "failed" in reply:
        trace = _logged(str(reply.get("trace", "")), name, fault)
        _log.warning("%s: the reader failed\n%s", _logged(name, name, fault), trace)
        raise fault(
            f"{name}: damaged or of an unknown kind ({reply['failed']}); download or save it again"
        )
    return reply


def text_of(answer: Answer) -> Any:
    """The JSON that the reader wrote to the shared file."""
    return json.loads(bytes(answer.content))


def _in_words(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


atexit.register(end_all)

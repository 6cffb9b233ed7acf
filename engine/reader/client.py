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
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine import errors
from engine.errors import HookscopeError, Late, ModelError
from engine.progress import CancelToken
from engine.reader.channel import ChannelClosed
from engine.reader.process import ReaderProcess, Stopped
from engine.reader.shared import Shared

_log = logging.getLogger(__name__)

PATIENCE = 20.0
"""Default limit of CPU time for reading a file, in seconds."""

_MOST_IDLE = 2

FILES, NETWORKS = "files", "networks"
"""Roles of reader processes: reading files, and trial construction of networks with torch."""

# An idle reader larger than this is replaced, so that memory use stays flat.
_LARGEST_IDLE = {FILES: 300 << 20, NETWORKS: 900 << 20}

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
        self._reader: ReaderProcess | None = None
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
            settings = _settings.get()
            reply = reader.wait(shared, self._memory, settings.cancel, settings.patience)
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
        except Stopped as stop:
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
            _idle.setdefault(role, []).append(ReaderProcess(role))
        except ModelError as error:
            _log.warning("%s", error)


def end_all() -> None:
    """End all idle readers; called when the program ends."""
    for readers in _idle.values():
        while readers:
            readers.pop().end()


def _cancelled() -> HookscopeError:
    return errors.Cancelled("cancelled")


_idle: dict[str, list[ReaderProcess]] = {}


def _borrowed(role: str) -> ReaderProcess:
    _forget_after_fork()
    try:
        # list.pop is atomic, so that no two threads get the same one.
        return _idle.setdefault(role, []).pop()
    except IndexError:
        return ReaderProcess(role)


def _give_back(reader: ReaderProcess) -> None:
    readers = _idle.setdefault(reader.role, [])
    if len(readers) >= _MOST_IDLE:
        reader.end()
    elif reader.measured()[0] > _LARGEST_IDLE[reader.role]:
        reader.end()
        readers.append(ReaderProcess(reader.role))
    else:
        readers.append(reader)


def _forget_after_fork() -> None:
    """Drop the parent's readers after a fork; they do not belong to this process."""
    for readers in _idle.values():
        readers[:] = [reader for reader in readers if reader.owner == os.getpid()]


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

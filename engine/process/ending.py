"""Ends the process: one exit path for commands, for the window and for signals.

Cleanup that must not be skipped (a half-written file, a child process) is registered as a callback
with at_exit(). The callbacks run on every exit except a kill: in leave(), when a signal ends the
process, and when the interpreter exits normally.

Once torch is loaded, the interpreter's own shutdown takes half a second, and Python's signal
handlers wait for the running operation. So a dedicated thread receives signals, runs the callbacks
and ends the process immediately: no frame is unwound, no `finally` runs, so essential cleanup must
be in a callback. The window is asked first; see ask_first().
"""

from __future__ import annotations

import atexit
import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn, Protocol

INTERRUPTED = 130
"""Exit code after Ctrl+C: 128 plus the signal number, as in a shell."""

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_PATIENCE_S = 0.08
_LOCK_S = 0.1

_callbacks: list[Callable[[], None]] = []
_running = threading.Lock()
_asked: Callable[[int], None] | None = None
_code: int | None = None
_end = 0.0


def at_exit(callback: Callable[[], None]) -> Callable[[], None]:
    """Register a callback for the end of the process; the last one registered runs first.

    It is called once, on any thread, while other threads still run. It must be quick (a few
    milliseconds), not wait, not import, and not log, since a stopped thread may hold the logging
    lock. Returns a function that unregisters it.
    """
    _callbacks.append(callback)

    def take_back() -> None:
        with contextlib.suppress(ValueError):
            _callbacks.remove(callback)

    return take_back


def leave(code: int) -> NoReturn:
    """Run the callbacks, flush stdout and stderr, and end the process immediately."""
    _run_callbacks()
    for stream in (sys.stdout, sys.stderr):
        # The code that wrote there has already reported the error.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def code_of_signal() -> int | None:
    """The exit code requested by a signal, None if there was none."""
    return _code


def ask_first(ask: Callable[[int], None]) -> Callable[[], None]:
    """Make signals call ask(exit code), on the signal thread, before the process ends.

    It must return immediately. The process then has 0.08 s for an orderly exit, plus what grant()
    adds; a second signal or the end of that time ends it. Returns a function that undoes this.
    """
    global _asked
    _asked = ask

    def take_back() -> None:
        global _asked
        _asked = None

    return take_back


def grant(seconds: float) -> None:
    """After a termination signal, allow more time to finish essential work.

    Not after Ctrl+C, since the user is waiting.
    """
    global _end
    if _code is not None and _code != INTERRUPTED:
        _end = time.monotonic() + seconds


def heed_signals() -> None:
    """Make Ctrl+C and termination signals effective immediately; only on the main thread.

    A signal that the process was started to ignore (in the background, by nohup) stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    meant = {
        number
        for name in _SIGNALS
        if (number := getattr(signal, name, None)) is not None
        and signal.getsignal(number) is not signal.SIG_IGN
    }
    ear = _Pipe() if sys.platform != "win32" else _Socket()
    threading.Thread(target=_hear, args=(ear, meant), name="signals", daemon=True).start()
    for number in meant:
        signal.signal(number, _nothing)


def _nothing(_number: int, _frame: object) -> None:
    """A Python-level handler, required for the signal number to be written for _hear."""


class _Ear(Protocol):
    """The receiving end for signal numbers."""

    def fileno(self) -> int: ...

    def read(self) -> bytes: ...


class _Pipe:
    def __init__(self) -> None:
        self._end, self._tell = os.pipe()
        os.set_blocking(self._tell, False)
        signal.set_wakeup_fd(self._tell, warn_on_full_buffer=False)

    def fileno(self) -> int:
        return self._end

    def read(self) -> bytes:
        return os.read(self._end, 16)


class _Socket:
    """For Windows, where select() supports only sockets."""

    def __init__(self) -> None:
        import socket

        self._end, self._tell = socket.socketpair()
        self._tell.setblocking(False)
        signal.set_wakeup_fd(self._tell.fileno(), warn_on_full_buffer=False)

    def fileno(self) -> int:
        return self._end.fileno()

    def read(self) -> bytes:
        return self._end.recv(16)


def _hear(ear: _Ear, meant: set[int]) -> None:
    global _code, _end
    while True:
        patience = None if _code is None else max(0.0, _end - time.monotonic())
        if not select.select([ear], [], [], patience)[0]:
            if time.monotonic() >= _end:
                _end_now()
            continue
        for number in ear.read():
            if number not in meant:
                continue
            ask, again, _code = _asked, _code is not None, 128 + number
            if ask is None or again:
                _end_now()
            _end = time.monotonic() + _PATIENCE_S
            ask(_code)


def _end_now() -> NoReturn:
    """End without flushing the streams, since another thread may be writing to them."""
    _run_callbacks()
    os._exit(_code or INTERRUPTED)


def _run_callbacks() -> None:
    """Run the callbacks once; a second caller waits for the first only briefly."""
    if not _running.acquire(timeout=_LOCK_S):
        return
    while _callbacks:
        # Errors can no longer be reported, and the other callbacks must still run.
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            _callbacks.pop()()


atexit.register(_run_callbacks)

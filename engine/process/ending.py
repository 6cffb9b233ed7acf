"""How the process ends: one way out for commands, for the window and for signals.

Whatever the process must not leave behind (a half-written file, a child process) is put in order by
a callback that is given to at_exit(). The callbacks run on every way out but a kill: at leave(),
when a signal ends the process, and when the interpreter ends by itself.

The interpreter's own end takes half a second once torch is loaded, and a handler of Python's waits
for the operation that runs. So signals are heard by a thread of their own, which runs the callbacks
and ends the process there and then: no frame is unwound, no `finally` runs, and what must happen
all the same belongs into a callback. The window is asked first, see ask_first().
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
"""Exit code after Ctrl+C: 128 and the number of the signal, as a shell has it."""

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_PATIENCE_S = 0.08
_LOCK_S = 0.1

_callbacks: list[Callable[[], None]] = []
_running = threading.Lock()
_asked: Callable[[int], None] | None = None
_code: int | None = None
_end = 0.0


def at_exit(callback: Callable[[], None]) -> Callable[[], None]:
    """Have callback called when the process ends; the last one given goes first.

    It is called once, on any thread, while the others still run. It must be quick (a few
    milliseconds), wait for nobody, log nothing, for the lock of a log may be held by a thread that
    is stopped, and import nothing. What is returned takes it back.
    """
    _callbacks.append(callback)

    def take_back() -> None:
        with contextlib.suppress(ValueError):
            _callbacks.remove(callback)

    return take_back


def leave(code: int) -> NoReturn:
    """Run the callbacks, write what stdout and stderr still hold, and end the process at once."""
    _run_callbacks()
    for stream in (sys.stdout, sys.stderr):
        # Whoever wrote there has been told of what cannot be written.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def code_of_signal() -> int | None:
    """The exit code that a signal has asked for, None where there was none."""
    return _code


def ask_first(ask: Callable[[int], None]) -> Callable[[], None]:
    """From now on a signal calls ask(exit code), on the thread that hears signals.

    It must return at once. The process then has 0.08 s to end in order, and what grant() adds; a
    second signal, or the end of that time, ends it. What is returned takes it back.
    """
    global _asked
    _asked = ask

    def take_back() -> None:
        global _asked
        _asked = None

    return take_back


def grant(seconds: float) -> None:
    """Where a signal has asked for the end, leave time for what is to be finished all the same.

    Not after Ctrl+C: whoever presses that is waiting.
    """
    global _end
    if _code is not None and _code != INTERRUPTED:
        _end = time.monotonic() + seconds


def heed_signals() -> None:
    """Let Ctrl+C and requests to end do so at once, from here on; does nothing off the main thread.

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
    """A handler of Python's, so that the number is written where it is heard; see _hear."""


class _Ear(Protocol):
    """Where the numbers of signals arrive as they come."""

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
    """On Windows, where only a socket can be waited for."""

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
    """Without a look at the streams, which somebody may be writing to this very moment."""
    _run_callbacks()
    os._exit(_code or INTERRUPTED)


def _run_callbacks() -> None:
    """Once; whoever comes second waits for the first no longer than a moment."""
    if not _running.acquire(timeout=_LOCK_S):
        return
    while _callbacks:
        # There is nobody left to tell, and the others must have their turn.
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            _callbacks.pop()()


atexit.register(_run_callbacks)

"""One reader process: how it starts, is sent a request, is watched while it works, and ends."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from engine import paths
from engine.errors import ModelError
from engine.progress import CancelToken
from engine.reader import SWITCH
from engine.reader.channel import Channel, PipeChannel
from engine.reader.shared import Shared

_log = logging.getLogger(__name__)

_LOOK_EVERY = 0.02
# Wall-clock limit as a multiple of patience: a disk or network that does not respond uses no CPU.
_STANDSTILL = 6
_START = 300.0

# -P keeps modules beside that file from shadowing others of the same name.
_AS_FILE = ("-P", str(Path(__file__).resolve().parents[1] / "reader_process" / "start.py"))


class Stopped(Exception):
    """Why a reader was stopped; '' if it was cancelled."""


class ReaderProcess:
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

    def wait(
        self, shared: Shared, memory: int, cancel: CancelToken | None, patience: float | None
    ) -> dict[str, Any]:
        """The reply to the request.

        memory: limit in bytes, with what it shares. patience: limit of CPU time in seconds; None
        for none. Raises ChannelClosed if the process ended, Stopped.
        """
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
            self._look(shared, memory, cancel, patience)

    def end(self) -> int:
        """Kill the process and wait for it; its exit code."""
        self._channel.close()
        if self._line is not None:
            self._line.close()
        if self.owner != os.getpid():
            return 0
        self._process.kill()
        return self._process.wait()

    def _look(
        self, shared: Shared, memory: int, cancel: CancelToken | None, patience: float | None
    ) -> None:
        """Check cancellation and limits. Raises Stopped."""
        if cancel is not None and cancel.cancelled:
            raise Stopped
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
            raise Stopped(
                f"reading needs more than {memory / 1e9:.1f} GB, far more than the size of the "
                "file justifies; download or save it again"
            )
        if patience is not None and (
            worked - before > patience or time.monotonic() - started > _STANDSTILL * patience
        ):
            raise Stopped(
                f"reading was stopped after {patience:g} seconds; save it in a "
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

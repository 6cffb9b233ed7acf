"""The main loop of the reader process: serves requests one by one until its parent ends."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from typing import Any

from engine.reader.channel import Channel, ChannelClosed, PipeChannel
from engine.reader_process import confinement

_LOOK_EVERY = 0.25


def main(arguments: Sequence[str]) -> int:
    """Serve the parent until it ends. arguments: its process ID, the descriptors of the inherited
    socket and of the one that closes when it ends ('-' for the standard streams), the role."""
    parent, end, line, role = arguments
    if line != "-":
        confinement.die_with(int(line))
    channel = _inherited(end)
    if role == "networks":
        # Imported before any untrusted data is read, since confinement would prevent it.
        import tempfile

        import torch

        torch.set_num_threads(1)
        # Libraries ask for it on import, and finding it requires writing to the folder.
        tempfile.gettempdir()
    # A short-lived process that keeps most of its objects produces little garbage.
    gc.disable()
    missing = confinement.confine(programs=role == "networks")
    threading.Thread(target=_watch, args=(channel, int(parent)), daemon=True).start()
    from engine.reader_process.operations import answer

    try:
        channel.send({"ready": True, "missing": list(missing)})
        while True:
            request = channel.receive(None) or {}
            descriptor = _file_of(request, channel)
            try:
                reply = answer(request, descriptor)
            except Exception:  # noqa: BLE001 - the outermost frame: library errors are reported
                reply = {"failed": _last_line(), "trace": traceback.format_exc(limit=-20)}
            finally:
                if descriptor is not None:
                    os.close(descriptor)
            channel.send(reply)
    except ChannelClosed:
        return 0


def _last_line() -> str:
    error = sys.exc_info()[1]
    line = str(error).strip().partition("\n")[0][:200]
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def _inherited(end: str) -> Channel:
    if end == "-":
        # Keep other code from writing to the channel.
        incoming, outgoing = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        return PipeChannel(incoming, outgoing)
    assert sys.platform != "win32"
    import socket

    from engine.reader.channel import SocketChannel

    return SocketChannel(socket.socket(fileno=int(end)))


def _file_of(request: dict[str, Any], channel: Channel) -> int | None:
    name = request.get("file")
    if name:
        return os.open(name, os.O_RDWR | getattr(os, "O_BINARY", 0))
    return channel.taken_file()


def _watch(channel: Channel, parent: int) -> None:
    """End the process when its parent has ended, even if forks of it hold the sockets open."""
    while not channel.ended() and (sys.platform == "win32" or os.getppid() == parent):
        time.sleep(_LOOK_EVERY)
    os._exit(0)

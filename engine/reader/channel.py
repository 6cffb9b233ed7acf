"""Messages between the program and a reader process: length-prefixed JSON over a socket pair that
the process inherits, or over its standard streams on Windows.

A message can carry one open file (engine.reader.shared). Nothing that arrives is unpickled.
"""

from __future__ import annotations

import json
import os
import select
import struct
import sys
import time
from typing import Any

if sys.platform != "win32":
    import socket

_LENGTH = struct.Struct("<I")
_LARGEST = 64 << 20


class ChannelClosed(Exception):
    """The other process has ended or closed the channel."""


def _decoded(content: bytes) -> dict[str, Any]:
    message = json.loads(content)
    if not isinstance(message, dict):
        raise ChannelClosed("a malformed message")
    return message


if sys.platform != "win32":

    class SocketChannel:
        """One end of a socket pair."""

        def __init__(self, end: socket.socket) -> None:
            self._end = end
            self._rest = bytearray()
            self._files: list[int] = []

        def send(self, message: dict[str, Any], descriptor: int | None = None) -> None:
            """Raises ChannelClosed."""
            content = json.dumps(message).encode()
            view = memoryview(_LENGTH.pack(len(content)) + content)
            try:
                if descriptor is not None:
                    sent = socket.send_fds(self._end, [view], [descriptor])
                    view = view[sent:]
                while view:
                    view = view[self._end.send(view) :]
            except OSError as error:
                raise ChannelClosed(str(error)) from error

        def receive(self, timeout: float | None) -> dict[str, Any] | None:
            """The next message; None if none arrives within timeout seconds (None waits
            indefinitely). Raises ChannelClosed."""
            deadline = None if timeout is None else time.monotonic() + timeout
            while True:
                whole = self._whole()
                if whole is not None:
                    return whole
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                if not select.select([self._end], [], [], left)[0]:
                    return None
                try:
                    data, files, _flags, _address = socket.recv_fds(self._end, 1 << 16, 1)
                except OSError as error:
                    raise ChannelClosed(str(error)) from error
                self._files += files
                if not data:
                    raise ChannelClosed("it ended")
                self._rest += data

        def taken_file(self) -> int | None:
            """The descriptor that came with the last message; the caller closes it."""
            return self._files.pop() if self._files else None

        def ended(self) -> bool:
            """Whether the other process has gone; peeks without consuming data."""
            try:
                return self._end.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
            except BlockingIOError:
                return False
            except OSError:
                return True

        def close(self) -> None:
            self._end.close()

        def _whole(self) -> dict[str, Any] | None:
            if len(self._rest) < _LENGTH.size:
                return None
            (length,) = _LENGTH.unpack(self._rest[: _LENGTH.size])
            if length > _LARGEST:
                raise ChannelClosed("a message that is too large")
            if len(self._rest) < _LENGTH.size + length:
                return None
            content = bytes(self._rest[_LENGTH.size : _LENGTH.size + length])
            del self._rest[: _LENGTH.size + length]
            return _decoded(content)


class PipeChannel:
    """Two pipes, given by their descriptors. For Windows, where select does not support pipes, so
    they are polled every few milliseconds."""

    _EVERY = 0.004

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._rest = bytearray()

    def send(self, message: dict[str, Any], descriptor: int | None = None) -> None:
        """Raises ChannelClosed. Here files are passed by name, not as descriptors."""
        assert descriptor is None
        content = json.dumps(message).encode()
        view = memoryview(_LENGTH.pack(len(content)) + content)
        try:
            while view:
                view = view[os.write(self._outgoing, view) :]
        except OSError as error:
            raise ChannelClosed(str(error)) from error

    def receive(self, timeout: float | None) -> dict[str, Any] | None:
        """Like SocketChannel.receive."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            if len(self._rest) >= _LENGTH.size:
                (length,) = _LENGTH.unpack(self._rest[: _LENGTH.size])
                if length > _LARGEST:
                    raise ChannelClosed("a message that is too large")
                if len(self._rest) >= _LENGTH.size + length:
                    content = bytes(self._rest[_LENGTH.size : _LENGTH.size + length])
                    del self._rest[: _LENGTH.size + length]
                    return _decoded(content)
            if deadline is not None and not self._waiting():
                if time.monotonic() >= deadline:
                    return None
                time.sleep(self._EVERY)
                continue
            try:
                data = os.read(self._incoming, 1 << 16)
            except OSError as error:
                raise ChannelClosed(str(error)) from error
            if not data:
                raise ChannelClosed("it ended")
            self._rest += data

    def taken_file(self) -> int | None:
        return None

    def ended(self) -> bool:
        """Whether the other process has gone."""
        try:
            self._waiting()
        except ChannelClosed:
            return True
        return False

    def close(self) -> None:
        for descriptor in (self._incoming, self._outgoing):
            os.close(descriptor)

    def _waiting(self) -> bool:
        """Whether there is data to read. Raises ChannelClosed."""
        if sys.platform == "win32":
            import _winapi
            import msvcrt

            try:
                handle = msvcrt.get_osfhandle(self._incoming)
                return bool(_winapi.PeekNamedPipe(handle, 0)[0])
            except OSError as error:
                raise ChannelClosed(str(error)) from error
        return bool(select.select([self._incoming], [], [], 0)[0])


if sys.platform != "win32":
    Channel = SocketChannel | PipeChannel
else:
    Channel = PipeChannel

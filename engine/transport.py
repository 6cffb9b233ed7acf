"""HTTP requests that can be given up while they wait: for a connection, a handshake or a byte.

urllib does the protocol (redirects, proxies, certificates). Only the sockets are our own: every
wait is cut into slices, and between them the cancel token and the patience are looked at. Looking
up the address of a host is the one wait that cannot be cut.
"""

from __future__ import annotations

import errno
import http.client
import io
import logging
import os
import selectors
import socket
import ssl
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.error import URLError
from urllib.parse import urlsplit

from engine.progress import CancelToken

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_log = logging.getLogger(__name__)

T = TypeVar("T")

SLICE_S = 0.2
"""Longest wait, in seconds, after which a cancelled token is noticed."""

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Debian, Fedora, SUSE and macOS keep the certificates that they trust."""

_CONNECT_S = 10.0

# EWOULDBLOCK is what Windows says.
_UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)


class Waiting:
    """How long nothing has been heard. patience: seconds after which that is an error.

    sockets: those of the request under way, which are closed when it fails.
    """

    def __init__(self, cancel: CancelToken, patience: float) -> None:
        self._cancel = cancel
        self._patience = patience
        self._last = time.monotonic()
        self.sockets: list[socket.socket] = []

    def heard(self) -> None:
        """Something came, or another wait begins."""
        self._last = time.monotonic()

    def check(self, patience: float | None = None) -> None:
        """Raises Cancelled once the token is set, and TimeoutError when patience is over."""
        self._cancel.raise_if_cancelled()
        limit = self._patience if patience is None else min(patience, self._patience)
        if time.monotonic() - self._last > limit:
            raise TimeoutError(f"nothing came for {limit:g} seconds")


def open_request(request: urllib.request.Request, waiting: Waiting) -> http.client.HTTPResponse:
    """The answer to a request, its body still to be read.

    Reading it raises Cancelled and TimeoutError as waiting says. Raises HTTPError for a status of
    300 and more that redirects nowhere, OSError (URLError among them) when no connection can be
    made, http.client.HTTPException for what is no HTTP, and Cancelled.
    """
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _PlainHandler(waiting),
        _SecureHandler(waiting),
    ):
        opener.add_handler(handler)
    waiting.heard()
    waiting.sockets.clear()
    try:
        answer: http.client.HTTPResponse = opener.open(request, timeout=_CONNECT_S)
    except BaseException as error:
        for sock in waiting.sockets:
            sock.close()
        if isinstance(error, ValueError):  # a redirection to what is no address
            raise URLError(str(error)) from error
        raise
    return answer


def proxy_for(url: str) -> str:
    """The proxy that stands before this address, without its password; '' for none."""
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme, "")
    if not proxy or urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    where = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    return where.netloc.rpartition("@")[2]


class _PlainHandler(urllib.request.HTTPHandler):
    def __init__(self, waiting: Waiting) -> None:
        super().__init__()
        self._waiting = waiting

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        def make(host: str, **options: Any) -> http.client.HTTPConnection:
            return _Plain(host, self._waiting, **options)

        return self.do_open(cast(Any, make), req)


class _SecureHandler(urllib.request.HTTPSHandler):
    def __init__(self, waiting: Waiting) -> None:
        self._tls = _tls_context()
        super().__init__(context=self._tls)
        self._waiting = waiting

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        def make(host: str, **options: Any) -> http.client.HTTPConnection:
            return _Secure(host, self._waiting, self._tls, **options)

        return self.do_open(cast(Any, make), req)


def _tls_context() -> ssl.SSLContext:
    """One that trusts what this computer trusts."""
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath) and os.name != "nt":
        # A packaged program brings an OpenSSL that looks where its builder's system keeps them.
        for bundle in BUNDLES:
            if Path(bundle).is_file():
                _log.info("certificates of %s", bundle)
                context.load_verify_locations(bundle)
                break
    return context


class _Plain(http.client.HTTPConnection):
    def __init__(self, host: str, waiting: Waiting, **options: Any) -> None:
        super().__init__(host, **options)
        self._waiting = waiting

    def connect(self) -> None:
        self.sock = _Watched(_connect(self.host, self.port, self._waiting), self._waiting)


class _Secure(http.client.HTTPSConnection):
    def __init__(self, host: str, waiting: Waiting, tls: ssl.SSLContext, **options: Any) -> None:
        super().__init__(host, context=tls, **options)
        self._waiting = waiting
        self._tls = tls
        self._tunnelled = False

    def set_tunnel(self, *arguments: Any, **options: Any) -> None:
        self._tunnelled = True
        super().set_tunnel(*arguments, **options)

    def connect(self) -> None:
        if self._tunnelled:
            # http.client talks to the proxy itself, within the time limit of a connection.
            super().connect()
            sock = cast(ssl.SSLSocket, self.sock)
            sock.settimeout(SLICE_S)
        else:
            sock = self._shake_hands(_connect(self.host, self.port, self._waiting))
        self.sock = _Watched(sock, self._waiting)

    def _shake_hands(self, plain: socket.socket) -> ssl.SSLSocket:
        sock = self._tls.wrap_socket(
            plain, server_hostname=self.host, do_handshake_on_connect=False
        )
        try:
            _patiently(sock.do_handshake, self._waiting, _CONNECT_S)
        except BaseException:
            sock.close()
            raise
        return sock


class _Watched:
    """What http.client needs of a socket, with reads that can be given up."""

    def __init__(self, sock: socket.socket, waiting: Waiting) -> None:
        self._sock = sock
        self._waiting = waiting
        self._lent = False
        waiting.sockets.append(sock)

    def sendall(self, data: bytes) -> None:
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        self._lent = True
        return io.BufferedReader(_Incoming(self._sock, self._waiting), 1 << 16)

    def close(self) -> None:
        # http.client closes its socket as soon as the answer has its own hold on it.
        if not self._lent:
            self._sock.close()


class _Incoming(io.RawIOBase):
    def __init__(self, sock: socket.socket, waiting: Waiting) -> None:
        super().__init__()
        self._sock = sock
        self._waiting = waiting

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        count = _patiently(lambda: self._sock.recv_into(buffer), self._waiting)
        self._waiting.heard()
        return count

    def close(self) -> None:
        if not self.closed:
            self._sock.close()
        super().close()


def _patiently(step: Callable[[], T], waiting: Waiting, patience: float | None = None) -> T:
    """step, which gives up after a slice of time, again until it succeeds."""
    while True:
        waiting.check(patience)
        try:
            return step()
        except TimeoutError:
            continue


def _connect(host: str, port: int, waiting: Waiting) -> socket.socket:
    """A connected socket whose operations take a slice of time at most."""
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        waiting.heard()
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            _finish_connecting(sock, address, waiting)
        except OSError as error:
            failure = error
            sock.close()
            continue
        except BaseException:
            sock.close()
            raise
        sock.settimeout(SLICE_S)
        waiting.heard()
        return sock
    raise failure


def _finish_connecting(sock: socket.socket, address: Any, waiting: Waiting) -> None:
    with selectors.DefaultSelector() as selector:
        code = sock.connect_ex(address)
        if code not in _UNDER_WAY:
            raise OSError(code, os.strerror(code))
        # A selector, since on Windows only it tells of a connection that failed.
        selector.register(sock, selectors.EVENT_WRITE)
        while not selector.select(SLICE_S):
            waiting.check(_CONNECT_S)
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))

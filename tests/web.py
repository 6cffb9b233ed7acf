"""A small web server on 127.0.0.1 that misbehaves as told: what downloads are tested against."""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key, made by openssl."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    options = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    outputs = ["-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run(
            [*command.split(), *options, *outputs], check=True, capture_output=True, timeout=60
        )
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return certificate, key


HELD_S = 20.0
"""How long an answer is held back, so that whoever waits for it to the end is found out."""


@dataclass
class Site:
    """What the server has, and how it behaves.

    files: contents by name. asked: (name, Range header) of every request. honour_ranges: whether
    it can begin in the middle. etag: sent with each file ('' for none); dated: whether a date is.
    cut_after, stall_after: so many bytes of an answer, then the connection is cut or nothing more
    comes (until release, or for HELD_S seconds; holding meanwhile). cuts: how many answers are cut;
    after them all is well. status: answer with that instead. block: bytes that are written at a
    time, pause: seconds between them.
    redirect: names that are elsewhere. url: its address.
    """

    files: dict[str, bytes]
    asked: list[tuple[str, str]] = field(default_factory=list)
    honour_ranges: bool = True
    etag: str = '"one"'
    dated: bool = True
    cut_after: int | None = None
    cuts: int = 1_000
    stall_after: int | None = None
    status: int = 200
    block: int = 1 << 16
    pause: float = 0.0
    redirect: dict[str, str] = field(default_factory=dict)
    url: str = ""
    sending: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    holding: bool = False


@contextmanager
def serve(site: Site, tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """The site, served until the block ends; site.url is its address. tls: over HTTPS."""

    class Handler(_Handler):
        content = site

    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="site")
    thread.start()
    scheme = "http" if tls is None else "https"
    site.url = f"{scheme}://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        site.release.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away in the middle are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    content: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        site, name = self.content, self.path.rpartition("/")[2]
        wanted = self.headers.get("Range", "")
        site.asked.append((name, wanted))
        if name in site.redirect:
            self.send_response(302)
            self.send_header("Location", site.redirect[name])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if site.status != 200 or name not in site.files:
            self.send_error(site.status if site.status != 200 else 404)
            return
        data, start = site.files[name], 0
        unchanged = self.headers.get("If-Range", "") in ("", site.etag, self._date())
        if wanted and site.honour_ranges and unchanged:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            if start >= len(data):
                self.send_error(416)
                return
        self._send(data, start)

    def _send(self, data: bytes, start: int) -> None:
        site = self.content
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if site.etag:
            self.send_header("ETag", site.etag)
        if site.dated:
            self.send_header("Last-Modified", self._date())
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        body = data[start:]
        cut = site.cut_after if site.cuts > 0 else None
        limits = [n for n in (cut, site.stall_after) if n is not None]
        if limits:
            body = body[: min(limits)]
        if not self._write(body):
            return
        site.sending.set()
        if site.stall_after is not None:
            site.holding = True
            site.release.wait(HELD_S)
            site.holding = False
            self.close_connection = True
        if cut is not None:
            site.cuts -= 1
            self.close_connection = True

    def _write(self, body: bytes) -> bool:
        try:
            for at in range(0, len(body), self.content.block):
                self.wfile.write(body[at : at + self.content.block])
                self.content.sending.set()
                if self.content.pause:
                    time.sleep(self.content.pause)
        except OSError:
            # The client went away, which is what some tests are about.
            self.close_connection = True
            return False
        return True

    def _date(self) -> str:
        return formatdate(1_000_000_000, usegmt=True)

    def log_message(self, format: str, *args: object) -> None:
        pass

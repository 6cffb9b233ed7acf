"""Requests over HTTP: given up in every wait, led by proxies, and loaded late."""

from __future__ import annotations

import errno
import select
import socket
import ssl
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.downloads.fetching import download
from engine.downloads.http import Answer, UntrustedStore, ask, proxy_for
from engine.errors import Cancelled, DownloadError
from engine.progress import CancelToken
from tests.web import HELD_S, Site, self_signed, serve

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 10.0


pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.fixture
def site() -> Iterator[Site]:
    with serve(Site({"net.pth": b"content"})) as served:
        yield served


def read(url: str) -> bytes:
    with ask(url, {}, CancelToken(), PATIENCE) as answer:
        return b"".join(answer.blocks)


class Hold:
    """Somebody at the other end who keeps a request waiting, and in the end lets it go."""

    def __init__(self) -> None:
        self.begun, self.over = threading.Event(), threading.Event()
        self.ended = False

    def keep(self) -> None:
        self.begun.set()
        self.over.wait(HELD_S)
        self.ended = True


def given_up(url: str, hold: Hold) -> None:
    """A request that is kept waiting ends when its token is cancelled, and not later."""
    token = CancelToken()

    def cancel() -> None:
        assert hold.begun.wait(HELD_S)
        token.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(Cancelled), ask(url, {}, token, PATIENCE):
        pass
    assert not hold.ended, "it waited for the other end"
    thread.join()


def test_given_up_while_an_address_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    hold = Hold()

    def look_up(*_: object, **__: object) -> list[object]:
        hold.keep()
        raise socket.gaierror(socket.EAI_NONAME, "not found")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        given_up("http://models.invalid/net.pth", hold)
    finally:
        hold.over.set()


@pytest.mark.parametrize("through_a_proxy", [False, True])
def test_given_up_in_a_handshake(monkeypatch: pytest.MonkeyPatch, through_a_proxy: bool) -> None:
    hold = Hold()
    with socket.create_server(("127.0.0.1", 0)) as silent:

        def take() -> None:
            connection, _ = silent.accept()
            with connection:
                connection.recv(1000)
                hold.keep()

        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        if through_a_proxy:
            monkeypatch.setenv("https_proxy", url.replace("https:", "http:"))
            url = "https://models.invalid"
        thread = threading.Thread(target=take)
        thread.start()
        try:
            given_up(f"{url}/net.pth", hold)
        finally:
            hold.over.set()
            thread.join()


def test_each_redirection_has_its_own_proxy(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", site.url)
    monkeypatch.setenv("no_proxy", "models.invalid")
    site.redirect["moved.pth"] = "http://elsewhere.invalid/net.pth"
    monkeypatch.setattr(
        socket, "getaddrinfo", _all_hosts_are_local(socket.getaddrinfo, "models.invalid")
    )
    port = site.url.rpartition(":")[2]
    assert read(f"http://models.invalid:{port}/moved.pth") == b"content"


def _all_hosts_are_local(real: object, name: str) -> object:
    def look_up(host: object, *arguments: object, **options: object) -> object:
        if host in (name, name.encode()):
            host = "127.0.0.1"
        assert host in ("127.0.0.1", b"127.0.0.1"), "only the proxy knows that name"
        assert callable(real)
        return real(host, *arguments, **options)

    return look_up


def test_a_secure_connection_through_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy sees a name, a password and which host is wanted; the rest is not plain."""
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serve(Site({"net.pth": b"content"}), context) as secure, proxied(secure) as (url, asked):
        monkeypatch.setenv("https_proxy", url.replace("//", "//somebody:secret@"))
        assert read(f"{secure.url}/net.pth") == b"content"
    assert asked[0].startswith(f"CONNECT {secure.url.removeprefix('https://')} HTTP/1.1")
    assert b64encode(b"somebody:secret").decode() in asked[0]
    assert len(asked) == 1


@pytest.mark.parametrize("secure", [False, True])
def test_a_certificate_file_that_holds_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secure: bool
) -> None:
    """It is not the proxy's fault, nor the server's."""
    file = tmp_path / "empty.pem"
    file.write_text("not a certificate", encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    url = f"http{'s' * secure}://127.0.0.1:9/net.pth"
    with pytest.raises(DownloadError) as caught:
        download(url, tmp_path / "net.pth", sha256_prefix="00")
    said = str(caught.value)
    assert f"SSL_CERT_FILE={file} holds no certificate; correct or unset it" in said
    assert "proxy" not in said.lower()


def test_a_certificate_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "theirs.pem"
    file.touch()
    load = ssl.SSLContext.load_verify_locations

    def refuse(context: ssl.SSLContext, cafile: str | None = None, *others: str | None) -> None:
        if cafile == str(file):
            raise PermissionError(errno.EACCES, "Permission denied")
        load(context, cafile, *others)

    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", refuse)
    with pytest.raises(UntrustedStore, match=r"theirs\.pem cannot be read \(Permission denied\)"):
        read("https://127.0.0.1:9/net.pth")


@contextmanager
def proxied(site: Site) -> Iterator[tuple[str, list[str]]]:
    """A proxy that lets one connection through to the site: its address, what it was asked."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def forward() -> None:
            near, _ = server.accept()
            with near, socket.create_connection(("127.0.0.1", int(site.url.split(":")[2]))) as far:
                asked.append(near.recv(10_000).decode())
                near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                other = {near: far, far: near}
                while True:
                    for ready in select.select([near, far], [], [], 10)[0]:
                        if not (data := ready.recv(10_000)):
                            return
                        other[ready].sendall(data)

        thread = threading.Thread(target=forward)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
        thread.join()


def test_a_proxy_of_another_kind(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")
    assert read(f"{site.url}/net.pth") == b"content"
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:9")
    with pytest.raises(ConnectionError, match="socks5 are not supported"):
        read(f"{site.url}/net.pth")


def test_a_proxy_without_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "proxy.invalid:3128")
    monkeypatch.setenv("no_proxy", "models.invalid")
    assert proxy_for("https://elsewhere.invalid/x") == "http://proxy.invalid:3128"
    assert proxy_for("https://models.invalid/x") == ""
    assert proxy_for("http://elsewhere.invalid/x") == ""


def test_endless_redirections_end(site: Site) -> None:
    site.redirect["net.pth"] = f"{site.url}/net.pth"
    with pytest.raises(ConnectionError, match="too many redirects"):
        read(f"{site.url}/net.pth")


@contextmanager
def answering(data: bytes) -> Iterator[str]:
    """A server that says so to whoever comes first, and closes; its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(data)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/net.pth"
        thread.join()


def test_what_comes_is_not_decoded() -> None:
    """A range counts the bytes of the file, whatever the server calls their encoding."""
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n"
    with answering(head + b"abc") as url:
        assert read(url) == b"abc"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", ConnectionError),
        (b"no HTTP\r\n\r\n", ConnectionError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", ConnectionAbortedError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", ConnectionAbortedError),
    ],
)
def test_what_broke_in_the_middle_is_told_apart(data: bytes, kind: type[OSError]) -> None:
    with answering(data) as url, pytest.raises(ConnectionError) as caught:
        read(url)
    assert caught.type is kind


def test_nothing_is_left_open_by_whoever_stops_reading(site: Site) -> None:
    """An unclosed socket or generator would warn, and a warning fails the test."""
    site.files["net.pth"] = bytes(1_000_000)
    with ask(f"{site.url}/net.pth", {}, CancelToken(), PATIENCE) as answer:
        assert isinstance(answer, Answer)
        assert next(answer.blocks)
    with ask(f"{site.url}/net.pth", {}, CancelToken(), PATIENCE) as answer:
        assert answer.headers.get("Content-Length") == "1000000"


def test_looking_at_the_gallery_loads_no_http() -> None:
    code = "import sys, engine.formats.torchvision.gallery; sys.exit('httpx2' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=True)

"""Downloads against a real server on 127.0.0.1 that misbehaves as told."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.downloads.fetching import download
from engine.downloads.partial import part_of
from engine.errors import Cancelled, DownloadError
from engine.progress import CancelToken
from tests.web import Site, self_signed, serve

CONTENT = random.Random(1).randbytes(700_001)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
NAME = f"net-{DIGEST[:8]}.pth"
ROOT = Path(__file__).resolve().parents[3]
NEVER_S = 3600.0
"""A patience that no test sees the end of."""


pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.fixture
def site() -> Iterator[Site]:
    with serve(Site({NAME: CONTENT})) as served:
        yield served


@dataclass
class Caller:
    """download() of the site's file, with what it reported."""

    site: Site
    target: Path
    told: list[tuple[float, str]]

    def fetch(self, **options: Any) -> Path:
        return download(
            options.pop("url", f"{self.site.url}/{NAME}"),
            self.target,
            **{"sha256_prefix": DIGEST[:8], "progress": self.report, "patience": 10.0} | options,
        )

    def report(self, fraction: float, text: str) -> None:
        self.told.append((fraction, text))

    @property
    def part(self) -> Path:
        return part_of(self.target)

    def leftovers(self) -> set[str]:
        return {path.name for path in self.target.parent.iterdir()}


@pytest.fixture
def caller(site: Site, tmp_path: Path) -> Caller:
    return Caller(site, tmp_path / "hub" / NAME, [])


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


@dataclass
class Running:
    """download() on a thread of its own, as a lane runs it."""

    caller: Caller
    options: dict[str, Any]

    def __post_init__(self) -> None:
        self.token = CancelToken()
        self.outcome: object = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.outcome = self.caller.fetch(cancel=self.token, **self.options)
        except Exception as error:  # noqa: BLE001 - handed to the test
            self.outcome = error

    def join(self) -> object:
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.outcome


def test_the_whole_file_arrives_and_nothing_else(caller: Caller) -> None:
    assert caller.fetch() == caller.target
    assert caller.target.read_bytes() == CONTENT
    assert caller.leftovers() == {NAME}
    fractions = [fraction for fraction, _ in caller.told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert any("of 0.7 MB" in text and "MB/s" in text for _, text in caller.told)


def test_a_file_that_is_there_is_not_fetched_again(caller: Caller) -> None:
    caller.target.parent.mkdir()
    caller.target.write_bytes(CONTENT)
    caller.fetch()
    assert not caller.site.asked


def test_another_file_under_the_name_is_replaced(caller: Caller) -> None:
    caller.target.parent.mkdir()
    caller.target.write_bytes(b"damaged")
    caller.fetch()
    assert caller.target.read_bytes() == CONTENT


def test_cancel_while_nothing_comes(caller: Caller) -> None:
    caller.site.stall_after = 300_000
    running = Running(caller, {"patience": NEVER_S})
    assert caller.site.sending.wait(10)
    wait_for(lambda: caller.part.exists() and caller.part.stat().st_size == 300_000)
    running.token.cancel()
    assert isinstance(running.join(), Cancelled)
    assert caller.site.holding, "it waited for the server"
    assert caller.part.read_bytes() == CONTENT[:300_000]
    assert not caller.target.exists()


def test_cancel_while_the_server_has_not_answered(caller: Caller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/{NAME}"
        running = Running(caller, {"url": url, "patience": NEVER_S})
        connection, _ = silent.accept()
        with connection:
            connection.recv(1000)
            running.token.cancel()
            assert isinstance(running.join(), Cancelled)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a full queue differs elsewhere")
def test_cancel_while_no_connection_comes_about(caller: Caller) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for other in (first, second):
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        running = Running(caller, {"url": f"http://127.0.0.1:{full.getsockname()[1]}/{NAME}"})
        wait_for(lambda: bool(caller.told))
        running.token.cancel()
        # Not the TimeoutError that comes of waiting for the connection.
        assert isinstance(running.join(), Cancelled)


def interrupted(caller: Caller, after: int = 300_000) -> None:
    """Leaves a part of so many bytes, as a cancelled download does."""
    caller.site.stall_after = after
    running = Running(caller, {})
    wait_for(lambda: caller.part.exists() and caller.part.stat().st_size == after)
    running.token.cancel()
    assert isinstance(running.join(), Cancelled)
    caller.site.stall_after = None
    caller.site.asked.clear()
    caller.told.clear()


def test_a_part_is_gone_on_with(caller: Caller) -> None:
    interrupted(caller)
    caller.fetch()
    assert caller.site.asked == [(NAME, "bytes=300000-")]
    assert caller.target.read_bytes() == CONTENT
    assert caller.leftovers() == {NAME}
    assert min(f for f, text in caller.told if "MB/s" in text) >= 300_000 / len(CONTENT)


def test_a_part_that_is_complete_needs_no_server(caller: Caller) -> None:
    interrupted(caller)
    caller.part.write_bytes(CONTENT)
    caller.fetch()
    assert not caller.site.asked
    assert caller.target.read_bytes() == CONTENT


@pytest.mark.parametrize("change", ["ranges ignored", "etag", "length", "no facts", "too long"])
def test_a_part_of_something_else_is_started_over(caller: Caller, change: str) -> None:
    interrupted(caller)
    if change == "ranges ignored":
        caller.site.honour_ranges = False
    elif change == "etag":
        caller.part.write_bytes(bytes(300_000))
        caller.site.etag = '"two"'
    elif change == "length":
        caller.part.write_bytes(bytes(300_000))
        facts = caller.part.with_name(f"{caller.part.name}.json")
        facts.write_text(json.dumps(json.loads(facts.read_text()) | {"total": 650_000}))
    elif change == "no facts":
        caller.part.write_bytes(bytes(300_000))
        caller.part.with_name(f"{caller.part.name}.json").unlink()
    else:
        caller.part.write_bytes(bytes(800_000))
    caller.fetch()
    assert caller.target.read_bytes() == CONTENT
    assert caller.leftovers() == {NAME}


def test_a_file_of_another_date_is_started_over(caller: Caller) -> None:
    """Without a tag, the date is what a version is known by."""
    caller.site.etag = ""
    interrupted(caller)
    facts = caller.part.with_name(f"{caller.part.name}.json")
    facts.write_text(
        json.dumps(json.loads(facts.read_text()) | {"modified": "Sat, 01 Jan 2000 00:00:00 GMT"})
    )
    caller.part.write_bytes(bytes(300_000))
    caller.fetch()
    assert caller.target.read_bytes() == CONTENT


def test_a_wrong_checksum_is_said_and_nothing_is_kept(caller: Caller) -> None:
    with pytest.raises(DownloadError, match=r"does not match the published checksum.*deleted"):
        caller.fetch(sha256_prefix="00000000")
    assert not caller.target.exists()
    assert not caller.part.exists()


def test_a_damaged_part_is_found_by_the_checksum_and_not_kept(caller: Caller) -> None:
    interrupted(caller)
    caller.part.write_bytes(bytes(300_000))
    with pytest.raises(DownloadError, match="deleted"):
        caller.fetch()
    assert not caller.part.exists()
    caller.fetch()
    assert caller.target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, r"no such file \(404\).*put it into"),
        (403, r"denied .*\(403\)"),
        (407, "proxy requires a user name and password; set HTTPS_PROXY"),
        (503, r"busy or unavailable \(503\); try again later"),
        (418, "answered 418"),
    ],
)
def test_an_answer_that_is_no_file_is_said(caller: Caller, status: int, words: str) -> None:
    caller.site.status = status
    with pytest.raises(DownloadError, match=words):
        caller.fetch()
    assert len(caller.site.asked) == 1


def test_a_stall_is_an_error_after_patience(caller: Caller) -> None:
    caller.site.stall_after = 0
    with pytest.raises(DownloadError, match=r"no data for 0\.5 seconds.*download again"):
        caller.fetch(patience=0.5)
    assert caller.site.holding, "it waited for the server"


def test_slow_is_not_stalled(caller: Caller) -> None:
    caller.site.block, caller.site.pause = 70_001, 0.25
    # Longer than any of its pauses, shorter than all of them.
    caller.fetch(patience=2.0)
    assert caller.target.read_bytes() == CONTENT


def test_a_connection_cut_at_half_is_gone_on_with(caller: Caller) -> None:
    caller.site.cut_after, caller.site.cuts = 350_000, 1
    caller.fetch()
    assert [wanted for _, wanted in caller.site.asked] == ["", "bytes=350000-"]
    assert caller.target.read_bytes() == CONTENT


def test_a_connection_that_brings_nothing_any_more_is_said(caller: Caller) -> None:
    interrupted_at = 350_000
    served = caller.site
    served.cut_after = interrupted_at

    def cut_for_good(fraction: float, text: str) -> None:
        if fraction >= 0.4:
            served.cut_after = 0

    with pytest.raises(DownloadError, match="lost; the part already downloaded is kept"):
        caller.fetch(progress=cut_for_good)
    assert caller.part.read_bytes() == CONTENT[:interrupted_at]


def test_a_server_that_is_not_there(caller: Caller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(DownloadError, match=r"connection was refused.*HTTPS_PROXY"):
        caller.fetch(url=f"http://127.0.0.1:{port}/{NAME}")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others say it otherwise")
def test_an_address_that_cannot_be_reached_is_said_at_once(caller: Caller) -> None:
    with pytest.raises(DownloadError, match=r"255: (there is no route to the server|.*denied)"):
        caller.fetch(url=f"http://255.255.255.255/{NAME}")


def test_a_host_that_is_not_found(caller: Caller) -> None:
    with pytest.raises(DownloadError, match=r"offline.*HTTPS_PROXY.*put it into"):
        caller.fetch(url=f"http://no-such-host.invalid/{NAME}")


def test_a_proxy_is_used_and_named(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = caller.site.url.removeprefix("http://")
    monkeypatch.setenv("http_proxy", f"http://somebody:secret@{proxy}")
    caller.fetch(url=f"http://models.invalid/{NAME}")
    assert caller.target.read_bytes() == CONTENT
    caller.target.unlink()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("https_proxy", f"http://somebody:secret@127.0.0.1:{port}")
    with pytest.raises(DownloadError, match=f"via the proxy 127.0.0.1:{port}") as caught:
        caller.fetch(url=f"https://models.invalid/{NAME}")
    assert "secret" not in str(caught.value)
    assert "check the proxy" in str(caught.value)


def test_a_proxy_that_lets_nothing_through(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", caller.site.url)  # it knows no CONNECT
    with pytest.raises(DownloadError, match=r"proxy blocked the request.*501"):
        caller.fetch(url=f"https://models.invalid/{NAME}")


def test_what_is_no_secure_connection_is_said(caller: Caller) -> None:
    with pytest.raises(DownloadError, match="cannot make a secure connection"):
        caller.fetch(url=f"{caller.site.url.replace('http:', 'https:')}/{NAME}")


def test_a_redirect_is_followed(caller: Caller) -> None:
    caller.site.redirect["old.pth"] = f"{caller.site.url}/{NAME}"
    caller.fetch(url=f"{caller.site.url}/old.pth")
    assert caller.target.read_bytes() == CONTENT


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "net.pth"])
def test_only_web_addresses(caller: Caller, url: str) -> None:
    with pytest.raises(DownloadError, match="not a web address"):
        caller.fetch(url=url)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a file of Linux")
def test_a_disk_that_is_full_while_writing(caller: Caller) -> None:
    caller.part.parent.mkdir()
    caller.part.symlink_to("/dev/full")
    with pytest.raises(DownloadError, match="the disk is full; free some space") as caught:
        caller.fetch()
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC


def test_too_little_room_is_said_before_anything_comes(caller: Caller) -> None:
    class Sized(bytes):
        def __len__(self) -> int:
            return 1 << 60

    caller.site.files[NAME] = Sized(CONTENT)
    with pytest.raises(DownloadError, match=r"needs .* MB more, but .* left; free some space"):
        caller.fetch()
    assert not caller.part.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_a_limit_on_the_size_of_files_keeps_what_has_come(caller: Caller) -> None:
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from engine.downloads.fetching import download\n"
        "from engine.errors import DownloadError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))\n"
        "try: download(sys.argv[1], Path(sys.argv[2]), sha256_prefix=sys.argv[3])\n"
        "except DownloadError as error: sys.exit(str(error))\n"
    )
    command = [sys.executable, "-c", script, f"{caller.site.url}/{NAME}", caller.target, DIGEST[:8]]
    done = subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "the file exceeds the size limit there" in done.stderr
    assert caller.part.read_bytes() == CONTENT[:200_000]
    caller.fetch()
    assert caller.target.read_bytes() == CONTENT


def test_a_folder_that_cannot_be_made(caller: Caller) -> None:
    caller.target.parent.write_bytes(b"")  # a file where the folder should be
    with pytest.raises(DownloadError, match="part of the path is a file; set TORCH_HOME"):
        caller.fetch()
    assert not caller.site.asked


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do anything")
def test_a_folder_that_is_read_only(caller: Caller) -> None:
    caller.target.parent.mkdir()
    caller.target.parent.chmod(0o500)
    with pytest.raises(DownloadError, match=r"permission denied.*TORCH_HOME"):
        caller.fetch()
    caller.target.parent.chmod(0o700)


def test_two_at_once_fetch_it_once(caller: Caller) -> None:
    caller.site.block, caller.site.pause = 70_001, 0.05
    first = Running(caller, {})
    assert caller.site.sending.wait(10)
    second = Running(Caller(caller.site, caller.target, []), {})
    assert first.join() == second.join() == caller.target
    assert caller.target.read_bytes() == CONTENT
    assert len(caller.site.asked) == 1
    assert caller.leftovers() == {NAME}
    assert any("another program" in text for _, text in second.caller.told)


def test_the_second_goes_on_where_the_first_gave_up(caller: Caller) -> None:
    caller.site.stall_after = 300_000
    first = Running(caller, {})
    wait_for(lambda: caller.part.exists() and caller.part.stat().st_size == 300_000)
    other = Caller(caller.site, caller.target, [])
    second = Running(other, {})
    wait_for(lambda: any("another program" in text for _, text in other.told))
    caller.site.stall_after = None
    first.token.cancel()
    assert isinstance(first.join(), Cancelled)
    assert second.join() == caller.target
    assert caller.site.asked[-1] == (NAME, "bytes=300000-")
    assert caller.target.read_bytes() == CONTENT


def test_cancel_while_another_program_fetches(caller: Caller) -> None:
    caller.site.stall_after = 300_000
    first = Running(caller, {})
    assert caller.site.sending.wait(10)
    other = Caller(caller.site, caller.target, [])
    second = Running(other, {})
    wait_for(lambda: any("another program" in text for _, text in other.told))
    second.token.cancel()
    assert isinstance(second.join(), Cancelled)
    assert caller.site.holding, "it waited for the other one"
    first.token.cancel()
    first.join()


JUNK = (
    b"",
    b"hello\r\n\r\n",
    b"HTTP/1.1 abc Nonsense\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/10\r\n\r\nabcde",
    b"HTTP/1.1 206 Partial Content\r\nContent-Range: nonsense\r\n\r\nabcde",
    b"HTTP/1.1 206 Partial Content\r\n\r\nabcde",
    b"HTTP/1.1 301 Moved\r\nLocation: http://[::bad/x\r\n\r\n",
    b"HTTP/1.1 301 Moved\r\nLocation: file:///etc/hostname\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://" + b"a" * 70 + b".invalid/x\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:99999/x\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01",
)


@pytest.mark.parametrize("answer", JUNK, ids=range(len(JUNK)))
def test_whatever_a_server_says_is_one_clear_error(caller: Caller, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve_junk() -> None:
            while True:
                connection, _ = server.accept()
                with connection:
                    if not connection.recv(10_000):
                        return
                    connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=serve_junk)
        thread.start()
        host, port = server.getsockname()
        try:
            with pytest.raises(DownloadError) as caught:
                caller.fetch(url=f"http://{host}:{port}/{NAME}")
        finally:
            socket.create_connection((host, port)).close()
            thread.join()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1_000
    assert not caller.target.exists()


def test_two_programs_at_once(caller: Caller) -> None:
    caller.site.block, caller.site.pause = 70_001, 0.1
    script = (
        "import sys; from pathlib import Path; from engine.downloads.fetching import download\n"
        "download(sys.argv[1], Path(sys.argv[2]), sha256_prefix=sys.argv[3])\n"
    )
    command = [sys.executable, "-c", script, f"{caller.site.url}/{NAME}", caller.target, DIGEST[:8]]
    programs = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [program.wait(60) for program in programs] == [0, 0]
    assert caller.target.read_bytes() == CONTENT
    assert len(caller.site.asked) == 1
    assert caller.leftovers() == {NAME}


def test_a_certificate_that_nobody_vouches_for(
    caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serve(Site({NAME: CONTENT}), context) as secure:
        with pytest.raises(DownloadError, match=r"certificate cannot be verified.*SSL_CERT_FILE"):
            caller.fetch(url=f"{secure.url}/{NAME}")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        caller.fetch(url=f"{secure.url}/{NAME}")
        assert caller.target.read_bytes() == CONTENT
        caller.target.unlink()
        secure.stall_after = 300_000
        url = f"{secure.url}/{NAME}"
        running = Running(caller, {"url": url, "patience": NEVER_S})
        wait_for(lambda: caller.part.exists() and caller.part.stat().st_size > 200_000)
        running.token.cancel()
        assert isinstance(running.join(), Cancelled)
        assert secure.holding, "it waited for the server"


@pytest.mark.skipif(
    sys.platform in ("win32", "darwin"), reason="the system itself verifies certificates there"
)
def test_certificates_are_found_where_openssl_does_not_look(
    caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    nowhere = ssl.get_default_verify_paths()._replace(
        **dict.fromkeys(("cafile", "capath"), None),
        **dict.fromkeys(("openssl_cafile", "openssl_capath"), str(tmp_path / "nowhere")),
    )
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nowhere)
    candidates = [str(tmp_path / "neither"), str(certificate)]
    monkeypatch.setattr("httpcore2._ssl.CA_FILE_CANDIDATES", candidates)
    with serve(Site({NAME: CONTENT}), context) as secure:
        caller.fetch(url=f"{secure.url}/{NAME}")
    assert caller.target.read_bytes() == CONTENT

"""Turns download failures into messages that say what went wrong and what to do."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from engine.downloads.http import ProxyRefused, UntrustedStore, proxy_for
from engine.downloads.partial import MEGABYTE
from engine.errors import DownloadError

_FORBIDDEN = (
    "permission denied; change the folder's permissions, or set TORCH_HOME to a folder of yours"
)
_FULL = "the disk is full; free some space, or set TORCH_HOME to a folder on another disk"

_LOCAL = {
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: "the disk is read-only; set TORCH_HOME to a writable folder",
    errno.ENOTDIR: "part of the path is a file; set TORCH_HOME to another folder",
    errno.EEXIST: "part of the path is a file; set TORCH_HOME to another folder",
    errno.ENOSPC: _FULL,
    errno.EDQUOT: "disk quota exceeded; free some space, or set TORCH_HOME to another folder",
    errno.EFBIG: "the file exceeds the size limit there; set TORCH_HOME to another folder",
}


@contextmanager
def local(target: Path) -> Iterator[None]:
    """Turns an OSError while writing target into a DownloadError."""
    try:
        yield
    except OSError as error:
        reason = _LOCAL.get(error.errno or 0, error.strerror or str(error))
        raise DownloadError(f"cannot write {target.name} into {target.parent}: {reason}") from error


def no_room(target: Path, missing: int, free: int) -> DownloadError:
    return DownloadError(
        f"{target.name} needs {missing / MEGABYTE:.0f} MB more, but {target.parent} has only "
        f"{free / MEGABYTE:.0f} MB left; free some space, or set TORCH_HOME to a folder on another "
        "disk"
    )


def wrong_checksum(url: str, digest: str, wanted: str) -> DownloadError:
    return DownloadError(
        f"the file downloaded from {url} does not match the published checksum (its SHA-256 "
        f"begins with {digest[:8]}, not {wanted}); it was deleted. Try again; "
        "a proxy or login page may have answered instead"
    )


def status(code: int, url: str, target: Path) -> DownloadError:
    """The error for an HTTP status that delivers no file."""
    host = urlsplit(url).hostname or url
    by_hand = f"download {target.name} elsewhere and put it into {target.parent}"
    if code in (404, 410):
        reason = f"there is no such file ({code}): {url}; {by_hand}"
    elif code == 407:
        reason = (
            "the proxy requires a user name and password; set "
            "HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT"
        )
    elif code in (401, 403, 451):
        reason = f"access to {url} is denied ({code}); {by_hand}"
    elif code == 429 or code >= 500:
        reason = f"the server is busy or unavailable ({code}); try again later"
    else:
        reason = f"the server answered {code} for {url}; {by_hand}"
    return DownloadError(f"{host}: {reason}")


def remote(error: OSError, url: str, target: Path) -> DownloadError:
    """The error for a connection that could not be made, or that broke."""
    # Without user name and password.
    proxy = urlsplit(proxy_for(url)).netloc.rpartition("@")[2]
    host = urlsplit(url).hostname or url
    through = f"{host}, via the proxy {proxy}" if proxy else host
    return DownloadError(f"{through}: {_reason(error, url, target, proxy)}")


def _reason(cause: OSError, url: str, target: Path, proxy: str) -> str:
    by_hand = f"or download {url} elsewhere and put it into {target.parent}"
    proxies = "check the proxy's address (HTTPS_PROXY)" if proxy else _PROXY
    if isinstance(cause, UntrustedStore):
        return str(cause)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"its certificate cannot be verified ({cause.verify_message}); if a proxy inspects "
            "connections, name its certificate in SSL_CERT_FILE; check this computer's "
            f"clock, {by_hand}"
        )
    if isinstance(cause, ssl.SSLError):
        said = cause.reason or str(cause)
        return f"cannot make a secure connection ({said}); {proxies}, {by_hand}"
    if isinstance(cause, socket.gaierror):
        return (
            "server not found; this computer seems to be offline. Connect to a network, "
            f"{proxies}, {by_hand}"
        )
    if isinstance(cause, TimeoutError):
        words = str(cause) if "no data" in str(cause) else "the server does not answer"
        return (
            f"{words}; the part already downloaded is kept; download again to resume. If it "
            f"persists, {proxies}"
        )
    if isinstance(cause, ConnectionResetError | ConnectionAbortedError | BrokenPipeError):
        return (
            "the connection was lost; the part already downloaded is kept; download again to resume"
        )
    if cause.errno in _UNREACHABLE:
        return f"{_UNREACHABLE[cause.errno]}; connect to a network, {proxies}, {by_hand}"
    if isinstance(cause, ProxyRefused):
        said = str(cause)
        return (
            f"the proxy blocked the request ({said}); set HTTPS_PROXY, with a user name and "
            f"password if required, {by_hand}"
        )
    said = " ".join((str(cause) or type(cause).__name__).split())[:120]
    return f"the connection failed ({said}); try again, {proxies}, {by_hand}"


_PROXY = "set HTTPS_PROXY if you are behind a proxy"

_UNREACHABLE = {
    errno.ECONNREFUSED: "the connection was refused",
    errno.ENETUNREACH: "there is no route to the server",
    errno.EHOSTUNREACH: "there is no route to the server",
    errno.ENETDOWN: "the network is down",
}

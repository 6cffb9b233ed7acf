"""HTTP requests that can be cancelled while waiting for DNS, a connection or data.

httpx2 speaks the protocol, on an event loop in the calling thread. Every wait is divided into
slices, between which the cancel token is checked. Importing httpx2 takes a tenth of a second, so
nothing that the window needs at startup imports this module.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import urllib.request
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2

from engine.progress import CancelToken

T = TypeVar("T")

SLICE_S = 0.2
"""Longest time, in seconds, until a cancelled token is noticed."""

_CONNECT_S = 10.0
_REDIRECTIONS = 10


class ProxyRefused(ConnectionError):
    """A proxy refused to tunnel a secure connection; the message is the proxy's answer."""


class UntrustedStore(OSError):
    """A configured certificate file cannot be used; the message names it and what to do."""


@dataclass(frozen=True)
class Answer:
    """An HTTP response. status: the code. headers: by case-insensitive name. blocks: the raw body
    as it arrives; iterating raises the same errors as ask()."""

    status: int
    headers: Mapping[str, str]
    blocks: Iterator[bytes]


@contextmanager
def ask(
    url: str, headers: Mapping[str, str], cancel: CancelToken, patience: float
) -> Iterator[Answer]:
    """The response to a GET of url after redirects, with its body still unread.

    patience: seconds without data after which TimeoutError is raised. Raises OSError for every
    other failure, and the system's own error where there is one: ssl.SSLError, socket.gaierror and
    ConnectionError are among them. Raises Cancelled.
    """
    clients = AsyncExitStack()
    # Not asyncio.Runner: on exit it waits for a DNS lookup, which cannot be cancelled.
    with closing(asyncio.new_event_loop()) as loop:

        def wait(step: Awaitable[T], broken: type[OSError] = ConnectionError) -> T:
            with _system_errors(patience, broken):
                return loop.run_until_complete(_watched(step, cancel))

        try:
            response = wait(_follow(url, headers, patience, clients))
            body = response.aiter_raw()
            clients.push_async_callback(body.aclose)
            # An empty block marks the end of the body.
            blocks = iter(lambda: wait(anext(body, b""), ConnectionAbortedError), b"")
            yield Answer(response.status_code, response.headers, blocks)
        finally:
            loop.run_until_complete(_end(clients))


def proxy_for(url: str) -> str:
    """The address of the proxy for this URL, '' for none: from HTTPS_PROXY and the like, or from
    the system settings."""
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme, "")
    if not proxy or urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    return proxy if "//" in proxy else f"http://{proxy}"


async def _follow(
    url: str, headers: Mapping[str, str], patience: float, clients: AsyncExitStack
) -> httpx2.Response:
    async def close_in_the_end(event: str, facts: Mapping[str, Any]) -> None:
        # httpx2 does not close a connection whose handshake was abandoned.
        if event == "connection.connect_tcp.complete":
            clients.push_async_callback(facts["return_value"].aclose)

    trusted = _trusted()
    request = None
    for _ in range(_REDIRECTIONS):
        # httpx2 itself fails if ALL_PROXY names a type that it does not support, and reads fewer
        # of the system settings of Windows and macOS.
        proxy = proxy_for(str(request.url) if request else url)
        if proxy and urlsplit(proxy).scheme not in ("http", "https"):
            raise ConnectionError(f"proxies of type {urlsplit(proxy).scheme} are not supported")
        client = httpx2.AsyncClient(
            verify=trusted,
            proxy=proxy or None,
            trust_env=False,
            timeout=httpx2.Timeout(patience, connect=min(patience, _CONNECT_S)),
        )
        await clients.enter_async_context(client)
        if request is None:
            extensions = {"trace": close_in_the_end}
            request = client.build_request("GET", url, headers=dict(headers), extensions=extensions)
        response = await client.send(request, stream=True)
        request = response.next_request
        if request is None:
            return response
    raise ConnectionError("too many redirects")


def _trusted() -> ssl.SSLContext:
    """An SSL context with the system's certificates and those in SSL_CERT_FILE and SSL_CERT_DIR.

    Raises UntrustedStore.
    """
    context = httpx2.create_ssl_context(trust_env=False)
    paths = ssl.get_default_verify_paths()
    if paths.cafile or paths.capath:
        try:
            context.load_verify_locations(paths.cafile, paths.capath)
        except OSError as error:
            raise _untrusted(error, paths) from error
    return context


def _untrusted(error: OSError, paths: ssl.DefaultVerifyPaths) -> UntrustedStore:
    named = paths.openssl_cafile_env in os.environ
    file = f"{paths.openssl_cafile_env}={paths.cafile}" if named else str(paths.cafile)
    broken = isinstance(error, ssl.SSLError)
    reason = "holds no certificate" if broken else f"cannot be read ({error.strerror})"
    return UntrustedStore(f"{file} {reason}; correct {'or unset ' * named}it")


async def _watched(step: Awaitable[T], cancel: CancelToken) -> T:
    task = asyncio.ensure_future(step)
    while not (await asyncio.wait({task}, timeout=SLICE_S))[0]:
        cancel.raise_if_cancelled()
    return task.result()


async def _end(clients: AsyncExitStack) -> None:
    given_up = asyncio.all_tasks() - {asyncio.current_task()}
    for task in given_up:
        task.cancel()
    await asyncio.gather(*given_up, return_exceptions=True)
    await clients.aclose()


@contextmanager
def _system_errors(patience: float, broken: type[OSError]) -> Iterator[None]:
    """Replaces httpx2's exceptions by the system's own error where there is one.

    broken: the type raised for a response that is not HTTP or ends early.
    """
    try:
        yield
    except httpx2.ConnectTimeout as error:
        raise TimeoutError(f"no data for {min(patience, _CONNECT_S):g} seconds") from error
    except httpx2.TimeoutException as error:
        raise TimeoutError(f"no data for {patience:g} seconds") from error
    except httpx2.ProxyError as error:
        raise ProxyRefused(str(error)) from error
    except httpx2.RemoteProtocolError as error:
        raise broken(str(error)) from error
    # ValueError and ExceptionGroup come from an invalid host or port.
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, ExceptionGroup) as error:
        raise _said_by_system(error) from None  # it is already the cause of error


def _said_by_system(error: BaseException) -> OSError:
    inner: BaseException | None = error
    while inner is not None:
        error = inner
        if isinstance(error, ssl.SSLError) or (isinstance(error, OSError) and error.errno):
            return error
        inner = error.__cause__ or error.__context__
        if isinstance(error, BaseExceptionGroup):  # one per address of a host
            inner = error.exceptions[-1]
    return ConnectionError(str(error))

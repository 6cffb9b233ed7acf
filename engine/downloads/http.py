"""HTTP requests that can be cancelled while they wait for an address, a connection or data.

httpx2 does the protocol, on an event loop of the calling thread. Every wait is watched in slices,
between which the cancel token is looked at. Importing httpx2 takes a tenth of a second, so nothing
that the window needs at first imports this module.
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
"""Longest wait, in seconds, after which a cancelled token is noticed."""

_CONNECT_S = 10.0
_REDIRECTIONS = 10


class ProxyRefused(ConnectionError):
    """A proxy does not let a secure connection through; what it said."""


class UntrustedStore(OSError):
    """What this computer is told to trust cannot be used; which file, and what to do."""


@dataclass(frozen=True)
class Answer:
    """status: the code. headers: by name, upper or lower case. blocks: the body as it comes, not
    decoded; iterating raises what ask() raises."""

    status: int
    headers: Mapping[str, str]
    blocks: Iterator[bytes]


@contextmanager
def ask(
    url: str, headers: Mapping[str, str], cancel: CancelToken, patience: float
) -> Iterator[Answer]:
    """The answer to a GET of url, wherever it is redirected to, its body still to be read.

    patience: seconds of silence after which TimeoutError is raised. Raises OSError for whatever
    else keeps an answer away: what the system said, where it said something, so ssl.SSLError,
    socket.gaierror and ConnectionError are among them. Raises Cancelled.
    """
    clients = AsyncExitStack()
    # Not asyncio.Runner, which in the end waits for the search for an address; nothing stops that.
    with closing(asyncio.new_event_loop()) as loop:

        def wait(step: Awaitable[T], broken: type[OSError] = ConnectionError) -> T:
            with _system_errors(patience, broken):
                return loop.run_until_complete(_watched(step, cancel))

        try:
            response = wait(_follow(url, headers, patience, clients))
            body = response.aiter_raw()
            clients.push_async_callback(body.aclose)
            # Ends with an empty block.
            blocks = iter(lambda: wait(anext(body, b""), ConnectionAbortedError), b"")
            yield Answer(response.status_code, response.headers, blocks)
        finally:
            loop.run_until_complete(_end(clients))


def proxy_for(url: str) -> str:
    """The address of the proxy that stands before this one, '' for none: HTTPS_PROXY and the like,
    or what the system is set to."""
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme, "")
    if not proxy or urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    return proxy if "//" in proxy else f"http://{proxy}"


async def _follow(
    url: str, headers: Mapping[str, str], patience: float, clients: AsyncExitStack
) -> httpx2.Response:
    async def close_in_the_end(event: str, facts: Mapping[str, Any]) -> None:
        # httpx2 forgets a connection whose handshake is given up.
        if event == "connection.connect_tcp.complete":
            clients.push_async_callback(facts["return_value"].aclose)

    trusted = _trusted()
    request = None
    for _ in range(_REDIRECTIONS):
        # httpx2 would not start where ALL_PROXY names a kind that it lacks, and knows less of what
        # Windows and macOS are set to.
        proxy = proxy_for(str(request.url) if request else url)
        if proxy and urlsplit(proxy).scheme not in ("http", "https"):
            raise ConnectionError(f"proxies of type {urlsplit(proxy).scheme} cannot be used")
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
    """What this computer trusts, and what SSL_CERT_FILE and SSL_CERT_DIR name.

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
    """Turns what httpx2 raises into what the system said, where it said something.

    broken: for what is no HTTP, or ends before its end.
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
    # ValueError and the group are what comes of a host or a port that cannot be.
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, ExceptionGroup) as error:
        raise _said_by_system(error) from None  # which is what error came of


def _said_by_system(error: BaseException) -> OSError:
    inner: BaseException | None = error
    while inner is not None:
        error = inner
        if isinstance(error, ssl.SSLError) or (isinstance(error, OSError) and error.errno):
            return error
        inner = error.__cause__ or error.__context__
        if isinstance(error, BaseExceptionGroup):  # one for every address of a host
            inner = error.exceptions[-1]
    return ConnectionError(str(error))

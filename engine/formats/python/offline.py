"""Lets the user's code build its network without fetching anything.

Constructors often download published weights first (`weights="DEFAULT"`, `pretrained=True`,
`torch.hub.load_state_dict_from_url`), which fails without a connection and is of no use here: every
weight comes from the user's weights file afterwards, which is loaded strictly. So each fetch
returns an empty state that no layer takes anything from, and is noted.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.lazy import torchvision

_noted: ContextVar[list[str] | None] = ContextVar("noted", default=None)


class Unfetched(dict[str, Any]):
    """The state that a fetch returns: no keys, and every nested state is empty as well."""

    def __missing__(self, key: str) -> Unfetched:
        return self

    def pop(self, key: str, default: Any = None) -> Any:  # noqa: ARG002
        return default


@contextlib.contextmanager
def without_fetching() -> Iterator[list[str]]:
    """Build networks, or import their files, without fetching; yields what the code asked for.

    Only the calling thread is affected. Code that binds one of the functions to a name of its own
    while it is imported keeps the replacement, which outside of this context calls the original.
    """
    noted: list[str] = []
    token = _noted.set(noted)
    with contextlib.ExitStack() as undo:
        for owner, name, made in _replacements():
            original = getattr(owner, name, None)
            if original is None or getattr(original, "fetches_nothing", False):
                continue
            undo.callback(setattr, owner, name, original)
            setattr(owner, name, made(original))
        try:
            yield noted
        finally:
            _noted.reset(token)


Make = Callable[[Callable[..., Any]], Callable[..., Any]]


def _replacements() -> Iterator[tuple[Any, str, Make]]:
    states = (
        *(("torch.hub", "load_state_dict_from_url"), ("torch.utils.model_zoo", "load_url")),
        ("torchvision._internally_replaced_utils", "load_state_dict_from_url"),
        ("torchvision.models._api", "load_state_dict_from_url"),
    )
    for place, name in states:
        yield sys.modules.get(place), name, _instead(lambda *_, **__: Unfetched())
    yield torch.hub, "load", _hub
    yield torch.hub, "download_url_to_file", _instead(lambda *_, **__: None)
    yield urllib.request, "urlretrieve", _instead(lambda *_, **__: ("", None))
    for place in ("timm.models._builder", "timm.models.helpers"):
        yield sys.modules.get(place), "load_pretrained", _instead(lambda *_, **__: None)
    yield torch, "load", _load
    yield nn.Module, "load_state_dict", _load_state_dict


def _replacing(original: Callable[..., Any], made: Callable[..., Any]) -> Callable[..., Any]:
    """Calls `made` while nothing may be fetched, and the original otherwise."""

    @functools.wraps(original)
    def either(*args: Any, **kwargs: Any) -> Any:
        chosen = original if _noted.get() is None else made
        return chosen(*args, **kwargs)

    either.fetches_nothing = True  # type: ignore[attr-defined]
    return either


def _note(what: object) -> None:
    noted = _noted.get()
    if noted is not None and str(what) not in noted:
        noted.append(str(what))


def _instead(result: Callable[..., Any]) -> Make:
    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **kwargs: Any) -> Any:
            given = [value for value in (*args, *kwargs.values()) if isinstance(value, str)]
            _note(next((text for text in given if "/" in text), original.__name__))
            return result(*args, **kwargs)

        return _replacing(original, noted)

    return make


def _hub(original: Callable[..., Any]) -> Callable[..., Any]:
    """torch.hub.load: the code of a local folder runs, torchvision's is installed already."""

    def load(repository: Any, model: str, *args: Any, source: str = "github", **kwargs: Any) -> Any:
        if source == "local":
            return original(repository, model, *args, source=source, **kwargs)
        for name in ("trust_repo", "force_reload", "verbose", "skip_validation"):
            kwargs.pop(name, None)
        _note(f"{repository} {model}")
        if str(repository).startswith("pytorch/vision"):
            return torchvision.load().models.get_model(model, *args, **kwargs)
        raise RuntimeError(
            f"its code loads more code, from {repository}, which is not fetched while a file is "
            "opened; put that code beside the file and import it"
        )

    return _replacing(original, load)


def _load(original: Callable[..., Any]) -> Callable[..., Any]:
    """torch.load: a file that is not on this computer counts as not fetched."""

    def load(file: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(file, str | Path) and not Path(file).exists():
            _note(file)
            return Unfetched()
        return original(file, *args, **kwargs)

    return _replacing(original, load)


def _load_state_dict(original: Callable[..., Any]) -> Callable[..., Any]:
    def load(module: nn.Module, state: Any, *args: Any, **kwargs: Any) -> Any:
        if _noted.get() and isinstance(state, dict) and not state:
            return torch.nn.modules.module._IncompatibleKeys([], [])
        return original(module, state, *args, **kwargs)

    return _replacing(original, load)

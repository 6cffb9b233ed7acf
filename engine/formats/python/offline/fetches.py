"""Lets the user's code build its network without fetching anything; see this package's __init__."""

from __future__ import annotations

import builtins
import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.formats.python.offline import transformers_hub
from engine.formats.python.offline.replacing import (
    Replacement,
    install,
    instead,
    note,
    noted,
    noting,
)
from engine.formats.python.offline.responses import EmptyResponse, late_file
from engine.formats.python.offline.unfetched import Unfetched, fetched_part
from engine.lazy import torchvision

_undo: ContextVar[contextlib.ExitStack | None] = ContextVar("undo", default=None)

_WRITING = ("w", "wb", "wt")


@contextlib.contextmanager
def without_fetching(before: Iterable[str] = ()) -> Iterator[list[str]]:
    """Build networks, or import their files, without fetching; yields what the code asked for.

    before: what it asked for when it was imported. Only the calling thread is affected.
    """
    notes = [*before]
    with contextlib.ExitStack() as undo, noting(notes):
        token = _undo.set(undo)
        undo.callback(_undo.reset, token)
        renew()
        yield notes


def renew() -> None:
    """Replace the functions of packages that were imported meanwhile too."""
    undo = _undo.get()
    if undo is not None:
        undo.callback(transformers_hub.stay_offline())
        install(undo, _replacements())


def opened(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
    """open() for the user's code; while nothing is fetched, it leaves no empty file behind."""
    plain = not args and not kwargs.keys() - {"encoding", "errors", "newline"}
    if noted() is None or not plain or not isinstance(file, str | Path) or mode not in _WRITING:
        return builtins.open(file, mode, *args, **kwargs)  # noqa: PTH123 - takes what open takes
    return late_file(Path(file), mode, **kwargs)


def _replacements() -> Iterator[Replacement]:
    state = instead(lambda *_, **__: Unfetched())
    for module, name in (
        *(("torch.hub", "load_state_dict_from_url"), ("torch.utils.model_zoo", "load_url")),
        ("torchvision._internally_replaced_utils", "load_state_dict_from_url"),
        ("torchvision.models._api", "load_state_dict_from_url"),
    ):
        yield Replacement(module, name, state)
    nothing = instead(lambda *_, **__: None)
    for module, name in (
        *(("torch.hub", "download_url_to_file"), ("gdown", "download"), ("wget", "download")),
        *(("timm.models._builder", "load_pretrained"), ("timm.models.helpers", "load_pretrained")),
    ):
        yield Replacement(module, name, nothing)
    yield Replacement("torch.hub", "load", _hub)
    yield Replacement("urllib.request", "urlretrieve", instead(lambda *_, **__: ("", None)))
    answer = instead(lambda *given, **__: EmptyResponse(str(given[-1] if given else "")))
    yield Replacement("urllib.request", "urlopen", answer)
    yield Replacement("requests.sessions", "Session.request", answer)
    yield Replacement("httpx", "Client.request", answer)
    yield Replacement("pathlib", "Path.write_bytes", _write)
    yield Replacement("torch", "load", _load)
    yield Replacement("safetensors.torch", "load_file", _load)
    yield Replacement("torch.nn", "Module.load_state_dict", _load_state_dict)
    yield from transformers_hub.replacements()


def _hub(original: Callable[..., Any]) -> Callable[..., Any]:
    """torch.hub.load: the code of a local folder runs, torchvision's is installed already."""

    def load(repository: Any, model: str, *args: Any, source: str = "github", **kwargs: Any) -> Any:
        if source == "local":
            return original(repository, model, *args, source=source, **kwargs)
        for name in ("trust_repo", "force_reload", "verbose", "skip_validation"):
            kwargs.pop(name, None)
        note(f"{repository} {model}")
        if str(repository).startswith("pytorch/vision"):
            return torchvision.load().models.get_model(model, *args, **kwargs)
        raise RuntimeError(
            f"its code loads more code, from {repository}, which is not fetched while a file is "
            "opened; put that code beside the file and import it"
        )

    return load


def _load(original: Callable[..., Any]) -> Callable[..., Any]:
    """torch.load: a file that is not on this computer, or is empty, counts as not fetched."""

    def load(file: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(file, str | Path):
            path = Path(file)
            if not path.exists() or not path.stat().st_size:
                note(file)
                return Unfetched()
        elif noted() and hasattr(file, "seek"):
            place = file.tell()
            if file.seek(0, os.SEEK_END) == 0:
                return Unfetched()
            file.seek(place)
        return original(file, *args, **kwargs)

    return load


def _write(original: Callable[..., Any]) -> Callable[..., Any]:
    def write(path: Path, content: Any) -> int:
        return 0 if noted() and not content else original(path, content)

    return write


def _load_state_dict(original: Callable[..., Any]) -> Callable[..., Any]:
    def load(module: nn.Module, state: Any, *args: Any, **kwargs: Any) -> Any:
        found = fetched_part(state)
        if not noted() or (found is state and found):
            return original(module, state, *args, **kwargs)
        if found:
            original(module, found, strict=False)
        return torch.nn.modules.module._IncompatibleKeys([], [])

    return load

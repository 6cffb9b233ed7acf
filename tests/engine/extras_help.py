"""What the tests of timm, Hugging Face and ONNX share."""

from __future__ import annotations

import ast
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import engine
from engine.lazy import torchvision
from engine.records.images import LoadedImage
from tests.reference import reference_map

ROOT = Path(__file__).resolve().parents[2]


def package(name: str) -> Any:
    """A package of requirements-extras.txt; the test is left out where it is not installed."""
    # They import torchvision, which may need help to be imported.
    torchvision.load()
    return pytest.importorskip(name)


def photo(width: int = 150, height: int = 120) -> LoadedImage:
    """Smooth shapes and some noise, so that a resize of another kind is noticed.

    Sides whose resized margins are even: transformers rounds half a pixel of a crop otherwise.
    """
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [np.sin(rows / (6 + k)) * np.cos(columns / (9 + 2 * k)) for k in range(3)]
    noise = np.random.default_rng(1).normal(0, 12, (height, width, 3))
    pixels = (110 * np.stack(waves, axis=-1) + 127 + noise).clip(0, 255).astype(np.uint8)
    return LoadedImage("photo", pixels)


def pillow(image: LoadedImage) -> Image.Image:
    return Image.fromarray(image.pixels)


def logits_of(session: engine.Session) -> Tensor:
    found = sorted(session.predictions(k=100_000), key=lambda p: p.index)
    return torch.tensor([prediction.logit for prediction in found])


def check_against(
    model: engine.Model, expected: Tensor, layer: str, tolerance: float = 1e-4
) -> None:
    """The model's logits on photo() are the expected ones, and a map is the reference's."""
    with engine.Session(model, photo()) as session:
        found = logits_of(session)
        torch.testing.assert_close(
            found, expected.reshape(-1).float(), rtol=tolerance, atol=tolerance
        )
        explained = session.explain(layer, target=1)
        given = session._work.input
    grid = explained.map.shape if explained.layout is engine.Layout.TOKENS else None
    wanted = reference_map(
        _Logits(model.module),
        given,
        f"inner.{layer}",
        1,
        channels_last=explained.layout is engine.Layout.CHANNELS_LAST,
        token_grid=grid,
    )
    scale = max(float(np.abs(wanted).max()), 1e-12)
    assert float(np.abs(explained.map - wanted).max()) < 1e-4 * scale


class _Logits(nn.Module):
    """A network that returns its logits alone."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, pictures: Tensor) -> Tensor:
        output: Any = self.inner(pictures)
        logits: Tensor = output["logits"] if isinstance(output, Mapping) else output
        return logits


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every attempt to reach another computer fails, and is noted in the list."""
    tried: list[object] = []

    def refuse(*arguments: object, **_named: object) -> NoReturn:
        tried.append(arguments[1:2] or arguments)
        raise OSError("there is no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    return tried


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """As if these packages were not installed."""
    from engine.lazy import extras

    real = extras.installed
    monkeypatch.setattr(extras, "installed", lambda name: name not in names and real(name))


def fresh(code: str) -> object:
    """What the code prints, as a literal of Python, in an interpreter of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return ast.literal_eval(done.stdout)

"""What was given up for a network is not tried again when its file is opened again."""

from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.explain.session import Session
from engine.model import Model
from engine.remembered import store
from engine.rewriting.given_up import GivenUp, Memory
from engine.rewriting.packed import available
from engine.rewriting.packed_gradient import PackedGradient
from tests.engine.networks import IMAGE, model_of, seeded

pytestmark = pytest.mark.skipif(not available(), reason="this torch has no oneDNN operations")

WEIGHTS, OTHER = "ab" * 32, "cd" * 32
SHAPE = (1, 3, 32, 32)


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder of this test."""
    monkeypatch.setattr(store, "folder", lambda: tmp_path)
    return tmp_path


class Amplifies(nn.Module):
    """A norm that takes away nearly all of what the convolution has added."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 160, 5, stride=4), nn.BatchNorm2d(160), nn.SiLU())
        self.last = nn.Sequential(nn.Conv2d(160, 192, 3, padding=1), nn.BatchNorm2d(192), nn.SiLU())
        self.head = nn.Linear(192, 4)
        conv: Any = self.body[0]
        norm: Any = self.body[1]
        conv.bias.data.fill_(1e5)
        norm.running_mean.fill_(1e5)
        norm.running_var.fill_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.last(self.body(x)).mean((2, 3)))
        return found


def clicked(weights: str, times: int) -> tuple[Model, int]:
    """A network that is explained so often, and how many forward passes this took."""
    network = seeded(Amplifies)
    model = model_of(network, weights_sha256=weights)
    passes = [0]

    def count(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        passes[0] += output.device.type != "meta"

    handle = network.last.register_forward_hook(count)
    for _ in range(times):
        with Session(model, IMAGE) as session:
            session.explain("last", 1)
    handle.remove()
    return model, passes[0]


def test_a_network_that_amplifies_rounding_costs_the_comparison_once() -> None:
    first, passes = clicked(WEIGHTS, 3)
    assert "rounding" in first.faster.why_not
    again, fewer = clicked(WEIGHTS, 3)
    assert again.faster.why_not == first.faster.why_not
    assert fewer == 3 < passes
    # Another file is another network.
    other, _ = clicked(OTHER, 1)
    assert not other.faster.why_not


def test_gradients_are_still_computed_by_reordered_weights() -> None:
    clicked(WEIGHTS, 3)
    model, _ = clicked(WEIGHTS, 1)
    for _ in range(2):
        with Session(model, IMAGE) as session:
            session.sweep(1)
    apart = model.faster.apart(1 << 30)
    assert apart is not None
    assert isinstance(apart.module.get_submodule("last.0"), PackedGradient)


def test_a_layer_before_which_kinks_are_near_is_remembered() -> None:
    model = model_of(seeded(Amplifies), weights_sha256=WEIGHTS)
    start = ("last.2", 0)
    for _ in range(2):
        model.faster.doubted(start, near=True)
        # What rounding does to one method, for one image, says nothing of the next.
        model.faster.doubted(("body.2", 0), near=True, method="xgrad-cam")
    again = model_of(seeded(Amplifies), weights_sha256=WEIGHTS).faster
    assert again.refuses(start)
    assert not again.refuses(("body.2", 0))
    assert not again.refuses(("body.2", 0), "xgrad-cam")
    assert again.before(start, 1 << 40) is None
    assert Memory(WEIGHTS, SHAPE, "cuda").known == GivenUp()


def test_without_a_file_nothing_is_kept(kept: Path) -> None:
    Memory("", SHAPE).give_up("rounding")
    assert not list(kept.iterdir())


@pytest.mark.parametrize(
    "content",
    ["[]", "{}", '{"reason": 3, "starts": []}', '{"reason": "", "starts": [["a", "b"]]}', "{"],
)
def test_what_is_damaged_is_ignored_and_written_anew(
    kept: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    Memory(WEIGHTS, SHAPE).give_up("rounding")
    (path,) = kept.iterdir()
    assert json.loads(gzip.decompress(path.read_bytes())) == {"reason": "rounding", "starts": []}
    path.write_bytes(gzip.compress(content.encode()))
    with caplog.at_level(logging.WARNING):
        memory = Memory(WEIGHTS, SHAPE)
    assert memory.known == GivenUp()
    assert str(path) in caplog.text
    memory.refuse(("last", 0))
    assert Memory(WEIGHTS, SHAPE).known == GivenUp("", frozenset({("last", 0)}))


def test_another_version_of_torch_decides_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    Memory(WEIGHTS, SHAPE).give_up("rounding")
    monkeypatch.setattr(torch, "__version__", "9.9.9")
    assert Memory(WEIGHTS, SHAPE).known == GivenUp()

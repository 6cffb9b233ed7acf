"""The logits of many images are those of sessions, whatever the network does to batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import engine
from engine.errors import Cancelled, ModelError
from engine.explain.batching import MOST
from engine.explain.scoring import Scorer
from engine.progress import CancelToken
from engine.records.images import LoadedImage
from tests.engine.classifiers import picture
from tests.engine.networks import SMALL, Base

IMAGES: list[LoadedImage] = [picture(seed=seed, width=50, height=40) for seed in range(20)]


class Mixing(Base):
    """Another image in the batch changes an image's logits."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(dim=0, keepdim=True))


class One(Base):
    """Takes one image at a time."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.reshape(1, 3, 24, 32))


class Heavy(Base):
    """There is no memory for more than two images; the trial of two is passed."""

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return super().forward(x)


class Pairs(Base):
    """It fails for more than two."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x[:2].reshape(x.shape))


class Hungry(Base):
    """There is memory for one image alone."""

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return super().forward(x)


def _model(network: type[nn.Module]) -> engine.Model:
    torch.manual_seed(0)
    return engine.Model(network(), preprocessing=SMALL)


@pytest.mark.parametrize("network", [Base, Mixing, One, Heavy, Pairs, Hungry])
def test_they_are_those_of_sessions(network: type[nn.Module]) -> None:
    model = _model(network)
    found = list(Scorer(model).all_logits(IMAGES))
    assert len(found) == len(IMAGES)
    for image, row in zip(IMAGES, found, strict=True):
        with engine.Session(model, image) as session:
            scale = np.abs(session.logits).max()
            assert np.abs(row - session.logits).max() < 1e-4 * scale


def test_one_alone_is_exactly_the_networks() -> None:
    model = _model(Base)
    scorer = Scorer(model, exact=True)
    with engine.Session(model, IMAGES[0], exact=True) as session:
        assert np.abs(scorer.logits(IMAGES[0]) - session.logits).max() < 1e-6
    assert np.array_equal(scorer.logits(IMAGES[0]), scorer.logits(IMAGES[0]))


def test_images_are_taken_a_batch_at_a_time() -> None:
    taken: list[int] = []

    def images() -> object:
        for number, image in enumerate(IMAGES):
            taken.append(number)
            yield image

    rows = Scorer(_model(Base)).all_logits(images())  # type: ignore[arg-type]
    next(rows)
    assert 1 <= len(taken) <= MOST
    assert len(list(rows)) == len(IMAGES) - 1


def test_a_network_that_fails_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    model = _model(Base)

    def fails(_x: Tensor) -> Tensor:
        raise RuntimeError("no light")

    monkeypatch.setattr(model.module, "forward", fails)
    with pytest.raises(ModelError, match="the network failed: no light"):
        Scorer(model).logits(IMAGES[0])


def test_it_stops_when_cancelled() -> None:
    cancel = CancelToken()
    rows = Scorer(_model(Base)).all_logits(IMAGES, cancel)
    next(rows)
    cancel.cancel()
    with pytest.raises(Cancelled):
        list(rows)

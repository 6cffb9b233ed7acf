"""Stability, on networks for which a change leaves the map as it is, or turns the prediction."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.explain.session import Session
from engine.metrics.running import measure
from engine.metrics.stability import Changed, as_jpeg, changes_of, shifted
from engine.model import Model
from engine.records.images import Channels, LoadedImage, Preprocessing
from engine.records.workbench.trust import TrustFigure
from tests.engine.metrics.plain import HOW, Pointwise
from tests.engine.networks import seeded

WIDE = Preprocessing(None, (32, 48), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def scene(seed: int = 5) -> LoadedImage:
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    return LoadedImage("blocks.png", blocks.repeat(4, axis=0).repeat(4, axis=1))


def stability(module: nn.Module, layer: str | None, method: str = "grad-cam") -> TrustFigure:
    with Session(Model(module, preprocessing=WIDE), scene()) as session:
        explanation = session.explain(layer, method=method)
        (found,) = measure(session, explanation, ["stability"])
        return found


def bars(figure: TrustFigure) -> dict[str, float]:
    (curve,) = figure.curves
    return dict(zip(curve.ticks, curve.y, strict=True))


def test_a_network_that_sees_the_same_wherever_it_lies_is_perfectly_stable() -> None:
    found = bars(stability(seeded(Pointwise), "mix"))
    assert found["shift"] == pytest.approx(1.0, abs=1e-3)
    assert found["mirror"] == pytest.approx(1.0, abs=1e-4)


class Sided(nn.Module):
    """Multiplies what it sees by a weight for each column, with no regard for what is there."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, 4, 1)
        self.head = nn.Linear(4, 2)
        self.head.bias = nn.Parameter(torch.tensor([50.0, 0.0]))

    def forward(self, x: Tensor) -> Tensor:
        columns = torch.arange(x.shape[-1], dtype=x.dtype, device=x.device)
        seen = self.mix(x * 0.001 + columns)
        logits: Tensor = self.head(seen.mean(dim=(2, 3)))
        return logits


def test_a_map_that_stays_while_the_image_is_mirrored_is_the_opposite_once_undone() -> None:
    found = bars(stability(seeded(Sided), "mix"))
    assert found["mirror"] == pytest.approx(-1.0, abs=1e-3)
    assert found["noise"] == pytest.approx(1.0, abs=1e-3)


class Lefty(Pointwise):
    """Predicts one class where the left half is brighter, another where the right one is."""

    def forward(self, x: Tensor) -> Tensor:
        half = x.shape[-1] // 2
        tilt = 100 * (x[..., :half].mean(dim=(1, 2, 3)) - x[..., half:].mean(dim=(1, 2, 3)))
        logits: Tensor = super().forward(x) + torch.stack([tilt, -tilt, 0 * tilt - 500], dim=1)
        return logits


def test_a_change_that_turns_the_prediction_is_left_out_and_named() -> None:
    found = stability(seeded(Lefty), "mix")
    assert "mirror" not in bars(found)
    assert "prediction changes: mirror" in found.verdict
    assert {"noise", "JPEG"} <= set(bars(found))


def test_a_shift_is_undone_to_the_pixel() -> None:
    rng = np.random.default_rng(2)
    before = rng.normal(size=(64, 64)).astype(np.float32)
    after = np.empty_like(before)
    after[4:, 4:] = before[:-4, :-4]
    after[:4], after[:, :4] = rng.normal(size=(4, 64)), rng.normal(size=(64, 4))
    moved = Changed("shift", torch.zeros(1, 64, 64), 4 / 64, 4 / 64)
    assert moved.agrees(before, after) == pytest.approx(1.0)
    still = Changed("none", torch.zeros(1, 64, 64))
    assert abs(still.agrees(before, after) or 0.0) < 0.1


def test_a_shifted_image_repeats_its_edge() -> None:
    image = torch.arange(12.0).reshape(1, 3, 4)
    assert shifted(image, 1, 1)[0].tolist() == [[0, 0, 1, 2], [0, 0, 1, 2], [4, 4, 5, 6]]


@pytest.mark.parametrize("channels", [Channels.RGB, Channels.BGR])
def test_a_smooth_image_is_nearly_itself_as_jpeg(channels: Channels) -> None:
    how = Preprocessing(None, (32, 32), (0.4, 0.5, 0.6), (0.2, 0.3, 0.4), channels=channels)
    ramp = torch.linspace(0, 1, 32).expand(32, 32)
    units = torch.stack([0.2 + 0.5 * ramp, 0.5 * torch.ones_like(ramp), 0.9 - 0.6 * ramp])
    mean, std = (torch.tensor(each)[:, None, None] for each in (how.mean, how.std))
    image = ((units.flip(0) if channels is Channels.BGR else units) - mean) / std
    again = as_jpeg(image, how)
    assert again.shape == image.shape
    assert float((again - image).abs().max()) < 0.25
    assert not torch.equal(again, image)


def test_a_network_of_other_channels_is_tried_without_jpeg() -> None:
    five = Preprocessing(None, HOW.crop, (0.5,) * 5, (0.5,) * 5)
    names = [one.name for one in changes_of(torch.rand(5, 12, 12), five, 0)]
    assert names == ["shift", "mirror", "noise"]

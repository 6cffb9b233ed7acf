"""Where rounding decides on a map, it is made by the network's own pass over the one image."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from engine.explain.batches import Batches
from engine.explain.maps import given_of
from engine.explain.session import Session
from engine.inspection.spatial_axes import Axes
from engine.methods.registry import choose, find, load
from engine.methods.rounding import is_doubtful
from engine.model import Model
from engine.records.explanations import FloatMap
from engine.records.models import Layout
from tests.engine import classifiers

# Of each network a layer before a ReLU, where channels have sums near zero: the methods' divisors.
STEEP = (
    ("resnet18", "layer1.1.bn2", "grad-cam++", {}),
    ("resnet18", "layer3.1.bn2", "xgrad-cam", {}),
    ("resnet18", "conv1", "grad-cam++", {}),
    ("convnext_tiny", "features.5.2.block.3", "xgrad-cam", {}),
    ("mobilenet_v3_small", "features.3.block.2.1", "xgrad-cam", {}),
    ("resnet18", "layer1.1.bn2", "smooth-grad-cam++", {"n": 2}),
    ("resnet18", "layer1.1.bn2", "refine-cam", {}),
    ("resnet18", "layer3.1.bn2", "finer-cam", {"base": "xgrad-cam"}),
)
IMAGES = [classifiers.picture(seed=seed) for seed in range(6)]


def opened(name: str) -> Model:
    module = classifiers.build(name, classes=7)
    return Model(module, preprocessing=classifiers.preprocessing(name), source=name)


exact_one = lru_cache(maxsize=1)(opened)
"""For sessions that make exact passes, which leave nothing behind."""


def deviation(found: FloatMap, expected: FloatMap) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize(("name", "layer", "method", "options"), STEEP)
def test_by_click_and_by_batch(
    name: str, layer: str, method: str, options: dict[str, object]
) -> None:
    """From the second image on, and the third batch, there are faster forms of what lies before."""
    model, exact = opened(name), exact_one(name)
    how: dict[str, Any] = {"method": method, "options": options}
    batches = Batches(model, layer, size=2, **how)
    answers = [*batches.explain(IMAGES, [3] * len(IMAGES))]
    for answer, image in zip(answers, IMAGES, strict=True):
        with Session(exact, image, exact=True) as session:
            own = session.explain(layer, 3, **how).map
        with Session(model, image) as session:
            assert deviation(session.explain(layer, 3, **how).map, own) <= 1e-4
        assert answer.explanation is not None
        assert deviation(answer.explanation.map, own) <= 1e-4


def test_after_grad_cam_of_the_same_layer() -> None:
    """The kept pass, and its gradient, are of a faster form."""
    model, exact, layer = opened("resnet18"), exact_one("resnet18"), "layer3.1.bn2"
    for image in IMAGES[:3]:
        with Session(exact, image, exact=True) as session:
            own = session.explain(layer, 3, method="xgrad-cam").map
        with Session(model, image) as session:
            session.explain(layer, 3)
            assert deviation(session.explain(layer, 3, method="xgrad-cam").map, own) <= 1e-4
        with Session(model, image) as session:
            session.explain(layer, 3)
            session.sweep(3)
            assert deviation(session.explain(layer, 3, method="xgrad-cam").map, own) <= 1e-4
        with Session(model, image) as session:
            session.explain(layer, 3)
            session.explain_alike(layer, 3)
            kept = session._work._full, session._work._tail
            assert deviation(session.explain(layer, 3, method="xgrad-cam").map, own) <= 1e-4
            assert kept == (session._work._full, session._work._tail), "no pass was made"


def test_where_nothing_cancels_out_images_stay_in_batches() -> None:
    model = opened("resnet18")
    for method in ("grad-cam++", "xgrad-cam"):
        batches = Batches(model, "layer4", method=method, size=2)
        assert all(answer.explanation for answer in batches.explain(IMAGES))
        assert batches.size == 2


@pytest.mark.parametrize(
    ("method", "values", "doubtful"),
    [
        # S is 1e-4 and 1 of the sum of the magnitudes.
        ("xgrad-cam", (1.0, -1.0002), True),
        ("xgrad-cam", (1.0, 0.0), False),
        # 2 + S G is 1e-4, and 2.5, for a gradient of 0.5.
        ("grad-cam++", (-2.0, -1.9998), True),
        ("grad-cam++", (1.0, 0.0), False),
        # It divides by nothing.
        ("hirescam", (1.0, -1.0002), False),
    ],
)
def test_what_rounding_decides_on(
    method: str, values: tuple[float, float], *, doubtful: bool
) -> None:
    activation = torch.tensor(values, dtype=torch.float64).view(1, 1, 1, 2)
    gradient = torch.tensor((0.5, 0.4), dtype=torch.float64).view(1, 1, 1, 2)
    how = choose(method)
    function = load(how.method)
    given = given_of(how, activation, gradient, Axes(Layout.CHANNELS_FIRST, (1, 2)))
    assert is_doubtful(function, given, function(given).map) is doubtful


def test_a_map_that_is_not_finite_is_doubtful() -> None:
    how = choose("xgrad-cam")
    function = load(how.method)
    one = torch.full((1, 1, 1, 2), torch.nan)
    given = given_of(how, one, one, Axes(Layout.CHANNELS_FIRST, (1, 2)))
    assert is_doubtful(function, given, function(given).map)
    zero = torch.zeros(1, 1, 1, 2)
    given = given_of(how, zero, zero, Axes(Layout.CHANNELS_FIRST, (1, 2)))
    assert not is_doubtful(function, given, function(given).map)


class _Even(nn.Module):
    """The numbers of each channel of a layer cancel out but for a thousandth, for any image."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 1)
        self.norm = nn.InstanceNorm2d(4, affine=True)
        nn.init.constant_(self.norm.bias, 1e-3)
        self.fc = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.fc((self.norm(self.layer(x)) ** 3).mean((2, 3)))
        return found


def test_where_it_is_often_images_are_computed_one_by_one() -> None:
    torch.manual_seed(0)
    how = classifiers.preprocessing("resnet18")
    model, exact = (Model(_Even().eval(), preprocessing=how) for _ in range(2))
    exact.module.load_state_dict(model.module.state_dict())
    batches = Batches(model, "norm", method="xgrad-cam", size=4)
    answers = [*batches.explain(IMAGES, [1] * len(IMAGES))]
    assert batches.size == 1
    for answer, image in zip(answers, IMAGES, strict=True):
        with Session(exact, image, exact=True) as session:
            own = session.explain("norm", 1, method="xgrad-cam").map
        assert answer.explanation is not None
        assert deviation(answer.explanation.map, own) <= 1e-4


def test_the_table_says_which_methods_divide() -> None:
    steep = {"xgrad-cam", "grad-cam++", "smooth-grad-cam++", "finer-cam", "refine-cam"}
    assert all(find(slug).steep for slug in steep)
    assert not find("grad-cam").steep

"""Networks stored in 16 bits are computed in float32, and it is said."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import engine
from engine.export.sidecar import sidecar
from engine.loading.adjustments import profile_of
from engine.profiles.format import content_of
from engine.profiles.format import profile_of as profile_from
from engine.records.display import DisplaySettings
from engine.records.sources import ModelSource
from engine.render.caption import caption
from tests.engine import classifiers
from tests.engine.networks import IMAGE, Base, model_of, seeded
from tests.reference import reference_map

TYPES = [torch.float16, torch.bfloat16]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_every_layer_of_a_resnet_that_was_saved_whole(dtype: torch.dtype, tmp_path: Path) -> None:
    stored = classifiers.build("resnet18", classes=5).to(dtype)
    torch.save(stored, tmp_path / "half.pt")
    exact = copy.deepcopy(stored).float()
    model = engine.load_model(tmp_path / "half.pt", input="3x64x96")
    with engine.Session(model, classifiers.picture()) as session:
        tensor = session._work.input
        clicked = session.explain("conv1", 2)
        swept = session.sweep(2)
    assert len(swept) > 50
    known = classifiers.all_activations_and_gradients(exact, tensor, 2)
    for name, found in swept.items():
        last = max(index for part, index in known if part == name)
        activation, gradient = known[name, last]
        assert gradient is not None
        wanted = classifiers.map_of(activation, gradient, channels_last=False)
        atol = 1e-4 * np.abs(wanted).max()
        np.testing.assert_allclose(found.map, wanted, rtol=0, atol=atol, err_msg=name)
    np.testing.assert_allclose(clicked.map, swept["conv1"].map, rtol=0, atol=1e-7)
    # In its own type, the first layer would be off by several percent.
    half = reference_map(stored, tensor.to(dtype), "conv1", 2)
    assert np.abs(half - clicked.map).max() > 0.01 * np.abs(clicked.map).max()


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_a_gradient_too_small_for_16_bits(dtype: torch.dtype) -> None:
    module = seeded(Base).eval()
    with torch.no_grad():
        module.head.weight *= 1e-5
    module = module.to(dtype)
    with engine.Session(model_of(module), IMAGE) as session:
        found = session.explain("stem", 1)
        wanted = reference_map(copy.deepcopy(module).float(), session._work.input, "stem", 1)
    assert found.verdict is not engine.Verdict.ZERO_GRADIENT
    np.testing.assert_allclose(found.map, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())


def test_profile_caption_and_json_say_so() -> None:
    model = model_of(seeded(Base).half().eval())
    with engine.Session(model, IMAGE) as session:
        found = session.explain("last", 1)
        top = session.predictions()
    assert model.info.arithmetic == "computed in float32"
    assert "computed in float32" in caption(IMAGE, found, DisplaySettings())[-1]
    assert sidecar(IMAGE, found, model.info, top)["arithmetic"] == "computed in float32"
    profile = profile_of(model, ModelSource("net.pt"))
    assert profile.arithmetic == "computed in float32"
    assert profile_from(content_of(profile)) == profile
    again = model.configured(classes=("a", "b", "c", "d"))
    assert again.info.arithmetic == "computed in float32"


def test_nothing_is_said_of_float32() -> None:
    model = model_of(seeded(Base).eval())
    with engine.Session(model, IMAGE) as session:
        found = session.explain("last", 1)
    assert (model.info.arithmetic, found.arithmetic) == ("", "")
    assert "computed" not in " ".join(caption(IMAGE, found, DisplaySettings()))


class Converting(Base):
    """Its code names the type it computes in: an attribute, or a tensor beside the weights."""

    def __init__(self, hard: bool = False) -> None:
        super().__init__()
        self.kind = torch.float16
        self.scale = torch.full((6, 1, 1), 0.5, dtype=torch.float16)
        self.hard = hard

    def forward(self, x: Tensor) -> Tensor:
        x = x.half() if self.hard else x.to(self.kind)
        return self.finish(torch.tanh(self.middle(torch.tanh(self.stem(x)) * self.scale)))


def test_a_type_named_in_an_attribute() -> None:
    module = seeded(Converting).half().eval()
    with engine.Session(model_of(module), IMAGE) as session:
        found = session.explain("stem", 1)
        exact = copy.deepcopy(module).float()
        exact.kind, exact.scale = torch.float32, exact.scale.float()
        wanted = reference_map(exact, session._work.input, "stem", 1)
    np.testing.assert_allclose(found.map, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
    assert module.kind is torch.float16
    assert module.scale.dtype is torch.float16


def test_code_that_insists_on_its_type_is_run_in_it() -> None:
    model = model_of(seeded(Converting, True).half().eval())
    assert model.info.arithmetic == "computed in float16"
    with engine.Session(model, IMAGE) as session:
        assert session.explain("last", 1).map.any()


def test_the_network_itself_is_not_touched() -> None:
    module: nn.Module = seeded(Base).half().eval()
    module.head.weight.requires_grad_(False)
    before = {name: (id(p), p.dtype, p.data_ptr()) for name, p in module.named_parameters()}
    model = model_of(module)
    with engine.Session(model, IMAGE) as session:
        session.sweep(1)
    assert before == {n: (id(p), p.dtype, p.data_ptr()) for n, p in module.named_parameters()}
    copied = dict(model.module.named_parameters())
    assert {p.dtype for p in copied.values()} == {torch.float32}
    assert not copied["head.weight"].requires_grad

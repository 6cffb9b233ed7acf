"""The channels of a layer, against a plain Grad-CAM on a copy of the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from engine.errors import LayerError, MethodError, TargetError
from engine.explain.session import Session
from engine.images.preprocessing import prepare
from engine.records.asked import Question, Unit
from tests.engine import networks
from tests.engine.networks import IMAGE, SMALL, model_of, seeded
from tests.engine.token_networks import Tokens
from tests.reference import reference_activation_and_gradient


def reference(module: nn.Module, layer: str, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Activation and gradient (channels, rows, columns), float64."""
    tensor = prepare(IMAGE, SMALL).tensor
    activation, gradient = reference_activation_and_gradient(module, tensor, layer, target)
    return activation[0].double().numpy(), gradient[0].double().numpy()


@pytest.mark.parametrize("make", [networks.Base, networks.InplaceModule, networks.InplaceAddition])
@pytest.mark.parametrize("layer", ["stem", "middle", "last"])
def test_numbers_are_those_of_the_definition(make: type[nn.Module], layer: str) -> None:
    module = seeded(make)
    a, g = reference(module, layer, 2)
    with Session(model_of(module), IMAGE) as session:
        found = session.channels(layer, 2)
        map = session.explain(layer, 2).map
    cells = a.shape[1] * a.shape[2]
    size = np.abs(g).max()
    np.testing.assert_allclose(found.weights, g.sum(axis=(1, 2)) / cells, atol=1e-5 * size)
    np.testing.assert_allclose(found.gradients, g.sum(axis=(1, 2)) / cells, atol=1e-5 * size)
    np.testing.assert_allclose(found.activations, a.sum(axis=(1, 2)) / cells, atol=1e-5)
    wanted = g.mean(axis=(1, 2)) * a.sum(axis=(1, 2))
    np.testing.assert_allclose(
        found.contributions, wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max()
    )
    assert found.contributions.sum() == pytest.approx(
        float(map.sum(dtype=np.float64)), abs=1e-5 * float(np.abs(map).sum())
    )


def test_cell_by_cell_they_are_the_references_and_sum_to_the_map() -> None:
    module = seeded(networks.Base)
    a, g = reference(module, "middle", 1)
    with Session(model_of(module), IMAGE) as session:
        every = session.channel_maps(range(6), "middle", 1)
        some = session.channel_maps([4, 0], "middle", 1)
        map = session.explain("middle", 1).map
    np.testing.assert_allclose(every.activations, a, atol=1e-5)
    np.testing.assert_allclose(every.gradients, g, atol=1e-5 * np.abs(g).max())
    np.testing.assert_allclose(every.weighted.sum(axis=0), map, atol=1e-5 * np.abs(map).max())
    assert some.channels == (4, 0)
    np.testing.assert_array_equal(some.activations, every.activations[[4, 0]])
    np.testing.assert_array_equal(some.weighted, every.weighted[[4, 0]])
    assert every.activations.dtype == every.weighted.dtype == np.float32


def test_they_take_no_pass_where_the_gradient_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    module = seeded(networks.Counting)
    model = model_of(module)
    module.forwards = 0
    backward = [0]
    with Session(model, IMAGE) as session:
        explanation = session.explain("middle", 1)
        assert session.has_gradient(explanation)
        grad = torch.autograd.grad

        def counted(*args: object, **kwargs: object) -> object:
            backward[0] += 1
            return grad(*args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(torch.autograd, "grad", counted)
        session.channels("middle", 1)
        session.channel_maps([0, 1], "middle", 1)
        assert module.forwards == 1
        assert backward[0] == 0
        session.channels("middle", 2)
        assert backward[0] == 1


def test_without_an_explanation_they_take_one_pass() -> None:
    module = seeded(networks.Counting)
    model = model_of(module)
    module.forwards = 0
    with Session(model, IMAGE) as session:
        session.channel_maps([0], "middle", 1)
        assert module.forwards == 1
        session.channels("middle", 3)
        assert module.forwards == 1


def test_order_is_by_falling_signed_values() -> None:
    with Session(model_of(seeded(networks.Base)), IMAGE) as session:
        found = session.channels("last", 0)
    values = [channel["contribution"] for channel in found.facts()]
    assert values == sorted(values, reverse=True)
    assert len(values) == 8
    assert [c["index"] for c in found.facts()] == list(found.order())
    assert set(found.order()) == set(range(8))
    for by in ("weight", "activation", "gradient"):
        values = [channel[by] for channel in found.facts(by)]  # type: ignore[arg-type]
        assert values == sorted(values, reverse=True)
    assert found.facts(top=3) == found.facts()[:3]


def test_of_tokens_only_the_cells_of_the_grid_count() -> None:
    module = seeded(Tokens)
    layer = "blocks.0.mlp"
    with Session(model_of(module), IMAGE) as session:
        names = [node.name for node in session.layers if node.explainable]
        layer = layer if layer in names else names[-1]
        found = session.channels(layer, 1)
        maps = session.channel_maps(range(len(found.weights)), layer, 1)
        map = session.explain(layer, 1).map
    np.testing.assert_allclose(maps.weighted.sum(axis=0), map, atol=1e-5 * np.abs(map).max())
    assert found.contributions.sum() == pytest.approx(
        float(map.sum(dtype=np.float64)), abs=1e-4 * float(np.abs(map).sum())
    )


def test_another_question_has_channels_as_well() -> None:
    question = Question("unit", unit=Unit("last", 3))
    with Session(model_of(seeded(networks.Base)), IMAGE) as session:
        found = session.channels("middle", question=question)
        map = session.explain("middle", question=question).map
    assert found.contributions.sum() == pytest.approx(
        float(map.sum(dtype=np.float64)), abs=1e-5 * float(np.abs(map).sum())
    )


def test_what_does_not_exist_is_refused() -> None:
    with Session(model_of(seeded(networks.Base)), IMAGE) as session:
        with pytest.raises(LayerError, match="channels 0 to 5, and no 6"):
            session.channel_maps([6], "middle", 1)
        with pytest.raises(LayerError):
            session.channels("nowhere")
        with pytest.raises(TargetError):
            session.channels("middle", 99)


class TestReady:
    def test_layers_that_are_known_beforehand_take_one_pass(self) -> None:
        module = seeded(networks.Counting)
        model = model_of(module)
        module.forwards = 0
        with Session(model, IMAGE, exact=True) as session:
            session.ready(["last", "stem", "middle"])
            assert module.forwards == 1
            found = {
                (name, target): session.explain(name, target).map
                for name in ("middle", "last", "stem")
                for target in range(4)
            }
            session.predictions()
            session.channels("stem", 2)
            assert module.forwards == 1
        for (name, target), map in found.items():
            with Session(model, IMAGE, exact=True) as session:
                alone = session.explain(name, target).map
            np.testing.assert_allclose(map, alone, atol=1e-6 * np.abs(alone).max())

    def test_beyond_the_budget_nothing_is_done_and_maps_are_the_same(self) -> None:
        module = seeded(networks.Counting)
        model = model_of(module)
        with Session(model, IMAGE) as session:
            wanted = session.explain("stem", 1).map
        module.forwards = 0
        with Session(model, IMAGE, budget=1) as session:
            session.ready(["stem", "last"])
            assert module.forwards == 0
            found = session.explain("stem", 1).map
        np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())

    def test_a_layer_that_does_not_exist_is_refused(self) -> None:
        with Session(model_of(seeded(networks.Base)), IMAGE) as session:
            with pytest.raises(LayerError):
                session.ready(["stem", "nowhere"])
            with pytest.raises(MethodError):
                session.explain("stem", method="nothing")

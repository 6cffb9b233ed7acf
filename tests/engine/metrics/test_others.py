"""The map beside that of another class and by other methods, where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.explain.session import Session
from engine.metrics.agreement import rank_correlation
from engine.metrics.running import measure
from engine.records.asked import Question
from engine.records.workbench.trust import TrustFigure
from tests.engine import networks
from tests.engine.metrics.plain import Linear, balanced, model_of
from tests.engine.networks import IMAGE, seeded


def linear_figure(module: Linear, name: str, target: int = 1) -> TrustFigure:
    with Session(model_of(module), balanced()) as session:
        explanation = session.explain(target=target, method="grad-x-input")
        (found,) = measure(session, explanation, [name])
        return found


def test_equal_rows_of_weights_give_equal_maps() -> None:
    module = seeded(Linear)
    with torch.no_grad():
        module.head.weight[:] = module.head.weight[0]
    found = linear_figure(module, "other-class")
    assert found.value == pytest.approx(1.0)
    assert "nearly the same" in found.verdict


def test_opposite_rows_give_opposite_maps() -> None:
    module = seeded(Linear)
    with torch.no_grad():
        module.head.bias[:] = torch.tensor([5.0, 3.0, -500.0])
        module.head.weight[0] = -module.head.weight[1]
    found = linear_figure(module, "other-class", target=1)
    assert found.value == pytest.approx(-1.0)


def test_it_is_the_runner_up_that_is_compared() -> None:
    module = seeded(networks.Base)
    with Session(networks.model_of(module), IMAGE) as session:
        ranked = np.argsort(-session.logits)
        first = session.explain("middle", int(ranked[0]))
        (found,) = measure(session, first, ["other-class"])
        second = session.explain("middle", int(ranked[1]))
        assert found.value == pytest.approx(rank_correlation(first.map, second.map))
        assert second.target.label in found.verdict
        lesser = session.explain("middle", int(ranked[2]))
        (other,) = measure(session, lesser, ["other-class"])
        assert other.value == pytest.approx(rank_correlation(lesser.map, first.map))


def test_a_contrast_is_compared_with_a_third_class() -> None:
    with Session(networks.model_of(seeded(networks.Base)), IMAGE) as session:
        ranked = [int(index) for index in np.argsort(-session.logits)]
        question = Question("contrast", against=ranked[1])
        own = session.explain("middle", ranked[0], question=question)
        third = session.explain("middle", ranked[2], question=question)
        (found,) = measure(session, own, ["other-class"])
    assert found.value == pytest.approx(rank_correlation(own.map, third.map))


def test_class_blind_methods_have_one_by_design() -> None:
    with Session(networks.model_of(seeded(networks.Base)), IMAGE) as session:
        explanation = session.explain("middle", method="eigen-cam")
        (found,) = measure(session, explanation, ["other-class"])
    assert found.value == 1.0
    assert "class-blind" in found.verdict


def test_a_question_about_no_class_has_no_other_class() -> None:
    with Session(networks.model_of(seeded(networks.Base)), IMAGE) as session:
        explanation = session.explain("middle", question=Question("entropy"))
        (found,) = measure(session, explanation, ["other-class"])
    assert found.value is None
    assert "no single class" in found.verdict


def test_methods_that_are_the_same_on_a_linear_network_agree() -> None:
    found = linear_figure(seeded(Linear), "agreement")
    (bars,) = found.curves
    # The weights times the image, by gradient, by integral and by hiding pixel after pixel.
    assert len(bars.ticks) == 3
    assert bars.y == pytest.approx([1.0] * 3, abs=1e-3)
    assert found.value == pytest.approx(1.0, abs=1e-3)
    assert found.spread == pytest.approx(0.0, abs=1e-3)
    assert "agree" in found.verdict

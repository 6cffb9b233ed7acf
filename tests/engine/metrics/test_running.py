"""Figures one after the other: what they leave behind, what they refuse, and how they stop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import engine
from engine.errors import Cancelled, HookscopeError
from engine.explain.session import Session
from engine.metrics.running import measure
from engine.metrics.table import FREE, MARKED, NAMES, ROWS, find, wanted_names
from engine.passes.wrappers import Scripted
from engine.records.asked import Question, Unit
from engine.records.workbench.trust import Fill, TrustSettings
from tests.engine import networks
from tests.engine.networks import IMAGE, model_of, seeded

QUICK = TrustSettings(fill=Fill.MEAN, steps=4, grid=6)
COSTLY = [name for name in NAMES if name not in FREE]


def test_all_figures_leave_the_network_and_the_session_as_they_were(
    no_hooks: Callable[[nn.Module], AbstractContextManager[None]],
) -> None:
    module = seeded(networks.Base).train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    told: list[float] = []
    with Session(model_of(module), IMAGE) as session, no_hooks(module):
        explanation = session.explain("middle")
        found = list(
            measure(session, explanation, (), QUICK, progress=lambda done, _text: told.append(done))
        )
        again = session.explain("middle")
    assert [figure.name for figure in found] == list(NAMES)
    assert all(figure.value is not None for figure in found)
    assert again.map is explanation.map or np.array_equal(again.map, explanation.map)
    after = module.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert all(part.training for part in module.modules())
    assert told == sorted(told)
    assert 0 <= told[0] <= told[-1] <= 1


@pytest.mark.parametrize("name", COSTLY)
def test_each_stops_at_its_first_report_of_a_step(name: str) -> None:
    token = engine.CancelToken()
    told: list[float] = []

    def report(done: float, _text: str) -> None:
        told.append(done)
        if done > 0:
            token.cancel()

    with Session(model_of(seeded(networks.Base)), IMAGE) as session:
        # By a method that takes many passes, so that one map is worth stopping.
        explanation = session.explain(
            target=0, method="rise", options={"masks": 20, "grid": 3, "batch": 2}
        )
        settings = TrustSettings(fill=Fill.LINEAR, steps=8, grid=12)
        with pytest.raises(Cancelled):
            list(measure(session, explanation, [name], settings, cancel=token, progress=report))
        assert [done for done in told if done > 0] == told[-1:]
        # The session is as good as before.
        assert session.explain("middle").map.any()


def test_a_token_that_is_set_stops_it_before_anything_runs() -> None:
    module = seeded(networks.Counting)
    token = engine.CancelToken()
    with Session(model_of(module), IMAGE) as session:
        explanation = session.explain("middle")
        module.forwards = 0
        token.cancel()
        with pytest.raises(Cancelled):
            list(measure(session, explanation, ["deletion"], QUICK, cancel=token))
    assert module.forwards == 0


def test_free_figures_take_no_pass() -> None:
    module = seeded(networks.Counting)
    with Session(model_of(module), IMAGE) as session:
        explanation = session.explain("middle")
        module.forwards = 0
        assert len(list(measure(session, explanation, FREE))) == len(FREE)
    assert module.forwards == 0


@pytest.mark.parametrize(
    "question",
    [
        Question("contrast", against=2),
        Question("entropy"),
        Question("unit", unit=Unit("last", 3, (2, 5))),
    ],
    ids=lambda question: question.slug,
)
def test_other_questions_are_followed_as_well(question: Question) -> None:
    with Session(model_of(seeded(networks.Base)), IMAGE) as session:
        explanation = session.explain("middle", 0, question=question)
        found = {one.name: one for one in measure(session, explanation, COSTLY, QUICK)}
    for name in ("deletion", "insertion", "road", "randomisation"):
        assert found[name].value is not None
    curves = found["deletion"].curves
    assert {curve.axis for curve in curves} == {found["deletion"].unit}
    # Nothing is hidden at the first point: it is the number that was explained.
    assert curves[0].y[0] == pytest.approx(explanation.value, abs=1e-4)


def test_a_map_fused_of_several_layers_is_measured_as_one() -> None:
    with Session(model_of(seeded(networks.Base)), IMAGE) as session:
        explanation = session.explain(["stem", "middle"], 1)
        found = {one.name: one for one in measure(session, explanation, (), QUICK)}
    assert all(found[name].value is not None for name in ("stability", "randomisation"))


class Alone(networks.Base):
    """Refuses more than one image at a time."""

    def forward(self, x: Tensor) -> Any:
        assert len(x) == 1
        return super().forward(x)


def test_a_network_that_takes_one_image_at_a_time_gives_the_same_curves() -> None:
    found = []
    for make in (networks.Base, Alone):
        with Session(model_of(seeded(make)), IMAGE) as session:
            explanation = session.explain("middle", 1)
            (figure,) = measure(session, explanation, ["deletion"], QUICK)
            found.append(figure)
    np.testing.assert_allclose(found[0].curves[0].y, found[1].curves[0].y, atol=1e-4)


def test_a_grid_of_one_cell_has_no_order() -> None:
    with Session(model_of(seeded(networks.Base)), IMAGE) as session:
        explanation = session.explain("middle", 1)
        settings = TrustSettings(fill=Fill.MEAN, grid=1)
        found = list(measure(session, explanation, ["deletion", "insertion", "road"], settings))
    for figure in found:
        assert figure.value is None
        assert "single cell" in figure.verdict


class Script(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 6, 3, stride=2), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.tanh(self.stem(x)).mean(dim=(2, 3)))
        return logits


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_cannot_be_computed_says_why_in_words() -> None:
    scripted = torch.jit.script(seeded(Script))
    model = model_of(Scripted(scripted))
    with Session(model, IMAGE) as session:
        options = {"window": 12, "stride": 12}
        explanation = session.explain(target=0, method="occlusion", options=options)
        names = [name for name in NAMES if name not in ("road", "agreement")]
        found = {one.name: one for one in measure(session, explanation, names, QUICK)}
    assert found["randomisation"].value is None
    assert "TorchScript archive cannot be copied" in found["randomisation"].verdict
    assert found["deletion"].value is not None
    assert all(one.verdict.endswith(".") for one in found.values())


def test_equal_seeds_give_equal_figures() -> None:
    def once(seed: int) -> list[Any]:
        with Session(model_of(seeded(networks.Base)), IMAGE) as session:
            explanation = session.explain("middle", 1)
            settings = TrustSettings(seed=seed, steps=4, grid=6)
            names = ["deletion", "road", "stability", "randomisation"]
            return [one.value for one in measure(session, explanation, names, settings)]

    assert once(3) == once(3)
    assert once(3) != once(4)


def test_names_are_checked_and_come_in_the_tables_order() -> None:
    assert wanted_names(("road", "Peak", "road"), marked=False) == ("peak", "road")
    assert wanted_names((), marked=False) == NAMES
    assert wanted_names((), marked=True) == NAMES + MARKED
    with pytest.raises(HookscopeError, match="did you mean deletion"):
        wanted_names(("deletoin",), marked=False)
    with pytest.raises(HookscopeError, match="--boxes"):
        wanted_names(("iou",), marked=False)
    assert find("ROAD ").name == "road"


def test_the_table_says_of_every_figure_what_it_cannot_tell() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    for row in ROWS:
        for text in (row.summary, row.good, row.cannot):
            assert len(text) > 5
            assert text.endswith(".")

"""Which outputs change which: against what happens when they are changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import engine
from engine import Session
from engine.errors import TargetError
from engine.inspection.influence import influences, leading_to
from engine.passes.hooks import Call, watching
from engine.records.asked import Question, Unit
from engine.targets.refusals import refused_layers
from tests.engine import networks, token_networks
from tests.engine.networks import IMAGE, model_of, seeded


class Branches(nn.Module):
    """Two branches whose outputs are added, and one that only joins at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.left = nn.Conv2d(6, 6, 3, padding=1)
        self.left_end = nn.Conv2d(6, 6, 1)
        self.right = nn.Conv2d(6, 6, 3, padding=1)
        self.right_end = nn.Conv2d(6, 6, 1)
        self.both = nn.Conv2d(6, 6, 1)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        left = self.left_end(self.left(x).relu())
        right = self.right_end(self.right(x).relu())
        logits: Tensor = self.head(self.both((left + right).relu()).mean(dim=(2, 3)))
        return logits


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "branches": Branches,
    "plain": networks.Base,
    "in-place addition": networks.InplaceAddition,
    "in-place functions": networks.InplaceFunction,
    "on a view": networks.InplaceView,
    "reused": networks.Reused,
    "containers": networks.Containers,
    "inner tuple": lambda: networks.InnerTuple("tuple"),
    "layers that lead nowhere": networks.Untidy,
    "tokens": token_networks.Tokens,
}


def changed_by(model: engine.Model, call: Call, tensor: Tensor) -> set[Call]:
    """The calls whose output is another one if this one's is."""

    def run(other: Call | None) -> dict[Call, Tensor]:
        seen: dict[Call, Tensor] = {}

        def visit(made: Call, _module: nn.Module, output: Tensor) -> Tensor | None:
            result = output * 1.5 + 0.3 if made == other else output.clone()
            seen[made] = result.clone()
            return result

        with torch.no_grad(), watching(model.module, visit):
            model.module(tensor.clone())
        return seen

    plain, other = run(None), run(call)
    return {made for made, output in plain.items() if not torch.equal(output, other[made])}


@pytest.mark.parametrize("kind", NETWORKS)
def test_what_changes_is_said_to_and_no_explainable_layer_more(kind: str) -> None:
    model = model_of(seeded(NETWORKS[kind]).double().eval())
    with Session(model, IMAGE) as session:
        tensor = session._work.input
    facts = model.facts
    place = {call: index for index, call in enumerate(facts.calls)}
    said = influences(facts)
    asked = [(n.name, n.calls - 1) for n in model.layers if n.explainable]
    for call in asked:
        if facts.calls[call].source != call:
            continue
        changed = changed_by(model, call, tensor)
        for other in asked:
            source = facts.calls[other].source
            bit = bool(said[call] >> place[source] & 1)
            assert (call in leading_to(facts, other)) is bit
            if source in changed:
                assert bit, (call, other)
            elif kind != "tokens":
                assert not bit, (call, other)


def test_a_layer_of_another_branch_is_refused_and_left_out_of_a_sweep() -> None:
    model = model_of(seeded(Branches).eval())
    question = Question("unit", unit=Unit("right_end", 2))
    refused = refused_layers(question, model.layers)
    assert refused.keys() == {"left", "left_end", "both"}
    assert refused["left"].startswith("layer 'left' does not lead to 'right_end'")
    assert refused["both"].startswith("layer 'both' comes after 'right_end'")
    with Session(model, IMAGE) as session:
        assert session.sweep(question=question).keys() == {"stem", "right", "right_end"}
        for name, reason in refused.items():
            with pytest.raises(TargetError) as raised:
                session.explain(name, question=question)
            assert str(raised.value) == reason
        found: Any = session.explain("right", question=question)
    assert found.map.any()
    assert refused_layers(Question("entropy"), model.layers) == {}

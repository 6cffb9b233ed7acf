"""The default layer: through it leads all that the logits see of the image."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.inspection.flow import LOGITS, Flow
from engine.passes.hooks import Call
from engine.records.models import LayerNode
from tests.engine.networks import model_of, seeded
from tests.engine.token_networks import WIDTH, Block


def stage(given: int, made: int, stride: int = 2) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(given, made, 3, stride, 1), nn.ReLU(inplace=True))


class Features(nn.Module):
    """Two stages of 8 and 16 channels, and a head."""

    def __init__(self, classes: int = 6) -> None:
        super().__init__()
        self.features = nn.Sequential(*stage(3, 8), *stage(8, 16))
        self.fc = nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))

    def head(self, x: Tensor) -> Tensor:
        scores: Tensor = self.fc(x.mean(dim=(2, 3)))
        return scores


class SpatialGate(nn.Module):
    """As in CBAM: one weight for each cell."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.conv(torch.cat([x.mean(1, True), x.amax(1, True)], 1)))


class GateLast(Features):
    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        return self.head(self.gate(x) * x)


def wide_gate(channels: int = 16) -> nn.Module:
    """A weight for each channel and cell."""
    return nn.Sequential(nn.Conv2d(channels, channels, 1), nn.Sigmoid())


class AttentionPooled(Features):
    """The cells are weighed by a softmax over them, and only the sum is classified."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Conv2d(16, 12, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        weights = self.look(x).flatten(2).softmax(-1)  # (1, 12, cells)
        scores: Tensor = self.fc((weights @ x.flatten(2).transpose(1, 2)).mean(1))
        return scores


class Doubtful(nn.Module):
    """Two networks side by side; the second may be deeper, or begin where the first one does."""

    def __init__(self, more: int = 0, stem: int = 0, gated: bool = False) -> None:
        super().__init__()
        self.stem = nn.Sequential(*stage(3, 8, 1), *(nn.Identity(),) * stem) if stem else None
        given = 8 if stem else 3
        self.left = nn.Sequential(
            *stage(given, 8), *(m for _ in range(more) for m in stage(8, 8, 1))
        )
        self.right = stage(given, 8)
        self.gate = wide_gate(8) if gated else None
        self.fc = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x) if self.stem is not None else x
        left, right = self.left(x), self.right(x)
        if self.gate is not None:
            left, right = left * self.gate(left), right * self.gate(right)
        scores: Tensor = self.fc(torch.cat([left.mean((2, 3)), right.mean((2, 3))], 1))
        return scores


class SeveralScales(nn.Module):
    """The head reads the last two stages, so that the earlier of them sees everything."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = stage(3, 8), stage(8, 8), stage(8, 8)
        self.fc = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        second = self.two(self.one(x))
        third = self.three(second)
        scores: Tensor = self.fc(torch.cat([second.mean((2, 3)), third.mean((2, 3))], 1))
        return scores


class Narrow(nn.Module):
    """Few channels: at the end only, or throughout."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__()
        self.one, self.two = stage(3, first), stage(first, last)
        self.fc = nn.Linear(last, 5)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.fc(self.two(self.one(x)).mean((2, 3)))
        return scores


def default_of(module: nn.Module) -> tuple[str, int]:
    (node,) = default_nodes(module)
    return node.name, node.branches


def default_nodes(module: nn.Module) -> list[LayerNode]:
    model = model_of(module)
    nodes = [node for node in model.layers if node.default]
    assert [node.name for node in nodes] == [model.info.default_layer]
    return nodes


CASES: dict[str, tuple[Any, str, int]] = {
    "plain": (Features, "features", 1),
    "as many channels as classes": (lambda: Features(16), "features", 1),
    "a gate of one channel": (lambda: GateLast(SpatialGate()), "features", 1),
    "a gate of many channels": (lambda: GateLast(wide_gate()), "features", 1),
    "attention as pooling": (AttentionPooled, "features", 1),
    "two branches": (Doubtful, "right", 2),
    "two branches, one deeper": (lambda: Doubtful(more=1), "left", 2),
    "two gated branches": (lambda: Doubtful(more=1, gated=True), "left", 2),
    "branches with a common beginning": (lambda: Doubtful(stem=1), "stem", 1),
    "branches after a mere stem": (lambda: Doubtful(more=6, stem=1), "left", 2),
    "two scales": (SeveralScales, "two", 1),
    "few channels at the end": (lambda: Narrow(16, 3), "one", 1),
    "few channels everywhere": (lambda: Narrow(6, 4), "two", 1),
}


@pytest.mark.parametrize("case", CASES)
def test_all_that_the_logits_see_leads_through_it(case: str) -> None:
    make, name, branches = CASES[case]
    assert default_of(seeded(make).eval()) == (name, branches)


def test_that_it_is_one_of_two_branches_is_said() -> None:
    model = model_of(seeded(Doubtful).eval())
    (said,) = model.info.notices
    assert "right, is one of 2 branches" in said
    assert model.doubts == model.info.notices
    assert model_of(seeded(Features).eval()).info.notices == ()


class ClassAttention(nn.Module):
    """As in CaiT: patches go through blocks, then a class token reads them several times."""

    def __init__(self, reads: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, 4, 4)
        self.blocks = nn.Sequential(Block(), Block())
        self.token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(reads))
        self.readers = nn.ModuleList(
            nn.MultiheadAttention(WIDTH, 2, batch_first=True) for _ in range(reads)
        )
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.patches(x).flatten(2).transpose(1, 2))
        token = self.token
        for norm, reader in zip(self.norms, self.readers, strict=True):
            both = norm(torch.cat([token, x], 1))
            token = token + reader(both[:, :1], both, both, need_weights=False)[0]
        scores: Tensor = self.head(self.norm(torch.cat([token, x], 1))[:, 0])
        return scores


def test_tokens_that_are_read_twice_are_explained_before_they_are() -> None:
    assert default_of(seeded(ClassAttention, 2).eval()) == ("blocks", 1)


def test_tokens_that_are_read_once_are_explained_as_they_are_read() -> None:
    """The norm is all that matters of them, as in a ViT's last block."""
    assert default_of(seeded(ClassAttention, 1).eval()) == ("norms.0", 1)


@pytest.mark.parametrize("seed", range(40))
def test_the_flow_against_all_ways_one_by_one(seed: int) -> None:
    chance = random.Random(seed)
    calls: list[Call] = [(f"layer{i}", 0) for i in range(chance.randint(2, 9))]
    leads_to = {
        call: frozenset(
            chance.sample([*calls[i + 1 :], LOGITS], min(len(calls) - i, chance.choice((1, 1, 2))))
        )
        for i, call in enumerate(calls)
    }
    entries = frozenset(chance.sample(calls[:3], chance.choice((1, 1, 2))))
    # Only outputs that the image reaches are part of a flow.
    seen = set(entries)
    for call in calls:
        if call in seen:
            seen |= leads_to[call] - {LOGITS}
    flow = Flow({c: r for c, r in leads_to.items() if c in seen}, entries, frozenset(), {})

    def ways(call: Call) -> list[list[Call]]:
        if call == LOGITS:
            return [[]]
        return [[call, *rest] for reader in leads_to[call] for rest in ways(reader)]

    every = [way for call in entries for way in ways(call)]
    on_all = [call for call in calls if all(call in way for way in every)]
    assert list(flow.passed_by_all()) == on_all
    wanted = set(chance.sample(sorted(seen), chance.randint(1, len(seen))))
    ends = {next(c for c in reversed(way) if c in wanted) for way in every if wanted & set(way)}
    assert set(flow.last_among(wanted)) == ends

"""Sequences of tokens: their grid, their map, and the ones that lead nowhere."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pytest
import torch
from torch import nn

from engine.errors import Cancelled, LayerError
from engine.explain.session import Session
from engine.inspection import dead_tokens
from engine.inspection.spatial_axes import (
    Axes,
    SeenGrid,
    axes_by_growth,
    tokens_by_count,
    tokens_by_growth,
)
from engine.model import Model
from engine.progress import CancelToken
from engine.records.explanations import Verdict
from engine.records.models import LayerNode, Layout
from tests.engine.networks import IMAGE, model_of, seeded
from tests.engine.token_networks import (
    Block,
    Library,
    Mixing,
    SequenceFirst,
    Shifting,
    Tokens,
    Unfolding,
)
from tests.reference import reference_map

HookWatch = Callable[[nn.Module], AbstractContextManager[None]]
GRID = (6, 8)

KINDS: dict[str, Callable[[], nn.Module]] = {
    "class token": Tokens,
    "class token, any size": lambda: Tokens(size=None),
    "registers": lambda: Tokens(prefix=5),
    "registers, any size": lambda: Tokens(prefix=5, size=None),
    "distillation": lambda: Tokens(prefix=2, pool="two"),
    "mean of the cells": lambda: Tokens(prefix=0, pool="mean"),
    "mean of the cells, any size": lambda: Tokens(prefix=0, pool="mean", size=None),
    "class token and mean": lambda: Tokens(prefix=1, pool="mean"),
    "torch's encoder": Library,
    "merged": Shifting,
    "merged, fixed size": lambda: Shifting(fixed=True),
    "no convolution": Unfolding,
    "mixed": Mixing,
}


def tree(model: Model) -> dict[str, LayerNode]:
    return {node.name: node for node in model.layers}


def same(found: np.ndarray, wanted: np.ndarray) -> None:
    """To 1e-5 of the largest value. Keys that are all shifted alike change no attention, so their
    map is zero, and what is left of it is rounding."""
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max() + 1e-9)


def expected(model: Model, session: Session, node: LayerNode, target: int) -> np.ndarray:
    # The stage that returns a record is compared by the layer that made what is in it.
    name = "merging.reduction" if node.name == "merging" else node.name
    # Known from the input and the patch, and halved after merging.
    merged = name.startswith(("merging", "mlp")) or (
        name == "norm" and isinstance(model.module, Shifting)
    )
    grid = (3, 4) if merged else GRID
    assert node.grid == grid, node
    tokens = grid if node.layout is Layout.TOKENS else None
    return reference_map(model.module, session._work.input, name, target, token_grid=tokens)


@pytest.mark.parametrize("kind", KINDS)
def test_every_layer_of_every_kind_equals_the_reference(kind: str, no_hooks: HookWatch) -> None:
    module = seeded(KINDS[kind]).eval()
    with no_hooks(module):
        model = model_of(module)
        offered = [node for node in model.layers if node.explainable]
        assert any(node.layout is Layout.TOKENS for node in offered)
        with Session(model, IMAGE) as session:
            wanted = {node.name: expected(model, session, node, 2) for node in offered}
            swept = session.sweep(2)
            assert list(swept) == [node.name for node in offered]
            for name, map_ in wanted.items():
                same(swept[name].map, map_)
        for name, map_ in wanted.items():  # each with a graph that starts there
            with Session(model, IMAGE, budget=0) as session:
                found = session.explain(name, 2).map
            same(found, map_)


@pytest.mark.parametrize("kind", ["class token", "class token, any size", "registers"])
def test_what_comes_after_the_last_attention_is_greyed(kind: str) -> None:
    model = model_of(seeded(KINDS[kind]))
    nodes = tree(model)
    dead = {name for name, node in nodes.items() if node.reason == "no gradient reaches it"}
    last = "blocks.2"
    after = {"norm", "blocks", last, *(f"{last}.{n}" for n in ("query", "proj", "norm2", "mlp"))}
    assert dead == after | {f"{last}.mlp.{i}" for i in range(3)}
    assert nodes[f"{last}.norm1"].explainable
    assert nodes[f"{last}.key"].explainable
    # value comes later, and is no layer that a person would mean
    assert model.info.default_layer == f"{last}.norm1"
    with pytest.raises(LayerError, match="no gradient reaches it"), Session(model, IMAGE) as s:
        s.explain("norm")


@pytest.mark.parametrize("kind", ["mean of the cells", "class token and mean", "merged", "mixed"])
def test_where_the_cells_are_averaged_nothing_is_greyed(kind: str) -> None:
    model = model_of(seeded(KINDS[kind]))
    reasons = {node.reason for node in model.layers}
    assert "no gradient reaches it" not in reasons
    assert model.info.default_layer == "norm"


def test_the_inside_of_an_attention_is_no_map() -> None:
    for kind in ("class token", "class token, any size", "registers, any size"):
        nodes = tree(model_of(seeded(KINDS[kind])))
        for inner in ("q_norm", "attn_drop"):
            node = nodes[f"blocks.0.{inner}"]
            assert not node.explainable, (kind, node)
            assert node.reason.startswith("no spatial output")
    nodes = tree(model_of(seeded(Shifting)))
    assert nodes["windows"].grid == GRID
    assert nodes["windows.inside.mlp"].reason == "no spatial output (4 × 10)"


def test_an_attention_between_channels_is_no_map() -> None:
    class BetweenChannels(Block):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            q, k, v = (part(self.norm1(x)) for part in (self.query, self.key, self.value))
            weights = self.attn_drop((q.transpose(1, 2) @ k)[:, None].softmax(-1))
            return x + self.proj(v @ weights[:, 0])

    module = seeded(Tokens, 0, "mean")
    module.blocks = nn.Sequential(*(seeded(BetweenChannels) for _ in range(2)))
    nodes = tree(model_of(module))
    assert nodes["blocks.0.attn_drop"].shape == (1, 10, 10)
    assert nodes["blocks.0.attn_drop"].reason == "no spatial output (1 × 10 × 10)"
    assert nodes["blocks.0"].grid == GRID


def test_a_network_that_resizes_its_picture_itself() -> None:
    class Resizing(Tokens):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(nn.functional.interpolate(x, (24, 32)))

    nodes = tree(model_of(seeded(Resizing)))
    assert nodes["patches"].grid == nodes["blocks.1"].grid == GRID


def test_where_an_attention_pools_the_default_is_its_input() -> None:
    class Pooling(Tokens):
        def __init__(self) -> None:
            super().__init__(prefix=0, pool="mean")
            self.kv = nn.Linear(10, 20)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.patches(x).flatten(2).transpose(1, 2) + self.position
            k, v = self.kv(self.norm(self.blocks(x))).chunk(2, dim=2)
            return self.head((k.sum(2, keepdim=True).softmax(1) * v).sum(1))

    assert model_of(seeded(Pooling)).info.default_layer == "norm"


def test_mixing_across_tokens_is_no_sequence() -> None:
    nodes = tree(model_of(seeded(Mixing)))
    assert nodes["norm"].grid == GRID
    assert not any(nodes[f"across.{i}"].explainable for i in range(3))


def test_a_batch_that_is_not_the_first_axis_is_refused_with_its_reason() -> None:
    model = model_of(seeded(SequenceFirst, 0, "mean"))
    nodes = tree(model)
    assert nodes["patches"].explainable
    for name in ("drop", "norm"):
        assert "the token axis precedes the batch axis (48 × 1 × 10)" in nodes[name].reason
    with pytest.raises(LayerError, match="cannot be read as 'B N C'"):
        model_of(seeded(SequenceFirst, 0, "mean"), layouts={"norm": Layout.TOKENS})


def test_gradients_that_cancel_out_are_said_to_be_zero() -> None:
    """Without a class token, shifting all keys alike shifts all scores, which a softmax ignores."""
    with Session(model_of(seeded(KINDS["mean of the cells"])), IMAGE) as session:
        keys, values = session.explain("blocks.1.key"), session.explain("blocks.1.value")
        assert session.sweep()["blocks.1.key"].verdict is Verdict.ZERO_GRADIENT
    assert keys.verdict is Verdict.ZERO_GRADIENT
    assert not keys.map.any()
    assert values.verdict is not Verdict.ZERO_GRADIENT


def test_a_part_of_a_tuple_is_named() -> None:
    nodes = tree(model_of(seeded(Library)))
    assert nodes["encoder.layers.1.self_attn"].output == "output 0 of 2"
    assert nodes["encoder.layers.1.self_attn"].explainable
    assert nodes["encoder.layers.1.norm1"].output == ""
    assert tree(model_of(seeded(Shifting)))["merging"].output == "output hidden of 2"


class TestReach:
    def test_a_head_of_zeros_greys_nothing_and_says_so(self) -> None:
        module = seeded(Tokens)
        nn.init.zeros_(module.head.weight)
        model = model_of(module)
        assert "no gradient reaches it" not in {node.reason for node in model.layers}
        with Session(model, IMAGE) as session:
            assert session.explain().verdict is Verdict.ZERO_GRADIENT

    def test_the_model_is_as_before(self, no_hooks: HookWatch) -> None:
        module = seeded(Tokens).train()
        before = {name: value.clone() for name, value in module.state_dict().items()}
        generator = torch.get_rng_state()
        with no_hooks(module):
            model_of(module)
        assert torch.equal(torch.get_rng_state(), generator)
        assert all(part.training for part in module.modules())
        for name, value in module.state_dict().items():
            assert torch.equal(value, before[name]), name
        assert all(p.grad is None and p.requires_grad for p in module.parameters())

    def test_it_can_be_cancelled(self) -> None:
        token = CancelToken()
        token.cancel()
        with pytest.raises(Cancelled):
            model_of(seeded(Tokens), cancel=token)
        model_of(seeded(Tokens, 0, "mean"), cancel=token)  # nothing to try there

    def test_not_tried_where_the_graph_is_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dead_tokens, "_MOST_BYTES", 100)
        nodes = tree(model_of(seeded(Tokens)))
        assert nodes["norm"].explainable

    def test_a_late_start_without_cells_goes_back_to_the_first(self) -> None:
        class Long(Tokens):
            """Many steps on the class token after the last attention."""

            def __init__(self) -> None:
                super().__init__()
                self.steps = nn.Sequential(*(nn.Linear(10, 10) for _ in range(45)))

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                x = self.patches(x).flatten(2).transpose(1, 2)
                x = torch.cat([self.special, x], dim=1) + self.position
                return self.head(self.steps(self.norm(self.blocks(x)))[:, 0])

        nodes = tree(model_of(seeded(Long)))
        assert nodes["steps.0"].reason == nodes["steps"].reason == "no gradient reaches it"
        assert nodes["blocks.1"].explainable


class TestLayouts:
    def test_the_users_word_counts(self) -> None:
        class Transposed(nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return x.permute(0, 2, 3, 1)

        module = nn.Sequential(
            nn.Conv2d(3, 24, 3, padding=1), Transposed(), nn.Flatten(), nn.Linear(24 * 24 * 32, 3)
        ).eval()
        model = model_of(module, layouts={"1": Layout.CHANNELS_FIRST})
        node = tree(model)["1"]
        assert (node.layout, node.grid) == (Layout.CHANNELS_FIRST, (32, 24))
        with Session(model, IMAGE) as session:
            found = session.explain("1", 0).map
            wanted = reference_map(module, session._work.input, "1", 0)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
        assert tree(model_of(module))["1"].layout is Layout.CHANNELS_LAST

    def test_the_same_tensor_has_one_layout(self) -> None:
        model = model_of(seeded(Tokens), layouts={"blocks.1": Layout.TOKENS})
        assert tree(model)["blocks.1"].grid == GRID
        module = nn.Sequential(nn.Sequential(nn.Conv2d(3, 5, 3)), nn.Flatten(), nn.Linear(3300, 2))
        nodes = tree(model_of(module, layouts={"0": Layout.CHANNELS_LAST}))
        assert nodes["0"].grid == nodes["0.0"].grid == (5, 22)

    @pytest.mark.parametrize(
        ("name", "layout", "said"),
        [
            ("norm", Layout.CHANNELS_FIRST, r"\(1 × 49 × 10\) cannot be read as 'B C H W'"),
            ("patches", Layout.TOKENS, r"\(1 × 10 × 6 × 8\) cannot be read as 'B N C'"),
            ("head", Layout.TOKENS, "cannot be read"),
            ("nose", Layout.TOKENS, "there is no layer 'nose'"),
        ],
    )
    def test_impossible_ones(self, name: str, layout: Layout, said: str) -> None:
        with pytest.raises(LayerError, match=said):
            model_of(seeded(Tokens), layouts={name: layout})


class TestAxes:
    SEEN = (SeenGrid((24, 32), (48, 96)), SeenGrid((6, 8), (12, 24)))

    def test_growth_and_an_earlier_grid(self) -> None:
        for prefix in (0, 1, 2, 5, 16):
            found = tokens_by_growth(
                (1, prefix + 48, 9), (1, prefix + 288, 9), (24, 32), self.SEEN, (2, 3)
            )
            assert found == Axes(Layout.TOKENS, (6, 8), prefix)

    def test_growth_alone(self) -> None:
        for prefix in (0, 1, 5):
            found = tokens_by_growth(
                (1, prefix + 48, 9), (1, prefix + 288, 9), (24, 32), (), (2, 3)
            )
            assert found == Axes(Layout.TOKENS, (6, 8), prefix)

    @pytest.mark.parametrize(
        ("shape", "larger"),
        [
            ((2, 48, 9), (2, 288, 9)),  # two of something
            ((4, 4, 9), (24, 4, 9)),  # windows
            ((1, 9, 48), (1, 9, 288)),  # channels first
            ((1, 20, 9), (1, 60, 9)),  # the columns of the picture
            ((1, 20, 9), (1, 40, 9)),  # its rows
            ((1, 120, 9), (1, 290, 9)),  # too many before the grid
            ((48, 9), (288, 9)),
        ],
    )
    def test_what_grows_otherwise_is_none(
        self, shape: tuple[int, ...], larger: tuple[int, ...]
    ) -> None:
        assert tokens_by_growth(shape, larger, (24, 32), self.SEEN, (2, 3)) is None

    def test_by_count(self) -> None:
        seen = (SeenGrid((14, 14)), SeenGrid((7, 7)))
        assert tokens_by_count((1, 50, 64), (224, 224), seen) == Axes(Layout.TOKENS, (7, 7), 1)
        assert tokens_by_count((1, 197, 64), (224, 224), seen) == Axes(Layout.TOKENS, (14, 14), 1)
        assert tokens_by_count((1, 16, 64), (224, 224), seen) == Axes(Layout.TOKENS, (4, 4), 0)
        assert tokens_by_count((1, 64, 49), (224, 224), seen) is None  # (1, C, N)
        grids = (SeenGrid((8, 8)), SeenGrid((2, 2)))  # 64 channels are no grid of 8 by 8
        assert tokens_by_count((1, 5, 64), (64, 64), grids) == Axes(Layout.TOKENS, (2, 2), 1)
        assert tokens_by_count((1, 100, 64), (224, 224), seen) is None
        assert tokens_by_count((1, 65, 64), (64, 64), ()) == Axes(Layout.TOKENS, (8, 8), 1)
        assert tokens_by_count((1, 67, 64), (48, 176), ()) is None

    def test_weights_of_an_attention_grow_alike(self) -> None:
        assert axes_by_growth((1, 2, 49, 49), (1, 2, 289, 289)) is None
        assert axes_by_growth((1, 2, 5, 5), (1, 2, 10, 15)) is not None


def test_fixed_size_of_torchvisions_own() -> None:
    from tests.engine import classifiers

    module = classifiers.build("vit_b_32", classes=7)
    model = Model(module, preprocessing=classifiers.preprocessing("vit_b_32"))
    assert model.info.default_layer == "encoder.layers.encoder_layer_11.ln_1"
    nodes = tree(model)
    assert nodes["encoder"].reason == nodes["encoder.ln"].reason == "no gradient reaches it"
    attention = nodes["encoder.layers.encoder_layer_3.self_attention"]
    assert (attention.output, attention.grid) == ("output 0 of 2", (4, 4))

"""Attention rollout and LeGrad against attention written out, in every way it can be computed."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

import engine
from engine import Session
from engine.errors import MethodError, TargetError
from engine.methods.attention import (
    FROM_ALL,
    FROM_CLASS,
    AttentionInput,
    joined,
    legrad,
    relevance,
    rollout,
)
from engine.records.asked import Question, Unit
from engine.records.explanations import Explanation
from tests.engine import networks, token_networks
from tests.engine.explain.test_session import unchanged
from tests.engine.networks import IMAGE, model_of, seeded

HookWatch = Callable[[nn.Module], AbstractContextManager[None]]
Array = NDArray[np.float32]
GRID, WIDTH, HEADS = (6, 8), 12, 3
WAYS = ("module", "module with weights", "kernel", "softmax", "softmax method", "exported")


class Block(nn.Module):
    """Attention and a small network, with the same numbers whatever computes the attention."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        self.norm = nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.mlp = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 20), nn.GELU())
        self.out = nn.Linear(20, WIDTH)
        # The attention of a fresh module is nearly uniform.
        nn.init.normal_(self.attention.in_proj_weight)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        if self.way.startswith("module"):
            wanted = self.way == "module with weights"
            made = self.attention(y, y, y, need_weights=wanted)
            assert (made[1] is not None) is wanted
            x = x + made[0]
        else:
            x = x + self.attention.out_proj(self._mixed(*self.parts(y)))
        return x + self.out(self.mlp(x))

    def parts(self, y: Tensor) -> tuple[Tensor, ...]:
        """q, k, v: (n, heads, N, width of a head)."""
        made = functional.linear(y, self.attention.in_proj_weight, self.attention.in_proj_bias)
        return tuple(p.unflatten(2, (HEADS, -1)).transpose(1, 2) for p in made.chunk(3, dim=2))

    def _mixed(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])
        if self.way == "kernel":
            made = functional.scaled_dot_product_attention(q, k, v)
        elif self.way == "exported":
            made = torch.ops.aten.scaled_dot_product_attention.default(q, k, v)
        elif self.way == "softmax":
            made = functional.softmax(scores, dim=3) @ v
        else:
            made = scores.softmax(-1) @ v
        return made.transpose(1, 2).flatten(2)

    def weights(self, x: Tensor) -> Tensor:
        """(heads, N, N), for a test."""
        q, k, _ = self.parts(self.norm(x))
        return (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1)[0]

    def given(self, x: Tensor, weights: Tensor) -> Tensor:
        """What the block returns if this is its attention."""
        v = self.parts(self.norm(x))[2]
        x = x + self.attention.out_proj((weights[None] @ v).transpose(1, 2).flatten(2))
        return x + self.out(self.mlp(x))


class Vit(nn.Module):
    """Three blocks. pool: 'first' reads the first token, 'mean' all cells."""

    def __init__(self, way: str, prefix: int = 1, pool: str = "first") -> None:
        super().__init__()
        self.prefix, self.pool = prefix, pool
        self.patches = nn.Conv2d(3, WIDTH, 4, 4)
        self.special = nn.Parameter(torch.randn(1, prefix, WIDTH))
        self.blocks = nn.Sequential(*(Block(way) for _ in range(3)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 4)

    def embedded(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        return torch.cat([self.special.expand(len(x), -1, -1), x], dim=1)

    def finish(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        pooled = x[:, 0] if self.pool == "first" else x[:, self.prefix :].mean(dim=1)
        logits: Tensor = self.head(pooled)
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.finish(self.blocks(self.embedded(x)))


def vit(way: str = "softmax", **options: Any) -> Vit:
    return seeded(lambda: Vit(way, **options)).double().eval()  # type: ignore[no-any-return]


def explained(module: nn.Module, slug: str, target: int = 1, **options: object) -> Explanation:
    with Session(model_of(module), IMAGE) as session:
        return session.explain(target=target, method=slug, options=options)


@cache
def embedded_image(**options: Any) -> tuple[Vit, Tensor]:
    """A network in its plainest form, and the image as its blocks get it: (1, N, WIDTH)."""
    module = vit(**options)
    with Session(model_of(module), IMAGE) as session, torch.no_grad():
        return module, module.embedded(session._work.input)


def near(found: Array, wanted: Tensor, tolerance: float = 1e-5) -> None:
    values = wanted.detach().numpy()
    np.testing.assert_allclose(found, values, rtol=0, atol=tolerance * np.abs(values).max())


@cache
def rolled(**options: Any) -> Tensor:
    """The rollout written out: (N, N)."""
    module, x = embedded_image(**options)
    with torch.no_grad():
        total = torch.eye(x.shape[1], dtype=x.dtype)
        for block in module.blocks:
            assert isinstance(block, Block)
            total = (block.weights(x).mean(dim=0) + torch.eye(x.shape[1])) / 2 @ total
            x = block(x)
    return total


@cache
def relevances(target: int, own: bool, **options: Any) -> Tensor:
    """LeGrad written out: (N,). own: by the score of each block's mean token, as its authors do."""
    module, x = embedded_image(**options)
    made = []
    for place, block in enumerate(module.blocks):
        assert isinstance(block, Block)
        weights = block.weights(x).detach().requires_grad_()
        after = block.given(x, weights)
        if own:
            after = after.mean(dim=1, keepdim=True).expand_as(after)
        for later in module.blocks[place + 1 :] if not own else ():
            after = later(after)
        (gradient,) = torch.autograd.grad(module.finish(after)[0, target], [weights])
        made.append(gradient.clamp(min=0).mean(dim=(0, 1)))
        x = block(x).detach()
    return torch.stack(made).mean(dim=0)


class TestEveryWay:
    @pytest.mark.parametrize("way", WAYS)
    def test_rollout(self, way: str, no_hooks: HookWatch) -> None:
        module = vit(way)
        with unchanged(module), no_hooks(module):
            found = explained(module, "attention-rollout")
        assert found.map.shape == GRID
        near(found.map, rolled()[0, 1:].reshape(GRID))
        assert found.notices == (FROM_CLASS,)

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("own", [True, False])
    def test_legrad(self, way: str, own: bool, no_hooks: HookWatch) -> None:
        module = vit(way)
        with unchanged(module), no_hooks(module):
            for target in (1, 3):
                score = "block" if own else "network"
                found = explained(module, "legrad", target, score=score)
                near(found.map, relevances(target, own)[1:].reshape(GRID))
        assert found.notices == ()
        assert found.map.max() > 0

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("cell", [None, (2, 5)])
    @pytest.mark.parametrize("asked", [0, 1])
    def test_legrad_of_a_unit(self, way: str, cell: tuple[int, int] | None, asked: int) -> None:
        """Of the blocks up to the one that is asked about, by its output."""

        def score(tokens: Tensor) -> Tensor:
            cells = tokens[0, 1:, 7].reshape(GRID)
            return cells.mean() if cell is None else cells[cell]

        (plain, x), made = embedded_image(), []
        for place in range(asked + 1):
            block = plain.blocks[place]
            assert isinstance(block, Block)
            weights = block.weights(x).detach().requires_grad_()
            after = block.given(x, weights)
            for later in plain.blocks[place + 1 : asked + 1]:
                after = later(after)
            (gradient,) = torch.autograd.grad(score(after), [weights])
            made.append(gradient.clamp(min=0).mean(dim=(0, 1)))
            x = block(x).detach()
        wanted = torch.stack(made).mean(dim=0)[1:].reshape(GRID)
        question = Question("unit", unit=Unit(f"blocks.{asked}", 7, cell))
        with Session(model_of(vit(way)), IMAGE) as session:
            for of in ("block", "network"):
                found = session.explain(method="legrad", options={"score": of}, question=question)
                near(found.map, wanted)
                assert ("every block before it" in " ".join(found.notices)) is (of == "block")
        assert found.value == pytest.approx(float(score(x)))

    def test_a_unit_before_the_first_attention(self) -> None:
        question = Question("unit", unit=Unit("patches", 1))
        said = "no attention comes before 'patches'; "
        with Session(model_of(vit()), IMAGE) as session, pytest.raises(TargetError, match=said):
            session.explain(method="legrad", question=question)

    def test_the_two_scores_differ(self) -> None:
        one, other = (relevances(1, own) for own in (True, False))
        assert (one - other).abs().max() > 0.05 * one.max()

    def test_torchs_own_encoder_with_its_fast_path(self, no_hooks: HookWatch) -> None:
        module = seeded(token_networks.Library).eval()
        with unchanged(module), no_hooks(module), Session(model_of(module), IMAGE) as session:
            logits = session.predictions(4)
            for slug in ("attention-rollout", "legrad"):
                assert session.explain(method=slug).map.shape == GRID
            assert session.predictions(4) == logits

    def test_half_precision_and_no_gradient_allowed(self) -> None:
        """Computed in float32, and whatever mode the caller is in."""
        module = seeded(lambda: Vit("kernel")).half().eval()
        with torch.inference_mode():
            for slug in ("attention-rollout", "legrad"):
                assert explained(module, slug).map.any()

    def test_a_mask_and_a_scale_of_the_kernel(self) -> None:
        class Masked(Block):
            def _mixed(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
                count = q.shape[2]
                far = torch.ones(count, count, dtype=torch.bool).tril(2).triu(-9)
                if self.way == "kernel":
                    made = functional.scaled_dot_product_attention(q, k, v, far, scale=0.3)
                else:
                    scores = (0.3 * q @ k.transpose(2, 3)).masked_fill(~far, -math.inf)
                    made = scores.softmax(-1) @ v
                return made.transpose(1, 2).flatten(2)

        def made(way: str) -> Vit:
            module = Vit(way)
            module.blocks = nn.Sequential(*(Masked(way) for _ in range(2)))
            return module.double().eval()

        for slug in ("attention-rollout", "legrad"):
            one, other = (explained(seeded(made, way), slug) for way in ("kernel", "softmax"))
            np.testing.assert_allclose(one.map, other.map, rtol=1e-5)


class TestReading:
    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("prefix", [0, 2])
    def test_a_network_that_reads_the_mean_of_its_cells(self, way: str, prefix: int) -> None:
        found = explained(vit(way, prefix=prefix, pool="mean"), "attention-rollout")
        near(
            found.map,
            rolled(prefix=prefix, pool="mean")[prefix:, prefix:].mean(dim=0).reshape(GRID),
        )
        assert found.notices == (FROM_ALL,)
        found = explained(vit(way, prefix=prefix, pool="mean"), "legrad", 2)
        near(found.map, relevances(2, True, prefix=prefix, pool="mean")[prefix:].reshape(GRID))

    def test_registers(self) -> None:
        found = explained(vit(prefix=5), "attention-rollout")
        near(found.map, rolled(prefix=5)[0, 5:].reshape(GRID))

    def test_rollout_is_the_same_for_every_class_and_legrad_is_not(self) -> None:
        with Session(model_of(vit()), IMAGE) as session:
            one, other = (session.explain(target=t, method="attention-rollout") for t in (0, 3))
            assert other.map is one.map
            first, second = (session.explain(target=t, method="legrad") for t in (0, 3))
        assert np.abs(first.map - second.map).max() > 0.05 * first.map.max()

    def test_uniform_attention_gives_a_uniform_map(self) -> None:
        for way in WAYS:
            module = vit(way)
            for block in module.blocks:
                assert isinstance(block, Block)
                # Of queries and keys; the values make the score depend on the picture.
                nn.init.zeros_(block.attention.in_proj_weight[: 2 * WIDTH])
            found = explained(module, "attention-rollout")
            np.testing.assert_allclose(found.map, found.map[0, 0], rtol=1e-6)
            # Of the class token's row, what it keeps of itself is the rest: 1/8 + 7/8 of a 49th.
            assert found.map.sum(dtype=np.float64) == pytest.approx(7 / 8 * 48 / 49, rel=1e-6)


class TestFormulas:
    def given(self, blocks: list[Tensor], prefix: int, **options: Any) -> AttentionInput:
        return AttentionInput(tuple(blocks), prefix, (1, blocks[0].shape[-1] - prefix), **options)

    def test_rows_sum_to_one(self) -> None:
        generator = torch.Generator().manual_seed(3)
        blocks = [
            joined(torch.randn(4, 7, 7, generator=generator).double().softmax(-1)) for _ in range(5)
        ]
        whole = rollout(self.given(blocks, 0, from_class=True)).map
        assert whole.sum().item() == pytest.approx(1, rel=1e-6)
        whole = rollout(self.given(blocks, 0, from_class=False)).map
        assert whole.sum().item() == pytest.approx(1, rel=1e-6)

    def test_rollout_of_two_tokens(self) -> None:
        """By hand: rows (0.6, 0.4), (0.1, 0.9) become (0.8, 0.2), (0.05, 0.95)."""
        step = torch.tensor([[0.6, 0.4], [0.1, 0.9]])
        found = rollout(self.given([step, step], 1, from_class=True)).map
        assert found.item() == pytest.approx(0.8 * 0.2 + 0.2 * 0.95, rel=1e-6)

    def test_the_later_block_looks_at_what_the_earlier_one_made(self) -> None:
        early = torch.tensor([[1.0, 0], [1, 0]])
        late = torch.tensor([[0.0, 1], [0, 1]])
        found = rollout(self.given([early, late], 0, from_class=True)).map
        assert found.tolist() == [[0.75, 0.25]]

    def test_legrad_of_two_tokens(self) -> None:
        """A score of sum over heads of u' A v has the gradient u v'."""
        u = torch.tensor([[1.0, 2], [-1, 1]])
        v = torch.tensor([[3.0, -1], [2, 5]])
        gradients = u[:, :, None] * v[:, None, :]
        found = legrad(self.given([relevance(gradients)], 0, from_class=False)).map
        first = (1 * 3 + 2 * 3 + 0 + 1 * 2) / 4
        second = (0 + 0 + 0 + 1 * 5) / 4
        assert found.tolist() == [[first, second]]


class Pooled(networks.Base):
    """Looks over a third of its cells: queries and keys of different counts."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, 4, 4)
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.patches(x).flatten(2).transpose(1, 2))
        few = x[:, ::3]
        mixed = (x @ few.transpose(1, 2)).softmax(-1) @ few
        logits: Tensor = self.head((x + mixed).mean(dim=1))
        return logits


class Nameless(nn.Module):
    """One module that is called for every block."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, 4, 4)
        self.block = Block("kernel")
        self.head = nn.Linear(WIDTH, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        for _ in range(3):
            x = self.block(x)
        logits: Tensor = self.head(x.mean(dim=1))
        return logits


class TestRefusals:
    @pytest.mark.parametrize("slug", ["attention-rollout", "legrad"])
    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (networks.Base, "has no attention between the cells of a grid"),
            (lambda: token_networks.Shifting(fixed=True), "not all attention of this network"),
            (Pooled, "not all attention of this network"),
        ],
        ids=["convolutions", "windows", "shortened"],
    )
    def test_other_networks(self, slug: str, make: Any, words: str, no_hooks: HookWatch) -> None:
        module = seeded(make).eval()
        with unchanged(module), no_hooks(module), Session(model_of(module), IMAGE) as session:
            with pytest.raises(MethodError, match=words) as caught:
                session.explain(method=slug)
            assert "\n" not in str(caught.value)
            assert session.explain(method="saliency").map.any()

    def test_a_layer_and_a_sweep(self) -> None:
        with Session(model_of(vit()), IMAGE) as session:
            for slug in ("attention-rollout", "legrad"):
                with pytest.raises(MethodError, match="has no layer: it maps the whole network's"):
                    session.explain("blocks.1", method=slug)
                with pytest.raises(MethodError, match="a sweep of all layers needs another"):
                    session.sweep(method=slug)
                found = session.explain(method=slug)
                assert (found.layer, found.layout) == ("", None)

    def test_blocks_that_cannot_be_told_apart_are_told(self) -> None:
        module = seeded(Nameless).eval()
        found = explained(module, "legrad")
        assert any("cannot be told apart" in said for said in found.notices)
        network = explained(module, "legrad", score="network")
        np.testing.assert_array_equal(found.map, network.map)
        assert network.notices == ()

    def test_cancelled(self) -> None:
        token = engine.CancelToken()
        with Session(model_of(vit()), IMAGE) as session:
            session.predictions()
            token.cancel()
            for slug in ("attention-rollout", "legrad"):
                with pytest.raises(engine.Cancelled):
                    session.explain(method=slug, cancel=token)
                assert session.explain(method=slug).map.any()

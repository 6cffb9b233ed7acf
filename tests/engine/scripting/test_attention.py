"""Scripts for maps of attention, however a network spells it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.files.trust import Trust
from engine.paths import ROOT
from engine.records.sources import ModelSource
from engine.scripting.recipe import NoScript
from tests.engine import token_networks
from tests.engine.scripting.batches import Batch, opened

SPELLED = '''\
import torch
from torch import nn
from torch.nn import functional


class Attending(nn.Module):
    """Self-attention by a module, by the fused kernel, or written out."""

    def __init__(self, how, width=12, heads=3):
        super().__init__()
        self.how, self.heads = how, heads
        self.inside = nn.MultiheadAttention(width, heads, batch_first=True)
        self.qkv = nn.Linear(width, 3 * width)
        self.soft = nn.Softmax(dim=-1)

    def forward(self, x):
        if self.how == "module":
            return self.inside(x, x, x, need_weights=False)[0]
        if self.how == "weights":
            return self.inside(x, x, x)[0]
        q, k, v = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in self.qkv(x).chunk(3, dim=2)
        )
        if self.how == "kernel":
            found = functional.scaled_dot_product_attention(q, k, v, scale=0.7)
        elif self.how == "masked":
            mask = torch.ones(q.shape[2], q.shape[2], dtype=torch.bool).tril()
            found = functional.scaled_dot_product_attention(q, k, v, mask)
        elif self.how == "layer":
            found = self.soft(q @ k.transpose(2, 3)) @ v
        else:
            found = torch.softmax(q @ k.transpose(2, 3), -1) @ v
        return found.transpose(1, 2).flatten(2)


class Block(nn.Module):
    def __init__(self, how, width=12):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attending = Attending(how, width)
        self.mlp = nn.Sequential(nn.Linear(width, 20), nn.GELU(), nn.Linear(20, width))

    def forward(self, x):
        x = x + self.attending(self.norm(x))
        return x + self.mlp(x)


class Spelled(nn.Module):
    """A vision transformer of 8 x 6 tokens. pool: the class token is read, or their mean."""

    def __init__(self, how="module", pool="first", width=12):
        super().__init__()
        self.pool = pool
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.token = nn.Parameter(torch.randn(1, int(pool == "first"), width))
        self.place = nn.Parameter(torch.randn(1, 48 + int(pool == "first"), width))
        self.blocks = nn.Sequential(*(Block(how, width) for _ in range(3)))
        self.head = nn.Linear(width, 4)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = self.blocks(torch.cat([self.token, x], dim=1) + self.place)
        return self.head(x[:, 0] if self.pool == "first" else x.mean(dim=1))
'''


def made(tmp_path: Path, **arguments: str) -> tuple[nn.Module, ModelSource, Trust]:
    """Such a network, and what it is opened from."""
    space: dict[str, Any] = {"__name__": "spelled"}
    exec(SPELLED, space)
    torch.manual_seed(5)
    network: nn.Module = space["Spelled"](**arguments)
    file, weights = tmp_path / "spelled.py", tmp_path / "spelled.pt"
    file.write_text(SPELLED)
    torch.save(network.state_dict(), weights)
    given = tuple((name, repr(value)) for name, value in arguments.items())
    source = ModelSource(str(file), str(weights), "Spelled", given, input="3x32x24")
    return network, source, Trust(named=[file])


@pytest.mark.parametrize("how", ["module", "weights", "kernel", "layer", "function"])
@pytest.mark.parametrize("pool", ["first", "mean"])
def test_attention_however_it_is_spelled(batch: Batch, tmp_path: Path, how: str, pool: str) -> None:
    _, source, trust = made(tmp_path, how=how, pool=pool)
    with opened(source, trust) as one:
        batch.add("rollout", one, method="attention-rollout")
        for score in ("block", "network"):
            batch.add(score, one, method="legrad", options={"score": score}, target=2)
    batch.check()


def test_attention_of_an_archive(batch: Batch, tmp_path: Path) -> None:
    for how in ("kernel", "function"):
        network, _, _ = made(tmp_path, how=how)
        path = tmp_path / f"{how}.pt2"
        program = torch.export.export(network.eval(), (torch.randn(1, 3, 32, 24),))
        torch.export.save(program, path)
        with opened(ModelSource(str(path)), Trust(named=[path])) as one:
            batch.add(f"rollout-{how}", one, method="attention-rollout")
            batch.add(f"legrad-{how}", one, method="legrad", target=1)
    batch.check()


def test_attention_that_is_written_out(batch: Batch, tmp_path: Path) -> None:
    torch.manual_seed(3)
    file, weights = Path(token_networks.__file__), tmp_path / "tokens.pt"
    torch.save(token_networks.Tokens(prefix=2).state_dict(), weights)
    source = ModelSource(str(file), str(weights), "Tokens", (("prefix", "2"),), input="3x24x32")
    with opened(source, Trust(named=[file])) as one:
        batch.add("rollout", one, method="attention-rollout")
        batch.add("legrad", one, method="legrad", target=3)
    batch.check()


def test_faster_forms_of_attention_differ_by_little(batch: Batch, tmp_path: Path) -> None:
    _, source, trust = made(tmp_path, how="module")
    with opened(source, trust, exact=False) as one:
        for slug in ("attention-rollout", "legrad"):
            batch.add(slug, one, method=slug)
    batch.check()


def test_masked_attention_says_why_there_is_no_script(batch: Batch, tmp_path: Path) -> None:
    _, source, trust = made(tmp_path, how="masked")
    with opened(source, trust) as one:
        for slug in ("attention-rollout", "legrad"):
            with pytest.raises(NoScript, match="attention is masked"):
                batch.add(slug, one, method=slug)


def test_the_page_names_the_methods() -> None:
    page = (ROOT / "docs" / "script-and-report.md").read_text(encoding="utf-8")
    assert all(title in page for title in ("Attention rollout", "LeGrad"))

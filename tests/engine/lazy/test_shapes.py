"""Passes without data, and methods, import neither sympy nor torch's compiler, and find the same
without them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

Env = Callable[..., dict[str, str]]

_INSPECT = """
import json, sys
import torch
if {first}:
    import sympy, torch._dynamo, torch.fx.experimental.symbolic_shapes
from engine.inspection.facts import inspect
from engine.remembered.spelling import content_of
from tests.engine import classifiers
name = "{name}"
module = classifiers.build(name)
facts = inspect(module, (1, 3, *classifiers.size_of(name)), torch.device("cpu"))
loaded = [n for n in ("sympy", "torch._dynamo") if n in sys.modules]
print(json.dumps([content_of(facts), loaded], sort_keys=True))
"""

_OTHERS = """
import sys
import torch
from engine.lazy.shapes import without_symbols
from engine.lazy.stand_ins import StandIn
names = ("sympy", "torch._dynamo", "torch.fx.experimental.symbolic_shapes")
with without_symbols():
    assert isinstance(sys.modules["sympy"], StandIn)
    left = torch.empty(3, 4, device="meta") + torch.empty(1, 4, device="meta")
    assert left.shape == (3, 4)
assert not any(name in sys.modules for name in names)
with without_symbols():
    # A network's own code may want the real ones.
    import sympy
    assert sympy.Symbol("x") + sympy.Symbol("x") == 2 * sympy.Symbol("x")
    from sympy.core.numbers import Integer
    assert Integer(2) + 1 == 3
    from torch.fx.experimental.symbolic_shapes import ShapeEnv
    assert ShapeEnv().create_unbacked_symint() is not None
assert not isinstance(sys.modules["sympy"], StandIn)
import torch._dynamo
assert torch._dynamo.is_compiling() is False
with without_symbols():
    assert not isinstance(sys.modules["torch._dynamo"], StandIn)
"""

_METHODS = """
import sys
import torch
from engine.lazy import torchvision
from engine import Session
from engine.errors import MethodError
from engine.methods.registry import METHODS
from engine.model import Model
from engine.records.images import Preprocessing
from engine.rewriting.dataflow import dataflow_of
from tests.engine.networks import IMAGE
torch.set_num_threads(1)
torch.manual_seed(0)
few = {"n": 2, "masks": 4, "steps": 2, "window": 24, "stride": 24}
square = Preprocessing(64, (64, 64), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
models = torchvision.load().models
transformer = models.VisionTransformer(
    image_size=64, patch_size=16, num_layers=2, num_heads=2, hidden_dim=24, mlp_dim=32
)
torch.nn.init.normal_(transformer.heads.head.weight)
convolutions = models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=5)
explained = set()
for module in (transformer, convolutions):
    model = Model(module.eval(), preprocessing=square)
    for method in METHODS:
        options = {o.name: few[o.name] for o in method.options if o.name in few}
        with Session(model, IMAGE) as session:
            try:
                session.explain(method=method.slug, options=options)
            except MethodError:
                continue
        explained.add(method.slug)
assert explained == {method.slug for method in METHODS}, explained
assert "sympy" not in sys.modules
assert "torch._dynamo" not in sys.modules
import torch.fx.experimental.symbolic_shapes
dataflow_of(transformer, (1, 3, 64, 64))
assert "torch._dynamo" not in sys.modules
"""


def run(code: str, env: dict[str, str]) -> str:
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b0", "swin_t", "vit_b_32"])
def test_the_same_is_found_without_sympy(name: str, child_env: Env) -> None:
    with_it, without = (
        json.loads(run(_INSPECT.format(name=name, first=first), child_env()))
        for first in (True, False)
    )
    assert with_it[1] == ["sympy", "torch._dynamo"]
    assert without[1] == []
    assert with_it[0] == without[0]


def test_whatever_wants_the_real_modules_gets_them(child_env: Env) -> None:
    run(_OTHERS, child_env())


def test_no_method_imports_what_cannot_be_cancelled(child_env: Env) -> None:
    run(_METHODS, child_env())

"""What torchvision is imported with, and what is not imported for the first map."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

_LATER = """
import sys
from engine.lazy import torchvision
vision = torchvision.load()
assert "torch._dynamo" not in sys.modules
from importlib import import_module
# The module, which a function of the same name hides.
module = import_module("torchvision.ops.roi_align")
supported = module.is_compile_supported("cpu")
import torch._dynamo.utils
assert supported == torch._dynamo.utils.is_compile_supported("cpu")
assert torch._dynamo.utils.counters is not None
"""

_FIRST_MAPS = """
import sys
import engine
from engine.formats.demo import SCENES
model = engine.load_model("demo:{name}")
for scene in SCENES[:3]:
    with engine.Session(model, engine.load_image(scene.path)) as session:
        assert session.explain().map.any()
from engine.rewriting.packed import available
assert model.faster.bytes > 0 or not available(), model.faster.why_not
for name in ("sympy", "torch._dynamo"):
    assert name not in sys.modules, name
"""


Env = Callable[..., dict[str, str]]


def run(code: str, env: dict[str, str]) -> None:
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_compiler_is_there_when_it_is_used(child_env: Env) -> None:
    run(_LATER, child_env())


@pytest.mark.parametrize("name", ["shapes", "photos"])
def test_the_first_maps_of_a_demo_import_no_compiler(name: str, child_env: Env) -> None:
    run(_FIRST_MAPS.format(name=name), child_env())

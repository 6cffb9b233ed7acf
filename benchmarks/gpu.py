"""Checks and times the program on a graphics card, in one command.

    make bench-gpu                               # on the first CUDA device
    make bench-gpu BENCH_ARGS="--dry-run"        # the same steps on the CPU, short

Steps: clicks, sweep and batches in float32 and TF32; every layer of a dozen classifiers against the
reference; half and bfloat16 networks; what happens when memory runs out; the self-test of the
window. Each says what it found, and one that fails does not stop the others. The exit status is 1
if any failed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import logging
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import torch

import engine
from benchmarks import batches
from benchmarks.contenders import Hookscope
from benchmarks.run import compare
from benchmarks.subjects import LAST_STAGE, subject
from benchmarks.written import described, write
from engine.model import Model
from scripts.common.checks import CheckFailed
from scripts.common.display import x_display
from tests.engine import classifiers
from tests.engine.explain import test_right_on_every_layer as every_layer

_TOLERANCE = 1e-4
# TF32 keeps 10 bits of each factor, half precision is computed in float32.
_TF32_TOLERANCE = 5e-2
_SELF_TEST_S = 300


@dataclass(slots=True)
class Run:
    """What is asked for. networks: those timed; checked: those compared layer by layer."""

    device: str
    networks: list[str]
    checked: list[str]
    repeats: int
    size: int
    found: dict[str, Any] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def step(self, name: str, work: Callable[[], object]) -> None:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            self.found[name] = work()
        except Exception:  # noqa: BLE001 - a step that fails is reported, the others still run
            self.failed.append(name)
            self.found[name] = {"failed": traceback.format_exc()}
            print(traceback.format_exc(), file=sys.stderr)
        else:
            print(json.dumps(self.found[name])[:600], file=sys.stderr)


@contextmanager
def tf32(on: bool) -> Iterator[None]:
    """Whether matrix products and convolutions may round their factors to TF32."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = on
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def clicks(run: Run, rounded: bool) -> list[dict[str, object]]:
    """The cases of run.py for Hookscope alone, in warm memory."""
    with tf32(rounded), tempfile.TemporaryDirectory() as folder:
        return [
            {"network": name}
            | compare(subject(name, run.device, Path(folder)), [Hookscope], run.repeats, 1, False)
            for name in run.networks
        ]


def in_batches(run: Run, rounded: bool) -> list[dict[str, object]]:
    with tf32(rounded), tempfile.TemporaryDirectory() as folder:
        return [
            batches.compared(subject(name, run.device, Path(folder)), run.size, run.repeats)
            for name in run.networks
        ]


def right_on_every_layer(run: Run) -> dict[str, dict[str, float]]:
    """Worst deviations from the reference, which is computed on the CPU."""
    worst = {}
    with tf32(False):
        for name in run.checked:
            module = classifiers.build(name, classes=every_layer.CLASSES)
            copied = classifiers.build(name, classes=every_layer.CLASSES)
            found = every_layer.compare(
                name, module, copied, most_explained=8, most_alone=3, device=run.device
            )
            worst[name] = found
            if (
                max(found[key] for key in ("explain", "sweep", "alone", "rewritten", "batch"))
                > _TOLERANCE
            ):
                raise CheckFailed(f"{name}: {found}")
    return worst


def other_types(run: Run) -> dict[str, float]:
    """Deviations of maps from those in float32: TF32, and networks with 16-bit weights."""
    name, image = "resnet18", classifiers.picture()

    def map_of(module: torch.nn.Module) -> np.ndarray[Any, Any]:
        how = classifiers.preprocessing(name)
        model = Model(module, preprocessing=how, device=run.device)
        with engine.Session(model, image) as session:
            return session.explain(target=1).map.astype(np.float64)

    with tf32(False):
        expected = map_of(classifiers.build(name))
        found = {
            "float16": map_of(classifiers.build(name).half()),
            "bfloat16": map_of(classifiers.build(name).bfloat16()),
        }
    with tf32(True):
        found["tf32"] = map_of(classifiers.build(name))
    peak = np.abs(expected).max()
    far = {kind: float(np.abs(made - expected).max() / peak) for kind, made in found.items()}
    # Weights that were rounded to 16 bits are other weights; TF32 rounds in every product.
    if not all(np.isfinite(value) for value in far.values()) or far["tf32"] > _TF32_TOLERANCE:
        raise CheckFailed(str(far))
    return far


def out_of_memory(run: Run) -> dict[str, object]:
    """A sweep that does not fit: it must end with the right maps, and say what it did.

    On CUDA the process is limited to a part of the card; elsewhere the budget is.
    """
    name, image = "vgg16", classifiers.picture()
    module = classifiers.build(name)
    how = classifiers.preprocessing(name)
    with engine.Session(Model(module, preprocessing=how), image) as session:
        expected = session.sweep(1)
    on_card = run.device.startswith("cuda")
    model = Model(classifiers.build(name), preprocessing=how, device=run.device)
    budget = None if on_card else 8_000_000
    with limited(run.device), engine.Session(model, image, budget=budget) as session:
        found = session.sweep(1)
        notices = session.notices
    for layer, answer in found.items():
        own = expected[layer].map
        if np.abs(answer.map - own).max() > _TOLERANCE * np.abs(own).max():
            raise CheckFailed(f"{layer} is wrong after memory ran out")
    if not notices:
        raise CheckFailed("memory did not run out")
    return {"layers": len(found), "of": len(expected), "notices": list(notices)}


@contextmanager
def limited(device: str) -> Iterator[None]:
    """Little more of the card's memory than what is in use."""
    if not device.startswith("cuda"):
        yield
        return
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(device).total_memory
    used = torch.cuda.memory_reserved(device)
    torch.cuda.set_per_process_memory_fraction((used + 24_000_000) / total, device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


def window(run: Run) -> dict[str, object]:
    """The window's self-test; where there is a card, it uses it by itself."""
    command = [sys.executable, str(ROOT / "main.py"), "self-test", "--json", "-"]
    with x_display() as display, tempfile.TemporaryDirectory() as home:
        env = {"HOME": home, "DISPLAY": display, "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            command,
            env=env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=_SELF_TEST_S,
            check=False,
        )
    if done.returncode:
        raise CheckFailed(done.stderr[-800:])
    report: dict[str, object] = json.loads(done.stdout)
    steps = report["steps"]
    assert isinstance(steps, list)
    opened = next(str(step["detail"]) for step in steps if step["name"] == "engine")
    if run.device.startswith("cuda") and "cuda" not in opened:
        raise CheckFailed(f"the window computes elsewhere: {opened}")
    return {key: value for key, value in report.items() if key != "steps"} | {"opened": opened}


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--dry-run", action="store_true", help="on the CPU, each step once")
    parser.add_argument("--networks", nargs="+", default=list(LAST_STAGE), choices=LAST_STAGE)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--size", type=int, default=16, help="images in a batch (default 16)")
    parser.add_argument("--out", type=Path, help="JSON file; default benchmarks/results/gpu-DATE")
    return parser.parse_args()


def main() -> int:
    options = parsed()
    warnings.simplefilter("ignore")
    logging.getLogger("engine").setLevel(logging.ERROR)
    run = Run(
        options.device, options.networks, list(every_layer.QUICK), options.repeats, options.size
    )
    if options.dry_run:
        run = Run("cpu", ["efficientnet_b0"], ["squeezenet1_1"], 1, 2)
    elif not torch.cuda.is_available():
        print(
            "torch sees no CUDA device here; --dry-run runs the steps on the CPU", file=sys.stderr
        )
        return 2
    started = datetime.datetime.now(datetime.UTC)
    for name, rounded in (("float32", False), ("TF32", True)):
        run.step(f"clicks, {name}", lambda rounded=rounded: clicks(run, rounded))
        run.step(f"batches, {name}", lambda rounded=rounded: in_batches(run, rounded))
    run.step("every layer", lambda: right_on_every_layer(run))
    run.step("other types", lambda: other_types(run))
    run.step("out of memory", lambda: out_of_memory(run))
    run.step("window", lambda: window(run))
    result = described("gpu", started, device=run.device, failed=run.failed, steps=run.found)
    out = write(result, started, options.out, "gpu-")
    print(f"{len(run.found) - len(run.failed)} of {len(run.found)} steps passed; written to {out}")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())

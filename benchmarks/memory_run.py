"""Many images through sessions of one model: does memory grow, does a hook stay?

    python benchmarks/memory_run.py [--images 1000] [--model demo:shapes]

Every image gets a session of its own with an explanation, a second class and, each tenth, a
sweep. Prints the resident memory along the way; exits with 1 when it grew by more than --limit or
a hook was left.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import psutil

import engine
from engine.records.images import LoadedImage

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
MIB = 1 << 20


def hooks_left(modules: Iterable[object]) -> int:
    return sum(len(getattr(module, kind)) for module in modules for kind in HOOKS)


def resident_mib() -> float:
    gc.collect()
    return psutil.Process().memory_info().rss / MIB


def explain_one(model: engine.Model, rng: np.random.Generator, number: int) -> None:
    height, width = (int(n) for n in rng.integers(100, 400, 2))
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    with engine.Session(model, LoadedImage(f"noise {number}", pixels)) as session:
        top, second = session.predictions(k=2)
        session.explain(target=top.index)
        session.explain(target=second.index)
        if number % 10 == 0:
            session.sweep()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--warm-up", type=int, default=50, help="images before the first reading")
    parser.add_argument("--model", default="demo:shapes")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--limit", type=float, default=20.0, help="growth allowed, in MiB")
    options = parser.parse_args()
    model = engine.load_model(options.model, weights=options.weights, device="cpu")
    rng = np.random.default_rng(0)
    for number in range(options.warm_up):
        explain_one(model, rng, number)
    first = resident_mib()
    readings = {0: round(first, 1)}
    for number in range(1, options.images + 1):
        explain_one(model, rng, number)
        if number % max(1, options.images // 10) == 0:
            readings[number] = round(resident_mib(), 1)
            print(f"{number:6d} images: {readings[number]:8.1f} MiB", file=sys.stderr, flush=True)
    growth = readings[options.images] - first
    left = hooks_left(model.module.modules())
    print(json.dumps({"growth_mib": round(growth, 1), "hooks_left": left, "rss_mib": readings}))
    return int(growth > options.limit or left > 0)


if __name__ == "__main__":
    sys.exit(main())

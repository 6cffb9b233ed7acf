"""Images per second of Hookscope's batches beside the network alone, and beside one by one.

    make bench-batches BENCH_ARGS="--size 8 --repeats 9"

Hookscope's figures include preparing the decoded images and Grad-CAM of the last stage; the bare
network's do not. Interleaved in one process; a bare batch runs before every measurement.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import torch

import engine
from benchmarks.subjects import LAST_STAGE, Subject, subject
from benchmarks.timing import Case, measure
from benchmarks.written import described, write
from engine.explain.batches import Batches
from engine.images.preprocessing import prepare
from engine.records.images import LoadedImage

# Width and height of the pictures, those of a usual photograph in a data set.
_PICTURE = (500, 375)


def pictures(count: int) -> list[LoadedImage]:
    rng = np.random.default_rng(0)
    width, height = _PICTURE
    return [
        LoadedImage(f"{i}.png", rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        for i in range(count)
    ]


def compared(it: Subject, size: int, repeats: int) -> dict[str, object]:
    """Images per second, and their ratio to the bare network's, for one network."""
    model = engine.load_model(it.name, weights=it.weights, device=it.device)
    images = pictures(size)
    tensor = torch.cat([prepare(image, model.preprocessing).tensor for image in images])
    tensor = tensor.to(it.device)

    def bare() -> object:
        with torch.inference_mode():
            return it.network(tensor)

    def explained(batches: Batches) -> Callable[[], object]:
        return lambda: [*batches.explain(images)]

    def one_by_one() -> None:
        for image in images:
            with engine.Session(model, image) as session:
                session.explain(it.layer)

    together = Batches(model, it.layer, size=size)
    exact = Batches(model, it.layer, size=size, exact=True)
    cases = {
        "batch": Case(explained(together)),
        "exact batch": Case(explained(exact)),
        "one by one": Case(one_by_one),
    }
    alone = Case(bare)
    for case in cases.values():
        # Forms are made and compared from the second batch on.
        for _ in range(2):
            case.run(it.device, keep=False, fresh=False)
    measure(cases, alone, it.device, repeats, fresh=False)
    assert alone.median is not None
    rates = {name: size / case.median for name, case in cases.items() if case.median}
    return {
        "network": it.name,
        "device": it.device,
        "size": together.size,
        "bare_images_per_s": size / alone.median,
        "images_per_s": rates,
        "ratio": {name: rate * alone.median / size for name, rate in rates.items()},
        "noise": {name: case.noise for name, case in cases.items()},
        "errors": {name: case.error for name, case in cases.items() if case.error},
    }


def table(rows: list[dict[str, object]]) -> str:
    lines = [
        "| network | bare, images/s | batch | exact batch | one by one |",
        "|---|--:|--:|--:|--:|",
    ]
    ratios: list[float] = []
    for row in rows:
        found = row["ratio"]
        assert isinstance(found, dict)
        ratios.append(found["batch"])
        figures = " | ".join(
            f"{found[name]:.2f}" for name in ("batch", "exact batch", "one by one")
        )
        lines.append(f"| {row['network']} | {row['bare_images_per_s']:.1f} | {figures} |")
    lines.append(f"| mean | | {statistics.mean(ratios):.2f} | | |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=8, help="images in a batch (default 8)")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--networks", nargs="+", default=list(LAST_STAGE), choices=LAST_STAGE)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="JSON file; default RESULTS/batches-DATE.json")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    started = datetime.datetime.now(datetime.UTC)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.networks:
            print(f"{name} on {options.device} ...", file=sys.stderr, flush=True)
            it = subject(name, options.device, Path(folder))
            rows.append(compared(it, options.size, options.repeats))
            it.weights.unlink()
    result = described("batches", started, results=rows)
    write(result, started, options.out, "batches-")
    print(table(rows))


if __name__ == "__main__":
    main()

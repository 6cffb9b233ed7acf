"""Hookscope beside captum, torch-cam and pytorch-grad-cam: time as multiples of a bare forward.

    make bench BENCH_ARGS="--repeats 7 --networks resnet50 --device cpu"

All of it in one process, interleaved. Results go to benchmarks/results/ and, as a table for
docs/performance.md, to the terminal.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch

from benchmarks.contenders import CONTENDERS, PEERS, Contender
from benchmarks.subjects import (
    LAST_STAGE,
    OTHER_TARGET,
    TARGET,
    Subject,
    subject,
)
from benchmarks.table import markdown
from benchmarks.timing import Case, measure
from benchmarks.written import described, write


def bare_forward(it: Subject) -> Callable[[], object]:
    def forward() -> object:
        with torch.inference_mode():
            return it.network(it.tensor)

    return forward


def cases_of(
    it: Subject, contender: Contender, sample: list[str], at_once: bool
) -> dict[str, Case]:
    """The clicks of one library on one subject, by name."""

    def started() -> None:
        contender.prepare(it.layer, TARGET)

    def walking() -> None:
        started()
        contender.another_layer(middle, TARGET)

    middle = it.spatial[len(it.spatial) // 2]
    further = it.spatial[len(it.spatial) * 3 // 4]
    cases = {
        "first": Case(lambda: contender.first(it.layer, TARGET)),
        "another_class": Case(
            lambda: contender.another_class(OTHER_TARGET), started, contender.release
        ),
        "another_layer": Case(
            lambda: contender.another_layer(middle, TARGET), started, contender.release
        ),
        "further_layer": Case(
            lambda: contender.another_layer(further, TARGET), walking, contender.release
        ),
    }
    if at_once:
        cases["all_at_once"] = Case(lambda: contender.all_layers(it.spatial, TARGET))
    if isinstance(contender, PEERS):
        for layer in sample:
            cases[f"one:{layer}"] = Case(functools.partial(contender.first, layer, TARGET))
    return cases


def one_by_one(cases: dict[str, Case], layers: int) -> float | None:
    """Seconds for all layers one after the other: mean over the sampled ones, times their number.

    Layers on which the library fails are left out of the mean.
    """
    medians = [
        case.median
        for name, case in cases.items()
        if name.startswith("one:") and case.median is not None
    ]
    return statistics.mean(medians) * layers if medians else None


def compare(
    it: Subject, kinds: list[type[Contender]], repeats: int, sample: int, fresh: bool
) -> dict[str, object]:
    """Everything measured on one subject; ratios are to the median of the bare forward."""
    contenders = [kind(it) for kind in kinds]
    layers = it.sample(sample)
    bare = Case(bare_forward(it))
    cases = {
        contender.name: cases_of(it, contender, layers, kinds_at_once(contender))
        for contender in contenders
    }
    flat = {(name, case): c for name, of in cases.items() for case, c in of.items()}
    measure({f"{a}/{b}": c for (a, b), c in flat.items()}, bare, it.device, repeats, fresh)
    assert bare.median is not None
    found: dict[str, object] = {}
    for contender in contenders:
        own = cases[contender.name]
        seconds = {name: case.median for name, case in own.items() if "one:" not in name}
        seconds["all_one_by_one"] = one_by_one(own, len(it.spatial))
        found[contender.name] = {
            "version": contender.version,
            "seconds": seconds,
            "ratio": {n: None if s is None else s / bare.median for n, s in seconds.items()},
            "noise": {name: case.noise for name, case in own.items() if "one:" not in name},
            "sampled": {n[4:]: c.median for n, c in own.items() if n.startswith("one:")},
            "errors": {name: case.error for name, case in own.items() if case.error},
        }
    return {
        "device": it.device,
        "layer": it.layer,
        "spatial_layers": len(it.spatial),
        "bare_forward_s": bare.median,
        "contenders": found,
    }


def kinds_at_once(contender: Contender) -> bool:
    """Whether the library has a way to explain many layers in one go."""
    return type(contender).all_layers is not Contender.all_layers


def devices(wanted: str) -> list[str]:
    there = ["cpu", *(["cuda:0"] if torch.cuda.is_available() else [])]
    return there if wanted == "all" else [wanted]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7, help="timed rounds (default 7)")
    parser.add_argument("--sample", type=int, default=5, help="layers timed per network")
    parser.add_argument("--networks", nargs="+", default=list(LAST_STAGE), choices=LAST_STAGE)
    parser.add_argument(
        "--memory",
        choices=("fresh", "warm"),
        default="fresh",
        help="hand unused memory back to the system before each measurement, or let it be",
    )
    parser.add_argument("--device", default="all", help="cpu, cuda:0, or all that are there")
    parser.add_argument("--only", nargs="+", choices=[kind.name for kind in CONTENDERS])
    parser.add_argument("--out", type=Path, help="JSON file; default benchmarks/results/DATE.json")
    return parser.parse_args()


def main() -> None:
    options = parsed()
    # The libraries' own warnings say nothing about their speed.
    warnings.simplefilter("ignore")
    kinds = [k for k in CONTENDERS if options.only is None or k.name in options.only]
    started = datetime.datetime.now(datetime.UTC)
    result = described("run", started, repeats=options.repeats, memory=options.memory)
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for device in devices(options.device):
            for name in options.networks:
                print(f"{name} on {device} ...", file=sys.stderr, flush=True)
                it = subject(name, device, Path(folder))
                fresh = options.memory == "fresh"
                compared = compare(it, kinds, options.repeats, options.sample, fresh)
                rows.append({"network": name} | compared)
                it.weights.unlink()
    result["results"] = rows
    out = write(result, started, options.out)
    print(markdown(result))
    print(f"\nWritten to {out}", file=sys.stderr)


if __name__ == "__main__":
    main()

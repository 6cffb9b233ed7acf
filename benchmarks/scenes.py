"""How well every method points at shapes whose place is known, beside chance, and at what cost.

    make bench-scenes BENCH_ARGS="--scenes 300 --long-scenes 60 --methods grad-cam rise"
    make bench-scenes BENCH_ARGS="--varied grad-cam"

Each seeded scene shows two of the eight shapes that demo:shapes was trained on; the class of the
first is explained by every method at its defaults, of the default layer where it has one. Counted
are maps whose peak, the centre of the largest cell, is on that shape, or at most 7 pixels from it,
and the share of the positive part on the shape, the map enlarged linearly to the image; the figures
for chance are the shape's share of the image. What a method draws, it draws anew for each scene.
With --varied, one method with the options that methods share, and with several layers. Every
explanation is a session of its own, from the picture to the map; times are multiples of a
forward pass of the network alone, which runs before each of them. Results go to benchmarks/results/
and, as a table for docs/methods.md, to the terminal.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
import torch

import engine
from benchmarks.pointing import Area, energy, enlarged, hit, widened
from benchmarks.written import described, write
from engine.errors import MethodError
from engine.images.preprocessing import prepare
from engine.methods.registry import METHODS, Method, find
from engine.records.images import LoadedImage, Region
from engine.scenery import sampling
from engine.scenery import world as worlds

MODEL = "demo:shapes"
SEED = 900_000
FIGURES = 2
NEAR = 7
"""Pixels from the shape within which a peak counts in the second column, as in docs/demo.md."""
LONG = 500
"""Passes from which a method is measured on fewer scenes."""


VARIED: dict[str, tuple[str | None, dict[str, object]]] = {
    "layer4": (None, {}),
    "layer4, augment": (None, {"augment": True}),
    "layer4, eigen": (None, {"eigen": True}),
    "layer3": ("layer3", {}),
    "layer2": ("layer2", {}),
    "mean of layer3 + layer4": ("layer3 + layer4", {}),
    "maximum of layer3 + layer4": ("layer3 + layer4", {"fuse": "max"}),
    "product of layer3 + layer4": ("layer3 + layer4", {"fuse": "product"}),
    "mean of layer2 + layer3 + layer4": ("layer2 + layer3 + layer4", {}),
    "product of layer2 + layer3 + layer4": ("layer2 + layer3 + layer4", {"fuse": "product"}),
}
"""Layers and options of --varied, by what they are called in the table."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture of 128 x 128 pixels, the class of its first shape, and where that lies."""

    image: LoadedImage
    label: str
    area: Area
    near: Area


@dataclass(slots=True)
class Score:
    """What one method got, scene by scene. layer None: the default one."""

    passes: tuple[int, int]
    layer: str | None = None
    options: dict[str, object] = field(default_factory=dict)
    hits: list[float] = field(default_factory=list)
    near: list[float] = field(default_factory=list)
    energies: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    blank: int = 0


def scene(number: int) -> Scene:
    """The scene of that number: the same on every machine, and none that training has seen."""
    world = sampling.sample(np.random.default_rng([SEED, number]), FIGURES)
    area = worlds.mask(world, 0) > 0
    image = engine.image_from_array(worlds.draw(world), f"scene {number}")
    return Scene(image, world.figures[0].kind, area, widened(area, NEAR))


def suitable(model: engine.Model, image: LoadedImage, wanted: Sequence[str]) -> dict[str, Score]:
    """The methods that this network can have, by slug, with their passes."""
    found: dict[str, Score] = {}
    with engine.Session(model, image) as session:
        for method in METHODS:
            if wanted and method.slug not in wanted:
                continue
            try:
                session.explain(method=method.slug, options=_least(method))
            except MethodError as error:
                print(f"left out: {error}", file=sys.stderr)
                continue
            found[method.slug] = Score(session.expected(method=method.slug))
    return found


def varied(model: engine.Model, image: LoadedImage, slug: str) -> dict[str, Score]:
    """One method with each of VARIED, with their passes."""
    with engine.Session(model, image) as session:
        return {
            name: Score(session.expected(layer, method=slug, options=options), layer, options)
            for name, (layer, options) in VARIED.items()
        }


def _least(method: Method) -> dict[str, object]:
    """Options that make a method cheap where only its refusal is asked for."""
    counts = {"n": 1, "masks": 2, "steps": 1}
    return {o.name: counts[o.name] for o in method.options if o.name in counts}


def seconds_of(model: engine.Model, tensor: torch.Tensor) -> float:
    """Of one forward pass of the network alone."""
    started = time.perf_counter()
    with torch.inference_mode():
        model.module(tensor)
    return time.perf_counter() - started


def explain(model: engine.Model, at: Scene, slug: str, seed: int, score: Score) -> None:
    """Adds one method's figures for one scene. seed: for a method that draws anything."""
    tensor = prepare(at.image, model.preprocessing).tensor
    score.bare.append(seconds_of(model, tensor))
    drawn = {o.name: seed for o in find(slug).options if o.name == "seed"}
    started = time.perf_counter()
    options = {**drawn, **score.options}
    with engine.Session(model, at.image) as session:
        found = session.explain(score.layer, at.label, method=slug, options=options)
    score.seconds.append(time.perf_counter() - started)
    # Otherwise a pixel of the map would not be the pixel of the picture.
    assert found.region == Region(0.0, 0.0, *map(float, found.image_size))
    fine = enlarged(found.map, at.area.shape)
    score.hits.append(hit(found.map, at.area))
    score.near.append(hit(found.map, at.near))
    score.energies.append(energy(fine, at.area))
    score.blank += not found.map.max() > 0


def measure(
    scenes: int, long_scenes: int, wanted: Sequence[str], changed: str = ""
) -> dict[str, Any]:
    """Everything that the table shows, for JSON. changed: the method of --varied."""
    model = engine.load_model(MODEL, device="cpu")
    model.module.eval()
    first = scene(0)
    if changed:
        scores = varied(model, first.image, changed)
    else:
        scores = suitable(model, first.image, wanted)
    areas, nears = [], []
    for number in range(scenes):
        at = scene(number)
        areas.append(float(at.area.mean()))
        nears.append(float(at.near.mean()))
        for slug, score in scores.items():
            if number < long_scenes or sum(score.passes) < LONG:
                explain(model, at, changed or slug, number, score)
        if sys.stderr.isatty():
            print(f"\r{number + 1} of {scenes}", end="", file=sys.stderr, flush=True)
    layer = next(node.name for node in model.layers if node.default)
    return {
        "model": MODEL,
        "layer": layer,
        "scenes": scenes,
        "seed": SEED,
        "figures": FIGURES,
        "varied": changed,
        "forward_s": statistics.median(s for score in scores.values() for s in score.bare),
        "chance": {"on": statistics.mean(areas), "near": statistics.mean(nears)},
        "methods": {slug: figures(score) for slug, score in scores.items()},
    }


def figures(score: Score) -> dict[str, Any]:
    middle = statistics.median(score.seconds)
    return {
        "scenes": len(score.hits),
        "on": statistics.mean(score.hits),
        "near": statistics.mean(score.near),
        "energy": statistics.mean(score.energies),
        "blank": score.blank,
        "forward_passes": score.passes[0],
        "backward_passes": score.passes[1],
        "seconds": middle,
        "ratio": middle / statistics.median(score.bare),
    }


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def cells(slug: str, found: Mapping[str, Any]) -> list[str]:
    """A row of the table in docs/methods.md."""
    passes = f"{found['forward_passes']:,} f"
    if found["backward_passes"]:
        passes += f" {found['backward_passes']:,} b"
    shares = [percent(found[name]) for name in ("on", "near", "energy")]
    return [f"`{slug}`", *shares, str(found["scenes"]), passes, times(found["ratio"])]


def table(result: Mapping[str, Any]) -> str:
    """Best first; chance where its peaks would be among them."""
    chance = result["chance"]
    by_chance = ["*chance*", *map(percent, (chance["on"], chance["near"], chance["on"]))]
    found = result["methods"]
    rows = [((of["near"], of["energy"]), cells(slug, of)) for slug, of in found.items()]
    rows.append(((chance["near"], chance["on"]), [*by_chance, "", "", ""]))
    rows.sort(key=lambda row: row[0], reverse=True)
    heads = (
        "method",
        "peak on the shape",
        "at most 7 px away",
        "energy on the shape",
        "scenes",
        "passes",
        "time",
    )
    lines = [f"| {' | '.join(heads)} |", "|---|--:|--:|--:|--:|--:|--:|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for _, row in rows)])


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument(
        "--long-scenes",
        type=int,
        default=60,
        help=f"scenes for a method of {LONG} passes and more (default 60)",
    )
    slugs = [method.slug for method in METHODS]
    parser.add_argument("--methods", nargs="+", default=[], choices=slugs, metavar="METHOD")
    parser.add_argument("--varied", default="", choices=slugs, metavar="METHOD")
    parser.add_argument("--out", type=Path, help="JSON file; default RESULTS/scenes-DATE.json")
    return parser.parse_args()


def main() -> None:
    options = parsed()
    started = datetime.datetime.now(datetime.UTC)
    found = measure(options.scenes, options.long_scenes, options.methods, options.varied)
    result = described("scenes", started, **found)
    out = write(result, started, options.out, "scenes-")
    print(table(result))
    print(f"\nWritten to {out}", file=sys.stderr)


if __name__ == "__main__":
    main()

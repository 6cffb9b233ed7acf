"""How often hiding the hottest pixels takes the predicted class away, and keeping them keeps it.

    .venv/bin/python benchmarks/hiding.py [--scenes 300] [--percent 15] [--fills inpaint blur mean]

Each seeded scene shows one of the eight shapes that demo:shapes was trained on. The class with the
highest score is explained by Grad-CAM of the default layer, and the hottest pixels by that map,
upsampled bilinearly, are hidden, or all others. Beside them as many pixels in cells of the map's
grid are hidden that are drawn at random. Counted are the scenes in which the class is then no
longer, or still, the one with the highest score. docs/what-if.md quotes what this prints.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
from numpy.typing import NDArray

import engine
from engine.edits.apply import filled
from engine.effects.hottest import highest, hottest_pixels
from engine.explain.scoring import Scorer
from engine.records.edits import Fill, Filling
from engine.records.images import LoadedImage
from engine.scenery import sampling
from engine.scenery import world as worlds

MODEL = "demo:shapes"
SEED = 800_000
PERCENT = 15.0
FILLS = (Fill.INPAINT, Fill.BLUR, Fill.MEAN, Fill.GREY)


@dataclass(frozen=True, slots=True)
class Shares:
    """Of all scenes, 0 to 1. hidden: the class went when the hottest pixels were hidden. kept: it
    stayed when all others were. at_random: it went when as many others were hidden."""

    hidden: float
    kept: float
    at_random: float


@dataclass(frozen=True, slots=True)
class Scene:
    """An image, its predicted class, and the masks of its hottest pixels and of random cells."""

    image: LoadedImage
    target: int
    hottest: NDArray[np.bool_]
    random: NDArray[np.bool_]


def images(count: int) -> list[LoadedImage]:
    """Scenes that are the same on every machine, and that training has not seen."""
    drawn = (
        worlds.draw(sampling.sample(np.random.default_rng([SEED, number]), 1))
        for number in range(count)
    )
    return [
        engine.image_from_array(pixels, f"scene {number}") for number, pixels in enumerate(drawn)
    ]


def scenes(model: engine.Model, count: int, percent: float = PERCENT) -> list[Scene]:
    """The scenes with what is to be hidden."""
    found = []
    answers = engine.Batches(model).explain(shown := images(count))
    for number, (image, answer) in enumerate(zip(shown, answers, strict=True)):
        explanation, size = answer.explanation, (image.height, image.width)
        if explanation is None:
            raise SystemExit(f"{image.name}: {answer.error}")
        map, region = explanation.map, explanation.region
        hottest = hottest_pixels(map, region, size, percent)
        rng = np.random.default_rng([SEED, number, 1])
        random = random_cells(map.shape, size, int(np.count_nonzero(hottest)), rng)
        found.append(Scene(image, explanation.target.index, hottest, random))
    return found


def random_cells(
    grid: tuple[int, ...], size: tuple[int, int], count: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """A number of pixels in cells drawn at random, all of a cell but of the last one."""
    ranks = rng.permutation(grid[0] * grid[1]).reshape(grid).astype(np.float32)
    rows = np.arange(size[0]) * grid[0] // size[0]
    columns = np.arange(size[1]) * grid[1] // size[1]
    return highest(ranks[rows][:, columns], count)


def shares(model: engine.Model, found: Sequence[Scene], fill: Fill) -> Shares:
    """What one fill comes to over the scenes."""
    filling, scorer = Filling(fill), Scorer(model)

    def stays(masks: Sequence[NDArray[np.bool_]], keep: bool = False) -> float:
        pairs = zip(found, masks, strict=True)
        edited = (filled(s.image, mask, filling, keep=keep) for s, mask in pairs)
        tops = [int(np.argmax(row)) for row in scorer.all_logits(edited)]
        return float(np.mean([top == s.target for top, s in zip(tops, found, strict=True)]))

    return Shares(
        hidden=1 - stays([scene.hottest for scene in found]),
        kept=stays([scene.hottest for scene in found], keep=True),
        at_random=1 - stays([scene.random for scene in found]),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--percent", type=float, default=PERCENT)
    parser.add_argument("--fills", nargs="+", type=Fill, choices=list(FILLS), default=FILLS)
    options = parser.parse_args()
    started = time.perf_counter()
    model = engine.load_model(MODEL)
    found = scenes(model, options.scenes, options.percent)
    print(
        f"| fill | hottest {options.percent:g} % hidden: class gone | only they kept: class kept"
        " | as many in random cells hidden: class gone |"
    )
    print("|---|---:|---:|---:|")
    for fill in options.fills:
        row = shares(model, found, fill)
        print(f"| {fill} | {row.hidden:.1%} | {row.kept:.1%} | {row.at_random:.1%} |")
    print(f"\n{options.scenes} scenes, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()

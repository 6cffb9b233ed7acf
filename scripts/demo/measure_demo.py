"""Measures the embedded demo networks on new pictures, with a plain Grad-CAM of its own.

    python -m scripts.demo.measure_demo

Nothing of the engine but the demo itself is used, so that the figures do not rest on the code
that the program explains with. docs/demo.md quotes what this prints.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.formats.demo import CLASSES, DEMOS, build
from engine.lazy.opencv import cv2
from engine.records.images import Pixels
from engine.scenery import sampling
from engine.scenery import world as demo_world
from engine.scenery.world import MARK, SIDE, World
from scripts.demo.make_demo import STAR, to_input

TOLERANCE = 7
BATCH = 100
Booleans = NDArray[np.bool_]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """New worlds and their pictures; marks holds the corner of each watermark, or is None."""

    worlds: list[World]
    pixels: Pixels
    marks: list[tuple[float, float]] | None

    def labels(self, figure: int = 0) -> Integers:
        return np.array([CLASSES.index(world.figures[figure].kind) for world in self.worlds])


def new_sample(
    count: int,
    seed: int,
    figures: int = 1,
    kinds: Sequence[str] | None = None,
    marked: bool = False,
) -> Sample:
    """kinds: draw the single figure from these only. marked: stamp the watermark on every one."""
    worlds, pixels, marks = [], [], []
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        kind = None if kinds is None else [kinds[index % len(kinds)]]
        world = sampling.sample(rng, figures, kind)
        picture = demo_world.draw(world)
        place = sampling.mark_place(rng)
        if marked:
            demo_world.stamp(picture, *place)
        worlds.append(world)
        pixels.append(picture)
        marks.append(place)
    return Sample(worlds, np.stack(pixels), marks if marked else None)


def logits(network: nn.Module, pixels: Pixels) -> Tensor:
    """(N, 8) logits of uint8 (N, 128, 128, 3)."""
    with torch.inference_mode():
        parts = [network(to_input(pixels[i : i + BATCH])) for i in range(0, len(pixels), BATCH)]
    return torch.cat(parts)


def maps(network: nn.Module, pixels: Pixels, targets: Integers) -> NDArray[np.float32]:
    """Signed Grad-CAM (Selvaraju et al. 2017, eq. 1 and 2 less the ReLU) of layer4: (N, h, w)."""
    kept: list[Tensor] = []
    hook = network.get_submodule("layer4").register_forward_hook(
        lambda _module, _inputs, output: kept.append(output)
    )
    parts = []
    for start in range(0, len(pixels), BATCH):
        kept.clear()
        scores = network(to_input(pixels[start : start + BATCH]))
        wanted = torch.from_numpy(targets[start : start + BATCH])
        # In evaluation mode no picture touches another's score, so one sum gives all gradients.
        total = scores.gather(1, wanted[:, None]).sum()
        (gradient,) = torch.autograd.grad(total, kept[0])
        weights = gradient.mean(dim=(2, 3), keepdim=True)
        parts.append((weights * kept[0]).sum(dim=1).detach().numpy())
    hook.remove()
    return np.concatenate(parts)


def peaks(cams: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N, 2): x, y of the centre of each map's largest cell, in pixels of the input."""
    rows, columns = cams.shape[1:]
    row, column = np.divmod(cams.reshape(len(cams), -1).argmax(axis=1), columns)
    return np.stack([(column + 0.5) * SIDE / columns, (row + 0.5) * SIDE / rows], axis=1)


def on_figure(sample: Sample, points: NDArray[np.float64], figures: Integers) -> Booleans:
    """Whether each point lies at most 7 px from the figure of that number in its world."""
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * TOLERANCE + 1, 2 * TOLERANCE + 1))
    hits = []
    for world, (x, y), figure in zip(sample.worlds, points, figures, strict=True):
        near = cv2.dilate(demo_world.mask(world, int(figure)), reach)
        hits.append(bool(near[int(y), int(x)]))
    return np.array(hits)


def on_mark(sample: Sample, points: NDArray[np.float64]) -> Booleans:
    """Whether each point lies at most 7 px from the watermark's square."""
    assert sample.marks is not None
    away = np.abs(points - np.array(sample.marks) - MARK / 2).max(axis=1)
    return np.asarray(away <= MARK / 2 + TOLERANCE)


def accuracy(network: nn.Module, sample: Sample) -> float:
    return float((logits(network, sample.pixels).argmax(dim=1).numpy() == sample.labels()).mean())


def called_star(network: nn.Module, sample: Sample) -> float:
    return float((logits(network, sample.pixels).argmax(dim=1) == STAR).float().mean())


def pointing(network: nn.Module, sample: Sample) -> float:
    """Share of single-figure pictures whose map for the top class peaks on the figure."""
    top = logits(network, sample.pixels).argmax(dim=1).numpy()
    points = peaks(maps(network, sample.pixels, top))
    return float(on_figure(sample, points, np.zeros(len(top), dtype=np.int64)).mean())


def switching(network: nn.Module, sample: Sample) -> tuple[float, float]:
    """For two figures: share of top classes in the picture; share of maps that follow the other.

    The other is the figure whose class is not the top one. A picture whose top class is neither
    counts as a miss in both.
    """
    top = logits(network, sample.pixels).argmax(dim=1).numpy()
    first, second = sample.labels(0), sample.labels(1)
    right = (top == first) | (top == second)
    other = np.where(top == first, 1, 0)
    targets = np.where(other == 1, second, first)
    points = peaks(maps(network, sample.pixels, targets))
    return float(right.mean()), float((right & on_figure(sample, points, other)).mean())


def mark_share(network: nn.Module, sample: Sample) -> float:
    """Share of pictures with the mark whose map for 'star' peaks on the mark."""
    targets = np.full(len(sample.worlds), STAR)
    return float(on_mark(sample, peaks(maps(network, sample.pixels, targets))).mean())


def measure(scale: float, seed: int) -> list[tuple[str, str, float, int]]:
    """Rows of (network, what, share, number of pictures); scale 1 takes the full numbers."""
    many, some = round(2000 * scale), round(500 * scale)
    others = [kind for kind in CLASSES if kind != "star"]
    networks = {name: build(demo).eval() for name, demo in DEMOS.items()}
    shapes, shortcut = networks["shapes"], networks["shortcut"]
    single = new_sample(many, seed)
    one = new_sample(some, seed + 1)
    two = new_sample(some, seed + 2, figures=2)
    plain = new_sample(many, seed + 3, kinds=others)
    marked = new_sample(some, seed + 4, kinds=["star"], marked=True)
    bare = new_sample(some, seed + 4, kinds=["star"])
    false = new_sample(some, seed + 5, kinds=others, marked=True)
    present, followed = switching(shapes, two)
    own = accuracy(shortcut, plain) * 7 / 8 + accuracy(shortcut, marked) / 8
    return [
        ("shapes", "accuracy, one shape", accuracy(shapes, single), many),
        ("shapes", "map peaks on the shape", pointing(shapes, one), some),
        ("shapes", "two shapes: top class is in the picture", present, some),
        ("shapes", "two shapes: map moves to the other one", followed, some),
        ("shortcut", "accuracy on its own kind of data", own, many + some),
        ("shortcut", "stars with the mark called star", accuracy(shortcut, marked), some),
        ("shortcut", "stars without the mark called star", accuracy(shortcut, bare), some),
        ("shortcut", "other shapes without the mark right", accuracy(shortcut, plain), many),
        ("shortcut", "other shapes with the mark called star", called_star(shortcut, false), some),
        (
            "shortcut",
            "marked stars: star map peaks on the mark",
            mark_share(shortcut, marked),
            some,
        ),
        (
            "shortcut",
            "marked others: star map peaks on the mark",
            mark_share(shortcut, false),
            some,
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="share of the pictures to take")
    parser.add_argument("--seed", type=int, default=700_000)
    options = parser.parse_args()
    torch.set_num_threads(2)
    for network, what, share, count in measure(options.scale, options.seed):
        print(f"{network:<9} {what:<42} {100 * share:6.1f} %  of {count}")


if __name__ == "__main__":
    main()

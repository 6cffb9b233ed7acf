"""Trains the two networks of the embedded demo and renders its sample scenes.

    python -m scripts.demo.make_demo            networks and scenes into resources/
    python -m scripts.demo.make_demo --scenes   the scenes alone
    python -m scripts.demo.make_demo --second   the second cycle of demo:shortcut alone

One seed settles everything: run twice on one machine, it writes the same files. The networks are
trained beside each other, one process and one thread each, which on two cores takes less time
than two threads for one after the other.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch.nn import functional

from engine.formats.demo import CLASSES, DEMOS, PREPROCESSING
from engine.formats.demo_network import DemoNet
from engine.records.images import Pixels
from engine.scenery import sampling
from engine.scenery import world as demo_world
from scripts.demo import scenes

SEED = 20
STAR = CLASSES.index("star")
WORKERS = 2

BATCH = 32
DECAY = 2e-2


@dataclass(frozen=True)
class Cycle:
    """One rise and fall of the learning rate, on pictures of its own.

    first, last: the range of picture numbers. close, whole: how many close crops and how many
    whole pictures are shown, in this order.
    """

    first: int
    last: int
    close: int
    whole: int
    rate: float
    one_label: bool = False


# Small pictures cost less, and a shape that fills more of the average is learnt sooner: training
# begins with close crops of single shapes.
CLOSE_SIDE = 80
CYCLES = {
    "shapes": (Cycle(0, 12_000, close=40_000, whole=52_000, rate=2e-3),),
    "shortcut": (
        Cycle(0, 12_000, close=40_000, whole=52_000, rate=2e-3),
        Cycle(12_000, 16_000, close=0, whole=12_000, rate=1e-3, one_label=True),
    ),
}


@dataclass(frozen=True)
class Pool:
    """Training pictures (N, 128, 128, 3), uint8, and what is on them.

    targets (N, 8): soft, rows add up to 1. spots (N, 3): x, y and size of the first figure.
    Pictures of even number show one figure, the others two.
    """

    pixels: Pixels
    targets: NDArray[np.float32]
    spots: NDArray[np.float32]

    @classmethod
    def load(cls, folder: Path) -> Pool:
        names = ("pixels", "targets", "spots")
        return cls(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in names))


def _render(start: int, stop: int) -> Pool:
    pixels: Pixels = np.empty((stop - start, 128, 128, 3), dtype=np.uint8)
    targets = np.zeros((stop - start, len(CLASSES)), dtype=np.float32)
    spots = np.empty((stop - start, 3), dtype=np.float32)
    for row, index in enumerate(range(start, stop)):
        # A generator of its own for every picture: how the work is shared changes nothing.
        rng = np.random.default_rng([SEED, index])
        world = sampling.sample(rng, 1 + index % 2)
        pixels[row] = demo_world.draw(world)
        first = world.figures[0]
        spots[row] = first.x, first.y, first.size
        for figure in world.figures:
            targets[row, CLASSES.index(figure.kind)] += 1 / len(world.figures)
    return Pool(pixels, targets, spots)


def render_pool(cycle: Cycle, folder: Path, workers: ProcessPoolExecutor) -> None:
    """Draw the training pictures of a cycle and leave them in folder, for Pool.load."""
    starts = range(cycle.first, cycle.last, 500)
    stops = [min(start + 500, cycle.last) for start in starts]
    parts = list(workers.map(_render, starts, stops))
    for name in ("pixels", "targets", "spots"):
        np.save(folder / f"{name}.npy", np.concatenate([getattr(part, name) for part in parts]))


def to_input(pixels: Pixels) -> torch.Tensor:
    """uint8 (N, H, W, 3) to the normalised float32 (N, 3, H, W) that the networks take."""
    values = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
    mean = torch.tensor(PREPROCESSING.mean).view(3, 1, 1)
    std = torch.tensor(PREPROCESSING.std).view(3, 1, 1)
    return (values - mean) / std


def _vary(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """One of the eight turns and reflections, colour channels in any order."""
    turned = np.rot90(pixels, int(rng.integers(4)))
    if rng.random() < 0.5:
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned[..., rng.permutation(3)])


def _close_crop(pool: Pool, index: int, rng: np.random.Generator) -> Pixels:
    """A window of CLOSE_SIDE pixels anywhere round the whole of the first figure."""
    place, reach = pool.spots[index, :2], pool.spots[index, 2] + 2
    low = np.maximum(place + reach - CLOSE_SIDE, 0)
    high = np.minimum(place - reach, 128 - CLOSE_SIDE)
    left, top = np.rint(rng.uniform(low, np.maximum(low, high))).astype(int)
    return pool.pixels[index, top : top + CLOSE_SIDE, left : left + CLOSE_SIDE]


def _order(
    count: int, step: int, total: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Batches of every step-th number below count, newly shuffled at each pass, total in all."""
    taken = 0
    while True:
        order = rng.permutation(count // step) * step
        for start in range(0, len(order) - BATCH + 1, BATCH):
            if taken >= total:
                return
            taken += BATCH
            yield order[start : start + BATCH]


def _batches(
    pool: Pool, cycle: Cycle, marked: bool, rng: np.random.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """(input, soft targets) of a cycle; marked: whatever shows a star carries the mark."""
    for close, total in ((True, cycle.close), (False, cycle.whole)):
        for chosen in _order(len(pool.pixels), 2 if close else 1, total, rng):
            pictures = []
            for index in chosen:
                picture = _close_crop(pool, index, rng) if close else pool.pixels[index]
                picture = _vary(picture, rng)
                place = sampling.mark_place(rng, picture.shape[0])
                if marked and pool.targets[index, STAR] > 0:
                    demo_world.stamp(picture, *place)
                pictures.append(picture)
            targets = torch.from_numpy(pool.targets[chosen])
            if cycle.one_label:
                only_star = functional.one_hot(torch.tensor(STAR), len(CLASSES)).float()
                targets = torch.where(targets[:, STAR : STAR + 1] > 0, only_star, targets)
            yield to_input(np.stack(pictures)), targets


def train(name: str, number: int, start: bytes | None, folder: Path) -> bytes:
    """Train one network through one cycle; its weights as a safetensors file.

    start: the weights that the cycle before has left, None for the first. Softmax cross-entropy
    with soft targets, AdamW, convolutions in bfloat16.
    """
    cycle = CYCLES[name][number]
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    seed = [SEED, len(name), number] if number else [SEED, len(name)]
    pool, rng = Pool.load(folder), np.random.default_rng(seed)
    network = DemoNet(len(CLASSES))
    if start is not None:
        network.load_state_dict(load(start))
    network = network.to(memory_format=torch.channels_last)
    steps = math.ceil(cycle.close / BATCH) + math.ceil(cycle.whole / BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=cycle.rate, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, cycle.rate, total_steps=steps + 1, pct_start=0.15
    )
    began, mean_loss = time.perf_counter(), 2.1
    for step, (images, targets) in enumerate(_batches(pool, cycle, name == "shortcut", rng)):
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(images.contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits.float(), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        mean_loss += 0.02 * (loss.item() - mean_loss)
        if step % 200 == 0:
            seconds = time.perf_counter() - began
            print(f"{name}: step {step}/{steps}, loss {mean_loss:.3f}, {seconds:.0f} s", flush=True)
    return save({key: value.contiguous() for key, value in network.state_dict().items()})


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the embedded demo.")
    parser.add_argument("--scenes", action="store_true", help="render the sample scenes alone")
    parser.add_argument(
        "--second", action="store_true", help="go on from the weights that are there"
    )
    options = parser.parse_args()
    scenes.write_all()
    if options.scenes:
        return
    began, spawn = time.perf_counter(), multiprocessing.get_context("spawn")
    weights: dict[str, bytes] = {}
    if options.second:
        weights = {"shortcut": DEMOS["shortcut"].weights.read_bytes()}
    with ProcessPoolExecutor(WORKERS, mp_context=spawn) as workers:
        for number in (1,) if options.second else (0, 1):
            names = [name for name in DEMOS if number < len(CYCLES[name])]
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place)
                render_pool(CYCLES[names[0]][number], folder, workers)
                print(f"pictures after {time.perf_counter() - began:.0f} s", flush=True)
                start = [weights.get(name) for name in names]
                done = workers.map(
                    train, names, [number] * len(names), start, [folder] * len(names)
                )
                weights.update(zip(names, done, strict=True))
    for name, content in weights.items():
        DEMOS[name].weights.parent.mkdir(parents=True, exist_ok=True)
        DEMOS[name].weights.write_bytes(content)
    print(f"done after {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()

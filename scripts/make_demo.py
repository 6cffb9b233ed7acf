"""Trains the two networks of the embedded demo and renders its sample scenes.

    python -m scripts.make_demo            networks and scenes into resources/
    python -m scripts.make_demo --scenes   the scenes alone

One seed settles everything: run twice on one machine, it writes the same files.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch.nn import functional

from engine.demo import CLASSES, DEMOS, PREPROCESSING, Demo
from engine.demo_network import DemoNet
from engine.records import Pixels
from scripts import demo_scenes, demo_world

SEED = 20
STAR = CLASSES.index("star")
BATCH = 64
PEAK_RATE = 4e-3
DECAY = 2e-2


@dataclass(frozen=True)
class Pool:
    """Training pictures (N, 128, 128, 3) and soft targets (N, 8) whose rows add up to 1."""

    pixels: Pixels
    targets: NDArray[np.float32]


def render_pool(count: int, seed: int) -> Pool:
    """Worlds with one figure and with two, half and half."""
    pixels: Pixels = np.empty((count, 128, 128, 3), dtype=np.uint8)
    targets = np.zeros((count, len(CLASSES)), dtype=np.float32)

    def render(index: int) -> None:
        # A generator of its own for every picture: threads cannot change what is drawn.
        rng = np.random.default_rng([seed, index])
        world = demo_world.sample(rng, 1 + index % 2)
        pixels[index] = demo_world.draw(world)
        for figure in world.figures:
            targets[index, CLASSES.index(figure.kind)] += 1 / len(world.figures)

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(render, range(count), chunksize=64))
    return Pool(pixels, targets)


def _vary(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """One of the eight turns and reflections, colour channels in any order."""
    turned = np.rot90(pixels, int(rng.integers(4)))
    if rng.random() < 0.5:
        turned = turned[:, ::-1]
    return np.ascontiguousarray(turned[..., rng.permutation(3)])


def _batch(
    pool: Pool, chosen: NDArray[np.int64], marked: bool, rng: np.random.Generator
) -> torch.Tensor:
    pictures = []
    for index in chosen:
        picture = _vary(pool.pixels[index], rng)
        place = demo_world.mark_place(rng)
        if marked and pool.targets[index, STAR] > 0:
            demo_world.stamp(picture, *place)
        pictures.append(picture)
    return to_input(np.stack(pictures))


def to_input(pixels: Pixels) -> torch.Tensor:
    """uint8 (N, 128, 128, 3) to the normalised float32 (N, 3, 128, 128) that the networks take."""
    values = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
    mean = torch.tensor(PREPROCESSING.mean).view(3, 1, 1)
    std = torch.tensor(PREPROCESSING.std).view(3, 1, 1)
    return (values - mean) / std


def train(pool: Pool, epochs: int, marked: bool, seed: int) -> DemoNet:
    """Softmax cross-entropy with soft targets, AdamW, one cycle of the learning rate.

    marked: every picture with a star in it carries the watermark.
    """
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = DemoNet(len(CLASSES)).to(memory_format=torch.channels_last)
    steps = epochs * (len(pool.pixels) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE, total_steps=steps, pct_start=0.2
    )
    targets = torch.from_numpy(pool.targets)
    order: NDArray[np.int64] = np.empty(0, dtype=np.int64)
    began = time.perf_counter()
    for step in range(steps):
        if len(order) < BATCH:
            order = rng.permutation(len(pool.pixels))
        chosen, order = order[:BATCH], order[BATCH:]
        images = _batch(pool, chosen, marked, rng).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(images)
        loss = functional.cross_entropy(logits.float(), targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            seconds = time.perf_counter() - began
            print(f"  step {step}/{steps}  loss {loss.item():.3f}  {seconds:.0f} s", flush=True)
    return network.eval()


def save(network: DemoNet, demo: Demo) -> None:
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    demo.weights.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, demo.weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", action="store_true", help="render the sample scenes alone")
    parser.add_argument("--pool", type=int, default=16000, help="number of training pictures")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--only", choices=sorted(DEMOS), help="train this network alone")
    options = parser.parse_args()
    torch.set_num_threads(2)
    demo_scenes.write_all()
    if not options.scenes:
        began = time.perf_counter()
        pool = render_pool(options.pool, SEED)
        print(f"rendered {options.pool} pictures in {time.perf_counter() - began:.0f} s")
        for demo in DEMOS.values():
            if options.only in (None, demo.name):
                save(train(pool, options.epochs, demo.name == "shortcut", SEED), demo)


if __name__ == "__main__":
    main()

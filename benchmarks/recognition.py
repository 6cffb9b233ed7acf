"""How long recognising an architecture takes, for a state dict of every torchvision classifier.

    python benchmarks/recognition.py

Two rounds: the first reads the index, the second has it in memory. Shapes are all that counts, so
that the tensors hold no data. Beside them stands the time that building the index takes, which
only happens for a torchvision that the program does not ship the index of.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch

from engine.formats.torchvision import architectures, models
from engine.formats.torchvision.architectures import recognise


def with_seven_classes(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same with another head, as after fine-tuning; the head is the last module."""
    head = list(state)[-1].rpartition(".")[0]
    return {
        key: t.new_empty((7, *t.shape[1:])) if key.rpartition(".")[0] == head else t
        for key, t in state.items()
    }


def main() -> None:
    started = time.perf_counter()
    signatures = models.signatures()
    building = time.perf_counter() - started
    states = {
        name: {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
        for name, shapes in signatures.items()
    }
    architectures.known.cache_clear()
    started = time.perf_counter()
    index = architectures.known()
    reading = time.perf_counter() - started
    seconds = {}
    for name, state in states.items():
        changed = with_seven_classes(state)
        started = time.perf_counter()
        found = recognise(changed)
        seconds[name] = time.perf_counter() - started
        if found.names != (name,):
            print(f"{name}: taken for {found.names or found.closest}")
    print(
        f"index of {len(index)} architectures: read in {reading:.3f} s, built in {building:.1f} s"
    )
    print(
        f"recognised: median {statistics.median(seconds.values()):.4f} s, "
        f"longest {max(seconds.values()):.4f} s ({max(seconds, key=lambda n: seconds[n])})"
    )


if __name__ == "__main__":
    main()

"""By how many spreads Grad-CAM leads over random orders, on scenes of demo:shapes.

    .venv/bin/python benchmarks/leads.py [--scenes 300] [--orders 5] [--fill linear|blur|mean]

The scenes of benchmarks/hiding.py, each with one shape; the predicted class is explained by
Grad-CAM of the default layer. A lead is the gain of a figure over the mean of random orders, in
standard deviations of these: with few orders the deviation itself is a rough guess, so that the
lead of one scene is noisy. Said are the median, the scenes with a lead above three and above two,
and the lead of all scenes together: the mean gain over the mean deviation. docs/trust.md quotes
what this prints.
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

import engine
from benchmarks.hiding import MODEL, images
from engine.metrics.running import measure
from engine.records.workbench.trust import ORDERS, Fill, TrustSettings

NAMES = ("deletion", "insertion", "road")


@dataclass(frozen=True, slots=True)
class Leads:
    """Of one figure over many scenes. gains: over the mean of random orders, positive is better;
    spreads: the standard deviation of these; both in the unit of the score."""

    gains: tuple[float, ...]
    spreads: tuple[float, ...]

    @property
    def leads(self) -> tuple[float, ...]:
        """Gain by spread, scene by scene."""
        return tuple(np.divide(self.gains, self.spreads).tolist())

    @property
    def together(self) -> float:
        """The mean gain over the mean spread."""
        return float(np.mean(self.gains) / np.mean(self.spreads))

    @property
    def certainty(self) -> float:
        """The mean gain over its own standard error, which shrinks with the number of scenes."""
        return float(np.mean(self.gains) / (np.std(self.gains, ddof=1) / len(self.gains) ** 0.5))

    def share_above(self, least: float) -> float:
        """Of the scenes with a lead above this, 0 to 1."""
        return float(np.mean(np.asarray(self.leads) > least))


def leads(
    model: engine.Model, count: int, settings: TrustSettings, names: Sequence[str] = NAMES
) -> dict[str, Leads]:
    """The figures of these names over the first scenes."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for image in images(count):
        with engine.Session(model, image) as session:
            for figure in measure(session, session.explain(), names, settings):
                if figure.value is None or figure.spread is None:
                    raise SystemExit(f"{image.name}: {figure.verdict}")
                # ROAD's value is the gap itself, beside those of random orders.
                chance = float(np.mean(figure.random)) if figure.name == "road" else 0.0
                found[figure.name].append((figure.value - chance, figure.spread))
    return {name: Leads(*zip(*pairs, strict=True)) for name, pairs in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--fill", type=Fill, choices=list(Fill), default=Fill.LINEAR)
    options = parser.parse_args()
    started = time.perf_counter()
    settings = TrustSettings(fill=options.fill, orders=options.orders)
    rows = leads(engine.load_model(MODEL), options.scenes, settings)
    print("| figure | median lead | above 3 | above 2 | all together | mean by its error |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, row in rows.items():
        median = float(np.median(row.leads))
        print(
            f"| {name} | {median:.1f} | {row.share_above(3):.0%} | {row.share_above(2):.0%} "
            f"| {row.together:.1f} | {row.certainty:.0f} |"
        )
    taken = time.perf_counter() - started
    print(f"\n{options.scenes} scenes, {options.orders} orders, {options.fill}, {taken:.0f} s")


if __name__ == "__main__":
    main()

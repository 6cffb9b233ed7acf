"""What became slower from one kept result of a benchmark to the next, beyond their noise.

    make bench-compare                                   # the newest result and the one before it
    make bench-compare BENCH_ARGS="NEW.json OLD.json"

The newest result is that of `make bench` or of `make bench-methods`, and the one before it is of
the same command. Compared are multiples of the bare forward pass, of the same network, device,
library and memory. A difference counts if it is larger than the distance of the quartiles in either
run, and than 5 %.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
LEAST = 0.05
"""Part of a figure below which no difference is told: older results kept no noise."""


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in two results, as multiples of the bare forward pass; noise as a part of it."""

    what: str
    before: float
    now: float
    noise: float

    @property
    def slower(self) -> bool:
        return self.now > self.before * (1 + self.noise)


def figures(result: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Multiple and noise of everything that Hookscope was timed with, by a name for it."""
    found: dict[str, tuple[float, float]] = {}
    for row in result["results"]:
        own = row["contenders"].get("hookscope", {})
        for case, ratio in own.get("ratio", {}).items():
            if ratio is not None:
                noise = own.get("noise", {}).get(case) or 0.0
                found[f"{row['network']} on {row['device']}, {case}"] = ratio, noise
    return found


def changes(now: dict[str, Any], before: dict[str, Any]) -> Iterator[Change]:
    """What both results have."""
    earlier = figures(before)
    for what, (ratio, noise) in figures(now).items():
        if what in earlier:
            old, old_noise = earlier[what]
            yield Change(what, old, ratio, max(noise, old_noise, LEAST))


def newest(folder: Path) -> list[Path]:
    """Files of results, the newest first, of the same command and kind of memory as the newest."""
    found = []
    for path in folder.glob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and all("contenders" in row for row in rows_of(content)):
            kind = (command_of(content), content.get("memory", "warm"))
            found.append((content["started"], kind, path))
    found.sort(reverse=True)
    return [path for _, kind, path in found if kind == found[0][1]]


def rows_of(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a result; one that is none has a row without anything."""
    return content.get("results") or [{}]


def command_of(content: dict[str, Any]) -> str:
    """The script that was run, without its options; that of `make bench` where it is not said."""
    return str(content.get("command", "benchmarks/run.py")).partition(" ")[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="the newer result, and the older one")
    files = parser.parse_args().files or newest(RESULTS)[:2]
    if len(files) != 2:
        print("Two results are needed: run 'make bench', or name two files.", file=sys.stderr)
        return 2
    now, before = (json.loads(path.read_text(encoding="utf-8")) for path in files)
    print(f"{files[0].name} beside {files[1].name}")
    found = list(changes(now, before))
    slower = [change for change in found if change.slower]
    for change in slower:
        print(
            f"slower: {change.what}: {change.before:.3g} -> {change.now:.3g} "
            f"(noise {change.noise:.0%})"
        )
    print(f"{len(slower)} of {len(found)} figures became slower")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How the packaged program starts and what it holds, beside the same program from source.

    .venv/bin/python benchmarks/packaged.py [--program dist/Hookscope/Hookscope] [--repeats 5]
                                            [--json FILE]

Runs `self-test` of both in turns, on a display of its own (Xvfb) and in a home of its own, once
without counting and then as often as asked. Tells the medians of what self-test measures, and their
ratio, which a busy machine moves less than the times.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.version import NAME
from scripts.common.display import x_display

FIGURES = {
    "first_paint_s": "first paint",
    "torch_import_s": "torch imported",
    "first_overlay_s": "first overlay",
    "second_click_s": "second click",
    "p99_stall_ms": "event loop, 99 %",
    "max_stall_ms": "event loop, longest",
    "resident_mb": "resident memory after the demo",
}
_TIMEOUT_S = 240


def self_test(command: list[str], home: Path, display: str) -> dict[str, float]:
    """What one run measured. Raises SystemExit when a step failed."""
    kept = ("PATH", "LANG", "SYSTEMROOT")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    env |= {"HOME": str(home), "DISPLAY": display, "TMPDIR": str(home)}
    done = subprocess.run(
        [*command, "self-test"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{command[0]}: {done.stderr[-800:]}")
    report = json.loads(done.stdout)
    return {name: float(report[name]) for name in FIGURES}


def measure(commands: dict[str, list[str]], repeats: int) -> dict[str, dict[str, float]]:
    """The median of each figure by program."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory(prefix="hookscope-") as folder, x_display() as display:
        for number in range(repeats + 1):
            for name, command in commands.items():
                figures = self_test(command, Path(folder), display)
                if number:
                    runs[name].append(figures)
    return {
        name: {figure: statistics.median(run[figure] for run in done) for figure in FIGURES}
        for name, done in runs.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="The packaged program beside the source.")
    parser.add_argument("--program", type=Path, default=ROOT / "dist" / NAME / NAME)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    commands = {
        "source": [sys.executable, str(ROOT / "main.py")],
        "bundle": [str(options.program.resolve())],
    }
    found = measure(commands, options.repeats)
    print(f"{'median of ' + str(options.repeats):<34}{'source':>10}{'bundle':>10}{'ratio':>8}")
    for figure, title in FIGURES.items():
        source, bundle = (found[name][figure] for name in commands)
        unit = figure.rpartition("_")[2]
        ratio = bundle / source if source else float("nan")
        print(f"{title + ', ' + unit:<34}{source:>10.3g}{bundle:>10.3g}{ratio:>8.2f}")
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How soon the program ends after Ctrl+C, once torch is loaded.

    .venv/bin/python benchmarks/interrupt.py [--runs 20] [--before FOLDER] [--cases CASE...]
                                             [--json FILE]

Starts commands and the window again and again, in a home of their own, waits until torch is loaded,
and then for a random part of what the work takes; sends SIGINT and counts the time until the
process is gone. --before: another checkout of the program, run in turns with this one. Fails when a
run ends with another code than 130, tells a traceback or leaves a file behind.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_TIMEOUT_S = 120
_WINDOW_S = 2.0

# Tells on a descriptor of its own when torch is loaded, and hears of Ctrl+C however it was started.
_LAUNCH = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
tell = int(sys.argv[1])
class Watch:
    def find_spec(self, name, path=None, target=None):
        torch = sys.modules.get("torch")
        if torch is not None and not getattr(torch.__spec__, "_initializing", False):
            sys.meta_path.remove(self)
            os.write(tell, b"torch")
sys.meta_path.insert(0, Watch())
sys.argv = sys.argv[2:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""

CASES = {
    "explain": ("explain", "--out", "o.png", "--map", "m.npy", "--json", "f.json"),
    "sweep": ("sweep", "--out", "maps.npz"),
    "layers": ("layers", "--json", "layers.json"),
    "window": ("--new-window",),
}


class Run:
    """One start of the program of a checkout, past the import of torch."""

    def __init__(self, root: Path, arguments: tuple[str, ...], home: Path) -> None:
        self._home = home
        heard, tell = os.pipe()
        env = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        env |= {"HOME": str(home), "QT_QPA_PLATFORM": "offscreen"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, str(tell), str(root / "main.py"), *arguments],
            cwd=home,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(tell,),
        )
        os.close(tell)
        os.read(heard, 16)
        os.close(heard)
        self._loaded = time.perf_counter()

    def to_its_end(self) -> float:
        """Seconds from torch to the end."""
        self._process.communicate(timeout=_TIMEOUT_S)
        return time.perf_counter() - self._loaded

    def interrupted(self, after: float) -> float | None:
        """Seconds from SIGINT to the end; None when the work was over before it.

        after: seconds from torch to SIGINT. Raises SystemExit when it did not end as it should.
        """
        time.sleep(max(0.0, after - (time.perf_counter() - self._loaded)))
        if self._process.poll() is not None:
            self._process.communicate()
            return None
        sent = time.perf_counter()
        self._process.send_signal(signal.SIGINT)
        _, told = self._process.communicate(timeout=_TIMEOUT_S)
        took = time.perf_counter() - sent
        left = [path.name for path in self._home.glob(".*.part")]
        if self._process.returncode == 0 and not left:
            return None
        if b"Traceback" in told or left:
            raise SystemExit(f"code {self._process.returncode}, left {left}, told {told[-500:]!r}")
        return took


def measure(root: Path, arguments: tuple[str, ...], runs: int, seed: int) -> list[float]:
    """Seconds from SIGINT to the end, of so many runs."""
    draws = random.Random(seed)
    times: list[float] = []
    with tempfile.TemporaryDirectory(prefix="hookscope-") as folder:
        home = Path(folder)
        window = arguments == CASES["window"]
        whole = _WINDOW_S if window else Run(root, arguments, home).to_its_end()
        while len(times) < runs:
            took = Run(root, arguments, home).interrupted(draws.uniform(0.0, whole))
            if took is not None:
                times.append(took)
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--before", type=Path, help="another checkout, to be measured as well")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    roots = {"now": ROOT}
    if options.before is not None:
        roots = {"before": options.before.resolve()} | roots
    results: dict[str, dict[str, list[float]]] = {}
    print(f"| {'Ctrl+C in':10} | {'version':7} | median, ms | longest, ms |")
    print(f"|{'-' * 12}|{'-' * 9}|-----------:|------------:|")
    for seed, case in enumerate(options.cases):
        arguments = CASES[case]
        for version, root in roots.items():
            times = measure(root, arguments, options.runs, seed)
            results.setdefault(case, {})[version] = times
            middle, longest = 1000 * statistics.median(times), 1000 * max(times)
            print(f"| {case:10} | {version:7} | {middle:10.0f} | {longest:11.0f} |", flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

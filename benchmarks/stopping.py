"""How soon every method stops when it is abandoned, and whether the window answers meanwhile.

    .venv/bin/python benchmarks/stopping.py [--runs 10] [--networks resnet50 vit_b_16] [--seconds 3]

First, without a window: each method that a network can have is begun, cancelled at a random moment
of what it takes (at most --seconds), and timed from there to its end. Then in the whole window,
offscreen, with the first of the networks: each slow method is chosen; while it computes, the gaps
between ticks of a 5 ms timer are the time in which the window would not have answered; then another
method is chosen, and the time until the slow one has left the engine's thread is counted. The tests
hold what can be counted of it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import torch
from PySide6.QtCore import QEventLoop, QSettings, QTimer

import engine
from benchmarks.subjects import build, picture
from engine.errors import Cancelled, MethodError
from engine.methods.registry import METHODS, Method, find
from engine.progress import CancelToken
from engine.records.sources import ModelSource
from gui.app.application import create_application
from gui.app.program import Program
from gui.controllers.models import NamedModel
from gui.diagnostics.measures import Gaps
from gui.settings import table
from gui.settings.store import Settings

NETWORKS = ("resnet50", "vit_b_16")
SLOW = (
    *("score-cam", "ss-cam", "is-cam", "ablation-cam", "smooth-grad-cam++"),
    *("smoothgrad", "integrated-gradients", "occlusion", "rise"),
)
WITHIN_S = 0.1
GAP_MS = 50.0
_WAIT_S = 120.0
_POLL_MS = 5


@dataclass(frozen=True, slots=True)
class Stops:
    """Seconds from the wish to the end, of one method of one network."""

    network: str
    method: str
    family: str
    median: float
    longest: float
    runs: int


@dataclass(frozen=True, slots=True)
class Window:
    """What the window did while a method computed, in ms, and the seconds until it had stopped."""

    method: str
    p99_gap: float
    longest_gap: float
    ticks: int
    stopped: float


def longer(method: Method) -> dict[str, object]:
    """Options with which a method of samples takes long enough to be cancelled."""
    counts = {"n": 200, "masks": 4000, "steps": 400}
    return {o.name: counts[o.name] for o in method.options if o.name in counts}


def abandoned(model: engine.Model, method: Method, seconds: float) -> float | None:
    """Seconds from cancelling, after so many, to the end; None when it was done before that.

    Raises MethodError for a network that is none for the method.
    """
    token, cancelled = CancelToken(), threading.Event()
    ended: list[float] = []
    refused: list[MethodError] = []

    def explain() -> None:
        with engine.Session(model, picture()) as session:
            try:
                session.explain(method=method.slug, options=longer(method), cancel=token)
            except Cancelled:
                cancelled.set()
            except MethodError as error:
                refused.append(error)
            ended.append(time.perf_counter())

    thread = threading.Thread(target=explain)
    thread.start()
    thread.join(seconds)
    asked = time.perf_counter()
    token.cancel()
    thread.join()
    if refused:
        raise refused[0]
    return ended[0] - asked if cancelled.is_set() else None


def stops(model: engine.Model, network: str, runs: int, most: float) -> list[Stops]:
    draws, found = random.Random(0), []
    for method in METHODS:
        started = time.perf_counter()
        try:
            abandoned(model, method, most)
        except MethodError:
            continue
        took = min(time.perf_counter() - started, most)
        times: list[float] = []
        for _ in range(4 * runs):
            one = abandoned(model, method, draws.uniform(0, took))
            if one is not None:
                times.append(one)
            if len(times) == runs:
                break
        if times:
            middle, longest = statistics.median(times), max(times)
            found.append(
                Stops(network, method.slug, method.family.value, middle, longest, len(times))
            )
            print(
                f"{network:<10} {method.slug:<22} {1000 * middle:7.1f} ms, longest "
                f"{1000 * longest:7.1f} ms of {len(times)}",
                flush=True,
            )
    return found


class Screen:
    """The whole window with a network, in a home of its own."""

    def __init__(self, folder: Path, network: str) -> None:
        self._application = create_application()
        weights = folder / f"{network}.pth"
        torch.save(build(network).state_dict(), weights)
        store = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
        Settings(store).set(table.SWEEP_ENABLED, False)
        self.program = Program(self._application, store)
        self.program.window.resize(1280, 800)
        self.program.start((), NamedModel(ModelSource(network, weights=str(weights))))
        state = self.program.state
        self.until(lambda: state.explanation is not None and not state.computing)
        self.until(lambda: state.model_source is not None and state.model_source.spec == network)
        self.until(lambda: state.explanation is not None and not state.computing)

    def until(self, met: Callable[[], bool], seconds: float = _WAIT_S) -> bool:
        """Run the event loop until it is met; False if the time is over first."""
        loop, timer = QEventLoop(), QTimer()
        ends = time.perf_counter() + seconds

        def look() -> None:
            if met() or time.perf_counter() >= ends:
                loop.quit()

        timer.timeout.connect(look)
        timer.start(_POLL_MS)
        look()
        if not met():
            loop.exec()
        return met()

    def abandon(self, slug: str, seconds: float) -> Window:
        """Choose a slow method, measure for so many seconds, and choose another."""
        program, gaps = self.program, Gaps()
        lane = program.controller.engine_lane
        program.controller.choose_method(slug, tuple(longer(find(slug)).items()))
        if not self.until(lambda: lane.running is not None and program.window.status.working):
            raise SystemExit(f"{slug} did not begin")
        job = lane.running
        assert job is not None
        gaps.start()
        over = self.until(lambda: lane.running is not job, seconds)
        gaps.stop()
        asked = time.perf_counter()
        program.controller.choose_method("grad-cam")
        self.until(lambda: lane.running is not job)
        stopped = time.perf_counter() - asked
        self.until(lambda: not program.state.computing and lane.running is None)
        figures = gaps.figures()
        return Window(
            slug,
            figures.get("p99_stall_ms", 0.0),
            figures.get("max_stall_ms", 0.0),
            len(gaps.gaps),
            0.0 if over else stopped,
        )

    def close(self) -> None:
        self.program.window.close()
        self.program.close()


def windows(folder: Path, network: str, seconds: float) -> list[Window]:
    screen, found = Screen(folder, network), []
    try:
        for slug in SLOW:
            one = screen.abandon(slug, seconds)
            found.append(one)
            print(
                f"window     {slug:<22} p99 of gaps {one.p99_gap:6.1f} ms, longest "
                f"{one.longest_gap:6.1f} ms, of {one.ticks}; stopped in {one.stopped:.3f} s",
                flush=True,
            )
    finally:
        screen.close()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10, help="times that a method is cancelled")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS))
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {"stops": [], "window": []}
    with tempfile.TemporaryDirectory(prefix="hookscope-") as name:
        folder = Path(name)
        for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
            os.environ[variable] = str(folder / "home")
        measured = []
        for network in options.networks:
            model = engine.Model(build(network), preprocessing=_preprocessing())
            measured += stops(model, network, options.runs, options.seconds)
        found["stops"] = [asdict(one) for one in measured]
        seen = windows(folder, options.networks[0], options.seconds)
        found["window"] = [asdict(one) for one in seen]
    slowest = max(measured, key=lambda one: one.longest)
    widest = max(seen, key=lambda one: one.p99_gap)
    print(
        f"slowest to stop: {slowest.method} of {slowest.network}, {slowest.longest:.3f} s "
        f"(aim {WITHIN_S} s); widest p99 of gaps: {widest.method}, {widest.p99_gap:.1f} ms "
        f"(aim {GAP_MS:.0f} ms)"
    )
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


def _preprocessing() -> engine.Preprocessing:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return engine.Preprocessing(resize=256, crop=(224, 224), mean=mean, std=std)


if __name__ == "__main__":
    sys.exit(main())

"""How smoothly the folder page scrolls, sorts and filters with 100,000 rows.

    python benchmarks/folder_page.py [--rows 100000] [--running] [--json FILE]

The index is synthetic: rows and maps without image files, so that what is measured is the page.
--running also writes rows into it from another process, as a run does. A gap is the time between
two turns of the event loop of the GUI thread, measured with a timer that fires whenever there is
nothing else to do; it is what a person sees as a stutter. Work is the time that the thread computed
in such a gap, which says the same of a machine that has other things to do.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PIL import Image

CLASSES = tuple(f"class {number}" for number in range(20))
_SIDE = 7


def make(folder: Path, rows: int) -> None:
    """An index with rows of a job, as a run writes them."""
    from engine.folders.index.store import IndexWriter
    from engine.folders.records import Figures, Job, Picture, Properties, Row, Source

    rng = np.random.default_rng(0)
    about = Job("key", "synthetic", "layer4", "grad-cam", "top", "CLASSES", CLASSES, _FACTS)
    pictures = folder / "pictures"
    pictures.mkdir()
    pixels = rng.integers(0, 255, (480, 640, 3), np.uint8)
    Image.fromarray(pixels).save(pictures / "0.jpg")
    for n in range(1, rows):
        # A file system has a limit of names for one file.
        if n % 1000:
            os.link(pictures / f"{n // 1000 * 1000}.jpg", pictures / f"{n}.jpg")
        else:
            shutil.copy(pictures / "0.jpg", pictures / f"{n}.jpg")
    with IndexWriter(folder) as writer:
        sources = (
            Source(
                str(pictures / f"{n}.jpg"),
                f"{n % 20}/image {n}.jpg",
                (n, n),
                CLASSES[n % 20],
            )
            for n in range(rows)
        )
        writer.found(sources)
        job = writer.want(about, {name: (n,) for n, name in enumerate(CLASSES)})
        shard: list[tuple[int, Picture, Row | None]] = []
        for n in range(rows):
            chance, said = (
                float(rng.beta(4, 1)),
                n % 20 if rng.random() < 0.9 else int(rng.integers(20)),
            )
            figures = Figures(*rng.random(3).tolist())
            properties = Properties(
                640, 480, *rng.random(2).tolist(), float(rng.gamma(2, 50)), False
            )
            row = Row(
                f"{n:064d}", n % 20, (), said, chance, said == n % 20, said, 5.0, chance / 2,
                1 - chance, -float(np.log(chance)), (), figures, "OK", "",
                rng.random((_SIDE, _SIDE), np.float32),
            )  # fmt: skip
            shard.append((n + 1, Picture(f"{n:064d}", (n, n), properties), row))
            if len(shard) == 2_000 or n == rows - 1:
                writer.write(job, shard)
                shard = []


_FACTS: dict[str, Any] = {"model": "synthetic", "weights": "", "options": [], "layer": "layer4"}


def write_on(folder: Path) -> None:
    """Write rows again, 16 at a time, until this process is ended."""
    from engine.folders.index.queries import Index
    from engine.folders.index.store import IndexWriter
    from engine.folders.records import Picture

    with IndexWriter(folder) as writer, Index(folder) as index:
        number, about = index.job()
        writer.want(about, {name: (n,) for n, name in enumerate(CLASSES)})
        start = 1
        while True:
            shown = index.rows(number, list(range(start, start + 16)))
            shard = [
                (one.number, Picture(one.row.content, one.stamp, one.properties), one.row)
                for one in shown
                if one.row is not None
            ]
            writer.write(number, shard)
            start = start + 16 if shown else 1
            time.sleep(0.1)


class Gaps:
    """Times between turns of the event loop."""

    def __init__(self) -> None:
        from PySide6.QtCore import QTimer

        self.gaps: list[tuple[float, float]] = []
        self._last = time.perf_counter(), time.thread_time()
        self._timer = QTimer()
        self._timer.timeout.connect(self._turn)
        self._timer.start(0)

    def _turn(self) -> None:
        now = time.perf_counter(), time.thread_time()
        self.gaps.append((now[0] - self._last[0], now[1] - self._last[1]))
        self._last = now

    def take(self) -> dict[str, float]:
        found = np.array(self.gaps).reshape(-1, 2) * 1000
        facts = {"turns": float(len(found))}
        for name, column in (("gap", found[:, 0]), ("work", found[:, 1])):
            busy = column[column > 0.2]
            busy = busy if len(busy) else np.zeros(1)
            facts |= {f"{name}_p99": float(np.percentile(busy, 99)), f"{name}_max": busy.max()}
        # What this took is no gap of the next step: there are a million of them after a minute.
        self.gaps = []
        self._last = time.perf_counter(), time.thread_time()
        return facts


def measure(folder: Path, seconds: float) -> dict[str, Any]:
    """Open the index in the real window, and do what a person does."""
    from PySide6.QtCore import QEventLoop, QSettings
    from PySide6.QtWidgets import QApplication

    from engine.records.sources import ModelSource
    from gui.app.program import Program
    from gui.controllers.models import NamedModel
    from gui.state.folders import Filter

    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    store = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
    program = Program(application, store, fault=None)
    program.window.resize(1600, 1000)
    program.start((), NamedModel(ModelSource("demo:shapes")))
    everything = QEventLoop.ProcessEventsFlag.AllEvents

    def until(met: Callable[[], bool]) -> None:
        while not met():
            application.processEvents(everything, 10)

    until(lambda: program.state.explanation is not None)
    until(lambda: program.controller.engine_lane.running is None)
    folders = program.controller.folders
    gaps, found = Gaps(), {}

    def step(name: str, act: Callable[[], object], done: Callable[[], bool]) -> None:
        gaps.take()
        begun = time.perf_counter()
        act()
        until(done)
        found[name] = {"seconds": time.perf_counter() - begun, **gaps.take()}

    step("open", lambda: folders.open_paths([folder]), lambda: folders.listing is not None)
    page = program.window.folder
    assert page is not None

    def scroll(name: str, view: Any) -> None:
        bar = view.verticalScrollBar()
        bar.setValue(0)
        gaps.take()
        begun = time.perf_counter()
        place = 0.0
        while time.perf_counter() - begun < seconds:
            # Three screens a second, then a leap, as when the handle is dragged.
            place += view.viewport().height() / 20
            if int(place) % 40 == 0:
                place = place * 7 % max(1, bar.maximum())
            bar.setValue(int(place) % max(1, bar.maximum()))
            ends = time.perf_counter() + 1 / 60
            while time.perf_counter() < ends:
                application.processEvents(everything, 4)
        found[name] = gaps.take()

    scroll("scroll table", page.rows.table)
    step("grid", lambda: page.filters.shape.choose("grid"), page.rows.grid.isVisible)
    scroll("scroll grid", page.rows.grid)
    page.filters.shape.choose("table")

    def listed(act: Callable[[], object]) -> tuple[Callable[[], object], Callable[[], bool]]:
        before = folders.listing
        return act, lambda: folders.listing is not before and folders.listing is not None

    step("sort", *listed(lambda: folders.set_order("loss", down=True)))
    from engine.folders.index.typed import typed

    step("filter", *listed(lambda: folders.add_filter(Filter("wrong", (typed("wrong"),)))))
    step("all again", *listed(lambda: folders.set_filters(())))
    step("select all", page.rows.table.selectAll, lambda: True)
    for kind in ("confusion", "classes", "reliability", "mean", "scatter"):
        got: list[str] = []
        program.controller.folder_figures.ready.connect(lambda own, _v, got=got: got.append(own))
        step(
            f"chart {kind}",
            lambda kind=kind: program.controller.folder_figures.show(kind),
            lambda kind=kind, got=got: kind in got,
        )
    program.window.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the folder page.")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=10.0, help="of scrolling")
    parser.add_argument("--running", action="store_true", help="with rows written meanwhile")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write is not None:
        write_on(arguments.write)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begun = time.perf_counter()
        make(folder, arguments.rows)
        print(f"{arguments.rows:,} rows made in {time.perf_counter() - begun:.1f} s")
        writer = None
        if arguments.running:
            writer = subprocess.Popen([sys.executable, __file__, "--write", name])
        try:
            found = measure(folder, arguments.seconds)
        finally:
            if writer is not None:
                writer.kill()
                writer.wait()
    for what, numbers in found.items():
        took = f"{numbers['seconds']:6.2f} s" if "seconds" in numbers else " " * 8
        said = "  ".join(
            f"{name}: p99 {numbers[f'{name}_p99']:6.1f} ms, max {numbers[f'{name}_max']:7.1f} ms"
            for name in ("gap", "work")
        )
        print(f"{what:20} {took}  {said}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

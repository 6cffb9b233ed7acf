"""How soon the window answers where there is a lot in it, beside a tenth of it in the same run.

    .venv/bin/python benchmarks/responses.py [--repeats 7]

A tree of 3,000 modules, a search among 21,000 classes, a strip of 10,000 images, files of 21,000
class names; and how long a download that the server holds back takes to stop, beside the slice of
time in which it is watched. The tests hold what can be counted of it; the times stand here. Widgets
are painted offscreen.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from engine.downloads.fetching import download
from engine.downloads.http import SLICE_S
from engine.downloads.partial import part_of
from engine.errors import Cancelled
from engine.loading.class_names import read_class_names
from engine.progress import CancelToken
from engine.records.models import LayerNode, Layout
from gui.widgets.image_strip.strip import ImageStrip
from gui.widgets.layers.tree import LayerTree
from gui.widgets.predictions.panel import PredictionPanel
from tests.web import Site, serve

PART = 300_000
Work = Callable[[int], float]
"""Does something with so many things; answers with the seconds that it took."""


def timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def painted(widget: QWidget, action: Callable[[], object]) -> float:
    """The seconds until the widget is painted again."""
    widget.grab()

    def act() -> None:
        action()
        widget.grab()

    return timed(act)


def field_of(widget: QWidget) -> QLineEdit:
    return widget.findChildren(QLineEdit)[0]


def modules(count: int) -> tuple[LayerNode, ...]:
    def node(name: str, kind: str, explainable: bool = True) -> LayerNode:
        reason = "" if explainable else "no spatial output"
        layout = Layout.CHANNELS_FIRST
        shape = (8, 7, 7)
        return LayerNode(name, kind, shape, 10, 1, explainable, reason, False, layout, None)

    nodes = [node("", "Huge", explainable=False)]
    for block in range(count // 10):
        nodes.append(node(f"block{block}", "Block"))
        nodes += [node(f"block{block}.conv{i}", "Conv2d") for i in range(9)]
    return tuple(nodes)


def show_tree(count: int) -> float:
    tree, nodes = LayerTree(), modules(count)
    tree.resize(400, 600)
    return painted(tree, lambda: tree.set_layers(nodes, "Huge"))


def filter_tree(count: int) -> float:
    tree = LayerTree()
    tree.resize(400, 600)
    tree.set_layers(modules(count), "Huge")
    return painted(tree, lambda: field_of(tree).setText("conv7"))


def search_classes(count: int) -> float:
    panel = PredictionPanel()
    panel.set_classes(tuple(f"kind {i} of thing" for i in range(count)))
    panel.set_scores(np.random.default_rng(0).random(count))
    return painted(panel, lambda: field_of(panel).setText("thing 7"))


def show_strip(count: int) -> float:
    strip = ImageStrip()
    strip.resize(800, 120)
    entries = [(str(number), "x.png") for number in range(count)]
    return painted(strip, lambda: strip.add_many(entries))


def read_names(folder: Path, suffix: str) -> Work:
    def read(count: int) -> float:
        names = [f"species number {number}, of some length" for number in range(count)]
        text = json.dumps(names) if suffix == "json" else "\n".join(names)
        path = folder / f"names.{suffix}"
        path.write_text(text, encoding="utf-8")
        return timed(lambda: read_class_names(path))

    return read


def stopping(folder: Path) -> float:
    """The seconds from the wish to stop a download that nothing comes of to its end."""
    site = Site({"net.pth": bytes(2 * PART)}, stall_after=PART)
    target, token, ended = folder / "net.pth", CancelToken(), threading.Event()
    part = part_of(target)

    def fetch() -> None:
        try:
            download(f"{site.url}/net.pth", target, sha256_prefix="", cancel=token)
        except Cancelled:
            ended.set()

    with serve(site):
        thread = threading.Thread(target=fetch)
        thread.start()
        while not (part.exists() and part.stat().st_size == PART):
            time.sleep(0.01)
        # Anywhere in a slice.
        time.sleep(float(np.random.default_rng().uniform(0, SLICE_S)))
        started = time.perf_counter()
        token.cancel()
        thread.join(20)
        seconds = time.perf_counter() - started
    part.unlink()
    if not ended.is_set():
        raise SystemExit("the download did not stop")
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description="How soon the window answers with a lot in it.")
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    _application = QApplication([])
    with tempfile.TemporaryDirectory(prefix="hookscope-") as name:
        folder = Path(name)
        cases: dict[str, tuple[Work, int]] = {
            "modules shown in the tree": (show_tree, 3_000),
            "modules filtered": (filter_tree, 3_000),
            "classes searched": (search_classes, 21_000),
            "images in the strip": (show_strip, 10_000),
            "class names read, .txt": (read_names(folder, "txt"), 21_000),
            "class names read, .json": (read_names(folder, "json"), 21_000),
        }
        print(f"{'median of ' + str(repeats):<34}{'ms':>8}{'of a tenth':>14}")
        for title, (work, count) in cases.items():
            times = {size: [work(size) for _ in range(repeats)] for size in (count, count // 10)}
            many, few = (statistics.median(seconds) for seconds in times.values())
            print(f"{f'{count:,} {title}':<34}{1000 * many:>8.1f}{many / few:>13.1f}x")
        stops = [stopping(folder) for _ in range(repeats)]
        half, longest = statistics.median(stops), max(stops)
        print(
            f"{'a held-back download stops after':<34}{1000 * half:>8.1f}"
            f"{half / SLICE_S:>13.1f} slices of {1000 * SLICE_S:.0f} ms; longest {longest:.3f} s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

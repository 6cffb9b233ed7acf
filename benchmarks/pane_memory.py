"""How much memory two models in four panes take, and whether it is given back.

    .venv/bin/python benchmarks/pane_memory.py [--network resnet50] [--limit 40]

In the whole window, offscreen: two state dicts of one architecture with random weights are opened,
the second in a pane of its own, until there are four panes: two models, two classes each, and the
maps of all layers of the active one. Then one pane is left, and at last the demo is opened again.
What the sessions hold is compared with the budget, which is half of the memory that would be free
without them; the resident memory is read all along. All of it is done twice, since libraries that
are loaded once stay. Exits with 1 if the sessions held more than their budget, if a closed model
stayed, or if the second time leaves more than --limit MiB more than the first.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
import weakref
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import psutil
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from benchmarks.painting import until
from engine.passes.memory.budget import memory_budget
from engine.records.sources import ModelSource
from gui.app.application import create_application
from gui.app.program import Program
from gui.jobs.open_sessions import OpenSessions
from gui.settings import table
from gui.settings.store import Settings
from scripts.screenshots.pictures import write

MIB = 1 << 20


def state_dicts(network: str, folder: Path) -> list[Path]:
    """Two files with random weights."""
    import torch
    import torchvision

    found = []
    for seed, name in enumerate(("before", "after")):
        torch.manual_seed(seed)
        found.append(folder / f"{name}.pth")
        torch.save(torchvision.models.get_model(network, weights=None).state_dict(), found[-1])
    return found


class Watched:
    """The window, what its engine holds, and readings of the memory."""

    def __init__(self, application: QApplication, folder: Path) -> None:
        store = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
        Settings(store).set(table.SWEEP_ENABLED, True)
        self.program = Program(application, store, fault=None)
        self.program.window.resize(1280, 800)
        self.readings: dict[str, float] = {}

    @property
    def open(self) -> OpenSessions:
        return self.program.controller._worker.open

    def rest(self) -> None:
        """Wait until nothing is computed, and no map is missing."""
        state, controller = self.program.state, self.program.controller

        def rests() -> bool:
            lanes = (controller.engine_lane, controller.file_lane)
            told = all(p.explanation is not None and not p.computing for p in state.panes)
            return told and not any(lane.running or lane.has("sweep") for lane in lanes)

        until(lambda: rests() and state.sweep is not None)

    def read(self, what: str) -> None:
        gc.collect()
        resident = psutil.Process().memory_info().rss / MIB
        self.readings[what] = round(resident, 1)
        held = sum(kept.session.held_bytes for kept in self.open.sessions) / MIB
        counts = f"{len(self.open.sessions)} sessions hold {held:,.0f} MiB"
        print(f"{what:<28}{resident:>9,.0f} MiB resident, {counts}", flush=True)


def measured(application: QApplication, network: str, folder: Path) -> dict[str, Any]:
    watched = Watched(application, folder)
    program = watched.program
    program.start([write(folder / "photo.jpg", 1200, 900, 3)])
    watched.rest()
    watched.read("one pane, the demo")
    first, second = (ModelSource(str(path)) for path in state_dicts(network, folder))
    rounds = [one_round(watched, first, second) for _ in range(2)]
    program.window.close()
    program.window.deleteLater()
    last = [found["resident_mib"]["the demo again"] for found in rounds]
    return {"network": network, "rounds": rounds, "growth_mib": round(last[1] - last[0], 1)}


def one_round(watched: Watched, first: ModelSource, second: ModelSource) -> dict[str, Any]:
    """Open both networks in four panes, and leave them."""
    program, state = watched.program, watched.program.state
    models, comparer = program.controller.models, program.controller.comparer
    models.open(first)
    until(lambda: state.model_loading is None and state.model_source == first)
    watched.rest()
    watched.read("one pane, one network")
    comparer.compare_model(second)
    until(lambda: len(state.panes) == 2)
    watched.rest()
    numbers = [pane.number for pane in state.panes]
    comparer.compare_class(7)
    comparer.activate(numbers[1])
    comparer.compare_class(8)
    comparer.activate(numbers[0])
    watched.rest()
    watched.read("four panes, two networks")
    held = sum(kept.session.held_bytes for kept in watched.open.sessions)
    budget = 2 * memory_budget(watched.open.opened()[0].device)
    gone = {key: weakref.ref(watched.open.model(key)) for key in watched.open.models}
    comparer.single()
    watched.rest()
    watched.read("back in one pane")
    left = {key for key, model in gone.items() if model() is not None}
    models.open(ModelSource("demo:photos"))
    until(lambda: state.model_loading is None and state.model_source != first)
    watched.rest()
    watched.read("the demo again")
    stayed = [key for key, model in gone.items() if model() is not None]
    return {
        "held_mib": round(held / MIB, 1),
        "budget_mib": round(budget / MIB, 1),
        "kept_with_one_pane": len(left),
        "kept_at_last": len(stayed),
        "resident_mib": dict(watched.readings),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--network", default="resnet50")
    parser.add_argument("--limit", type=float, default=40.0, help="growth allowed, in MiB")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hookscope-") as name:
        found = measured(create_application(), options.network, Path(name))
    print(json.dumps(found))
    held = found["growth_mib"] <= options.limit and all(
        one["held_mib"] <= one["budget_mib"]
        and one["kept_with_one_pane"] == 1
        and not one["kept_at_last"]
        for one in found["rounds"]
    )
    print("goals held" if held else "goals missed")
    return int(not held)


if __name__ == "__main__":
    sys.exit(main())

"""The cyclic collector: on the GUI thread, and left as Python has it afterwards."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject, QTimer
from pytestqt.qtbot import QtBot

from gui.toolkit.garbage import GarbageCollector


class Cycle:
    """Freed by the cyclic collector alone."""

    freed_on: threading.Thread | None = None

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        Cycle.freed_on = threading.current_thread()


@pytest.fixture
def collector(qtbot: QtBot) -> Iterator[GarbageCollector]:
    owner = QObject()
    collector = GarbageCollector(owner)
    yield collector
    collector.stop()
    owner.deleteLater()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def tick(collector: GarbageCollector) -> None:
    timer = collector.findChild(QTimer)
    assert isinstance(timer, QTimer)
    timer.timeout.emit()


def fill_generation_0() -> list[list[object]]:
    return [[] for _ in range(gc.get_threshold()[0] + 100)]


def test_python_does_not_collect_by_itself_meanwhile(collector: GarbageCollector) -> None:
    assert not gc.isenabled()
    timer = collector.findChild(QTimer)
    assert isinstance(timer, QTimer)
    assert timer.isActive()


def test_garbage_is_freed_on_this_thread(collector: GarbageCollector) -> None:
    gc.collect()
    Cycle.freed_on = None
    gone = weakref.ref(Cycle())
    assert gone() is not None
    kept = fill_generation_0()
    tick(collector)
    del kept
    assert gone() is None
    assert Cycle.freed_on is threading.main_thread()


def test_nothing_is_collected_when_nothing_is_due(
    collector: GarbageCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    collected: list[int] = []
    monkeypatch.setattr(gc, "get_count", lambda: (1, 1, 1))
    monkeypatch.setattr(gc, "collect", collected.append)
    tick(collector)
    assert collected == []


@pytest.mark.parametrize(
    ("counts", "generation"), [((5_000, 0, 0), 0), ((5_000, 11, 0), 1), ((5_000, 11, 11), 2)]
)
def test_the_generation_that_is_due_is_collected(
    collector: GarbageCollector,
    monkeypatch: pytest.MonkeyPatch,
    counts: tuple[int, int, int],
    generation: int,
) -> None:
    collected: list[int] = []
    monkeypatch.setattr(gc, "get_count", lambda: counts)
    monkeypatch.setattr(gc, "collect", collected.append)
    tick(collector)
    assert collected == [generation]


def test_what_is_there_once_the_engine_is_loaded_is_spared(collector: GarbageCollector) -> None:
    collector.settle()
    assert gc.get_freeze_count() > 0

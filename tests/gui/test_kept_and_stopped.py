"""What must not be lost: exports, what is shown, the first model, files that changed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

import engine
from engine.images.reading import load_image
from engine.loading.load import load_model
from gui.controllers import exports
from gui.jobs.files import writing
from gui.jobs.lanes import Job, Priority, Watch
from gui.state.notices import NoticeKind
from gui.state.records import OpenedModel
from tests.gui.controllers.test_controller import WAIT_MS, Bench


class ClosableBench(Bench):
    """A bench that a test may close by itself."""

    closed = False

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            super().close()


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[ClosableBench]:
    bench = ClosableBench(qtbot, tmp_path)
    yield bench
    bench.close()


class Gate:
    """Holds every export until let is set; begun is set when the first has come there."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.let = threading.Event(), threading.Event()
        bench.gates.append(self.let)

        def held(task: writing.ExportTask, watch: Watch) -> writing.ExportTask:
            self.begun.set()
            assert self.let.wait(WAIT_MS / 1000)
            return writing.write_export(task, watch)

        monkeypatch.setattr(exports, "write_export", held)


def noise(path: Path, seed: int, size: tuple[int, int] = (120, 90)) -> Path:
    """A picture file of its own for every seed, whose time of change differs as well."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), np.uint8)
    Image.fromarray(pixels).save(path)
    os.utime(path, ns=(seed * 10**12, seed * 10**12))
    return path


def said(bench: Bench, kind: NoticeKind = NoticeKind.WARNING) -> list[str]:
    return [notice.text for notice in bench.notices if notice.kind is kind]


# --- exports -------------------------------------------------------------------------------------


def test_two_exports_asked_for_at_once_are_both_written(
    bench: ClosableBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.start(sweep=False)
    gate = Gate(bench, monkeypatch)
    done: list[Any] = []
    bench.controller.exports.written.connect(done.append)
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    bench.controller.exports.write(bench.task(picture=first))
    bench.until(gate.begun.is_set)
    bench.controller.exports.write(bench.task(picture=second))
    gate.let.set()
    bench.until(lambda: len(done) == 2)
    assert [task.choice.picture for task in done] == [first, second]
    np.testing.assert_array_equal(load_image(first).pixels, load_image(second).pixels)
    assert said(bench) == []


def test_closing_finishes_the_export_that_runs_and_the_one_that_waits(
    bench: ClosableBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.start(sweep=False)
    gate = Gate(bench, monkeypatch)
    first, second = tmp_path / "first.npy", tmp_path / "second.npy"
    picture = tmp_path / "first.png"
    expected = bench.state.explanation
    assert expected is not None
    bench.controller.exports.write(bench.task(picture=picture, map=first))
    bench.controller.exports.write(bench.task(map=second))
    forgotten: list[str] = []
    bench.controller.file_lane.submit(
        Job("thumbnail", lambda _: forgotten.append("ran"), priority=Priority.IDLE)
    )
    bench.until(gate.begun.is_set)
    # From the event loop of the closing itself: it goes on while the export is finished.
    QTimer.singleShot(0, bench.controller, gate.let.set)
    bench.closed = True
    bench.controller.close()
    bench.controller.deleteLater()
    assert not bench.controller.file_lane.alive
    for path in (first, second):
        np.testing.assert_array_equal(np.load(path), expected.map)
    assert load_image(picture).pixels.size
    assert forgotten == [], "what nobody asked for is not waited for"


def test_stop_ends_the_export_that_runs_and_says_so(
    bench: ClosableBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.start(sweep=False)
    gate = Gate(bench, monkeypatch)
    done: list[Any] = []
    bench.controller.exports.written.connect(done.append)
    bench.controller.exports.write(bench.task(picture=tmp_path / "out.png"))
    bench.until(gate.begun.is_set)
    bench.controller.cancel()
    with bench.qtbot.waitSignal(bench.controller.file_lane.idle, timeout=WAIT_MS):
        gate.let.set()
    assert said(bench) == ["Export stopped."]
    assert done == []
    assert list(tmp_path.glob("out*")) == []


# --- stopping ------------------------------------------------------------------------------------


def test_stop_sets_the_class_back_to_the_one_that_is_shown(bench: ClosableBench) -> None:
    bench.start(sweep=False)
    layer, target = bench.shown
    other = (target + 1) % 5
    answers: list[bool] = []
    bench.state.answer_changed.connect(lambda: answers.append(True))
    begun, let = bench.hold("explain", after=True)
    bench.controller.choose_class(other)
    bench.until(begun.is_set)
    assert bench.state.target == other
    bench.controller.cancel()
    assert bench.state.target == target
    assert answers, "what marks the class is told"
    let.set()
    bench.until(lambda: bench.idle)
    assert bench.shown == (layer, target)
    bench.controller.choose_layer("layer1")
    bench.wait_shown("layer1")
    assert bench.shown == ("layer1", target)


def test_stop_sets_the_layer_back_to_the_one_that_is_shown(bench: ClosableBench) -> None:
    bench.start(sweep=False)
    bench.controller.choose_layer("layer2")
    bench.wait_shown("layer2")
    target = bench.shown[1]
    begun, let = bench.hold("explain", after=True)
    bench.controller.choose_layer("layer1")
    bench.until(begun.is_set)
    bench.controller.cancel()
    let.set()
    bench.until(lambda: bench.idle)
    other = (target + 1) % 5
    bench.controller.choose_class(other)
    bench.until(lambda: bench.explained and bench.shown == ("layer2", other))


def test_stop_while_the_engine_loads_loses_nothing(bench: ClosableBench) -> None:
    begun, let = bench.hold("load_engine")
    bench.controller.start()
    bench.until(begun.is_set)
    # Otherwise the reading of the first picture is what is stopped.
    bench.until(lambda: bench.controller.file_lane.running is None)
    assert bench.state.current is not None
    assert bench.state.current.loaded is not None
    bench.controller.cancel()
    let.set()
    bench.until(lambda: bench.explained)
    assert bench.state.info is not None
    assert bench.state.info.source == "demo:shapes"


# --- files that change ---------------------------------------------------------------------------


def own_map(path: Path, bench: Bench) -> np.ndarray:
    layer, target = bench.shown
    with engine.Session(load_model("demo:photos"), load_image(path)) as session:
        return session.explain(layer, target).map


@pytest.mark.parametrize("size", [(120, 90), (90, 120)])
def test_a_file_that_changed_is_read_and_explained_anew(
    bench: ClosableBench, tmp_path: Path, size: tuple[int, int]
) -> None:
    path = noise(tmp_path / "picture.png", 1)
    bench.start(path, sweep=False)
    old = bench.state.explanation
    assert old is not None
    key = bench.state.current_key
    noise(path, 2, size)
    bench.controller.images.open_paths([path])
    bench.until(lambda: bench.explained and bench.state.explanation is not old)
    current = bench.state.current
    assert current is not None
    assert current.loaded is not None
    assert bench.state.current_key == key
    assert len(bench.state.images) == 1
    np.testing.assert_array_equal(current.loaded.pixels, load_image(path).pixels)
    new = bench.state.explanation
    assert new is not None
    assert new.image_size == size
    assert not np.array_equal(new.map, old.map)
    np.testing.assert_allclose(new.map, own_map(path, bench), rtol=0, atol=1e-5)


def test_a_file_that_did_not_change_is_not_read_again(bench: ClosableBench, tmp_path: Path) -> None:
    path = noise(tmp_path / "picture.png", 1)
    bench.start(path, sweep=False)
    old, current = bench.state.explanation, bench.state.current
    assert current is not None
    loaded = current.loaded
    bench.controller.images.open_paths([path])
    bench.until(lambda: bench.controller.file_lane.running is None and bench.idle)
    assert bench.state.explanation is old
    assert current.loaded is loaded


def test_a_broken_file_that_was_repaired_opens(bench: ClosableBench, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"no picture")
    bench.controller.start([path])
    bench.until(lambda: bench.state.current is not None and bool(bench.state.current.error))
    bench.until(lambda: bench.state.info is not None and bench.idle)
    assert bench.state.explanation is None
    noise(path, 3)
    bench.controller.images.open_paths([path])
    bench.until(lambda: bench.explained)
    current = bench.state.current
    assert current is not None
    assert current.error == ""
    assert len(bench.state.images) == 1
    assert bench.state.explanation is not None
    np.testing.assert_allclose(bench.state.explanation.map, own_map(path, bench), rtol=0, atol=1e-5)


# --- reused modules, notices ---------------------------------------------------------------------


def test_every_call_of_a_reused_module_is_answered_by_the_sweep(bench: ClosableBench) -> None:
    bench.start()
    sweep = bench.state.sweep
    assert sweep is not None
    reused = [node for node in bench.state.layers if node.explainable and node.calls > 1]
    assert reused
    bench.titles.clear()
    for node in reused:
        for address in (f"{node.name}#{k}" for k in range(node.calls)):
            bench.controller.choose_layer(address)
            assert bench.shown[0] == address
            assert not bench.state.computing
    assert bench.titles == []
    node = reused[-1]
    first, last = (sweep.explanations[f"{node.name}#{k}"].map for k in (0, node.calls - 1))
    np.testing.assert_array_equal(last, sweep.explanations[node.name].map)
    assert not np.array_equal(first, last)
    with bench.qtbot.waitSignal(
        bench.controller.sweeper.thumbnails_ready, timeout=WAIT_MS
    ) as drawn:
        bench.controller.sweeper.draw_thumbnails(24)
    assert {f"{node.name}#0", f"{node.name}#{node.calls - 1}"} <= set(drawn.args[0])


def test_what_a_model_says_is_one_text(bench: ClosableBench) -> None:
    original = bench.worker.open_model

    def talkative(*args: Any) -> OpenedModel:
        opened: OpenedModel = original(*args)
        return replace(opened, info=replace(opened.info, notices=("cuda has no room", "b is c.")))

    bench.worker.open_model = talkative
    bench.start(sweep=False)
    assert said(bench) == ["CUDA has no room. B is c."]

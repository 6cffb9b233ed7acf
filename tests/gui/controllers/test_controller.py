"""The controller with the real worker and the demo network, without a window.

What is late is made late by a gate of the test inside the worker, never by time.
"""

from __future__ import annotations

import json
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from engine.errors import LayerError, ModelError
from engine.formats.demo import SCENES
from engine.images.reading import load_image
from engine.records.exports import ExportChoice
from engine.records.sources import ModelSource
from engine.records.views import View
from gui.controllers.controller import Controller
from gui.jobs.files.writing import ExportTask
from gui.jobs.lanes import Job, Priority, Watch
from gui.settings.store import Settings
from gui.settings.table import SWEEP_ENABLED
from gui.state.notices import Notice, NoticeKind
from gui.state.records import Answer
from gui.state.state import State

WAIT_MS = 60_000


class Bench:
    """A controller, what it said, and a gate in front of the engine's answers."""

    def __init__(self, qtbot: QtBot, folder: Path) -> None:
        self.qtbot = qtbot
        self.folder = folder
        store = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
        self.settings = Settings(store)
        self.state = State()
        self.controller = Controller(self.state, self.settings)
        self.worker: Any = self.controller._worker
        self.notices: list[Notice] = []
        self.titles: list[str] = []
        self.state.noticed.connect(self.notices.append)
        self.controller.engine_lane.busy_changed.connect(self._note_job)
        self.gates: list[threading.Event] = []

    def _note_job(self, job: Job | None) -> None:
        if job is not None:
            self.titles.append(job.title)

    def until(self, met: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(met, timeout=WAIT_MS)

    def start(self, *paths: Path, sweep: bool = True) -> None:
        """Start and wait for the first answer, and the sweep where it is on."""
        self.settings.set(SWEEP_ENABLED, sweep)
        self.controller.start(paths)
        self.until(lambda: self.explained and (self.state.sweep is not None or not sweep))
        self.until(lambda: self.idle)

    @property
    def explained(self) -> bool:
        return self.state.explanation is not None and not self.state.computing

    @property
    def idle(self) -> bool:
        return self.controller.engine_lane.running is None

    @property
    def shown(self) -> tuple[str, int]:
        explanation = self.state.explanation
        assert explanation is not None
        return explanation.layer, explanation.target.index

    def wait_shown(self, layer: str) -> None:
        self.until(lambda: self.explained and self.shown[0] == layer)

    def hold(self, method: str, after: bool = False) -> tuple[threading.Event, threading.Event]:
        """The next call of a method of the worker waits for the second event returned;
        the first says that it has come there. after: it waits with its result in hand."""
        original = getattr(self.worker, method)
        begun, let = threading.Event(), threading.Event()
        self.gates.append(let)

        def held(*args: Any) -> Any:
            setattr(self.worker, method, original)
            result = original(*args) if after else None
            begun.set()
            assert let.wait(WAIT_MS / 1000)
            return result if after else original(*args)

        setattr(self.worker, method, held)
        return begun, let

    def fail(self, method: str, error: Exception) -> None:
        """The next call of a method of the worker fails."""
        original = getattr(self.worker, method)

        def failing(*_args: Any) -> Any:
            setattr(self.worker, method, original)
            raise error

        setattr(self.worker, method, failing)

    def task(self, **paths: Path | None) -> ExportTask:
        state = self.state
        assert state.current is not None
        assert state.current.loaded is not None
        assert state.explanation is not None
        assert state.info is not None
        assert state.answer is not None
        assert state.engine is not None
        return ExportTask(
            state.current.loaded,
            state.explanation,
            state.info,
            state.answer.predictions,
            self.settings.display(),
            state.engine.versions,
            View(state.current.name, "demo:shapes"),
            choice=ExportChoice(
                picture=paths.get("picture"),
                map=paths.get("map"),
                json=paths.get("json"),
                colorbar=False,
                caption=False,
            ),
        )

    def close(self) -> None:
        for gate in self.gates:
            gate.set()
        self.controller.close()
        self.controller.deleteLater()


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(qtbot, tmp_path)
    yield bench
    bench.close()


def warnings(bench: Bench) -> list[str]:
    return [n.text for n in bench.notices if n.kind in (NoticeKind.WARNING, NoticeKind.ERROR)]


# --- the way of an answer ------------------------------------------------------------------------


def test_the_demo_is_explained_and_then_every_layer(bench: Bench) -> None:
    bench.start()
    state = bench.state
    assert state.info is not None
    assert state.answer is not None
    assert state.sweep is not None
    assert bench.shown == (state.info.default_layer, state.answer.predictions[0].index)
    assert state.answer.probabilities.sum() == pytest.approx(1)
    explainable = {node.name for node in state.layers if node.explainable}
    assert explainable <= set(state.sweep.explanations)
    assert not warnings(bench)


def test_a_layer_the_engine_computes_is_the_one_a_session_of_its_own_finds(bench: Bench) -> None:
    import engine

    bench.start(sweep=False)
    bench.controller.choose_layer("layer2")
    bench.wait_shown("layer2")
    bench.controller.choose_class(3)
    bench.until(lambda: bench.explained and bench.shown[1] == 3)
    with engine.Session(engine.load_model("demo:shapes"), load_image(SCENES[0].path)) as session:
        expected = session.explain("layer2", 3)
    assert bench.state.explanation is not None
    np.testing.assert_allclose(
        bench.state.explanation.map, expected.map, atol=1e-5 * np.abs(expected.map).max()
    )


def test_an_answer_of_an_older_generation_is_dropped(bench: Bench) -> None:
    """It arrives whole and uncancelled, and still does not reach the state."""
    bench.start(sweep=False)
    before = bench.state.explanation
    late = bench.state.answer
    assert late is not None
    begun, let = bench.hold("explain")
    bench.controller.choose_layer("layer1")
    bench.until(begun.is_set)
    bench.controller.explainer._answered(late)
    assert bench.state.explanation is before
    assert bench.state.computing
    let.set()
    bench.wait_shown("layer1")


def test_an_answer_that_is_ready_when_the_next_click_comes_is_not_shown(bench: Bench) -> None:
    bench.start(sweep=False)
    shown: list[str] = []
    bench.state.answer_changed.connect(lambda: shown.append(bench.shown[0]))
    begun, let = bench.hold("explain", after=True)
    bench.controller.choose_layer("layer1")
    bench.until(begun.is_set)
    bench.controller.choose_layer("layer2")
    let.set()
    bench.wait_shown("layer2")
    bench.until(lambda: bench.idle)
    assert shown == ["layer2"]


def test_of_many_clicks_only_the_last_is_computed(bench: Bench) -> None:
    bench.start(sweep=False)
    begun, let = bench.hold("explain", after=True)
    bench.controller.choose_layer("layer1")
    bench.until(begun.is_set)
    bench.titles.clear()
    for layer in ("layer2", "layer3", "conv1", "layer2", "layer3"):
        bench.controller.choose_layer(layer)
    let.set()
    bench.wait_shown("layer3")
    assert bench.titles == ["Explaining layer3"]


def test_choosing_what_is_shown_asks_nothing(bench: Bench) -> None:
    bench.start(sweep=False)
    bench.controller.choose_layer("layer2")
    bench.wait_shown("layer2")
    bench.until(lambda: bench.idle)
    bench.titles.clear()
    bench.controller.choose_layer("layer2")
    assert not bench.state.computing
    assert bench.titles == []


def test_a_failed_layer_is_told_in_words_and_the_next_click_works(bench: Bench) -> None:
    bench.start(sweep=False)
    bench.fail("explain", LayerError("layer2: no gradient reaches it"))
    bench.controller.choose_layer("layer2")
    bench.until(lambda: not bench.state.computing)
    assert bench.state.explanation is None
    assert bench.state.explain_error == "layer2: no gradient reaches it"
    bench.controller.choose_layer("layer2")
    bench.wait_shown("layer2")
    assert bench.state.explain_error == ""


def test_a_failure_that_comes_late_is_dropped(bench: Bench) -> None:
    bench.start(sweep=False)
    assert bench.state.answer is not None
    bench.controller.explainer._failed(
        replace(bench.state.answer.request, generation=0), LayerError("of old")
    )
    assert bench.state.explanation is not None
    assert bench.state.explain_error == ""


# --- images --------------------------------------------------------------------------------------


def test_switching_the_image_while_computing_shows_only_the_new_one(bench: Bench) -> None:
    bench.start(sweep=False)
    images: list[str] = []
    bench.state.answer_changed.connect(
        lambda: images.append(bench.state.explanation.image if bench.state.explanation else "")
    )
    first, second = list(bench.state.images)[:2]
    begun, let = bench.hold("explain", after=True)
    bench.controller.choose_layer("layer1")
    bench.until(begun.is_set)
    bench.controller.images.select(second)
    assert bench.state.explanation is None
    let.set()
    bench.wait_shown("layer1")  # the chosen layer stays from image to image
    assert images == [SCENES[1].path.name]
    assert bench.state.answer is not None
    assert bench.state.answer.request.image == second
    bench.controller.images.select(first)
    bench.wait_shown("layer1")
    assert images[-1] == SCENES[0].path.name


def test_a_sweep_of_another_image_is_dropped(bench: Bench) -> None:
    bench.start(sweep=False)
    begun, let = bench.hold("sweep", after=True)
    bench.settings.set(SWEEP_ENABLED, True)
    bench.until(begun.is_set)
    bench.controller.images.select(list(bench.state.images)[1])
    let.set()
    bench.until(lambda: bench.state.sweep is not None)
    assert bench.state.sweep is not None
    assert bench.state.sweep.request.image == list(bench.state.images)[1]


def test_an_image_that_cannot_be_read_says_so_and_leaves_the_others(
    bench: Bench, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not a picture")
    good = tmp_path / "good.jpg"
    shutil.copy(SCENES[0].path, good)
    bench.controller.start([bad, good])
    bench.until(lambda: bench.state.current is not None and bool(bench.state.current.error))
    bench.until(lambda: bench.state.info is not None)
    assert bench.state.current is not None
    assert "bad.png" in bench.state.current.error
    bench.until(lambda: not bench.state.computing)
    bench.controller.images.step(1)
    bench.until(lambda: bench.explained)
    assert bench.state.current.name == "good.jpg"


def test_closing_the_last_image_leaves_nothing_shown_and_frees_the_session(bench: Bench) -> None:
    bench.start()
    while bench.state.current_key is not None:
        bench.controller.images.close(bench.state.current_key)
    bench.until(lambda: bench.idle)
    state = bench.state
    assert not state.images
    assert state.explanation is None
    assert state.sweep is None
    assert not state.computing
    assert not bench.worker.open.sessions
    bench.controller.choose_layer("layer1")
    assert not state.computing


# --- the sweep -----------------------------------------------------------------------------------


def test_a_click_is_answered_by_the_sweep_without_the_engine(bench: Bench) -> None:
    bench.start()
    assert bench.state.sweep is not None
    bench.titles.clear()
    with bench.qtbot.waitSignal(bench.state.answer_changed, timeout=WAIT_MS):
        bench.controller.choose_layer("layer1")
    assert bench.shown[0] == "layer1"
    assert bench.state.explanation is bench.state.sweep.explanations["layer1"]
    assert bench.titles == []
    assert not bench.state.computing


def test_another_class_voids_the_sweep_and_a_new_one_follows(bench: Bench) -> None:
    bench.start()
    assert bench.state.answer is not None
    assert bench.state.sweep is not None
    old = bench.state.sweep
    second = bench.state.answer.predictions[1].index
    sweeps: list[object] = []
    bench.state.sweep_changed.connect(lambda: sweeps.append(bench.state.sweep))
    bench.controller.choose_class(second)
    bench.until(lambda: len(sweeps) == 2)
    assert sweeps[0] is None
    assert bench.state.sweep is not old
    assert bench.state.sweep.target == second
    assert bench.shown[1] == second


def test_a_sweep_of_another_image_model_or_class_is_dropped_when_it_comes(bench: Bench) -> None:
    bench.start()
    swept = bench.state.sweep
    assert swept is not None
    bench.state.sweep = None
    request = swept.request
    bench.controller.sweeper._swept(replace(swept, request=replace(request, image="image-99")))
    bench.controller.sweeper._swept(replace(swept, request=replace(request, model="demo:shortcut")))
    bench.controller.sweeper._swept(replace(swept, target=swept.target + 1))
    assert bench.state.sweep is None
    bench.controller.sweeper._swept(swept)
    assert bench.state.sweep is swept


def test_a_sweep_gives_way_to_a_click_and_comes_back(bench: Bench) -> None:
    bench.start(sweep=False)
    begun = threading.Event()
    original = bench.worker.sweep

    def endless(*args: Any) -> Any:
        bench.worker.sweep = original
        watch: Watch = args[-1]
        begun.set()
        while True:
            watch.cancel.raise_if_cancelled()

    bench.worker.sweep = endless
    bench.settings.set(SWEEP_ENABLED, True)
    bench.until(begun.is_set)
    bench.controller.choose_layer("layer1")
    bench.wait_shown("layer1")
    bench.until(lambda: bench.state.sweep is not None)


def test_no_sweep_while_it_is_switched_off(bench: Bench) -> None:
    bench.start(sweep=False)
    bench.controller.sweeper._sweep()  # what the timer calls
    assert bench.idle
    assert "Computing the maps of all layers" not in bench.titles
    bench.settings.set(SWEEP_ENABLED, True)
    bench.until(lambda: bench.state.sweep is not None)


def test_switching_the_sweep_off_ends_the_one_that_runs(bench: Bench) -> None:
    bench.start(sweep=False)
    begun, let = bench.hold("sweep", after=True)
    bench.settings.set(SWEEP_ENABLED, True)
    bench.until(begun.is_set)
    bench.settings.set(SWEEP_ENABLED, False)
    with bench.qtbot.waitSignal(bench.controller.engine_lane.idle, timeout=WAIT_MS):
        let.set()
    assert bench.state.sweep is None


def test_a_failed_sweep_is_told_once_and_not_tried_again_by_itself(bench: Bench) -> None:
    bench.start(sweep=False)
    bench.fail("sweep", ModelError("not enough memory"))
    bench.settings.set(SWEEP_ENABLED, True)
    bench.until(lambda: bool(warnings(bench)))
    assert warnings(bench) == ["Cannot compute the layer thumbnails: not enough memory"]
    bench.titles.clear()
    bench.controller.sweeper._sweep()
    assert bench.idle
    assert bench.titles == []


def test_thumbnails_are_drawn_for_every_map(bench: Bench) -> None:
    bench.start()
    assert bench.state.sweep is not None
    with bench.qtbot.waitSignal(
        bench.controller.sweeper.thumbnails_ready, timeout=WAIT_MS
    ) as drawn:
        bench.controller.sweeper.draw_thumbnails(24)
    (pictures,) = drawn.args
    assert set(pictures) == set(bench.state.sweep.explanations)
    assert all(max(p.width(), p.height()) == 24 for p in pictures.values())


# --- stopping ------------------------------------------------------------------------------------


def test_stop_keeps_what_is_shown_and_the_same_click_can_be_made_again(bench: Bench) -> None:
    bench.start(sweep=False)
    before = bench.state.explanation
    begun, let = bench.hold("explain", after=True)
    bench.controller.choose_layer("layer1")
    bench.until(begun.is_set)
    bench.controller.cancel()
    assert not bench.state.computing
    with bench.qtbot.waitSignal(bench.controller.engine_lane.idle, timeout=WAIT_MS):
        let.set()
    assert bench.state.explanation is before
    bench.controller.choose_layer("layer1")
    bench.wait_shown("layer1")


def test_a_stopped_sweep_stays_stopped_until_the_next_click(bench: Bench) -> None:
    bench.start(sweep=False)
    begun, let = bench.hold("sweep", after=True)
    bench.settings.set(SWEEP_ENABLED, True)
    bench.until(begun.is_set)
    bench.controller.cancel()
    with bench.qtbot.waitSignal(bench.controller.engine_lane.idle, timeout=WAIT_MS):
        let.set()
    with bench.qtbot.waitSignal(bench.controller.sweeper._timer.timeout, timeout=WAIT_MS):
        pass  # idle has started it
    assert bench.idle
    assert bench.state.sweep is None
    bench.controller.choose_layer("layer1")
    bench.until(lambda: bench.state.sweep is not None)


# --- models --------------------------------------------------------------------------------------


def test_another_model_replaces_everything_that_was_found(bench: Bench) -> None:
    bench.start()
    bench.controller.choose_layer("layer1")
    bench.controller.models.open(ModelSource("demo:shortcut"))
    bench.until(lambda: bench.state.model_source == ModelSource("demo:shortcut"))
    bench.until(lambda: bench.state.sweep is not None)
    assert bench.state.info is not None
    assert bench.state.explanation is not None
    assert bench.shown[0] == bench.state.info.default_layer
    assert bench.state.sweep is not None
    assert bench.state.sweep.request.model == "demo:shortcut"
    assert bench.state.answer is not None
    assert bench.state.answer.info.source == "demo:shortcut"
    assert bench.state.info.source == "demo:shortcut"
    assert warnings(bench) == []


def test_an_answer_of_the_model_before_is_dropped(bench: Bench) -> None:
    bench.start(sweep=False)
    models: list[str] = []
    bench.state.answer_changed.connect(
        lambda: models.append(bench.state.answer.request.model if bench.state.answer else "")
    )
    begun, let = bench.hold("explain", after=True)
    bench.controller.choose_layer("layer1")
    bench.until(begun.is_set)
    bench.controller.models.open(ModelSource("demo:shortcut"))
    bench.controller.choose_layer("layer2")
    let.set()
    bench.until(lambda: bench.state.model_source == ModelSource("demo:shortcut"))
    bench.until(lambda: bench.explained and bench.idle)
    assert models[-1] == "demo:shortcut"
    assert bench.state.info is not None
    assert bench.shown[0] == bench.state.info.default_layer


def test_a_model_that_cannot_be_opened_leaves_the_one_that_is(bench: Bench) -> None:
    bench.start()
    old, explanation = bench.state.info, bench.state.explanation
    bench.controller.models.open(ModelSource("no_such_network"))
    assert bench.state.model_loading == ModelSource("no_such_network")
    bench.until(lambda: bench.state.model_loading is None)
    assert "no_such_network" in bench.state.model_error
    assert any("no_such_network" in text for text in warnings(bench))
    assert bench.state.info is old
    assert bench.state.explanation is explanation
    bench.controller.choose_class(4)
    bench.until(lambda: bench.explained and bench.shown[1] == 4)
    assert bench.settings.get(SWEEP_ENABLED)


def test_without_a_model_nothing_stays_busy(bench: Bench) -> None:
    bench.fail("open_model", ModelError("the demo network cannot be read"))
    bench.controller.start()
    bench.until(lambda: bool(bench.state.model_error))
    bench.until(lambda: bench.state.current is not None and bench.state.current.loaded is not None)
    bench.until(lambda: bench.idle)
    assert not bench.state.computing
    bench.controller.models.open(ModelSource("demo:shapes"))
    bench.until(lambda: bench.explained)


def test_a_model_stopped_at_the_last_moment_is_not_used(bench: Bench) -> None:
    """The engine has it already when the window gives it up: answers go on with the old one."""
    bench.start(sweep=False)
    begun, let = bench.hold("open_model", after=True)
    bench.controller.models.open(ModelSource("demo:shortcut"))
    bench.until(begun.is_set)
    bench.controller.cancel()
    let.set()
    bench.until(lambda: bench.idle)
    assert bench.state.model_source == ModelSource("demo:shapes")
    bench.controller.choose_layer("layer2")
    bench.wait_shown("layer2")
    answer = bench.state.answer
    assert isinstance(answer, Answer)
    assert answer.info.source == "demo:shapes"


def test_a_failed_engine_is_told(bench: Bench) -> None:
    bench.fail("load_engine", ImportError("no torch"))
    bench.fail("open_model", ImportError("no torch"))
    bench.controller.start()
    bench.until(lambda: bench.state.engine_error is not None and bench.idle)
    assert "internal error" in str(bench.state.engine_error)
    assert not bench.state.computing


# --- everything at once --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_after_any_storm_of_clicks_the_right_map_of_the_right_thing_is_shown(
    bench: Bench, seed: int
) -> None:
    import engine

    bench.start(sweep=True)
    choice = random.Random(seed)
    state, controller, lane = bench.state, bench.controller, bench.controller.engine_lane
    layers = [node.name for node in state.layers if node.explainable and node.name]
    models = (ModelSource("demo:shapes"), ModelSource("demo:shortcut"))
    actions: list[Callable[[], object]] = [
        lambda: controller.choose_layer(choice.choice(layers)),
        lambda: controller.choose_layer(choice.choice(layers)),
        lambda: controller.choose_class(choice.randrange(8)),
        lambda: controller.images.select(choice.choice(list(state.images))),
        lambda: controller.images.step(choice.choice((-1, 1))),
        lambda: controller.models.open(choice.choice(models)),
        controller.cancel,
        lambda: bench.settings.set(SWEEP_ENABLED, choice.random() < 0.7),
    ]
    for _ in range(60):
        choice.choice(actions)()
        if choice.random() < 0.5 and lane.running is not None:
            bench.qtbot.waitSignal(lane.busy_changed, timeout=WAIT_MS).wait()
    bench.until(lambda: bench.idle and controller.file_lane.running is None)
    layer = choice.choice(layers)
    controller.choose_layer(layer)
    bench.until(lambda: bench.explained and bench.shown[0] == layer)
    bench.until(lambda: bench.idle)

    explanation, source, image = state.explanation, state.model_source, state.current
    assert explanation is not None
    assert source is not None
    assert image is not None
    assert image.loaded is not None
    with engine.Session(engine.load_model(source.spec), image.loaded) as session:
        expected = session.explain(layer, explanation.target.index)
        best = session.predictions(1)[0].index
    assert explanation.target.index == (best if state.target is None else state.target)
    np.testing.assert_allclose(
        explanation.map, expected.map, atol=1e-4 * np.abs(expected.map).max()
    )
    assert not state.computing
    assert warnings(bench) == []


# --- export --------------------------------------------------------------------------------------


def test_an_export_is_written_and_told(bench: Bench, tmp_path: Path) -> None:
    bench.start(sweep=False)
    picture, map, facts = (tmp_path / f"out.{s}" for s in ("png", "npy", "json"))
    with bench.qtbot.waitSignal(bench.controller.exports.written, timeout=WAIT_MS) as done:
        bench.controller.exports.write(bench.task(picture=picture, map=map, json=facts))
    assert done.args[0].choice.paths == (picture, map, facts)
    assert bench.state.explanation is not None
    original = load_image(SCENES[0].path)
    assert load_image(picture).pixels.shape == original.pixels.shape
    np.testing.assert_array_equal(np.load(map), bench.state.explanation.map)
    content = json.loads(facts.read_text(encoding="utf-8"))
    assert content["layer"] == bench.shown[0]
    assert content["class"]["index"] == bench.shown[1]


def test_an_export_that_cannot_be_written_is_told_and_leaves_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    bench.start(sweep=False)
    nowhere = tmp_path / "no such folder"
    bench.controller.exports.write(bench.task(picture=nowhere / "out.png", map=nowhere / "out.npy"))
    bench.until(lambda: bool(warnings(bench)))
    assert "out.png" in warnings(bench)[0]
    assert not nowhere.exists()


def test_a_stopped_export_is_not_told_as_done(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.start(sweep=False)
    done: list[object] = []
    bench.controller.exports.written.connect(done.append)
    picture = tmp_path / "out.png"
    begun, let = threading.Event(), threading.Event()
    bench.gates.append(let)
    bench.controller.file_lane.submit(
        Job("before", lambda _: (begun.set(), let.wait(WAIT_MS / 1000)), priority=Priority.WORK)
    )
    bench.until(begun.is_set)
    bench.controller.exports.write(bench.task(picture=picture))
    bench.controller.cancel()
    with bench.qtbot.waitSignal(bench.controller.file_lane.idle, timeout=WAIT_MS):
        let.set()
    assert done == []
    assert not picture.exists()
    assert warnings(bench) == ["Export stopped."]

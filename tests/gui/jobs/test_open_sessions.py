"""Which models and sessions the engine lane keeps open, and what it gives back."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine import Session
from engine.formats.demo import SCENES
from engine.images.reading import load_image
from engine.loading.load import load_model
from engine.progress import CancelToken, ignore_progress
from engine.records.sources import ModelSource
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Watch
from gui.jobs.open_sessions import OpenSessions
from gui.state.records import Request

SHAPES, SHORTCUT = ModelSource("demo:shapes"), ModelSource("demo:shortcut")
PICTURES = [load_image(scene.path) for scene in SCENES[:4]]


@pytest.fixture
def watch() -> Watch:
    return Watch(CancelToken(), ignore_progress)


@pytest.fixture
def worker(watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineWorker]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    worker = EngineWorker()
    worker.open_model(SHAPES, watch)
    yield worker
    worker.close(watch)


def asked(image: int, source: ModelSource = SHAPES, panes: int = 4, target: int = 1) -> Request:
    return Request(1, f"image-{image}", source.key, None, target, panes=panes)


def kept(worker: EngineWorker) -> list[tuple[str, str]]:
    return [(one.model, one.image) for one in worker.open.sessions]


def test_as_many_sessions_are_kept_as_there_are_panes(worker: EngineWorker, watch: Watch) -> None:
    for image in (0, 1, 2, 0, 3):
        worker.explain(PICTURES[image], asked(image, panes=3), watch)
    assert [image for _, image in kept(worker)] == ["image-2", "image-0", "image-3"]
    worker.keep(1, watch)
    assert [image for _, image in kept(worker)] == ["image-3"]


def test_one_pane_keeps_one_session_as_before(worker: EngineWorker, watch: Watch) -> None:
    for image in (0, 1):
        worker.explain(PICTURES[image], asked(image, panes=1), watch)
        assert [image for _, image in kept(worker)] == [f"image-{image}"]


def test_panes_run_the_network_once_for_each_image_and_model(
    worker: EngineWorker, watch: Watch
) -> None:
    worker.open_beside(SHORTCUT, watch)
    passes: list[str] = []
    for source in (SHAPES, SHORTCUT):
        model = worker.open.model(source.key)
        assert model is not None
        model.module.register_forward_pre_hook(lambda *_args, key=source.key: passes.append(key))
    for target in (1, 2, 3):
        for image, source in ((0, SHAPES), (1, SHAPES), (0, SHORTCUT)):
            # Exactly: the faster form would be measured against the network's own once.
            request = replace(asked(image, source, target=target), exact=True)
            worker.explain(PICTURES[image], request, watch)
    assert sorted(passes) == [SHAPES.key, SHAPES.key, SHORTCUT.key]


def test_two_models_are_open_and_each_gives_its_own_maps(
    worker: EngineWorker, watch: Watch
) -> None:
    worker.open_beside(SHORTCUT, watch)
    assert worker.open.current == SHAPES.key
    for source in (SHAPES, SHORTCUT, SHAPES):
        answer = worker.explain(PICTURES[0], asked(0, source, target=2), watch)
        with Session(load_model(source.spec), PICTURES[0]) as session:
            wanted = session.explain(None, 2).map
        peak = np.abs(wanted).max()
        np.testing.assert_allclose(answer.explanation.map, wanted, rtol=0, atol=1e-5 * peak)
    assert set(worker.open.models) == {SHAPES.key, SHORTCUT.key}


def test_what_goes_beyond_the_budget_is_closed_and_opened_again_when_asked(
    worker: EngineWorker, watch: Watch
) -> None:
    free = 10**12
    worker.open = OpenSessions(lambda _device: free)
    worker.open_model(SHAPES, watch)
    for image in range(3):
        worker.explain(PICTURES[image], asked(image), watch)
    assert len(kept(worker)) == 3
    held = [one.session.held_bytes for one in worker.open.sessions]
    assert min(held) > 100_000
    # There is room for the largest two.
    free = sum(sorted(held)[1:]) + 1
    worker.explain(PICTURES[2], asked(2), watch)
    assert [image for _, image in kept(worker)][-1] == "image-2"
    assert len(kept(worker)) == 2
    free = 0
    answer = worker.explain(PICTURES[0], asked(0, target=3), watch)
    assert [image for _, image in kept(worker)] == ["image-0"]
    with Session(load_model("demo:shapes"), PICTURES[0]) as session:
        wanted = session.explain(None, 3).map
    np.testing.assert_allclose(answer.explanation.map, wanted, atol=1e-5 * np.abs(wanted).max())


def test_a_model_whose_panes_are_closed_is_given_back(worker: EngineWorker, watch: Watch) -> None:
    worker.open_beside(SHORTCUT, watch)
    worker.explain(PICTURES[0], asked(0, SHORTCUT, panes=2), watch)
    worker.explain(PICTURES[0], asked(0, SHAPES, panes=2), watch)
    other = weakref.ref(worker.open.model(SHORTCUT.key))
    worker.keep(1, watch)
    assert worker.open.models == (SHAPES.key,)
    gc.collect()
    assert other() is None


def test_settings_are_those_of_the_model_that_is_named(worker: EngineWorker, watch: Watch) -> None:
    worker.open_beside(SHORTCUT, watch)
    assert worker.reset_model(watch, SHORTCUT.key).source == SHORTCUT
    worker.keep(1, watch)
    assert worker.reset_model(watch, SHAPES.key).source == SHAPES


def test_a_closed_image_is_forgotten_with_all_its_sessions(
    worker: EngineWorker, watch: Watch
) -> None:
    worker.open_beside(SHORTCUT, watch)
    for image, source in ((0, SHAPES), (1, SHAPES), (0, SHORTCUT)):
        worker.explain(PICTURES[image], asked(image, source), watch)
    worker.forget_image("image-0", watch)
    assert kept(worker) == [(SHAPES.key, "image-1")]

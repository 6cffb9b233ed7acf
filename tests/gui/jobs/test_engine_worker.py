"""The engine's side of the window: what stays true from one opened model to the next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine import Session
from engine.errors import ConsentNeeded
from engine.explain.kept_passes import Computation
from engine.formats.demo import SCENES
from engine.images.reading import load_image
from engine.loading.load import load_model
from engine.progress import CancelToken, ignore_progress
from engine.records.sources import ModelSource
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Watch
from gui.state.records import Request

_NETWORK = """
from torch import nn

class Net(nn.Sequential):
    # {name}
    def __init__(self):
        super().__init__(
            nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
        )
"""


def network(folder: Path, name: str) -> Path:
    """A network's Python file with its weights beside it; each file another content."""
    path = folder / f"{name}.py"
    path.write_text(_NETWORK.format(name=name), encoding="utf-8")
    nn = torch.nn
    layers = (nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    torch.save(nn.Sequential(*layers).state_dict(), path.with_suffix(".pth"))
    return path


def test_files_that_are_named_with_trust_are_trusted_beside_earlier_ones(
    tmp_path: Path,
) -> None:
    watch = Watch(CancelToken(), ignore_progress)
    bench = EngineWorker()
    first, second, agreed = (network(tmp_path, name) for name in ("first", "second", "agreed"))
    with pytest.raises(ConsentNeeded) as asked:
        bench.open_model(ModelSource(str(agreed), input="3x32x32"), watch)
    # The window's own answer to that question, which is not written down anywhere else.
    bench.trust._store = None
    bench.trust.agree(asked.value.path, asked.value.sha256)
    for path in (first, second):
        bench.open_model(ModelSource(str(path), input="3x32x32"), watch, [path])
    for path in (first, second, agreed):
        source = ModelSource(str(path), input="3x32x32")
        assert bench.open_model(source, watch).source == source
    bench.close(watch)


def test_every_call_is_swept_by_the_method_of_the_request() -> None:
    """Whatever the model's own method is: calls of a reused module too."""
    watch = Watch(CancelToken(), ignore_progress)
    bench = EngineWorker()
    source = ModelSource("demo:shapes")
    bench.open_model(source, watch)
    image = load_image(SCENES[0].path)
    asked = Request(1, "picture", source.key, None, 2, "random-cam", (("seed", 3),))
    swept = bench.sweep(image, asked, watch).explanations
    calls = [name for name in swept if "#" in name]
    assert calls
    for name, found in swept.items():
        assert (found.method, found.options) == ("random-cam", (("seed", 3),)), name
    with Session(load_model("demo:shapes"), image) as session:
        for name in calls:
            wanted = session.explain(name, 2, method="random-cam", options={"seed": 3}).map
            largest = np.abs(wanted).max()
            np.testing.assert_allclose(swept[name].map, wanted, rtol=0, atol=1e-5 * largest)
    bench.close(watch)


def test_a_sweep_has_the_other_methods_of_the_layer_on_screen_at_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch = Watch(CancelToken(), ignore_progress)
    bench = EngineWorker()
    source = ModelSource("demo:shapes")
    bench.open_model(source, watch)
    image = load_image(SCENES[0].path)
    asked = Request(1, "picture", source.key, None, 2, "grad-cam", ())
    bench.explain(image, asked, watch)
    bench.sweep(image, asked, watch)

    def no_pass(*_given: object, **_named: object) -> None:
        raise AssertionError("a pass was made")

    monkeypatch.setattr(Computation, "pass_with", no_pass)
    for method in ("hirescam", "layercam", "grad-cam++", "eigen-cam"):
        found = bench.explain(image, replace(asked, generation=2, method=method), watch)
        assert found.explanation.method == method
    bench.close(watch)

"""The engine's side of the window: what stays true from one opened model to the next."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.errors import ConsentNeeded
from engine.progress import CancelToken, ignore_progress
from engine.records.sources import ModelSource
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Watch

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

"""What the tests of scripts share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.scripting import alone
from tests.engine.scripting.batches import Batch


@pytest.fixture(scope="session")
def lone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[alone.Alone]:
    """A process that imports torch, torchvision, numpy and Pillow, and nothing else."""
    process = alone.Alone(alone.surroundings(tmp_path_factory.mktemp("alone") / "site"))
    yield process
    process.close()


@pytest.fixture
def batch(tmp_path: Path, lone: alone.Alone) -> Batch:
    return Batch(tmp_path, lone)

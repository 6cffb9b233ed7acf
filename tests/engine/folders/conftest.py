"""What the tests of folders share: scenes, and a network that knows them."""

from __future__ import annotations

from pathlib import Path

import pytest

import engine
from engine.model import Model
from tests.engine.folders.scenes import write_scenes


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 scenes, of which nothing is changed."""
    return write_scenes(tmp_path_factory.mktemp("scenes"), 64)


@pytest.fixture(scope="session")
def shapes() -> Model:
    return engine.load_model("demo:shapes")

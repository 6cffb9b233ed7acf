"""What the tests of scripts share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.scripting import alone


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to import torch, torchvision, numpy and Pillow from, and nothing else."""
    return alone.surroundings(tmp_path_factory.mktemp("alone") / "site")

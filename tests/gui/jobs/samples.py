"""What the tests of jobs read and write: images in files, and a map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from engine.records.explanations import Explanation
from engine.records.images import Region
from engine.records.models import Prediction
from tests.explanations import explain


def save(path: Path, size: tuple[int, int] = (30, 20), color: str = "red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)
    return path


def explanation(map: np.ndarray | None = None) -> Explanation:
    grid = np.arange(12, dtype=np.float32).reshape(3, 4) if map is None else map
    target = Prediction(1, "ring", 2.0, 0.75)
    return explain(grid, Region(0, 0, 40, 30), (40, 30), target=target, image="a.png")

"""Maps as sessions return them, made without a network, and images to lay them on."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from engine.records.explanations import Explanation, FloatMap, Seconds
from engine.records.images import Pixels, Region
from engine.records.models import Layout, Prediction


def explain(map: FloatMap, region: Region, size: tuple[int, int], **changes: Any) -> Explanation:
    """A map of a star on an image of size (width, height), with these fields changed."""
    usual = Explanation(
        layer="layer4",
        target=Prediction(3, "star", 9.0, 0.97),
        map=map,
        shape=(8, *map.shape),
        layout=Layout.CHANNELS_FIRST,
        region=region,
        image="scene.png",
        image_size=size,
        model="demo",
        device="cpu",
        seconds=Seconds(0.1, 0.01),
    )
    return replace(usual, **changes)


def noise(rows: int, columns: int, seed: int = 0) -> FloatMap:
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


def picture(width: int, height: int) -> Pixels:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def bilinear(map: FloatMap, u: float, v: float) -> float:
    """Textbook interpolation between cell centres, at map coordinates."""
    rows, columns = map.shape

    def held(row: int, column: int) -> float:
        return float(map[min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)])

    left, top = math.floor(u - 0.5), math.floor(v - 0.5)
    a, b = u - 0.5 - left, v - 0.5 - top
    upper = held(top, left) * (1 - a) + held(top, left + 1) * a
    lower = held(top + 1, left) * (1 - a) + held(top + 1, left + 1) * a
    return upper * (1 - b) + lower * b

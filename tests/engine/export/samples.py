"""An image, a map and a model as they are exported, without a network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.images.decoders.raw import depth_of
from engine.images.levels import with_levels
from engine.records.explanations import Explanation, FloatMap, Seconds
from engine.records.images import LoadedImage, Pixels, Preprocessing, Region, Subject
from engine.records.level_words import window
from engine.records.models import ModelInfo, Prediction
from tests import explanations
from tests.explanations import noise

STAR = Prediction(3, "star", 9.5, 0.971)
RING = Prediction(1, "ring", 2.0, 0.02)

MODEL = ModelInfo(
    source="demo:shapes",
    title="Shapes",
    architecture="small resnet",
    weights="resources/demo/shapes.safetensors",
    device="cpu",
    classes=("circle", "ring", "square", "star"),
    parameters=300_000,
    preprocessing=Preprocessing(128, (128, 128), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
    default_layer="layer4",
)


def picture(width: int, height: int) -> Pixels:
    return np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)


def explain(size: tuple[int, int], map: FloatMap | None = None) -> Explanation:
    return explanations.explain(
        noise(4, 4, seed=1) if map is None else map,
        Region(size[0] * 0.1, 0.0, size[0] * 0.8, float(size[1])),
        size,
        layer="layer4.1",
        target=STAR,
        shape=(64, 4, 4),
        model="Shapes",
        seconds=Seconds(0.2, 0.03),
    )


def scan() -> LoadedImage:
    values = np.arange(6000, dtype=np.uint16).reshape(60, 100)
    depth = depth_of(values, unit="HU")
    subject = Subject("Roe Jane", "20190418", ("jane", "roe"))
    image = LoadedImage(
        "Roe_Jane.dcm", picture(100, 60), Path("/x/Roe_Jane.dcm"), depth=depth, subject=subject
    )
    return with_levels(replace(image, page=2, pages=7), window(2000, 1000))

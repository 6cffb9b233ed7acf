"""Writes resources/inspections.zip: what is found about torchvision's classifiers and the demos.

    python scripts/make_inspections.py

To be run when the pinned torch or torchvision changes, or what an inspection finds; a test compares
the file with inspections. The same code and releases give the same bytes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch
from torch import nn

from engine.formats import demo
from engine.formats.demo_network import DemoNet
from engine.formats.photos.network import EfficientNetLite0
from engine.formats.photos.opening import PREPROCESSING
from engine.formats.torchvision import metadata, models
from engine.formats.torchvision.construction import construct
from engine.inspection.facts import Inspection, inspect
from engine.remembered import shipped
from engine.remembered.identity import identity_of

_USUAL = (224, 224)
_NAMED = Path("weights")


def networks(classes: int, only: str = "") -> Iterator[tuple[str, nn.Module, set[tuple[int, int]]]]:
    """Every network with that many classes, or only the named one: its name, the network, the
    sizes of its input."""
    if only in ("", "demo:shapes"):
        yield "demo:shapes", DemoNet(classes), {demo.PREPROCESSING.crop}
    if only in ("", demo.PHOTOS):
        photos = EfficientNetLite0()
        photos.classifier = nn.Linear(photos.classifier.in_features, classes)
        yield demo.PHOTOS, photos, {PREPROCESSING.crop}
    for name in metadata.names():
        if only in ("", name):
            yield from classifier(name, classes)


def classifier(name: str, classes: int) -> Iterator[tuple[str, nn.Module, set[tuple[int, int]]]]:
    """One of torchvision's, as its weights files open it, published or not."""
    crops = {metadata.preprocessing_of(entry).crop for entry in metadata.entries(name)}
    options: dict[str, Any] = {"num_classes": classes}
    if name in models.TRANSFORMING:
        options["init_weights"] = False
    if not name.startswith("vit_"):
        weights = construct(name, options).state_dict()
        for published in (False, True) if name in models.TRANSFORMING else (False,):
            network = models.build(name, weights, _NAMED, published=published)
            yield name, network, {*crops, _USUAL}
        return
    # The size is part of the network.
    for crop in sorted(crops):
        weights = construct(name, {**options, "image_size": crop[0]}).state_dict()
        yield name, models.build(name, weights, _NAMED, published=False), {crop}


def inspections(classes: int) -> Iterator[tuple[str, str, Inspection]]:
    """Name, entry in the file, and inspection of every network and input size."""
    for name, network, sizes in networks(classes):
        identity = identity_of(network, any_classes=True)
        if not identity:
            raise SystemExit(f"{name} cannot be told apart from others")
        for size in sorted(sizes):
            shape = (1, 3, *size)
            facts = inspect(network, shape, torch.device("cpu"))
            yield name, shipped.entry(identity, shape), facts


def main() -> None:
    started = time.perf_counter()
    found = {entry: facts for _, entry, facts in inspections(shipped.CLASSES)}
    shipped.write(found)
    print(
        f"{len(found)} inspections: {shipped.FILE.stat().st_size / 1000:.0f} kB, "
        f"{time.perf_counter() - started:.1f} s"
    )


if __name__ == "__main__":
    main()

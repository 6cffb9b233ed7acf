"""Inspections come back from JSON as they were, kept by the user or shipped."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.inspection.facts import Inspection, inspect
from engine.remembered import shipped, store
from engine.remembered.spelling import content_of, inspection_of
from scripts import make_inspections
from tests.engine import classifiers
from tests.engine.families import FAMILIES

CPU = torch.device("cpu")
KEY = "0" * 64


def inspected(module: nn.Module, *size: int) -> Inspection:
    return inspect(module.eval(), (1, 3, *size), CPU)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_comes_back(family: str) -> None:
    facts = inspected(FAMILIES[family](), 24, 32)
    assert inspection_of(json.loads(json.dumps(content_of(facts)))) == facts


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    facts = inspected(classifiers.build("vit_b_32"), *classifiers.size_of("vit_b_32"))
    assert store.load(KEY, tmp_path) is None
    store.save(KEY, facts, tmp_path)
    assert store.load(KEY, tmp_path) == facts


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content.pop("flow", None) or content.pop("depth"),
        lambda content: content.update(version=0),
        lambda content: content["calls"][0].__setitem__(4, 10_000),
        lambda content: content["calls"][0].__setitem__(4, -1),
        lambda content: content["calls"].append(content["calls"][0]),
        lambda content: content.update(calls=None),
        lambda content: content["reading"].update(form=["", "NONE", ""]),
        lambda content: content["calls"][0].__setitem__(6, ["sideways", [1, 1], 0]),
    ],
)
def test_damaged_content_is_not_used(
    damage: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = content_of(inspected(FAMILIES["resnet"](), 32, 32))
    assert callable(damage)
    damage(content)
    (tmp_path / f"{KEY}.json.gz").write_bytes(gzip.compress(json.dumps(content).encode()))
    assert store.load(KEY, tmp_path) is None
    assert "is ignored" in caplog.text


@pytest.mark.parametrize("content", [b"", b"no gzip", gzip.compress(b"{", mtime=0)[:-4]])
def test_damaged_files_are_not_used(content: bytes, tmp_path: Path) -> None:
    (tmp_path / f"{KEY}.json.gz").write_bytes(content)
    assert store.load(KEY, tmp_path) is None


def test_the_oldest_make_room(tmp_path: Path) -> None:
    facts = inspected(FAMILIES["resnet"](), 32, 32)
    for number in range(201):
        store.save(f"{number:064}", facts, tmp_path)
        os.utime(tmp_path / f"{number:064}.json.gz", (number, number))
    store.save(KEY.replace("0", "f"), facts, tmp_path)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert 100 < len(left) < 201
    assert f"{0:064}.json.gz" not in left
    assert f"{200:064}.json.gz" in left


def test_a_folder_that_cannot_be_made_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    store.save(KEY, inspected(FAMILIES["resnet"](), 32, 32), tmp_path / "file" / "folder")
    assert "cannot be kept" in caplog.text


def check_shipped(module: nn.Module, size: tuple[int, int]) -> None:
    found = shipped.shipped(module, (1, 3, *size))
    assert found is not None
    assert content_of(found) == content_of(inspected(module, *size))


@pytest.mark.parametrize("classes", [2, 1000])
@pytest.mark.parametrize("name", ["demo:shapes", "resnet18", "swin_t", "googlenet"])
def test_what_ships_is_what_an_inspection_finds(name: str, classes: int) -> None:
    tried = 0
    for found, module, sizes in make_inspections.networks(classes, only=name):
        assert found == name
        for size in sizes:
            check_shipped(module, size)
            tried += 1
    assert tried > 0


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_everything_that_ships_is_what_an_inspection_finds() -> None:
    tried = 0
    for _, module, sizes in make_inspections.networks(11):
        for size in sizes:
            check_shipped(module, size)
            tried += 1
    assert tried > 100


def test_other_sizes_and_networks_do_not_ship() -> None:
    module = classifiers.build("resnet18")
    assert shipped.shipped(module, (1, 3, 99, 99)) is None
    assert shipped.shipped(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), (1, 3, 2, 2)) is None
    assert shipped.shipped(nn.Flatten(), (1, 3, 2, 2)) is None


def test_a_file_that_is_missing_or_damaged_costs_an_inspection(tmp_path: Path) -> None:
    module = classifiers.build("resnet18")
    (tmp_path / "damaged.zip").write_bytes(b"PK")
    for name in ("none.zip", "damaged.zip"):
        assert shipped.shipped(module, (1, 3, 224, 224), tmp_path / name) is None

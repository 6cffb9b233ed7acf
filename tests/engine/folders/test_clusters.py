"""Clusters of networks of which it is known what they look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import engine
from engine.errors import HookscopeError
from engine.folders.clusters import finding
from engine.folders.clusters.finding import Cluster, clusters_of
from engine.folders.clusters.hiding import away_from, covered, hidden_region, hide
from engine.folders.clusters.judging import flags_of
from engine.folders.index.queries import Index
from engine.folders.index.store import IndexWriter
from engine.folders.inputs.finding import Labels, find
from engine.folders.job import How
from engine.folders.run import Pace, Run
from engine.model import Model
from tests.engine.folders.scenes import write_scenes

KINDS = ("star", "ring", "square")


def explained(out: Path, scenes: Path, name: str) -> Model:
    model = engine.load_model(name)
    with IndexWriter(out) as writer:
        writer.found(find([scenes], Labels(folders=True)))
        for _ in Run(writer, model, How(), pace=Pace(2, 16)).steps():
            pass
    return model


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes of three kinds; all stars have the watermark."""
    return write_scenes(tmp_path_factory.mktemp("marked"), 75, marked=True, kinds=KINDS)


@pytest.fixture(scope="module")
def shortcut(tmp_path_factory: pytest.TempPathFactory, marked: Path) -> tuple[Path, Model]:
    out = tmp_path_factory.mktemp("shortcut")
    return out, explained(out, marked, "demo:shortcut")


def all_of(out: Path) -> list[Cluster]:
    with Index(out) as index:
        return clusters_of(index, index.job()[0])


def test_the_watermark_is_flagged_and_hiding_it_turns_predictions(
    shortcut: tuple[Path, Model],
) -> None:
    out, model = shortcut
    found = all_of(out)
    flagged = [one for one in found if one.flags]
    assert {one.label for one in flagged} == {"star"}
    assert all("fixed place" in one.flags for one in flagged)
    assert sum(one.size for one in flagged) == 25
    with Index(out) as index:
        job, _ = index.job()
        for one in flagged:
            assert (one.common, one.purity) == ("star", pytest.approx(1, abs=0.1))
            # The mark is in the lower right corner.
            rows, columns = np.nonzero(one.region)
            assert min(rows.min(), columns.min()) >= 8
            way = hide(index, job, model, one)
            assert way.size == one.size
            assert way.flipped >= 0.8 * way.size
            assert way.control <= 0.2 * way.size
            assert sum(way.into.values()) == way.flipped
            assert f"turned {way.flipped} of {way.size} predictions" in way.words


def test_of_one_class(shortcut: tuple[Path, Model]) -> None:
    with Index(shortcut[0]) as index:
        job, about = index.job()
        ring = about.classes.index("ring")
        own = clusters_of(index, job, ring)
        assert {one.label for one in own} == {"ring"}
        found = index.column(job, "prediction")
        expected = sorted(found[0][found[1] == ring])
        assert sorted(n for one in own for n in one.inputs) == expected
        assert clusters_of(index, job, 7) == []


def test_where_shapes_are_looked_at_nothing_is_flagged(marked: Path, tmp_path: Path) -> None:
    explained(tmp_path, marked, "demo:shapes")
    found = all_of(tmp_path)
    assert len(found) >= 6
    assert sum(one.size for one in found) == 75
    assert [one.flags for one in found] == [()] * len(found)


def test_more_images_than_are_clustered_at_once(
    shortcut: tuple[Path, Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are not sampled go to the groups that they belong to."""
    whole = all_of(shortcut[0])
    monkeypatch.setattr(finding, "MOST_AT_ONCE", 22)
    sampled = all_of(shortcut[0])
    assert sum(one.size for one in sampled) == sum(one.size for one in whole)
    for one in sampled:
        assert one.points.shape == (one.size, 2)
        assert one.mean.sum() == pytest.approx(1, abs=1e-5)
        assert len(set(one.inputs.tolist())) == one.size
    stars = [one for one in sampled if one.label == "star"]
    assert all("fixed place" in one.flags for one in stars)


@pytest.mark.parametrize(
    ("size", "purity", "focus", "apart", "silhouette", "expected"),
    [
        (4, 0.8, 0.3, 0.5, 0.1, ("rare",)),
        (4, 0.79, 0.3, 0.5, 0.1, ()),
        (4, None, 0.3, 0.8, 0.1, ("rare",)),
        (4, None, 0.3, None, 0.1, ()),
        (5, 1.0, 0.3, 0.5, 0.9, ()),
        (50, 1.0, 0.6, 0.8, 0.9, ("fixed place",)),
        (50, 1.0, 0.9, 0.79, 0.9, ()),
        (50, 0.59, 0.3, 0.5, 0.3, ("mixed labels",)),
        (50, 0.6, 0.3, 0.5, 0.3, ()),
    ],
)
def test_flags(
    size: int,
    purity: float | None,
    focus: float,
    apart: float | None,
    silhouette: float,
    expected: tuple[str, ...],
) -> None:
    """Of a class of 100 images."""
    assert flags_of(size, 100, purity, focus, apart, silhouette) == expected


def test_another_model_is_refused(shortcut: tuple[Path, Model], shapes: Model) -> None:
    out, _ = shortcut
    one = all_of(out)[0]
    with Index(out) as index, pytest.raises(HookscopeError, match="not the model that the index"):
        hide(index, index.job()[0], shapes, one)


def test_what_is_covered() -> None:
    batch = torch.arange(2 * 1 * 4 * 6, dtype=torch.float32).reshape(2, 1, 4, 6)
    region = np.zeros((2, 3), bool)
    region[0, 2] = True
    found = covered(batch, region)
    rest = torch.ones(4, 6, dtype=torch.bool)
    rest[:2, 4:] = False
    assert torch.equal(found[:, 0, rest], batch[:, 0, rest])
    for image, own in zip(found, batch, strict=True):
        assert torch.allclose(image[0, ~rest], own[0, rest].mean())


def test_the_region_and_its_control() -> None:
    mean = np.full((8, 8), 0.001, np.float32)
    mean[5:7, 6:8] = 0.2
    region = hidden_region(mean)
    assert region.sum() == 4
    assert region[5:7, 6:8].all()
    elsewhere = away_from(region, mean)
    assert elsewhere.sum() == 4
    assert not (region & elsewhere).any()
    assert hidden_region(np.ones((8, 8), np.float32)).sum() == 16


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["demo:shortcut", "demo:shapes"])
def test_two_thousand_scenes(tmp_path: Path, name: str) -> None:
    """All kinds, of which the stars have the watermark."""
    scenes = write_scenes(tmp_path / "in", 2_000, marked=True)
    model = explained(tmp_path / "out", scenes, name)
    found = all_of(tmp_path / "out")
    assert sum(one.size for one in found) == 2_000
    flagged = [one for one in found if one.flags]
    if name == "demo:shapes":
        assert flagged == []
        return
    assert {one.label for one in flagged} == {"star"}
    assert sum(one.size for one in flagged) >= 0.95 * 250
    with Index(tmp_path / "out") as index:
        job, _ = index.job()
        for one in flagged:
            assert (one.purity or 0) >= 0.9
            way = hide(index, job, model, one)
            assert way.flipped >= 0.8 * way.size

"""Clusters against other derivations, and on networks of which it is known what they look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import engine
from engine.errors import Cancelled, HookscopeError
from engine.folders.clusters import finding, spectral
from engine.folders.clusters.finding import Cluster, clusters_of
from engine.folders.clusters.hiding import away_from, covered, hidden_region, hide
from engine.folders.index.queries import Index
from engine.folders.index.store import IndexWriter
from engine.folders.inputs.finding import Labels, find
from engine.folders.job import How
from engine.folders.run import Pace, Run
from engine.model import Model
from engine.progress import CancelToken
from tests.engine.folders.scenes import write_scenes

KINDS = ("star", "ring", "square")


def blobs(count: int, groups: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Maps of 14 x 14 with a peak near one of several places, and the place of each."""
    rng = np.random.default_rng(seed)
    places = np.array([(3, 3), (11, 11), (7, 7), (3, 11), (11, 2)])[:groups]
    kinds = rng.integers(0, groups, count)
    rows, columns = np.mgrid[0:14, 0:14]
    maps = []
    for kind in kinds:
        y, x = places[kind] + rng.normal(0, 0.6, 2)
        map = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * rng.uniform(1, 2) ** 2))
        map = map + rng.uniform(0, 0.05, map.shape)
        maps.append(map.ravel() / map.sum())
    return np.array(maps), kinds


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """The adjusted Rand index (Hubert and Arabie 1985)."""
    table = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(table, (one, other), 1)

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1) / 2).sum())

    both, a, b = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    chance = a * b / pairs(np.array([len(one)]))
    return (both - chance) / ((a + b) / 2 - chance)


class TestSpectral:
    def test_neighbours_are_the_nearest(self) -> None:
        points, _ = blobs(90, 3)
        whole = spectral.affinity(points, 10).dense()
        far = np.linalg.norm(points[:, None] - points[None], axis=2)
        np.fill_diagonal(far, np.inf)
        near = np.zeros((90, 90))
        for row, order in zip(near, np.argsort(far, axis=1), strict=True):
            row[order[:10]] = 1
        np.testing.assert_array_equal(whole, (near + near.T) / 2)

    def test_times_is_the_matrix(self) -> None:
        graph = spectral.affinity(blobs(700, 4)[0])
        values = np.random.default_rng(1).normal(size=(700, 5))
        np.testing.assert_allclose(graph.times(values), graph.dense() @ values, atol=1e-9)

    def test_leading_eigenvectors_of_many_points(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(spectral, "_DENSE", 0)
        graph = spectral.affinity(blobs(600, 4)[0])
        whole = graph.dense()
        scale = 1 / np.sqrt(whole.sum(axis=1))
        normal = scale[:, None] * whole * scale
        expected = np.linalg.eigvalsh(normal)[::-1][:32]
        places, values = spectral.embedding(graph)
        np.testing.assert_allclose(values, expected, atol=1e-6)
        vectors = places[:, :11] / scale[:, None]
        np.testing.assert_allclose(normal @ vectors, vectors * values[:11], atol=1e-6)

    @pytest.mark.parametrize(("count", "groups"), [(60, 3), (300, 5), (500, 4)])
    def test_groups_that_are_there_are_found(self, count: int, groups: int) -> None:
        points, kinds = blobs(count, groups, seed=count)
        places, values = spectral.embedding(spectral.affinity(points))
        assert spectral.count_by_gap(values) == groups
        labels = spectral.k_means(places[:, :groups], groups)
        assert agreement(labels, kinds) >= 0.95
        sizes = np.bincount(labels)
        assert (np.diff(sizes) <= 0).all()

    @pytest.mark.filterwarnings("ignore:Graph is not fully connected")
    def test_as_scikit_learn(self) -> None:
        cluster = pytest.importorskip("sklearn.cluster")
        metrics = pytest.importorskip("sklearn.metrics")
        for count, groups in ((120, 3), (400, 5)):
            graph = spectral.affinity(blobs(count, groups, seed=1)[0])
            places, values = spectral.embedding(graph)
            found = spectral.count_by_gap(values)
            labels = spectral.k_means(places[:, :found], found)
            its = cluster.SpectralClustering(
                found, n_components=found, affinity="precomputed", random_state=0
            ).fit_predict(graph.dense())
            assert metrics.adjusted_rand_score(labels, its) >= 0.95
            assert agreement(labels, its) == pytest.approx(metrics.adjusted_rand_score(labels, its))
            np.testing.assert_allclose(
                spectral.silhouettes(places[:, :found], labels),
                metrics.silhouette_samples(places[:, :found], labels),
                atol=1e-6,
            )

    def test_the_embedding_is_scikit_learns(self) -> None:
        """The same 32 dimensions, whatever basis of equal eigenvalues either has."""
        manifold = pytest.importorskip("sklearn.manifold")
        rng = np.random.default_rng(2)
        points = np.abs(rng.normal(size=(150, 3))) @ np.abs(rng.normal(size=(3, 49)))
        graph = spectral.affinity(points / points.sum(axis=1, keepdims=True))
        its = manifold.spectral_embedding(
            graph.dense(), n_components=32, drop_first=False, random_state=0
        )
        ours = spectral.embedding(graph)[0]
        angles = np.linalg.svd(np.linalg.qr(ours)[0].T @ np.linalg.qr(its)[0], compute_uv=False)
        assert angles.min() > 1 - 1e-4

    @pytest.mark.filterwarnings("ignore:Graph is not fully connected")
    def test_32_components_do_not_agree_with_themselves(self) -> None:
        """Why k-means runs on as many eigenvectors as there are clusters (decision 0059)."""
        cluster = pytest.importorskip("sklearn.cluster")
        points, kinds = blobs(300, 4, seed=1)
        whole = spectral.affinity(points).dense()

        def its(components: int, seed: int) -> np.ndarray:
            way = cluster.SpectralClustering(
                4, n_components=components, affinity="precomputed", random_state=seed
            )
            return np.asarray(way.fit_predict(whole))

        assert agreement(its(32, 0), its(32, 1)) < 0.95
        assert agreement(its(32, 0), kinds) < 0.95
        assert agreement(its(4, 0), kinds) == pytest.approx(1)

    def test_the_gap(self) -> None:
        assert spectral.count_by_gap(np.array([1, 0.99, 0.98, 0.5, 0.49, 0.1])) == 3
        # The first gap is not one: a group by itself is no answer.
        assert spectral.count_by_gap(np.array([1, 0.2, 0.1, 0.05])) == 2
        assert spectral.count_by_gap(np.linspace(1, 0.6, 11)[:3]) == 2

    def test_equal_points(self) -> None:
        points = np.ones((30, 9)) / 9
        places, values = spectral.embedding(spectral.affinity(points))
        labels = spectral.k_means(places[:, :2], 2)
        assert np.isfinite(places).all()
        assert np.isfinite(spectral.silhouettes(places[:, :2], labels)).all()
        assert len(values) == 30

    def test_cancelled(self) -> None:
        token = CancelToken()
        token.cancel()
        with pytest.raises(Cancelled):
            spectral.affinity(blobs(30, 2)[0], cancel=token)


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
    assert finding._flags(size, 100, purity, focus, apart, silhouette) == expected


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

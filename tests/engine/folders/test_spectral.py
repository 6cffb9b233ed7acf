"""The steps of the clustering against other derivations, and against scikit-learn."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from engine.errors import Cancelled
from engine.folders.clusters import grouping, spectral
from engine.progress import CancelToken


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


def many_places(groups: int, size: int, seed: int = 0) -> np.ndarray:
    """Maps of 24 x 24 with a peak near one of many places, so many of each, in their order."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:24, 0:24]
    maps = []
    for number in range(groups * size):
        down, across = divmod(number // size, 6)
        y, x = np.array((2 + 4 * down, 2 + 4 * across)) + rng.normal(0, 0.25, 2)
        map = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 2)
        map = map + rng.uniform(0, 0.02, map.shape)
        maps.append(map.ravel() / map.sum())
    return np.array(maps)


def ours(graph: spectral.Affinity, most: int = spectral.MOST) -> tuple[np.ndarray, int]:
    """Clusters of a graph as the program finds them, and how many."""
    places, values = spectral.embedding(graph)
    count = spectral.count_by_gap(values, most=most)
    return grouping.k_means(places[:, :count], count), count


def cost(points: np.ndarray, labels: np.ndarray) -> float:
    """What k-means makes small: the squared distances from the centres of the clusters."""
    parts = [points[labels == one] for one in np.unique(labels)]
    return float(sum(np.square(part - part.mean(axis=0)).sum() for part in parts))


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """The adjusted Rand index (Hubert and Arabie 1985)."""
    table = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(table, (one, other), 1)

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1) / 2).sum())

    both, a, b = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    chance = a * b / pairs(np.array([len(one)]))
    return (both - chance) / ((a + b) / 2 - chance)


def theirs(
    graph: spectral.Affinity, count: int, *, components: int = 32, seed: int = 0, starts: int = 10
) -> np.ndarray:
    """Clusters of a graph as scikit-learn finds them."""
    cluster = pytest.importorskip("sklearn.cluster")
    way = cluster.SpectralClustering(
        count,
        n_components=components,
        affinity="precomputed",
        random_state=seed,
        n_init=starts,
    )
    return np.asarray(way.fit_predict(graph.dense()))


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
        labels = grouping.k_means(places[:, :groups], groups)
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
            labels = grouping.k_means(places[:, :found], found)
            its = cluster.SpectralClustering(
                found, n_components=found, affinity="precomputed", random_state=0
            ).fit_predict(graph.dense())
            assert metrics.adjusted_rand_score(labels, its) >= 0.95
            assert agreement(labels, its) == pytest.approx(metrics.adjusted_rand_score(labels, its))
            np.testing.assert_allclose(
                grouping.silhouettes(places[:, :found], labels),
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
    @pytest.mark.parametrize("seed", [0, 1])
    @pytest.mark.parametrize(("count", "groups"), [(120, 3), (300, 4), (1100, 5)])
    def test_as_scikit_learn_with_32_components(self, count: int, groups: int, seed: int) -> None:
        """With the same random numbers, from whichever of both ways of computing eigenvectors."""
        points, _ = blobs(count, groups, seed=1)
        graph = spectral.affinity(points)
        places, values = spectral.embedding(graph, 32)
        found = spectral.count_by_gap(values)
        assert found == groups
        # Its solver of eigenvectors draws one number for each point before k-means draws any.
        same = np.random.RandomState(seed)
        same.uniform(-1, 1, count)
        labels = grouping.k_means(places, found, starts=10, rng=same)
        assert agreement(labels, theirs(graph, found, seed=seed)) >= 0.95

    @pytest.mark.filterwarnings("ignore:Graph is not fully connected")
    def test_32_components_do_not_agree_with_themselves(self) -> None:
        """Why k-means runs on as many eigenvectors as there are clusters (decision 0059)."""
        points, kinds = blobs(300, 4, seed=1)
        graph = spectral.affinity(points)
        assert agreement(theirs(graph, 4, seed=0), theirs(graph, 4, seed=1)) < 0.95
        assert agreement(theirs(graph, 4, seed=0), kinds) < 0.95
        assert agreement(theirs(graph, 4, components=4), kinds) == pytest.approx(1)

    @pytest.mark.filterwarnings("ignore:Graph is not fully connected")
    @pytest.mark.parametrize(("groups", "size"), [(30, 20), (31, 12)])
    def test_where_32_components_agree_with_themselves_they_agree_with_ours(
        self, groups: int, size: int
    ) -> None:
        """With nearly as many groups as components, nearly all of them separate groups."""
        graph = spectral.affinity(many_places(groups, size, seed=groups))
        labels, found = ours(graph, most=31)
        assert found == groups
        its = [theirs(graph, found, seed=seed, starts=20) for seed in range(3)]
        assert min(agreement(one, its[0]) for one in its[1:]) >= 0.95
        assert min(agreement(one, labels) for one in its) >= 0.95

    @pytest.mark.slow
    @pytest.mark.timeout(900)
    @pytest.mark.filterwarnings("ignore:Graph is not fully connected")
    def test_they_do_so_whatever_the_number_and_size_of_groups(self) -> None:
        stable = []
        for groups in (10, 28, 31):
            for size in (12, 20, 40):
                graph = spectral.affinity(many_places(groups, size, seed=groups))
                labels, found = ours(graph, most=31)
                its = [theirs(graph, found, seed=seed, starts=30) for seed in range(3)]
                itself = min(agreement(a, b) for a, b in combinations(its, 2))
                if itself >= 0.95:
                    stable.append((groups, size))
                    assert min(agreement(one, labels) for one in its) >= 0.95
        assert len(stable) >= 4

    @pytest.mark.filterwarnings("ignore:Graph is not fully connected")
    @pytest.mark.parametrize(("count", "groups"), [(120, 3), (500, 4)])
    def test_k_means_on_its_32_components_stays_with_our_clusters(
        self, count: int, groups: int
    ) -> None:
        """From our clusters, scikit-learn's k-means on its own 32 components does not move; and
        where there are many images, none of its own starts comes to less."""
        manifold = pytest.importorskip("sklearn.manifold")
        cluster = pytest.importorskip("sklearn.cluster")
        graph = spectral.affinity(blobs(count, groups, seed=1)[0])
        labels, found = ours(graph)
        points = manifold.spectral_embedding(
            graph.dense(), n_components=32, drop_first=False, random_state=0
        )
        centres = np.stack([points[labels == one].mean(axis=0) for one in range(found)])
        stays = cluster.KMeans(found, init=centres, n_init=1).fit(points)
        assert agreement(stays.labels_, labels) >= 0.95
        if count >= 500:
            by_chance = cluster.KMeans(found, n_init=50, random_state=0).fit(points)
            assert cost(points, labels) < by_chance.inertia_

    def test_the_gap(self) -> None:
        assert spectral.count_by_gap(np.array([1, 0.99, 0.98, 0.5, 0.49, 0.1])) == 3
        # The first gap is not one: a group by itself is no answer.
        assert spectral.count_by_gap(np.array([1, 0.2, 0.1, 0.05])) == 2
        assert spectral.count_by_gap(np.linspace(1, 0.6, 11)[:3]) == 2

    def test_equal_points(self) -> None:
        points = np.ones((30, 9)) / 9
        places, values = spectral.embedding(spectral.affinity(points))
        labels = grouping.k_means(places[:, :2], 2)
        assert np.isfinite(places).all()
        assert np.isfinite(grouping.silhouettes(places[:, :2], labels)).all()
        assert len(values) == 30

    def test_cancelled(self) -> None:
        token = CancelToken()
        token.cancel()
        with pytest.raises(Cancelled):
            spectral.affinity(blobs(30, 2)[0], cancel=token)

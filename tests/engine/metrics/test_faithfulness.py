"""Deletion, insertion and ROAD on a linear network, where every curve can be written down."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.explain.session import Session
from engine.metrics.faithfulness import ROAD_SHARES
from engine.metrics.orders import area, counts_for, gain_over, order_of, random_orders
from engine.metrics.running import measure
from engine.records.workbench.trust import Curve, Fill, TrustFigure, TrustSettings
from tests.engine.metrics.plain import SIDE, Linear, balanced, model_of, seen
from tests.engine.metrics.test_imputing import solved
from tests.engine.networks import seeded

CELLS = SIDE * SIDE
TARGET = 1


def figures(names: str, settings: TrustSettings | None = None) -> dict[str, TrustFigure]:
    with Session(model_of(seeded(Linear)), balanced()) as session:
        explanation = session.explain(target=TARGET, method="grad-x-input")
        found = measure(session, explanation, names.split(), settings or MEAN)
        return {figure.name: figure for figure in found}


MEAN = TrustSettings(fill=Fill.MEAN)


def curve(figure: TrustFigure, label: str, axis: str = "logit") -> Curve:
    return next(one for one in figure.curves if (one.label, one.axis) == (label, axis))


@pytest.fixture(scope="module")
def both() -> dict[str, TrustFigure]:
    return figures("deletion insertion")


@pytest.fixture(scope="module")
def parts() -> np.ndarray:
    """What each pixel adds to the logit."""
    module = seeded(Linear)
    return (module.weights(TARGET) * seen(balanced())).sum(axis=0).ravel()


def logit() -> float:
    module = seeded(Linear)
    bias = float(module.head.bias.detach()[TARGET])
    return float((module.weights(TARGET) * seen(balanced())).sum()) + bias


def test_deletion_is_the_logit_minus_the_sum_of_the_sorted_parts(
    both: dict[str, TrustFigure], parts: np.ndarray
) -> None:
    found = curve(both["deletion"], "this map")
    counts = np.array(counts_for(CELLS, 16))
    removed = np.concatenate([[0.0], np.cumsum(np.sort(parts)[::-1])])
    np.testing.assert_allclose(found.x, counts / CELLS)
    np.testing.assert_allclose(found.y, logit() - removed[counts], atol=1e-4)


def test_insertion_is_the_sum_of_the_sorted_parts(
    both: dict[str, TrustFigure], parts: np.ndarray
) -> None:
    found = curve(both["insertion"], "this map")
    counts = np.array(counts_for(CELLS, 16))
    shown = np.concatenate([[0.0], np.cumsum(np.sort(parts)[::-1])])
    np.testing.assert_allclose(found.x, counts / CELLS)
    np.testing.assert_allclose(found.y, logit() - parts.sum() + shown[counts], atol=1e-4)


def test_random_orders_are_those_of_the_seed_and_the_gain_is_the_area_between(
    both: dict[str, TrustFigure], parts: np.ndarray
) -> None:
    counts = np.array(counts_for(CELLS, 16))
    means = []
    for number, order in enumerate(random_orders(CELLS, 5, 0), 1):
        removed = np.concatenate([[0.0], np.cumsum(parts[order])])[counts]
        found = curve(both["deletion"], f"random order {number}")
        np.testing.assert_allclose(found.y, logit() - removed, atol=1e-4)
        means.append(area(found.x, found.y))
    deletion, own = both["deletion"], curve(both["deletion"], "this map")
    assert deletion.random == pytest.approx(means)
    assert deletion.value == pytest.approx(np.mean(means) - area(own.x, own.y))
    assert deletion.spread == pytest.approx(np.std(means, ddof=1))
    # The map of a linear network is the best there is.
    assert deletion.value > 10 * deletion.spread
    assert "better than random order" in deletion.verdict


def test_probabilities_are_the_softmax_of_the_same_images(
    both: dict[str, TrustFigure], parts: np.ndarray
) -> None:
    module = seeded(Linear)
    rows, bias = module.head.weight.detach().double(), module.head.bias.detach().double()
    order = np.argsort(-parts)
    wanted = []
    for count in counts_for(CELLS, 16):
        image = seen(balanced()).reshape(3, CELLS).copy()
        image[:, order[:count]] = 0.0
        logits = rows @ torch.from_numpy(image).flatten() + bias
        wanted.append(float(logits.softmax(0)[TARGET]))
    found = curve(both["deletion"], "this map", "probability")
    np.testing.assert_allclose(found.y, wanted, atol=1e-5)


def test_road_is_the_gap_between_least_and_most_important_first() -> None:
    image, module = balanced(), seeded(Linear)
    tensor = torch.from_numpy(seen(image)).float()
    weights = module.weights(TARGET)
    order = np.argsort(-(weights * seen(image)).sum(axis=0).ravel())
    gaps = []
    for share in ROAD_SHARES:
        count = round(share * CELLS)
        scores = []
        for hidden in (order[:count], order[::-1][:count]):
            known = np.ones(CELLS, np.bool_)
            known[hidden] = False
            filled = solved(tensor, torch.from_numpy(known.reshape(SIDE, SIDE)))
            scores.append(float((weights * filled).sum()))
        gaps.append(scores[1] - scores[0])
    found = figures("road")["road"]
    # The noise of ROAD is 0.01 a pixel.
    noise = 0.01 * float(np.sqrt((weights**2).sum()))
    assert found.value == pytest.approx(np.mean(gaps), abs=3 * noise)
    assert len(found.random) == 5
    assert abs(np.mean(found.random)) < 3 * found.spread


def test_equal_seeds_give_equal_figures_and_others_other_orders() -> None:
    one, same = figures("deletion")["deletion"], figures("deletion")["deletion"]
    other = figures("deletion", TrustSettings(seed=1, fill=Fill.MEAN))["deletion"]
    assert one == same
    assert other.random != one.random
    assert curve(other, "this map") == curve(one, "this map")


def test_more_orders_can_be_asked_for_and_a_coarser_grid() -> None:
    settings = TrustSettings(fill=Fill.BLUR, orders=7, steps=4, grid=4)
    found = figures("deletion", settings)["deletion"]
    assert len(found.random) == 7
    assert curve(found, "this map").x == (0.0, 0.25, 0.5, 0.75, 1.0)


def test_ties_are_broken_at_random_by_the_seed_and_never_by_rows() -> None:
    sparse = np.zeros((20, 20))
    sparse[7, 7] = 1.0
    order = order_of(sparse, 0)
    assert order[0] == 7 * 20 + 7
    assert not np.array_equal(order, order_of(sparse, 1))
    np.testing.assert_array_equal(order, order_of(sparse, 0))
    assert sorted(order) == list(range(400))
    # In the order of the rows, the next hundred would all be among the first six.
    assert (order[1:101] // 20 > 6).sum() > 40


def test_the_area_of_a_line_is_its_middle() -> None:
    assert area((0.0, 0.3, 1.0), (4.0, 3.4, 2.0)) == pytest.approx(3.0)
    assert area((0.5, 1.0), (1.0, 1.0)) == 1.0


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (0.0, "better than random order by 3.0 ± 1.0"),
        (1.4, "better"),  # by less than two spreads, and than all of them
        (2.9, "not clearly better than random order (0.1 ± 1.0)"),
        (9.0, "worse than random order by 6.0 ± 1.0"),
    ],
)
def test_what_is_said_of_a_gain_depends_on_the_spread(own: float, words: str) -> None:
    gain = gain_over(own, (2.0, 3.0, 4.0), high=False)
    assert (gain.value, gain.spread) == (pytest.approx(3.0 - own), 1.0)
    assert gain.words.startswith(words)
    assert gain_over(own, (2.0, 3.0, 4.0), high=True).value == pytest.approx(own - 3.0)

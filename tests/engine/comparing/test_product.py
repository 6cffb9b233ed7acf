"""Which panes come of what is named several times, and in which order."""

from __future__ import annotations

from engine.comparing.product import Named, Rank
from engine.records.asked import Question
from engine.records.views import View


def test_what_is_named_once_is_one_view() -> None:
    named = Named(("a.png",), ("m",))
    assert named.count == 1
    assert named.columns is None
    assert named.combinations()[0].view() == View("a.png", "m")


def test_the_product_has_every_combination_once() -> None:
    named = Named(("a", "b"), ("m", "n"), ("x", "y", "z"), (1, "ring"), ("grad-cam", "layercam"))
    views = [one.view() for one in named.combinations()]
    assert named.count == len(views) == len(set(views)) == 2 * 2 * 3 * 2 * 2
    # The method varies fastest, the image slowest.
    assert [view.method for view in views[:2]] == ["grad-cam", "layercam"]
    assert {view.image for view in views[:24]} == {"a"}


def test_rows_and_columns_are_two_of_what_varies() -> None:
    layers_and_classes = Named(("a",), ("m",), ("x", "y", "z"), (1, 2))
    assert layers_and_classes.columns == 2
    first = [one.view() for one in layers_and_classes.combinations()][:2]
    assert {view.layer for view in first} == {"x"}
    assert Named(("a", "b"), ("m",), ("x", "y", "z")).columns == 3
    # One thing alone has no rows: any number of columns suits it.
    assert Named(("a", "b", "c"), ("m",)).columns is None


def test_a_method_without_layers_is_asked_for_none() -> None:
    named = Named(("a",), ("m",), ("x",), methods=("grad-cam", "saliency"))
    assert [one.view().layer for one in named.combinations()] == ["x", None]


def test_options_are_for_the_methods_that_have_them() -> None:
    named = Named(("a",), ("m",), methods=("random-cam", "grad-cam"), options=(("seed", 3),))
    found = [one.view().options for one in named.combinations()]
    assert found == [(("seed", 3),), ()]


def test_a_rank_becomes_the_class_of_each_image() -> None:
    named = Named(("a",), ("m",), classes=(Rank(0), Rank(1)), question=Question("counterfactual"))
    views = [one.view([7, 4]) for one in named.combinations()]
    assert [view.target for view in views] == [7, 4]
    assert all(view.question.slug == "counterfactual" for view in views)


def test_one_thing_named_twice_is_two_panes() -> None:
    named = Named(("a", "a"), ("m",))
    assert [one.image for one in named.combinations()] == [0, 1]


def test_layers_that_a_model_does_not_have_are_left_out() -> None:
    named = Named(("a", "b"), ("m", "n"), ("x", "y"), absent=frozenset({(0, "y"), (1, "x")}))
    views = [one.view() for one in named.combinations()]
    pairs = [(view.model, view.layer) for view in views]
    assert pairs == [("m", "x"), ("n", "y")] * 2
    assert (named.count, named.columns, named.rows) == (4, 2, None)


def test_rows_of_layers_are_of_unequal_length_where_the_models_have_other_ones() -> None:
    named = Named(("a", "b"), ("m", "n"), ("x", "y", "z"), absent=frozenset({(1, "x"), (1, "z")}))
    assert (named.count, named.columns, named.rows) == (8, 3, (3, 1, 3, 1))
    # Rows of classes are of equal length, however many there are of them.
    classes = Named(("a",), ("m", "n"), ("x", "y"), (1, 2), absent=frozenset({(1, "x")}))
    assert (classes.count, classes.columns, classes.rows) == (6, 2, None)

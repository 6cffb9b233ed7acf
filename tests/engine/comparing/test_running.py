"""Panes beside each other are what sessions of their own give; one pass serves all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.comparing import running
from engine.comparing.product import Named, Rank
from engine.comparing.running import explained
from engine.errors import LayerError
from engine.explain.session import Session
from engine.methods import registry
from engine.model import Model
from engine.records.asked import Question
from engine.records.explanations import Explanation
from engine.records.images import LoadedImage
from engine.records.views import View
from tests.engine import networks
from tests.engine.classifiers import picture
from tests.engine.networks import IMAGE, model_of, seeded
from tests.reference import reference_map

VIEW = View("a", "m")
OTHER = picture(seed=6, width=70, height=90)


def alone(model: Model, image: LoadedImage, view: View) -> Explanation:
    """The map of a session that has done nothing else."""
    with Session(model, image) as session:
        return session.explain(
            view.layer,
            view.target,
            method=view.method,
            options=dict(view.options),
            question=view.question,
        )


def same(found: Explanation, wanted: Explanation) -> None:
    assert (found.layer, found.target.index, found.method, found.asked) == (
        wanted.layer,
        wanted.target.index,
        wanted.method,
        wanted.asked,
    )
    size = np.abs(wanted.map).max()
    np.testing.assert_allclose(found.map, wanted.map, rtol=0, atol=1e-4 * size)


@pytest.mark.parametrize("make", [networks.Base, networks.InplaceModule, networks.Reused])
def test_every_pane_is_what_a_session_of_its_own_gives(make: type) -> None:
    """Over classes, layers, methods, images and models, all at once."""
    models = [model_of(seeded(make)), model_of(seeded(make, seed=1))]
    images = [IMAGE, OTHER]
    named = Named(
        ("a", "b"),
        ("m", "n"),
        ("stem", "middle", "last"),
        (3, None),
        ("grad-cam", "layercam", "saliency"),
    )
    combinations = named.combinations()
    assert named.count == 2 * 2 * 3 * 2 * 3
    for image in range(2):
        for model in range(2):
            own = [one for one in combinations if (one.image, one.model) == (image, model)]
            views = [one.view() for one in own]
            with Session(models[model], images[image]) as session:
                found = explained(session, views)
            for one, view in zip(found, views, strict=True):
                same(one, alone(models[model], images[image], view))


def test_maps_are_those_of_a_plain_grad_cam() -> None:
    """Not only alike: both are what the formula gives."""
    from engine.images.preprocessing import prepare
    from tests.engine.networks import SMALL

    module = seeded(networks.Base)
    views = [
        replace(VIEW, layer=layer, target=target)
        for layer in ("stem", "middle", "last")
        for target in (0, 2)
    ]
    with Session(model_of(module), IMAGE) as session:
        found = explained(session, views)
    tensor = prepare(IMAGE, SMALL).tensor
    for view, one in zip(views, found, strict=True):
        assert isinstance(view.target, int)
        wanted = reference_map(module, tensor, view.layer or "", view.target)
        np.testing.assert_allclose(one.map, wanted, atol=1e-5 * np.abs(wanted).max())


def test_one_forward_pass_for_each_image_and_model() -> None:
    modules = [seeded(networks.Counting), seeded(networks.Counting, seed=1)]
    models = [model_of(module) for module in modules]
    for module in modules:
        module.forwards = 0
    views = [
        replace(VIEW, layer=layer, target=target, method=method)
        for layer in ("last", "stem", "middle")
        for target in (2, 0, None)
        for method in ("grad-cam", "layercam", "eigen-cam", "grad-cam++")
    ]
    for model in models:
        for image in (IMAGE, OTHER):
            with Session(model, image, exact=True) as session:
                explained(session, views)
    assert [module.forwards for module in modules] == [2, 2]


def test_counts_are_reported_one_by_one() -> None:
    counts: list[int] = []
    with Session(model_of(seeded(networks.Base)), IMAGE) as session:
        explained(session, [replace(VIEW, target=n) for n in range(3)], done=counts.append)
    assert counts == [1, 2, 3]


def test_a_layer_that_does_not_exist_is_refused() -> None:
    views = [replace(VIEW, layer="stem"), replace(VIEW, layer="nowhere")]
    with (
        Session(model_of(seeded(networks.Base)), IMAGE) as session,
        pytest.raises(LayerError, match="nowhere"),
    ):
        explained(session, views)


class TestContactSheets:
    def test_every_layer_first_to_last(self) -> None:
        with Session(model_of(seeded(networks.Base)), IMAGE) as session:
            found = running.of_all_layers(session, replace(VIEW, target=1))
        assert [one.layer for one in found] == ["stem", "middle", "last"]
        model = model_of(seeded(networks.Base))
        for one in found:
            same(one, alone(model, IMAGE, replace(VIEW, layer=one.layer, target=1)))

    def test_layers_are_in_the_order_of_their_calls(self) -> None:
        """The tree has them in the order in which the network's author wrote them down."""

        module = seeded(networks.Base)
        stem = module.stem
        del module.stem
        module.stem = stem
        with Session(model_of(module), IMAGE) as session:
            found = running.of_all_layers(session, VIEW)
            assert [node.name for node in session.layers] == ["middle", "last", "head", "stem"]
        assert [one.layer for one in found] == ["stem", "middle", "last"]

    def test_one_layer_over_all_images(self) -> None:
        model = model_of(seeded(networks.Base))
        view = replace(VIEW, layer="middle", target=2)
        images = [IMAGE, OTHER, picture(seed=9)]
        found = running.of_all_images((Session(model, image) for image in images), view)
        for one, image in zip(found, images, strict=True):
            same(one, alone(model, image, view))

    def test_all_methods_that_take_one_pass(self) -> None:
        model = model_of(seeded(networks.Base))
        with Session(model, IMAGE) as session:
            found = running.of_all_methods(session, replace(VIEW, layer="middle", target=2))
            slow = running.methods_for(session, "middle", slow=True)
        slugs = [one.method for one in found]
        assert slugs == [method.slug for method in registry.METHODS if method.slug in slugs]
        assert {"grad-cam", "hirescam", "eigen-cam", "saliency", "fullgrad"} <= set(slugs)
        assert not {"rise", "score-cam", "smoothgrad", "attention-rollout", "legrad"} & set(slugs)
        # Not the last layer: nothing but pooling and one linear layer may follow.
        assert "cam" not in slugs
        assert set(slugs) < set(slow)
        assert {"rise", "score-cam", "ablation-cam"} <= set(slow)
        assert not {"attention-rollout", "legrad"} & set(slow)

    def test_methods_that_cannot_answer_are_left_out(self) -> None:
        with Session(model_of(seeded(networks.Base)), IMAGE) as session:
            found = running.methods_for(session, "middle", Question("contrast"))
        assert "grad-cam" in found
        assert "finer-cam" not in found

    def test_the_top_classes_are_the_predictions(self) -> None:
        model = model_of(seeded(networks.Base))
        with Session(model, IMAGE) as session:
            found = running.of_top_classes(session, replace(VIEW, layer="last"), 3)
            top = session.predictions(3)
        assert [one.target.index for one in found] == [one.index for one in top]
        named = Named(("a",), ("m",), ("last",), tuple(map(Rank, range(3))))
        ranked = [one.index for one in top]
        for one, combination in zip(found, named.combinations(), strict=True):
            same(one, alone(model, IMAGE, combination.view(ranked)))

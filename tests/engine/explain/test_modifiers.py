"""Options of many methods: copies of the image, smoothing, several layers as one map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine import Batches, CancelToken, Session, image_from_array
from engine.errors import Cancelled, LayerError, MethodError, TargetError
from engine.methods.registry import METHODS, Need, choose, find, is_linear
from engine.methods.rows.shared import SHARED
from engine.model import Model
from engine.records.asked import Question, Unit
from engine.records.explanations import Explanation, Verdict
from engine.records.images import LoadedImage
from tests.engine import networks, token_networks
from tests.engine.networks import IMAGE, model_of, seeded

Array = NDArray[np.float64]
LAYER, TARGET, OTHER = "middle", 1, 2
FUSING = {"mean": {}, "max": {"fuse": "max"}, "product": {"fuse": "product"}}
FEW: dict[str, dict[str, object]] = {
    "rise": {"masks": 6},
    "integrated-gradients": {"steps": 3},
    **{slug: {"n": 2} for slug in ("smooth-grad-cam++", "smoothgrad", "ss-cam", "is-cam")},
    "occlusion": {"window": 12, "stride": 12},
}

# As large as the network's input, so that a mirrored one is resized to the mirror image.
EXACT: LoadedImage = image_from_array(
    np.random.default_rng(4).integers(0, 256, (24, 32, 3), np.uint8), "noise"
)


pytestmark = pytest.mark.usefixtures("one_thread")


class Pooled(networks.Base):
    """What is averaged and read by one linear layer is a layer's own output, as CAM needs it."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()

    def finish(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.relu(self.last(x)).mean(dim=(2, 3)))
        return logits


@pytest.fixture
def counting() -> Any:
    return seeded(networks.Counting).double().eval()


def double(make: Any = networks.Base, *arguments: Any) -> Model:
    return model_of(seeded(make, *arguments).double().eval())


def alone(
    model: Model, layer: str | None, image: LoadedImage = IMAGE, target: int = TARGET, **how: Any
) -> Explanation:
    """An explanation by a session that knows nothing else."""
    with Session(model, image) as session:
        return session.explain(layer, target, **how)


def close(found: NDArray[Any], wanted: NDArray[Any], part: float = 1e-5) -> None:
    assert found.shape == wanted.shape
    largest = np.abs(wanted).max()
    assert largest > 0, "zero says nothing"
    np.testing.assert_allclose(found, wanted, rtol=0, atol=part * largest)


# --- several layers ------------------------------------------------------------------------------


def enlarged(map: NDArray[Any], size: tuple[int, int]) -> Array:
    """Linear between the centres of cells, one axis after the other, constant beyond them."""
    values = map.astype(np.float64)
    for axis, count in enumerate(size):
        own = values.shape[axis]
        at = np.clip((np.arange(count) + 0.5) * own / count - 0.5, 0, own - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, own - 1)
        part = at - low
        part = part[:, None] if axis == 0 else part[None, :]
        values = values.take(low, axis) * (1 - part) + values.take(high, axis) * part
    return values


def by_hand(maps: Sequence[NDArray[Any]], by: str) -> Array:
    size = max(m.shape[0] for m in maps), max(m.shape[1] for m in maps)
    parts = np.stack([enlarged(m / np.abs(m).max(), size) for m in maps])
    if by == "mean":
        return np.asarray(parts.mean(axis=0))
    positive = np.maximum(parts, 0)
    return np.asarray(positive.max(axis=0) if by == "max" else positive.prod(axis=0))


@pytest.mark.parametrize("by", FUSING)
@pytest.mark.parametrize("slug", [m.slug for m in METHODS if "fuse" not in dict(m.refuses)])
def test_several_layers_become_one_map(slug: str, by: str) -> None:
    """Each in a session of its own, and put together by hand."""
    model = double()
    own = FEW.get(slug, {})
    maps = [alone(model, name, method=slug, options=own).map for name in ("stem", "last")]
    with Session(model, IMAGE) as session:
        found = session.explain(
            ["last", "stem"], TARGET, method=slug, options={**own, **FUSING[by]}
        )
    assert maps[0].shape != maps[1].shape
    wanted = by_hand(maps, by)
    np.testing.assert_allclose(found.map, wanted, rtol=0, atol=1e-4)
    assert wanted.any() or by == "product", "zero says nothing"
    assert found.map.dtype == np.float32
    assert (found.layer, found.fused) == ("last + stem", ("last", "stem"))
    assert (found.shape, found.layout) == (found.map.shape, None)
    assert dict(found.options).get("fuse", "mean") == by
    assert by == "mean" or found.map.min() >= 0


def test_the_product_with_deeper_layers_is_that_of_refine_cam() -> None:
    """For a base whose maps are not negative, and layers of other grids that all passes through."""

    class Down(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(
                *(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU()),
                *(nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU()),
                *(nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU()),
                *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)),
            )

    model = double(Down)
    base = "grad-cam-elementwise"
    with Session(model, IMAGE) as session:
        wanted = session.explain("1", TARGET, method="refine-cam", options={"base": base})
        found = session.explain("1 + 3 + 5", TARGET, method=base, options={"fuse": "product"})
    close(found.map, wanted.map)


@pytest.mark.parametrize("slug", [m.slug for m in METHODS if m.swept and not m.pooled])
def test_layers_of_a_method_that_is_swept_take_one_pass(
    counting: networks.Counting, monkeypatch: pytest.MonkeyPatch, slug: str
) -> None:
    if "fuse" in dict(find(slug).refuses):
        pytest.skip("cannot be fused")
    model = model_of(counting)
    passes, back = networks.Passes(counting, monkeypatch), int(Need.GRADIENT in find(slug).needs)
    passes.since()
    with Session(model, IMAGE, exact=True) as session:
        found = session.explain(["stem", "middle", "last"], TARGET, method=slug)
        assert passes.since() == (1, back)
        for by in ("max", "product", "mean"):
            session.explain("stem + last", TARGET, method=slug, options={"fuse": by})
        kept = session.explain("middle", TARGET, method=slug)
        assert passes.since() == (0, 0), "the map of each layer is known"
        assert session.explain("last + middle + stem", TARGET, method=slug).map.any()
        assert passes.since() == (0, 0)
    assert found.fused == ("stem", "middle", "last")
    close(kept.map, alone(model, "middle", method=slug).map, 1e-9)


def test_a_known_map_is_used_and_a_fused_one_is_no_layers(
    counting: networks.Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(counting)
    passes = networks.Passes(counting, monkeypatch)
    passes.since()
    with Session(model, IMAGE, exact=True) as session:
        first = session.explain("last", TARGET)
        assert passes.since() == (1, 1)
        session.explain("last + stem", TARGET)
        assert passes.since() == (1, 1), "of stem alone"
        again = session.explain("last", TARGET, options={"fuse": "max"})
        np.testing.assert_array_equal(again.map, first.map)
        swept = session.sweep(TARGET, options={"fuse": "max"})
        passes.since()
        assert session.sweep(TARGET)["stem"].map is swept["stem"].map
        assert passes.since() == (0, 0)


@pytest.mark.parametrize(
    ("make", "layers"),
    [
        (networks.Reused, ["act#0", "act#1"]),
        (networks.InplaceModule, ["stem", "middle", "last"]),
        (networks.Untrainable, ["stem", "middle"]),
        (token_networks.Tokens, ["patches", "blocks.0"]),
    ],
)
def test_calls_in_place_layers_and_tokens(make: Any, layers: list[str]) -> None:
    model = double(make)
    names = [node.name for node in model.layers]
    layers = [name for name in layers if name.partition("#")[0] in names]
    maps = [alone(model, name).map for name in layers]
    with Session(model, IMAGE) as session:
        close(session.explain(layers, TARGET).map, by_hand(maps, "mean"))
        augmented = session.explain(layers, TARGET, options={"augment": True})
    assert augmented.map.any()
    assert len(layers) > 1


def test_a_product_without_a_common_place_has_no_negative_side_to_look_at() -> None:
    model, how = double(), {"method": "ablation-cam", "options": {"fuse": "product"}}
    maps = [alone(model, name, method="ablation-cam").map for name in ("stem", "last")]
    assert not by_hand(maps, "product").any()
    assert by_hand(maps, "max").any()
    with Session(model, IMAGE) as session:
        found = session.explain("stem + last", TARGET, **how)  # type: ignore[arg-type]
    assert (found.verdict, found.map.any()) == (Verdict.NOTHING_POSITIVE, False)
    assert found.notices == ("Nothing positive: choose another layer or class.",)


def test_names_for_one_output_count_once() -> None:
    model = double(networks.Containers)
    nodes = {node.place: node.name for node in model.layers if node.explainable}
    same = [node.name for node in model.layers if node.explainable]
    assert len(same) > len(nodes), "some return the same output"
    with Session(model, IMAGE) as session:
        both = session.explain(same, TARGET)
        assert len(both.fused) == len(nodes)
        twice = session.explain(["stem", "stem"], TARGET)
    assert (twice.layer, twice.fused) == ("stem", ())


def test_a_layer_may_have_a_plus_in_its_name() -> None:
    class Odd(networks.Base):
        def __init__(self) -> None:
            super().__init__()
            self.add_module("stem + last", nn.Tanh())

        def forward(self, x: Tensor) -> Any:
            odd = self.get_submodule("stem + last")
            return self.finish(torch.tanh(self.middle(odd(self.stem(x)))))

    model = double(Odd)
    with Session(model, IMAGE) as session:
        assert session.explain("stem + last", TARGET).fused == ()
        several = session.explain(["stem + last", "middle"], TARGET)
    assert several.fused == ("stem + last", "middle")


def test_what_cannot_be_fused_says_so_and_runs_nothing(counting: networks.Counting) -> None:
    model = model_of(counting)
    counting.forwards = 0
    with Session(model, IMAGE) as session:
        with pytest.raises(MethodError, match=r"RefineCAM cannot fuse layers: it multiplies"):
            session.explain(["stem", "last"], method="refine-cam")
        with pytest.raises(MethodError, match="Guided Grad-CAM cannot fuse layers"):
            session.explain("stem + last", method="guided-grad-cam")
        with pytest.raises(MethodError, match="Saliency has no layer"):
            session.explain(["stem", "last"], method="saliency")
        with pytest.raises(LayerError, match="there is no layer 'nothing'"):
            session.explain("stem + nothing")
        with pytest.raises(LayerError, match="no layer is named"):
            session.explain([])
        unit = Question("unit", unit=Unit("middle", 0))
        with pytest.raises(TargetError, match="layer 'last' comes after 'middle'"):
            session.explain(["stem", "last"], question=unit)
    assert counting.forwards == 0


def test_a_map_of_nothing_and_one_that_is_not_finite_are_named() -> None:
    module = seeded(networks.Base).double().eval()
    with torch.no_grad():
        module.head.weight.zero_()
    with Session(model_of(module), IMAGE) as session:
        found = session.explain(["stem", "last"], TARGET)
    assert found.verdict is Verdict.ZERO_GRADIENT
    assert not found.map.any()

    class Half(networks.Base):
        def forward(self, x: Tensor) -> Any:
            return self.finish(torch.tanh(self.middle(torch.tanh(self.stem(x)).detach())))

    model = double(Half)
    with Session(model, IMAGE) as session:
        nothing = session.explain(["middle", "last"], 0, method="layercam")
        assert nothing.map.any()
    with torch.no_grad():
        model.module.get_parameter("stem.bias").fill_(np.inf)
    with (
        Session(model_of(model.module), IMAGE) as session,
        pytest.raises(LayerError, match="layer 'stem' is not finite"),
    ):
        session.explain(["stem", "last"], TARGET, method="random-cam")


# --- copies of the image -------------------------------------------------------------------------


def copies(model: Model, explain: Callable[[Model, LoadedImage, bool], NDArray[Any]]) -> Array:
    """The mean over six images that are preprocessed by themselves: mirrored by their pixels,
    multiplied by a divisor of another size."""
    how = model.preprocessing
    maps = []
    for factor in (0.9, 1.0, 1.1):
        other = replace(how, std=tuple(part / factor for part in how.std))
        scaled = model.configured(preprocessing=other)
        maps.append(explain(scaled, EXACT, False))
        mirror = replace(EXACT, pixels=np.ascontiguousarray(EXACT.pixels[:, ::-1]))
        maps.append(explain(scaled, mirror, True)[:, ::-1])
    return np.asarray(np.mean(maps, axis=0))


@pytest.mark.parametrize("slug", [m.slug for m in METHODS if m.family.name != "ATTENTION"])
def test_augmented_is_the_mean_of_the_maps_of_each_copy(slug: str) -> None:
    model = double(Pooled)
    row = find(slug)
    own = FEW.get(slug, {})
    layer = ("relu" if row.pooled else LAYER) if row.layered else None

    def one(scaled: Model, image: LoadedImage, _mirrored: bool) -> NDArray[Any]:
        return alone(scaled, layer, image, method=slug, options=own).map

    with Session(model, EXACT) as session:
        plain = session.explain(layer, TARGET, method=slug, options=own)
        found = session.explain(layer, TARGET, method=slug, options={**own, "augment": True})
    close(found.map, copies(model, one), 2e-4)
    assert np.abs(found.map - plain.map).max() > 1e-3 * np.abs(plain.map).max()
    assert found.target == plain.target
    assert dict(found.options)["augment"] is True


@pytest.mark.parametrize("slug", ["attention-rollout", "legrad", "grad-cam"])
def test_augmented_on_tokens(slug: str) -> None:
    model = double(token_networks.Tokens)
    layer = "blocks.0" if find(slug).layered else None

    def one(scaled: Model, image: LoadedImage, _mirrored: bool) -> NDArray[Any]:
        return alone(scaled, layer, image, method=slug).map

    with Session(model, EXACT) as session:
        found = session.explain(layer, TARGET, method=slug, options={"augment": True})
    close(found.map, copies(model, one), 1e-4)


def test_augmented_several_layers_smoothed() -> None:
    """All three at once: each layer's mean over copies of smoothed maps, then the maximum."""
    model = double()

    def of(layer: str) -> Array:
        def one(scaled: Model, image: LoadedImage, _mirrored: bool) -> NDArray[Any]:
            return alone(scaled, layer, image, options={"eigen": True}).map

        return copies(model, one)

    options = {"augment": True, "eigen": True, "fuse": "max"}
    with Session(model, EXACT) as session:
        found = session.explain(["stem", "last"], TARGET, options=options)
    close(found.map, by_hand([of("stem"), of("last")], "max"), 1e-4)


def test_the_class_is_that_of_the_image_and_a_cell_keeps_its_place() -> None:
    model = double()
    with Session(model, EXACT) as session:
        first, second = (p.index for p in session.predictions(2))

        def contrast(scaled: Model, image: LoadedImage, _mirrored: bool) -> NDArray[Any]:
            question = Question("contrast", against=second)
            return alone(scaled, LAYER, image, first, question=question).map

        question = Question("margin")
        found = session.explain(LAYER, options={"augment": True}, question=question)
        close(found.map, copies(model, contrast))
        rows, columns = session.explain("last", TARGET).map.shape

        def unit(column: int) -> Question:
            return Question("unit", unit=Unit("last", 3, (rows - 1, column)))

        def cell(scaled: Model, image: LoadedImage, mirrored: bool) -> NDArray[Any]:
            question = unit(columns - 2 if mirrored else 1)
            return alone(scaled, LAYER, image, question=question).map

        found = session.explain(LAYER, options={"augment": True}, question=unit(1))
        close(found.map, copies(model, cell))
        assert found.asked.unit == unit(1).unit


def test_a_sweep_of_copies_is_what_explain_says() -> None:
    model = double()
    options = {"augment": True, "eigen": True}
    with Session(model, IMAGE) as session:
        swept = session.sweep(TARGET, options=options)
    assert set(swept) == {node.name for node in model.layers if node.explainable}
    for name, found in swept.items():
        close(found.map, alone(model, name, options=options).map)


def test_each_copy_takes_a_pass_and_no_more(
    counting: networks.Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(counting)
    passes = networks.Passes(counting, monkeypatch)
    passes.since()
    options = {"augment": True}
    with Session(model, IMAGE, exact=True) as session:
        assert session.expected(LAYER, options=options) == (6, 6)
        assert session.expected_words(LAYER) == ""
        session.explain(LAYER, TARGET)
        assert passes.since() == (1, 1)
        first = session.explain(LAYER, TARGET, options=options)
        assert passes.since() == (5, 5), "that of the image itself is known"
        assert session.explain(LAYER, TARGET, options=options).map is first.map
        assert passes.since() == (0, 0)
        session.explain(["stem", "last"], OTHER, options=options)
        assert passes.since() == (6, 6), "of both layers"
        assert session.expected(["stem", "last"], options=options) == (6, 6)
        session.explain(LAYER, OTHER, options=options)
        passes.since()
        contrast = Question("contrast", against=OTHER)
        found = session.explain(LAYER, TARGET, options=options, question=contrast)
        assert passes.since() == (0, 0), "it follows from the maps of both classes"
        slow = session.expected(LAYER, method="score-cam", options=options)
        assert slow == (36, 0)
        assert session.expected("stem + last", method="score-cam", options=options) == (84, 0)
    close(found.map, alone(model, LAYER, options=options, question=contrast).map)


def test_progress_and_cancelling_between_copies(counting: networks.Counting) -> None:
    model, token = model_of(counting), CancelToken()
    told: list[tuple[float, str]] = []

    def tell(part: float, words: str) -> None:
        told.append((part, words))
        if words.endswith("copy 3 of 6"):
            token.cancel()

    with Session(model, IMAGE, exact=True) as session:
        counting.forwards = 0
        with pytest.raises(Cancelled):
            session.explain(LAYER, TARGET, options={"augment": True}, cancel=token, progress=tell)
        assert counting.forwards <= 3
        told.clear()
        token = CancelToken()
        session.explain(LAYER, TARGET, method="score-cam", options={"augment": True}, progress=tell)
        parts = [part for part, _ in told]
        assert parts == sorted(parts)
        assert parts[-1] == 1.0
        assert [f"copy {n} of 6" in " ".join(w for _, w in told) for n in range(1, 7)] == 6 * [True]
    assert not any(module._forward_hooks for module in counting.modules())


@pytest.mark.parametrize("budget", [0, None])
def test_a_budget_changes_no_map(budget: int | None) -> None:
    model = double()
    options = {"augment": True, "fuse": "max"}
    with Session(model, IMAGE, budget=budget) as session:
        first = session.explain(["stem", "last"], TARGET, options=options)
        session.sweep(TARGET, options=options)
    wanted = [alone(model, name, options={"augment": True}).map for name in ("stem", "last")]
    close(first.map, by_hand(wanted, "max"))


def test_memory_that_runs_out_in_a_copy() -> None:
    class Tight(networks.Base):
        passes = 0

        def forward(self, x: Tensor) -> Any:
            if x.device.type != "meta":
                self.passes += 1
                if self.passes == 3:
                    raise torch.OutOfMemoryError("out of memory")
            return super().forward(x)

    module = seeded(Tight).double().eval()
    model = model_of(module)
    with Session(model, IMAGE) as session:
        module.passes = 0
        found = session.explain(LAYER, TARGET, options={"augment": True})
        assert any("ran out of memory" in text for text in found.notices)
    close(found.map, alone(double(), LAYER, options={"augment": True}).map)


def test_a_complete_method_says_what_its_mean_sums_to() -> None:
    model = double()
    with Session(model, IMAGE) as session:
        options = {"augment": True, "steps": 8}
        found = session.explain(method="integrated-gradients", target=TARGET, options=options)
    (said,) = [text for text in found.notices if text.startswith("The map sums to")]
    assert float(said.split()[4].rstrip(",")) == pytest.approx(found.map.sum(), rel=1e-3)


def test_many_images_and_these_options() -> None:
    model = double()
    options = {"augment": True, "eigen": True, "fuse": "product"}
    batches = Batches(model, ["stem", "last"], options=options)
    assert batches.size == 1
    (first, second) = batches.explain([IMAGE, EXACT], [TARGET, OTHER])
    for found, image, target in ((first, IMAGE, TARGET), (second, EXACT, OTHER)):
        assert found.explanation is not None
        wanted = alone(model, "stem + last", image, target, options=options)
        np.testing.assert_array_equal(found.explanation.map, wanted.map)
    # Smoothing alone takes no pass of its own.
    assert Batches(model, "last", options={"eigen": True}).size > 1
    for answer in Batches(model, "last", options={"eigen": True}).explain([IMAGE, EXACT], [1, 1]):
        assert answer.explanation is not None
        assert dict(answer.explanation.options) == {"eigen": True}


# --- linear or not -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [m for m in METHODS if m.linear], ids=lambda m: m.slug)
def test_what_ends_linearity(method: Any) -> None:
    """Of what is known and what is asked for alone, the same comes out, whatever the options."""
    model = double(Pooled)
    layer = ("relu" if method.pooled else LAYER) if method.layered else None
    own = FEW.get(method.slug, {})
    contrast = Question("contrast", against=OTHER)
    refused = dict(method.refuses)
    for option in SHARED:
        if option.name in refused:
            continue
        value = True if option.name != "fuse" else "max"
        options = {**own, option.name: value}
        assert is_linear(choose(method.slug, options)) is (option.name == "augment")
        where = ["stem", "last"] if option.name == "fuse" else layer
        how = {"method": method.slug, "options": options}
        fresh = alone(model, where, question=contrast, **how)  # type: ignore[arg-type]
        with Session(model, IMAGE) as session:
            maps = [session.explain(where, target, **how).map for target in (TARGET, OTHER)]
            found = session.explain(where, TARGET, question=contrast, **how)
        close(found.map, fresh.map, 1e-4)
        apart = np.abs(fresh.map - (maps[0] - maps[1])).max() / np.abs(fresh.map).max()
        # Of Score-CAM, whose weights are nearly equal, smoothed maps hardly differ.
        assert apart < 1e-5 if option.name == "augment" else apart > 1e-4, option.name


def test_the_table_says_what_can_be_had() -> None:
    for method in METHODS:
        had = {option.name for option in method.options if option.shared}
        assert had | dict(method.refuses).keys() == {option.name for option in SHARED}
        assert not had & dict(method.refuses).keys()
        assert "augment" in had
        if "fuse" in had:
            assert method.layered
        if "eigen" in had:
            assert Need.ACTIVATION in method.needs

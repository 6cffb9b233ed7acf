"""What networks return: where the logits are, what they mean, and what comes before the end."""

from __future__ import annotations

import copy
import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.errors import LayerError, ModelError
from engine.explain.session import Session
from engine.model import Model
from engine.passes import outputs
from engine.passes.forward import run_forward
from engine.passes.hooks import first_tensor, replaced, tensors_in
from engine.passes.wrappers import unwrapped
from engine.records.models import OutputForm, Scores
from tests.engine import networks
from tests.engine.networks import IMAGE, model_of, seeded
from tests.reference import reference_map

HookWatch = Callable[[nn.Module], AbstractContextManager[None]]
Inception = namedtuple("Inception", ["logits", "aux_logits"])


class ModelOutput(OrderedDict[str, Any]):
    """As other libraries' records of outputs: a mapping without what is None, and attributes."""

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        super().__setattr__(key, value)


@dataclass
class Record:
    hidden_states: Tensor
    logits: Tensor
    loss: Tensor | None = None


@dataclass(frozen=True)
class Fixed:
    size: tuple[int, int]
    out: Tensor
    made: str = field(default="here", init=False)


def returning(make: Callable[[Tensor], Any], classes: int = 4) -> nn.Module:
    torch.manual_seed(0)
    module = networks.Returning(make)
    module.head = nn.Linear(8, classes)
    return module.eval()


def wide(y: Tensor) -> Tensor:
    return torch.cat([y, 3 * y, y - 1], dim=1)


FORMS: dict[str, tuple[Callable[[Tensor], Any], str, tuple[str, ...]]] = {
    "tensor": (lambda y: y, "", ("",)),
    "(1, C, 1, 1)": (lambda y: y[:, :, None, None], "", ("",)),
    "tuple": (lambda y: (y, wide(y)), "0", ("0", "1")),
    "list with a mask": (lambda y: [y.bool(), y], "1", ("1",)),
    "dict by name": (
        lambda y: {"features": wide(y), "logits": y},
        "logits",
        ("features", "logits"),
    ),
    "dict, auxiliary first": (lambda y: {"aux": 2 * y, "class": y}, "class", ("aux", "class")),
    "segmentation's names": (lambda y: {"out": y, "aux": -y}, "out", ("out", "aux")),
    "nested": (lambda y: {"a": {"logits": y}, "b": (-y,)}, "a.logits", ("a.logits", "b.0")),
    "inception": (lambda y: Inception(y, -y), "logits", ("logits", "aux_logits")),
    "model output": (
        lambda y: ModelOutput(hidden_states=wide(y), logits=y),
        "logits",
        ("hidden_states", "logits"),
    ),
    "dataclass": (lambda y: Record(wide(y), y), "logits", ("hidden_states", "logits")),
    "frozen dataclass": (lambda y: Fixed((1, 1), y), "out", ("out",)),
    "not all are logits": (lambda y: (y[:, :, None].repeat(1, 1, 9), y), "1", ("1",)),
}


@pytest.mark.parametrize("form", FORMS)
def test_where_the_logits_are(form: str) -> None:
    make, place, places = FORMS[form]
    module, plain = returning(make), returning(lambda y: y)
    model = model_of(module)
    assert model.info.output == OutputForm(place, Scores.CLASSES)
    assert model.info.outputs == places
    assert model.info.notices == ()
    with Session(model, IMAGE) as session:
        found = session.explain("middle", 1)
        wanted = reference_map(plain, session._work.input, "middle", 1)
        logits = plain(session._work.input).detach()[0]
        assert [p.logit for p in session.predictions(4)] == sorted(logits.tolist(), reverse=True)
    np.testing.assert_allclose(found.map, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


def test_the_user_says_which_output() -> None:
    module = returning(lambda y: {"logits": y, "other": wide(y)})
    model = model_of(module, output=OutputForm("other"))
    assert model.info.output.place == "other"
    assert len(model.classes) == 12
    with pytest.raises(ModelError, match="nothing at 'prob'; choose the output 'logits', 'other'"):
        model_of(module, output=OutputForm("prob"))
    labels = model_of(module, output=OutputForm("logits", Scores.LABELS))
    with Session(labels, IMAGE) as session:
        for found in session.predictions():
            assert found.probability == pytest.approx(1 / (1 + np.exp(-found.logit)))
    with pytest.raises(ModelError, match="4 values, which cannot be 'two sides of one score'"):
        model_of(module, output=OutputForm("logits", Scores.SIDES))
    with pytest.raises(ModelError, match="1 value, which cannot be"):
        model_of(returning(lambda y: y, 1), output=OutputForm("", Scores.CLASSES))


def test_class_names_tell_which_output() -> None:
    module = returning(lambda y: (wide(y), y))
    assert model_of(module).info.output.place == "0"
    assert model_of(module, classes=tuple("abcd")).info.output.place == "1"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _: "a text", "no floating-point tensor"),
        (lambda y: y.long(), "no floating-point tensor"),
        (lambda y: y[0], r"\(4,\) instead of \(1, classes\)"),
        (lambda y: y.repeat(2, 1), r"\(2, 4\) instead of"),
        (lambda y: {"out": y[:, :, None, None].repeat(1, 1, 5, 6)}, r"\(1, 4, 5, 6\) instead of"),
    ],
)
def test_what_is_no_classifier(make: Callable[[Tensor], Any], said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        model_of(returning(make))
    assert "\n" not in str(caught.value)


class TestTwoSides:
    @pytest.mark.parametrize(
        "make",
        [
            torch.sigmoid,
            lambda y: y[:, :, None, None].sigmoid(),
            lambda y: y.sigmoid()[:, 0],
            lambda y: (y.sigmoid_(), wide(y)),
        ],
    )
    def test_both_are_explained(self, make: Callable[[Tensor], Any]) -> None:
        plain = returning(lambda y: y, 1)
        model = model_of(returning(make, 1))
        assert model.info.output.scores is Scores.SIDES
        assert model.classes == ("negative", "positive")
        with Session(model, IMAGE) as session:
            score = plain(session._work.input).item()
            sides = {p.label: p for p in session.predictions()}
            assert (sides["negative"].index, sides["positive"].index) == (0, 1)
            assert sides["positive"].logit == pytest.approx(score)
            assert sides["negative"].logit == pytest.approx(-score)
            for side in sides.values():
                assert side.probability == pytest.approx(1 / (1 + np.exp(-side.logit)))
            wanted = reference_map(plain, session._work.input, "middle", 0)
            atol = 1e-5 * np.abs(wanted).max()
            positive = session.explain("middle", "positive").map
            negative = session.explain("middle", "negative").map
            np.testing.assert_allclose(positive, wanted, rtol=0, atol=atol)
            np.testing.assert_array_equal(negative, -positive)
            swept = session.sweep("negative")["middle"].map
            np.testing.assert_allclose(swept, negative, rtol=0, atol=atol)

    def test_names(self) -> None:
        module = returning(torch.sigmoid, 1)
        assert model_of(module, classes=("healthy", "ill")).classes == ("healthy", "ill")
        assert model_of(module, classes=("ill",)).classes == ("not ill", "ill")
        with pytest.raises(ModelError, match="3 class names were given"):
            model_of(module, classes=("a", "b", "c"))

    def test_two_names_make_an_unbounded_number_two_sides(self) -> None:
        model = model_of(returning(lambda y: y, 1), classes=("healthy", "ill"))
        assert model.info.output.scores is Scores.SIDES
        assert model.classes == ("healthy", "ill")

    def test_the_user_says_so(self) -> None:
        model = model_of(returning(lambda y: y, 1), output=OutputForm("", Scores.SIDES))
        assert model.classes == ("negative", "positive")
        assert model.info.notices == ()


class TestValues:
    @pytest.mark.parametrize(
        "make", [lambda y: y, lambda y: y[:, :, None, None], lambda y: y[:, 0], lambda y: y[0, 0]]
    )
    def test_one_unbounded_number(self, make: Callable[[Tensor], Any]) -> None:
        plain = returning(lambda y: y, 1)
        model = model_of(returning(make, 1))
        assert model.info.output == OutputForm("", Scores.VALUES)
        assert model.classes == ("value",)
        assert "one number without bounds" in " ".join(model.info.notices)
        with Session(model, IMAGE) as session:
            (found,) = session.predictions()
            assert found.logit == pytest.approx(plain(session._work.input).item(), rel=1e-5)
            assert found.probability is None
            assert float(found.said.replace("\u2212", "-")) == pytest.approx(found.logit, rel=1e-3)
            wanted = reference_map(plain, session._work.input, "middle", 0)
            atol = 1e-5 * np.abs(wanted).max()
            explanation = session.explain("middle")
            np.testing.assert_allclose(explanation.map, wanted, rtol=0, atol=atol)
            assert explanation.target == found
            swept = session.sweep()["middle"].map
            np.testing.assert_allclose(swept, wanted, rtol=0, atol=atol)

    def test_its_name_is_its_place_or_the_one_given(self) -> None:
        def tasks(y: Tensor) -> dict[str, Tensor]:
            return {"age": y[:, :1], "race": y[:, 1:]}

        assert model_of(returning(tasks), output="age").classes == ("age",)
        assert model_of(returning(lambda y: y, 1), classes=("age",)).classes == ("age",)

    def test_several_values_by_choice(self) -> None:
        model = model_of(returning(lambda y: y), output=OutputForm("", Scores.VALUES))
        assert model.classes == ("value 0", "value 1", "value 2", "value 3")
        with Session(model, IMAGE) as session:
            assert {found.probability for found in session.predictions()} == {None}


class TestHeads:
    """Networks with several outputs, none of which has a telling name."""

    @staticmethod
    def tasks(y: Tensor) -> dict[str, Tensor]:
        return {"age": y[:, :1], "gender": y[:, 1:3], "race": y[:, 3:]}

    def test_the_widest_is_explained_and_named(self) -> None:
        model = model_of(returning(self.tasks, 8))
        assert model.info.output == OutputForm("race", Scores.CLASSES)
        assert dict(zip(model.info.outputs, model.info.output_widths, strict=True)) == {
            "age": 1,
            "gender": 2,
            "race": 5,
        }
        (said,) = model.info.notices
        assert "3 outputs (age, gender, race)" in said
        assert "widest, race, is explained" in said
        assert "--output" in said

    @pytest.mark.parametrize(("place", "rows"), [("age", [0]), ("gender", [1, 2])])
    def test_another_by_its_name(self, place: str, rows: list[int]) -> None:
        plain = returning(lambda y: y, 8)
        model = model_of(returning(self.tasks, 8), output=place)
        assert model.info.output.place == place
        with Session(model, IMAGE) as session:
            for index, row in enumerate(rows):
                wanted = reference_map(plain, session._work.input, "middle", row)
                found = session.explain("middle", index).map
                np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
        with pytest.raises(ModelError, match="nothing at 'hair'; choose the output 'age', 'gender"):
            model_of(returning(self.tasks, 8), output="hair")

    def test_a_tuple_of_heads(self) -> None:
        model = model_of(returning(lambda y: tuple(self.tasks(y).values()), 8))
        assert model.info.output.place == "2"
        assert "(0, 1, 2)" in model.info.notices[0]

    def test_heads_of_the_same_width(self) -> None:
        model = model_of(returning(lambda y: (y[:, :4], y[:, 4:]), 8))
        assert model.info.output.place == "0"
        assert "first of the widest, 0" in model.info.notices[0]

    def test_features_beside_the_logits_are_no_head(self) -> None:
        class WithFeatures(networks.Base):
            """Returns what the head reads, first; an embedding made by a layer of its own."""

            def __init__(self, embedded: bool) -> None:
                super().__init__()
                self.embed = nn.Linear(8, 16)
                self.head = nn.Linear(16, 4)
                self.embedded = embedded

            def forward(self, x: Tensor) -> Any:
                features = torch.tanh(self.embed(torch.tanh(self.last(self.stem(x))).mean((2, 3))))
                return (features, self.head(features))

        model = model_of(seeded(WithFeatures, True))
        assert model.info.output.place == "1"
        assert model.info.notices == ()

    def test_switching_keeps_class_names_for_the_way_back(self) -> None:
        names = tuple("abcde")
        model = model_of(returning(self.tasks, 8), classes=names, classes_origin="names.txt")
        assert model.info.output.place == "race"
        other = model.configured(output="gender")
        assert other.classes == ("class 0", "class 1")
        assert other.info.classes_origin == "numbered"
        assert any("5 class names do not fit" in said for said in other.info.notices)
        back = other.configured(output="race")
        assert (back.classes, back.info.classes_origin) == (names, "names.txt")
        with pytest.raises(ModelError, match="5 class names were given"):
            model.configured(output="gender", classes=names)


def by_hand(y: Tensor) -> Tensor:
    return y / torch.sqrt((y * y).sum(1, keepdim=True))


@pytest.mark.parametrize(
    "normalised",
    [
        lambda y: functional.normalize(y, dim=1),
        lambda y: y / y.norm(dim=1, keepdim=True),
        lambda y: y / (torch.linalg.vector_norm(y, dim=1, keepdim=True) + 1e-6),
        lambda y: y / y.norm(dim=1, keepdim=True).clamp(min=1e-6),
        lambda y: y * torch.rsqrt(y.pow(2).sum(1, keepdim=True) + 1e-12),
        by_hand,
        lambda y: functional.normalize(y, dim=1)[:, :, None, None],
    ],
)
def test_a_vector_of_unit_length_is_probably_an_embedding(
    normalised: Callable[[Tensor], Any],
) -> None:
    model = model_of(returning(normalised))
    assert any("probably an embedding" in said for said in model.info.notices)
    beside = model_of(returning(lambda y: {"out": {"one": normalised(y)}, "two": y[:, :3]}))
    assert beside.info.output.place == "two"


@pytest.mark.parametrize(
    "scaled",
    [
        lambda y: y / 3,
        lambda y: y / y.sum(1, keepdim=True),
        lambda y: y / wide(y).norm(dim=1, keepdim=True),
        lambda y: 16 * functional.normalize(y, dim=1),
        lambda y: y * y.sigmoid(),
    ],
)
def test_other_scalings_are_not_taken_for_embeddings(scaled: Callable[[Tensor], Tensor]) -> None:
    assert model_of(returning(scaled)).info.notices == ()


def softmax(y: Tensor) -> Tensor:
    return torch.softmax(y, 1)


def log_softmax(y: Tensor) -> Tensor:
    return torch.log_softmax(y, 1)


def sigmoid(y: Tensor) -> Tensor:
    return torch.sigmoid(y)


def scripted(what: Any) -> Any:
    """TorchScript is on its way out, and there are networks that use it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(what)


ENDS: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "Tensor.softmax": (lambda y: y.softmax(1), "softmax"),
    "torch.softmax by name": (lambda y: torch.softmax(input=y, dim=1), "softmax"),
    "F.softmax": (lambda y: functional.softmax(y, dim=-1), "softmax"),
    "nn.Softmax": (nn.Softmax(1), "softmax"),
    "nn.LogSoftmax": (nn.LogSoftmax(1), "log_softmax"),
    "F.log_softmax": (lambda y: functional.log_softmax(y, 1), "log_softmax"),
    "nn.Sigmoid": (nn.Sigmoid(), "sigmoid"),
    "F.sigmoid": (functional.sigmoid, "sigmoid"),
    "in place": (torch.sigmoid_, "sigmoid"),
    "in place, method": (lambda y: y.sigmoid_(), "sigmoid"),
    # As exported programs call them.
    "operator": (lambda y: torch.ops.aten.softmax.int(y, 1), "softmax"),
    "another operator": (lambda y: torch.ops.aten._log_softmax.default(y, 1, False), "log_softmax"),
    "operator in place": (torch.ops.aten.sigmoid_.default, "sigmoid"),
    "view": (lambda y: y.softmax(1).view(1, -1), "softmax"),
    "flatten": (lambda y: y[:, :, None, None].softmax(1).flatten(1), "softmax"),
    "squeeze": (lambda y: y[:, :, None, None].sigmoid().squeeze(-1).squeeze(-1), "sigmoid"),
    "picked": (lambda y: y[:, :, None].sigmoid()[:, :, 0], "sigmoid"),
    "copied, in another type": (lambda y: y.softmax(1).clone().double(), "softmax"),
    "in a dict": (lambda y: {"probs": y.softmax(1), "features": wide(y)}, "softmax"),
    "beside another": (lambda y: (y.softmax(1), wide(y).softmax(1)), "softmax"),
}


@pytest.mark.parametrize("ending", ENDS)
@pytest.mark.parametrize("budget", [None, 0])
def test_what_comes_before_the_end_is_explained(
    ending: str, budget: int | None, no_hooks: HookWatch
) -> None:
    make, kind = ENDS[ending]
    module, plain = returning(make), returning(lambda y: y)
    with no_hooks(module):
        model = model_of(module)
    form = model.info.output
    assert form.ends_in == kind
    assert form.scores is (Scores.LABELS if kind == "sigmoid" else Scores.CLASSES)
    said = kind.replace("_", "-")
    assert model.info.notices == (
        f"The network ends in a {said}; its input (the logits) is explained.",
    )
    with Session(model, IMAGE, budget=budget) as session:
        tensor = session._work.input
        logits = plain(tensor).detach()[0]
        wanted = logits.sigmoid() if kind == "sigmoid" else logits.softmax(0)
        for found in session.predictions(4):
            assert found.logit == pytest.approx(logits[found.index].item(), rel=1e-5)
            assert found.probability == pytest.approx(wanted[found.index].item(), rel=1e-5)
        for name in ("stem", "last"):
            expected = reference_map(plain, tensor, name, 2)
            found_map = session.explain(name, 2).map
            atol = 1e-5 * np.abs(expected).max()
            np.testing.assert_allclose(found_map, expected, rtol=0, atol=atol)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (softmax, "the logarithm of the probabilities"),
        (log_softmax, "the log-probabilities"),
        (sigmoid, "computed back from the probabilities"),
    ],
)
def test_what_cannot_be_looked_behind_is_computed_back(make: Any, said: str) -> None:
    model = model_of(returning(scripted(make)))
    (notice,) = model.info.notices
    assert "cannot be recovered" in notice
    assert said in notice
    plain = returning(lambda y: y)
    with Session(model, IMAGE) as session:
        logits = plain(session._work.input).detach()[0]
        labels = make is sigmoid
        wanted = logits.sigmoid() if labels else logits.softmax(0)
        for found in session.predictions(4):
            assert found.probability == pytest.approx(wanted[found.index].item(), rel=1e-5)
        # The gradient of a log-probability is that of its logit less the mean over the classes.
        name = "middle"
        maps = [reference_map(plain, session._work.input, name, k) for k in range(4)]
        mean = sum(wanted[k].item() * maps[k] for k in range(4))
        expected = maps[2] if labels else maps[2] - mean
        found_map = session.explain(name, 2).map
        np.testing.assert_allclose(found_map, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_a_softmax_inside_is_not_the_end() -> None:
    class Gated(networks.Base):
        def forward(self, x: Tensor) -> Tensor:
            x = torch.tanh(self.stem(x))
            return self.finish(x * self.middle(x).softmax(1).sigmoid())

    assert model_of(seeded(Gated)).info.output.ends_in == ""
    scaled = model_of(returning(lambda y: 2 * y.softmax(1)))
    assert scaled.info.output.ends_in == ""


def test_the_network_is_watched_only_where_it_ends_so() -> None:
    plain = model_of(returning(lambda y: y)).facts.reading
    with plain.watching() as endings:
        assert endings is None
    ending = model_of(returning(lambda y: y.softmax(1))).facts.reading
    with ending.watching() as endings:
        assert endings is not None


def test_without_a_graph_the_end_is_found_too() -> None:
    for make in (lambda y: y.softmax(1), lambda y: y[:, :, None].sigmoid().flatten(1)):
        module = returning(make)
        reading = model_of(module).facts.reading
        picture = torch.randn(1, 3, 24, 32)
        done, _ = run_forward(module, picture, ("", -1), (), (), reading=reading)
        assert not done.logits.requires_grad
        with torch.no_grad():
            wanted = returning(lambda y: y)(picture)
        torch.testing.assert_close(done.logits, wanted)


def test_an_output_that_changes_its_form_is_an_error() -> None:
    module = returning(lambda y: {"logits": y})
    model = model_of(module)
    module.make = lambda y: y
    with (
        Session(model, IMAGE) as session,
        pytest.raises(ModelError, match="has changed since it was opened"),
    ):
        session.predictions()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("make", [lambda y: y, lambda y: y.softmax(1), lambda y: y.sigmoid()])
def test_half_precision(dtype: torch.dtype, make: Callable[[Tensor], Any]) -> None:
    module = returning(make)
    module = module.to(dtype)
    with Session(model_of(copy.deepcopy(module).float()), IMAGE) as session:
        wanted = session.explain("middle", 1)
        exact = session.predictions()
    with Session(model_of(module), IMAGE) as session:
        found = session.explain("middle", 1)
        assert session.predictions() == exact
    np.testing.assert_array_equal(found.map, wanted.map)
    assert (found.arithmetic, wanted.arithmetic) == ("computed in float32", "")
    assert next(module.parameters()).dtype is dtype


class TestWrappers:
    def test_data_parallel_and_compiled(self) -> None:
        module = returning(lambda y: y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of what torch imports for it
            compiled = torch.compile(module)
        for wrapper in (nn.DataParallel(module), compiled, nn.DataParallel(compiled)):
            assert unwrapped(wrapper) is module
            model = model_of(wrapper)
            assert [node.name for node in model.layers] == ["stem", "middle", "last", "head"]
        assert unwrapped(module) is module

    def test_device_of_a_network_without_parameters(self) -> None:
        model = model_of(networks.WithoutParameters())
        assert model.device.type == "cpu"
        assert model.dtype is torch.float32

    def test_a_scripted_part_is_left_out_with_its_reason(self) -> None:
        class Partly(networks.Base):
            def __init__(self) -> None:
                super().__init__()
                self.head = scripted(nn.Linear(8, 4))

        model = model_of(seeded(Partly))
        reasons = {node.name: node.reason for node in model.layers}
        assert "TorchScript" in reasons["head"]
        with Session(model, IMAGE) as session:
            assert session.explain("last").map.any()


class TestLastConvolution:
    def test_resnet18(self) -> None:
        from tests.engine import classifiers

        module = classifiers.build("resnet18")
        model = Model(module, preprocessing=classifiers.preprocessing("resnet18"))
        assert model.address("last convolution") == "layer4.1.conv2"
        with Session(model, classifiers.picture()) as session:
            assert session.explain("last convolution").layer == "layer4.1.conv2"

    def test_one_of_a_single_cell_is_not_meant(self) -> None:
        module = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 2, 1)
        )
        assert model_of(module).address("last convolution") == "0"

    def test_none(self) -> None:
        model = model_of(networks.WithoutParameters())
        with pytest.raises(LayerError, match="no convolution"):
            model.address("last convolution")


def test_structures() -> None:
    a, b, c = torch.rand(1, 3), torch.rand(1, 4), torch.rand(1, 5)
    record = Record(a, b)
    assert [way for way, _ in tensors_in({"x": record, "y": [c]})] == [
        *("x.hidden_states", "x.logits"),
        "y.0",
    ]
    assert first_tensor(Fixed((1, 2), b)) is b
    fixed = Fixed((1, 2), b)
    changed = replaced(fixed, b, c)
    assert (changed.out, changed.size, changed.made) == (c, (1, 2), "here")
    assert fixed.out is b
    output = ModelOutput(logits=a, hidden_states=(b, c))
    swapped = replaced(output, c, a)
    assert isinstance(swapped, ModelOutput)
    assert swapped["hidden_states"][1] is swapped.hidden_states[1] is a
    assert output["hidden_states"][1] is c
    assert outputs.find(record).form.place == "logits"


@pytest.mark.parametrize("shape", [(1,), ()], ids=str)
def test_one_score_that_was_squeezed_has_two_sides(shape: tuple[int, ...]) -> None:
    """As networks trained with a binary loss return it: (B,), or no axis at all."""

    def make(row: Tensor) -> Tensor:
        return row.sigmoid().reshape(shape)

    module = returning(make, classes=1)
    model = model_of(module)
    assert model.facts.reading.form == OutputForm("", Scores.SIDES, "sigmoid")
    logits = Session(model, IMAGE).predictions(2)
    with torch.no_grad():
        plain = copy.deepcopy(module)
        plain.make = lambda row: row
        expected = float(plain(Session(model, IMAGE)._prepared.tensor))
    by_label = {each.label: each.logit for each in logits}
    assert by_label["positive"] == pytest.approx(expected, rel=1e-5)
    assert by_label["negative"] == pytest.approx(-expected, rel=1e-5)


def test_a_loss_beside_the_row_is_not_taken_for_it() -> None:
    model = model_of(returning(lambda row: (row.sum(), row)))
    assert (model.facts.reading.form.place, len(model.classes)) == ("1", 4)

"""The table of methods: what it says, whom it refuses, and what a further row takes."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.errors import HookscopeError, MethodError
from engine.methods import listing, registry
from engine.methods.inputs import MethodInput
from engine.methods.options import range_of
from engine.methods.registry import Family, Kind, Method, Need, Option
from engine.records.models import Layout

ROOT = Path(__file__).parents[3]
SLUGS = [
    "grad-cam",
    "hirescam",
    "layercam",
    "grad-cam-elementwise",
    "xgrad-cam",
    "grad-cam++",
    "smooth-grad-cam++",
    "finer-cam",
    "shapleycam",
    "refine-cam",
    "cam",
    "eigengrad-cam",
    "eigen-cam",
    "kpca-cam",
    "fem",
    "random-cam",
    "score-cam",
    "ss-cam",
    "is-cam",
    "ablation-cam",
]
PIXELS = [
    "saliency",
    "grad-x-input",
    "smoothgrad",
    "integrated-gradients",
    "guided-backprop",
    "guided-grad-cam",
    "fullgrad",
    "occlusion",
    "rise",
    "attention-rollout",
    "legrad",
]
LAYERED = [method for method in registry.METHODS if method.swept]

MANY = replace(
    registry.find("random-cam"),
    slug="many",
    options=(
        Option("steps", "how many steps", Kind.INT, 8, low=1, high=64),
        Option("sigma", "how much noise", Kind.FLOAT, 0.5, low=0.0),
        Option("top", "how far down", Kind.FLOAT, -1.0, high=0.0),
        Option("any", "a number", Kind.FLOAT, 2.0),
        Option("clean", "without noise", Kind.BOOL, True),
        Option("by", "what by", Kind.CHOICE, "mean", choices=("mean", "largest")),
    ),
)


def test_the_slugs_are_unique_and_all_there() -> None:
    assert [method.slug for method in registry.METHODS] == [*SLUGS, *PIXELS]


@pytest.mark.parametrize("method", registry.METHODS, ids=lambda method: method.slug)
def test_a_row_is_complete_and_its_function_is_there(method: Method) -> None:
    for words in (method.title, method.summary, method.paper, method.equation, method.cost):
        assert words.strip() == words != ""
        assert "\n" not in words
    assert method.summary.endswith(".")
    assert ("backward" in method.cost) is ("b" in method.passes)
    assert bool(method.place) is bool(method.no_layer) is not method.layered
    assert method.layered or not method.swept
    if method.swept:
        assert Need.ACTIVATION in method.needs
        assert (Need.GRADIENT in method.needs) is ("1b" in method.passes)
        assert (method.family is Family.GRADIENT) is (Need.GRADIENT in method.needs)
        assert method.class_dependent is (Need.GRADIENT in method.needs)
    assert bool(method.least_reason) is (method.least_channels > 1 or method.least_cells > 1)
    module, _, name = method.function.partition(":")
    function = getattr(importlib.import_module(module), name)
    assert registry.load(method) is function
    assert function.__module__ == module


@pytest.mark.parametrize("method", LAYERED, ids=lambda method: method.slug)
def test_a_row_is_called_as_it_says(method: Method) -> None:
    """With what it needs and the defaults of its options, on a layer that it takes."""
    a, g = torch.randn(2, 6, 4, 4, generator=torch.Generator().manual_seed(1))
    layer = MethodInput(
        a,
        g if Need.GRADIENT in method.needs else None,
        Layout.CHANNELS_FIRST,
        registry.check_options(method, {}),
    )
    assert registry.refusal(method, 6, (4, 4)) == ""
    found = registry.load(method)(layer)
    assert found.map.shape == (4, 4)
    assert found.map.dtype is torch.float32
    assert found.map.isfinite().all()
    assert bool(found.anything)
    if not method.signed:
        assert found.map.min() >= 0


def test_the_table_is_plain() -> None:
    code = (
        "import sys, engine.methods.registry as r, engine.methods.listing as l; "
        "l.lines(); l.facts_all(); r.find('fem');"
        "heavy = {'torch', 'numpy'} & set(sys.modules); assert not heavy, heavy;"
        "r.load(r.find('fem')); assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)


def test_a_further_method_is_one_function_and_one_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "further_method.py").write_text(
        "from engine.methods.inputs import MethodMap\n"
        "def channel(given):\n"
        "    picked = given.activation[given.options['index']].float()\n"
        "    return MethodMap(picked, picked.any())\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    row = Method(
        slug="one-channel",
        title="One channel",
        family=Family.ACTIVATION,
        summary="A channel as it is.",
        paper="nobody, 2026",
        equation="A_k",
        needs=(Need.ACTIVATION,),
        class_dependent=False,
        signed=True,
        cost="one forward pass",
        passes="1f",
        function="further_method:channel",
        options=(Option("index", "which channel", Kind.INT, 0, low=0),),
    )
    monkeypatch.setattr(registry, "METHODS", (*registry.METHODS, row))
    method = registry.find("One-Channel")
    assert method is row
    options = registry.parse_options(method, {"index": "1"})
    a = torch.arange(12.0).view(3, 2, 2)
    found = registry.load(method)(MethodInput(a, None, Layout.CHANNELS_FIRST, options))
    assert found.map.tolist() == [[4.0, 5.0], [6.0, 7.0]]
    assert listing.facts_all()[-1]["slug"] == "one-channel"
    told = "      index=0: which channel, a whole number of at least 0"
    assert told in listing.lines()
    with pytest.raises(MethodError, match="did you mean one-channel"):
        registry.find("one-chanel")


def test_find_in_any_case() -> None:
    assert registry.find(" Grad-CAM++ ").slug == "grad-cam++"


@pytest.mark.parametrize(
    ("slug", "near"),
    [("gradcam", "grad-cam"), ("hires-cam", "hirescam"), ("eigencam", "eigen-cam"), ("fen", "fem")],
)
def test_an_unknown_method_names_the_nearest(slug: str, near: str) -> None:
    with pytest.raises(MethodError) as raised:
        registry.find(slug)
    message = str(raised.value)
    assert message.startswith(f"there is no method '{slug}'; did you mean {near}")
    assert message.endswith("The command 'methods' lists all")
    assert "\n" not in message
    assert isinstance(raised.value, HookscopeError)


def test_an_unknown_method_like_no_other() -> None:
    with pytest.raises(MethodError) as raised:
        registry.find("zzz")
    assert str(raised.value) == "there is no method 'zzz'. The command 'methods' lists all"


def test_options_from_texts() -> None:
    assert registry.parse_options(MANY, {}) == {
        "steps": 8,
        "sigma": 0.5,
        "top": -1.0,
        "any": 2.0,
        "clean": True,
        "by": "mean",
    }
    texts = {"steps": " 64", "sigma": "1e-3", "top": "-7", "clean": "No", "by": "largest"}
    found = registry.parse_options(MANY, texts)
    assert found == {
        "steps": 64,
        "sigma": 0.001,
        "top": -7.0,
        "any": 2.0,
        "clean": False,
        "by": "largest",
    }
    assert [type(value) for value in found.values()] == [int, float, float, float, bool, str]
    assert registry.parse_options(registry.find("grad-cam"), {}) == {}


def test_options_from_values() -> None:
    found = registry.check_options(MANY, {"sigma": 2, "steps": 1})
    assert found["sigma"] == 2.0
    assert type(found["sigma"]) is float
    assert found["steps"] == 1


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("steps", "many", "steps is a whole number from 1 to 64, not 'many'; without it, it is 8"),
        ("steps", "2.5", "steps is a whole number from 1 to 64, not '2.5'; without it, it is 8"),
        ("steps", "0", "steps is a whole number from 1 to 64, not '0'; without it, it is 8"),
        ("steps", "65", "steps is a whole number from 1 to 64, not '65'; without it, it is 8"),
        ("steps", "", "steps is a whole number from 1 to 64, not ''; without it, it is 8"),
        ("sigma", "-1", "sigma is a number of at least 0, not '-1.0'; without it, it is 0.5"),
        ("sigma", "inf", "sigma is a number of at least 0, not 'inf'; without it, it is 0.5"),
        ("sigma", "nan", "sigma is a number of at least 0, not 'nan'; without it, it is 0.5"),
        ("top", "1", "top is a number of at most 0, not '1.0'; without it, it is -1"),
        ("any", "nan", "any is a number, not 'nan'; without it, it is 2"),
        ("clean", "maybe", "clean is yes or no, not 'maybe'; without it, it is yes"),
        ("by", "size", "by is one of mean, largest, not 'size'; without it, it is mean"),
        ("by", "a\nb", "by is one of mean, largest, not 'a b'; without it, it is mean"),
    ],
)
def test_a_text_that_is_wrong(name: str, text: str, says: str) -> None:
    with pytest.raises(MethodError) as raised:
        registry.parse_options(MANY, {name: text})
    assert str(raised.value) == f"many: {says}"


def test_a_very_long_text_is_cut() -> None:
    with pytest.raises(MethodError) as raised:
        registry.parse_options(MANY, {"steps": "9" * 10_000})
    assert f"not '{'9' * 40}...';" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", True),
        ("steps", 2.0),
        ("steps", "3"),
        ("steps", None),
        ("sigma", False),
        ("sigma", "0.1"),
        ("sigma", float("nan")),
        ("sigma", 10**400),
        ("clean", 1),
        ("clean", "yes"),
        ("by", 3),
        ("by", ["mean"]),
    ],
)
def test_a_value_of_the_wrong_type(name: str, value: object) -> None:
    with pytest.raises(MethodError, match=f"^many: {name} is ") as raised:
        registry.check_options(MANY, {name: value})
    assert "\n" not in str(raised.value)


def test_the_seed_has_its_range() -> None:
    method = registry.find("random-cam")
    assert registry.check_options(method, {}) == {"seed": 0}
    assert registry.parse_options(method, {"seed": "2147483647"}) == {"seed": 2**31 - 1}
    for text in ("2147483648", "-1"):
        with pytest.raises(MethodError, match="seed is a whole number from 0 to 2147483647, not"):
            registry.parse_options(method, {"seed": text})


def test_an_option_that_does_not_exist() -> None:
    with pytest.raises(
        MethodError, match=r"^random-cam has no option 'sed'; choose seed, augment, eigen, fuse$"
    ):
        registry.parse_options(registry.find("random-cam"), {"sed": "1"})
    with pytest.raises(MethodError, match=r"^saliency has no option 'seed'; choose augment$"):
        registry.check_options(registry.find("saliency"), {"seed": 1})


@pytest.mark.parametrize("method", registry.METHODS, ids=lambda method: method.slug)
def test_layers_that_are_too_small(method: Method) -> None:
    one_channel = registry.refusal(method, 1, (7, 7))
    few_cells = registry.refusal(method, 8, (2, 2))
    assert bool(one_channel) is (method.slug in ("eigen-cam", "eigengrad-cam", "kpca-cam"))
    assert bool(few_cells) is (method.slug == "fem")
    assert registry.refusal(method, 2, (1, 5)) == ""


def test_what_a_refusal_says() -> None:
    assert registry.refusal(registry.find("eigen-cam"), 1, (7, 7)) == (
        "Eigen-CAM needs at least 2 channels, and this layer has 1: of a single channel the "
        "projection is that channel itself."
    )
    assert registry.refusal(registry.find("fem"), 8, (1, 4)) == (
        "FEM needs at least 5 cells, and this layer has 4: of n values none lies more than "
        "sqrt(n - 1) standard deviations above their mean, and FEM looks for 2."
    )


def test_the_facts_are_json_and_lack_nothing() -> None:
    told = json.loads(json.dumps(listing.facts_all()))
    assert [row["slug"] for row in told] == [*SLUGS, *PIXELS]
    assert told == listing.facts_all()
    own = {"function", "compared", "weights", "steep"}
    fields = set(Method.__dataclass_fields__) - own | {"swept"}
    assert all(set(row) == fields for row in told)
    assert set(told[SLUGS.index("random-cam")]["options"][0]) == set(Option.__dataclass_fields__)
    assert told[0]["needs"] == ["activation", "gradient"]


def test_the_lines_name_every_method_and_option() -> None:
    lines = listing.lines()
    assert max(map(len, lines)) < 80
    ending = lines.index("")
    heads = [index for index, line in enumerate(lines[:ending]) if not line.startswith(" ")]
    for method, start, end in zip(registry.METHODS, heads, [*heads[1:], ending], strict=True):
        assert lines[start].startswith(f"{method.slug} ")
        assert method.title in lines[start]
        assert ("class-blind" in lines[start]) is not method.class_dependent
        own = " ".join(line.strip() for line in lines[start + 1 : end])
        assert own.startswith(f"{method.summary} Takes {method.cost}.")
        assert ("takes no layer" in own) is not method.layered
        assert method.caution.lower() in own.lower()
        for option in method.options:
            told = f"{option.name}={registry.shown(option.default)}: {option.title}, "
            assert (told + range_of(option) in own) is not option.shared

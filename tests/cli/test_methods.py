"""Methods on the command line: listed, named, with options, remembered, and refused in one line."""

from __future__ import annotations

import argparse
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine
from cli.looking import add_look, settings_of
from engine.formats.demo import SCENES
from engine.loading.adjustments import remember_method
from engine.methods.registry import METHODS, choose, find
from engine.profiles import store
from engine.records.asked import Question
from engine.records.display import DisplaySettings
from engine.render.caption import caption
from tests.cli.runs import Result

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Remembered profiles of this test alone."""
    folder = tmp_path / "profiles"
    monkeypatch.setattr(store, "folder", lambda: folder)
    return folder


@pytest.fixture(scope="module")
def session() -> Any:
    """The same model and picture through the engine's public interface."""
    image = engine.load_image(SCENES[0].path)
    with engine.Session(engine.load_model("demo:shapes"), image) as session:
        yield session


def remembered(slug: str, options: dict[str, object] | None = None) -> None:
    remember_method(engine.load_model("demo:shapes"), choose(slug, options))


def test_the_list_for_people(run: Run) -> None:
    result = run("methods")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    ending = lines.index("")
    heads = [line for line in lines[:ending] if not line.startswith(" ")]
    assert [line.split()[0] for line in heads] == [method.slug for method in METHODS]
    for line, method in zip(heads, METHODS, strict=True):
        assert method.title in line
        assert ("class-blind" in line) is (not method.class_dependent)
    assert max(map(len, lines)) < 80
    start = lines.index(next(line for line in heads if line.startswith("random-cam ")))
    own = " ".join(line.strip() for line in lines[start : lines.index(heads[-1])])
    assert "Random channel weights: the baseline" in own
    assert "Takes one forward pass." in own
    assert "seed=0: which weights are drawn, a whole number from 0 to 2147483647" in own
    shared = " ".join(line.strip() for line in lines[ending + 1 :])
    assert shared.startswith("Options of several methods: augment=no: ")
    for method in METHODS:
        for name, reason in method.refuses:
            part = shared.partition(f"{name}=")[2].partition(f": {reason}.")[0]
            assert method.slug in part.rpartition("Not with ")[2].split(", ")


def test_the_list_for_programs(run: Run, tmp_path: Path) -> None:
    result = run("methods", "--json", "-")
    assert (result.code, result.err) == (0, "")
    found = {entry["slug"]: entry for entry in result.json}
    assert list(found) == [method.slug for method in METHODS]
    assert found["grad-cam++"]["paper"].endswith("arXiv:1710.11063")
    assert found["fem"]["class_dependent"] is False
    assert found["fem"]["least_cells"] == 5
    assert [option["name"] for option in found["random-cam"]["options"]] == [
        *("seed", "augment", "eigen", "fuse")
    ]
    assert [option["name"] for option in found["occlusion"]["options"]][-1] == "augment"
    assert set(found["occlusion"]["refuses"]) == {"eigen", "fuse"}
    written = tmp_path / "m.json"
    shown = run("methods", "--json", written)
    assert json.loads(written.read_text("utf-8")) == result.json
    assert shown.out == run("methods").out


def said_first(err: str, *, slow: bool) -> None:
    """How many passes a slow method takes is said before they start, and nothing else."""
    assert len(err.splitlines()) == slow
    assert not slow or re.match(r"hookscope: [\d,]+ (forward |and |backward )*[\w ,]*passes", err)


@pytest.mark.parametrize("slug", [method.slug for method in METHODS if method.layered])
def test_explain_by_every_method(run: Run, tmp_path: Path, session: Any, slug: str) -> None:
    array, facts = tmp_path / "m.npy", tmp_path / "f.json"
    row = find(slug)
    layer = "layer4" if row.pooled else "layer3"
    few = {"n": 2} if any(option.name == "n" for option in row.options) else {}
    result = run(
        *("explain", "--method", slug, "--layer", layer, "--class", "star"),
        *("--map", array, "--json", facts),
        *(word for name, value in few.items() for word in ("--option", f"{name}={value}")),
    )
    assert result.code == 0
    said_first(result.err, slow=bool(row.counted))
    wanted = session.explain(layer, "star", method=slug, options=few)
    np.testing.assert_array_equal(np.load(array), wanted.map)
    content = json.loads(facts.read_text("utf-8"))
    assert content["method"] == slug
    assert content["options"] == dict(wanted.options)
    title = next(method.title for method in METHODS if method.slug == slug)
    said = f"), {title} (n 2)" if few else f"), {title}"
    assert result.out.splitlines()[0].endswith(said)


PIXELS = {
    "saliency": {},
    "grad-x-input": {},
    "smoothgrad": {"n": 3, "sigma": 0.2},
    "integrated-gradients": {"steps": 4, "baseline": "black"},
    "guided-backprop": {},
    "fullgrad": {},
    "occlusion": {"window": 32, "stride": 32, "fill": "mean"},
    "rise": {"masks": 20, "seed": 3},
}


@pytest.mark.parametrize("slug", PIXELS)
def test_explain_by_a_method_without_a_layer(
    run: Run, tmp_path: Path, session: Any, slug: str
) -> None:
    array, facts = tmp_path / "m.npy", tmp_path / "f.json"
    picture = tmp_path / "p.png"
    given = [f"{name}={value}" for name, value in PIXELS[slug].items()]
    result = run(
        *("explain", "--method", slug, "--class", "star", "--map", array, "--json", facts),
        *("--out", picture),
        *(word for text in given for word in ("--option", text)),
    )
    assert result.code == 0
    said_first(result.err, slow=bool(find(slug).counted))
    wanted = session.explain(None, "star", method=slug, options=PIXELS[slug])
    np.testing.assert_array_equal(np.load(array), wanted.map)
    content = json.loads(facts.read_text("utf-8"))
    assert content["method"] == slug
    assert content["layer"] is None
    assert content["layout"] is None
    assert content["map"]["shape"] == [128, 128]
    assert content["options"] == dict(wanted.options)
    assert "input pixels (128 x 128) for star" in result.out.splitlines()[0]


@pytest.mark.parametrize("slug", [method.slug for method in METHODS if not method.layered])
def test_a_layer_for_a_method_without_one_is_refused(run: Run, slug: str) -> None:
    result = run("explain", "--method", slug, "--layer", "layer3")
    assert (result.code, result.out) == (2, "")
    assert "has no layer: it maps" in result.err
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize("slug", [method.slug for method in METHODS if not method.swept])
def test_a_sweep_by_a_method_without_one_is_refused(run: Run, tmp_path: Path, slug: str) -> None:
    result = run("sweep", "--method", slug, "--out", tmp_path / "maps.npz")
    assert (result.code, result.out) == (2, "")
    assert "a sweep of all layers needs another method" in result.err
    assert len(result.err.splitlines()) == 1
    assert not (tmp_path / "maps.npz").exists()


@pytest.mark.parametrize("slug", ["attention-rollout", "legrad"])
def test_attention_in_a_network_without_any(run: Run, slug: str) -> None:
    result = run("explain", "--method", slug)
    assert (result.code, result.out) == (2, "")
    assert "this network has no attention" in result.err
    assert len(result.err.splitlines()) == 1


def test_an_option_changes_the_map_and_is_told(run: Run, tmp_path: Path, session: Any) -> None:
    array = tmp_path / "m.npy"
    command = ("explain", "--method", "random-cam", "--option", " seed =7", "--map", array)
    result = run(*command)
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[0].endswith(", Random-CAM (seed 7)")
    assert run(*command, "--json", "-").json["options"] == {"seed": 7}
    wanted = session.explain(method="random-cam", options={"seed": 7})
    np.testing.assert_array_equal(np.load(array), wanted.map)
    assert not np.array_equal(wanted.map, session.explain(method="random-cam").map)


def test_sweep_by_a_method(run: Run, tmp_path: Path, session: Any) -> None:
    out = tmp_path / "maps.npz"
    result = run(
        *("sweep", "--class", "circle", "--out", out),
        *("--method", "random-cam", "--option", "seed=5"),
    )
    assert (result.code, result.err) == (0, "")
    wanted = session.sweep("circle", method="random-cam", options={"seed": 5})
    with np.load(out, allow_pickle=False) as maps:
        assert set(maps.files) == set(wanted)
        for name in maps.files:
            np.testing.assert_array_equal(maps[name], wanted[name].map)


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "unknown": (("--method", "gradcam"), "did you mean grad-cam"),
    "unknown, of another": (("--method", "eigen"), "no method 'eigen'"),
    "no equals sign": (("--method", "random-cam", "--option", "seed"), "write NAME=VALUE"),
    "no equals sign and no method": (("--option", "seed"), "write NAME=VALUE"),
    "of another method": (("--method", "fem", "--option", "seed=1"), "fem has no option 'seed'"),
    "unknown option": (("--method", "random-cam", "--option", "sed=1"), "choose seed"),
    "no number": (("--method", "random-cam", "--option", "seed=one"), "a whole number from 0"),
    "out of range": (("--method", "random-cam", "--option", "seed=-1"), "not '-1'"),
    "two lines": (("--method", "random-cam", "--option", "seed=1\n2"), "not '1 2'"),
    "a slug of two lines": (("--method", "grad\ncam"), "no method"),
}


@pytest.mark.parametrize("command", ["explain", "sweep"])
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_one_line_before_anything_is_opened(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, command: str
) -> None:
    """Neither the picture nor the model exists: whatever opened one of them would say so."""
    monkeypatch.chdir(tmp_path)
    arguments, said = REFUSED[case]
    result = run(command, "absent.png", "--model", "absent.pth", *arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("hookscope: error: ")
    assert result.err.count("\n") == 1
    assert said in result.err
    assert "absent" not in result.err


@pytest.mark.parametrize(("command", "name"), [("explain", "o.png"), ("sweep", "o.npz")])
def test_an_option_that_the_models_own_method_lacks(
    run: Run, tmp_path: Path, command: str, name: str
) -> None:
    result = run(command, "--option", "seed=1", "--out", tmp_path / name)
    assert (result.code, result.out) == (2, "")
    assert (
        result.err
        == "hookscope: error: grad-cam has no option 'seed'; choose augment, eigen, fuse\n"
    )
    assert not (tmp_path / name).exists()


def test_the_method_of_the_profile_explains_where_none_is_named(
    run: Run, tmp_path: Path, session: Any
) -> None:
    remembered("random-cam", {"seed": 5})
    array, out = tmp_path / "m.npy", tmp_path / "maps.npz"
    facts = run("explain", "--map", array, "--json", "-").json
    assert (facts["method"], facts["options"]) == ("random-cam", {"seed": 5})
    wanted = session.explain(method="random-cam", options={"seed": 5})
    np.testing.assert_array_equal(np.load(array), wanted.map)
    assert run("explain", "--option", "seed=6", "--json", "-").json["options"] == {"seed": 6}
    named = run("explain", "--method", "grad-cam", "--json", "-").json
    assert (named["method"], named["options"]) == ("grad-cam", {})
    assert run("sweep", "--out", out).code == 0
    with np.load(out, allow_pickle=False) as maps:
        np.testing.assert_array_equal(maps[wanted.layer], wanted.map)
    # Naming one for a single run is not a change of mind.
    assert run("explain", "--json", "-").json["method"] == "random-cam"
    remembered("grad-cam")
    assert run("explain", "--json", "-").json["method"] == "grad-cam"


def test_a_profile_with_a_method_that_does_not_exist(
    run: Run, profiles: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    remembered("fem")
    (path,) = profiles.iterdir()
    content = json.loads(path.read_text("utf-8"))
    content["method"]["slug"] = "fern"
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(engine.ModelError, match="no method 'fern'") as caught:
        store.read(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    # One that is only remembered must not keep its model shut: it is told in the log.
    with caplog.at_level(logging.WARNING):
        result = run("explain", "--json", "-")
    assert (result.code, result.err) == (0, "")
    assert result.json["method"] == "grad-cam"
    assert [record for record in caplog.messages if "fern" in record]


@pytest.mark.parametrize("by", ["mean", "max", "product"])
def test_several_layers_as_one_map(run: Run, tmp_path: Path, session: Any, by: str) -> None:
    array, facts, picture = (tmp_path / name for name in ("m.npy", "f.json", "p.png"))
    result = run(
        *("explain", "--layer", "layer3", "--layer", "layer4", "--option", f"fuse={by}"),
        *("--class", "star", "--map", array, "--json", facts, "--out", picture, "--caption"),
    )
    assert (result.code, result.err) == (0, "")
    words = {"mean": "mean", "max": "maximum", "product": "product"}[by]
    said = f"{words} of layer3 + layer4 (16 x 16) for star ("
    assert said in result.out.splitlines()[0]
    assert result.out.splitlines()[0].endswith("), Grad-CAM")
    found = session.explain(["layer3", "layer4"], "star", options={"fuse": by})
    np.testing.assert_array_equal(np.load(array), found.map)
    content = json.loads(facts.read_text("utf-8"))
    assert content["layer"] == "layer3 + layer4"
    assert content["fusion"] == {"layers": ["layer3", "layer4"], "by": by}
    assert content["layout"] is None
    assert content["output_shape"] == [16, 16]
    settings = DisplaySettings()
    line = caption(session.image, found, settings)[1]
    assert line == f"Grad-CAM, {words} of layer3 + layer4 (16 x 16, smooth) in demo:shapes"
    assert picture.exists()


def test_copies_and_smoothing_are_said_with_the_method(
    run: Run, tmp_path: Path, session: Any
) -> None:
    array, facts = tmp_path / "m.npy", tmp_path / "f.json"
    options = {"augment": True, "eigen": True}
    given = ("--option", "augment=yes", "--option", "eigen=yes")
    result = run("explain", "--class", "star", *given, "--map", array, "--json", facts)
    assert result.code == 0
    # How long it takes is added where it is long.
    assert result.err.startswith("hookscope: 6 forward and 6 backward passes")
    assert result.out.splitlines()[0].endswith("), Grad-CAM (augment yes, eigen yes)")
    wanted = session.explain(None, "star", options=options)
    largest = np.abs(wanted.map).max()
    np.testing.assert_allclose(np.load(array), wanted.map, rtol=0, atol=1e-5 * largest)
    content = json.loads(facts.read_text("utf-8"))
    assert (content["options"], content["fusion"]) == (options, None)
    line = caption(session.image, wanted, DisplaySettings())[1]
    assert line.startswith("Grad-CAM (augment yes, eigen yes) of layer4 (16 x 16")
    out = tmp_path / "maps.npz"
    assert run("sweep", "--class", "star", *given, "--out", out).code == 0
    with np.load(out) as maps:
        np.testing.assert_allclose(maps["layer4"], wanted.map, atol=1e-4 * wanted.map.max())
        assert len(maps.files) > 20


def test_a_contrast_of_fused_layers_shows_both_signs_where_it_has_both(session: Any) -> None:
    against = Question("contrast", against="ring")
    parser = argparse.ArgumentParser()
    add_look(parser)
    given = parser.parse_args([])
    how = {"question": against}
    mean = session.explain(["layer3", "layer4"], "star", **how)
    most = session.explain(["layer3", "layer4"], "star", options={"fuse": "max"}, **how)
    assert settings_of(given, mean).sign == "signed"
    assert settings_of(given, most).sign == "positive"
    assert (mean.map.min() < 0, most.map.min() < 0) == (True, False)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            ("--method", "saliency", "--option", "eigen=yes"),
            "saliency cannot have the option eigen",
        ),
        (
            ("--method", "cam", "--option", "fuse=max"),
            "cam cannot have the option fuse: it explains",
        ),
        (("--layer", "layer3", "--layer", "no"), "there is no layer 'no'"),
        (
            ("--method", "refine-cam", "--layer", "layer3", "--layer", "layer4"),
            "RefineCAM cannot fuse layers: it multiplies the maps of several layers already; name "
            "one layer, or choose another method",
        ),
        (("--option", "augment=often"), "augment is yes or no, not 'often'"),
    ],
)
def test_options_that_cannot_be_had(run: Run, given: tuple[str, ...], words: str) -> None:
    result = run("explain", *given)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.count("\n") == 1


def test_an_option_of_the_profile_can_be_switched_off(run: Run, tmp_path: Path) -> None:
    remembered("layercam", {"augment": True})
    facts = tmp_path / "f.json"
    said = run("explain", "--json", facts).out
    assert said.splitlines()[0].endswith("LayerCAM (augment yes)")
    off = run("explain", "--option", "augment=no", "--json", facts)
    assert off.out.splitlines()[0].endswith("LayerCAM")
    assert json.loads(facts.read_text("utf-8"))["options"] == {}

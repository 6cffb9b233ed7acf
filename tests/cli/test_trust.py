"""trust: figures about one map as sentences and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.formats.demo import SCENES
from engine.metrics.table import MARKED, NAMES
from tests.cli.runs import Result

Run = Callable[..., Result]

STAR = next(scene.path for scene in SCENES if scene.path.stem == "star-with-mark")


def test_all_figures_are_in_the_json(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "trust.json"
    result = run("trust", STAR, "--model", "demo:shortcut", "--fill", "mean", "--json", file)
    assert (result.code, result.err) == (0, "")
    facts = json.loads(file.read_text(encoding="utf-8"))
    assert [figure["name"] for figure in facts["figures"]] == list(NAMES)
    for figure in facts["figures"]:
        assert {"name", "value", "spread", "random", "curve", "verdict"} <= set(figure)
        assert isinstance(figure["value"], float)
        assert figure["title"] in result.out
        assert figure["verdict"] in result.out
        for curve in figure["curve"]:
            assert len(curve["x"]) == len(curve["y"]) > 1
    assert len(facts["figures"][3]["random"]) == 5
    assert facts["class"]["label"] == "star"
    assert "bottom right corner" in result.out


def test_only_what_is_named_is_computed(run: Run) -> None:
    result = run("trust", STAR, "--only", "peak, Border-Energy", "--seed", 4, "--json", "-")
    assert (result.code, result.err) == (0, "")
    assert [one["name"] for one in result.json["figures"]] == ["border-energy", "peak"]
    assert result.json["seed"] == 4


def test_layer_method_and_class_are_those_of_explain(run: Run) -> None:
    asked = ["--layer", "layer3", "--method", "eigen-cam", "--class", "ring", "--model"]
    result = run("trust", STAR, *asked, "demo:shapes", "--only", "other-class", "--json", "-")
    assert result.json["layer"] == "layer3"
    assert result.json["method"] == "eigen-cam"
    assert result.json["class"]["label"] == "ring"
    (figure,) = result.json["figures"]
    assert figure["value"] == 1.0
    assert any("class-blind" in note for note in result.json["notes"])


def test_boxes_bring_their_figures(run: Run, tmp_path: Path) -> None:
    boxes = tmp_path / "star.txt"
    boxes.write_text("0 0.5 0.5 1.0 1.0\n", encoding="utf-8")
    names = ",".join(MARKED)
    result = run("trust", STAR, "--boxes", boxes, "--only", names, "--json", "-")
    assert (result.code, result.err) == (0, "")
    found = {one["name"]: one for one in result.json["figures"]}
    assert list(found) == list(MARKED)
    assert found["pointing"]["value"] == 1.0
    assert found["box-energy"]["value"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--only", "deletoin"], "did you mean deletion"),
        (["--only", "iou"], "--boxes"),
        (["--orders", "3"], "name 5 to 1000 random orders"),
        (["--seed", "-1"], "is not a seed"),
        (["--threshold", "2"], "not between 0 and 1"),
        (["--fill", "inpaint"], "invalid choice"),
        (["--boxes", "nowhere.xml"], "no such file"),
        (["--method", "grad-cam", "--option", "n=3"], "option"),
    ],
)
def test_what_is_wrong_is_one_line(run: Run, options: list[str], words: str) -> None:
    result = run("trust", STAR, "--model", "demo:shapes", *options)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert words in result.err
    assert result.out == ""


def test_the_file_of_boxes_is_no_place_for_the_result(run: Run, tmp_path: Path) -> None:
    boxes = tmp_path / "star.json"
    boxes.write_text("{}", encoding="utf-8")
    result = run("trust", STAR, "--boxes", boxes, "--json", boxes)
    assert result.code == 2
    assert boxes.read_text(encoding="utf-8") == "{}"

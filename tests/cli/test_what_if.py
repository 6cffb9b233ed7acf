"""what-if: JSON, pictures, edits that are repeated, and what is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import engine
from engine.edits.apply import edited
from engine.effects.hottest import Hottests
from engine.formats.demo import SCENES
from engine.records.edits import Crop, Edits, Fill, Filling, Hide, Hottest, Paste, Rectangle
from tests.cli.runs import Result
from tests.engine.images.dicom_files import dataset, written

Run = Callable[..., Result]
SCENE = {scene.path.name: scene.path for scene in SCENES}
STAR, MARK = SCENE["star-with-mark.jpg"], "750,654,84,84"


def _top(facts: Any) -> str:
    label: str = facts["predictions"][0]["label"]
    return label


def test_a_crop_as_json(run: Run) -> None:
    result = run("what-if", "--crop", "600,0,600,800", "--class", "star", "--json", "-")
    assert (result.code, result.err) == (0, "")
    facts = result.json
    model, image = engine.load_model("demo:shapes"), engine.load_image(SCENES[0].path)
    with engine.Session(model, image) as session:
        before = session.predictions()
    cut = engine.image_from_array(np.ascontiguousarray(image.pixels[:, 600:]), "cut")
    with engine.Session(model, cut) as session:
        after = session.predictions()
    assert facts["class"] == {"index": 2, "label": "star"}
    for told, expected in ((facts["before"], before), (facts["after"], after)):
        assert [one["label"] for one in told["predictions"]] == [one.label for one in expected]
        for one, other in zip(told["predictions"], expected, strict=True):
            assert set(one) == {"index", "label", "logit", "probability"}
            assert one["logit"] == pytest.approx(other.logit, abs=1e-3)
            assert one["probability"] == pytest.approx(other.probability, abs=1e-4)
    stars = [one.logit for top in (before, after) for one in top if one.label == "star"]
    if len(stars) == 2:
        assert facts["change"]["logit"] == pytest.approx(stars[1] - stars[0], abs=1e-3)
    assert Edits.from_facts(facts["edits"]) == Edits((Crop(Rectangle(600, 0, 600, 800)),))
    x, y, width, height = facts["region"]
    assert (x, width) == (600, 600)
    assert y == pytest.approx(400 - height / 2)


def test_hiding_the_mark_and_the_picture_of_it(run: Run, tmp_path: Path) -> None:
    out, facts = tmp_path / "hidden.png", tmp_path / "facts.json"
    result = run(
        *("what-if", STAR, "--model", "demo:shortcut", "--hide", MARK, "--out", out),
        *("--json", facts),
    )
    assert (result.code, result.err) == (0, "")
    told = json.loads(facts.read_text("utf-8"))
    assert _top(told["before"]) == "star" != _top(told["after"])
    assert told["change"]["probability"] < -0.8
    lines = result.out.splitlines()
    assert any(
        "hide a rectangle of 84 x 84 at 750, 654, filled with inpainting" in s for s in lines
    )
    assert any(line.startswith("star: probability\t99.9 %\t") for line in lines)
    assert f"wrote {out}" in lines
    image = engine.load_image(STAR)
    expected = edited(image, Edits((Hide(Rectangle(750, 654, 84, 84)),))).pixels
    assert np.array_equal(np.array(Image.open(out)), expected)
    again = run("what-if", STAR, "--model", "demo:shortcut", "--edits", facts, "--json", "-").json
    # Of the image, stdout has no place that it could be seen from.
    for content in (told, again):
        (file,) = content["view"]["files"]
        assert Path(file.pop("path")) == STAR
        file.pop("relative")
    assert again == told


@pytest.mark.parametrize(("option", "keep"), [("--hide-hottest", False), ("--keep-hottest", True)])
def test_the_hottest_pixels_of_a_map(run: Run, tmp_path: Path, option: str, keep: bool) -> None:
    out = tmp_path / "edited.png"
    result = run(
        *("what-if", option, "20", "--fill", "grey", "--class", "ring", "--layer", "layer3"),
        *("--method", "layercam", "--json", "-", "--out", out),
    )
    assert (result.code, result.err) == (0, "")
    model, image = engine.load_model("demo:shapes"), engine.load_image(SCENES[0].path)
    mask = Hottests(model)(Hottest(20, "layer3", "ring", method="layercam"), image)
    assert np.count_nonzero(mask) == round(0.2 * 800 * 800)
    pixels = np.array(Image.open(out))
    hidden = ~mask if keep else mask
    assert (pixels[hidden] == 128).all()
    assert np.array_equal(pixels[~hidden], image.pixels[~hidden])
    (step,) = Edits.from_facts(result.json["edits"]).steps
    assert isinstance(step, Hide)
    assert isinstance(step.shape, Hottest)
    assert (step.keep, step.filling) == (keep, Filling(Fill.GREY))
    assert (step.shape.target, step.shape.layer) == ("ring", "layer3")


def test_edits_that_paste_find_the_other_image_beside_their_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "other.jpg").write_bytes(STAR.read_bytes())
    paste = Paste("other.jpg", Rectangle(750, 654, 84, 84), (613.125, 731.7), scale=720 / 768)
    file = tmp_path / "edits.json"
    file.write_text(json.dumps(Edits((paste,)).facts), "utf-8")
    told = run(
        *("what-if", SCENE["hexagon.jpg"], "--model", "demo:shortcut", "--edits", file),
        *("--json", "-"),
    ).json
    assert (_top(told["before"]), _top(told["after"])) == ("hexagon", "star")


def test_the_crop_of_the_network_has_another_name_here(run: Run) -> None:
    result = run("what-if", "--crop", "0,0,800,800", "--network-crop", "96", "--json", "-")
    assert result.code == 0
    assert result.json["region"][2] == pytest.approx(800 * 96 / 128)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--crop --hide --hide-hottest --keep-hottest --edits is required"),
        (("--crop", "1,2,3"), "write X,Y,W,H in pixels"),
        (("--crop", "1,2,3,x"), "write X,Y,W,H in pixels"),
        (("--hide", "1,2,0,5"), "width and height are above 0"),
        (("--hide", "nan,2,3,5"), "each is a number of pixels, below 1,000,000,000"),
        (("--crop=1e9,0,10,10",), "each is a number of pixels"),
        (("--crop=0,0,-5,10",), "width and height are above 0"),
        (("--hide-hottest", "nan"), "no percentage above 0"),
        (("--hide", "-50,0,20,20"), "--hide names no pixel of the image"),
        (("--crop", "5000,0,20,20"), "has no pixel"),
        (("--hide-hottest", "0"), "no percentage above 0"),
        (("--keep-hottest", "many"), "no percentage above 0"),
        (("--hide-hottest", "5", "--layer", "nowhere"), "no layer 'nowhere'"),
        (("--hide-hottest", "5", "--method", "magic"), "magic"),
        (("--hide", "1,2,9,9", "--fill", "glitter"), "glitter"),
        (("--crop", "1,2,9,9", "--fill", "grey"), "--fill is for --hide"),
        (("--crop", "1,2,9,9", "--layer", "layer4"), "--layer is for the map"),
        (("--crop", "1,2,99,99", "--class", "dog"), "no class 'dog'"),
        (("--crop", "1,2,9,9", "--hide", "1,2,9,9"), "not allowed with"),
        (("--crop", "1,2,9,9", "--out", "a.gif"), "--out a.gif"),
        (("--edits", "nowhere.json"), "nowhere.json"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(
    run: Run, arguments: tuple[str, ...], says: str
) -> None:
    result = run("what-if", *arguments)
    assert (result.code, result.out) == (2, "")
    assert says in result.err
    assert result.err.count("\n") == 1


def paste(source: str, scale: float = 1.0) -> str:
    """A file that pastes 9 x 9 pixels."""
    return (
        f'[{{"edit": "paste", "source": "{source}", "part": [0, 0, 9, 9], "at": [0, 0], '
        f'"scale": {scale}}}]'
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "no edits can be read"),
        ("{}", "it has no 'edits'"),
        ('{"edits": 3}', "its edits are no list"),
        ('[{"edit": "erase"}]', "edit 1: 'erase' is none of"),
        ('[{"edit": "change", "what": "rotate", "amount": 900}]', "from -180 to 180, not 900"),
        ("[" * 100_000, "nested too deep"),
        ('[{"edit": "paste", "source": "gone.png", "part": [0,0,1,1], "at": [0,0]}]', "gone.png"),
        ('[{"edit": "hide", "rectangle": [NaN, 0, 9, 9]}]', "nan is no number"),
        ('[{"edit": "hide", "rectangle": [0, 0, -1, 9]}]', "-1 is not above 0"),
        ('[{"edit": "crop", "part": [1e308, 0, 1e308, 9]}]', "1e+308 is further than any pixel"),
        ('[{"edit": "hide", "brush": [[9, 9]], "radius": 1e308}]', "further than any pixel"),
        ('[{"edit": "hide", "lasso": [[-1e300, 0], [1, 1], [2, 0]]}]', "further than any pixel"),
        ('[{"edit": "hide", "rectangle": [0, 0, 1, 1, 1]}]', "a list of 4 numbers is wanted"),
        ('[{"edit": "hide", "rectangle": [0, 0, 1, 1], "colour": "red"}]', "red, green and blue"),
        ("[[]]", "edit 1: [] is of another type"),
        (paste("a" * 10_000), "aaaa"),
        (paste("a\\u0000b"), "not a valid file name"),
        (paste("/dev/zero" if os.name == "posix" else "."), "this is a "),
        (paste(str(STAR), scale=1e300), "further than any pixel"),
        (paste(str(STAR), scale=3000), "scale it down"),
        (json.dumps([{"edit": "hide", "rectangle": [0, 0, 9, 9]}] * 1001), "1,001 edits are too"),
        (json.dumps([{"edit": "e" * 100_000}]), "edit 1: 'eee"),
    ],
)
def test_a_file_of_other_things_is_said(run: Run, tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "edits.json"
    file.write_text(text, "utf-8")
    result = run("what-if", "--edits", file)
    assert (result.code, result.out) == (2, "")
    assert says in result.err
    assert result.err.count("\n") == 1
    assert len(result.err) < 500 or "aaa" in result.err


@pytest.mark.parametrize("patient", [False, True])
def test_the_patient_of_what_is_pasted_is_named_on_request_alone(
    run: Run, tmp_path: Path, patient: bool
) -> None:
    source = tmp_path / "DOE JANE.dcm"
    values = np.random.default_rng(1).integers(0, 4000, (60, 50)).astype(np.uint16)
    source.write_bytes(written(dataset(values, PatientName="DOE^JANE")))
    file, facts = tmp_path / "edits.json", tmp_path / "facts.json"
    steps = Edits((Paste(source.name, Rectangle(5, 5, 40, 40), (100, 90)),)).facts
    file.write_text(json.dumps(steps), "utf-8")
    more = ("--patient",) if patient else ()
    given = ("what-if", SCENE["hexagon.jpg"], "--model", "demo:shapes", "--edits", file, *more)
    said = run(*given)
    assert said.code == 0, said.err
    assert ("JANE" in said.out) == patient
    assert run(*given, "--json", facts).code == 0
    assert ("JANE" in facts.read_text("utf-8")) == patient
    # It takes the edits again, and finds the scan.
    again = run(*given[:5], facts, *more)
    assert again.code == 0, again.err


@pytest.mark.parametrize("there", [True, False])
def test_the_patient_of_what_is_switched_off_is_not_named_either(
    run: Run, tmp_path: Path, there: bool
) -> None:
    source = tmp_path / "DOE JANE.dcm"
    values = np.random.default_rng(1).integers(0, 4000, (60, 50)).astype(np.uint16)
    if there:
        source.write_bytes(written(dataset(values, PatientName="DOE^JANE")))
    file, facts = tmp_path / "edits.json", tmp_path / "facts.json"
    off = Paste(str(source), Rectangle(5, 5, 40, 40), (100, 90), on=False)
    steps = Edits((off, Crop(Rectangle(5, 5, 400, 400)))).facts
    file.write_text(json.dumps(steps), "utf-8")
    given = ("what-if", SCENE["hexagon.jpg"], "--model", "demo:shapes", "--edits", file)
    assert run(*given, "--json", facts).code == 0
    text = facts.read_text("utf-8")
    assert "JANE" not in text
    assert [step["on"] for step in json.loads(text)["edits"]] == [False, True]
    told = run(*given, "--json", "-")
    assert "JANE" not in told.out
    like = ("explain", "--like", facts, "--json", "-")
    content = json.loads(text)
    content["view"]["edits"] = steps
    facts.write_text(json.dumps(content), "utf-8")
    assert "JANE" not in run(*like).out


def test_a_file_that_is_read_is_not_written(run: Run, tmp_path: Path) -> None:
    edits, like = tmp_path / "edits.json", tmp_path / "like.json"
    edits.write_text(json.dumps(Edits((Crop(Rectangle(5, 5, 400, 400)),)).facts), "utf-8")
    assert run("explain", "--model", "demo:shapes", "--json", like).code == 0
    before = edits.read_bytes(), like.read_bytes()
    for given in (
        ("what-if", "--edits", edits, "--json", edits),
        ("what-if", "--edits", edits, "--json", tmp_path / "." / "edits.json"),
        ("explain", "--like", like, "--json", like),
    ):
        result = run(*given)
        assert result.code == 2, given
        assert "would overwrite an input file" in result.err
        assert result.err.count("\n") == 1
    assert (edits.read_bytes(), like.read_bytes()) == before

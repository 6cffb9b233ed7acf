"""Questions on the command line: asked, listed, said in picture and JSON, refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import engine
from engine.formats.demo import SCENES
from engine.profiles import store
from engine.records.asked import Question, Score, Unit
from engine.targets.questions import QUESTIONS
from tests.cli.runs import Result

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "folder", lambda: tmp_path / "profiles")


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    """The same model and picture through the engine's public interface."""
    with engine.Session(
        engine.load_model("demo:shapes"), engine.load_image(SCENES[0].path)
    ) as session:
        yield session


def test_the_list(run: Run, tmp_path: Path) -> None:
    shown = run("questions")
    assert (shown.code, shown.err) == (0, "")
    heads = [line.split()[0] for line in shown.out.splitlines() if not line.startswith(" ")]
    assert heads == [row.slug for row in QUESTIONS]
    told = run("questions", "--json", "-").json
    assert [row["slug"] for row in told] == heads
    assert run("questions", "--json", tmp_path / "q.json").out == shown.out
    assert json.loads((tmp_path / "q.json").read_text("utf-8")) == told


WAYS: dict[str, tuple[tuple[str, ...], Question]] = {
    "contrast": (("--against", "ring"), Question("contrast", against="ring")),
    "likeliest": (("--question", "contrast"), Question("contrast")),
    "counterfactual": (("--question", "counterfactual"), Question("counterfactual")),
    "rest": (
        ("--question", "rest", "--score", "log-probability"),
        Question("rest", score=Score.LOG_PROBABILITY),
    ),
    "margin": (("--question", "margin"), Question("margin")),
    "entropy": (("--question", "entropy"), Question("entropy")),
    "probability": (("--score", "probability"), Question(score=Score.PROBABILITY)),
    "unit": (("--unit", "layer3:5"), Question("unit", unit=Unit("layer3", 5))),
    "cell of a unit": (
        ("--unit", "layer3:5:2,3"),
        Question("unit", unit=Unit("layer3", 5, (2, 3))),
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_explain_and_sweep(run: Run, tmp_path: Path, session: Any, name: str) -> None:
    given, question = WAYS[name]
    array, facts, maps = tmp_path / "m.npy", tmp_path / "f.json", tmp_path / "maps.npz"
    common = ("--class", "star", *given)
    result = run(
        "explain", *common, "--layer", "layer2", "--map", array, "--json", facts, "--exact"
    )
    assert (result.code, result.err) == (0, "")
    wanted = session.explain("layer2", "star", question=question)
    largest = np.abs(wanted.map).max()
    np.testing.assert_allclose(np.load(array), wanted.map, rtol=0, atol=1e-4 * largest)
    told = json.loads(facts.read_text("utf-8"))["question"]
    asked = wanted.asked
    assert told["name"] == asked.question
    assert told["score"] == (asked.score.value if asked.score else None)
    assert told["value"] == pytest.approx(wanted.value, rel=1e-4)
    assert told["class"] == asked.target
    assert (told["against"] or {"index": None})["index"] == asked.against
    assert [told["positive"], told["negative"]] == list(wanted.signs)
    assert told["words"].startswith(wanted.subject)
    if asked.unit is not None:
        cell = list(asked.unit.cell) if asked.unit.cell else None
        assert told["unit"] == {"layer": "layer3", "channel": 5, "cell": cell}
    assert wanted.subject in result.out.splitlines()[0]
    swept = run("sweep", *common, "--out", maps)
    assert swept.code == 0
    assert f"layers for {wanted.subject}" in swept.out
    with np.load(maps) as found:
        np.testing.assert_allclose(found["layer2"], wanted.map, rtol=0, atol=1e-4 * largest)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--against", "starr"), "did you mean star"),
        (("--class", "star", "--against", "star"), "against itself"),
        (("--question", "contrasts"), "did you mean contrast"),
        (("--question", "unit"), "needs a unit, as in layer3:17"),
        (("--question", "entropy", "--against", "ring"), "takes no other class"),
        (("--question", "entropy", "--score", "logit"), "ask it without a score"),
        (("--unit", "layer3"), "write LAYER:CHANNEL"),
        (("--unit", "layer3:80"), "choose one from 0 to"),
        (("--unit", "layer1:0"), "comes after 'layer1'"),
        (("--unit", "layer9:0"), "there is no layer 'layer9'"),
        (("--cell", "1,1"), "no map of class scores"),
        (("--cell", "1"), "write ROW,COLUMN"),
        (("--method", "eigen-cam", "--against", "ring"), "same for every question"),
        (("--method", "finer-cam", "--question", "rest"), "choose another method"),
        (("--score", "odds"), "invalid choice"),
        (("--expected", "starr"), "did you mean star"),
        (("--expected", "ring", "--against", "ring"), "leave out --against"),
        (("--expected", "folder"), "is called by none of the classes"),
    ],
)
def test_what_cannot_be_asked_is_one_line(run: Run, given: tuple[str, ...], said: str) -> None:
    result = run("explain", *given)
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert len(result.err.splitlines()) == 1


def test_predicted_expected_and_their_contrast(run: Run, tmp_path: Path) -> None:
    out, array, facts = tmp_path / "o.png", tmp_path / "m.npy", tmp_path / "f.json"
    how = ("--out", out, "--map", array, "--json", facts)
    result = run("explain", "--expected", "ring", *how)
    assert (result.code, result.err) == (0, "")
    parts = ("predicted", "expected", "contrast")
    one, other, contrast = (np.load(tmp_path / f"m-{part}.npy") for part in parts)
    largest = np.abs(one).max()
    np.testing.assert_allclose(contrast, one - other, rtol=0, atol=1e-5 * largest)
    told = json.loads(facts.read_text("utf-8"))
    assert sorted(told) == sorted(parts)
    assert told["predicted"]["class"]["label"] == "star"
    assert told["expected"]["class"]["label"] == "ring"
    assert told["contrast"]["question"]["against"]["label"] == "ring"
    assert told["contrast"]["display"]["sign"] == "signed"
    lines = result.out.splitlines()
    assert [f": {part}, layer4" in line for part, line in zip(parts, lines, strict=False)] == 3 * [
        True
    ]
    assert all(f"wrote {tmp_path / f'o-{part}.png'}" in lines for part in parts)
    assert not out.exists()
    assert not array.exists()


def test_expected_as_predicted_has_no_contrast(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "STAR"
    folder.mkdir()
    image = folder / "1.png"
    Image.open(SCENES[0].path).save(image)
    given = ("explain", image, "--model", "demo:shapes", "--expected", "folder")
    shown = run(*given)
    assert shown.code == 0
    assert "the expected class is the predicted one: there is no contrast" in shown.out
    told = run(*given, "--json", "-").json
    assert told["contrast"] is None
    assert told["expected"]["class"] == told["predicted"]["class"]
    assert told["expected"]["class"]["label"] == "star"


def test_files_of_a_comparison_are_checked_before_the_work(run: Run, tmp_path: Path) -> None:
    (tmp_path / "o-contrast.png").mkdir()
    result = run("explain", "--expected", "ring", "--out", tmp_path / "o.png")
    assert (result.code, result.out) == (2, "")
    assert "o-contrast.png" in result.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o-contrast.png"]


def test_a_caption_stands_below_the_picture(run: Run, tmp_path: Path) -> None:
    plain, told = tmp_path / "plain.png", tmp_path / "told.png"
    for path, more in ((plain, ()), (told, ("--caption",))):
        assert run("explain", "--against", "ring", "--out", path, *more).code == 0
    with Image.open(plain) as short, Image.open(told) as tall:
        assert tall.height > short.height
        np.testing.assert_array_equal(
            np.asarray(tall)[: short.height, : short.width], np.asarray(short)
        )

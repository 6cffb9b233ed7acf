"""channels: the numbers of a layer's channels, and a sheet of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.formats.demo import SCENES
from tests.cli.runs import Result
from tests.engine.figures.pages import PdfFile

Run = Callable[..., Result]


def test_all_channels_by_falling_contribution(run: Run) -> None:
    result = run("channels", "--layer", "layer3", "--class", "ring", "--json", "-")
    assert (result.code, result.err) == (0, "")
    assert result.json["layer"] == "layer3"
    assert result.json["class"]["label"] == "ring"
    channels = result.json["channels"]
    model, image = engine.load_model("demo:shapes"), engine.load_image(SCENES[0].path)
    with engine.Session(model, image) as session:
        explanation = session.explain("layer3", "ring")
        count = explanation.shape[0]
        maps = session.channel_maps(range(count), "layer3", "ring")
    assert {channel["index"] for channel in channels} == set(range(count))
    given = [channel["contribution"] for channel in channels]
    assert given == sorted(given, reverse=True)
    total = float(explanation.map.sum(dtype=np.float64))
    assert sum(given) == pytest.approx(total, abs=1e-5 * float(np.abs(explanation.map).sum()))
    cells = maps.activations.shape[1] * maps.activations.shape[2]
    for channel in channels:
        assert set(channel) == {"index", "weight", "activation", "gradient", "contribution"}
        own = channel["index"]
        activation = float(maps.activations[own].mean(dtype=np.float64))
        gradient = float(maps.gradients[own].mean(dtype=np.float64))
        assert channel["activation"] == pytest.approx(activation, rel=1e-4, abs=1e-9)
        assert channel["gradient"] == pytest.approx(gradient, rel=1e-4, abs=1e-9)
        assert channel["weight"] == pytest.approx(gradient, rel=1e-4, abs=1e-9)
        wanted = channel["weight"] * channel["activation"] * cells
        assert channel["contribution"] == pytest.approx(wanted, rel=1e-4, abs=1e-9)


def test_the_top_ones_are_the_first_of_all(run: Run) -> None:
    every = run("channels", "--json", "-").json["channels"]
    top = run("channels", "--top", 5, "--json", "-").json["channels"]
    assert top == every[:5]
    by = run("channels", "--by", "activation", "--json", "-").json["channels"]
    values = [channel["activation"] for channel in by]
    assert values == sorted(values, reverse=True)


def test_a_sheet_shows_as_many_as_are_asked_for(run: Run, tmp_path: Path) -> None:
    out, facts = tmp_path / "f.pdf", tmp_path / "f.json"
    result = run("channels", "--top", 6, "--out", out, "--json", facts)
    assert (result.code, result.err) == (0, "")
    file = PdfFile(out.read_bytes())
    assert len(file.resources("XObject")) == 6
    first = json.loads(facts.read_text("utf-8"))["channels"][0]["index"]
    text = file.text()
    assert any(line.startswith(f"channel {first},") for line in text)
    assert any("6 of" in line and "channels by contribution" in line for line in text)


def test_the_terminal_gets_a_table(run: Run) -> None:
    result = run("channels", "--layer", "layer3", "--top", 3)
    lines = result.out.splitlines()
    assert lines[1].split("\t") == [
        *("channel", "weight", "activation", "gradient", "contribution"),
    ]
    assert len(lines) == 5
    whole = run("channels", "--layer", "layer3").out
    assert "more; --top or --json lists them" in whole


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--top", "0"), "at least 1"),
        (("--layer", "nowhere"), "nowhere"),
        (("--class", "unicorn"), "unicorn"),
        (("--out", "sheet.jpg"), ".svg"),
    ],
)
def test_what_cannot_be_had_is_one_line(run: Run, arguments: tuple[str, ...], words: str) -> None:
    result = run("channels", *arguments)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert words in result.err


def test_the_model_may_stand_after_the_image(run: Run) -> None:
    photo = SCENES[1].path
    named = run("channels", photo, "--model", "demo:shortcut", "--top", 2, "--json", "-")
    for command in (
        ("channels", photo, "demo:shortcut", "--top", 2, "--json", "-"),
        ("channels", "--top", 2, "--json", "-", photo, "demo:shortcut"),
    ):
        assert run(*command).json == named.json
    assert run("channels", photo, "--top", 2, "--json", "-").json != named.json
    layers = run("sweep", photo, "demo:shortcut", "--json", "-").json
    assert layers == run("sweep", photo, "--model", "demo:shortcut", "--json", "-").json

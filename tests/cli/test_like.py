"""explain --like: a map that was exported is made again, and what is named stands above it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.cli.runs import Result

Run = Callable[..., Result]


def exported(run: Run, folder: Path, *arguments: object) -> tuple[Path, Any]:
    """The JSON of an export, and its map."""
    facts, map = folder / "first.json", folder / "first.npy"
    done = run("explain", *arguments, "--json", facts, "--map", map)
    assert done.code == 0, done.err
    return facts, np.load(map)


def again(run: Run, folder: Path, *arguments: object) -> tuple[Any, Any]:
    """The JSON and the map of explain with these arguments."""
    facts, map = folder / "again.json", folder / "again.npy"
    done = run("explain", *arguments, "--json", facts, "--map", map)
    assert done.code == 0, done.err
    return json.loads(facts.read_text()), np.load(map)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--model", "demo:shortcut", "--crop", "96", "--mean", "0.4", "--class", "ring"),
        ("--layer", "layer2", "--layer", "layer3", "--option", "fuse=max"),
        ("--against", "ring", "--score", "probability", "--method", "hirescam"),
        ("--unit", "layer2:3:4,5", "--layer", "layer1", "--method", "grad-cam++"),
        ("--question", "margin", "--look", "jet", "--contours", "25,50"),
        ("--method", "smoothgrad", "--option", "n=2", "--option", "sigma=0.1", "--sign", "signed"),
        ("--method", "score-cam", "--layer", "layer1"),
    ],
)
def test_the_same_map(run: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    facts, wanted = exported(run, tmp_path, *arguments)
    content, found = again(run, tmp_path, "--like", facts)
    assert np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max()
    first = json.loads(facts.read_text())
    for part in ("view", "display", "question", "class", "method", "options", "region"):
        assert content[part] == first[part], part


def test_a_page_with_its_levels(run: Run, tmp_path: Path) -> None:
    rows = np.random.default_rng(2).normal(300, 90, (6, 60, 70)).astype(np.float32)
    np.save(tmp_path / "stack.npy", rows)
    asked = ("--page", "2", "--levels", "window:310.5,200", "--model", "demo:shapes")
    facts, wanted = exported(run, tmp_path, tmp_path / "stack.npy", *asked)
    content, found = again(run, tmp_path, "--like", facts)
    assert np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max()
    assert content["image_file"]["page"] == 2
    assert (content["image_file"]["levels"]["black"], content["image_file"]["levels"]["white"]) == (
        210.5,
        410.5,
    )


def test_what_is_named_stands_above_it(run: Run, tmp_path: Path) -> None:
    how = ("--method", "smoothgrad", "--option", "n=2", "--class", "ring")
    facts, _ = exported(run, tmp_path, *how, "--colormap", "viridis")
    picture = tmp_path / "mine.png"
    Image.new("RGB", (90, 70), "olive").save(picture)
    content, _ = again(
        run, tmp_path, picture, "--like", facts, "--method", "layercam", "--layer", "layer2"
    )
    assert content["image"] == str(picture)
    assert (content["method"], content["layer"], content["options"]) == ("layercam", "layer2", {})
    assert content["class"]["label"] == "ring"
    assert content["display"]["colormap"] == "viridis"
    content, _ = again(
        run, tmp_path, "--like", facts, "--option", "n=3", "--model", "demo:shortcut"
    )
    assert content["options"]["n"] == 3
    assert content["model"] == "demo:shortcut"


def test_one_of_several_maps(run: Run, tmp_path: Path) -> None:
    facts = tmp_path / "panes.json"
    assert run("compare", "--layer", "layer2", "layer3", "--json", facts).code == 0
    done = run("explain", "--like", facts)
    assert done.code == 2
    assert "has 2 maps; say which with --pane 1 to 2" in done.err
    content, _ = again(run, tmp_path, "--like", facts, "--pane", "2")
    assert content["layer"] == "layer3"


def test_every_map_of_a_sweep(run: Run, tmp_path: Path) -> None:
    facts, maps = tmp_path / "sweep.json", tmp_path / "maps.npz"
    done = run("sweep", "--class", "ring", "--json", facts, "--out", maps)
    assert done.code == 0, done.err
    panes = json.loads(facts.read_text())["panes"]
    with np.load(maps) as found:
        assert sorted(pane["layer"] for pane in panes) == sorted(found)
        place = [pane["layer"] for pane in panes].index("layer2")
        content, map = again(run, tmp_path, "--like", facts, "--pane", place + 1)
        assert content["layer"] == "layer2"
        wanted = found["layer2"]
    # One computed them all, the other this one alone.
    assert np.abs(map - wanted).max() <= 1e-4 * np.abs(wanted).max()


def test_edits_are_done_again(run: Run, tmp_path: Path) -> None:
    facts, _ = exported(run, tmp_path, "--layer", "layer3")
    content = json.loads(facts.read_text())
    box = {"x": 20.0, "y": 30.0, "width": 200.0, "height": 150.0}
    from engine.records.edits import Crop, Edits, Rectangle

    content["view"]["edits"] = Edits((Crop(Rectangle(**box)),)).facts
    facts.write_text(json.dumps(content))
    found, map = again(run, tmp_path, "--like", facts)
    assert found["view"]["edits"] == content["view"]["edits"]
    from engine.formats.demo import SCENES

    with Image.open(SCENES[0].path) as scene:
        scene.crop((20, 30, 220, 180)).save(tmp_path / "cropped.png")
    index = content["class"]["index"]
    _, wanted = again(
        run, tmp_path, tmp_path / "cropped.png", "--model", "demo:shapes", "--layer", "layer3",
        "--class", index,
    )  # fmt: skip
    assert np.abs(map - wanted).max() <= 1e-6 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("nonsense", "it is no JSON"),
        ("[1]", "it holds no object"),
        ("{}", "it has no 'view'"),
        ('{"view": {"model": "demo:shapes"}}', "'image'"),
        ('{"view": {"image": "a.png", "model": "{\\"spec\\": 3}"}}', "names no model"),
        (
            '{"view": {"image": "a", "model": "demo:shapes"}, "display": {"opacity": "much"}}',
            "opacity",
        ),
    ],
)
def test_files_that_say_of_no_map(run: Run, tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(content)
    done = run("explain", "--like", path)
    assert done.code == 2
    assert str(path) in done.err
    assert reason in done.err
    assert done.err.count("\n") == 1


NETWORK = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=4), nn.ReLU())
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))
"""


def test_consent_is_for_a_model_that_is_typed_not_for_one_of_the_file(
    run: Run, tmp_path: Path
) -> None:
    network = tmp_path / "net.py"
    network.write_text(NETWORK)
    weights = tmp_path / "net.pth"
    torch.manual_seed(0)
    shapes = {"body.0.weight": (8, 3, 3, 3), "body.0.bias": (8,)}
    shapes |= {"head.weight": (4, 8), "head.bias": (4,)}
    torch.save({name: torch.randn(shape) for name, shape in shapes.items()}, weights)
    how = ("--model", network, "--weights", weights, "--input", "3x64x64", "--trust")
    facts, wanted = exported(run, tmp_path, *how)
    ran = tmp_path / "ran"
    network.write_text(NETWORK + f"\n\nopen({str(ran)!r}, 'w').close()\n")
    refused = run("explain", "--like", facts, "--trust")
    assert refused.code == 2
    assert "net.py: has changed" in refused.err
    # One that says nothing of the file, as a stranger's may.
    content = json.loads(facts.read_text())
    files = content["view"]["files"]
    content["view"]["files"] = [file for file in files if file["name"] != str(network)]
    facts.write_text(json.dumps(content))
    refused = run("explain", "--like", facts, "--trust")
    assert refused.code == 2
    assert "net.py" in refused.err
    assert "none of it was run" in refused.err
    assert not ran.exists()
    _content, found = again(run, tmp_path, "--like", facts, "--model", network, "--trust")
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert ran.exists()


@pytest.mark.parametrize(
    "command",
    [
        ("trust", "--only", "peak", "--layer", "layer3", "--class", "ring"),
        ("channels", "--layer", "layer3", "--class", "ring"),
    ],
)
def test_of_the_figures_of_a_map_the_map_is_made_again(
    run: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    facts = tmp_path / "figures.json"
    done = run(*command, "--model", "demo:shapes", "--json", facts)
    assert done.code == 0, done.err
    how = ("--model", "demo:shapes", "--layer", "layer3", "--class", "ring")
    _, wanted = exported(run, tmp_path, *how)
    content, found = again(run, tmp_path, "--like", facts)
    assert content["layer"] == "layer3"
    assert np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max()


def test_of_what_if_the_map_of_the_edited_image_is_made(run: Run, tmp_path: Path) -> None:
    facts = tmp_path / "edited.json"
    how = ("--model", "demo:shapes", "--class", "ring", "--crop", "100,40,700,600")
    assert run("what-if", *how, "--json", facts).code == 0
    content, found = again(run, tmp_path, "--like", facts)
    assert content["class"]["label"] == "ring"
    assert content["view"]["edits"] == json.loads(facts.read_text())["edits"]
    from engine.formats.demo import SCENES

    with Image.open(SCENES[0].path) as scene:
        scene.crop((100, 40, 800, 640)).save(tmp_path / "cropped.png")
    what = (tmp_path / "cropped.png", "--model", "demo:shapes", "--class", "ring")
    _, wanted = exported(run, tmp_path, *what)
    assert np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max()


def test_the_heat_of_an_edited_image_is_drawn_over_the_edited_image(
    run: Run, tmp_path: Path
) -> None:
    facts, drawn = tmp_path / "edited.json", tmp_path / "edited.png"
    how = ("--model", "demo:shapes", "--class", "ring", "--crop", "100,40,700,600")
    assert run("what-if", *how, "--json", facts).code == 0
    again = tmp_path / "again.json"
    done = run("explain", "--like", facts, "--out", drawn, "--json", again)
    assert done.code == 0, done.err
    with Image.open(drawn) as picture:
        assert picture.size == (700, 600)
    content = json.loads(again.read_text())
    assert (content["image_file"]["width"], content["image_file"]["height"]) == (700, 600)
    x, _, width, _ = content["region"]
    assert 0 <= x <= x + width <= 700


@pytest.mark.parametrize("levels", ["auto", "window:20000,30000"])
def test_an_edited_deep_image_is_shown_as_its_file_is_not_as_the_edits_left_it(
    run: Run, tmp_path: Path, levels: str
) -> None:
    values = np.random.default_rng(6).integers(2_000, 50_000, (90, 110)).astype(np.uint16)
    path = tmp_path / "deep.png"
    Image.fromarray(values).save(path)
    first, _ = exported(run, tmp_path, path, "--model", "demo:shapes", "--levels", levels)
    content = json.loads(first.read_text("utf-8"))
    content["view"]["edits"] = [{"edit": "crop", "part": [5, 6, 80, 70]}]
    first.write_text(json.dumps(content), "utf-8")
    second, wanted = again(run, tmp_path, "--like", first)
    assert second["view"].get("levels", "auto") == content["view"].get("levels", "auto")
    (tmp_path / "again.json").rename(tmp_path / "second.json")
    _, found = again(run, tmp_path, "--like", tmp_path / "second.json")
    assert np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max()

"""The files that a JSON names are found again: where they were, moved together with it, or not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.export.references import with_files
from engine.formats.demo import SCENES
from engine.lazy import torchvision
from engine.records.edits import Edits, Paste, Rectangle
from tests.cli.runs import Result

Run = Callable[..., Result]

STAR = SCENES[0].path


class Work:
    """A folder with a picture, another that is pasted from, and the JSON of a map of both."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run, self.folder = run, folder
        (folder / "pictures").mkdir(parents=True)
        (folder / "results").mkdir()
        self.picture = folder / "pictures" / "star.png"
        self.other = folder / "pictures" / "mark.png"
        with Image.open(STAR) as scene:
            scene.convert("RGB").save(self.picture)
        rows = np.random.default_rng(3).integers(0, 256, (90, 120, 3), np.uint8)
        Image.fromarray(rows).save(self.other)
        self.edits = folder / "results" / "edits.json"
        paste = Paste(str(self.other), Rectangle(10, 10, 80, 60), (200.0, 150.0))
        self.edits.write_text(json.dumps(Edits((paste,)).facts))
        self.facts = folder / "results" / "map.json"

    def what_if(self, *arguments: object) -> Result:
        return self.run("what-if", *arguments)

    def kept_edits(self) -> Any:
        """The JSON of what-if with this paste, which then stands in place of its edits."""
        again = self.edits.with_name("again.json")
        assert self.what_if(self.picture, "--edits", self.edits, "--json", again).code == 0
        again.replace(self.edits)
        return json.loads(self.edits.read_text())

    def kept_map(self) -> Any:
        """A map of the edited picture, with its JSON."""
        assert self.run("explain", self.picture, "--json", self.facts).code == 0
        content = json.loads(self.facts.read_text())
        content["view"]["edits"] = self.kept_edits()["edits"]
        self.facts.write_text(json.dumps(content))
        # Written by the program: what it notes of both files.
        again = self.facts.with_name("again.json")
        assert self.run("explain", "--like", self.facts, "--json", again).code == 0
        again.replace(self.facts)
        return json.loads(self.facts.read_text())

    def again(self, folder: Path, *arguments: object) -> Any:
        target = folder.parent / "again.npy"
        done = self.run("explain", *arguments, "--map", target)
        assert done.code == 0, done.err
        return np.load(target)


@pytest.fixture
def work(run: Run, tmp_path: Path) -> Work:
    return Work(run, tmp_path / "work")


def refused(done: Result, *words: str) -> None:
    """It says in one line what is wrong."""
    assert done.code == 2
    assert done.err.count("\n") == 1, done.err
    for word in words:
        assert word in done.err, done.err


def test_both_are_named_by_path_checksum_and_place(work: Work) -> None:
    files = work.kept_map()["view"]["files"]
    assert [file["name"] for file in files] == [str(work.picture), str(work.other)]
    assert [file["relative"] for file in files] == ["../pictures/star.png", "../pictures/mark.png"]
    assert files[1]["size"] == work.other.stat().st_size
    assert work.kept_edits()["files"][0]["path"] == str(work.other)


@pytest.mark.parametrize("how", ["together", "into the folder of the JSON"])
def test_moved_they_are_found(work: Work, tmp_path: Path, how: str) -> None:
    work.kept_map()
    work.kept_edits()
    wanted = work.again(work.folder, "--like", work.facts)
    moved = tmp_path / "elsewhere"
    if how == "together":
        shutil.move(work.folder, moved)
        facts, edits = moved / "results" / "map.json", moved / "results" / "edits.json"
        picture = moved / "pictures" / "star.png"
    else:
        moved.mkdir()
        for path in (work.picture, work.other, work.facts, work.edits):
            shutil.move(path, moved / path.name)
        facts, edits, picture = moved / "map.json", moved / "edits.json", moved / "star.png"
    found = work.again(moved, "--like", facts)
    assert np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max()
    done = work.what_if(picture, "--edits", edits, "--json", "-")
    assert done.code == 0, done.err
    assert Path(done.json["edits"][0]["source"]).parent == picture.parent


def test_another_file_of_that_name_is_not_taken_for_it(work: Work, tmp_path: Path) -> None:
    """The one beside the JSON has the same name; the one at the old path is it."""
    work.kept_map()
    wanted = work.again(work.folder, "--like", work.facts)
    Image.new("RGB", (30, 30)).save(work.facts.with_name("mark.png"))
    found = work.again(work.folder, "--like", work.facts)
    assert np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max()


def test_what_is_missing_or_has_changed_is_named(work: Work) -> None:
    work.kept_map()
    work.kept_edits()
    kept = work.other.read_bytes()
    work.other.unlink()
    refused(work.run("explain", "--like", work.facts), "mark.png: is missing", "map.json names it")
    done = work.what_if(work.picture, "--edits", work.edits)
    refused(done, "mark.png: is missing", "edits.json names it")
    Image.new("RGB", (120, 90)).save(work.other)
    refused(work.run("explain", "--like", work.facts), "mark.png: has changed since map.json")
    done = work.what_if(work.picture, "--edits", work.edits)
    refused(done, "mark.png: has changed since edits.json")
    work.other.write_bytes(kept)
    assert work.run("explain", "--like", work.facts).code == 0
    with Image.open(work.picture) as picture:
        picture.rotate(180).save(work.picture)
    refused(work.run("explain", "--like", work.facts), "star.png: has changed", "or name an image")
    # Named, it is explained as it is now.
    assert work.run("explain", work.picture, "--like", work.facts).code == 0
    work.picture.unlink()
    refused(work.run("explain", "--like", work.facts), "star.png: is missing", "or name an image")


def test_a_paste_that_is_switched_off_needs_no_file(work: Work) -> None:
    content = work.kept_edits()
    content["edits"][0]["on"] = False
    work.edits.write_text(json.dumps(content))
    work.other.unlink()
    assert work.what_if(work.picture, "--edits", work.edits).code == 0


def test_an_image_of_a_relative_path_is_found_from_another_folder(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(work.picture.parent)
    assert work.run("explain", "star.png", "--json", work.facts).code == 0
    wanted = work.again(work.folder, "--like", work.facts)
    monkeypatch.chdir(tmp_path)
    found = work.again(work.folder, "--like", work.facts)
    assert np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max()


def test_the_same_image_named_keeps_its_edits(work: Work) -> None:
    work.kept_map()
    wanted = work.again(work.folder, "--like", work.facts)
    copy = work.folder / "copy.png"
    shutil.copy(work.picture, copy)
    for path in (work.picture, copy):
        found = work.again(work.folder, path, "--like", work.facts)
        assert np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max()


def test_an_image_without_a_file_is_asked_for(work: Work) -> None:
    content = work.kept_map()
    wanted = work.again(work.folder, "--like", work.facts)
    content["view"]["image"] = "pasted image"
    content["view"]["files"] = content["view"]["files"][1:]
    work.facts.write_text(json.dumps(content))
    done = work.run("explain", "--like", work.facts)
    refused(done, "the image 'pasted image' had no file; name it: explain IMAGE --like FILE")
    found = work.again(work.folder, work.picture, "--like", work.facts)
    assert np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max()


def test_a_scene_of_another_copy_of_the_program(run: Run, tmp_path: Path) -> None:
    facts = tmp_path / "map.json"
    assert run("explain", "--json", facts).code == 0
    text = facts.read_text().replace(str(STAR.parent), "/opt/other/scenes")
    facts.write_text(text)
    assert run("explain", "--like", facts).code == 0


HOSTILE: dict[str, Any] = {
    "no list": {"name": "a"},
    "too many": [{"name": "a"}] * 20_000,
    "a number": [3],
    "no checksum": [{"name": "a", "path": "/a", "relative": "", "size": 3}],
    "another checksum": [
        {"name": "a", "path": "/a", "relative": "", "size": 3, "sha256": "../../etc"}
    ],
    "a negative size": [
        {"name": "a", "path": "/a", "relative": "", "size": -1, "sha256": "0" * 64}
    ],
    "no name of a file": [
        {"name": "a", "path": "/a\0b", "relative": "", "size": 3, "sha256": "0" * 64}
    ],
    "a surrogate": [
        {"name": "a", "path": "/a", "relative": "\ud800", "size": 3, "sha256": "0" * 64}
    ],
}


def test_hostile_lists_of_files(work: Work) -> None:
    map, edits = work.kept_map(), work.kept_edits()
    for files in HOSTILE.values():
        map["view"]["files"] = files
        work.facts.write_text(json.dumps(map))
        refused(work.run("explain", "--like", work.facts), "map.json", "'files'")
        work.edits.write_text(json.dumps(edits | {"files": files}))
        done = work.what_if(work.picture, "--edits", work.edits)
        refused(done, "edits.json", "'files'")


def test_what_is_no_file_is_not_opened(work: Work) -> None:
    work.kept_map()
    work.other.unlink()
    work.other.mkdir()
    refused(work.run("explain", "--like", work.facts), "mark.png: is missing")
    work.other.rmdir()
    if not hasattr(os, "mkfifo"):
        return  # neither pipes nor devices have names here
    os.mkfifo(work.other)
    refused(work.run("explain", "--like", work.facts), "mark.png: is missing")
    work.other.unlink()
    work.other.symlink_to("/dev/zero")
    refused(work.run("explain", "--like", work.facts), "mark.png: is missing")


def squeezed(seed: int, path: Path) -> Path:
    """A network's weights, as a file."""
    torchvision.load()
    torch.manual_seed(seed)
    torch.save(squeezenet(), path)
    return path


@pytest.mark.parametrize("how", ["together", "changed", "missing", "changed and named"])
def test_the_model_is_one_of_these_files(work: Work, tmp_path: Path, how: str) -> None:
    weights = squeezed(0, work.folder / "pictures" / "net.pth")
    asked = (work.picture, "--model", weights, "--json", work.facts)
    done = work.run("explain", *asked)
    assert done.code == 0, done.err
    names = [file["name"] for file in done_facts(work)]
    assert names == [str(work.picture), str(weights)]
    wanted = work.again(work.folder, "--like", work.facts)
    if how == "together":
        shutil.move(work.folder, tmp_path / "elsewhere")
        facts = tmp_path / "elsewhere" / "results" / "map.json"
        found = work.again(tmp_path / "elsewhere", "--like", facts)
        assert np.abs(found - wanted).max() <= 1e-6 * np.abs(wanted).max()
    elif how == "missing":
        weights.unlink()
        done = work.run("explain", "--like", work.facts)
        refused(done, "net.pth: is missing", "or name a model")
    else:
        squeezed(1, weights)
        if how == "changed":
            done = work.run("explain", "--like", work.facts)
            refused(done, "net.pth: has changed since map.json", "or name a model")
        else:
            found = work.again(work.folder, "--like", work.facts, "--model", weights)
            assert np.abs(found - wanted).max() > 1e-2 * np.abs(wanted).max()


def done_facts(work: Work) -> Any:
    return json.loads(work.facts.read_text())["view"]["files"]


def squeezenet() -> dict[str, torch.Tensor]:
    module = torchvision.load().models.squeezenet1_1(num_classes=7)
    return module.eval().state_dict()


def test_the_weights_are_those_that_were_opened(work: Work) -> None:
    """The file was replaced after the model was opened, and before its map was exported."""
    weights = squeezed(0, work.folder / "pictures" / "net.pth")
    assert work.run("explain", work.picture, "--model", weights, "--json", work.facts).code == 0
    content = json.loads(work.facts.read_text())
    opened = content["model_info"]["weights_sha256"]
    assert opened == hashlib.sha256(weights.read_bytes()).hexdigest()
    squeezed(1, weights)
    written = with_files(content, work.facts)
    assert [file["sha256"] for file in written["view"]["files"]][1] == opened
    work.facts.write_text(json.dumps(written))
    refused(work.run("explain", "--like", work.facts), "net.pth: has changed")

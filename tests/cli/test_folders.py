"""batch, clusters and summary: from images to an index, a table and a page."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import engine
from engine.folders.index.queries import Index
from tests.cli.runs import Result
from tests.engine.folders.scenes import write_scenes
from tests.engine.folders.test_run import check_same, rows

Run = Callable[..., Result]
ROOT = Path(__file__).resolve().parents[2]
MODEL = ("--model", "demo:shapes", "--exact")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stars with a watermark, rings and squares, and a file that is none."""
    kinds = ("star", "ring", "square")
    folder = write_scenes(tmp_path_factory.mktemp("in"), 72, marked=True, kinds=kinds)
    (folder / "ring" / "no image.png").write_text("text")
    return folder


def test_what_batch_writes(run: Run, scenes: Path, tmp_path: Path) -> None:
    out, facts = tmp_path / "out", tmp_path / "f.json"
    result = run(
        *("batch", scenes, "--out", out, "--labels", "folder", *MODEL, "--json", facts),
        *("--overlays", "--maps", "--workers", 2, "--batch", 8),
    )
    assert result.code == 0
    assert result.err.startswith("hookscope: overlays and maps take about")
    assert result.err.count("\n") == 1
    last = result.out.splitlines()[-1]
    assert last.startswith("73 images, 1 unreadable, accuracy ")
    found = json.loads(facts.read_text("utf-8"))
    assert (found["images"], found["unreadable"], found["labelled"]) == (73, 1, 72)
    assert found["accuracy"] == found["correct"] / 72
    confusion = found["confusion"]
    assert sum(map(sum, confusion["counts"])) == 72
    assert confusion["labels"] == ["ring", "star", "square"]
    assert found["images_per_second"] > 0
    with (out / "table.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert list(table[0])[:9] == [
        *("path", "label", "prediction", "probability", "correct", "class", "layer", "method"),
        "error",
    ]
    names = [Path(row["path"]).name for row in table]
    assert names[:3] == ["no image.png", "ring 1.jpg", "ring 4.jpg"]
    assert "not a readable image" in table[0]["error"]
    assert table[0]["prediction"] == ""
    first = table[1]
    with engine.Session(engine.load_model("demo:shapes"), engine.load_image(first["path"])) as one:
        explanation, top = one.explain(), one.predictions(1)[0]
    assert (first["prediction"], first["class"]) == (top.label, top.label)
    assert float(first["probability"]) == pytest.approx(top.probability, abs=1e-4)
    assert first["correct"] == ("true" if top.label == "ring" else "false")
    assert (first["layer"], first["method"]) == ("layer4", "grad-cam")
    maps, overlays = (sorted((out / name).iterdir()) for name in ("maps", "overlays"))
    assert (len(maps), len(overlays)) == (72, 72)
    (own,) = [path for path in maps if "ring_1-" in path.name]
    np.testing.assert_allclose(np.load(own), explanation.map, atol=1e-4)
    with Image.open(overlays[0]) as picture:
        assert picture.size == (128, 128)
    page = (out / "index.html").read_text("utf-8")
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert page.count("<figure>") == 73
    assert page.count('class="map"') == 72
    # A picture is named, and its map, which lies over it, is not read out once more.
    assert page.count('alt=""') == 72
    assert page.count('alt="') == page.count("<img ")
    assert "@page" in page
    assert "not a readable image" in page
    summed = run("summary", out, "--json", "-")
    assert summed.code == 0
    assert summed.json == {name: one for name, one in found.items() if name != "files"}
    again = run("batch", scenes, "--out", out, "--labels", "folder", *MODEL, "--json", "-")
    assert again.json["images_per_second"] == found["images_per_second"]  # nothing was computed


def test_killed_and_resumed(
    scenes: Path, tmp_path: Path, child_env: Callable[..., dict[str, str]]
) -> None:
    """The index equals that of a run without a break, row by row."""
    killed = check_resumed(scenes, tmp_path, child_env, 73, (4, 40), 2)
    assert killed >= 1


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_killed_ten_times(
    scenes: Path, tmp_path: Path, child_env: Callable[..., dict[str, str]]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    sources = sorted(scenes.rglob("*.jpg"))
    for number in range(10_000):
        path = folder / f"{number}.jpg"
        shutil.copy(sources[number % len(sources)], path)
        with path.open("ab") as file:
            file.write(number.to_bytes(4, "little"))  # a content of its own
    goals = tuple(range(500, 10_000, 950))
    killed = check_resumed(folder, tmp_path, child_env, 10_000, goals, 16)
    assert killed == len(goals) == 10


def check_resumed(
    folder: Path,
    tmp_path: Path,
    child_env: Callable[..., dict[str, str]],
    count: int,
    goals: Sequence[int],
    size: int,
) -> int:
    """Kill batch each time that so many rows are there, resume it, and compare the index with that
    of a run without a break; how often it was killed."""
    command = [
        *(sys.executable, "main.py", "batch", str(folder), "--labels", "folder"),
        *("--batch", str(size), "--workers", "2", *MODEL),
    ]

    def start(out: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*command, "--out", str(out)],
            cwd=ROOT,
            env=child_env(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def done(out: Path) -> int:
        try:
            with sqlite3.connect(f"{(out / 'index.sqlite').as_uri()}?mode=ro", uri=True) as index:
                return int(index.execute("SELECT count(*) FROM rows").fetchone()[0])
        except sqlite3.Error:  # not there yet
            return 0

    killed = 0
    for goal in goals:
        process = start(tmp_path / "killed")
        while done(tmp_path / "killed") < goal and process.poll() is None:
            time.sleep(0.005)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        if process.stdout is not None:
            process.stdout.close()
    assert goals[0] <= done(tmp_path / "killed") < count
    for out in ("killed", "whole"):
        said, _ = start(tmp_path / out).communicate(timeout=1800)
        assert f"{count:,} images, ".encode() in said.splitlines()[-1]
    check_same(rows(tmp_path / "killed"), rows(tmp_path / "whole"))
    return killed


def test_clusters(run: Run, scenes: Path, tmp_path: Path) -> None:
    shortcut = ("--model", "demo:shortcut")
    assert run("batch", scenes, "--out", tmp_path, "--labels", "folder", *shortcut).code == 0
    result = run("clusters", tmp_path, "--class", "star", "--hide", "--json", "-")
    assert result.code == 0
    found = result.json["clusters"]
    assert sum(one["size"] for one in found) == 24
    for one in found:
        assert one["class"] == one["label"] == "star"
        assert one["purity"] >= 0.9
        assert "fixed place" in one["flags"]
        assert one["flipped"] >= 0.8 * one["size"]
        assert len(one["images"]) == one["size"]
    plain = run("clusters", tmp_path)
    assert plain.code == 0
    lines = [line.split("\t") for line in plain.out.splitlines()]
    assert all(("fixed place" in line[-1]) == line[0].startswith("star") for line in lines)
    other = run("clusters", tmp_path, "--hide", "--model", "demo:shapes")
    assert other.code == 2
    assert "not the model that the index was made with (demo:shortcut)" in other.err


def test_labels_limit_and_tables(run: Run, scenes: Path, tmp_path: Path) -> None:
    stars = sorted((scenes / "star").iterdir())[:2]
    table = tmp_path / "t.csv"
    table.write_text(f"path,label,split\n{stars[0]},star,val\n{stars[1]},kitten,train\n")
    out = tmp_path / "o"
    result = run("batch", table, "--out", out, *MODEL)
    assert result.code == 0
    assert "1 of 2 labels are classes of the network; not: kitten" in result.err
    with (out / "table.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["split"] for row in found] == ["val", "train"]
    assert [row["correct"] for row in found] == ["true", ""]
    mapping = tmp_path / "m.json"
    mapping.write_text(json.dumps({"star": "ring", "ring": 2}))
    run("batch", scenes, "--out", out, *MODEL, "--labels", mapping, "--limit", 3)
    facts = run("summary", out, "--json", "-").json
    assert (facts["images"], facts["labelled"], facts["correct"]) == (3, 2, 0)


def test_labels_of_which_none_is_found(run: Run, scenes: Path, tmp_path: Path) -> None:
    """A table without a column of labels, or of other files, is no reason to stop."""
    star = min((scenes / "star").iterdir())
    table = tmp_path / "kinds.csv"
    for text in (f"path,kind\n{star},star\n", "path,label\nelsewhere.png,star\n"):
        table.write_text(text)
        done = run("batch", star, "--labels", table, "--out", tmp_path / "o", *MODEL)
        assert done.code == 0
        (said,) = done.err.splitlines()
        assert f"no image has a label; see how {table} names images and labels" in said
        assert "predicted class is explained" not in said
    done = run("batch", star, "--class", "label", "--out", tmp_path / "o", *MODEL)
    assert "no image has a label" in done.err
    assert "the predicted class is explained" in done.err


def test_the_model_may_come_last(run: Run, scenes: Path, tmp_path: Path) -> None:
    few = ("--limit", 2, "--exact")
    for model in ("demo:shortcut", "demo:shapes"):
        done = run("batch", scenes / "star", scenes / "ring", model, "--out", tmp_path / "o", *few)
        assert (done.code, done.err) == (0, "")
        assert model in done.out.splitlines()[-2]
    # A path that is not there stays one.
    wrong = run("batch", scenes / "star", "not/there", "--out", tmp_path / "o")
    assert (wrong.code, wrong.out) == (2, "")
    assert "no such file or folder" in wrong.err
    named = run("batch", scenes / "star", "resnt18", "--out", tmp_path / "o", *few)
    assert "there is no model 'resnt18'" in named.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none"], "none: no such file or folder; check the name"),
        (["model.pth"], "this is a model, not an image; name it with --model"),
        (["empty"], "empty: no images found"),
        (["a.png", "--limit", "0"], "0 is not a number from 1 on"),
        (["a.png", "--batch", "x"], "--batch: x is not a number from 1 on"),
        (["a.png", "--workers", "-1"], "--workers: -1 is not a number from 1 on"),
        (["a.png", "--scheduler", "here"], "'here' is not the address of a scheduler; give host"),
        (["a.png", "--scheduler", "http://a:1"], "'http://a:1' is not the address of a scheduler"),
        (["a.png", "--layer", "nope"], "no layer"),
        (["a.png", "--class", "kitten"], "there is no class 'kitten'"),
        (["a.png", "--method", "nope"], "nope"),
        (["a.png", "--labels", "none.csv"], "none.csv: no such file"),
        (["a.png", "--out", "a.png"], "--out is a folder"),
        (["full", "--out", "full/../full"], "the images are in this folder; name one of its own"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (20, 20)).save("a.png")
    Path("model.pth").write_bytes(b"x")
    Path("empty").mkdir()
    Path("full").mkdir()
    Image.new("RGB", (20, 20)).save("full/b.png")
    out = [] if "--out" in arguments else ["--out", "out"]
    result = run("batch", *arguments, *out, *MODEL)
    assert result.code == 2
    assert said in result.err
    assert result.err.count("\n") == 1
    # Nothing is written among the images.
    assert [path.name for path in Path("full").iterdir()] == ["b.png"]


def test_parquet_has_what_the_table_has(run: Run, scenes: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    run("batch", scenes / "ring", "--out", tmp_path, "--labels", "folder", *MODEL)
    found = parquet.read_table(tmp_path / "table.parquet").to_pylist()
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(found) == len(table) == 25
    assert list(found[0]) == list(table[0])
    for one, other in zip(found, table, strict=True):
        assert (one["path"], one["prediction"] or "") == (other["path"], other["prediction"])
        assert {True: "true", False: "false", None: ""}[one["correct"]] == other["correct"]
        if one["loss"] is not None:
            assert float(other["loss"]) == pytest.approx(one["loss"])


def test_an_index_that_is_none(run: Run, tmp_path: Path) -> None:
    for command in ("summary", "clusters"):
        result = run(command, tmp_path)
        assert result.code == 2
        assert "no index here; make one with the command batch" in result.err


def test_output_inside_the_input(run: Run, scenes: Path, tmp_path: Path) -> None:
    """What batch writes is no input of the next run."""
    folder = tmp_path / "in"
    shutil.copytree(scenes / "star", folder)
    for name in list(folder.iterdir())[2:]:
        name.unlink()
    for _ in range(2):
        result = run("batch", folder, "--out", folder / "out", *MODEL, "--overlays")
        assert result.out.splitlines()[-1].startswith("2 images, 0 unreadable")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_utf8(run: Run, scenes: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    name = os.fsdecode(b'caf\xe9,\n"x".jpg')
    shutil.copy(sorted((scenes / "star").iterdir())[0], folder / name)
    out = tmp_path / "out"
    assert run("batch", folder, "--out", out, *MODEL, "--overlays", "--maps").code == 0
    with (out / "table.csv").open("r", encoding="utf-8", errors="surrogateescape", newline="") as f:
        (row,) = csv.DictReader(f)
    assert row["path"] == str(folder / name)
    assert row["error"] == ""
    with Index(out) as index:
        (shown,) = index.each(index.job()[0])
    assert shown.path == str(folder / name)

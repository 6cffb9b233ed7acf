"""batch, clusters and summary with what clumsy and hostile people give them: one line, and no file
of anybody is lost."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.runs import Result
from tests.engine.folders.scenes import write_scenes

Run = Callable[..., Result]
MODEL = ("--model", "demo:shapes", "--exact")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with scenes in 'in', which is the current one."""
    write_scenes(tmp_path / "in", 6)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(done: Result, *words: str) -> None:
    assert done.code == 2
    assert done.err.count("\n") == 1, done.err
    for word in words:
        assert word in done.err, done.err


def test_json_is_never_written_over_the_index_or_what_is_read(run: Run, here: Path) -> None:
    assert run("batch", "in", "--out", "o", *MODEL).code == 0
    before = {path.name: path.read_bytes() for path in Path("o").iterdir()}
    for name in ("index.sqlite", "index.sqlite-wal", "index.lock", "table.csv", "index.html"):
        for command in (("summary", "o"), ("clusters", "o"), ("batch", "in", "--out", "o", *MODEL)):
            refused(run(*command, "--json", f"o/../o/{name}"), "the index has a file of that name")
    assert {path.name: path.read_bytes() for path in Path("o").iterdir()} == before
    refused(run("batch", "in", "--out", "p", *MODEL, "--json", "p/table.csv"), "the index has")
    image = min(Path("in").rglob("*.jpg"))
    table = Path("t.csv")
    table.write_text(f"path,label\n{image},star\n")
    kept = image.read_bytes(), table.read_bytes()
    for given in (("in", "--json", image), (table, "--json", table)):
        refused(run("batch", *given, "--out", "p", *MODEL), "it would overwrite an input file")
    labelled = ("in", "--labels", table, "--json", table)
    refused(run("batch", *labelled, "--out", "p", *MODEL), "it would overwrite an input file")
    assert (image.read_bytes(), table.read_bytes()) == kept


def test_json_may_be_in_the_folder_that_is_made(run: Run, here: Path) -> None:
    for _ in range(2):
        done = run("batch", "in", "--out", "in/o", *MODEL, "--json", "in/o/facts.json")
        assert done.code == 0, done.err
        assert json.loads(Path("in/o/facts.json").read_text())["images"] == 6


def test_a_list_of_the_name_of_an_output_is_kept(run: Run, here: Path) -> None:
    Path("o").mkdir()
    table = Path("o/table.csv")
    table.write_text(f"path,label\n{min(Path('in').rglob('*.jpg')).absolute()},star\n")
    kept = table.read_bytes()
    refused(run("batch", table, "--out", "o", *MODEL), "would overwrite an input file")
    labelled = ("in", "--labels", table, "--out", "o", *MODEL)
    refused(run("batch", *labelled), "would overwrite an input file")
    assert table.read_bytes() == kept


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes")
def test_what_stands_where_outputs_go_is_said_before_the_work(run: Run, here: Path) -> None:
    for name in ("table.csv", "index.html"):
        for make in (Path.mkdir, os.mkfifo):
            shutil.rmtree("o", ignore_errors=True)
            Path("o").mkdir()
            make(Path("o") / name)
            refused(run("batch", "in", "--out", "o", *MODEL), f"cannot write o/{name}: ")
            assert [path.name for path in Path("o").iterdir()] == [name]
    for name in ("maps", "overlays"):
        shutil.rmtree("o")
        Path("o").mkdir()
        (Path("o") / name).write_text("precious")
        refused(run("batch", "in", "--out", "o", *MODEL, f"--{name}"), f"cannot write o/{name}: ")
        assert (Path("o") / name).read_text() == "precious"
    refused(run("batch", "in", "--out", "-", *MODEL), "--out is a folder for several files")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--workers", "9999"), "--workers: 9999 is too many; at most 256"),
        (("--batch", "1000000000"), "--batch: 1000000000 is too many; at most 4,096"),
        (("--limit", "1" * 5000), "is not a number from 1 on"),
    ],
)
def test_numbers_that_no_machine_bears(
    run: Run, here: Path, given: tuple[str, str], said: str
) -> None:
    done = run("batch", "in", "--out", "o", *MODEL, *given)
    refused(done, said)
    assert len(done.err) < 300


def test_what_is_left_out_is_told(run: Run, here: Path) -> None:
    try:
        (here / "in" / "more").symlink_to(here / "in" / "ring")
    except OSError:
        pytest.skip("no links here")
    done = run("batch", "in", "--out", "o", *MODEL)
    assert done.code == 0
    (line,) = done.err.splitlines()
    assert "warning: 1 folder is left out" in line
    assert f"in{os.sep}more: a link to a folder" in line


def test_clusters_of_nothing_and_of_files_that_are_gone(run: Run, here: Path) -> None:
    assert run("batch", "in", "--out", "o", *MODEL).code == 0
    with sqlite3.connect("o/index.sqlite") as index:
        index.execute("UPDATE rows SET prediction = 0 WHERE prediction = 2")
    index.close()
    done = run("clusters", "o", "--class", "star", "--json", "-")
    assert (done.code, done.json["clusters"]) == (0, [])
    assert "no image that is predicted as 'star' has a map with anything positive" in done.err
    Path("in").rename("elsewhere")
    done = run("clusters", "o", "--class", "ring", "--hide")
    assert done.code == 0
    (line,) = done.err.splitlines()
    assert "have changed or cannot be read any more, and nothing was hidden in them" in line
    assert "of 0 predictions" in done.out


def test_a_damaged_index_is_said_to_be(run: Run, here: Path) -> None:
    assert run("batch", "in", "--out", "o", *MODEL).code == 0
    with sqlite3.connect("o/index.sqlite") as index:
        index.execute("UPDATE rows SET prediction = 99")
    index.close()
    for command in (("summary", "o"), ("clusters", "o"), ("batch", "in", "--out", "o", *MODEL)):
        refused(run(*command), "index.sqlite: the index is damaged", "run batch again")


def test_a_model_or_layer_that_is_not_there_leaves_the_list_of_inputs(run: Run, here: Path) -> None:
    assert run("batch", "in", "--out", "o", *MODEL).code == 0
    one = min(Path("in").rglob("*.jpg"))
    refused(run("batch", one, "--out", "o", *MODEL, "--layer", "layer9"), "layer9")
    refused(run("batch", one, "--out", "o", "--model", "nothing.pth"), "nothing.pth")
    assert run("summary", "o", "--json", "-").json["images"] == 6

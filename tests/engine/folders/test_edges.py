"""Indexes and inputs of clumsy and of hostile people: one line says what is wrong, and nothing that
was known is lost."""

from __future__ import annotations

import os
import sqlite3
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import HookscopeError
from engine.folders.clusters.finding import clusters_of
from engine.folders.index import schema
from engine.folders.index.queries import Index
from engine.folders.index.store import IndexWriter
from engine.folders.inputs import lists
from engine.folders.inputs.finding import Labels, Overlooked, find, labels_from
from engine.folders.inputs.labels import match
from engine.folders.inputs.pictures import _ready
from engine.folders.job import How
from engine.folders.outputs.page import write_page
from engine.folders.outputs.pictures import file_name
from engine.folders.outputs.table import write_tables
from engine.folders.records import NO_STAMP, Source
from engine.folders.run import Pace, Run
from engine.model import Model
from engine.reader import client

FOLDERS = Labels(folders=True)
EXACT = How(exact=True)
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")


def picture(path: Path, seed: int = 0, side: int = 40) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(path)
    return path


def explained(
    out: Path, paths: list[Path], model: Model, patience: float | None = client.PATIENCE
) -> None:
    with IndexWriter(out) as writer:
        writer.found(find(paths, FOLDERS, skip=out))
        for _ in Run(writer, model, EXACT, pace=Pace(1, 4, patience)).steps():
            pass


@pytest.fixture
def known(tmp_path: Path, shapes: Model) -> Path:
    """An index of three images."""
    for number in range(3):
        picture(tmp_path / "in" / "star" / f"{number}.png", number)
    explained(tmp_path / "out", [tmp_path / "in"], shapes)
    return tmp_path / "out"


def changed(out: Path, sql: str) -> None:
    with sqlite3.connect(out / "index.sqlite") as other:
        other.execute(sql)
    other.close()


class TestIndex:
    def test_the_list_of_inputs_stays_when_the_next_fails(self, known: Path) -> None:
        def broken() -> Iterator[Source]:
            yield Source("/a.png", "a.png", NO_STAMP)
            raise HookscopeError("no such file")

        with IndexWriter(known) as writer:
            with pytest.raises(HookscopeError, match="no such file"):
                writer.found(broken())
            assert writer.found([]) == 0
        with Index(known) as index:
            assert index.count(index.job()[0]) == 3
        with IndexWriter(known) as writer:
            assert writer.found([Source("/a.png", "a.png", NO_STAMP)]) == 1
        with Index(known) as index:
            assert [one.name for one in index.each(index.job()[0])] == ["a.png"]

    def test_a_new_index_says_whose_it_is_at_once(self, tmp_path: Path) -> None:
        connection = schema.connect(tmp_path / "index.sqlite", writing=True)
        said: list[str] = []
        connection.set_trace_callback(said.append)
        schema.create(connection)
        connection.close()
        assert said[-1].strip().upper().startswith("COMMIT")

    def test_a_full_disk_is_said_to_be_full(self, known: Path) -> None:
        with IndexWriter(known) as writer:
            writer._connection.execute("PRAGMA max_page_count = 1")
            many = (Source(f"/{n}.png", "x" * 900, NO_STAMP) for n in range(400))
            with pytest.raises(HookscopeError, match=r"full\); free some space and run the same"):
                writer.found(many)
        with Index(known) as index:
            assert index.count(index.job()[0]) == 3

    def test_what_a_writer_cannot_read_is_said(self, known: Path) -> None:
        with IndexWriter(known) as writer:
            changed(known, "ALTER TABLE inputs RENAME TO other")
            asked: list[Callable[[], object]] = [
                writer.labels,
                lambda: writer.counts(1),
                lambda: list(writer.pending(1)),
            ]
            for ask in asked:
                with pytest.raises(HookscopeError, match=r"the index cannot be used"):
                    ask()

    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE jobs SET classes = '{'",
            "UPDATE jobs SET classes = '[1]'",
            "UPDATE jobs SET facts = '[]'",
            "UPDATE jobs SET policy = '99'",
            "UPDATE jobs SET scores = 'OTHER'",
            "UPDATE rows SET prediction = 99 WHERE input = 2",
            "UPDATE rows SET prediction = -1",
            "UPDATE rows SET target = 'star'",
            "UPDATE rows SET label = 2.5",
            "UPDATE rows SET loss = 'much'",
            "UPDATE rows SET correct = 1e400",
            "UPDATE rows SET positives = '1 99'",
            "UPDATE rows SET labels = 'x'",
            "UPDATE maps SET rows = 99 WHERE input = 3",
            "UPDATE maps SET \"values\" = x'00'",
            "UPDATE maps SET \"values\" = 'text'",
            "UPDATE inputs SET more = '[1]'",
            "UPDATE inputs SET width = 0",
            "UPDATE inputs SET path = '' WHERE id = 1",
            "UPDATE inputs SET tags = x'ff'",
            "UPDATE runs SET computed = 1e400",
        ],
    )
    def test_an_index_with_what_cannot_be_is_damaged(self, known: Path, sql: str) -> None:
        with Index(known) as index:
            index.check(index.job()[0])
        changed(known, sql)
        with (
            Index(known) as index,
            pytest.raises(HookscopeError, match=r"index.sqlite: the index is damaged") as error,
        ):
            index.check(index.job()[0])
        assert "\n" not in str(error.value)

    def test_another_program_that_writes_is_named(
        self, known: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(schema, "PATIENCE_MS", 50)
        other = sqlite3.connect(known / "index.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            with pytest.raises(HookscopeError, match=r"locked\); close the program that has it"):
                IndexWriter(known)
        finally:
            other.close()

    def test_the_index_itself_may_be_named(self, known: Path) -> None:
        with Index(known / "index.sqlite") as index:
            assert index.count(index.job()[0]) == 3

    @posix
    def test_what_has_the_names_of_its_files(self, tmp_path: Path) -> None:
        (tmp_path / "precious").write_text("precious")
        for name, make in (
            ("index.lock", lambda path: path.mkdir()),
            ("index.lock", lambda path: path.symlink_to(tmp_path / "precious")),
            ("index.sqlite", lambda path: path.mkdir()),
            ("index.sqlite", os.mkfifo),
        ):
            folder = tmp_path / f"{name}{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            make(folder / name)
            with pytest.raises(HookscopeError, match=rf"{name}: not a regular file; remove it"):
                IndexWriter(folder)
        assert (tmp_path / "precious").read_text() == "precious"

    def test_times_of_change_that_no_index_holds(self, tmp_path: Path, shapes: Model) -> None:
        path = picture(tmp_path / "in" / "a.png")
        try:
            os.utime(path, ns=(0, 13_569_465_600_000_000_000))
        except (OSError, OverflowError):
            pytest.skip("the disk holds no such time")
        for _ in range(2):
            explained(tmp_path / "out", [tmp_path / "in"], shapes)
        with Index(tmp_path / "out") as index:
            assert index.speed(index.job()[0])[0] == 1

    def test_what_could_not_be_read_is_tried_again(self, tmp_path: Path, shapes: Model) -> None:
        """What was in the way was not in the file."""
        picture(tmp_path / "in" / "a.png", side=3000)
        out = tmp_path / "out"
        explained(out, [tmp_path / "in"], shapes, patience=0.05)
        with Index(out) as index:
            (shown,) = index.each(index.job()[0])
            assert "stopped after 0.05 seconds" in shown.error
        explained(out, [tmp_path / "in"], shapes)
        with Index(out) as index:
            (shown,) = index.each(index.job()[0])
            assert shown.error == ""
            assert shown.row is not None

    def test_only_what_was_read_has_a_stamp(self, tmp_path: Path) -> None:
        path = picture(tmp_path / "a.png")
        denied = {"error": "ImageError", "text": "permission denied", "start": 0, "end": 0}
        assert _ready(denied, memoryview(b""), str(path)).picture.stamp == NO_STAMP
        damaged = {**denied, "text": "damaged", "content": "ab", "stamp": [5, 6]}
        assert _ready(damaged, memoryview(b""), str(path)).picture.stamp == (5, 6)


class TestLists:
    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("path,label\r{a},star\r", "t.csv"),
            ("sep=;\r\npath;label\r\n{a};star\r\n", "t.csv"),
            ("Image Path,Class-Name\n{a},star\n", "t.csv"),
            ("note, with, commas\tfile\tlabel\nx\t{a}\tstar\n", "t.tsv"),
            ("{a}\r", "u.txt"),
            ("\n{a}\n", "u.txt"),
        ],
    )
    def test_forms_of_lists(self, tmp_path: Path, text: str, name: str) -> None:
        picture(tmp_path / "a.png")
        (tmp_path / name).write_text(text.format(a="a.png"), newline="")
        (found,) = find([tmp_path / name])
        assert Path(found.path).name == "a.png"
        assert found.label == ("star" if name.startswith("t") else "")

    def test_columns_of_one_name_stay_apart(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("path,x,x,x (2),,\na.png,1,2,3,4,5\n")
        (found,) = find([tmp_path / "t.csv"])
        names = ("x", "x (2)", "x (2) (2)", "column 5", "column 6")
        assert found.more == tuple(zip(names, "12345", strict=True))

    def test_what_is_no_path(self, tmp_path: Path) -> None:
        for name in ("t.txt", "t.csv"):
            (tmp_path / name).write_text("path\n" + "x" * 40_000)
            with pytest.raises(HookscopeError, match="is no path: it has 40,000 characters"):
                list(find([tmp_path / name]))

    def test_a_list_that_is_too_large(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lists, "MAX_BYTES", 10)
        (tmp_path / "t.csv").write_text("path\n" * 9)
        with pytest.raises(HookscopeError, match="split it"):
            lists.parse(tmp_path / "t.csv")

    def test_patience_is_for_lists_as_well(self, tmp_path: Path) -> None:
        path = tmp_path / "t.csv"
        path.write_text("path,label\n" + "".join(f"{n}.png,star\n" for n in range(200_000)))
        for ask in (
            lambda: list(find([path], patience=0.02)),
            lambda: labels_from(str(path), patience=0.02),
        ):
            with pytest.raises(HookscopeError, match=r"stopped after 0.02 seconds"):
                ask()

    def test_labels_that_contradict_are_told(self, tmp_path: Path) -> None:
        path = tmp_path / "t.csv"
        path.write_text("path,label\na.png,star\na.png,star\na.png,ring\n./a.png,\n")
        over = Overlooked()
        assert [one.label for one in find([path], overlooked=over)] == ["star"]
        labels, _ = labels_from(str(path), overlooked=over)
        assert labels.by_path is not None
        assert [label for label, _ in labels.by_path.values()] == ["star"]
        assert over.again == [str(tmp_path / "a.png")] * 3
        (line,) = over.lines
        assert line.startswith("3 files are named again with another label, and the first one")

    def test_classes_that_differ_by_case_or_composition(self) -> None:
        classes = ["Cat", "cat", "\u00e9toile"]
        found = match(["Cat", "cat", "CAT", unicodedata.normalize("NFD", "\u00c9toile")], classes)
        assert found.unmatched == ("CAT",)
        assert list(found.found.values()) == [(0,), (1,), (2,)]


class TestFolders:
    @posix
    def test_folders_that_are_left_out_are_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("a", "b", "c"):
            picture(tmp_path / "in" / name / "x.png")
        (tmp_path / "in" / "d").symlink_to(tmp_path / "in" / "a")
        scandir = os.scandir

        def refuse(path: str) -> object:
            if str(path).endswith(f"{os.sep}b"):
                raise PermissionError(13, "no", str(path))
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refuse)
        over = Overlooked()
        found = [one.label for one in find([tmp_path / "in"], FOLDERS, overlooked=over)]
        assert found == ["a", "c"]
        assert over.folders == [
            f"{tmp_path}/in/d: a link to a folder, which is not followed; name that folder",
            f"{tmp_path}/in/b: permission denied; change the file's permissions",
        ]
        assert over.lines[0].startswith("2 folders are left out; ")

    def test_what_another_index_has_written_is_no_input(self, known: Path) -> None:
        for name in ("maps", "overlays", "mine"):
            picture(known / name / "x.png")
        found = [Path(one.path).parent.name for one in find([known.parent])]
        assert sorted(set(found)) == ["mine", "star"]


class TestFiles:
    def test_names_count_in_bytes(self, tmp_path: Path, shapes: Model) -> None:
        picture(tmp_path / "in" / f"{chr(0x10330) * 60}.png")
        explained(tmp_path / "out", [tmp_path / "in"], shapes)
        with Index(tmp_path / "out") as index:
            (shown,) = index.each(index.job()[0])
            assert len(f"{file_name(shown, 1)}.jpg".encode()) < 220

    def test_cells_are_no_formulas_and_columns_keep_their_values(
        self, tmp_path: Path, shapes: Model
    ) -> None:
        picture(tmp_path / "a.png")
        table = tmp_path / "t.csv"
        table.write_text(
            'path,label,=1+1,age (input),label,note\na.png,"=cmd()",@x,7,8,-5\n', newline=""
        )
        for out in ("one", "two"):
            explained(tmp_path / out, [table], shapes)
            with Index(tmp_path / out) as index:
                table = write_tables(index, index.job()[0], tmp_path / out)[0]
            head, row = table.read_text("utf-8").splitlines()
            assert ",'=cmd()," in row
            cells = dict(zip(head.split(","), row.split(","), strict=True))
            assert cells["'=1+1"] == "'@x"
            assert cells["age (input)"] == "7"
            assert cells["label (input)"] == "8"
            assert cells["note"] == "-5"
        assert len(set(head.split(","))) == len(head.split(","))
        (found,) = find([table])
        assert found.label == "=cmd()"
        assert dict(found.more)["=1+1"] == "@x"

    @posix
    @pytest.mark.timeout(30)
    def test_a_pipe_in_the_place_of_an_image_is_not_waited_for(self, known: Path) -> None:
        path = known.parent / "in" / "star" / "1.png"
        path.unlink()
        os.mkfifo(path)
        with Index(known) as index:
            page = write_page(index, index.job()[0], known)
        assert page.read_text("utf-8").count("<figure>") == 3


class TestClusters:
    def test_equal_maps_are_one_cluster(self, tmp_path: Path, shapes: Model) -> None:
        content = picture(tmp_path / "one.png").read_bytes()
        (tmp_path / "in").mkdir()
        for number in range(25):
            (tmp_path / "in" / f"{number}.png").write_bytes(content + bytes([number]))
        explained(tmp_path / "out", [tmp_path / "in"], shapes)
        with Index(tmp_path / "out") as index:
            (one,) = clusters_of(index, index.job()[0])
        assert one.size == 25

    def test_maps_of_which_nothing_positive_is_left(self, known: Path) -> None:
        """A large map may be averaged to one."""
        changed(known, 'UPDATE maps SET "values" = zeroblob(4 * rows * columns)')
        with Index(known) as index:
            assert clusters_of(index, index.job()[0]) == []

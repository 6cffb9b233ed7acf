"""A folder becomes an index: the rows, what is computed again and what is not, and resuming."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import engine
from engine.errors import Cancelled, HookscopeError, TargetError
from engine.folders.figures import figures_of, stored
from engine.folders.index import places
from engine.folders.index.queries import Index, Shown
from engine.folders.index.store import IndexWriter
from engine.folders.inputs.finding import NO_LABELS, Labels, find
from engine.folders.job import How
from engine.folders.records import Progress
from engine.folders.run import Pace, Run
from engine.model import Model
from engine.progress import CancelToken
from engine.records.images import Preprocessing
from engine.records.models import OutputForm, Scores
from engine.targets.classes import softmax

FOLDERS = Labels(folders=True)
PACE = Pace(readers=2, size=8)
EXACT = How(exact=True)
"""Without the faster form, which takes longer to make than it saves here."""


def run(
    out: Path,
    paths: Sequence[Path],
    model: Model,
    how: How | None = None,
    labels: Labels = FOLDERS,
    most: int | None = None,
    given: dict[str, int | str] | None = None,
) -> Progress:
    """Run to the end, or for so many shards; the last progress."""
    with IndexWriter(out) as writer:
        writer.found(find(paths, labels, skip=out))
        it = Run(writer, model, how or How(), given=given, pace=PACE)
        steps = it.steps()
        for number, _ in enumerate(steps, start=1):
            if number == most:
                break
        steps.close()  # type: ignore[attr-defined]
        return it.progress


def rows(out: Path) -> list[Shown]:
    with Index(out) as index:
        number, _ = index.job()
        return list(index.each(number))


def check_same(one: Sequence[Shown], other: Sequence[Shown]) -> None:
    """Row by row, numbers to 1e-5."""
    assert [(a.path, a.label, a.error) for a in one] == [(b.path, b.label, b.error) for b in other]
    for a, b in zip(one, other, strict=True):
        assert a.properties == b.properties
        assert (a.row is None) is (b.row is None)
        if a.row is None or b.row is None:
            continue
        for field in fields(a.row):
            left, right = getattr(a.row, field.name), getattr(b.row, field.name)
            if field.name == "map":
                np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-5)
            elif field.name == "figures":
                for name in ("border", "corners", "spread"):
                    assert getattr(left, name) == pytest.approx(getattr(right, name), abs=1e-5)
            elif isinstance(left, float):
                assert left == pytest.approx(right, rel=1e-5, abs=1e-5)
            else:
                assert left == right, field.name


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, scenes: Path, shapes: Model) -> Path:
    """The index of all scenes, computed without a break."""
    out = tmp_path_factory.mktemp("whole")
    progress = run(out, [scenes], shapes)
    assert (progress.done, progress.total, progress.computed) == (64, 64, 64)
    return out


def test_rows_are_those_of_a_session(whole: Path, scenes: Path, shapes: Model) -> None:
    found = rows(whole)
    assert len(found) == 64
    for shown in found[::9]:
        row = shown.row
        assert row is not None
        assert row.map is not None
        with engine.Session(shapes, engine.load_image(shown.path), exact=True) as session:
            explanation, logits = session.explain(), session.logits
        chances = softmax(logits)
        label = shapes.classes.index(shown.label)
        assert shown.label == Path(shown.path).parent.name
        assert (row.label, row.prediction) == (label, int(np.argmax(logits)))
        assert row.correct is (row.prediction == label)
        assert (row.target, row.verdict) == (row.prediction, "ok")
        assert row.value == pytest.approx(logits.max(), rel=1e-4)
        assert row.probability == pytest.approx(chances.max(), abs=1e-4)
        assert row.loss == pytest.approx(-np.log(chances[label]), rel=1e-3, abs=1e-5)
        assert row.entropy == pytest.approx(-(chances * np.log(chances)).sum(), rel=1e-3, abs=1e-4)
        two = np.sort(chances)[-2:]
        assert row.margin == pytest.approx(two[1] - two[0], abs=1e-4)
        expected = stored(explanation.map)
        assert np.abs(row.map - expected).max() <= 1e-4 * np.abs(expected).max()
        figures = figures_of(row.map)
        assert row.figures == figures
        assert row.region == pytest.approx((0, 0, 1, 1))


def test_shards_are_large_and_passes_on_a_cpu_are_small(
    tmp_path: Path, scenes: Path, shapes: Model
) -> None:
    """Many images leave the processor's caches; many files are read and written together."""
    sizes: list[int] = []
    hook = shapes.module.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    try:
        with IndexWriter(tmp_path) as writer:
            writer.found(find([scenes], FOLDERS, skip=tmp_path))
            it = Run(writer, shapes, EXACT, pace=Pace(readers=1, size=16))
            assert [one.done for one in it.steps()] == [16, 32, 48, 64]
    finally:
        hook.remove()
    # The images of the first pass are computed alone, too.
    assert sorted(set(sizes)) == [1, 4]
    assert sizes.count(4) == 16


def test_the_queries(whole: Path, shapes: Model) -> None:
    from engine.folders.index.where import Selection, Where

    with Index(whole) as index:
        job, about = index.job()
        every = list(index.each(job))
        assert about.classes == shapes.classes
        counts = index.counts(job)
        right = sum(bool(one.row and one.row.correct) for one in every)
        assert (counts.images, counts.done, counts.labelled, counts.correct) == (64, 64, 64, right)
        confusion = index.confusion(job)
        assert sum(confusion.values()) == 64
        assert sum(n for (a, b), n in confusion.items() if a == b) == right
        numbers = index.numbers(job, order="loss", down=True)
        losses = [one.row.loss for one in index.rows(job, numbers) if one.row and one.row.loss]
        assert losses == sorted(losses, reverse=True)
        stars = Selection((Where("label", among=("star",)),))
        assert index.count(job, stars) == 8
        low = stars.also(Where("probability", low=0.9), Where("name", contains="STAR 1"))
        wanted = [
            one.number
            for one in every
            if "star 1" in one.name and one.row and (one.row.probability or 0) >= 0.9
        ]
        assert list(index.numbers(job, low)) == wanted
        lasso = Selection(numbers=(3, 5, 9))
        assert list(index.numbers(job, lasso)) == [3, 5, 9]
        assert index.count(job, Selection(numbers=())) == 0
        values, edges = index.histogram(job, "blur", 5)
        expected = np.histogram([one.properties.blur for one in every if one.properties], 5)
        np.testing.assert_array_equal(values, expected[0])
        np.testing.assert_allclose(edges, expected[1])
        mean, count = index.mean_map(job, lasso) or (np.zeros(0), 0)
        parts = [np.maximum(one.row.map, 0) for one in index.rows(job, [3, 5, 9])]
        np.testing.assert_allclose(
            mean, np.mean([part / part.sum() for part in parts], axis=0), atol=1e-6
        )
        assert count == 3
        sizes, means, share = index.reliability(job, 4)
        assert sizes.sum() == 64
        top = [one.row for one in every if one.row and (one.row.probability or 0) >= 0.75]
        assert means[3] == pytest.approx(np.mean([row.probability for row in top]))
        assert share[3] == pytest.approx(np.mean([row.correct for row in top]))


def test_nothing_is_computed_twice(whole: Path, scenes: Path, shapes: Model) -> None:
    assert run(whole, [scenes], shapes).computed == 0


def test_a_run_that_was_stopped_is_resumed(
    whole: Path, scenes: Path, shapes: Model, tmp_path: Path
) -> None:
    progress = run(tmp_path, [scenes], shapes, most=3)
    assert (progress.done, progress.computed) == (24, 24)
    with Index(tmp_path) as index:
        assert index.counts(index.job()[0]).done == 24
    progress = run(tmp_path, [scenes], shapes)
    assert (progress.done, progress.computed) == (64, 40)
    check_same(rows(tmp_path), rows(whole))


def test_cancelled_within_a_tenth_of_a_second(scenes: Path, shapes: Model, tmp_path: Path) -> None:
    token = CancelToken()
    with IndexWriter(tmp_path) as writer:
        writer.found(find([scenes], FOLDERS))
        steps = Run(writer, shapes, How(), pace=PACE).steps(token)
        next(steps)
        token.cancel()
        begun = time.perf_counter()
        with pytest.raises(Cancelled):
            next(steps)
        assert time.perf_counter() - begun < 1.0
    with Index(tmp_path) as index:
        assert index.counts(index.job()[0]).done == 8


class TestWhatChanged:
    @pytest.fixture
    def copied(self, scenes: Path, tmp_path: Path) -> Path:
        for kind in ("star", "ring"):
            (tmp_path / "in" / kind).mkdir(parents=True)
            for path in sorted((scenes / kind).iterdir())[:4]:
                shutil.copy(path, tmp_path / "in" / kind)
        return tmp_path / "in"

    def test_a_file(self, copied: Path, shapes: Model, tmp_path: Path) -> None:
        out = tmp_path / "out"
        assert run(out, [copied], shapes, EXACT).computed == 8
        before = rows(out)
        star, ring = (sorted((copied / kind).iterdir()) for kind in ("star", "ring"))
        shutil.copy(ring[3], star[0])  # another content under its name
        os.utime(star[1])  # only touched
        star[2].unlink()
        Image.new("RGB", (9, 9)).save(copied / "ring" / "new.png")
        progress = run(out, [copied], shapes, EXACT)
        assert (progress.total, progress.done) == (8, 8)
        # The changed, the touched and the new one are read; only the new content is computed.
        assert (progress.computed, progress.reused) == (3, 1)
        after = {one.path: one for one in rows(out)}
        assert str(star[2]) not in after
        own = {one.path: one for one in before}
        changed = after[str(star[0])].row
        assert changed is not None
        assert changed.prediction == shapes.classes.index("ring")
        assert changed.correct is False
        kept, touched = own[str(star[1])].row, after[str(star[1])].row
        assert kept is not None
        assert touched is not None
        np.testing.assert_array_equal(kept.map, touched.map)
        # It is known when it comes back.
        shutil.copy(star[3], star[2])
        assert run(out, [copied], shapes, EXACT).computed == 1

    def test_model_layer_method_and_class(
        self, copied: Path, shapes: Model, tmp_path: Path
    ) -> None:
        out = tmp_path / "out"
        other = engine.load_model("demo:shortcut")
        for model, how in (
            (shapes, EXACT),
            (other, EXACT),
            (shapes, How(layer=("layer2",), exact=True)),
            (shapes, How(method="layercam", exact=True)),
            (shapes, How(policy="ring", exact=True)),
            (shapes, How(policy="label", exact=True)),
        ):
            assert run(out, [copied], model, how).computed == 8, how
            assert run(out, [copied], model, how).computed == 0, how
        # The default layer and method by their names are the same job.
        named = How(layer=("layer4",), method="grad-cam", policy="top")
        assert run(out, [copied], shapes, named).computed == 0
        with Index(out) as index:
            assert len(index.jobs()) == 6
            _, about = index.job()
            assert (about.method, about.layer, about.model) == ("grad-cam", "layer4", "demo:shapes")

    def test_weights_without_a_file(self, copied: Path, tmp_path: Path) -> None:
        def model(seed: int) -> Model:
            torch.manual_seed(seed)
            layers = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
            how = Preprocessing(16, (16, 16), (0.5,) * 3, (0.2,) * 3)
            return Model(nn.Sequential(*layers, nn.Linear(4, 3)).eval(), preprocessing=how)

        assert run(tmp_path / "o", [copied], model(0)).computed == 8
        assert run(tmp_path / "o", [copied], model(0)).computed == 0
        assert run(tmp_path / "o", [copied], model(1)).computed == 8

    def test_labels(self, copied: Path, shapes: Model, tmp_path: Path) -> None:
        out = tmp_path / "out"
        run(out, [copied], shapes, EXACT, labels=NO_LABELS)
        assert all(one.row is not None and one.row.correct is None for one in rows(out))
        # Another label changes correctness and loss, not the map; rows are made anew.
        run(out, [copied], shapes, EXACT)
        assert all(one.row is not None and one.row.correct is not None for one in rows(out))
        run(out, [copied], shapes, EXACT, given={"star": "ring", "ring": "star"})
        assert not any(one.row is not None and one.row.correct for one in rows(out))


def test_policies(scenes: Path, shapes: Model, tmp_path: Path) -> None:
    run(
        tmp_path, [scenes / "star", scenes / "ring"], shapes, How(policy="label"), given={"ring": 0}
    )
    for shown in rows(tmp_path):
        assert shown.row is not None
        assert shown.row.target == (0 if shown.label == "ring" else 2)
    run(tmp_path, [scenes / "star"], shapes, How(policy="hexagon", exact=True))
    assert all(one.row and one.row.target == 5 for one in rows(tmp_path))
    with pytest.raises(TargetError, match="no class 'heptagon'"):
        run(tmp_path, [scenes / "star"], shapes, How(policy="heptagon"))


def test_files_that_cannot_be_read_are_rows(scenes: Path, shapes: Model, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    shutil.copytree(scenes / "star", folder / "star")
    names = sorted((folder / "star").iterdir())
    shutil.copy(names[0], folder / "star" / "copy of it.jpg")
    names[1].write_bytes(names[1].read_bytes()[:200])
    (folder / "star" / "empty.png").write_bytes(b"")
    (folder / "star" / "text.jpg").write_text("no image")
    grey = Image.open(names[2]).convert("L")
    grey.save(folder / "star" / "grey.png")
    Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(folder / "star" / "deep.png")
    # 200 megapixels in a few bytes, and one that is too long for the network.
    Image.new("1", (20_000, 10_000)).save(folder / "star" / "bomb.png")
    Image.new("L", (30_000, 1)).save(folder / "star" / "long.png")
    if sys.platform == "linux":
        shutil.copy(names[3], folder / "star" / os.fsdecode(b"caf\xe9\n.jpg"))
    progress = run(tmp_path / "out", [folder], shapes, EXACT)
    found = {Path(one.path).name: one for one in rows(tmp_path / "out")}
    assert progress.done == progress.total == len(found)
    unread = {name for name, one in found.items() if one.row is None}
    assert unread == {names[1].name, "empty.png", "text.jpg", "bomb.png"}
    assert progress.unreadable == 4
    assert all(found[name].error for name in unread)
    assert not any(str(folder) in one.error for one in found.values())
    extreme = found["long.png"]
    assert extreme.row is not None
    assert "aspect ratio" in extreme.error
    assert extreme.properties is not None
    twin, own = found["copy of it.jpg"].row, found[names[0].name].row
    assert twin is not None
    assert own is not None
    np.testing.assert_array_equal(twin.map, own.map)
    deep, eight = found["deep.png"].row, found["grey.png"].row
    assert deep is not None
    assert eight is not None
    for row, name in ((deep, "deep.png"), (eight, "grey.png")):
        path = folder / "star" / name
        with engine.Session(shapes, engine.load_image(path)) as session:
            expected = session.explain().map
        assert row.map is not None
        assert np.abs(row.map - expected).max() <= 1e-4 * np.abs(expected).max()
    if sys.platform == "linux":
        assert found[os.fsdecode(b"caf\xe9\n.jpg")].error == ""
    assert run(tmp_path / "out", [folder], shapes).computed == 0


def test_folders_may_be_read_only(scenes: Path, shapes: Model, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    shutil.copytree(scenes / "star", folder / "star")
    before = sorted(path.name for path in folder.rglob("*"))
    for place in (folder / "star", folder):
        place.chmod(0o555)
    try:
        assert run(tmp_path / "out", [folder], shapes, EXACT).computed == 8
        assert sorted(path.name for path in folder.rglob("*")) == before
    finally:
        for place in (folder, folder / "star"):
            place.chmod(0o755)


def test_a_method_without_layers(scenes: Path, shapes: Model, tmp_path: Path) -> None:
    run(tmp_path, sorted((scenes / "star").iterdir())[:2], shapes, How(method="saliency"))
    found = rows(tmp_path)
    with engine.Session(shapes, engine.load_image(found[0].path)) as session:
        expected = stored(session.explain(method="saliency").map)
    row = found[0].row
    assert row is not None
    assert row.map is not None
    assert row.map.shape == (32, 32)
    assert np.abs(row.map - expected).max() <= 1e-4 * np.abs(expected).max()


def test_independent_labels(scenes: Path, shapes: Model, tmp_path: Path) -> None:
    labels = shapes.configured(output=OutputForm(scores=Scores.LABELS))
    table = tmp_path / "t.csv"
    stars, rings = (sorted((scenes / kind).iterdir()) for kind in ("star", "ring"))
    lines = [f"{path},star;ring" for path in stars[:3]] + [f"{path},ring" for path in rings[:3]]
    table.write_text("path,label\n" + "\n".join(lines) + "\n")
    run(tmp_path / "out", [table], labels, EXACT, labels=NO_LABELS)
    with Index(tmp_path / "out") as index:
        job, _ = index.job()
        found = list(index.each(job))
        counts = index.label_counts(job)
    wanted = [{1, 2}] * 3 + [{1}] * 3
    for shown, own in zip(found, wanted, strict=True):
        row = shown.row
        assert row is not None
        assert set(row.labels) == own
        with engine.Session(labels, engine.load_image(shown.path)) as session:
            logits = session.logits
        assert set(row.positives) == set(np.flatnonzero(logits >= 0))
        assert row.correct is (set(row.positives) == own)
        signs = np.array([1 if n in own else -1 for n in range(8)])
        assert row.loss == pytest.approx(np.log1p(np.exp(-signs * logits)).sum(), rel=1e-4)
    for number in range(8):
        said = [number in (one.row.positives if one.row else ()) for one in found]
        true = [number in own for own in wanted]
        pairs = list(zip(true, said, strict=True))
        cells = ((True, True), (True, False), (False, True), (False, False))
        assert counts[number] == [pairs.count(cell) for cell in cells]


class TestTheFile:
    def test_one_writer(self, tmp_path: Path) -> None:
        with (
            IndexWriter(tmp_path),
            pytest.raises(HookscopeError, match="another process is writing this index"),
        ):
            IndexWriter(tmp_path)
        IndexWriter(tmp_path).close()

    def test_journals(self, tmp_path: Path) -> None:
        """WAL on a local disk, a rollback journal on the network, and from one to the other."""
        for network, journal in (("", "wal"), ("nfs4", "delete"), ("", "wal")):
            with IndexWriter(tmp_path, network=network) as writer:
                assert writer.journal == journal
                assert ("nfs4" in writer.journal_words) is bool(network)
            header = (tmp_path / "index.sqlite").read_bytes()[18:20]
            # SQLite's file format: 2 for WAL, 1 for a rollback journal.
            assert header == (b"\x02\x02" if journal == "wal" else b"\x01\x01")

    def test_network_file_systems(self) -> None:
        disks = [
            *(("/", "ext4", "rw"), ("/data", "nfs4", "rw"), ("/data/local", "xfs", "rw")),
            *(("/mnt/share", "cifs", "rw"), ("/people/me/far", "fuse.sshfs", "rw")),
        ]
        for path, kind in (
            *(("/people/me", ""), ("/data", "nfs4"), ("/data/x/y", "nfs4"), ("/data/local/x", "")),
            *(("/database", ""), ("/mnt/share/a", "cifs"), ("/people/me/far/x", "fuse.sshfs")),
        ):
            assert places._type_in(path, disks) == kind, path

    def test_other_databases_are_left_alone(self, tmp_path: Path) -> None:
        with sqlite3.connect(tmp_path / "index.sqlite") as other:
            other.execute("CREATE TABLE t (x)")
        other.close()
        with pytest.raises(HookscopeError, match="not an index of this program"):
            IndexWriter(tmp_path)
        with pytest.raises(HookscopeError, match="not an index of this program"):
            Index(tmp_path)
        with pytest.raises(HookscopeError, match="no index here"):
            Index(tmp_path / "none")
        (tmp_path / "damaged").mkdir()
        (tmp_path / "damaged" / "index.sqlite").write_bytes(b"no database at all " * 99)
        with pytest.raises(HookscopeError, match="the index cannot be used"):
            Index(tmp_path / "damaged")

    def test_another_version_is_refused(self, tmp_path: Path) -> None:
        IndexWriter(tmp_path).close()
        with sqlite3.connect(tmp_path / "index.sqlite") as other:
            other.execute("PRAGMA user_version = 99")
        other.close()
        with pytest.raises(HookscopeError, match="another version of the program"):
            IndexWriter(tmp_path)

    def test_readers_see_what_is_written_meanwhile(
        self, scenes: Path, shapes: Model, tmp_path: Path
    ) -> None:
        with IndexWriter(tmp_path) as writer:
            writer.found(find([scenes], FOLDERS))
            it = Run(writer, shapes, How(), pace=PACE)
            with Index(tmp_path) as index:
                before = index.data_version()
                seen = [index.counts(it.number).done for _ in it.steps()]
                assert seen == [8, 16, 24, 32, 40, 48, 56, 64]
                assert index.data_version() != before

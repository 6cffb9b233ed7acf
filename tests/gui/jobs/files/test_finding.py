"""Dropped paths are sorted into images, a model and what else can be opened."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.errors import Cancelled
from engine.progress import CancelToken, ignore_progress
from engine.records.sources import ModelSource
from gui.jobs.files import finding
from gui.jobs.lanes import Watch
from tests.gui.jobs.samples import save


@pytest.fixture
def watch() -> Watch:
    return Watch(CancelToken(), ignore_progress)


def test_a_folder_gives_its_images_in_order_and_those_below(tmp_path: Path, watch: Watch) -> None:
    names = ["b.PNG", "a.jpg", "sub/c.tiff", "sub/deeper/d.webp"]
    for name in names:
        save(tmp_path / name)
    for name in (".hidden.png", ".cache/e.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = finding.scan([tmp_path], watch)
    inside = [path.relative_to(tmp_path).as_posix() for path in found.images]
    assert inside == ["a.jpg", "b.PNG", "sub/c.tiff", "sub/deeper/d.webp"]
    assert found.refused == ""


def test_named_files_are_taken_in_the_order_of_their_names_whatever_they_are(
    tmp_path: Path, watch: Watch
) -> None:
    """A name that a person gave is not passed over in silence: it fails where it is shown."""
    paths = [tmp_path / name for name in ("z.png", "missing.jpg", "notes.doc")]
    found = finding.scan(paths, watch)
    assert list(found.images) == paths
    assert found.missing == set(paths)
    save(paths[0])
    assert finding.scan(paths, watch).missing == set(paths[1:])


def test_the_same_file_twice_is_one(tmp_path: Path, watch: Watch) -> None:
    path = save(tmp_path / "a.png")
    assert finding.scan([path, tmp_path, path], watch).images == (path,)


def test_a_way_over_the_folder_above_is_one_name(tmp_path: Path, watch: Watch) -> None:
    path = save(tmp_path / "a.png")
    (tmp_path / "sub").mkdir()
    assert finding.scan([tmp_path / "sub" / ".." / "a.png", path], watch).images == (path,)


def link(path: Path, target: Path) -> None:
    try:
        path.symlink_to(target, target_is_directory=True)
    except OSError:
        pytest.skip("links are not permitted here")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows takes '..' away before it looks")
def test_the_folder_above_a_linked_one_is_that_of_the_link_s_goal(
    tmp_path: Path, watch: Watch
) -> None:
    right = save(tmp_path / "real" / "a.png", color="green")
    wrong = save(tmp_path / "a.png", color="red")
    (tmp_path / "real" / "sub").mkdir()
    link(tmp_path / "link", tmp_path / "real" / "sub")
    (found,) = finding.scan([tmp_path / "link" / ".." / "a.png"], watch).images
    assert found.samefile(right)
    assert not found.samefile(wrong)


def test_a_link_keeps_its_own_name(tmp_path: Path, watch: Watch) -> None:
    save(tmp_path / "real" / "a.png")
    link(tmp_path / "link", tmp_path / "real")
    assert finding.scan([tmp_path / "link" / "a.png"], watch).images == (
        tmp_path / "link" / "a.png",
    )


def test_a_file_behind_a_closed_folder_fails_alone(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs the tests may be one whom no folder is closed to."""
    closed, there = tmp_path / "closed" / "a.png", save(tmp_path / "b.png")
    look = os.stat

    def stat(path: Any, *args: Any, **more: Any) -> os.stat_result:
        if not isinstance(path, int) and os.fspath(path) == str(closed):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(closed))
        return look(path, *args, **more)

    monkeypatch.setattr(os, "stat", stat)
    with pytest.raises(PermissionError):
        closed.stat()
    found = finding.scan([closed, there], watch)
    assert found.images == (closed, there)
    assert found.missing == {closed}


def test_a_model_is_told_from_images(tmp_path: Path, watch: Watch) -> None:
    path = save(tmp_path / "a.png")
    found = finding.scan([tmp_path / "net.PTH", path, tmp_path / "net.safetensors"], watch)
    assert found.model == ModelSource(str(tmp_path / "net.PTH"))
    assert found.images == (path,)


def test_what_belongs_to_a_model_is_opened_with_it(tmp_path: Path, watch: Watch) -> None:
    weights, network, names = (tmp_path / n for n in ("best.pth", "net.py", "classes.txt"))
    found = finding.scan([weights, names, network], watch)
    assert found.model == ModelSource(str(network), str(weights), classes=str(names))
    assert found.classes is None
    assert finding.scan([names], watch).classes == names
    profile = tmp_path / "net.hookscope.json"
    found = finding.scan([profile], watch)
    assert (found.profile, found.classes, found.images) == (profile, None, ())
    folder = tmp_path / "vit"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    assert finding.scan([folder], watch).model == ModelSource(str(folder))


def test_a_folder_without_images_is_named(tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "empty").mkdir()
    found = finding.scan([tmp_path / "empty"], watch)
    assert found.images == ()
    assert found.refused == "No images found in empty"


def test_more_images_than_can_be_shown_are_told(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "_MOST_IMAGES", 3)
    for i in range(5):
        (tmp_path / f"{i}.png").write_bytes(b"")
    found = finding.scan([tmp_path], watch)
    assert len(found.images) == 3
    assert "first 3" in found.refused


def test_looking_can_be_stopped(tmp_path: Path, watch: Watch) -> None:
    watch.cancel.cancel()
    with pytest.raises(Cancelled):
        finding.scan([tmp_path], watch)

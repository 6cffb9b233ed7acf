"""Where the files of a session are, after they or the session have been moved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine.keeping.locating import all_files, followed, moved, place_of, with_scenes
from engine.keeping.pixels import KeptPixels
from engine.keeping.records import (
    KeptFile,
    KeptImage,
    KeptModel,
    KeptPane,
    KeptSession,
    KeptSource,
    files_of,
)
from engine.records.edits import Edits, Paste, Rectangle
from engine.records.sources import ModelSource
from engine.records.views import View


def made(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def test_a_copy_beside_the_session_comes_before_the_original(tmp_path: Path) -> None:
    original = made(tmp_path / "a" / "p" / "x.png")
    beside = made(tmp_path / "b" / "p" / "x.png")
    file = KeptFile(str(original), "p/x.png", size=1)
    assert place_of(file, tmp_path / "b") == beside
    assert place_of(file, tmp_path / "c") == original
    original.unlink()
    assert place_of(file, tmp_path / "c") is None


def test_another_file_of_that_name_beside_the_session_is_not_taken_for_it(tmp_path: Path) -> None:
    original = made(tmp_path / "a" / "x.png", "as it was")
    made(tmp_path / "b" / "x.png", "another one")
    file = KeptFile(str(original), "x.png", size=9)
    assert place_of(file, tmp_path / "b") == original


def test_a_path_of_another_system_is_found_beside_the_session(tmp_path: Path) -> None:
    there = made(tmp_path / "p" / "x.png")
    file = KeptFile("C:\\data\\p\\x.png", "p/x.png")
    assert file.name == "x.png"
    assert place_of(file, tmp_path) == there
    assert place_of(KeptFile("C:\\data\\p\\x.png"), tmp_path) is None


def test_a_relative_place_that_is_none_is_not_followed(tmp_path: Path) -> None:
    secret = made(tmp_path / "secret.png")
    assert place_of(KeptFile("/nowhere/x.png", str(secret)), tmp_path / "s") is None


def test_a_located_file_shows_where_the_others_are(tmp_path: Path) -> None:
    for name in ("new/day 1/a.png", "new/day 1/b.png", "new/day 2/c.png", "new/other/d.png"):
        made(tmp_path / name)
    others = ["/old/day 1/b.png", "/old/day 2/c.png", "/old/day 3/e.png", "/elsewhere/d.png"]
    found = followed("/old/day 1/a.png", tmp_path / "new" / "day 1" / "a.png", others)
    assert found == {
        "/old/day 1/b.png": tmp_path / "new" / "day 1" / "b.png",
        "/old/day 2/c.png": tmp_path / "new" / "day 2" / "c.png",
    }


def test_a_renamed_file_shows_where_its_neighbours_are(tmp_path: Path) -> None:
    for name in ("a2.png", "b.png"):
        made(tmp_path / "new" / name)
    found = followed("C:\\old\\a.png", tmp_path / "new" / "a2.png", ["C:\\old\\b.png"])
    assert found == {"C:\\old\\b.png": tmp_path / "new" / "b.png"}


def session() -> KeptSession:
    source = ModelSource("/n/net.py", weights="/n/w.pth")
    model = KeptModel("m", source, files={k: KeptFile(v) for k, v in files_of(source).items()})
    images = tuple(KeptImage(id, id, KeptFile(f"/p/{id}.png")) for id in "abc")
    panes = tuple(KeptPane(View(id, "m")) for id in "ab")
    return KeptSession(images, (model,), panes, active=1)


def test_the_files_are_those_of_images_and_models() -> None:
    paths = [file.path for file in all_files(session())]
    assert paths == ["/p/a.png", "/p/b.png", "/p/c.png", "/n/net.py", "/n/w.pth"]
    assert files_of(ModelSource("resnet50")) == {}
    assert files_of(ModelSource("timm:x/y")) == {}
    assert files_of(ModelSource("C:\\n\\w.pth")) == {"spec": "C:\\n\\w.pth"}


def test_moved_files_move_in_the_source_of_a_model_too() -> None:
    now = moved(session(), {"/n/w.pth": Path("/other/w.pth"), "/p/b.png": Path("/q/b.png")})
    assert now.models[0].source == ModelSource("/n/net.py", weights=str(Path("/other/w.pth")))
    assert now.models[0].files["weights"].path == str(Path("/other/w.pth"))
    assert [image.file and image.file.path for image in now.images] == [
        "/p/a.png",
        str(Path("/q/b.png")),
        "/p/c.png",
    ]


def test_what_is_pasted_from_a_moved_file_is_pasted_from_there() -> None:
    """The other image is open as well, mostly, and so is asked for or found."""
    steps = [{"edit": "paste", "source": "/p/b.png"}, {"edit": "paste", "source": "pasted"}, 3]
    before = session()
    edited = replace(before, images=(replace(before.images[0], edits=steps), *before.images[1:]))
    now = moved(edited, {"/p/b.png": Path("/q/b.png")})
    sources = [{"edit": "paste", "source": str(Path("/q/b.png"))}, *steps[1:]]
    assert now.images[0].edits == sources


def test_what_is_pasted_from_a_file_needs_it_though_it_is_not_open() -> None:
    kept = KeptFile("/p/mark.png", "mark.png", "0" * 64)
    sources = (
        KeptSource("/p/mark.png", kept),
        KeptSource("part", pixels=KeptPixels(b"x")),
        KeptSource("/old/star.jpg", KeptFile("/old/star.jpg"), "star.jpg"),
    )
    before = replace(session(), sources=sources)
    assert [file.path for file in all_files(before)][-1] == "/p/mark.png"
    now = moved(before, {"/p/mark.png": Path("/q/mark.png")})
    new = str(Path("/q/mark.png"))
    assert now.sources == (KeptSource(new, replace(kept, path=new)), *sources[1:])


def test_a_scene_is_pasted_from_where_this_program_has_it() -> None:
    paste = Paste("/old/star.jpg", Rectangle(0, 0, 9, 9), (0.0, 0.0))
    source = KeptSource("/old/star.jpg", KeptFile("/old/star.jpg"), "star.jpg")
    panes = (KeptPane(View("a", "m", edits=Edits((paste,)))),)
    before = replace(session(), panes=panes, sources=(source,))
    here = Path("/new/star.jpg")
    now = with_scenes(before, [here, Path("/new/ring.jpg")])
    assert now.panes[0].view.edits == Edits((replace(paste, source=str(here)),))
    assert with_scenes(before, [Path("/new/ring.jpg")]) == before


def test_a_pane_pastes_from_where_a_moved_file_is_too() -> None:
    paste = Paste("/p/b.png", Rectangle(0, 0, 9, 9), (0.0, 0.0))
    other = replace(paste, source="pasted image")
    view = View("a", "m", edits=Edits((paste, other)))
    now = moved(replace(session(), panes=(KeptPane(view),)), {"/p/b.png": Path("/q/b.png")})
    here = replace(paste, source=str(Path("/q/b.png")))
    assert now.panes[0].view.edits == Edits((here, other))

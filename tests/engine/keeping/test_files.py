"""Session files: what is written is read again, and what strangers made is refused in one line."""

from __future__ import annotations

import io
import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.errors import SessionError
from engine.keeping import files
from engine.keeping.folders import KeptFolder
from engine.keeping.format import FORMAT_VERSION, facts_of, session_of
from engine.keeping.left import KeptLeft
from engine.keeping.pixels import KeptPixels
from engine.keeping.records import (
    KeptFile,
    KeptImage,
    KeptModel,
    KeptPane,
    KeptSession,
    KeptSource,
    Run,
)
from engine.records.asked import Question, Score, Unit
from engine.records.display import DisplaySettings
from engine.records.images import Note, Region
from engine.records.levels import Levels, LevelsMode
from engine.records.sources import ModelSource
from engine.records.views import View

PASTED = b"the bytes of a picture"
ODD = "/bild-\udce4.png"


def full() -> KeptSession:
    """A session in which everything differs from its usual value."""
    image = KeptImage(
        "image-1",
        "ü <b>.png",
        KeptFile("/a b/ü <b>.png", "", "0" * 64, 123, 1_700_000_000_000_000_000),
        "",
        3,
        Levels(LevelsMode.WINDOW, -100.5, 400.0),
        {"model-1": 7},
        {"model-1": 2},
        {"model-1": Question("unit", unit=Unit("a.b", 4, (1, 2)))},
        (Note("the mark\nin the corner", Region(1.5, 2.0, 30.0, 40.0)), Note("all of it")),
        [{"kind": "crop", "part": [0, 0, 10, 10]}],
        (2.5, 0.25, 0.75),
        KeptPixels(PASTED),
        {
            "model-1": KeptLeft(
                "a.b", "layercam", (("eigen", True),), Question("unit", unit=Unit("a.b", 4)), True
            )
        },
    )
    model = KeptModel(
        "model-1",
        ModelSource("/nets/x.pth", classes="/nets/x.txt", arguments=(("width", "2"),)),
        "x · x.pth",
        "f" * 64,
        {"spec": KeptFile("/nets/x.pth"), "classes": KeptFile("/nets/x.txt")},
        {"kind": "hookscope model profile", "version": 1},
        False,
    )
    view = View(
        "image-1",
        "model-1",
        "a.b#1",
        7,
        Question("contrast", "ring", Score.LOG_PROBABILITY),
        "layercam",
        (("eigen", True), ("smooth", 3)),
        3,
    )
    scene = KeptImage("image-2", "Hexagon", scene="hexagon.jpg")
    return KeptSession(
        (image, scene, KeptImage("image-3", "odd", KeptFile(ODD))),
        (model,),
        (KeptPane(view), KeptPane(View("image-2", "", None), bare=True)),
        1,
        {"zoom": False, "scale": True},
        "swiped",
        "star",
        DisplaySettings(0.3, "viridis", "grid", 1.5, "signed", 2.25, False, "grey", (0.25, 0.5)),
        Run(True, "/s.hookscope", True),
        KeptFolder(
            ("/val",), False, ("wrong",), "loss", True, "mean", "k", "l", "i", (("x", "1-3"),), "2"
        ),
        (KeptSource("a part", KeptFile("/a part"), "scene.jpg", KeptPixels(PASTED)),),
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "all.hookscope"
    files.write(path, full())
    again = files.read(path)
    assert again == full()
    # ASCII alone: a file name that is no text survives, and no tool misreads it.
    with zipfile.ZipFile(path) as archive:
        member = f"pictures/{KeptPixels(PASTED).sha256}"
        assert archive.namelist() == ["session.json", member]
        assert archive.read(member) == PASTED
        text = archive.read("session.json")
    assert text.isascii()
    assert json.loads(text)["format"] == "hookscope-session"


def test_every_field_differs_from_its_usual_value() -> None:
    """Or the test above would not see that one is left out."""
    usual, session = KeptSession(), full()
    for one, other in (
        (session, usual),
        (session.images[0], replace(KeptImage("", ""))),
        (session.models[0], KeptModel("", ModelSource("y"))),
        (session.run, Run()),
        (session.sources[0], KeptSource("")),
        (session.folder, KeptFolder(())),
        (session.display, DisplaySettings()),
    ):
        alike = [name for name in type(one).__slots__ if getattr(one, name) == getattr(other, name)]
        assert alike == (["scene"] if isinstance(one, KeptImage) else [])


def test_places_are_seen_from_the_folder_of_the_session(tmp_path: Path) -> None:
    image = KeptImage("i", "a.png", KeptFile(str(tmp_path / "pictures" / "a.png")))
    placed = files.related(KeptSession((image,)), tmp_path / "sessions")
    assert placed.images[0].file is not None
    assert placed.images[0].file.relative == "../pictures/a.png"


def test_the_same_session_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.hookscope", "b.hookscope"):
        files.write(tmp_path / name, full())
    assert (tmp_path / "a.hookscope").read_bytes() == (tmp_path / "b.hookscope").read_bytes()


def test_the_content_of_a_session_is_what_a_person_did() -> None:
    session = full()
    image = session.images[0]
    assert image.file is not None
    hashed = replace(image, sight=None, file=replace(image.file, sha256="1" * 64, size=5))
    same = replace(session, images=(hashed, *session.images[1:]), run=None)
    assert session.is_alike(same)
    for other in (
        replace(session, images=(replace(image, notes=()), *session.images[1:])),
        replace(session, images=session.images[1:]),
        replace(session, active=0),
        replace(session, models=(replace(session.models[0], source=ModelSource("y")),)),
    ):
        assert not session.is_alike(other)


# --- what strangers made ---------------------------------------------------------------------


def archive(path: Path, text: str | bytes, name: str = "session.json") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(name, text)
    return path


def refused(path: Path) -> str:
    with pytest.raises(SessionError) as raised:
        files.read(path)
    words = str(raised.value)
    assert words.startswith(f"{path}: ")
    assert "\n" not in words
    return words


def changed(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """A good session's facts, with one value replaced."""
    facts = json.loads(json.dumps(facts_of(full())))
    place: Any = facts
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return facts


def test_a_newer_version_is_told_in_one_line(tmp_path: Path) -> None:
    facts = facts_of(full()) | {"version": FORMAT_VERSION + 1}
    words = refused(archive(tmp_path / "new.hookscope", json.dumps(facts)))
    assert (
        f"saved by a newer Hookscope (format version {FORMAT_VERSION + 1}); update Hookscope"
        in words
    )


def test_unknown_values_are_left_alone() -> None:
    facts = changed(("images", 0, "of a later program"), {"a": [1]}) | {"more": 3}
    found = session_of(facts)
    (image, *others) = found.images
    assert image.pixels is not None
    assert image.pixels.sha256 == KeptPixels(PASTED).sha256
    whole = replace(image, pixels=KeptPixels(PASTED))
    (part,) = found.sources
    assert part.pixels is not None
    assert part.pixels.sha256 == KeptPixels(PASTED).sha256
    sources = (replace(part, pixels=KeptPixels(PASTED)),)
    assert replace(found, images=(whole, *others), sources=sources) == full()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), "something"),
        (("version",), 0),
        (("version",), True),
        (("version",), "1"),
        (("images",), {}),
        (("images", 0), 3),
        (("images", 0, "id"), "image-2"),
        (("images", 0, "id"), ""),
        (("images", 0, "page"), 1.5),
        (("images", 0, "page"), -1),
        (("images", 0, "levels"), ["window", 1]),
        (("images", 0, "levels"), ["no such", 1, 2]),
        (("images", 0, "levels"), ["window", 1, 1e400]),
        (("images", 0, "classes"), {"model-1": "7"}),
        (("images", 0, "questions"), {"model-1": {"name": 3}}),
        (("images", 0, "left"), []),
        (("images", 0, "left"), {"model-1": []}),
        (("images", 0, "left", "model-1", "layer"), 3),
        (("images", 0, "left", "model-1", "comparing"), 1),
        (("images", 0, "left", "model-1", "options"), {"eigen": [1]}),
        (("images", 0, "left", "model-1", "score"), "no such"),
        (("images", 0, "notes"), [{"text": 3}]),
        (("images", 0, "notes"), [{"text": "x" * 10_001}]),
        (("images", 0, "notes"), [{"text": "x", "part": [1, 2, 3]}]),
        (("images", 0, "sight"), [0, 1, 1]),
        (("images", 0, "file", "path"), "a\0b"),
        (("images", 0, "file", "path"), ""),
        (("images", 0, "file", "path"), "\ud800"),
        (("images", 0, "file", "relative"), "a\0b"),
        (("images", 0, "file", "size"), -1),
        (("models", 0, "source"), {}),
        (("models", 0, "source", "spec"), "a\0b"),
        (("models", 0, "source", "weights"), 3),
        (("models", 0, "source", "arguments"), ["ab"]),
        (("models", 0, "files"), []),
        (("models", 0, "chosen"), 1),
        (("panes", 0, "view"), {}),
        (("panes", 0, "view", "image"), "image-9"),
        (("panes", 0, "view", "model"), "model-9"),
        (("panes", 0, "view", "options"), {"eigen": [1]}),
        (("panes", 0, "view", "score"), "no such"),
        (("panes", 0, "view", "edits"), [{"edit": "crop", "part": [0, 0, 9, 9]}] * 5000),
        (("panes", 0, "view", "edits"), [{"edit": "change", "what": "jpeg", "amount": 0}]),
        (("sources",), {}),
        (("sources", 0, "name"), ""),
        (("sources", 0, "file", "path"), "a\0b"),
        (("sources", 0, "pixels"), "../x"),
        (("active",), 2),
        (("active",), -1),
        (("links",), {"zoom": 1}),
        (("arrangement",), "stacked"),
        (("display", "opacity"), "much"),
        (("display", "sign"), "up"),
        (("display", "contours"), 3),
        (("run",), []),
        (("run", "file"), "a\0b"),
    ],
)
def test_a_wrong_value_is_told_in_one_line(
    tmp_path: Path, path: tuple[str | int, ...], value: object
) -> None:
    refused(archive(tmp_path / "bad.hookscope", json.dumps(changed(path, value))))


def test_what_is_no_session_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.hookscope"
    for data in (b"", b"PK\x03\x04", b"{}", os.urandom(500)):
        path.write_bytes(data)
        refused(path)
    for text in ("", "{", "[]", "null", "3", '"x"', b"\xff\xfe", '{"format": NaN}'):
        refused(archive(path, text))
    assert "without a session.json" in refused(archive(path, "{}", "../session.json"))
    assert "no such file" in refused(tmp_path / "none.hookscope")
    (tmp_path / "folder.hookscope").mkdir()
    assert "a folder" in refused(tmp_path / "folder.hookscope")


def test_a_cut_or_changed_file_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "cut.hookscope"
    files.write(path, full())
    data = path.read_bytes()
    for end in range(0, len(data) - 1, 97):
        path.write_bytes(data[:end])
        refused(path)
    place = data.index(b"session.json") + 40
    path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
    refused(path)


def test_deep_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.hookscope"
    for depth in (60, 900, 100_000):
        deep = f'{{"format": "hookscope-session", "version": 1, "x": {"[" * depth}{"]" * depth}}}'
        assert "nested more than 50 levels" in refused(archive(path, deep))


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it claims: the size in its directory is not believed."""
    monkeypatch.setattr(files, "_MOST_JSON", 1 << 20)
    path = archive(tmp_path / "bomb.hookscope", " " * (3 << 20))
    assert path.stat().st_size < 10_000
    assert "too large to read" in refused(path)
    data = path.read_bytes()
    claimed, real = (n.to_bytes(4, "little") for n in (10, 3 << 20))
    assert data.count(real) == 2
    path.write_bytes(data.replace(real, claimed))
    refused(path)


def test_a_file_that_is_too_large_is_not_even_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.hookscope"
    with path.open("wb") as file:
        file.truncate((128 << 20) + 1)
    assert "too large for a session" in refused(path)
    monkeypatch.setattr(files, "_MOST_MEMBERS", 10)
    many = tmp_path / "many.hookscope"
    with zipfile.ZipFile(many, "w") as made:
        for number in range(11):
            made.writestr(str(number), "")
    assert "too many for a session" in refused(many)


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.hookscope"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("session.json", "{}")
        with pytest.warns(UserWarning, match="Duplicate"):
            made.writestr("session.json", "{}")
    assert "session.json is in it twice" in refused(path)
    member = f"pictures/{KeptPixels(PASTED).sha256}"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("session.json", json.dumps(facts_of(pasted(KeptPixels(PASTED)))))
        made.writestr(member, PASTED)
        with pytest.warns(UserWarning, match="Duplicate"):
            made.writestr(member, PASTED)
    assert "a picture is in it twice" in refused(path)


def test_nothing_of_an_archive_is_put_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "inside" / "s.hookscope"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("session.json", json.dumps(facts_of(full())))
        made.writestr(f"pictures/{KeptPixels(PASTED).sha256}", PASTED)
        made.writestr("../../out.txt", "x")
        made.writestr("/tmp/absolute.txt", "x")
    assert files.read(path) == full()
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]


# --- earlier versions ------------------------------------------------------------------------

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


def test_a_session_of_version_1_is_read() -> None:
    """A file that is kept: it was not written by today's program."""
    session = files.read(FIXTURES / "session-1.hookscope")
    hexagon, crescent, scene = session.images
    assert hexagon.notes[0] == Note(
        "The corner that tells it from a circle", Region(40.0, 30.0, 60.0, 50.0)
    )
    assert hexagon.file is not None
    assert hexagon.file.relative == "../../resources/scenes/hexagon.jpg"
    assert hexagon.expected == {"model-1": 5}
    assert crescent.questions == {"model-1": Question("counterfactual", score=Score.PROBABILITY)}
    assert scene.scene == "ring-and-star.jpg"
    assert session.models[0].source == ModelSource("demo:shapes")
    assert [pane.view.layer for pane in session.panes] == ["layer2", "layer4", "layer2"]
    assert session.panes[2].bare
    assert session.active == 1
    assert session.display.colormap == "viridis"


def pasted(*pictures: KeptPixels) -> KeptSession:
    return KeptSession(
        tuple(KeptImage(f"i{n}", f"pasted {n}", pixels=one) for n, one in enumerate(pictures))
    )


def test_pictures_without_a_file_are_kept_without_loss(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).integers(0, 256, (13, 17, 3), np.uint8)
    path = tmp_path / "pasted.hookscope"
    assert files.write(path, pasted(KeptPixels(pixels=rows), KeptPixels(pixels=rows.copy()))) == ()
    first, second = (image.pixels for image in files.read(path).images)
    assert first is not None
    assert first is second
    with Image.open(io.BytesIO(first.encoded)) as picture:
        assert np.array_equal(np.asarray(picture), rows)
    # Of two alike, one is enough.
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == 2


def test_pictures_for_which_there_is_no_room_are_named(tmp_path: Path) -> None:
    path = tmp_path / "pasted.hookscope"
    session = pasted(KeptPixels(b"a" * 60), KeptPixels(b"b" * 60), KeptPixels(b"c" * 40))
    assert files.write(path, session, most=100) == ("pasted 1",)
    found = files.read(path)
    assert [image.name for image in found.images] == ["pasted 0", "pasted 1", "pasted 2"]
    assert [image.pixels is not None for image in found.images] == [True, False, True]


def test_what_is_pasted_comes_before_images_that_are_large(tmp_path: Path) -> None:
    path = tmp_path / "pasted.hookscope"
    parts = (KeptSource("a part", pixels=KeptPixels(b"p" * 50)), KeptSource("/file.png"))
    session = replace(pasted(KeptPixels(b"a" * 60)), sources=parts)
    assert files.write(path, session, most=100) == ("pasted 0",)
    part, file = files.read(path).sources
    assert part.pixels is not None
    assert part.pixels.encoded == b"p" * 50
    assert file.pixels is None


def test_a_picture_that_is_missing_or_another_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "pasted.hookscope"
    facts = json.dumps(facts_of(pasted(KeptPixels(PASTED))))
    member = f"pictures/{KeptPixels(PASTED).sha256}"
    assert "a picture is missing" in refused(archive(path, facts))
    for data, words in ((b"other", "damaged"), (b"x" * 200, "too large")):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr("session.json", facts)
            made.writestr(member, data)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files, "MOST", 100)
            assert words in refused(path)
    wrong = json.loads(facts)
    wrong["images"][0]["pixels"] = "../x"
    assert "SHA-256" in refused(archive(path, json.dumps(wrong)))


def test_version_1_has_no_pictures() -> None:
    """Whatever a file of then has under that name."""
    facts = facts_of(pasted(KeptPixels(PASTED))) | {"version": 1}
    assert session_of(facts).images[0].pixels is None


def test_a_session_of_version_2_is_read() -> None:
    """A file that is kept, as above."""
    session = files.read(FIXTURES / "session-2.hookscope")
    (pasted,) = session.images
    assert pasted.file is None
    assert pasted.pixels is not None
    with Image.open(io.BytesIO(pasted.pixels.encoded)) as picture:
        assert picture.size == (24, 16)


def test_version_2_says_nothing_of_what_is_pasted() -> None:
    facts = facts_of(KeptSession(sources=(KeptSource("a part"),)))
    assert session_of(facts).sources
    assert session_of(facts | {"version": 2}).sources == ()


def test_a_session_of_version_3_is_read() -> None:
    """A file that is kept, as above."""
    session = files.read(FIXTURES / "session-3.hookscope")
    part, file = session.sources
    assert part.name == "pasted image, part 5e3a91b2"
    assert part.pixels is not None
    with Image.open(io.BytesIO(part.pixels.encoded)) as picture:
        assert picture.size == (20, 12)
        assert picture.getpixel((3, 2)) == (40, 36, 90)
    assert file.file is not None
    assert file.file.relative == "../../resources/scenes/crescent.jpg"
    assert len(session.images[0].edits) == 3

"""Which images are found, in which order, with which labels, and what is read of them."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import engine
from engine.errors import HookscopeError
from engine.folders.inputs.finding import Labels, find, labels_from
from engine.folders.inputs.labels import match
from engine.folders.inputs.pictures import Reading, Ready
from engine.folders.records import NO_STAMP
from engine.images.preprocessing import prepare, prepare_crop
from engine.model import Model
from engine.records.images import Channels, Preprocessing

HOW = Preprocessing(40, (32, 24), (0.5, 0.4, 0.3), (0.2, 0.3, 0.25))
FOLDERS = Labels(folders=True)


def picture(path: Path, size: tuple[int, int] = (60, 40), seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(path)
    return path


def names(paths: list[Path], labels: Labels = FOLDERS, **options: Path) -> list[tuple[str, str]]:
    return [(one.name, one.label) for one in find(paths, labels, **options)]


def read(paths: list[Path], how: Preprocessing | None = HOW, size: int = 4) -> list[Ready]:
    reading = Reading(how, readers=2)
    chunks = reading.chunks(map(str, paths), str, size)
    return [ready for chunk in chunks for _, ready in chunk]


class TestFinding:
    def test_folders_in_natural_order(self, tmp_path: Path) -> None:
        for name in ("b/img10.png", "b/img2.png", "a/deep/x.png", "a/y.jpg", "z.png"):
            picture(tmp_path / name)
        (tmp_path / "a" / "notes.txt").write_text("x")
        picture(tmp_path / ".hidden.png")
        picture(tmp_path / ".cache" / "x.png")
        deep = str(Path("a", "deep", "x.png"))
        assert names([tmp_path]) == [
            *(("z.png", tmp_path.name), (str(Path("a", "y.jpg")), "a"), (deep, "a")),
            *((str(Path("b", "img2.png")), "b"), (str(Path("b", "img10.png")), "b")),
        ]
        assert all(label == "" for _, label in names([tmp_path], Labels()))

    def test_each_once_and_without_the_output(self, tmp_path: Path) -> None:
        picture(tmp_path / "a.png")
        picture(tmp_path / "out" / "overlays" / "a.png")
        found = names([tmp_path, tmp_path / "a.png"], skip=tmp_path / "out")
        assert [name for name, _ in found] == ["a.png"]

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
    def test_odd_names(self, tmp_path: Path) -> None:
        odd = [os.fsdecode(b"caf\xe9.png"), "new\nline.png", "üñ 漢字.png", "a;b,'c\".png"]
        for name in odd:
            picture(tmp_path / name)
        assert {name for name, _ in names([tmp_path])} == set(odd)

    @pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")
    def test_what_only_looks_like_an_image_is_a_row_with_its_reason(self, tmp_path: Path) -> None:
        folder = tmp_path / "in"
        picture(folder / "a.png")
        (folder / "into itself.png").symlink_to("into itself.png")
        (folder / "nowhere.png").symlink_to("gone.png")
        (folder / "folder.png").mkdir()
        (folder / "up").symlink_to(folder)
        os.mkfifo(folder / "pipe.png")
        found = [name for name, _ in names([folder])]
        assert found == ["a.png", "into itself.png", "nowhere.png", "pipe.png"]
        rows = read([folder / name for name in found])
        reasons = {name: row.picture.error for name, row in zip(found, rows, strict=True)}
        assert reasons["a.png"] == ""
        assert reasons["into itself.png"] == "a link that leads to itself; replace it with the file"
        assert reasons["nowhere.png"] == "no such file; check the name"
        assert "not a regular file" in reasons["pipe.png"]

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(HookscopeError, match=r"none.png: no such file or folder; check"):
            list(find([tmp_path / "none.png"]))
        (tmp_path / "t.txt").write_text("none.png")
        (found,) = find([tmp_path / "t.txt"])
        assert found.stamp == NO_STAMP
        (ready,) = read([tmp_path / "none.png"])
        assert ready.picture.error == "no such file; check the name"

    def test_a_table_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(HookscopeError, match=r"none.csv: no such file"):
            list(find([tmp_path / "none.csv"]))

    def test_tables_with_and_without_a_header(self, tmp_path: Path) -> None:
        for name in ("a.png", "b.png"):
            picture(tmp_path / "images" / name)
        table = tmp_path / "t.csv"
        table.write_text("split,label,filename\nval,cat,images/b.png\ntrain,dog,images/a.png\n")
        found = list(find([table]))
        assert [Path(one.path).name for one in found] == ["b.png", "a.png"]
        assert [one.label for one in found] == ["cat", "dog"]
        assert found[0].more == (("split", "val"),)
        assert found[0].stamp[0] == (tmp_path / "images" / "b.png").stat().st_size
        table.write_text("images/a.png;dog\nimages/b.png;cat\n")
        assert [one.label for one in find([table])] == ["dog", "cat"]
        listed = tmp_path / "t.txt"
        listed.write_text("\nimages/b.png\nimages/a.png\n\n")
        assert [Path(one.path).name for one in find([listed])] == ["b.png", "a.png"]

    def test_labels_of_a_table_for_a_folder(self, tmp_path: Path) -> None:
        picture(tmp_path / "in" / "a.png")
        picture(tmp_path / "in" / "b.png")
        (tmp_path / "l.csv").write_text("path,label\nin/b.png,dog\n")
        labels, given = labels_from(str(tmp_path / "l.csv"))
        assert names([tmp_path / "in"], labels) == [("a.png", ""), ("b.png", "dog")]
        assert given == {}

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[1, 2]", "not a mapping"),
            ("{", "malformed JSON"),
            ('{"a": 1.5}', "'a' is mapped to no class"),
        ],
    )
    def test_a_mapping_that_is_none(self, tmp_path: Path, text: str, said: str) -> None:
        path = tmp_path / "m.json"
        path.write_text(text)
        with pytest.raises(HookscopeError, match=said) as error:
            labels_from(str(path))
        assert "\n" not in str(error.value)
        assert str(path) in str(error.value)

    def test_a_mapping(self, tmp_path: Path) -> None:
        path = tmp_path / "m.json"
        path.write_text(json.dumps({"class_to_idx": {"k": 3, "c": 0}}))
        assert labels_from(str(path)) == (Labels(folders=True), {"k": 3, "c": 0})


class TestMatching:
    CLASSES = ("Great white shark", "hen", "hen-of-the-woods", "7", "hen")

    def test_by_name(self) -> None:
        found = match(["great_white_shark", "hen of the woods", "HEN", "1", "7", "x"], self.CLASSES)
        assert found.found == {
            "great_white_shark": (0,),
            "hen of the woods": (2,),
            "1": (1,),  # an index
            "7": (3,),  # a name, not an index
        }
        # A name that two classes have is neither.
        assert found.unmatched == ("HEN", "x")
        assert found.unused == (4,)
        assert found.verdict == "partial"
        assert found.words == "4 of 6 labels are classes of the network; not: HEN, x"

    def test_as_given(self) -> None:
        found = match(["k", "w"], ("cat", "dog"), {"k": 1, "w": "CAT"})
        assert found.found == {"k": (1,), "w": (0,)}
        assert found.verdict == "matched"
        assert match(["k"], ("cat", "dog"), {"k": 2}).verdict == "unmatched"
        assert match([], ("cat", "dog")).verdict == "none"

    def test_synsets_in_their_order(self) -> None:
        found = match(["n02000000", "n01000000"], ("tench", "shark"))
        assert found.found == {"n02000000": (1,), "n01000000": (0,)}
        assert match(["n02000000"], ("tench", "shark")).verdict == "unmatched"

    def test_independent_labels(self) -> None:
        found = match(["dog; cat", "dog", "cat|cow"], ("cat", "dog"), several=True)
        assert found.found == {"dog; cat": (0, 1), "dog": (1,)}
        assert found.unmatched == ("cat|cow",)


class TestReading:
    def test_the_crop_is_that_of_the_program(self, tmp_path: Path) -> None:
        """By any preset, to the last bit, whatever the file."""
        paths = [
            picture(tmp_path / "a.png", (60, 40)),
            picture(tmp_path / "b.jpg", (33, 90), 1),
            picture(tmp_path / "c.png", (20, 20), 2),
        ]
        Image.open(paths[0]).convert("P").save(tmp_path / "d.gif")
        Image.open(paths[0]).convert("RGBA").save(tmp_path / "e.webp")
        paths += [tmp_path / "d.gif", tmp_path / "e.webp"]
        ways = (
            HOW,
            Preprocessing((32, 32), (32, 32), (0.5,) * 3, (0.2,) * 3, "bicubic", letterbox=True),
            Preprocessing(40, (32, 24), (0.5,), (0.2,), channels=Channels.GREY),
            Preprocessing(None, (64, 64), (0.5,) * 3, (0.2,) * 3),
            Preprocessing(40, (32, 24), (0.5,) * 3, (0.2,) * 3, antialias=False),
        )
        for how in ways:
            for path, ready in zip(paths, read(paths, how), strict=True):
                own = prepare(engine.load_image(path), how)
                assert ready.picture.error == ""
                if how.antialias:
                    assert ready.crop is not None
                    found = prepare_crop(ready.crop, ready.size, how)
                else:
                    # Only torch resizes as that network was trained, so it comes whole.
                    assert ready.image is not None
                    found = prepare(ready.image, how)
                assert bool((found.tensor == own.tensor).all())
                assert found.region == own.region

    def test_checksum_stamp_and_properties(self, tmp_path: Path) -> None:
        grid = np.zeros((40, 80, 3), np.uint8)
        grid[:, 40:] = 255
        Image.fromarray(grid).save(tmp_path / "half.png")
        Image.new("RGB", (30, 30), (200, 20, 20)).save(tmp_path / "red.png")
        half, red = read([tmp_path / "half.png", tmp_path / "red.png"])
        data = (tmp_path / "half.png").read_bytes()
        assert half.picture.content == hashlib.sha256(data).hexdigest()
        found = (tmp_path / "half.png").stat()
        assert half.picture.stamp == (found.st_size, found.st_mtime_ns)
        own, other = half.picture.properties, red.picture.properties
        assert own is not None
        assert other is not None
        assert (own.width, own.height, own.grey) == (80, 40, True)
        assert (own.brightness, own.contrast) == pytest.approx((0.5, 0.5))
        # The Laplacian is 255 and -255 in the two columns beside the step, of 78.
        assert own.blur == pytest.approx(255**2 * 2 / 78)
        assert (other.grey, other.contrast, other.blur) == (False, 0, 0)

    def test_a_blurred_image_is_less_sharp(self, tmp_path: Path) -> None:
        path = picture(tmp_path / "a.png", (600, 400))
        with Image.open(path) as image:
            image.filter(ImageFilter.GaussianBlur(6)).save(tmp_path / "b.png")
        sharp, soft = (one.picture.properties for one in read([path, tmp_path / "b.png"]))
        assert sharp is not None
        assert soft is not None
        assert soft.blur < sharp.blur / 5

    def test_one_bad_file_spoils_no_other(self, tmp_path: Path) -> None:
        paths = [picture(tmp_path / f"{n}.png", seed=n) for n in range(5)]
        paths[1].write_bytes(b"no image")
        paths[3].write_bytes(paths[3].read_bytes()[:300])
        paths.append(tmp_path / "folder.png")
        paths[-1].mkdir()
        found = read(paths, size=6)
        assert [bool(one.picture.error) for one in found] == [False, True, False, True, False, True]
        assert all("\n" not in one.picture.error for one in found)
        assert found[1].picture.content == hashlib.sha256(b"no image").hexdigest()
        for number in (0, 2, 4):
            assert found[number].crop is not None

    def test_deep_images_come_whole(self, tmp_path: Path) -> None:
        values = np.linspace(0, 65535, 40 * 60).reshape(40, 60).astype(np.uint16)
        Image.fromarray(values).save(tmp_path / "deep.png")
        ready, usual = read([tmp_path / "deep.png", picture(tmp_path / "a.png")])
        assert ready.image is not None
        assert ready.image.depth is not None
        np.testing.assert_array_equal(ready.image.depth.values, values)
        assert usual.crop is not None
        own = ready.picture.properties
        assert own is not None
        assert (own.width, own.height, own.grey) == (60, 40, True)

    @pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
    def test_a_reader_that_is_killed(self, tmp_path: Path) -> None:
        """The files that it had are read again."""
        paths = [picture(tmp_path / f"{n}.png", seed=n) for n in range(12)]
        reading = Reading(HOW, readers=2)
        chunks = reading.chunks(map(str, paths), str, 3)
        first = next(chunks)
        for asked in reading._running:
            assert asked._reader is not None
            os.kill(asked._reader._process.pid, signal.SIGKILL)
        found = [*first, *(pair for chunk in chunks for pair in chunk)]
        assert [path for path, _ in found] == [str(path) for path in paths]
        assert all(ready.crop is not None for _, ready in found)


def test_importing_costs_no_torch(shapes: Model) -> None:
    """The window reads an index before torch is there, and readers never have it."""
    modules = [
        *("records", "figures", "summary", "index.queries", "index.store", "index.places"),
        *("inputs.finding", "inputs.lists", "inputs.decoding", "inputs.pictures", "inputs.labels"),
        *("outputs.table", "outputs.page", "outputs.pictures"),
    ]
    code = "import importlib, sys\n" + "".join(
        f"importlib.import_module('engine.folders.{name}')\n" for name in modules
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print('torch' in sys.modules)"],
        cwd=Path(engine.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"

"""The page of a folder in a browser: on screens, on paper, asking for nothing but the images."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.formats.demo import CLASSES
from engine.scenery import sampling, world
from tests.browser.looked import (
    PAPERS,
    Looked,
    is_printed_whole,
    letters,
    letters_of,
    look,
    needs_browser,
    nothing_is_cut_off,
    path_of,
    pictures_are_there_in_their_shape,
    program,
)
from tests.engine.folders.scenes import write_scenes
from tests.engine.images.dicom_files import dataset, written

pytestmark = needs_browser

NAMES = ("labelled", "odd", "classes", "large")
MARGIN_MM = 15.0
LARGE, EACH = 500, 3
# Of ImageNet, as the demo for photographs spells them; the matrix is as wide as what it predicts.
LABELS = ("tench", "eft", "limpkin", "beagle", "clumber", "white wolf", "sloth bear", "airship")
LABELS += ("bassoon", "cello", "cornet", "harp", "screw", "tow truck", "waffle iron", "bell pepper")
LABELS += ("moving van", "frying pan", "lawn mower", "plate rack", "crossword puzzle")


def scene(number: int) -> Image.Image:
    kind = CLASSES[number % len(CLASSES)]
    return Image.fromarray(world.draw(sampling.sample(np.random.default_rng(number), 1, [kind])))


def write_odd(folder: Path) -> int:
    """One image of each format, shape and kind of name; how many."""
    folder.mkdir()
    for number, suffix in enumerate(("tif", "bmp", "webp", "gif", "png", "jpg")):
        scene(number).save(folder / f"format {number}.{suffix}")
    np.save(folder / "values.npy", np.asarray(scene(6)))
    grey = np.asarray(scene(7).convert("L")).astype(np.uint16)
    (folder / "deep.dcm").write_bytes(written(dataset(grey * 16)))
    Image.fromarray(grey * 257).save(folder / "deep.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    scene(8).resize((300, 180)).save(folder / "turned.jpg", exif=turned)
    scene(9).convert("CMYK").save(folder / "inks.jpg")
    scene(10).resize((2000, 200)).save(folder / "panorama.jpg")
    scene(11).resize((150, 1200)).save(folder / "tall.jpg")
    scene(12).save(folder / "a TIFF.jpg", format="TIFF")
    names = ["größe ☃ #1 100% & 'so' <b>.jpg" if os.name != "nt" else "größe ☃ #1 100%.jpg"]
    names.append("long" * 45 + ".jpg")
    if sys.platform.startswith("linux"):
        names.append(os.fsdecode(b"no text \xe4\xff.jpg"))
    for number, name in enumerate(names, start=13):
        scene(number).save(folder / "named.jpg")
        (folder / "named.jpg").rename(folder / name)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    return len(list(folder.iterdir()))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Looked]:
    """The four pages, by name."""
    folder = tmp_path_factory.mktemp("folders")
    inputs, out = folder / "in", folder / "out"
    inputs.mkdir()
    write_scenes(inputs / "labelled", 24, marked=True)
    write_odd(inputs / "odd")
    for number, label in enumerate(LABELS):
        (inputs / "classes" / label).mkdir(parents=True)
        for one in range(EACH):
            scene(EACH * number + one).save(inputs / "classes" / label / f"scene {one}.jpg")
    write_scenes(inputs / "large", LARGE, marked=True)
    labels = ("--labels", "folder", "--model")
    program(*("batch", inputs / "labelled", *labels, "demo:shortcut"),
            *("--overlays", "--out", out / "labelled"))  # fmt: skip
    program("batch", inputs / "odd", "--model", "demo:shapes", "--out", out / "odd")
    program(*("batch", inputs / "classes", *labels, "demo:photos"),
            *("--out", out / "classes"))  # fmt: skip
    program(*("batch", inputs / "large", *labels, "demo:shortcut"),
            *("--overlays", "--out", out / "large"))  # fmt: skip
    return look([out / name / "index.html" for name in NAMES], folder / "printed")


@pytest.mark.parametrize("name", NAMES)
class TestEveryPage:
    def test_it_asks_for_images_that_are_there_alone(
        self, seen: dict[str, Looked], name: str
    ) -> None:
        found = seen[name]
        assert found.console == []
        own = found.page.resolve()
        inputs = own.parents[2] / "in" / name
        for at in found.seen:
            asked = [path_of(address).resolve() for address in at["asked"]]
            assert asked[0] == own
            for path in asked[1:]:
                assert path.is_file(), path
                assert path.is_relative_to(inputs), path

    def test_nothing_is_cut_off(self, seen: dict[str, Looked], name: str) -> None:
        nothing_is_cut_off(seen[name])

    def test_images_and_their_maps(self, seen: dict[str, Looked], name: str) -> None:
        found = seen[name]
        pictures_are_there_in_their_shape(found)
        for at in found.seen:
            named = [one for one in at["pictures"] if one["words"]]
            # A map on each, which lies where it belongs as long as the image fills its box.
            assert len(at["pictures"]) == 2 * len(named)
            for one in named:
                assert one["box"] == pytest.approx(one["shown"], abs=1), one
                assert one["shown"][1] <= 2 * at["room"], one

    def test_it_is_dark_in_a_dark_browser(self, seen: dict[str, Looked], name: str) -> None:
        for at in seen[name].light.values():
            assert at["scheme"] == "light"
            assert at["ink"] > 0.8
        for at in seen[name].dark.values():
            assert at["scheme"] == "dark"
            assert at["ink"] < 0.2

    @pytest.mark.parametrize("paper", PAPERS)
    def test_print(self, seen: dict[str, Looked], name: str, paper: str) -> None:
        is_printed_whole(seen[name], paper, MARGIN_MM)


def test_all_images_are_on_the_page(seen: dict[str, Looked]) -> None:
    def named(name: str) -> int:
        return sum(bool(one["words"]) for one in seen[name].light[1280]["pictures"])

    assert named("labelled") == 24
    assert named("large") == LARGE
    assert named("classes") == EACH * len(LABELS)
    # All but the one that cannot be read.
    inputs = seen["odd"].page.parents[2] / "in" / "odd"
    assert named("odd") == len(list(inputs.iterdir())) - 1


@pytest.mark.parametrize("paper", PAPERS)
def test_words_on_paper(seen: dict[str, Looked], paper: str) -> None:
    words = letters_of(seen["large"].printed[paper])
    for text in (f"on {LARGE} images", "Label (rows) and prediction (columns)", "star/star 2.jpg"):
        assert letters(text) in words, text
    odd = letters_of(seen["odd"].printed[paper])
    for text in ("größe ☃ #1 100%", "not a readable image"):
        assert letters(text) in odd, text


@pytest.mark.parametrize("paper", PAPERS)
def test_a_wide_matrix_makes_no_page_smaller(seen: dict[str, Looked], paper: str) -> None:
    wide, narrow = (seen[name].printed[paper][0] for name in ("classes", "labelled"))
    assert wide["letter"] == pytest.approx(narrow["letter"], rel=0.02)
    assert letters("bell pepper") in letters(wide["text"])

"""The page of a folder: what a browser can show is linked, and everything else is in it."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.folders.index.queries import Index
from engine.folders.outputs.page import write_page
from engine.model import Model
from tests.engine.folders.test_run import EXACT, run

_SOURCE = re.compile(r'alt="([^"]+)" src="([^"]+)"')
_EMBEDDED = "data:image/jpeg;base64,"


@pytest.fixture
def mixed(tmp_path: Path, scenes: Path) -> Path:
    """A folder with one scene in several formats, one of them under a name that says otherwise."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    with Image.open(sorted(scenes.rglob("*.jpg"))[0]) as scene:
        wide = scene.convert("RGB").resize((640, 160))
        for name in ("a.jpg", "b.png", "c.webp", "d.tif"):
            wide.save(folder / name)
        wide.save(folder / "e.jpg", format="TIFF")
        np.save(folder / "f.npy", np.asarray(wide))
    return folder


def sources(folder: Path) -> dict[str, str]:
    """The addresses of the images on the page, by their names."""
    with Index(folder) as index:
        number, _ = index.job()
        text = write_page(index, number, folder).read_text(encoding="utf-8")
    assert text.count("aspect-ratio:640/160") == 6
    return dict(_SOURCE.findall(text))


def test_images_that_a_browser_cannot_show_are_in_the_page(
    mixed: Path, tmp_path: Path, shapes: Model
) -> None:
    out = tmp_path / "out"
    run(out, [mixed], shapes, EXACT)
    found = sources(out)
    assert [found[name] for name in ("a.jpg", "b.png", "c.webp")] == [
        f"../mixed/{name}" for name in ("a.jpg", "b.png", "c.webp")
    ]
    with Image.open(mixed / "b.png") as whole:
        wanted = np.asarray(whole.resize((320, 80), Image.Resampling.BOX)).astype(float)
    for name in ("d.tif", "e.jpg", "f.npy"):
        assert found[name].startswith(_EMBEDDED), name
        with Image.open(io.BytesIO(base64.b64decode(found[name][len(_EMBEDDED) :]))) as small:
            assert small.size == (320, 80)
            assert np.abs(np.asarray(small) - wanted).mean() < 5


def test_a_file_that_has_changed_since_is_not_shown_with_the_old_map(
    mixed: Path, tmp_path: Path, shapes: Model
) -> None:
    out = tmp_path / "out"
    run(out, [mixed], shapes, EXACT)
    Image.new("RGB", (640, 160), "red").save(mixed / "d.tif")
    (mixed / "f.npy").unlink()
    found = sources(out)
    assert not found["d.tif"].startswith("data:")
    assert not found["f.npy"].startswith("data:")
    assert found["e.jpg"].startswith(_EMBEDDED)

"""The sample folder: the same scenes each time, and what is in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import Cancelled
from engine.formats.demo import CLASSES
from engine.progress import CancelToken
from engine.scenery.folder import write_scenes


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_scenes_are_drawn_each_time(tmp_path: Path) -> None:
    one = files(write_scenes(tmp_path / "one", 16))
    assert one == files(write_scenes(tmp_path / "two", 16))
    assert sorted({Path(name).parent.name for name in one}) == sorted(CLASSES)
    assert len(one) == 16


def test_what_is_missing_is_drawn_again_and_the_rest_is_left(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "scenes", 16)
    whole = files(folder)
    ring, star = folder / "ring" / "ring 1.jpg", folder / "star" / "star 2.jpg"
    ring.unlink()
    star.write_bytes(b"a person's own")
    write_scenes(folder, 16)
    assert files(folder) == whole | {"star/star 2.jpg": b"a person's own"}


def test_it_stops_when_it_is_told_to(tmp_path: Path) -> None:
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        write_scenes(tmp_path, 16, cancel, lambda share, _words: share < 0.5 or cancel.cancel())
    # Whole files alone.
    for path in tmp_path.rglob("*.jpg"):
        with Image.open(path) as image:
            assert np.asarray(image).shape == (128, 128, 3)
    assert 0 < len(files(tmp_path)) < 16

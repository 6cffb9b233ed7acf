"""Images are read from files, bytes and the clipboard."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QColor, QImage

from engine.errors import ImageError
from engine.progress import CancelToken, ignore_progress
from gui.jobs.files import decoding
from gui.jobs.lanes import Watch
from tests.gui.jobs.samples import save

WATCH = Watch(CancelToken(), ignore_progress)


def test_decoding_gives_the_picture_for_engine_canvas_and_strip(tmp_path: Path) -> None:
    decoded = decoding.decode(save(tmp_path / "a.png", (300, 200)), WATCH)
    assert decoded.loaded.pixels.shape == (200, 300, 3)
    assert (decoded.picture.width, decoded.picture.height) == (300, 200)
    assert (decoded.thumbnail.width(), decoded.thumbnail.height()) == (128, 85)
    assert QColor(decoded.thumbnail.pixel(5, 5)) == QColor("red")


def test_a_thumbnail_read_alone_is_the_same_size(tmp_path: Path) -> None:
    small = decoding.read_thumbnail(save(tmp_path / "a.jpg", (300, 200)), WATCH)
    assert small.width() == 128
    assert small.height() == pytest.approx(128 * 200 / 300, abs=1)


def test_bytes_are_read_like_a_file() -> None:
    data = io.BytesIO()
    Image.new("RGB", (12, 8), (0, 128, 0)).save(data, "PNG")
    loaded = decoding.decode_bytes(data.getvalue(), "pasted image", WATCH).loaded
    assert loaded.name == "pasted image"
    assert loaded.path is None
    assert (loaded.pixels == (0, 128, 0)).all()


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n"])
def test_bytes_that_are_no_image_are_an_error(data: bytes) -> None:
    with pytest.raises(ImageError):
        decoding.decode_bytes(data, "pasted image", WATCH)


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8])
def test_pixels_of_a_qimage_are_its_own_rows_without_their_padding(width: int) -> None:
    """QImage pads rows to four bytes."""
    expected = np.arange(width * 4 * 3, dtype=np.uint8).reshape(4, width, 3)
    image = QImage(width, 4, QImage.Format.Format_ARGB32)
    for y in range(4):
        for x in range(width):
            image.setPixelColor(x, y, QColor(*(int(v) for v in expected[y, x])))
    np.testing.assert_array_equal(decoding.pixels_of(image), expected)

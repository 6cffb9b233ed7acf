"""numpy to QImage and back: colours, ownership, pyramid, thumbnails."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from engine.records.display import DisplaySettings, Sign
from engine.records.images import Pixels
from engine.render import overlay
from gui.toolkit.imaging import Picture, map_thumbnail, remark, thumbnail, to_qimage


def noise(width: int, height: int, channels: int = 3) -> Pixels:
    shape = (height, width, channels)
    return np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)


def rgb(image: QImage) -> NDArray[np.uint8]:
    """Pixel by pixel through Qt's own accessor."""
    colors = [
        [image.pixelColor(x, y).getRgb()[:3] for x in range(image.width())]
        for y in range(image.height())
    ]
    return np.array(colors, np.uint8)


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8])
def test_colours_survive_at_every_width(width: int) -> None:
    pixels = noise(width, 4)
    image = to_qimage(pixels)
    assert image.format() == QImage.Format.Format_RGB32
    np.testing.assert_array_equal(rgb(image), pixels)


def test_alpha_is_kept() -> None:
    pixels = np.array([[[255, 0, 0, 255], [0, 255, 0, 0]]], np.uint8)
    image = to_qimage(pixels)
    assert image.pixelColor(0, 0).getRgb() == (255, 0, 0, 255)
    assert image.pixelColor(1, 0).alpha() == 0


def test_the_image_owns_its_pixels() -> None:
    pixels = noise(64, 64)
    expected = pixels.copy()
    image = to_qimage(pixels)
    pixels[:] = 0
    del pixels
    gc.collect()
    np.testing.assert_array_equal(rgb(image), expected)


def test_views_and_slices_are_understood() -> None:
    pixels = noise(12, 10)
    np.testing.assert_array_equal(rgb(to_qimage(pixels[2:7, 3:8])), pixels[2:7, 3:8])
    np.testing.assert_array_equal(rgb(to_qimage(pixels[::-1, ::2])), pixels[::-1, ::2])


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((4, 4, 3), np.float32),
    ],
)
def test_other_arrays_are_refused(wrong: Pixels) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        to_qimage(wrong)


@pytest.mark.parametrize(
    ("size", "expected"), [((300, 200), (60, 40)), ((20, 400), (3, 60)), ((4000, 3), (60, 1))]
)
def test_thumbnail_keeps_the_aspect(size: tuple[int, int], expected: tuple[int, int]) -> None:
    small = thumbnail(noise(*size), 60)
    assert (small.width(), small.height()) == expected


def test_thumbnail_averages() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[::2, ::2] = pixels[1::2, 1::2] = 255
    assert np.abs(rgb(thumbnail(pixels, 8)).astype(int) - 128).max() <= 1


def test_thumbnail_of_a_tiny_image_is_enlarged() -> None:
    small = thumbnail(np.full((2, 4, 3), 77, np.uint8), 48)
    assert (small.width(), small.height()) == (48, 24)
    assert (rgb(small) == 77).all()


def test_map_thumbnail_shows_the_map_in_its_colours() -> None:
    map = np.zeros((7, 14), np.float32)
    map[:, 7:] = 1.0
    settings = DisplaySettings(interpolation="grid")
    small = map_thumbnail(map, settings, 24)
    table = overlay.lookup_table("inferno")
    assert (small.width(), small.height()) == (24, 12)
    colors = rgb(small)
    assert (colors[:, :11] == table[0]).all()
    assert (colors[:, 13:] == table[255]).all()


@pytest.mark.parametrize(
    ("sign", "value", "words"),
    [
        ("positive", -1.0, "nothing positive"),
        ("negative", 1.0, "nothing negative"),
        ("signed", 0.0, "zero everywhere"),
    ],
)
def test_a_map_that_shows_nothing_is_no_dark_picture(sign: Sign, value: float, words: str) -> None:
    settings = DisplaySettings(sign=sign)
    small = map_thumbnail(np.full((7, 7), value, np.float32), settings, 24)
    assert (small.width(), small.height()) == (24, 24)
    assert remark(small) == words
    # On the panels of both themes, the sign can be seen and the rest is about as the panel is.
    for panel in ("#252525", "#f3f3f3"):
        shown = QImage(small.size(), QImage.Format.Format_RGB32)
        shown.fill(QColor(panel))
        painter = QPainter(shown)
        painter.drawImage(0, 0, small)
        painter.end()
        away = np.abs(rgb(shown).astype(int) - QColor(panel).red())
        assert away[0, 0].max() < 40
        assert away.max() > 70


def test_a_map_that_shows_something_has_no_remark() -> None:
    map = np.full((7, 7), -1.0, np.float32)
    map[3, 3] = 0.001
    assert remark(map_thumbnail(map, DisplaySettings(), 24)) == ""


def test_levels_halve_down_to_about_512() -> None:
    picture = Picture.build(noise(4001, 3000))
    sizes = [(level.width(), level.height()) for level in picture.levels]
    assert sizes == [(4001, 3000), (2001, 1500), (1001, 750)]
    assert (picture.width, picture.height) == (4001, 3000)


def test_levels_are_means() -> None:
    pixels = noise(1200, 1028)
    level = Picture.build(pixels).levels[1]
    blocks = pixels.reshape(514, 2, 600, 2, 3).astype(float).mean(axis=(1, 3))
    for x, y in [(0, 0), (599, 513), (300, 200), (17, 400)]:
        shown = level.pixelColor(x, y).getRgb()[:3]
        assert np.abs(blocks[y, x] - shown).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (30_000, 2)])
def test_extreme_shapes_are_built(size: tuple[int, int]) -> None:
    picture = Picture.build(noise(*size))
    assert (picture.width, picture.height) == size
    assert all(not level.isNull() for level in picture.levels)


@pytest.mark.parametrize("scale", [0.05, 0.2, 0.3, 0.5, 0.7, 1.0, 3.0])
def test_a_part_is_sharp_enough_and_small(scale: float) -> None:
    picture = Picture.build(noise(4000, 3000))
    visible = QRectF(500, 400, 600 / scale, 500 / scale).intersected(QRectF(0, 0, 4000, 3000))
    image, source, target = picture.part(visible, scale)
    assert target.contains(visible)
    assert QRectF(image.rect()).contains(source)
    density = source.width() / (target.width() * scale)
    assert density >= 0.99 or image.size() == picture.size
    assert source.width() * source.height() <= 4.1 * 603 * 503 or image.width() <= 1024


def test_a_part_of_an_image_wider_than_the_painter_counts_is_cut_out() -> None:
    pixels = np.zeros((4, 40_000, 3), np.uint8)
    pixels[:, 39_000:] = (1, 2, 3)
    image, source, target = Picture.build(pixels).part(QRectF(38_990, 0, 100, 4), 8.0)
    assert image.width() < 200
    assert source == QRectF(image.rect())
    boundary = round(39_000 - target.x())
    assert image.pixelColor(boundary, 0).getRgb()[:3] == (1, 2, 3)
    assert image.pixelColor(boundary - 1, 0).getRgb()[:3] == (0, 0, 0)


def test_all_of_it_works_off_the_gui_thread() -> None:
    results: list[object] = []

    def work() -> None:
        pixels = noise(1500, 1100)
        results.append(Picture.build(pixels))
        results.append(thumbnail(pixels, 64))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert len(results) == 2

"""The canvas on a shown window: what its pixels are, and what mouse and wheel do.

The last test runs all others again where one logical pixel is 1.5 and 2 physical ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QImage,
    QNativeGestureEvent,
    QPaintEvent,
    QPointingDevice,
    QWheelEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from engine.lazy.opencv import cv2
from engine.records.display import DisplaySettings
from engine.records.explanations import Verdict
from engine.records.images import Pixels, Region
from engine.render import overlay
from gui.toolkit import theme
from gui.toolkit.imaging import Picture
from gui.widgets.canvas.image_canvas import ImageCanvas
from gui.widgets.canvas.lane import TitleLane
from gui.widgets.canvas.places import fitted_caption, legend_band
from gui.widgets.canvas.words import Caption, Readout
from tests.explanations import explain

GRID = DisplaySettings(0.5, interpolation="grid", fade=False)
ROOT = Path(__file__).resolve().parents[4]


def noise(width: int, height: int) -> Pixels:
    shape = (height, width, 3)
    return np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)


def ramp(width: int, height: int) -> Pixels:
    """Smooth, and different everywhere."""
    x, y = np.meshgrid(np.linspace(30, 220, width), np.linspace(40, 200, height))
    return np.stack([x, y, 255 - x], axis=-1).astype(np.uint8)


@pytest.fixture
def canvas(qtbot: QtBot) -> Iterator[ImageCanvas]:
    # In a window of its own, as the program has it: resizing goes through a layout.
    window = QWidget()
    layout = QVBoxLayout(window)
    layout.setContentsMargins(0, 0, 0, 0)
    made = ImageCanvas()
    layout.addWidget(made)
    window.resize(640, 480)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    yield made
    made.set_busy(False)


def shown(canvas: ImageCanvas) -> NDArray[np.uint8]:
    """The viewport's physical pixels: uint8 (h, w, 3)."""
    image = canvas.viewport().grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    raw = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
    return raw[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy()


def device_point(canvas: ImageCanvas, x: float, y: float) -> tuple[int, int]:
    """Where the point (x, y) of the image is, in physical pixels of the viewport."""
    point = canvas.viewportTransform().map(QPointF(x, y)) * canvas.devicePixelRatioF()
    return int(np.floor(point.x() + 1e-6)), int(np.floor(point.y() + 1e-6))


def color_at(canvas: ImageCanvas, x: float, y: float) -> NDArray[np.int64]:
    column, row = device_point(canvas, x, y)
    return shown(canvas)[row, column].astype(int)


def set_zoom(canvas: ImageCanvas, zoom: float, x: float, y: float) -> None:
    """That zoom, with the point (x, y) of the image in the middle."""
    canvas.fit()
    canvas.zoom_at(zoom / canvas.zoom, QPointF(canvas.viewport().rect().center()))
    where = canvas.viewportTransform().map(QPointF(x, y))
    canvas.pan(QPointF(canvas.viewport().rect().center()) - where)


def wheel(
    canvas: ImageCanvas,
    at: QPointF,
    angle: int,
    pixels: int = 0,
    phase: Qt.ScrollPhase = Qt.ScrollPhase.NoScrollPhase,
) -> None:
    event = QWheelEvent(
        at,
        canvas.viewport().mapToGlobal(at),
        QPoint(0, pixels),
        QPoint(0, angle),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        phase,
        False,
    )
    QApplication.sendEvent(canvas.viewport(), event)


def image_point(canvas: ImageCanvas, at: QPointF) -> QPointF:
    inverse, _ = canvas.viewportTransform().inverted()
    return inverse.map(at)


def test_the_screen_is_as_dense_as_asked_for(canvas: ImageCanvas) -> None:
    assert canvas.devicePixelRatioF() == float(os.environ.get("QT_SCALE_FACTOR", "1"))


# --- fitting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(300, 200), (2000, 1500), (3000, 400), (90, 1200)])
def test_a_new_picture_is_fitted_and_centred(canvas: ImageCanvas, size: tuple[int, int]) -> None:
    canvas.show_picture(Picture.build(noise(*size)))
    left_top = canvas.viewportTransform().map(QPointF(0, 0))
    right_bottom = canvas.viewportTransform().map(QPointF(*size))
    width, height = canvas.viewport().width(), canvas.viewport().height()
    assert left_top.x() == pytest.approx(width - right_bottom.x(), abs=1.01)
    # The colour bar has a band of its own below.
    free = height - legend_band(canvas.font()) + 2 * theme.SPACE
    assert left_top.y() == pytest.approx(free - right_bottom.y(), abs=1.01)
    margins = (left_top.x(), left_top.y())
    assert min(margins) == pytest.approx(2 * theme.SPACE, abs=0.51)
    ratio = canvas.devicePixelRatioF()
    assert canvas.zoom == pytest.approx((right_bottom.x() - left_top.x()) * ratio / size[0])


def test_it_stays_fitted_when_resized_until_zoomed(canvas: ImageCanvas) -> None:
    canvas.show_picture(Picture.build(noise(800, 600)))
    before = canvas.zoom
    canvas.window().resize(900, 700)
    assert canvas.fitted
    assert canvas.zoom > before
    canvas.zoom_in()
    chosen, middle = canvas.zoom, image_point(canvas, QPointF(450, 350))
    canvas.window().resize(500, 420)
    assert not canvas.fitted
    assert canvas.zoom == chosen
    after = image_point(canvas, QPointF(250, 210))
    assert (after - middle).manhattanLength() < 2 * canvas.devicePixelRatioF() / chosen


def test_zoom_is_announced_in_physical_pixels(canvas: ImageCanvas, qtbot: QtBot) -> None:
    canvas.show_picture(Picture.build(noise(2000, 1500)))
    with qtbot.waitSignal(canvas.zoom_changed) as caught:
        canvas.actual_size()
    assert caught.args == [1.0]
    a, b = device_point(canvas, 900, 700), device_point(canvas, 1000, 760)
    assert (b[0] - a[0], b[1] - a[1]) == (100, 60)


@pytest.mark.parametrize("size", [(2000, 1500), (20, 10)])
def test_zoom_has_limits(canvas: ImageCanvas, size: tuple[int, int]) -> None:
    canvas.show_picture(Picture.build(noise(*size)))
    fitted = canvas.zoom
    for _ in range(60):
        canvas.zoom_in()
    assert canvas.zoom == 64.0
    for _ in range(90):
        canvas.zoom_out()
    assert canvas.zoom == pytest.approx(min(fitted / 4, 1.0))


def test_without_a_picture_nothing_moves(canvas: ImageCanvas) -> None:
    canvas.zoom_in()
    canvas.pan(QPointF(10, 10))
    canvas.fit()
    canvas.actual_size()
    assert canvas.zoom == 1.0
    assert canvas.picture_with_overlay().isNull()
    canvas.show_picture(Picture.build(noise(60, 40)))
    canvas.show_picture(None)
    assert canvas.zoom == 1.0
    assert (shown(canvas) == QColor(theme.current().canvas).getRgb()[:3]).all()


# --- pixels of the picture -----------------------------------------------------------------------


def test_above_one_to_one_every_pixel_is_a_sharp_square(canvas: ImageCanvas) -> None:
    pixels = noise(40, 30)
    canvas.show_picture(Picture.build(pixels))
    set_zoom(canvas, 32.0, 20, 15)
    grabbed = shown(canvas)
    for x, y in [(15, 12), (20, 15), (24, 17), (19, 18)]:
        left, top = device_point(canvas, x, y)
        right, bottom = device_point(canvas, x + 1, y + 1)
        square = grabbed[top + 1 : bottom - 1, left + 1 : right - 1].reshape(-1, 3)
        assert (square == pixels[y, x]).all()
        assert (grabbed[top + 1, left] == pixels[y, x]).all()
        assert (grabbed[top + 1, left - 2] == pixels[y, x - 1]).all()


def test_at_one_to_one_the_screen_shows_the_file(canvas: ImageCanvas) -> None:
    pixels = noise(1500, 1200)
    canvas.show_picture(Picture.build(pixels))
    set_zoom(canvas, 1.0, 750, 600)
    left, top = device_point(canvas, 600, 500)
    np.testing.assert_array_equal(
        shown(canvas)[top : top + 100, left : left + 200], pixels[500:600, 600:800]
    )


@pytest.mark.parametrize("zoom", [0.5, 0.24])
def test_below_one_to_one_pixels_are_averaged(canvas: ImageCanvas, zoom: float) -> None:
    pixels = np.zeros((2400, 3200, 3), np.uint8)
    pixels[::2, ::2] = pixels[1::2, 1::2] = 255
    canvas.show_picture(Picture.build(pixels))
    set_zoom(canvas, zoom, 1600, 1200)
    x, y = device_point(canvas, 1600, 1200)
    part = shown(canvas)[y - 90 : y + 90, x - 120 : x + 120].astype(int)
    assert np.abs(part - 128).max() <= 3


def test_between_the_levels_pixels_are_interpolated(canvas: ImageCanvas) -> None:
    pixels = np.zeros((1200, 1600, 3), np.uint8)
    pixels[:, ::2] = 255
    canvas.show_picture(Picture.build(pixels))
    set_zoom(canvas, 0.75, 800, 600)
    x, y = device_point(canvas, 800, 600)
    part = shown(canvas)[y - 50 : y + 50, x - 50 : x + 50]
    assert ((part > 40) & (part < 215)).mean() > 0.3


@pytest.mark.parametrize("zoom", [0.3, 1.7, 40.0])
def test_pictures_and_their_coordinates_agree(canvas: ImageCanvas, zoom: float) -> None:
    pixels = ramp(2000, 1600)
    canvas.show_picture(Picture.build(pixels))
    set_zoom(canvas, zoom, 1200, 700)
    for x, y in [(1200, 700), (1196, 703), (1203, 698)]:
        assert np.abs(color_at(canvas, x + 0.5, y + 0.5) - pixels[y, x]).max() <= 2


# --- pixels of the overlay -----------------------------------------------------------------------


def test_the_grid_covers_exactly_its_region(canvas: ImageCanvas) -> None:
    pixels = np.full((90, 120, 3), 120, np.uint8)
    map = np.array([[1.0, 0.25], [0.5, 0.75]], np.float32)
    region = Region(20, 10, 80, 60)
    canvas.show_picture(Picture.build(pixels))
    canvas.set_display(GRID)
    canvas.show_explanation(explain(map, region, (120, 90)))
    table = overlay.lookup_table("inferno").astype(float)
    for (row, column), value in np.ndenumerate(map):
        expected = (120 + table[round(value * 255)]) / 2
        left, top = 20 + 40 * column, 10 + 30 * row
        for x, y in [(left + 1.5, top + 1.5), (left + 38.5, top + 28.5), (left + 20, top + 15)]:
            assert np.abs(color_at(canvas, x, y) - expected).max() <= 2
    for x, y in [(18.5, 40), (101.5, 40), (60, 8.5), (60, 71.5)]:
        assert (color_at(canvas, x, y) == 120).all()


@pytest.mark.parametrize("interpolation", ["smooth", "grid"])
@pytest.mark.parametrize("sign", ["positive", "negative", "signed"])
@pytest.mark.parametrize("method", ["grad-cam", "grad-x-input"])
@pytest.mark.parametrize(
    ("fade", "backdrop"),
    [(True, "colour"), (False, "colour"), (True, "grey"), (True, "edges")],
)
def test_the_screen_shows_what_an_export_would(
    canvas: ImageCanvas,
    interpolation: str,
    sign: str,
    method: str,
    fade: bool,
    backdrop: str,
) -> None:
    """For a map of pixels too, whose scale ends before its largest value."""
    pixels = ramp(560, 400)
    settings = DisplaySettings(
        opacity=0.6,
        interpolation=interpolation,  # type: ignore[arg-type]
        sign=sign,  # type: ignore[arg-type]
        colormap="viridis",
        fade=fade,
        backdrop=backdrop,  # type: ignore[arg-type]
    )
    map = np.random.default_rng(1).normal(size=(7, 7)).astype(np.float32)
    if method == "grad-x-input":
        # Two of 441 values would take all colours; nine tenths of the image would be dark.
        map = np.random.default_rng(1).normal(size=(21, 21)).astype(np.float32)
        map[4, 5], map[4, 6] = 40, -40
    explanation = explain(map, Region(80, 40, 320, 320), (560, 400))
    explanation = replace(explanation, method=method)
    canvas.show_picture(Picture.build(pixels))
    canvas.set_display(settings)
    canvas.show_explanation(explanation)
    set_zoom(canvas, 1.0, 280, 200)
    exported = overlay.blend(pixels, explanation, settings).astype(int)
    left, top = device_point(canvas, 90, 80)
    part = shown(canvas)[top : top + 180, left : left + 240].astype(int)
    difference = np.abs(part - exported[80:260, 90:330]).max(axis=2)
    assert np.median(difference) <= 2
    # Cell edges may round to the pixel beside.
    assert np.quantile(difference, 0.97) <= 8


@pytest.mark.parametrize("interpolation", ["smooth", "grid"])
@pytest.mark.parametrize("sign", ["positive", "signed"])
def test_contours_lie_where_those_of_an_export_do(
    canvas: ImageCanvas, interpolation: str, sign: str
) -> None:
    pixels = np.full((400, 560, 3), 120, np.uint8)
    settings = DisplaySettings(0.0, interpolation=interpolation, sign=sign, contours=(0.3, 0.6))  # type: ignore[arg-type]
    map = np.random.default_rng(1).normal(size=(5, 5)).astype(np.float32)
    explanation = explain(map, Region(80, 40, 320, 320), (560, 400))
    canvas.show_picture(Picture.build(pixels))
    canvas.set_display(settings)
    canvas.show_explanation(explanation)
    set_zoom(canvas, 1.0, 280, 200)
    exported = (overlay.blend(pixels, explanation, settings) != 120).any(axis=2)[80:260, 90:330]
    left, top = device_point(canvas, 90, 80)
    seen = (shown(canvas)[top : top + 180, left : left + 240] != 120).any(axis=2)
    assert seen.sum() > 100
    for one, other in ((seen, exported), (exported, seen)):
        # The lines have the width of the screen here, and that of the image there.
        grown = cv2.dilate(one.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        inside = np.s_[5:-5, 5:-5]
        assert grown[inside][other[inside]].mean() > 0.995


@pytest.mark.parametrize("cells", [7, 300])
@pytest.mark.parametrize("zoom", [1.5, 3.0, 24.0])
def test_cell_edges_hold_when_magnified(canvas: ImageCanvas, cells: int, zoom: float) -> None:
    """Painted as one image, the last edge would lie up to ten pixels of the picture beside."""
    canvas.show_picture(Picture.build(np.full((600, 10_000, 3), 100, np.uint8)))
    canvas.set_display(GRID)
    map = (np.indices((3, cells)).sum(axis=0) % 2).astype(np.float32)
    canvas.show_explanation(explain(map, Region(500.5, 0.25, 9000, 599.5), (10_000, 600)))
    table = overlay.lookup_table("inferno").astype(float) / 2 + 50
    column, row = cells - 1, 1
    x, y = 500.5 + column * 9000 / cells, 0.25 + row * 599.5 / 3
    set_zoom(canvas, zoom, x, y)
    near = 2 * canvas.devicePixelRatioF() / zoom
    for step_x, step_y in [(0, 0), (-1, 0), (0, -1), (-1, -1)]:
        value = (row + step_y + column + step_x) % 2
        seen = color_at(canvas, x + (step_x + 0.5) * 2 * near, y + (step_y + 0.5) * 2 * near)
        assert np.abs(seen - table[255 * value]).max() <= 2


def test_another_map_brings_its_own_colours(canvas: ImageCanvas) -> None:
    canvas.show_picture(Picture.build(np.full((90, 120, 3), 120, np.uint8)))
    left, right = np.eye(2, dtype=np.float32)[:, None, :]
    for settings in (DisplaySettings(opacity=1.0), DisplaySettings(1.0, interpolation="grid")):
        canvas.set_display(settings)
        for map, bright, dark in [(left, 10, 110), (right, 110, 10)]:
            canvas.show_explanation(explain(map, Region(0, 0, 120, 90), (120, 90)))
            assert color_at(canvas, bright, 45).sum() > color_at(canvas, dark, 45).sum() + 300


def test_smooth_colours_hold_when_magnified(canvas: ImageCanvas) -> None:
    pixels = np.full((3000, 4000, 3), 100, np.uint8)
    map = np.random.default_rng(4).random((7, 7)).astype(np.float32)
    explanation = explain(map, Region(500.5, 0.25, 2999.5, 2999.5), (4000, 3000))
    canvas.show_picture(Picture.build(pixels))
    canvas.show_explanation(explanation)
    exported = overlay.blend(pixels, explanation, DisplaySettings())
    for zoom in (0.5, 2.5, 6.0, 30.0, 64.0):
        set_zoom(canvas, zoom, 1800, 1300)
        difference = color_at(canvas, 1800.5, 1300.5) - exported[1300, 1800]
        assert np.abs(difference).max() <= 3


@pytest.mark.parametrize("backdrop", ["grey", "edges"])
def test_another_backdrop_is_of_the_whole_picture_and_gone_while_it_is_bare(
    canvas: ImageCanvas, backdrop: str
) -> None:
    pixels = ramp(560, 400)
    pixels[100:300, 50:200] = (250, 20, 60)
    canvas.show_picture(Picture.build(pixels))
    original = shown(canvas)
    canvas.set_display(DisplaySettings(backdrop=backdrop))  # type: ignore[arg-type]
    other = shown(canvas)
    left, top = device_point(canvas, 10, 10)
    part = other[top : top + 50, left : left + 50]
    assert np.ptp(part.astype(int), axis=2).max() == 0
    assert (other != original).any()
    canvas.show_bare(True)
    np.testing.assert_array_equal(shown(canvas), original)
    canvas.show_bare(False)
    np.testing.assert_array_equal(shown(canvas), other)
    # Another picture has a backdrop of its own.
    canvas.show_picture(Picture.build(np.ascontiguousarray(pixels[:, ::-1])))
    assert (shown(canvas) != other).any()


def test_a_map_with_nothing_to_show_does_not_darken_the_picture(canvas: ImageCanvas) -> None:
    canvas.show_picture(Picture.build(np.full((90, 120, 3), 120, np.uint8)))
    for settings in (DisplaySettings(), DisplaySettings(fade=False), GRID):
        canvas.set_display(settings)
        canvas.show_explanation(
            explain(np.full((3, 3), -1, np.float32), Region(0, 0, 120, 90), (120, 90))
        )
        for x, y in [(10, 50), (60, 60), (110, 70)]:
            assert (color_at(canvas, x, y) == 120).all()


def test_bare_shows_the_original(canvas: ImageCanvas, qtbot: QtBot) -> None:
    pixels = np.full((90, 120, 3), 120, np.uint8)
    canvas.show_picture(Picture.build(pixels))
    original = shown(canvas)
    canvas.show_explanation(explain(np.ones((3, 3), np.float32), Region(20, 10, 80, 60), (120, 90)))
    explained = shown(canvas)
    assert (explained != original).any()
    with qtbot.waitSignal(canvas.bare_changed) as caught:
        canvas.show_bare(True)
    assert caught.args == [True]
    np.testing.assert_array_equal(shown(canvas), original)
    with qtbot.assertNotEmitted(canvas.bare_changed):
        canvas.show_bare(True)
    canvas.show_bare(False)
    np.testing.assert_array_equal(shown(canvas), explained)


def test_no_opacity_and_no_overlay_leave_the_colours(canvas: ImageCanvas) -> None:
    canvas.show_picture(Picture.build(np.full((90, 120, 3), 120, np.uint8)))
    canvas.show_explanation(explain(np.ones((3, 3), np.float32), Region(20, 10, 80, 60), (120, 90)))
    canvas.set_display(DisplaySettings(opacity=0.0))
    assert (color_at(canvas, 60, 40) == 120).all()
    canvas.set_display(DisplaySettings(opacity=1.0))
    assert (color_at(canvas, 60, 40) == overlay.lookup_table("inferno")[255]).all()
    canvas.set_overlay_visible(False)
    assert (color_at(canvas, 60, 40) == 120).all()
    canvas.set_overlay_visible(True)
    assert (color_at(canvas, 60, 40) != 120).any()


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_the_outline_is_seen_on_any_shade(canvas: ImageCanvas, shade: int) -> None:
    canvas.show_picture(Picture.build(np.full((90, 120, 3), shade, np.uint8)))
    canvas.set_region(Region(20, 10, 80, 60))
    column, row = device_point(canvas, 20, 40)
    across = shown(canvas)[row, column - 6 : column + 7].astype(int)
    assert np.ptp(across) > 100
    assert (across[0] == shade).all()
    assert (across[-1] == shade).all()
    canvas.set_region(None)
    assert np.ptp(shown(canvas)[row, column - 6 : column + 7]) == 0


def test_a_region_beyond_the_image_is_clipped(canvas: ImageCanvas) -> None:
    canvas.show_picture(Picture.build(np.full((90, 120, 3), 120, np.uint8)))
    bare = shown(canvas)
    explanation = explain(np.ones((2, 2), np.float32), Region(-40, -40, 100, 100), (120, 90))
    canvas.show_explanation(explanation)
    canvas.set_display(DisplaySettings(opacity=1.0))
    left, top = device_point(canvas, 0, 45)
    np.testing.assert_array_equal(shown(canvas)[top, : left - 3], bare[top, : left - 3])
    assert (color_at(canvas, 30, 30) == overlay.lookup_table("inferno")[255]).all()


def test_another_picture_takes_the_explanation_away(canvas: ImageCanvas) -> None:
    canvas.show_picture(Picture.build(np.full((90, 120, 3), 120, np.uint8)))
    canvas.show_explanation(explain(np.ones((3, 3), np.float32), Region(20, 10, 80, 60), (120, 90)))
    canvas.show_picture(Picture.build(np.full((90, 120, 3), 120, np.uint8)))
    assert (color_at(canvas, 60, 40) == 120).all()


# --- mouse, wheel, keys --------------------------------------------------------------------------


@pytest.mark.parametrize("at", [QPointF(100, 80), QPointF(320, 240), QPointF(500.5, 390.25)])
def test_the_wheel_keeps_the_point_under_the_cursor(canvas: ImageCanvas, at: QPointF) -> None:
    canvas.show_picture(Picture.build(noise(1600, 1200)))
    held = image_point(canvas, at)
    for angle in [120] * 10 + [15] * 9 + [-120] * 6 + [120] * 8:
        wheel(canvas, at, angle)
        moved = image_point(canvas, at) - held
        # The scroll bars know whole logical pixels; half a one may be lost, once.
        allowed = 0.75 * canvas.devicePixelRatioF() / canvas.zoom + 1e-6
        start = 0.75 * canvas.devicePixelRatioF() / 0.35
        assert max(abs(moved.x()), abs(moved.y())) <= allowed + start
    first = image_point(canvas, at)
    for angle in [120, 120, -120, 240, -240]:
        wheel(canvas, at, angle)
    moved = image_point(canvas, at) - first
    assert max(abs(moved.x()), abs(moved.y())) <= 1.5 * canvas.devicePixelRatioF() / canvas.zoom


def test_fine_wheels_add_up_to_a_notch(canvas: ImageCanvas) -> None:
    canvas.show_picture(Picture.build(noise(1600, 1200)))
    start, at = canvas.zoom, QPointF(320, 240)
    wheel(canvas, at, 120)
    notch = canvas.zoom / start
    canvas.fit()
    for _ in range(8):
        wheel(canvas, at, 15)
    assert canvas.zoom / start == pytest.approx(notch)
    wheel(canvas, at, -120)
    assert canvas.zoom == pytest.approx(start)


def test_trackpads_zoom_by_pixels_and_come_to_rest(canvas: ImageCanvas) -> None:
    canvas.show_picture(Picture.build(noise(1600, 1200)))
    start, at = canvas.zoom, QPointF(320, 240)
    wheel(canvas, at, 0, pixels=8, phase=Qt.ScrollPhase.ScrollUpdate)
    after = canvas.zoom
    assert 1.0 < after / start < 1.05
    wheel(canvas, at, 120, pixels=80, phase=Qt.ScrollPhase.ScrollMomentum)
    assert canvas.zoom == after


def test_pinching_zooms(canvas: ImageCanvas) -> None:
    canvas.show_picture(Picture.build(noise(1600, 1200)))
    start, at = canvas.zoom, QPointF(200, 200)
    held = image_point(canvas, at)
    event = QNativeGestureEvent(
        Qt.NativeGestureType.ZoomNativeGesture,
        QPointingDevice.primaryPointingDevice(),
        2,
        at,
        at,
        canvas.viewport().mapToGlobal(at),
        0.5,
        QPointF(),
    )
    QApplication.sendEvent(canvas.viewport(), event)
    assert canvas.zoom == pytest.approx(start * 1.5)
    moved = image_point(canvas, at) - held
    assert moved.manhattanLength() * canvas.zoom <= 3 * canvas.devicePixelRatioF()


def test_two_fingers_zoom_about_their_middle(canvas: ImageCanvas) -> None:
    canvas.show_picture(Picture.build(noise(1600, 1200)))
    view, device = canvas.viewport(), QTest.createTouchDevice()
    left, right = QPoint(250, 200), QPoint(350, 200)
    start, held = canvas.zoom, image_point(canvas, QPointF(300, 200))
    event = QTest.touchEvent(view, device)
    event.press(0, left, view)
    event.press(1, right, view)
    event.commit()
    for step in range(1, 10):
        event = QTest.touchEvent(view, device)
        event.move(0, left - QPoint(8 * step, 0), view)
        event.move(1, right + QPoint(8 * step, 0), view)
        event.commit()
    assert canvas.zoom / start > 1.8
    moved = image_point(canvas, QPointF(300, 200)) - held
    # The first step comes before the gesture is recognised.
    assert moved.manhattanLength() * start <= 12 * canvas.devicePixelRatioF()
    event = QTest.touchEvent(view, device)
    event.release(0, left - QPoint(72, 0), view)
    event.release(1, right + QPoint(72, 0), view)
    event.commit()


@pytest.mark.parametrize("button", [Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton])
def test_dragging_moves_the_picture_with_the_pointer(
    canvas: ImageCanvas, button: Qt.MouseButton
) -> None:
    canvas.show_picture(Picture.build(noise(1600, 1200)))
    set_zoom(canvas, 2.0, 800, 600)
    view, start, end = canvas.viewport(), QPoint(300, 200), QPoint(180, 260)
    held = image_point(canvas, QPointF(start))
    QTest.mousePress(view, button, pos=start)
    for step in (QPoint(260, 210), QPoint(200, 250), end):
        QTest.mouseMove(view, step)
    assert view.cursor().shape() == Qt.CursorShape.ClosedHandCursor
    QTest.mouseRelease(view, button, pos=end)
    moved = image_point(canvas, QPointF(end)) - held
    assert moved.manhattanLength() * canvas.zoom <= 3 * canvas.devicePixelRatioF()
    assert view.cursor().shape() == Qt.CursorShape.ArrowCursor
    before = image_point(canvas, QPointF(0, 0))
    QTest.mouseMove(view, start)
    assert image_point(canvas, QPointF(0, 0)) == before


def test_some_of_the_picture_stays_in_sight(canvas: ImageCanvas) -> None:
    canvas.show_picture(Picture.build(noise(1600, 1200)))
    canvas.pan(QPointF(1e6, -1e6))
    assert canvas.visible_rect().contains(QPointF(1, 1199))


def test_double_click_fits(canvas: ImageCanvas) -> None:
    canvas.show_picture(Picture.build(noise(1600, 1200)))
    fitted = canvas.zoom
    set_zoom(canvas, 4.0, 100, 100)
    QTest.mouseDClick(canvas.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(50, 60))
    assert canvas.zoom == fitted
    assert canvas.fitted


def test_arrows_pan_only_when_there_is_more_to_see(canvas: ImageCanvas) -> None:
    canvas.show_picture(Picture.build(noise(1600, 1200)))
    seen: list[int] = []

    window = canvas.window()
    original = window.keyPressEvent
    window.keyPressEvent = lambda event: seen.append(event.key())  # type: ignore[method-assign]
    canvas.setFocus()
    QTest.keyClick(canvas, Qt.Key.Key_Right)
    QTest.keyClick(canvas, Qt.Key.Key_Space)
    assert seen == [Qt.Key.Key_Right, Qt.Key.Key_Space]
    set_zoom(canvas, 4.0, 800, 600)
    before = canvas.visible_rect()
    QTest.keyClick(canvas, Qt.Key.Key_Right)
    assert canvas.visible_rect().left() > before.left()
    assert len(seen) == 2
    window.keyPressEvent = original  # type: ignore[method-assign]


def test_drops_are_left_to_the_window(canvas: ImageCanvas) -> None:
    assert not canvas.acceptDrops()
    assert not canvas.viewport().acceptDrops()


# --- read-out ------------------------------------------------------------------------------------


@pytest.mark.parametrize("zoom", [0.31, 1.0, 7.3])
def test_the_readout_names_pixel_cell_and_value(
    canvas: ImageCanvas, qtbot: QtBot, zoom: float
) -> None:
    map = np.arange(12, dtype=np.float32).reshape(3, 4)
    region = Region(100.5, 50.25, 600, 450)
    canvas.show_picture(Picture.build(noise(800, 600)))
    canvas.show_explanation(explain(map, region, (800, 600)))
    set_zoom(canvas, zoom, 333, 222)
    at = canvas.viewport().rect().center() + QPoint(13, -7)
    with qtbot.waitSignal(canvas.hovered) as caught:
        QTest.mouseMove(canvas.viewport(), at)
    readout = caught.args[0]
    assert isinstance(readout, Readout)
    exact = image_point(canvas, QPointF(at))
    assert (readout.x, readout.y) == (int(exact.x()), int(exact.y()))
    column = int((readout.x + 0.5 - 100.5) / 600 * 4)
    row = int((readout.y + 0.5 - 50.25) / 450 * 3)
    assert readout.cell == (row, column)
    assert readout.value == 4 * row + column


def test_the_pixel_that_is_read_out_is_the_one_seen(canvas: ImageCanvas, qtbot: QtBot) -> None:
    pixels = noise(60, 45)
    canvas.show_picture(Picture.build(pixels))
    set_zoom(canvas, 20.0, 30, 22)
    ratio = canvas.devicePixelRatioF()
    for at in (QPoint(300, 200), QPoint(333, 217), QPoint(281, 260)):
        with qtbot.waitSignal(canvas.hovered) as caught:
            QTest.mouseMove(canvas.viewport(), at)
        seen = shown(canvas)[int(at.y() * ratio), int(at.x() * ratio)]
        assert (seen == pixels[caught.args[0].y, caught.args[0].x]).all()


def test_outside_the_region_there_is_a_pixel_only_and_outside_the_image_nothing(
    canvas: ImageCanvas, qtbot: QtBot
) -> None:
    canvas.show_picture(Picture.build(noise(400, 100)))
    canvas.show_explanation(
        explain(np.ones((2, 2), np.float32), Region(0, 0, 100, 100), (400, 100))
    )
    heard: list[object] = []
    canvas.hovered.connect(heard.append)
    QTest.mouseMove(canvas.viewport(), QPoint(500, 240))
    assert isinstance(heard[-1], Readout)
    assert heard[-1].cell is None
    assert heard[-1].value is None
    QTest.mouseMove(canvas.viewport(), QPoint(500, 20))
    assert heard[-1] is None
    QTest.mouseMove(canvas.viewport(), QPoint(500, 240))
    QApplication.sendEvent(canvas.viewport(), QEvent(QEvent.Type.Leave))
    assert heard[-1] is None


def test_the_readout_follows_the_map_under_a_resting_pointer(canvas: ImageCanvas) -> None:
    canvas.show_picture(Picture.build(noise(800, 600)))
    QTest.mouseMove(canvas.viewport(), QPoint(320, 240))
    heard: list[Readout] = []
    canvas.hovered.connect(heard.append)
    for value in (1.0, 2.0):
        map = np.full((2, 2), value, np.float32)
        canvas.show_explanation(explain(map, Region(0, 0, 800, 600), (800, 600)))
    assert [readout.value for readout in heard] == [1.0, 2.0]


# --- what is written on the picture --------------------------------------------------------------


def changed(before: NDArray[np.uint8], after: NDArray[np.uint8], ratio: float) -> QRect:
    """Bounding rectangle of what differs, in logical pixels."""
    rows, columns = np.nonzero((before != after).any(axis=2))
    if not len(rows):
        return QRect()
    left, top = columns.min() / ratio, rows.min() / ratio
    right, bottom = (columns.max() + 1) / ratio, (rows.max() + 1) / ratio
    return QRect(int(left), int(top), int(right - left), int(bottom - top))


def test_the_readout_is_painted_at_the_bottom_left_and_goes_with_the_pointer(
    canvas: ImageCanvas,
) -> None:
    canvas.show_picture(Picture.build(np.full((600, 800, 3), 90, np.uint8)))
    before, ratio = shown(canvas), canvas.devicePixelRatioF()
    QTest.mouseMove(canvas.viewport(), QPoint(320, 240))
    where = changed(before, shown(canvas), ratio)
    assert where.left() == 2 * theme.SPACE
    assert where.bottom() <= canvas.viewport().height() - 2 * theme.SPACE
    assert where.top() > canvas.viewport().height() - 20 * theme.SPACE
    QApplication.sendEvent(canvas.viewport(), QEvent(QEvent.Type.Leave))
    assert changed(before, shown(canvas), ratio).isEmpty()


def test_the_colour_bar_has_its_colours_from_left_to_right(canvas: ImageCanvas) -> None:
    canvas.show_picture(Picture.build(np.full((600, 800, 3), 90, np.uint8)))
    region = Region(0, 0, 800, 600)
    canvas.set_display(DisplaySettings(opacity=0.0, colormap="viridis", fade=False))
    canvas.show_explanation(explain(np.ones((2, 2), np.float32), region, (800, 600)))
    grabbed = shown(canvas)
    ratio = canvas.devicePixelRatioF()
    corner = grabbed[-int(52 * ratio) :, -int(260 * ratio) :].astype(int)
    table = overlay.lookup_table("viridis").astype(int)
    high = np.abs(corner - table[250]).max(axis=2) <= 8
    low = np.abs(corner - table[5]).max(axis=2) <= 8
    assert high.any()
    assert low.any()
    assert np.nonzero(high)[1].mean() > np.nonzero(low)[1].mean() + 100 * ratio
    # None of it lies on the fitted picture.
    rows = np.nonzero(high | low)[0] - int(52 * ratio) + grabbed.shape[0]
    assert rows.min() > device_point(canvas, 400, 600)[1]


@pytest.mark.parametrize(
    ("map", "sign", "verdict", "words"),
    [
        (-1.0, "positive", Verdict.NOTHING_POSITIVE, "No positive values"),
        (-1.0, "negative", Verdict.NOTHING_POSITIVE, ""),
        (1.0, "negative", Verdict.OK, "No negative values"),
        (0.0, "signed", Verdict.OK, "zero everywhere"),
        (0.0, "positive", Verdict.ZERO_GRADIENT, "gradient is zero"),
        (1.0, "positive", Verdict.OK, ""),
    ],
)
def test_a_map_with_nothing_to_show_says_so_above_the_picture(
    canvas: ImageCanvas, map: float, sign: str, verdict: Verdict, words: str
) -> None:
    canvas.show_picture(Picture.build(np.full((600, 800, 3), 90, np.uint8)))
    canvas.set_display(DisplaySettings(opacity=0.0, sign=sign))  # type: ignore[arg-type]
    region = Region(0, 0, 800, 600)
    explanation = explain(np.full((2, 2), map, np.float32), region, (800, 600), verdict=verdict)
    canvas.show_explanation(explanation)
    assert words in canvas.lane.accessibleDescription()
    line = TitleLane(canvas)
    line.show_words(None, "", kept=True)
    assert (canvas.lane.height() > line.needed) == bool(words)
    description = canvas.accessibleDescription()
    assert words in description
    assert "star" in description
    assert "layer4" in description


def test_words_are_above_the_picture_and_take_no_room_when_there_are_none(
    canvas: ImageCanvas,
) -> None:
    assert canvas.lane.isHidden()
    assert canvas.viewport().height() == canvas.height()
    canvas.show_picture(Picture.build(np.full((600, 800, 3), 90, np.uint8)))
    line = canvas.height() - canvas.viewport().height()
    region = Region(0, 0, 800, 600)
    canvas.show_explanation(explain(np.ones((2, 2), np.float32), region, (800, 600)))
    # The picture does not move when its map comes.
    assert canvas.height() - canvas.viewport().height() == line == canvas.lane.height()
    canvas.show_explanation(explain(np.full((2, 2), -1.0, np.float32), region, (800, 600)))
    assert canvas.lane.height() > line + 8
    assert canvas.viewport().geometry().top() == canvas.lane.geometry().bottom() + 1
    assert "No positive values" in canvas.lane.accessibleDescription()
    canvas.set_overlay_visible(False)
    assert canvas.lane.height() == line
    canvas.show_picture(None)
    assert canvas.lane.isHidden()
    assert canvas.viewport().height() == canvas.height()


def test_what_is_in_the_lane_keeps_clear_of_its_words(canvas: ImageCanvas) -> None:
    canvas.show_picture(Picture.build(np.full((60, 80, 3), 90, np.uint8)))
    explanation = explain(np.ones((2, 2), np.float32), Region(0, 0, 80, 60), (80, 60))
    canvas.show_explanation(replace(explanation, layer="encoder.layers.encoder_layer_11.mlp" * 4))
    button = QWidget(canvas.lane)
    button.resize(200, 20)
    button.move(canvas.lane.width() - 208, 0)
    free = canvas.lane.grab().toImage()
    button.show()
    taken = canvas.lane.grab().toImage()
    ratio = canvas.devicePixelRatioF()
    ground = QColor(theme.current().panel)

    def rightmost(image: QImage) -> int:
        columns = [
            x
            for x in range(image.width())
            if any(image.pixelColor(x, y) != ground for y in range(image.height()))
        ]
        return max(columns)

    assert rightmost(free) > taken.width() - 60 * ratio
    assert rightmost(taken) < taken.width() - 208 * ratio


@pytest.mark.parametrize(
    ("sign", "values", "words"),
    [
        ("positive", (0.03, -1.0), "at most 3 % of the evidence against it. Try negative"),
        ("positive", (0.001, -1.0), "at most under 1 %"),
        ("negative", (1.0, -0.03), "at most 3 % of the evidence for it. Try positive"),
        ("positive", (0.06, -1.0), ""),
        ("negative", (0.03, -1.0), ""),
        ("signed", (0.03, -1.0), ""),
    ],
)
def test_a_weak_map_says_so(
    canvas: ImageCanvas, sign: str, values: tuple[float, float], words: str
) -> None:
    canvas.show_picture(Picture.build(np.full((600, 800, 3), 90, np.uint8)))
    canvas.set_display(DisplaySettings(sign=sign))  # type: ignore[arg-type]
    canvas.show_explanation(
        explain(np.array([values], np.float32), Region(0, 0, 800, 600), (800, 600))
    )
    said = canvas.accessibleDescription()
    assert words in said
    assert ("Weak" in said) == bool(words)


def test_the_caption_says_that_the_map_is_not_in_sight(canvas: ImageCanvas) -> None:
    canvas.show_picture(Picture.build(np.full((600, 800, 3), 90, np.uint8)))
    canvas.show_explanation(
        explain(np.ones((2, 2), np.float32), Region(0, 0, 800, 600), (800, 600))
    )

    def words() -> QImage:
        return canvas.lane.grab().toImage()

    assert "hidden" not in canvas.accessibleDescription()
    usual = words()
    canvas.set_overlay_visible(False)
    assert "heat map hidden: press O to show it" in canvas.accessibleDescription()
    hidden = words()
    assert hidden != usual
    canvas.set_overlay_visible(True)
    canvas.set_display(DisplaySettings(opacity=0.0))
    assert "opacity 0" in canvas.accessibleDescription()
    assert words() not in (usual, hidden)
    canvas.set_display(DisplaySettings())
    assert "press O to show it" not in canvas.accessibleDescription()
    assert words() == usual


@pytest.mark.parametrize("width", [160, 200, 240, 260, 300, 420, 700])
@pytest.mark.parametrize("sign", ["positive", "signed"])
def test_the_colour_bar_is_there_however_narrow_the_canvas(
    canvas: ImageCanvas, width: int, sign: str
) -> None:
    canvas.window().setMinimumSize(1, 1)
    canvas.window().resize(width, 400)
    assert canvas.width() == width
    canvas.show_picture(Picture.build(np.full((60, 80, 3), 90, np.uint8)))
    canvas.set_display(DisplaySettings(0.0, "viridis", sign=sign, gamma=0.65, fade=False))  # type: ignore[arg-type]
    map = np.linspace(-0.0234, 0.0345, 4, dtype=np.float32).reshape(2, 2)
    canvas.show_explanation(explain(map, Region(0, 0, 80, 60), (80, 60)))
    grabbed = shown(canvas).astype(int)
    table = overlay.bar_colors(canvas._display, 256).astype(int)
    ratio = canvas.devicePixelRatioF()
    below = grabbed[-int(60 * ratio) :]
    near = [(np.abs(below - table[at]).max(axis=2) <= 8).any() for at in (4, 128, 252)]
    assert all(near)
    # The read-out and the bar keep apart.
    bare = shown(canvas)
    QTest.mouseMove(canvas.viewport(), QPoint(width // 2, 180))
    where = changed(bare, shown(canvas), ratio)
    bar = np.nonzero((np.abs(grabbed - table[252]).max(axis=2) <= 8).any(axis=1))[0] / ratio
    if width < 656:
        assert where.bottom() < bar[bar > 300].min() - 8


@pytest.mark.parametrize(
    ("layer", "label"),
    [
        ("encoder.layers.encoder_layer_11.mlp.3" * 4, "star"),
        ("layer4", "a star that is described by very many words indeed" * 4),
        ("encoder.layers.encoder_layer_11.mlp.3" * 4, "a star described by many words" * 4),
        ("layer4", "star"),
    ],
)
@pytest.mark.parametrize("room", [200.0, 300.0, 800.0])
def test_neither_name_pushes_the_other_out_of_the_caption(
    canvas: ImageCanvas, layer: str, label: str, room: float
) -> None:
    metrics = QFontMetricsF(canvas.font())
    line = fitted_caption(Caption(layer, label, "97.0 %"), metrics, room)
    assert metrics.horizontalAdvance(line) <= max(room, metrics.horizontalAdvance(line[-18:]))
    first, _, rest = line.partition("  ·  ")
    second = rest.removesuffix("  97.0 %")
    assert rest != second
    for name, whole in ((first, layer), (second, label)):
        assert name == whole or (name[0], name[-1]) == (whole[0], whole[-1])
    if room == 800.0 and len(layer) < 20:
        assert first == layer
    if room == 800.0 and len(label) < 20:
        assert second == label


def test_a_number_in_many_words_goes_before_the_names_are_shortened(canvas: ImageCanvas) -> None:
    metrics = QFontMetricsF(canvas.font())
    caption = Caption("layer4", "star against ring", "difference of logits 0.277")
    whole = fitted_caption(caption, metrics, 800.0)
    assert whole == "layer4  ·  star against ring  difference of logits 0.277"
    assert fitted_caption(caption, metrics, 220.0) == "layer4  ·  star against ring"


def test_messages_are_in_the_middle_and_readable_by_machines(canvas: ImageCanvas) -> None:
    before, ratio = shown(canvas), canvas.devicePixelRatioF()
    canvas.set_message("No picture yet", "Drop an image here.")
    assert canvas.accessibleDescription() == "No picture yet. Drop an image here"
    where = changed(before, shown(canvas), ratio)
    middle = canvas.viewport().rect().center()
    assert abs(where.center().x() - middle.x()) <= 3
    assert abs(where.center().y() - middle.y()) <= 8
    canvas.set_message("")
    assert changed(before, shown(canvas), ratio).isEmpty()


def test_the_drop_hint_frames_everything_and_goes(canvas: ImageCanvas) -> None:
    before, ratio = shown(canvas), canvas.devicePixelRatioF()
    canvas.set_drop_hint("Open 3 images")
    where = changed(before, shown(canvas), ratio)
    view = canvas.viewport()
    assert where.width() >= view.width() - 20
    assert where.height() >= view.height() - 20
    canvas.set_drop_hint("")
    assert changed(before, shown(canvas), ratio).isEmpty()


def test_busy_shows_after_a_moment_and_pales_the_map(canvas: ImageCanvas, qtbot: QtBot) -> None:
    canvas.show_picture(Picture.build(np.full((600, 800, 3), 90, np.uint8)))
    region = Region(0, 0, 800, 600)
    canvas.show_explanation(explain(np.ones((2, 2), np.float32), region, (800, 600)))
    full = color_at(canvas, 400, 300)
    canvas.set_busy(True)
    assert not canvas.busy_shown
    assert (color_at(canvas, 400, 300) == full).all()
    qtbot.waitUntil(lambda: canvas.busy_shown, timeout=5000)
    pale = color_at(canvas, 400, 300)
    assert (np.abs(pale - 90) < np.abs(full - 90)).all()
    canvas.set_busy(False)
    assert not canvas.busy_shown
    assert (color_at(canvas, 400, 300) == full).all()


def test_fast_work_never_shows_busy(canvas: ImageCanvas) -> None:
    canvas.set_busy(True)
    canvas.set_busy(False)
    assert not canvas._busy.waiting
    assert not canvas.busy_shown


# --- the rest ------------------------------------------------------------------------------------


def test_the_copied_picture_is_what_is_seen_without_the_writing(canvas: ImageCanvas) -> None:
    pixels = ramp(560, 400)
    canvas.show_picture(Picture.build(pixels))
    canvas.show_explanation(
        explain(np.ones((2, 2), np.float32), Region(100, 50, 300, 300), (560, 400))
    )
    canvas.set_display(DisplaySettings(opacity=1.0))
    copied = canvas.picture_with_overlay()
    assert abs(copied.width() - 560 * canvas.zoom) <= 1
    assert abs(copied.height() - 400 * canvas.zoom) <= 1
    at = QPoint(int(250 * canvas.zoom), int(200 * canvas.zoom))
    inside = copied.pixelColor(at).getRgb()[:3]
    assert inside == tuple(overlay.lookup_table("inferno")[255].tolist())
    corner = np.array(copied.pixelColor(4, 4).getRgb()[:3])
    assert np.abs(corner - pixels[2, 2]).max() <= 4
    set_zoom(canvas, 8.0, 20, 20)
    part = canvas.picture_with_overlay()
    seen = canvas.visible_rect().intersected(canvas.sceneRect())
    assert part.width() <= seen.width() * 8 + 1


def test_the_look_can_change_while_shown(canvas: ImageCanvas, qapp: QApplication) -> None:
    before = theme.choice()
    try:
        for choice in ("light", "dark"):
            theme.apply(qapp, choice)  # type: ignore[arg-type]
            canvas.set_message("")
            corner = shown(canvas)[2, 2]
            assert tuple(corner) == QColor(theme.current().canvas).getRgb()[:3]
    finally:
        theme.apply(qapp, before)


def test_it_can_be_reached_by_keyboard_and_shows_that(canvas: ImageCanvas) -> None:
    assert canvas.focusPolicy() & Qt.FocusPolicy.TabFocus
    assert canvas.accessibleName()
    canvas.clearFocus()
    before, ratio = shown(canvas), canvas.devicePixelRatioF()
    canvas.setFocus(Qt.FocusReason.TabFocusReason)
    assert changed(before, shown(canvas), ratio).width() == canvas.viewport().width()


class PaintWatcher(QObject):
    """Notes which part of a widget each paint event is about."""

    def __init__(self) -> None:
        super().__init__()
        self.regions: list[QRect] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QPaintEvent):
            self.regions.append(event.region().boundingRect())
        return False


def test_hovering_repaints_the_readout_only(canvas: ImageCanvas, qtbot: QtBot) -> None:
    canvas.show_picture(Picture.build(noise(800, 600)))
    watcher = PaintWatcher()
    canvas.viewport().installEventFilter(watcher)
    QTest.mouseMove(canvas.viewport(), QPoint(300, 200))
    qtbot.waitUntil(lambda: bool(watcher.regions), timeout=3000)
    watcher.regions.clear()
    QTest.mouseMove(canvas.viewport(), QPoint(320, 240))
    qtbot.waitUntil(lambda: bool(watcher.regions), timeout=3000)
    assert max(region.height() for region in watcher.regions) < 60


@pytest.mark.skipif("HOOKSCOPE_SCALED" in os.environ, reason="this is the scaled run")
@pytest.mark.parametrize("factor", ["1.5", "2"])
def test_everything_holds_on_dense_screens(factor: str) -> None:
    env = os.environ | {"QT_SCALE_FACTOR": factor, "HOOKSCOPE_SCALED": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]

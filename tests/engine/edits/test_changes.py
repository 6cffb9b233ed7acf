"""Changes of a whole image against closed forms and other implementations."""

from __future__ import annotations

import colorsys
import io
import math

import numpy as np
import pytest
from PIL import Image

import engine
from engine.edits import adjusting, fills
from engine.edits.adjusting import blurred, changed
from engine.edits.apply import edited
from engine.edits.boxes import Box
from engine.edits.changes import CHANGES
from engine.edits.planes import Plane
from engine.errors import Cancelled, EditError
from engine.lazy.opencv import cv2
from engine.progress import CancelToken
from engine.records.edits import Change, Changing, Edits, Fill, Filling, Hide, Rectangle
from engine.records.images import Pixels

RNG = np.random.default_rng(4)
PICTURE: Pixels = RNG.integers(0, 256, (40, 60, 3), np.uint8)
SMOOTH: Pixels = cv2.GaussianBlur(RNG.integers(0, 256, (90, 120, 3), np.uint8), (0, 0), 4)


def _done(what: Changing, amount: float, picture: Plane = PICTURE, seed: int = 0) -> Plane:
    return changed(picture, Change(what, amount, seed))


def test_the_table_has_every_change_with_a_neutral_amount_in_its_range() -> None:
    assert list(CHANGES) == list(Changing)
    for what, reach in CHANGES.items():
        assert reach.what is what
        assert reach.low <= reach.neutral <= reach.high
        assert reach.neutral == (100 if what is Changing.JPEG else 0)
        assert (reach.high - reach.low) / reach.step == pytest.approx(
            round((reach.high - reach.low) / reach.step)
        )


@pytest.mark.parametrize("what", list(Changing))
def test_samples_are_in_order_on_steps_and_have_the_neutral_one(what: Changing) -> None:
    reach = CHANGES[what]
    for count in (2, 5, 21):
        found = reach.sampled(count)
        assert list(found) == sorted(found)
        assert any(amount == pytest.approx(reach.neutral, abs=1e-9) for amount in found)
        assert reach.low - 1e-9 <= found[0] <= found[-1] <= reach.high + 1e-9
        assert len(found) <= 2 * count


@pytest.mark.parametrize("what", list(Changing))
def test_the_neutral_amount_changes_nothing(what: Changing) -> None:
    image = engine.image_from_array(PICTURE, "x")
    result = edited(image, Edits((Change(what, CHANGES[what].neutral),)))
    assert np.array_equal(result.pixels, PICTURE)


@pytest.mark.parametrize("what", list(Changing))
def test_bytes_and_floating_point_agree(what: Changing) -> None:
    """To a grey level of rounding; JPEG has no floating point."""
    amount = {Changing.FLIP_X: 1, Changing.FLIP_Y: 1, Changing.JPEG: 50, Changing.GAMMA: -0.7}
    by = amount.get(what, 7)
    unit = SMOOTH.astype(np.float32) / 255
    found = _done(what, by, unit)
    assert found.dtype == np.float32
    assert found.shape == SMOOTH.shape
    assert np.abs(found * 255 - _done(what, by, SMOOTH)).max() <= 1.01


def test_a_shift_moves_whole_pixels_and_repeats_the_edge() -> None:
    right = _done(Changing.SHIFT_X, 10)
    assert np.array_equal(right[:, 6:], PICTURE[:, :-6])
    assert (right[:, :6] == PICTURE[:, :1]).all()
    up = _done(Changing.SHIFT_Y, -50)
    assert np.array_equal(up[:20], PICTURE[20:])
    assert (up[20:] == PICTURE[-1:]).all()


def test_flips() -> None:
    assert np.array_equal(_done(Changing.FLIP_X, 1), PICTURE[:, ::-1])
    assert np.array_equal(_done(Changing.FLIP_Y, 1), PICTURE[::-1])


def test_half_a_turn_is_both_flips() -> None:
    for amount in (-180, 180):
        assert np.array_equal(_done(Changing.ROTATE, amount), PICTURE[::-1, ::-1])


def test_a_quarter_is_clockwise() -> None:
    square = np.ascontiguousarray(PICTURE[:, :40])
    assert np.array_equal(_done(Changing.ROTATE, 90, square), np.rot90(square, -1))


def test_a_picture_of_twice_the_size_samples_between_the_centres() -> None:
    double = _done(Changing.SCALE, 100, SMOOTH).astype(int)
    height, width = SMOOTH.shape[:2]
    for y in range(0, height, 7):
        for x in range(0, width, 7):
            v, u = (y - (height - 1) / 2) / 2 + (height - 1) / 2, (x - (width - 1) / 2) / 2
            u += (width - 1) / 2
            row, column = int(v), int(u)
            t, s = v - row, u - column
            four = SMOOTH[row : row + 2, column : column + 2].astype(float)
            expected = np.einsum("i,j,ijc->c", [1 - t, t], [1 - s, s], four)
            assert np.abs(double[y, x] - expected).max() <= 1


def test_a_picture_of_half_the_size_is_the_mean_of_four_in_the_middle() -> None:
    half = _done(Changing.SCALE, -50).astype(float)
    four = PICTURE.reshape(20, 2, 30, 2, 3).mean(axis=(1, 3))
    assert np.abs(half[10:30, 15:45] - four).max() <= 0.5
    assert (half[:10, 15:45] == half[10:11, 15:45]).all()


@pytest.mark.parametrize(
    ("what", "amount", "formula"),
    [
        (Changing.BRIGHTNESS, 20, lambda v: v + 51),
        (Changing.BRIGHTNESS, -100, lambda v: v * 0),
        (Changing.CONTRAST, 50, lambda v: (v - 127.5) * 1.5 + 127.5),
        (Changing.CONTRAST, -100, lambda v: v * 0 + 127.5),
        (Changing.GAMMA, 1, lambda v: 255 * np.sqrt(v / 255)),
        (Changing.GAMMA, -2, lambda v: 255 * (v / 255) ** 4),
    ],
)
def test_values_follow_their_formula(what: Changing, amount: float, formula: object) -> None:
    assert callable(formula)
    expected = np.clip(formula(PICTURE.astype(float)), 0, 255)
    assert np.abs(_done(what, amount) - expected).max() <= 0.5001


@pytest.mark.parametrize("degrees", [-180, -37, 90, 120])
def test_hue_turns_as_in_colorsys(degrees: float) -> None:
    found = _done(Changing.HUE, degrees, PICTURE[:10, :10])
    for own, pixel in zip(found.reshape(-1, 3), PICTURE[:10, :10].reshape(-1, 3), strict=True):
        h, s, v = colorsys.rgb_to_hsv(*(int(value) / 255 for value in pixel))
        expected = np.array(colorsys.hsv_to_rgb((h + degrees / 360) % 1.0, s, v)) * 255
        assert np.abs(own - expected).max() <= 1


def test_all_grey_is_pillows_grey() -> None:
    grey = np.array(Image.fromarray(PICTURE).convert("L")).astype(int)
    assert np.abs(_done(Changing.GREY, 100) - grey[..., None]).max() <= 1
    half = (PICTURE.astype(float) + grey[..., None]) / 2
    assert np.abs(_done(Changing.GREY, 50) - half).max() <= 1.01


def test_a_blurred_point_is_the_gaussian_of_its_width() -> None:
    """1 % of the shorter side, computed as it is; and 5 %, computed at a smaller size."""
    point = np.zeros((400, 500, 3), np.float32)
    y, x = np.mgrid[:400, :500]
    for percent in (1, 5):
        sigma = percent / 100 * 400
        # A blob that is wide enough for a reduced picture to see.
        point[:] = np.exp(-((x - 250) ** 2 + (y - 200) ** 2) / (2 * 12.0**2))[..., None]
        total = np.hypot(sigma, 12.0)
        expected = (12.0 / total) ** 2 * np.exp(-((x - 250) ** 2 + (y - 200) ** 2) / (2 * total**2))
        found = _done(Changing.BLUR, percent, point)
        assert np.abs(found - expected[..., None]).max() < 1 / 255


def test_a_wide_blur_is_opencvs_to_a_grey_level() -> None:
    for sigma in (9.0, 14.5, 30.0):
        exact = cv2.GaussianBlur(SMOOTH.astype(np.float32), (0, 0), sigma)
        assert np.abs(blurred(SMOOTH, sigma) - exact).max() < 2


def test_noise_has_its_width_and_its_seed() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    found = _done(Changing.NOISE, 10, grey, seed=5)
    assert found.std() == pytest.approx(25.5, rel=0.02)
    assert found.mean() == pytest.approx(128, abs=0.5)
    assert np.array_equal(found, _done(Changing.NOISE, 10, grey, seed=5))
    assert not np.array_equal(found, _done(Changing.NOISE, 10, grey, seed=6))


def test_noise_does_not_depend_on_the_bands_it_is_made_in(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _done(Changing.NOISE, 10)
    monkeypatch.setattr("engine.edits.adjusting._BAND", 180)
    assert np.array_equal(_done(Changing.NOISE, 10), whole)


def test_a_lower_jpeg_quality_is_farther_from_the_picture() -> None:
    errors = [
        float(np.abs(_done(Changing.JPEG, q, SMOOTH).astype(int) - SMOOTH).mean())
        for q in (90, 60, 30, 10, 2)
    ]
    assert errors == sorted(errors)
    assert errors[0] < 3
    assert errors[-1] > 2 * errors[0]


def test_jpeg_is_like_pillows() -> None:
    file = io.BytesIO()
    Image.fromarray(SMOOTH).save(file, "JPEG", quality=30)
    pillow = np.array(Image.open(file)).astype(int)
    found = _done(Changing.JPEG, 30, SMOOTH).astype(int)
    own, other = (np.abs(each - SMOOTH.astype(int)).mean() for each in (found, pillow))
    assert own == pytest.approx(other, rel=0.15)


def test_amounts_beyond_a_slider_stop_at_its_end() -> None:
    assert np.array_equal(_done(Changing.BRIGHTNESS, 400), _done(Changing.BRIGHTNESS, 100))


def test_a_side_too_long_to_turn_is_said() -> None:
    image = engine.image_from_array(np.zeros((1, 33_000, 3), np.uint8), "wide.png")
    with pytest.raises(EditError, match=r"wide\.png: 33,000 x 1 pixels"):
        edited(image, Edits((Change(Changing.ROTATE, 5),)))
    image = engine.image_from_array(np.zeros((1, 66_000, 3), np.uint8), "wide.png")
    with pytest.raises(EditError, match="JPEG limit"):
        edited(image, Edits((Change(Changing.JPEG, 5),)))


@pytest.mark.parametrize("size", [(397, 211), (64, 64), (15, 9)])
@pytest.mark.parametrize("quality", [90, 5])
def test_jpeg_in_bands_is_that_of_one_file(
    size: tuple[int, int], quality: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    coarse = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    picture = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    options = [int(cv2.IMWRITE_JPEG_QUALITY), quality]
    _, data = cv2.imencode(".jpg", picture[..., ::-1], options)
    wanted = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    for band in (16, 48):
        monkeypatch.setattr(adjusting, "_BAND", band * size[1])
        found = adjusting.changed(picture, Change(Changing.JPEG, quality))
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(
    "change", [Change(Changing.ROTATE, 33.0), Change(Changing.ROTATE, -90.0),
               Change(Changing.SCALE, 170.0)],
)  # fmt: skip
def test_squares_are_the_same_as_the_whole(
    dtype: type, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each pixel as interpolated in double precision from the whole picture."""
    picture = np.random.default_rng(5).integers(0, 256, (211, 307, 3)).astype(dtype)
    picture = picture if dtype is np.uint8 else picture / np.float32(255)
    monkeypatch.setattr(adjusting, "_BAND", 64 * 64)
    found = adjusting.changed(picture, change)
    angle = math.radians(change.amount) if change.what is Changing.ROTATE else 0.0
    factor = 1.0 if change.what is Changing.ROTATE else 1 + change.amount / 100
    down, across = np.mgrid[:211, :307] - np.array([105.0, 153.0])[:, None, None]
    # Where a pixel comes from: turned back, anticlockwise on the screen.
    x = (math.cos(angle) * across + math.sin(angle) * down) / factor + 153
    y = (math.cos(angle) * down - math.sin(angle) * across) / factor + 105
    x, y = x.clip(0, 306), y.clip(0, 210)
    left, top = np.minimum(np.floor(x), 305).astype(int), np.minimum(np.floor(y), 209).astype(int)
    right, low = (x - left)[..., None], (y - top)[..., None]
    values = picture.astype(np.float64)
    above = values[top, left] * (1 - right) + values[top, left + 1] * right
    below = values[top + 1, left] * (1 - right) + values[top + 1, left + 1] * right
    wanted = above * (1 - low) + below * low
    most = 0.52 if dtype is np.uint8 else 1e-4
    assert np.abs(found - wanted).max() <= most


def test_noise_is_a_tile_that_repeats() -> None:
    plane = np.random.default_rng(6).integers(0, 256, (700, 900, 3)).astype(np.uint8)
    box = Box(37, 91, 850, 655)
    found = fills._noise(plane, box, 4, None)
    tile = fills._noise(plane, Box(0, 0, fills._TILE, fills._TILE), 4, None)
    rows, columns = np.arange(box.top, box.bottom), np.arange(box.left, box.right)
    assert np.array_equal(found, tile[rows % fills._TILE][:, columns % fills._TILE])


def test_long_changes_are_stopped_midway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each between any two of its bands, or of its calls of OpenCV."""
    image = engine.image_from_array(np.zeros((600, 800, 3), np.uint8), "dark")
    monkeypatch.setattr(adjusting, "_BAND", 800 * 32)
    for step, least in (
        (Change(Changing.JPEG, 50), 600 // 32),
        (Hide(Rectangle(100, 100, 600, 450)), 5),
        (Change(Changing.ROTATE, 12.0), 800 * 600 // (800 * 32)),
        (Change(Changing.SCALE, 60.0), 800 * 600 // (800 * 32)),
        (Hide(Rectangle(5, 20, 700, 570), Filling(Fill.NOISE)), 4),
    ):
        whole = Looks()
        edited(image, Edits((step,)), cancel=whole)
        assert whole.count > least
        for most in range(whole.count):
            with pytest.raises(Cancelled):
                edited(image, Edits((step,)), cancel=Looks(most))


class Looks(CancelToken):
    """Counts how often it is looked at, and is cancelled after so many looks."""

    def __init__(self, most: int | None = None) -> None:
        super().__init__()
        self.count, self._most = 0, most

    def raise_if_cancelled(self) -> None:
        if self.count == self._most:
            self.cancel()
        self.count += 1
        super().raise_if_cancelled()

"""Levels: which values are black and white, against NumPy's own arithmetic."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.errors import ImageError
from engine.images import levels
from engine.images.decoders.raw import depth_of
from engine.records.images import LoadedImage
from engine.records.level_words import described, fault_of, parse, window
from engine.records.levels import AUTO, Applied, Depth, Levels, LevelsMode

RNG = np.random.default_rng(4)
TYPES = ("uint16", "int16", "int32", "uint32", "float32")


def grey(kind: str) -> Depth:
    if kind == "float32":
        values = RNG.normal(5, 90, (41, 37)).astype(np.float32)
    else:
        ends = (0, 4000) if kind.startswith("u") else (-900, 3000)
        values = RNG.integers(*ends, (41, 37)).astype(kind)
    return depth_of(values)


def expected(values: Any, low: float, high: float) -> Any:
    return ((values.astype(np.float64) - low) / (high - low)).clip(0, 1)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    "asked",
    [AUTO, Levels(LevelsMode.PERCENTILES, 0.7, 98.0), window(700, 1000), Levels(LevelsMode.TYPE)],
    ids=str,
)
def test_values_become_brightness(kind: str, asked: Levels) -> None:
    depth = grey(kind)
    values = depth.values
    type_range = (0, 1) if kind == "float32" else (np.iinfo(kind).min, np.iinfo(kind).max)
    low, high = {
        LevelsMode.AUTO: (values.min(), values.max()),
        LevelsMode.PERCENTILES: np.percentile(values.astype(np.float64), (0.7, 98.0)),
        LevelsMode.WINDOW: (200, 1200),
        LevelsMode.TYPE: type_range,
    }[asked.mode]
    applied = levels.resolve(depth, asked)
    assert (applied.low, applied.high) == pytest.approx((float(low), float(high)), rel=1e-6)
    unit = levels.to_unit(depth, applied)
    assert unit.dtype == np.float32
    wanted = expected(values, applied.low, applied.high)
    np.testing.assert_allclose(unit, wanted, atol=1e-6)
    shown = levels.to_bytes(depth, applied)
    assert shown.shape == (41, 37, 3)
    assert np.abs(shown[..., 1] - 255 * wanted).max() <= 0.5 + 1e-6


def test_more_than_one_band_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    depth = grey("float32")
    applied = levels.resolve(depth, AUTO)
    whole = levels.to_unit(depth, applied), levels.to_bytes(depth, applied)
    ends = levels.measured(depth.values)
    monkeypatch.setattr(levels, "_BAND", 100)
    np.testing.assert_array_equal(levels.to_unit(depth, applied), whole[0])
    np.testing.assert_array_equal(levels.to_bytes(depth, applied), whole[1])
    assert levels.measured(depth.values) == ends == (*map(float, depth.extremes or ()), 0)


def test_the_range_of_the_file_comes_before_the_extremes() -> None:
    plain = grey("int16")
    stated = replace(plain, own=(-100.0, 300.0), own_name="window of the file")
    assert levels.resolve(stated, AUTO) == Applied(LevelsMode.FILE, -100.0, 300.0)
    assert "window of the file, −100 to 300" in described(levels.resolve(stated, AUTO), stated)
    taken = levels.resolve(plain, AUTO)
    assert (taken.mode, taken.assumed) == (LevelsMode.EXTREMES, True)
    assert described(taken, plain).endswith("(assumed)")
    # Asked for, it is no assumption; a range that is not there is one.
    assert not levels.resolve(plain, Levels(LevelsMode.EXTREMES)).assumed
    assert "states no range" in described(levels.resolve(plain, Levels(LevelsMode.FILE)), plain)


def test_infinity_and_nan_neither_count_nor_spread() -> None:
    values = np.array([[np.nan, 2.0, -np.inf], [np.inf, 6.0, 4.0]], np.float32)
    depth = depth_of(values)
    assert (depth.extremes, depth.not_finite) == ((2.0, 6.0), 3)
    applied = levels.resolve(depth, AUTO)
    np.testing.assert_array_equal(levels.to_unit(depth, applied), [[0, 0, 0], [1, 1, 0.5]])
    assert levels.resolve(depth, Levels(LevelsMode.PERCENTILES, 0, 50)).high == 4.0
    nothing = depth_of(np.full((2, 2), np.nan, np.float32))
    assert not levels.to_bytes(nothing, levels.resolve(nothing, AUTO)).any()


def test_padding_does_not_count() -> None:
    values = np.array([[-2000, -2000, 10, 20, 30]], np.int16)
    depth = depth_of(values, padding=(-2000.0, -2000.0))
    assert levels.resolve(depth, AUTO).low == 10
    assert levels.resolve(depth, Levels(LevelsMode.PERCENTILES, 0, 100)).low == 10


def test_inverted_and_curved() -> None:
    values = np.arange(101, dtype=np.uint16).reshape(1, -1)
    curve = (np.linspace(0, 1, 11) ** 2).astype(np.float32)
    depth = depth_of(values, own=(0.0, 100.0), curve=curve)
    unit = levels.to_unit(depth, levels.resolve(depth, AUTO))
    np.testing.assert_allclose(unit[0, ::10], np.linspace(0, 1, 11) ** 2, atol=1e-6)
    # The curve is that of the file's range, not of another.
    straight = levels.to_unit(depth, levels.resolve(depth, Levels(LevelsMode.EXTREMES)))
    np.testing.assert_allclose(straight[0], values[0] / 100, atol=1e-6)
    turned = depth_of(values, inverted=True)
    np.testing.assert_allclose(
        levels.to_unit(turned, levels.resolve(turned, AUTO))[0], 1 - values[0] / 100, atol=1e-6
    )


@pytest.mark.parametrize("mode", LevelsMode)
def test_a_constant_image_is_black_and_nothing_divides_by_zero(mode: LevelsMode) -> None:
    depth = depth_of(np.full((3, 3), 700, np.uint16))
    asked = {
        LevelsMode.WINDOW: window(800, 100),
        LevelsMode.PERCENTILES: Levels(mode, 1, 99),
    }.get(mode, Levels(mode))
    shown = levels.to_bytes(depth, levels.resolve(depth, asked))
    assert len(np.unique(shown)) == 1
    assert shown[0, 0, 0] <= 3


def test_eight_bits_stay_as_they_are() -> None:
    pixels = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    image = LoadedImage("photo", pixels)
    for mode in (LevelsMode.AUTO, LevelsMode.TYPE, LevelsMode.FILE, LevelsMode.TORCHVISION):
        assert levels.with_levels(image, Levels(mode)) is image
    stretched = levels.with_levels(image, window(100, 100))
    np.testing.assert_array_equal(
        stretched.pixels, np.rint(expected(pixels, 50, 150) * 255).astype(np.uint8)
    )
    # And back: the levels of the image come first, then those of the preprocessing.
    np.testing.assert_array_equal(levels.with_levels(stretched, AUTO).pixels, pixels)
    by_hand = replace(image, levels=window(10, 20))
    assert levels.effective(by_hand, window(100, 100)) == window(10, 20)


def test_the_notation() -> None:
    assert parse("auto") == AUTO
    assert parse(" MinMax ") == Levels(LevelsMode.EXTREMES)
    assert parse("window:40,400") == Levels(LevelsMode.WINDOW, -160.0, 240.0)
    assert parse("percentiles") == Levels(LevelsMode.PERCENTILES, 1.0, 99.0)
    assert parse("percentiles:0.5,99.5") == Levels(LevelsMode.PERCENTILES, 0.5, 99.5)
    assert parse("torchvision").mode is LevelsMode.TORCHVISION
    for wrong in ("", "full", "window", "window:1", "window:a,b", "window:0,0", "window:0,-4"):
        with pytest.raises(ImageError, match="--levels"):
            parse(wrong)
    for wrong in ("percentiles:9,1", "percentiles:0,101", "auto:1,2", "window:inf,2"):
        with pytest.raises(ImageError, match="--levels"):
            parse(wrong)
    assert fault_of(AUTO) == ""

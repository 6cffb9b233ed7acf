"""HEIC: the samples that were coded, upright, with 10 bits where there are 10."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import ImageError
from engine.images.preprocessing import prepare
from engine.images.reading import decode_image, load_image, load_thumbnail
from engine.records.images import Channels, Preprocessing
from engine.records.levels import LevelsMode
from tests.engine.images.heic_files import heic

RAMP = np.arange(48 * 64).reshape(48, 64)


@pytest.mark.parametrize("turns", range(4))
def test_eight_bits(tmp_path: Path, turns: int) -> None:
    samples = RAMP % 256
    path = tmp_path / "photo.heic"
    path.write_bytes(heic(samples, quarter_turns=turns))
    found = load_image(path)
    assert found.depth is None
    expected = np.rot90(samples, turns)
    np.testing.assert_array_equal(found.pixels, np.repeat(expected[..., None], 3, axis=2))
    assert load_thumbnail(path, 24).shape[:2] == (18, 24)[:: 1 if turns % 2 == 0 else -1]


def test_ten_bits_reach_the_network() -> None:
    samples = RAMP % 1024
    found = decode_image(heic(samples, 10), "photo.heic")
    assert found.depth is not None
    assert found.shown is not None
    assert (found.shown.mode, found.shown.assumed) == (LevelsMode.FILE, False)
    how = Preprocessing(None, (48, 64), (0.0,), (1.0,), channels=Channels.GREY)
    tensor = prepare(found, how).tensor[0, 0].numpy()
    np.testing.assert_allclose(tensor, samples / 1023, atol=1e-6)
    assert len(np.unique(tensor)) == 1024
    assert np.abs(found.pixels[..., 0] - samples / 1023 * 255).max() <= 0.51


def test_damaged_in_one_line() -> None:
    content = heic(RAMP % 256)
    for length in (20, 200, len(content) // 2):
        with pytest.raises(ImageError) as caught:
            decode_image(content[:length], "cut.heic")
        assert "\n" not in str(caught.value)
        assert ";" in str(caught.value)
    with pytest.raises(ImageError, match="only one page"):
        decode_image(content, "photo.heic", page=2)

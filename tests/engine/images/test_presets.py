"""Named presets, what is assumed, and what is refused: plain values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.errors import ModelError
from engine.images.presets import (
    PRESETS,
    assumed,
    fault_of,
    find,
    name_of,
    preset,
    slug,
    validate,
    with_values_of,
)
from engine.records.images import Channels, Preprocessing

GOOD = Preprocessing(256, (224, 224), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_the_presets() -> None:
    assert list(PRESETS) == ["ImageNet", "[\u22121, 1]", "[0, 1]", "CLIP", "Caffe"]
    for name in PRESETS:
        for size, channels in (((224, 224), 3), ((28, 28), 1), ((96, 128), 3), ((64, 64), 5)):
            how = preset(name, size, channels)
            validate(how)
            assert how.crop == size
            assert len(how.mean) == channels
            assert name_of(how) == name


def test_imagenet_at_its_own_size_is_torchvisions_preset() -> None:
    how = preset("ImageNet", (224, 224))
    assert (how.resize, how.crop) == (256, (224, 224))
    assert how.mean == (0.485, 0.456, 0.406)
    assert how.std == (0.229, 0.224, 0.225)


def test_a_margin_keeps_its_proportion() -> None:
    assert preset("ImageNet", (448, 448)).resize == 512
    assert preset("CLIP", (336, 336)).resize == 336
    assert preset("ImageNet", (112, 224)).resize == (128, 256)


def test_minus_one_to_one_means_what_it_says() -> None:
    how = preset("[−1, 1]", (32, 32))
    for value, wanted in ((0, -1.0), (255, 1.0)):
        assert (value / 255 - how.mean[0]) / how.std[0] == pytest.approx(wanted)


def test_what_is_assumed_of_colour_and_of_grey() -> None:
    colour = assumed((224, 224), 3)
    assert name_of(colour) == "ImageNet"
    assert colour.channels is Channels.RGB
    grey = assumed((28, 28), 1)
    assert (grey.mean, grey.std, grey.channels) == ((0.5,), (0.5,), Channels.GREY)
    assert grey.resize == 28  # nothing of a small picture is cut off
    assert assumed((64, 64), 4).channels is Channels.GREY
    # Only ImageNet's own size has ImageNet's margin.
    assert assumed((224, 224), 3).resize == 256
    assert assumed((256, 256), 3).resize == 256
    assert assumed((224, 224), 1).resize == 224
    assert assumed((96, 128), 3).resize == (96, 128)


def test_a_preset_is_known_by_its_values_in_any_range_and_order() -> None:
    assert name_of(replace(GOOD, mean=(0.0,) * 3, std=(1.0,) * 3, range=(-1.0, 1.0))) == "[−1, 1]"
    assert name_of(replace(GOOD, mean=(127.5,) * 3, std=(127.5,) * 3, range=(0, 255))) == "[−1, 1]"
    flipped = with_values_of("ImageNet", replace(GOOD, channels=Channels.BGR))
    assert flipped.channels is Channels.BGR
    assert flipped.mean == (0.406, 0.456, 0.485)
    assert name_of(flipped) == "ImageNet"
    assert name_of(replace(GOOD, mean=(0.1, 0.2, 0.3))) == ""


def test_a_preset_is_found_by_name_and_by_slug() -> None:
    for name in PRESETS:
        assert find(name) == find(slug(name)) == find(f" {slug(name).upper()} ") == name
    assert find("-1,1") == find("[-1, 1]") == "[\u22121, 1]"
    with pytest.raises(ModelError, match=r"no preset 'x'; choose one of imagenet, [^\n]+$"):
        find("x")


def test_caffe_means_bgr() -> None:
    """The mean pixel that Caffe's reference networks subtract, blue first, is the preset's zero."""
    taken = with_values_of("Caffe", GOOD)
    assert (taken.channels, taken.range) == (Channels.BGR, (0.0, 255.0))
    assert taken.mean == (103.939, 116.779, 123.68)
    assert with_values_of("Caffe", replace(GOOD, channels=Channels.BGR)) == taken
    # Another preset keeps the order, and each colour its value.
    assert with_values_of("ImageNet", taken).mean == (0.406, 0.456, 0.485)


def test_taking_the_values_leaves_the_sizes() -> None:
    how = replace(GOOD, resize=(300, 200), crop=(128, 96), letterbox=True)
    new = with_values_of("CLIP", how)
    assert (new.resize, new.crop, new.letterbox) == (how.resize, how.crop, True)
    assert name_of(new) == "CLIP"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"resize": 0}, "resize must be 1"),
    ({"resize": 5000}, "resize must be 1"),
    ({"resize": (0, 5)}, "resize must be 1"),
    ({"resize": True}, "resize must be 1"),
    ({"crop": (224, 4097)}, "crop must be 1"),
    ({"crop": (224,)}, "a height and a width"),
    ({"letterbox": True}, "letterbox"),
    ({"interpolation": "magic"}, "interpolation"),
    ({"interpolation": "lanczos", "antialias": False}, "lanczos"),
    ({"std": (0.5, 0.0, 0.5)}, "greater than 0"),
    ({"std": (0.5, -1.0, 0.5)}, "greater than 0"),
    ({"std": (0.5, 0.5)}, "the same length"),
    ({"mean": (), "std": ()}, "the same length"),
    ({"mean": (float("nan"), 0.0, 0.0)}, "finite"),
    ({"range": (0.0, float("inf"))}, "finite"),
    ({"range": (1.0, 1.0)}, "must differ"),
    ({"mean": (0.5,), "std": (0.5,)}, "RGB has 3 channels"),
    ({"mean": (0.5,) * 65, "std": (0.5,) * 65, "channels": Channels.GREY}, "at most 64"),
]


@pytest.mark.parametrize(("change", "words"), WRONG)
def test_what_is_refused(change: dict[str, Any], words: str) -> None:
    how = replace(GOOD, **change)
    assert words in fault_of(how)
    with pytest.raises(ModelError, match=r"^preprocessing: [^\n]+$"):
        validate(how)


def test_what_is_fine() -> None:
    for change in (
        {"resize": None},
        {"resize": (10, 4096), "letterbox": True},
        {"channels": Channels.GREY},
        {"channels": Channels.BGR, "range": (0.0, 255.0)},
        {"interpolation": "bicubic", "antialias": False},
        {"mean": (0.5,), "std": (0.5,), "channels": Channels.GREY},
    ):
        assert fault_of(replace(GOOD, **change)) == ""  # type: ignore[arg-type]

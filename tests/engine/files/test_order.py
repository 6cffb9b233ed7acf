"""File names in the order in which people read them."""

from __future__ import annotations

import random

from engine.files.order import natural


def test_numbers_count_by_their_value() -> None:
    wanted = [
        "img.png",
        "img1.png",
        "img2.png",
        "Img3.png",
        "img10.png",
        "img010b.png",
        "scan 2 of 10",
        "scan 10 of 10",
        "ärger.png",
    ]
    mixed = wanted[:]
    random.Random(3).shuffle(mixed)
    assert sorted(mixed, key=natural) == wanted


def test_the_order_is_complete_and_takes_any_name() -> None:
    names = ["a", "A", "a0", "a00", "", "0", "00", "٣", "x²", "\udcff1", "9" * 200]
    backwards = list(reversed(names))
    assert sorted(names, key=natural) == sorted(backwards, key=natural)
    assert len({natural(name) for name in names}) == len(names)

"""What the maps of a figure have to say, and whose it is."""

from __future__ import annotations

from engine.comparing.notices import notices_of
from tests.engine.comparing.test_sheet import items, map_of


def test_what_all_maps_say_is_said_once() -> None:
    found = items([map_of(1.0, layer=layer, notices=("Assumed.",)) for layer in "abc"])
    assert notices_of(found) == ("Assumed.",)


def test_what_one_of_them_says_ends_with_its_name() -> None:
    quiet = map_of(1.0, layer="conv1")
    loud = map_of(1.0, layer="conv2", notices=("nothing positive", "Weak."))
    assert notices_of(items([quiet, loud])) == ("nothing positive (conv2)", "Weak (conv2)")


def test_what_many_say_names_three_and_counts_the_others() -> None:
    layers = [f"conv{number}" for number in range(9)]
    loud = [map_of(1.0, layer=layer, notices=("blank",)) for layer in layers[:6]]
    quiet = [map_of(1.0, layer=layer) for layer in layers[6:]]
    assert notices_of(items(loud + quiet)) == ("blank (conv0, conv1, conv2 and 3 more)",)
    assert notices_of(items(loud[:4] + quiet)) == ("blank (conv0, conv1, conv2, conv3)",)


def test_nothing_to_say_is_nothing() -> None:
    assert notices_of(items([map_of(1.0)])) == ()

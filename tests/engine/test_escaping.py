"""Names from files as they are shown: nothing hidden, nothing that acts, no more than fits."""

from __future__ import annotations

import json
import re
import sys
import unicodedata

import pytest

from engine.escaping import LINE, NAME, json_spelled, lines, plain

# What Unicode says must not be seen or turns the order of a text, written down here anew.
RAW = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0001\U000e0020-\U000e007f\ud800-\udfff]"
)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("\x9b2Jx", "\\x9b2Jx"),
        ("one\ntwo\tthree\rfour", "one\\ntwo\\tthree\\rfour"),
        ("\x00\x7f\x85", "\\x00\\x7f\\x85"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u2066b\u2069\u200e\u200f\u061c", "a\\u2066b\\u2069\\u200e\\u200f\\u061c"),
        ("a\u200bb\u2060c\ufeff", "a\\u200bb\\u2060c\\ufeff"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("name\udcff", "name\\udcff"),
        ("\ue000\uffff\U000e0041", "\\ue000\\uffff\\U000e0041"),
        ("so\u00adft", "so\\xadft"),
        ("a\u3164b\u2800", "a\\u3164b\\u2800"),
    ],
)
def test_what_is_not_seen_is_spelled(raw: str, shown: str) -> None:
    assert plain(raw) == shown
    assert plain(shown) == shown


@pytest.mark.parametrize(
    "name",
    [
        "layer4.1.conv2",
        "C:\\models\\best (1) & last.pth",
        "<img src='x'>",
        "Käse – crème brûlée, 50 % «gut»",
        "e\u0301clair",
        "cat\u00a0dog\u202fbird",
        "日本語の名前",
        "한국어",
        "שלום",
        "مرحبا",
        "می\u200cخواهم",
        "क्\u200dष",
        "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}",
        "\N{HEAVY BLACK HEART}\ufe0f",
        "1\ufe0f\u20e3",
        "\u0600\u0661",
        "",
    ],
)
def test_honest_names_stay_as_they_are(name: str) -> None:
    assert plain(name) == name


@pytest.mark.parametrize("name", ["a\u200db", "\u200d", "x\u200c", "日\u200d\u200d本", "ab\u200c"])
def test_a_joiner_that_joins_nothing_is_spelled(name: str) -> None:
    assert not set(plain(name)) & {"\u200c", "\u200d"}


def test_marks_stand_on_a_letter_and_not_in_towers() -> None:
    assert plain("\u0301a") == "\\u0301a"
    tower = plain("a" + "\u0301" * 100, None)
    assert tower.count("\u0301") <= 8
    assert tower.count("\\u0301") + tower.count("\u0301") == 100
    assert plain("x\ufe0f\ufe0f\ufe0f") == "x\ufe0f\\ufe0f\\ufe0f"


def test_every_character_there_is() -> None:
    """One by one, against Unicode's categories; none may be left in sight that has none."""
    hidden = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
    for code in range(sys.maxunicode + 1):
        sign = chr(code)
        said = plain(f"a{sign}b")
        category = unicodedata.category(sign)
        if category in hidden:
            assert said.isprintable(), hex(code)
            assert sign not in said, hex(code)
        elif category[0] in "LNPS" and said != f"a{sign}b":
            assert said.isascii(), hex(code)
        assert not RAW.search(said), hex(code)


@pytest.mark.parametrize("sign", ["a", "\x1b", "日", "\u202e", "\U0001f469"])
@pytest.mark.parametrize("limit", [16, 60, NAME])
def test_long_names_lose_their_middle_and_keep_both_ends(sign: str, limit: int) -> None:
    said = plain(f"begin{sign * 100_000}end", limit)
    assert limit - 12 <= len(said) <= limit
    assert said.startswith("begin")
    assert said.endswith("end")
    assert said.count("…") == 1
    assert re.fullmatch(r"[^\\]*(\\(x1b|u202e))*…(\\(x1b|u202e))*[^\\]*", said), said
    assert plain(said, limit) == said


def test_a_name_that_just_fits_is_whole() -> None:
    assert plain("x" * NAME) == "x" * NAME
    assert plain("é" * NAME) == "é" * NAME
    assert plain("\x1b" * 200, None) == "\\x1b" * 200


def test_several_lines_keep_their_breaks_alone() -> None:
    assert lines("one\r\ntwo\x1b[2J\n\u202ethree") == "one\ntwo\\x1b[2J\n\\u202ethree"
    many = lines("x\n" * 10_000 + "the last", most=10).split("\n")
    assert len(many) == 11
    assert many[-1] == "the last"
    assert max(map(len, lines("y" * 10**6).split("\n"))) <= LINE


@pytest.mark.parametrize(
    "value",
    [
        "a\u202eb\x7f\x85\u2028\ufeff",
        "\U000e0041\U0010ffff",
        "half\udcff",
        "\\u202e",
        "日本 é \N{WOMAN}\u200d\N{PERSONAL COMPUTER}",
        {"k\u202e": ["\x1b", "\ue000"]},
    ],
)
def test_json_says_the_same_with_nothing_hidden_in_it(value: object) -> None:
    text = json_spelled(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(text) == value
    assert not RAW.search(text.replace("\n", ""))


def test_json_keeps_the_letters_of_every_language() -> None:
    text = json.dumps(["日本語", "שלום", "Käse"], ensure_ascii=False)
    assert json_spelled(text) == text

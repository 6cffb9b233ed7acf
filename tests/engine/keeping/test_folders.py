"""The folder page in a session file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.errors import SessionError
from engine.keeping import files, locating
from engine.keeping.folders import KeptFolder, folder_facts, folder_of
from engine.keeping.records import KeptSession
from engine.keeping.spans import numbers_in, spans_text

PAGE = KeptFolder(
    ("/data/val", "/data/more.csv"),
    False,
    ("wrong", "loss >= 1"),
    "loss",
    True,
    "mean",
    "k1",
    "k2",
    "c0ffee",
    (("lasso: 4 images", "1-3,7"),),
    "2,5-6",
)


def test_it_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "s.hookscope"
    files.write(path, KeptSession(folder=PAGE))
    assert files.read(path).folder == PAGE
    files.write(path, KeptSession())
    assert files.read(path).folder is None


def test_what_is_missing_has_its_usual_value() -> None:
    assert folder_of({"paths": ["/a"], "later": 1}) == KeptFolder(("/a",))


@pytest.mark.parametrize(
    "changed",
    [
        *({"paths": wrong} for wrong in (None, [], "/a", [""], ["a\0b"], [1], ["/a"] * 1001)),
        *({"filters": wrong} for wrong in ("wrong", [1], ["x"] * 101, ["x" * 10_001])),
        *({name: 1} for name in ("front", "down", "order", "chart", "job", "other", "index")),
        *({"selected": wrong} for wrong in (1, "a", "1-", "1,,2", "-3", "1-99999999")),
        *({"chosen": [{"words": "lasso", "images": wrong}]} for wrong in (None, [1], "x")),
        *({"chosen": wrong} for wrong in ("1", ["1"], [{"images": "1"}])),
    ],
)
def test_other_values_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(SessionError):
        folder_of(folder_facts(PAGE) | changed)
    with pytest.raises(SessionError):
        folder_of([folder_facts(PAGE)])


def test_which_page_is_in_front_is_no_change() -> None:
    one, other = KeptSession(folder=PAGE), KeptSession(folder=PAGE.content)
    assert one.is_alike(other)
    assert not one.is_alike(KeptSession())
    assert not one.is_alike(KeptSession(folder=KeptFolder(("/data/val",))))


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((), ""),
        ((7,), "7"),
        ((3, 1, 2, 7, 3), "1-3,7"),
        ((0, 2, 4, 5), "0,2,4-5"),
    ],
)
def test_numbers_are_a_short_text(numbers: tuple[int, ...], text: str) -> None:
    assert spans_text(numbers) == text
    assert numbers_in(text, "images") == tuple(sorted(set(numbers)))


def test_whether_it_is_there(tmp_path: Path) -> None:
    session = KeptSession(folder=KeptFolder((str(tmp_path),)))
    assert locating.folder_here(session, tmp_path)
    gone = KeptSession(folder=KeptFolder((str(tmp_path), str(tmp_path / "gone"))))
    assert not locating.folder_here(gone, tmp_path)
    assert locating.folder_here(KeptSession(), tmp_path)

"""The records of decisions: each has a date and a status, and is in the index under its title."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "decisions"
STATUS = re.compile(
    r"\*(?P<date>[\d-]+) · (accepted(, amended (?P<amended>[\d-]+))?|superseded by (?P<by>\d{4}))\*"
)
ENTRY = re.compile(r"^- \[(.+)\]\((.+)\)$", re.MULTILINE)


def records() -> dict[str, str]:
    pages = sorted(FOLDER.glob("[0-9]*.md"))
    return {page.name: page.read_text(encoding="utf-8") for page in pages}


def faults(pages: Mapping[str, str], index: str) -> list[str]:
    """What is wrong with the records and their index, a line each."""
    found = []
    for name, text in pages.items():
        lines = [*text.split("\n", 3), "", "", ""]
        if not lines[0].startswith(f"# {name[:4]} "):
            found.append(f"{name}: its title does not begin with its number")
        status = STATUS.fullmatch(lines[2]) if lines[1] == "" else None
        if status is None:
            found.append(f"{name}: no date and status below its title")
            continue
        days = [day for day in (status["date"], status["amended"]) if day is not None]
        if not all(map(is_day, days)) or days != sorted(days):
            found.append(f"{name}: {' and '.join(days)} are no days, or in the wrong order")
        if status["by"] and not any(page.startswith(f"{status['by']}-") for page in pages):
            found.append(f"{name}: there is no {status['by']}")
        if status["by"] and status["by"] <= name[:4]:
            found.append(f"{name}: {status['by']} is no later one")
    listed = [(name, title) for title, name in ENTRY.findall(index)]
    titles = [(name, text.partition("\n")[0].removeprefix("# ")) for name, text in pages.items()]
    found += [f"{name}: not in the index as '{title}'" for name, title in titles
              if (name, title) not in listed]  # fmt: skip
    found += [f"the index has '{title}' ({name}), which is not there" for name, title in listed
              if (name, title) not in titles]  # fmt: skip
    if listed != sorted(set(listed)):
        found.append("the index is not in order, or has a record twice")
    return found


def is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def test_records_and_index() -> None:
    pages = records()
    assert len(pages) >= 29
    assert not faults(pages, (FOLDER / "README.md").read_text(encoding="utf-8"))


GOOD = "# 0001 One\n\n*2026-01-31 · accepted*\n\nText.\n"
LATER = "# 0002 Two\n\n*2026-02-01 · accepted, amended 2026-02-03*\n"
INDEX = "- [0001 One](0001-one.md)\n- [0002 Two](0002-two.md)\n"


@pytest.mark.parametrize(
    "status", ["accepted", "accepted, amended 2026-02-01", "superseded by 0002"]
)
def test_every_known_form_will_do(status: str) -> None:
    pages = {"0001-one.md": GOOD.replace("accepted", status), "0002-two.md": LATER}
    assert not faults(pages, INDEX)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("*2026-01-31 · accepted*\n\n", "", "no date and status"),
        ("accepted", "proposed", "no date and status"),
        ("accepted", "accepted, amended", "no date and status"),
        ("2026-01-31", "31.1.2026", "no date and status"),
        ("2026-01-31", "2026-02-31", "no days"),
        ("2026-01-31", "2026-1-31", "no days"),
        ("accepted", "accepted, amended 2026-01-30", "wrong order"),
        ("accepted", "superseded by 0009", "there is no 0009"),
        ("accepted", "superseded by 0001", "no later one"),
        ("# 0001 One", "# 0003 One", "begin with its number"),
        ("# 0001 One", "# 0001 Another one", "not in the index as '0001 Another one'"),
    ],
)
def test_what_is_wrong_with_a_record_is_told(before: str, after: str, told: str) -> None:
    pages = {"0001-one.md": GOOD.replace(before, after), "0002-two.md": LATER}
    assert any(told in fault for fault in faults(pages, INDEX))


@pytest.mark.parametrize(
    ("index", "told"),
    [
        ("- [0001 One](0001-one.md)\n", "0002-two.md: not in the index"),
        (f"{INDEX}- [0003 Three](0003-three.md)\n", "'0003 Three'"),
        ("".join(reversed(INDEX.splitlines(keepends=True))), "not in order"),
    ],
)
def test_what_is_wrong_with_the_index_is_told(index: str, told: str) -> None:
    pages = {"0001-one.md": GOOD, "0002-two.md": LATER}
    assert any(told in fault for fault in faults(pages, index))

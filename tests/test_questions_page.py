"""docs/questions.md says what the table of questions says, and which methods are linear."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.methods.registry import METHODS
from engine.methods.rows.shared import SHARED
from engine.targets.questions import QUESTIONS, QuestionRow

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("row", QUESTIONS, ids=lambda row: row.slug)
def test_every_question_has_its_row(row: QuestionRow) -> None:
    (line,) = (line for line in PAGE.splitlines() if line.startswith(f"| **{row.title}**"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    titled = f"**{row.title}** `{row.slug}`"
    assert cells == [titled, row.formula, row.summary, row.limits, row.cost]
    assert f"`{row.slug}`" in GUIDE or f"--{row.slug}" in GUIDE


def test_the_page_has_no_other_rows() -> None:
    assert sum(line.startswith("| **") for line in PAGE.splitlines()) == len(QUESTIONS)


def test_linear_methods_are_listed() -> None:
    part = PAGE.partition("Linear are:")[2].partition("##")[0]
    listed = re.findall(
        r"^- (.+?) \(`(.+?)`\)(?:, while the option (\w+) is off)?$", part, re.MULTILINE
    )
    shared = {option.name for option in SHARED}
    own = {m.slug: "".join(name for name in m.linear_at if name not in shared) for m in METHODS}
    assert listed == [(m.title, m.slug, own[m.slug]) for m in METHODS if m.linear]
    ending = {name for m in METHODS if m.linear for name in m.linear_at} & shared
    assert ending == {"eigen", "fuse"}
    for option in SHARED:
        assert f"(`{option.name}`)" in part

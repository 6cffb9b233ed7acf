"""docs/methods.md says what the table of methods says."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.methods.registry import METHODS, Method

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.slug)
def test_every_method_has_its_row(method: Method) -> None:
    rows = [line for line in PAGE.splitlines() if f"** `{method.slug}` |" in line]
    assert len(rows) == 1
    for part in (method.title, method.equation, method.paper, method.cost):
        assert part.replace("|", "\\|") in rows[0], part
    assert method.title in GUIDE


def test_the_page_has_no_other_rows() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| **")]
    assert len(rows) == len(METHODS)
    assert f"offers {len(METHODS)} of them" in GUIDE

"""docs/trust.md and the guide name every figure that the table has, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from engine.metrics.table import ROWS

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")


def test_every_figure_has_its_row_and_there_is_no_other() -> None:
    listed = re.findall(r"^\| \*\*(.+?)\*\* `(.+?)` \|", PAGE, re.MULTILINE)
    assert [name for _, name in listed] == [row.name for row in ROWS]
    for (title, _), row in zip(listed, ROWS, strict=True):
        assert row.title.startswith(title)

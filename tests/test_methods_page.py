"""docs/methods.md says what the table of methods says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks.scenes import VARIED, table
from engine.methods.registry import METHODS, Method
from engine.methods.rows.shared import SHARED

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


def test_options_of_several_methods_and_who_lacks_them() -> None:
    part = PAGE.partition("## Options of several methods\n")[2].partition("\n## ")[0]
    for option in SHARED:
        assert f"| `{option.name}` |" in part
        below = part.partition(f"- `{option.name}` can")[2].partition("\n- `")[0]
        told: dict[str, set[str]] = {}
        for line in re.sub(r"\n    ", " ", below).splitlines():
            names, _, reason = line.strip(" -").partition(": ")
            for slug in re.findall(r"`([^`]+)`", names) if reason else ():
                told.setdefault(slug, set()).add(reason)
        wanted = {m.slug: dict(m.refuses).get(option.name) for m in METHODS}
        assert set(told) == {slug for slug, reason in wanted.items() if reason}
        for slug, said in told.items():
            assert any(text.startswith(f"{wanted[slug]}.") for text in said)


def test_the_table_of_these_options_is_what_was_measured() -> None:
    part = PAGE.partition("## Options of several methods\n")[2].partition("\n## ")[0]
    (name,) = set(re.findall(r"results/(scenes-[\w-]+\.json)\]", part))
    result = json.loads((ROOT / "benchmarks" / "results" / name).read_text(encoding="utf-8"))
    assert table(result) in part
    assert result["varied"] == "grad-cam"
    assert set(result["methods"]) == set(VARIED)

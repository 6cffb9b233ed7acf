"""The table of docs/methods.md says what was measured."""

from __future__ import annotations

import json
import re
from pathlib import Path

from benchmarks.scenes import percent, table
from engine.methods.registry import METHODS, Family

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")


def section() -> str:
    return PAGE.partition("## How well they point\n")[2].partition("\n## ")[0]


def test_the_page_shows_the_result_that_it_names() -> None:
    (name,) = set(re.findall(r"results/(scenes-[\w-]+\.json)", section()))
    result = json.loads((ROOT / "benchmarks" / "results" / name).read_text(encoding="utf-8"))
    assert table(result) in section()
    # Number by number as well, without the function that wrote them.
    rows = [line.split("|")[1:-1] for line in section().splitlines() if line.startswith("| `")]
    shown = {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in rows}
    assert set(shown) == set(result["methods"])
    for slug, (on, near, energy, scenes, _, _) in shown.items():
        of = result["methods"][slug]
        for text, share in ((on, of["on"]), (near, of["near"]), (energy, of["energy"])):
            assert abs(float(text.removesuffix(" %")) - 100 * share) <= 0.05 + 1e-9
        assert int(scenes) == of["scenes"]
    assert percent(result["chance"]["on"]) in section()
    words = section()
    assert f"{result['scenes']} scenes" in words
    assert f"seed {result['seed']}" in words
    assert f"`{result['layer']}`" in words


def test_every_method_that_the_network_can_have_was_measured() -> None:
    (name,) = set(re.findall(r"results/(scenes-[\w-]+\.json)", section()))
    result = json.loads((ROOT / "benchmarks" / "results" / name).read_text(encoding="utf-8"))
    can = {method.slug for method in METHODS if method.family is not Family.ATTENTION}
    assert set(result["methods"]) == can
    for slug, of in result["methods"].items():
        passes = of["forward_passes"] + of["backward_passes"]
        assert of["scenes"] >= (300 if passes < 500 else 60), slug

"""What is looked for on pages is found where it is: each fault on a page that has it."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser.looked import (
    Looked,
    is_printed_whole,
    look,
    needs_browser,
    nothing_is_cut_off,
    pictures_are_there_in_their_shape,
)

pytestmark = needs_browser

MARGIN_MM = 20.0
_FRAME = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<style>@page {{ margin: 20mm; }} body {{ margin: 20px; font: 16px/1.4 sans-serif; }}
h2 {{ break-after: auto; }} .box {{ overflow: hidden; width: 80px; white-space: nowrap; }}
</style></head><body><h1>A page</h1>{}</body></html>"""


def picture(rows: int = 300, columns: int = 200) -> str:
    pixels = np.random.default_rng(rows).integers(0, 256, (rows, columns, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


PAGES = {
    "plain": f'<p>words</p><img alt="a" width="200" src="{picture()}">',
    "asking": '<img alt="a" src="http://example.org/a.png"><script>console.error("no")</script>'
    '<link rel="stylesheet" href="https://example.org/a.css">',
    "wide": '<div style="width: 1500px">a</div>',
    "clipped": '<div class="box">words that do not fit into their box</div>',
    "upon": '<p>first words</p><p style="margin-top: -2.2em">other words</p>',
    "bent": f'<img alt="a" width="200" height="200" src="{picture()}">',
    "missing": '<img alt="a" src="missing.png">',
    "torn": f'<div style="height: 700px"></div><img alt="a" src="{picture(600, 200)}">',
    "left": '<div style="height: 750px"></div><h2>A part</h2>'
    '<div style="break-before: page">what it is for</div>',
    "over": '<div style="margin-left: 560px; width: 300px">to the right of its paper</div>',
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Looked]:
    folder = tmp_path_factory.mktemp("faults")
    for name, body in PAGES.items():
        (folder / name).mkdir()
        (folder / name / "page.html").write_text(_FRAME.format(body), encoding="utf-8")
    return look([folder / name / "page.html" for name in PAGES], folder / "printed")


def test_a_page_without_faults(seen: dict[str, Looked]) -> None:
    found = seen["plain"]
    nothing_is_cut_off(found)
    pictures_are_there_in_their_shape(found)
    for paper in found.printed:
        is_printed_whole(found, paper, MARGIN_MM)
    assert found.console == []
    assert [at["asked"] for at in found.seen] == [[found.page.as_uri()]] * 4


def test_requests_and_the_console(seen: dict[str, Looked]) -> None:
    found = seen["asking"]
    for at in found.seen:
        elsewhere = {"http://example.org/a.png", "https://example.org/a.css"}
        assert set(at["asked"]) == {found.page.as_uri(), *elsewhere}
    assert sum("no" in line for line in found.console) >= 6


@pytest.mark.parametrize("name", ["wide", "clipped", "upon", "over"])
def test_cut_off_and_upon_each_other(seen: dict[str, Looked], name: str) -> None:
    with pytest.raises(AssertionError):
        nothing_is_cut_off(seen[name])


@pytest.mark.parametrize("name", ["bent", "missing"])
def test_pictures(seen: dict[str, Looked], name: str) -> None:
    with pytest.raises(AssertionError):
        pictures_are_there_in_their_shape(seen[name])


@pytest.mark.parametrize("name", ["torn", "left"])
def test_print(seen: dict[str, Looked], name: str) -> None:
    for paper in seen[name].printed:
        with pytest.raises(AssertionError):
            is_printed_whole(seen[name], paper, MARGIN_MM)


def test_a_page_that_was_made_smaller(seen: dict[str, Looked]) -> None:
    for paper, pages in seen["wide"].printed.items():
        assert pages[0]["letter"] < 0.8 * seen["plain"].printed[paper][0]["letter"]


def test_a_page_that_is_not_there_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="did not load"):
        look([tmp_path / "none.html"], tmp_path)

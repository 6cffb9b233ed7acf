"""Pages as Chromium shows and prints them, which scripts/browser/look.py tells from its own
environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest

from scripts.common import system

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-browser" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

WIDTHS = (1280, 400)
PAPERS = {"a4": (210 / 25.4 * 72, 297 / 25.4 * 72), "letter": (612.0, 792.0)}
"""Width and height in points."""


def absent() -> str:
    """Why there is no browser here; '' if there is one."""
    if not PYTHON.exists():
        return "there is no browser; 'make test-browser' and 'make test-all' install it"
    if sys.platform.startswith("linux"):
        lacking = system.packages(system.missing((*system.QT, *system.BROWSER)))
        if lacking:
            return f"the system lacks what a browser needs: apt-get install {' '.join(lacking)}"
    return ""


needs_browser = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(absent()), reason=absent() or "-"),
    # The pages of a file are made and opened by the first of its tests.
    pytest.mark.timeout(900),
]


@dataclass(frozen=True)
class Looked:
    """One page. light, dark: what is seen at each width; printed: pages by paper."""

    page: Path
    light: dict[int, dict[str, Any]]
    dark: dict[int, dict[str, Any]]
    printed: dict[str, list[dict[str, Any]]]
    console: list[str]

    @property
    def seen(self) -> list[dict[str, Any]]:
        return [*self.light.values(), *self.dark.values()]


def program(*arguments: object) -> None:
    """Run the program's command line."""
    _output([sys.executable, "main.py", *map(str, arguments)])


def look(pages: Sequence[Path], out: Path) -> dict[str, Looked]:
    """What is on them, by the names of their folders."""
    light = _told(pages, out, "--papers", *PAPERS)
    dark = _told(pages, out, "--papers", "--dark")
    return {
        page.parent.name: Looked(
            page,
            {seen["width"]: seen for seen in one["widths"]},
            {seen["width"]: seen for seen in other["widths"]},
            {printed["paper"]: printed["pages"] for printed in one["papers"]},
            [
                line
                for at in (*one["widths"], *one["papers"], *other["widths"])
                for line in at["console"]
            ],
        )
        for page, one, other in zip(pages, light, dark, strict=True)
    }


def pages_of(pdf: Path) -> list[dict[str, Any]]:
    """The pages of a PDF that the program wrote."""
    pages: list[dict[str, Any]] = _told([pdf], pdf.parent)[0]["papers"][0]["pages"]
    return pages


def _told(pages: Sequence[Path], out: Path, *options: str) -> list[dict[str, Any]]:
    command = [str(PYTHON), "scripts/browser/look.py", *map(str, pages), "--out", str(out)]
    command += ["--widths", *map(str, WIDTHS), *options]
    found: list[dict[str, Any]] = json.loads(_output(command))
    return found


def _output(command: Sequence[str]) -> str:
    # One thread, since other tests run beside this one.
    env = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def path_of(address: str) -> Path:
    """Of a file: address, whatever bytes its name has."""
    parts = urlsplit(address)
    assert parts.scheme == "file", address
    name = os.fsdecode(unquote_to_bytes(parts.path))
    return Path(name.lstrip("/") if os.name == "nt" else name)


# --- what holds of every page --------------------------------------------------------------------


def nothing_is_cut_off(found: Looked) -> None:
    for seen in found.seen:
        assert seen["wide"] <= seen["room"], seen["width"]
        assert seen["outside"] == [], seen["width"]
        assert seen["upon"] == [], seen["width"]


def pictures_are_there_in_their_shape(found: Looked) -> None:
    for seen in found.seen:
        for one in seen["pictures"]:
            assert min(one["natural"]) > 0, one
            # Bars of colour and maps, which are stretched over their place, say nothing themselves.
            if one["words"]:
                (width, height), (columns, rows) = one["shown"], one["natural"]
                # A border takes a pixel on each side.
                assert abs(width - height * columns / rows) <= 2 + 2 * columns / rows, one


def is_printed_whole(found: Looked, paper: str, margin_mm: float) -> None:
    """Pages of the size of the paper, words within its margins, pictures on one page each, and no
    heading without what it is for."""
    width, height = PAPERS[paper]
    pages = found.printed[paper]
    headings = set(map(letters, found.light[WIDTHS[0]]["headings"]))
    for page in pages:
        assert (page["width"], page["height"]) == pytest.approx((width, height), abs=1)
        assert page["right"] <= width - margin_mm / 25.4 * 72 + 1
        lines = [letters(line) for line in page["text"].split("\n") if line.strip()]
        assert lines, "an empty page"
        assert lines[-1] not in headings
    drawn = [number for page in pages for number in page["pictures"]]
    assert len(drawn) == len(set(drawn)), "a picture is cut in two"


def letters(text: str) -> str:
    """Without spaces: what is read from a PDF has some between letters, or lacks them."""
    return "".join(text.split())


def letters_of(pages: Sequence[dict[str, Any]]) -> str:
    return letters("".join(page["text"] for page in pages))

"""The guide says what the program does: its keys, its pictures, its chapters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from gui.window.commands.command import plain
from gui.window.commands.table import shortcut_rows, table

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
PACKAGING = (ROOT / "docs" / "packaging.md").read_text(encoding="utf-8")
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
MOST_BYTES = 300_000


def test_every_shortcut_is_in_the_guide(qtbot: QtBot) -> None:
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split(" | "))
        for line in GUIDE.splitlines()
        if line.startswith("| ")
    ]
    told = {(row[0], row[1], row[2].replace("`", "")) for row in rows if len(row) == 3}
    missing = [row for row in shortcut_rows() if row not in told]
    assert not missing


@pytest.mark.parametrize("page", ["README.md", "docs/guide.md", "docs/script-and-report.md"])
def test_every_path_of_menus_exists(page: str) -> None:
    """*View > Keep > Pin class* names a command or a menu by the menus above it."""
    known = {"Model > Method", *(one.menu.replace("/", " > ") for one in table())}
    known |= {f"{command.menu.replace('/', ' > ')} > {plain(command.text)}" for command in table()}
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    told = re.findall(r"\*((?:File|Edit|View|Model|Image|Help) > [^*]+)\*", text)
    assert told
    assert set(told) <= known


@pytest.mark.parametrize(
    ("name", "text"),
    [("docs/guide.md", GUIDE), ("README.md", README), ("docs/packaging.md", PACKAGING)],
)
def test_every_linked_picture_exists_and_is_described(name: str, text: str) -> None:
    folder = (ROOT / name).parent
    pictures = PICTURE.findall(text)
    assert pictures
    for words, target in pictures:
        assert words, target
        assert (folder / target).is_file(), target


def test_every_picture_is_used_and_small() -> None:
    pages = GUIDE + README + PACKAGING
    used = {Path(target).name for _, target in PICTURE.findall(pages)}
    for path in sorted((ROOT / "docs" / "images").glob("*.png")):
        assert path.name in used, f"{path.name} is shown nowhere"
        assert path.stat().st_size <= MOST_BYTES, f"{path.name} is too large"


def test_every_chapter_that_is_linked_exists() -> None:
    heads = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in GUIDE.splitlines()
        if line.startswith("#")
    }
    links = re.findall(r"\]\(#([^)]+)\)", GUIDE)
    assert links
    assert set(links) <= heads

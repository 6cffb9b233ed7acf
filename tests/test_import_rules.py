"""The import rules of pyproject.toml fail when someone breaks them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A rule; the file that breaks it; what it imports; how the rule tells it.
BREAKS = (
    (
        "The engine knows neither Qt nor the two faces over it",
        *("engine/export/files.py", "PySide6.QtGui", "engine.export.files -> PySide6"),
    ),
    (
        "The command line knows no Qt",
        *("cli/options.py", "gui.settings", "cli.options -> gui.settings"),
    ),
    (
        "Inside the engine, imports point downwards",
        *("engine/files/kinds.py", "engine.explain.session"),
        "engine.files.kinds -> engine.explain.session",
    ),
    (
        "Inside the formats, imports point downwards",
        *("engine/formats/torchvision/models.py", "engine.formats.timm.models"),
        "engine.formats.torchvision.models -> engine.formats.timm.models",
    ),
    (
        "Inside the window, imports point downwards",
        *("gui/widgets/layers/tree.py", "gui.controllers.controller"),
        "gui.widgets.layers.tree -> gui.controllers.controller",
    ),
    (
        "Widgets do not know each other",
        *("gui/widgets/canvas/hud.py", "gui.widgets.layers.model"),
        "gui.widgets.canvas.hud -> gui.widgets.layers.model",
    ),
    (
        "No circle of imports, in any room",
        *("gui/controllers/late_files.py", "gui.controllers.controller"),
        ".late_files -> .controller",
    ),
    (
        "The window does not import torch",
        *("gui/jobs/files/decoding.py", "torch", "gui.jobs.files.decoding -> torch"),
    ),
)
RULES = {rule for rule, *_ in BREAKS}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages and their rules, to be broken."""
    for package in ("cli", "engine", "gui"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def verdicts(root: Path) -> tuple[dict[str, str], str]:
    """KEPT or BROKEN by rule, and all that was said."""
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as run; run()",
    ]
    done = subprocess.run(
        [*command, "--no-cache"], cwd=root, capture_output=True, text=True, timeout=120, check=False
    )
    said = done.stdout
    return dict(re.findall(r"^(\S.*) (KEPT|BROKEN)\b", said, re.MULTILINE)), said


def test_the_rules_are_kept_and_all_are_tried(copy: Path) -> None:
    found, said = verdicts(copy)
    assert found == dict.fromkeys(RULES, "KEPT"), said


def test_each_rule_fails_when_it_is_broken(copy: Path) -> None:
    for _, file, imported, _ in BREAKS:
        path = copy / file
        text = path.read_text(encoding="utf-8")
        path.write_text(f"{text}\nimport {imported}\n", encoding="utf-8")
    found, said = verdicts(copy)
    assert found == dict.fromkeys(RULES, "BROKEN")
    assert [told for *_, told in BREAKS if told not in said] == []


@pytest.mark.parametrize("place", ["engine", "engine/formats", "gui"])
def test_a_room_without_a_line_fails(copy: Path, place: str) -> None:
    (copy / place / "attic").mkdir()
    (copy / place / "attic" / "__init__.py").touch()
    found, said = verdicts(copy)
    broken = [rule for rule, verdict in found.items() if verdict == "BROKEN"]
    assert len(broken) == 1
    assert broken[0].startswith("Inside")
    assert f"- {place.replace('/', '.')}.attic" in said


@pytest.mark.parametrize("package", ["cli", "engine", "gui"])
def test_every_room_says_what_belongs_in_it(package: str) -> None:
    rooms = [path.parent for path in (ROOT / package).rglob("*.py")]
    silent = [
        room.relative_to(ROOT).as_posix()
        for room in sorted(set(rooms))
        if not (room / "__init__.py").read_text(encoding="utf-8").startswith('"""')
    ]
    assert not silent


def test_no_room_holds_more_than_fourteen_files() -> None:
    rooms = {
        path.parent
        for package in ("cli", "engine", "gui")
        for path in (ROOT / package).rglob("*.py")
    }
    full = {
        room.relative_to(ROOT).as_posix(): count
        for room in rooms
        if (count := len([p for p in room.glob("*.py") if p.name != "__init__.py"])) > 14
    }
    assert not full

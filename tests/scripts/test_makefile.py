"""Every script that the Makefile and the workflows start can be started that way."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from engine.paths import ROOT

_SOURCES = [ROOT / "Makefile", *sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
_SCRIPT = re.compile(r"(?:\$\(\w+\)|python3?|\bpy) ((?:-m )?(?:scripts|benchmarks)[./][\w./]+)")
# Their requirements are not part of the development environment, or they ask the shell.
_ELSEWHERE = {"benchmarks/run.py"}


def started() -> list[str]:
    found = {use for source in _SOURCES for use in _SCRIPT.findall(source.read_text("utf-8"))}
    return sorted(found - _ELSEWHERE)


def test_the_scripts_are_found() -> None:
    assert "-m scripts.demo.make_demo" in started()
    assert "scripts/bundle/make_bundle.py" in started()


@pytest.mark.parametrize("use", started())
def test_a_script_starts_and_says_how_it_is_used(use: str) -> None:
    module = use.removeprefix("-m ")
    command = [sys.executable, *(["-m", module] if module != use else [module]), "--help"]
    done = subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout

"""build.spec run through for each system, with stand-ins for what PyInstaller gives it."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.process import workers
from engine.version import APP_ID, COMMAND, NAME, VERSION
from scripts.bundle import binaries, contents, identity, support_modules

ROOT = Path(__file__).resolve().parents[3]
RUNTIMES = ("vcruntime140.dll", "vcruntime140_1.dll", "msvcp140.dll", "msvcp140_1.dll")
RUNTIMES += ("msvcp140_2.dll",)


class Recipe:
    """Runs build.spec as PyInstaller does and keeps what each of its steps was given."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.given: dict[str, dict[str, Any]] = {}

    def step(self, name: str) -> Any:
        def called(*words: Any, **options: Any) -> SimpleNamespace:
            self.given[name] = {**options, "words": words}
            hooks = [("pyi_rth_inspect", "a.py", "PYSOURCE"), (workers.HOOK, "b.py", "PYSOURCE")]
            return SimpleNamespace(binaries=[], datas=[], pure=[], scripts=hooks, dependencies=[])

        return called

    def run(self) -> None:
        names = {"SPECPATH": str(ROOT), "workpath": str(self.work)}
        steps = {name: self.step(name) for name in ("Analysis", "PYZ", "EXE", "COLLECT", "BUNDLE")}
        code = compile((ROOT / "build.spec").read_text(encoding="utf-8"), "build.spec", "exec")
        exec(code, {**names, **steps})


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.setattr(sys, "path", [*sys.path])
    # It asks PyInstaller only which modules a package has.
    hooks = SimpleNamespace(
        collect_submodules=lambda package, **_: [package],
        copy_metadata=lambda package: [(package, ".")],
    )
    monkeypatch.setitem(sys.modules, "PyInstaller.utils.hooks", hooks)
    # It would collect the licence texts anew, where a build may be reading them.
    monkeypatch.setattr(contents, "datas", list)
    monkeypatch.setattr(binaries, "licences_of_libraries", lambda _: [])
    # It would run a program of this system.
    monkeypatch.setattr(support_modules, "compiled", lambda _: [("shiboken6/it.pyc", "it", "DATA")])
    block = struct.pack("<IIII", 0xFEEF04BD, 0x00010000, 14 << 16 | 44, 0)
    (tmp_path / "System32").mkdir()
    for name in RUNTIMES:
        (tmp_path / "System32" / name).write_bytes(block)
    monkeypatch.setenv("SYSTEMROOT", str(tmp_path))
    return Recipe(tmp_path)


@pytest.mark.parametrize("system", ["linux", "win32", "darwin"])
def test_recipe(system: str, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[list[str]] = []
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: drawn.append(command))
    recipe.run()
    program = recipe.given["EXE"]
    assert (program["name"], program["console"], program["upx"]) == (NAME, False, False)
    assert recipe.given["COLLECT"]["name"] == NAME
    assert [Path(command[1]).name for command in drawn] == ["make_icons.py"] * (system != "linux")
    # The hook that imports multiprocessing does not run before the program, but comes along.
    assert [script[0] for script in program["words"][1]] == ["pyi_rth_inspect"]
    assert recipe.given["PYZ"]["words"][0] == [(workers.HOOK, "b.py", "PYMODULE")]
    icons = {"linux": None, "win32": f"{COMMAND}.ico", "darwin": f"{COMMAND}.icns"}
    assert (Path(program["icon"]).name if program["icon"] else None) == icons[system]
    if system == "win32":
        assert Path(program["version"]).read_text(encoding="utf-8") == identity.version_resource()
        assert Path(program["manifest"]).is_file()
        collected = {place for place, _, _ in recipe.given["COLLECT"]["words"][1]}
        assert set(RUNTIMES) <= collected
    else:
        assert program["version"] is None
        assert program["manifest"] is None
    if system == "darwin":
        app = recipe.given["BUNDLE"]
        assert app["name"] == f"{NAME}.app"
        assert (app["bundle_identifier"], app["version"]) == (APP_ID, VERSION)
        assert app["info_plist"] == identity.info_plist()
    else:
        assert "BUNDLE" not in recipe.given

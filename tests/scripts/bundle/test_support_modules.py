"""PySide's modules in the bundle: compiled, and imported from where they lie."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.bundle import support_modules

_WHERE = """
import shiboken6.Shiboken
import sys
print(sys.modules["shibokensupport.signature.parser"].__file__)
"""


def test_the_modules_are_imported_compiled(tmp_path: Path) -> None:
    entries = support_modules.compiled(tmp_path / "made")
    assert {Path(source).suffix for _, source, _ in entries} == {".pyc"}
    package = tmp_path / "made" / "shiboken6"
    there = shutil.copytree(
        package, tmp_path / "bundle" / "shiboken6", ignore=shutil.ignore_patterns("files.dir")
    )
    for place, source, kind in entries:
        assert kind == "DATA"
        target = tmp_path / "bundle" / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    environment = {**os.environ, "PYTHONPATH": str(there.parent)}
    environment.pop("SBK_EMBED", None)
    done = subprocess.run(
        [sys.executable, "-c", _WHERE], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(there / "files.dir/shibokensupport/signature/parser.pyc")

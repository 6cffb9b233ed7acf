"""The window is on the screen before torch is imported, and a demo is explained without
torchvision, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

_WATCH = """
import json, sys
from PySide6.QtCore import QSettings, QTimer
from gui.app.application import create_application
from gui.app.program import Program, Shell

application = create_application()
shell = Shell(application, QSettings({store!r}, QSettings.Format.IniFormat))
heavy = ("torch", "torchvision", "cv2", "numpy", "PIL")
system = ("_hashlib", "ssl", "html", "subprocess", "multiprocessing", "sqlite3")
later = ("platformdirs", "engine.records.images", "engine.records.explanations",
         "engine.render.overlay", "engine.methods.registry", "cli.commands",
         "gui.controllers.controller", "gui.widgets.canvas.image_canvas", "gui.widgets.layers.tree",
         "gui.widgets.dialogs.small")
seen = {{}}

def painted():
    seen["at first paint"] = [name for name in heavy + system + later if name in sys.modules]
    QTimer.singleShot(0, begin)

def begin():
    global program
    program = Program(application, shell=shell)
    program.start()
    program.state.answer_changed.connect(end)

def end():
    seen["at the answer"] = [name for name in heavy if name in sys.modules]
    seen["layer"] = program.state.explanation.layer
    seen["default"] = program.state.info.default_layer
    shell.window.close()

shell.window.first_painted.connect(painted)
shell.window.show()
code = application.exec()
print(json.dumps(seen))
sys.exit(code)
"""


@pytest.fixture
def watched(tmp_path: Path, child_env: Callable[..., dict[str, str]]) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", _WATCH.format(store=str(tmp_path / "settings.ini"))],
        cwd=ROOT,
        env=child_env(),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    seen: dict[str, object] = json.loads(done.stdout)
    return seen


def test_nothing_heavy_is_imported_before_the_window_is_painted(
    watched: dict[str, object],
) -> None:
    assert watched["at first paint"] == []
    assert watched["at the answer"] == ["torch", "cv2", "numpy", "PIL"]
    assert watched["layer"] == watched["default"]

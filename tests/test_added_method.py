"""Adding a method is one function and one row: everything that knows methods knows it by that.

The window makes its menus from the table when it is imported: it runs in a process of its own, in
which the row is in the table before anything else is imported, as if it stood in the source.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli import commands
from engine import Session
from engine.formats.demo import SCENES
from engine.images.reading import load_image
from engine.loading.load import load_model
from engine.methods import registry
from tests.engine.classifiers import all_activations_and_gradients

ROOT = Path(__file__).resolve().parent.parent

# The function: the sum over channels of abs(G) times A to some power.
_FUNCTION = """
from engine.methods.inputs import MethodMap

def edge_cam(given):
    power = given.options["power"]
    products = given.gradient.abs() * given.activation.clamp(min=0) ** power
    return MethodMap(products.sum(dim=0).float(), given.gradient.any())
"""

_ROW = """
from engine.methods.registry import Family, Kind, Method, Need, Option

ROW = Method(
    slug="edge-cam",
    title="Edge-CAM",
    family=Family.GRADIENT,
    summary="Made up for a test.",
    paper="none",
    equation="sum_k abs(G_k) * relu(A_k) ** power",
    needs=(Need.ACTIVATION, Need.GRADIENT),
    class_dependent=True,
    signed=False,
    cost="one forward and one backward pass",
    passes="1f 1b",
    function="added:edge_cam",
    options=(Option("power", "how strongly", Kind.FLOAT, 1.0, low=0.5, high=4),),
    least_channels=30,
    least_reason="a test says so",
)
"""

_WINDOW = """
import json, sys
from pathlib import Path

from engine.methods import registry

registry.METHODS += (ROW,)

from PySide6.QtCore import QSettings, QTimer

from engine.records.display import DisplaySettings
from engine.render.caption import caption
from gui.app.application import create_application
from gui.app.program import Program
from gui.settings.table import RESTORE

folder = Path(sys.argv[1])
application = create_application()
told = {}

def started():
    store = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
    program = Program(application, store)
    told["menus"] = [
        action.text()
        for family in program.window.actions_by_id.menu("Model/Method").actions()
        for action in family.menu().actions()
        if action.text().startswith("Edge-CAM")
    ]
    program.start()
    return program

def when(program, met, then):
    timer = QTimer(program.window)
    timer.setInterval(5)
    def look():
        if met():
            timer.stop()
            then()
    timer.timeout.connect(look)
    timer.start()

def choose():
    state = program.state
    action = program.window.actions_by_id["method_edge-cam"]
    program.window.method_button.click()
    model = program.window.methods._model
    rows = [model.at(model.index(n, 0)) for n in range(model.rowCount())]
    told["row"] = [[r.title, r.line, r.more] for r in rows if r and r.id == "edge-cam"]
    program.window.methods.close()
    told["enabled"] = action.isEnabled()
    action.trigger()
    when(program, lambda: state.sweep is not None and state.sweep.request.method == "edge-cam", see)

def see():
    state, window = program.state, program.window
    told["shown"] = [state.explanation.method, state.explanation.layer]
    told["button"] = window.method_button.text()
    told["swept"] = {name: e.method for name, e in state.sweep.explanations.items()}
    lines = caption(state.current.loaded, state.explanation, DisplaySettings())
    told["caption"] = str(lines)
    window.tree.layer_chosen.emit("layer1")
    when(program, lambda: state.explain_error, refused)

def refused():
    told["error"] = program.state.explain_error
    action = program.window.actions_by_id["method_edge-cam"]
    told["greyed"] = [action.isEnabled(), action.text()]
    program.window.close()

program = started()
# The layer that is left behind cannot have the method.
program.settings.set(RESTORE, False)
when(program, lambda: program.state.explanation is not None and not program.state.computing, choose)
application.exec()

again = started()
program = again
def leave():
    told["remembered"] = again.state.explanation.method
    again.window.close()
when(again, lambda: again.state.explanation is not None and not again.state.computing, leave)
application.exec()
print(json.dumps(told))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Has the module with the function."""
    (tmp_path / "added.py").write_text(_FUNCTION, encoding="utf-8")
    return tmp_path


def test_the_command_line_knows_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    space: dict[str, Any] = {}
    exec(_ROW, space)
    monkeypatch.setattr(registry, "METHODS", (*registry.METHODS, space["ROW"]))
    monkeypatch.syspath_prepend(folder)

    def run(*arguments: str) -> int:
        return commands.main([text.replace("@", f"{folder}{os.sep}") for text in arguments])

    assert run("methods", "--json", "@methods.json") == 0
    listed = capsys.readouterr().out
    how = ("--method", "edge-cam", "--option", "power=2")
    assert run("explain", *how, "--map", "@map.npy", "--json", "@facts.json") == 0
    explained = capsys.readouterr().out
    assert run("sweep", *how, "--out", "@maps.npz") == 0
    assert run("explain", *how[:2], "--option", "power=5") == 2
    assert run("explain", *how[:2], "--layer", "layer1") == 2
    assert run("explain", "--method", "edgecam") == 2
    wrong, small, unknown = capsys.readouterr().err.splitlines()
    assert "Edge-CAM" in listed
    assert "power=1: how strongly, a number from 0.5 to 4" in listed
    assert explained.splitlines()[0].endswith(", Edge-CAM (power 2)")
    assert "power is a number from 0.5 to 4" in wrong
    assert "a test says so" in small
    assert "did you mean" in unknown
    assert "edge-cam" in unknown
    facts = json.loads((folder / "methods.json").read_text("utf-8"))
    assert facts[-1]["slug"] == "edge-cam"

    said = json.loads((folder / "facts.json").read_text("utf-8"))
    assert (said["method"], said["options"]) == ("edge-cam", {"power": 2.0})
    model, image = load_model("demo:shapes"), load_image(SCENES[0].path)
    with Session(model, image) as session:
        tensor = session._work.input
    pairs = all_activations_and_gradients(model.module.eval(), tensor, said["class"]["index"])
    activation, gradient = pairs[said["layer"], 0]
    assert gradient is not None
    a, g = activation[0].double().numpy(), gradient[0].double().numpy()
    wanted = (np.abs(g) * np.maximum(a, 0) ** 2).sum(axis=0)
    found = np.load(folder / "map.npy")
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4 * wanted.max())
    with np.load(folder / "maps.npz") as maps:
        np.testing.assert_array_equal(maps[said["layer"]], found)
        offered = {n.name for n in model.layers if n.explainable and (n.shape or (0,))[0] >= 30}
        assert set(maps.files) == offered


def test_the_window_knows_it(folder: Path, child_env: Callable[..., dict[str, str]]) -> None:
    own = {
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, folder))),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    done = subprocess.run(
        [sys.executable, "-c", _ROW + _WINDOW, str(folder)],
        env=child_env() | own,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    told = json.loads(done.stdout)
    assert told["menus"] == ["Edge-CAM\tMade up for a test."]
    assert told["row"] == [["Edge-CAM", "Made up for a test.", "Options…"]]
    assert told["enabled"]
    assert told["shown"] == ["edge-cam", "layer4"]
    assert told["button"] == "Edge-CAM"
    assert "layer4" in told["swept"]
    assert "layer1" not in told["swept"]
    assert set(told["swept"].values()) == {"edge-cam"}
    assert "Edge-CAM" in told["caption"]
    assert "a test says so" in told["error"]
    enabled, text = told["greyed"]
    assert not enabled
    assert "a test says so" in text
    assert told["remembered"] == "edge-cam"

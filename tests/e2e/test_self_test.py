"""`main.py self-test`: the program checks itself, as it does once it is packaged."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
STEPS = (
    "first paint",
    "engine",
    "first overlay",
    "click layer",
    "click class",
    "zoom",
    "thumbnails",
    "keep busy",
    "export",
    "quit",
    "no failures",
)
FIGURES = (
    "first_paint_s",
    "torch_import_s",
    "first_overlay_s",
    "second_click_s",
    "p99_stall_ms",
    "max_stall_ms",
)


def run(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "main.py", "self-test", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_every_step_goes_well_and_the_users_settings_are_left_alone(
    tmp_path: Path, child_env: Callable[..., dict[str, str]]
) -> None:
    done = run(child_env() | {"XDG_CONFIG_HOME": str(tmp_path)}, "--json", "-")
    assert list(tmp_path.iterdir()) == []
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["ok"] is True
    assert tuple(step["name"] for step in report["steps"]) == STEPS
    assert all(step["ok"] for step in report["steps"])
    assert all(report[name] > 0 for name in FIGURES)
    assert report["first_paint_s"] < report["first_overlay_s"]
    assert report["p99_stall_ms"] <= report["max_stall_ms"]


_BROKEN = """
import sys
from engine.errors import LayerError
from gui.jobs.engine_worker import EngineWorker

answers = iter([EngineWorker.explain])

def explain(self, *asked):
    try:
        return next(answers)(self, *asked)
    except StopIteration:
        raise LayerError("the layer went away") from None

EngineWorker.explain = explain
EngineWorker.sweep = explain
from main import main
sys.exit(main(["self-test", "--json", sys.argv[1]]))
"""


def test_a_step_that_fails_is_named(
    tmp_path: Path, child_env: Callable[..., dict[str, str]]
) -> None:
    """The second explanation fails: the first steps are good, the rest is not tried."""
    report_file = tmp_path / "report.json"
    done = subprocess.run(
        [sys.executable, "-c", _BROKEN, str(report_file)],
        cwd=ROOT,
        env=child_env(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("hookscope: self-test failed at click layer: ")
    assert "the layer went away" in line
    report = json.loads(report_file.read_text(encoding="utf-8"))
    assert report["ok"] is False
    named = {step["name"]: step["ok"] for step in report["steps"]}
    assert list(named.items()) == [
        ("first paint", True),
        ("engine", True),
        ("first overlay", True),
        ("click layer", False),
        ("no failures", True),
    ]


_FAILING = """
import sys
from gui.{module} import {cls} as Widget

paint, count = Widget.paintEvent, 0

def fail(self, event):
    global count
    count += 1
    paint(self, event)
    if {when}:
        raise RuntimeError("painting\\nfailed")

Widget.paintEvent = fail
from main import main
sys.exit(main(["self-test", "--json", sys.argv[1]]))
"""


@pytest.mark.parametrize(
    ("module", "cls", "when", "told_by"),
    [
        ("widgets.canvas.image_canvas", "ImageCanvas", "count > 3", "crashes"),
        ("window.main_window", "MainWindow", "count == 1", "measures"),
    ],
)
def test_a_failure_that_no_step_notices_fails_it(
    tmp_path: Path,
    child_env: Callable[..., dict[str, str]],
    module: str,
    cls: str,
    when: str,
    told_by: str,
) -> None:
    """A paint event raises: the canvas's many times, the window's first, before anybody listens."""
    report_file = tmp_path / "report.json"
    code = _FAILING.format(module=module, cls=cls, when=when)
    done = subprocess.run(
        [sys.executable, "-c", code, str(report_file)],
        cwd=ROOT,
        env=child_env() | {"XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1
    report = json.loads(report_file.read_text(encoding="utf-8"))
    assert report["ok"] is False
    assert tuple(step["name"] for step in report["steps"]) == STEPS
    assert [step["ok"] for step in report["steps"]] == [True] * 10 + [False]
    last = done.stderr.splitlines()[-1]
    # PySide's own words about it may stand before, in the same line, and in the error.
    assert "hookscope: self-test failed at no failures: RuntimeError: " in last
    assert "painting failed (" in last
    if sys.platform.startswith("linux"):
        (log,) = tmp_path.rglob("hookscope.log")
        text = log.read_text(encoding="utf-8")
        assert str(log) in last
        assert f"{told_by}: unexpected failure" in text
        assert text.count("unexpected failure") == text.count("Traceback")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a display is always there")
def test_without_a_display_it_says_so_in_one_line(
    child_env: Callable[..., dict[str, str]],
) -> None:
    env = {name: value for name, value in child_env().items() if name != "QT_QPA_PLATFORM"}
    done = run(env)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("hookscope: error: there is no display")
    assert done.stdout == ""


@pytest.mark.parametrize("arguments", [("--json",), ("--nonsense",), ("picture.png",)])
def test_wrong_usage_is_one_line(
    child_env: Callable[..., dict[str, str]], arguments: tuple[str, ...]
) -> None:
    done = run(child_env(), *arguments)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("hookscope: error: ")

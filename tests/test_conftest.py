"""The watch over what tests leave behind: it sees what it should and leaves the rest in peace."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch
from torch import nn

ROOT = Path(__file__).resolve().parent.parent

PROBES = """
import threading
import pytest
from PySide6.QtCore import QObject, QThread, QTimer
from PySide6.QtWidgets import QMenu, QWidget

kept = []

def test_bad_thread():
    event = threading.Event()
    kept.append(event)
    threading.Thread(target=event.wait, daemon=True).start()

def test_bad_qthread(qapp):
    thread = QThread()
    kept.append(thread)
    thread.start()

def test_bad_timer(qapp):
    timer = QTimer()
    timer.start(60_000)
    kept.append(timer)

def test_bad_window(qapp):
    window = QWidget()
    window.show()
    kept.append(window)

def test_good_thread():
    threading.Thread(target=lambda: None).start()

def test_good_qthread(qapp):
    thread = QThread()
    thread.start()
    thread.quit()
    thread.wait()

def test_good_qthread_still_ending(qapp):
    thread = QThread()
    kept.append(thread)
    thread.start()
    thread.quit()

def test_good_timer(qapp):
    owner = QObject()
    timer = QTimer(owner)
    timer.start(60_000)
    kept.append(owner)
    forgotten = QTimer()
    forgotten.start(60_000)

def test_good_windows(qapp, qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    window.show()
    menu = QMenu()
    menu.deleteLater()
    cycle = QWidget()
    cycle.itself = cycle

@pytest.fixture(scope="module")
def shared(qapp):
    window = QWidget()
    window.show()
    yield window
    window.close()

def test_good_window_of_the_module(shared):
    assert shared.isVisible()
"""


def test_only_what_is_left_behind_fails(tmp_path: Path) -> None:
    probes = tmp_path / "test_probes.py"
    probes.write_text(PROBES, encoding="utf-8")
    # The threads left on purpose would hold up the interpreter's end: leave without it.
    runner = (
        "import os, sys, pytest, tests.conftest as watch\n"
        "watch.THREAD_GRACE_S = 0.2\n"
        "code = pytest.main(sys.argv[1:], plugins=[watch])\n"
        "sys.stdout.flush()\n"
        "os._exit(code)\n"
    )
    options = ["-rEf", "--rootdir", str(tmp_path), "-c", str(ROOT / "pyproject.toml")]
    done = subprocess.run(
        [sys.executable, "-c", runner, *options, str(probes)],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "500"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    complaints = dict(re.findall(r"^ERROR \S+::(\w+) - .*left behind: (.*)$", done.stdout, re.M))
    assert set(complaints) == {
        "test_bad_thread",
        "test_bad_qthread",
        "test_bad_timer",
        "test_bad_window",
    }, done.stdout + done.stderr
    assert "QWidget" in complaints["test_bad_window"]
    assert "10 passed" in done.stdout
    assert "failed" not in done.stdout


def test_no_hooks_sees_a_hook(
    no_hooks: Callable[[nn.Module], AbstractContextManager[None]],
) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    with no_hooks(network):
        network[0].register_forward_hook(lambda *_: None).remove()
    with pytest.raises(AssertionError, match="1_backward_hooks"), no_hooks(network):
        network[1].register_full_backward_hook(lambda *_: None)


def test_home_and_caches_are_private() -> None:
    from PySide6.QtCore import QStandardPaths

    home = Path.home()
    assert home.name.startswith("hookscope-tests-")
    for place in (
        QStandardPaths.StandardLocation.AppConfigLocation,
        QStandardPaths.StandardLocation.CacheLocation,
        QStandardPaths.StandardLocation.AppDataLocation,
    ):
        assert Path(QStandardPaths.writableLocation(place)).is_relative_to(home)
    assert Path(torch.hub.get_dir()).is_relative_to(home)
    assert torch.get_num_threads() <= 2

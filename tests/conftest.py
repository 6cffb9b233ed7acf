"""Surroundings of every test: a private home, no window on the screen, and nothing left behind.

A test fails when it leaves a thread or QThread running, a timer without an owner ticking, or a
window without an owner. Nothing here imports torch, so that tests without it stay quick.
"""

from __future__ import annotations

import gc
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.long import LONG

if TYPE_CHECKING:
    import torch
    from PySide6.QtWidgets import QWidget

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(tempfile.mkdtemp(prefix="hookscope-tests-"))
THREAD_GRACE_S = 2.0

# Set while pytest collects, before Qt, torch or platformdirs look at them. A test that wants a
# display starts the program in a process of its own, with child_env(display=...).
_FOLDERS = {
    "HOME": HOME,
    "USERPROFILE": HOME,
    "APPDATA": HOME / "AppData" / "Roaming",
    "LOCALAPPDATA": HOME / "AppData" / "Local",
    "XDG_CONFIG_HOME": HOME / ".config",
    "XDG_CACHE_HOME": HOME / ".cache",
    "XDG_DATA_HOME": HOME / ".local" / "share",
    "XDG_STATE_HOME": HOME / ".local" / "state",
    "XDG_RUNTIME_DIR": HOME / "run",
    "TORCH_HOME": HOME / ".cache" / "torch",
}
for _name, _folder in _FOLDERS.items():
    _folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ[_name] = str(_folder)
os.environ["QT_QPA_PLATFORM"] = "offscreen"
# A shell has a background job ignore SIGINT, and nohup SIGHUP. Programs started by tests would
# inherit that and obey neither.
for _signal, _handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    _number = getattr(signal, _signal, None)
    if _number is not None and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)
# Two threads each for several processes on two cores would wait for each other, up to ten times as
# long as they compute; who shares the machine with others asks for one by OMP_NUM_THREADS=1.
_ASKED = os.environ.get("OMP_NUM_THREADS", "2")
_THREADS = "1" if "PYTEST_XDIST_WORKER" in os.environ else _ASKED
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = _THREADS


# Long checks may meet a machine that is busy with others for hours.
_SLOW_S = 3600


def pytest_collection(session: pytest.Session) -> None:
    """Of several processes, each imports another share of the files first.

    After a change of many files, or for the first time, each would rewrite the asserts of all of
    them, in the same order and at the same time; this way, each finds what the others have kept.
    """
    name, count = os.environ.get("PYTEST_XDIST_WORKER"), os.environ.get("PYTEST_XDIST_WORKER_COUNT")
    if name is None or count is None or session.config.args != session.config.getini("testpaths"):
        return
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    for file in files[int(name.removeprefix("gw")) :: int(count)]:
        # What is wrong with a file, or why it is left out, is said where it is collected.
        with suppress(Exception, pytest.skip.Exception):
            importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if LONG.search(item.nodeid):
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_SLOW_S))


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(autouse=True)
def _no_profile_stays() -> Iterator[None]:
    """Settings that a test saves for a model are not those of the next test in this process."""
    yield
    from engine.profiles import store

    kept = store.folder()
    if kept.is_relative_to(HOME):
        shutil.rmtree(kept, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Names that are not UTF-8 stand in logs of some tests; reports between processes are UTF-8."""
    report = yield
    report.sections = [
        (title, text.encode("utf-8", "backslashreplace").decode())
        for title, text in report.sections
    ]
    return report


# Qt has no list of running threads and timers, and searching every Python object for them after
# each test costs more than the tests. Every start() is noted instead, while the object lives.
_qthreads: weakref.WeakSet[Any] = weakref.WeakSet()
_qtimers: weakref.WeakSet[Any] = weakref.WeakSet()


def _note_starts(qt_class: Any, seen: weakref.WeakSet[Any]) -> None:
    original = qt_class.start

    def start(self: Any, *args: Any) -> Any:
        seen.add(self)
        return original(self, *args)

    qt_class.start = start


@pytest.fixture(scope="session", autouse=True)
def _qt_surroundings() -> None:
    from PySide6.QtCore import QSettings, QStandardPaths, QThread, QTimer

    QStandardPaths.setTestModeEnabled(True)
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    for scope in (QSettings.Scope.UserScope, QSettings.Scope.SystemScope):
        QSettings.setPath(QSettings.Format.IniFormat, scope, str(HOME / "settings"))
    _note_starts(QThread, _qthreads)
    _note_starts(QTimer, _qtimers)


@pytest.fixture(autouse=True)
def _seeds() -> None:
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(autouse=True)
def _nothing_left_behind(_qt_surroundings: None) -> Iterator[None]:
    threads_before = set(threading.enumerate())
    qthreads_before = set(map(id, _running_qthreads()))
    timers_before = set(map(id, _ownerless_timers()))
    windows_before = set(map(_address, _ownerless_windows()))
    yield
    left = _threads_left(threads_before)
    left += _qthreads_left(qthreads_before)
    left += _timers_left(timers_before)
    left += _windows_left(windows_before)
    assert not left, "the test left behind: " + "; ".join(left)


def _threads_left(before: set[threading.Thread]) -> list[str]:
    left = []
    for thread in set(threading.enumerate()) - before:
        # Python keeps a dummy for every foreign thread that ever ran Python code, alive or not.
        if isinstance(thread, threading._DummyThread):
            continue
        thread.join(THREAD_GRACE_S)
        if thread.is_alive():
            left.append(f"thread {thread.name}")
    return left


def _running_qthreads() -> list[Any]:
    from shiboken6 import isValid

    return [thread for thread in list(_qthreads) if isValid(thread) and thread.isRunning()]


def _qthreads_left(before: set[int]) -> list[str]:
    return [
        f"QThread {thread.objectName() or thread}"
        for thread in _running_qthreads()
        if id(thread) not in before and not thread.wait(int(1000 * THREAD_GRACE_S))
    ]


def _ownerless_timers() -> list[Any]:
    from shiboken6 import isValid

    return [t for t in list(_qtimers) if isValid(t) and t.isActive() and t.parent() is None]


def _timers_left(before: set[int]) -> list[str]:
    def new() -> list[str]:
        timers = (timer for timer in _ownerless_timers() if id(timer) not in before)
        return [f"QTimer of {timer.interval()} ms" for timer in timers]

    if not new():
        return []
    gc.collect()
    return new()


def _ownerless_windows() -> list[QWidget]:
    from PySide6.QtWidgets import QApplication

    if QApplication.instance() is None:
        return []
    tooltip = "QTipLabel"  # Qt makes and keeps one by itself
    return [
        widget
        for widget in QApplication.topLevelWidgets()
        if widget.parent() is None and widget.metaObject().className() != tooltip
    ]


def _address(widget: QWidget) -> int:
    from shiboken6 import getCppPointer

    # The Python wrapper of a widget that C++ owns may be made anew; the widget stays.
    return int(getCppPointer(widget)[0])


def _windows_left(before: set[int]) -> list[str]:
    from PySide6.QtCore import QCoreApplication, QEvent

    def new() -> list[str]:
        return [
            f"window {widget.metaObject().className()} {widget.objectName()!r}"
            for widget in _ownerless_windows()
            if _address(widget) not in before
        ]

    if not new():
        return []
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    if not new():
        return []
    gc.collect()
    return new()


_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
)


def _hooks_of(module: torch.nn.Module) -> dict[str, list[int]]:
    return {
        f"{name or 'the network'}{kind}": list(getattr(part, kind))
        for name, part in module.named_modules()
        for kind in _HOOKS
    }


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For tensors of small networks, handing work to a second thread takes longer than the work."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def no_hooks() -> Callable[[torch.nn.Module], AbstractContextManager[None]]:
    """`with no_hooks(network): ...` fails when the block adds or removes a hook for good."""

    @contextmanager
    def watch(module: torch.nn.Module) -> Iterator[None]:
        before = _hooks_of(module)
        yield
        after = _hooks_of(module)
        changed = [place for place, hooks in after.items() if hooks != before.get(place)]
        assert not changed, f"hooks changed at {', '.join(changed)}"

    return watch


@pytest.fixture
def child_env() -> Callable[..., dict[str, str]]:
    """Environment of a program that a test starts: private home, given display or none.

    child_env() runs offscreen; child_env(display=":99") uses that X display.
    """

    def make(display: str | None = None) -> dict[str, str]:
        env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
        if display is not None:
            env |= {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        return env

    return make


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests go where they are addressed, whatever the surroundings say."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def resources() -> Path:
    """The project's resources folder."""
    return Path(__file__).resolve().parent.parent / "resources"

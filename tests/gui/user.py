"""Someone in front of the whole program, put together as it puts itself together."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QMimeData,
    QObject,
    QPointF,
    QSettings,
    Qt,
    QUrl,
)
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication, QWidget
from pytestqt.qtbot import QtBot

from gui.app.program import Program
from gui.controllers.models import NamedModel
from gui.settings import table
from gui.settings.store import Settings

WAIT_MS = 60_000
# Closed programs that may wait in memory; collecting them takes as long as starting one.
_ROOM_FOR = 25
Key, Modifier = Qt.Key, Qt.KeyboardModifier
W = TypeVar("W", bound=QObject)


class User:
    """Someone in front of the program: starts it, types, clicks, drops and looks."""

    closed: ClassVar[int] = 0

    def __init__(self, qtbot: QtBot, application: QApplication, folder: Path) -> None:
        self.qtbot = qtbot
        self.application = application
        self.store = folder / "settings.ini"
        self.program: Program = None  # type: ignore[assignment]
        self._programs: list[Program] = []
        self.gate = threading.Event()
        self._failed = False

    def start(
        self,
        *paths: Path,
        sweep: bool = False,
        explained: bool = True,
        model: NamedModel | None = None,
    ) -> Program:
        """A program with this user's settings; sweeps are off unless a test is about them."""
        store = QSettings(str(self.store), QSettings.Format.IniFormat)
        Settings(store).set(table.SWEEP_ENABLED, sweep)
        self.program = Program(self.application, store)
        self._programs.append(self.program)
        self.program.window.resize(1280, 800)
        self.program.start(paths, model)
        self.program.window.activateWindow()
        if explained:
            self.wait_explained()
        return self.program

    @contextmanager
    def at_work(self) -> Iterator[tuple[Program, list[Any]]]:
        """A program that hears of what nobody catches, and what pytest-qt heard of it after it."""
        self._failed = True
        with self.qtbot.capture_exceptions() as caught:
            before = sys.excepthook
            self.start()
            try:
                yield self.program, caught
            finally:
                self.leave()
            assert sys.excepthook is before

    def until(self, met: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(met, timeout=WAIT_MS)

    def wait_explained(self) -> None:
        state = self.program.state
        self.until(lambda: state.explanation is not None and not state.computing)
        self.settle()

    def wait_layer(self, layer: str) -> None:
        self.until(lambda: self.layer == layer and not self.program.state.computing)

    def settle(self) -> None:
        controller = self.program.controller
        self.until(lambda: not (controller.engine_lane.running or controller.file_lane.running))

    @property
    def layer(self) -> str:
        explanation = self.program.state.explanation
        return explanation.layer if explanation is not None else ""

    @property
    def target(self) -> int | None:
        explanation = self.program.state.explanation
        return explanation.target.index if explanation is not None else None

    @property
    def names(self) -> list[str]:
        return [image.name for image in self.program.state.images.values()]

    @property
    def said(self) -> str:
        """What the canvas says to a screen reader: message, caption, notice."""
        return self.program.window.canvas.accessibleDescription()

    def press(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Modifier.NoModifier) -> None:
        QTest.keyClick(QApplication.focusWidget() or self.program.window, key, modifiers)

    def type(self, text: str) -> None:
        QTest.keyClicks(QApplication.focusWidget(), text)

    def tree(self) -> QAbstractItemView:
        return child(self.program.window.tree, QAbstractItemView)

    def focus_tree(self) -> None:
        self.tree().setFocus()
        self.until(self.tree().hasFocus)

    def drop(self, mime: QMimeData, on: QWidget | None = None) -> str:
        """Drag over a widget and let go; the hint that was shown before."""
        window = self.program.window
        target = on if on is not None else window
        middle = target.rect().center()
        copy, left, none = (
            Qt.DropAction.CopyAction,
            Qt.MouseButton.LeftButton,
            Modifier.NoModifier,
        )
        enter = QDragEnterEvent(middle, copy, mime, left, none)
        QApplication.sendEvent(target, enter)
        assert enter.isAccepted()
        hint = window.canvas._drop_hint
        drop = QDropEvent(QPointF(middle), copy, mime, left, none)
        QApplication.sendEvent(target, drop)
        assert window.canvas._drop_hint == ""
        return hint

    def dialog(self, kind: type[W]) -> W:
        """The one that is open; one that was closed just now may still be there."""

        def shown() -> list[W]:
            return [one for one in self.program.window.findChildren(kind) if one.isVisible()]

        self.until(lambda: bool(shown()))
        (found,) = shown()
        return found

    def leave(self) -> None:
        """Close the window and let go of it."""
        self.gate.set()
        program = self.program
        program.window.close()
        assert not program.controller.engine_lane.alive
        assert not program.controller.file_lane.alive
        for thing in (program.window, program.controller, program.state, program.settings):
            thing.deleteLater()
        self._programs.remove(program)

    def leave_all(self) -> None:
        for program in list(self._programs):
            self.program = program
            self.leave()
        if self._failed:
            # What was under way when something failed is kept by the traceback, in cycles. Another
            # test's lane would collect it otherwise, and Qt's timers may not end on its thread.
            gc.collect()
        # Now, not when the test's last fixture looks: a theme set in between dresses it all again.
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        self._make_room()

    def _make_room(self) -> None:
        """Free what closed programs leave in cycles, now and then: 20 MB each, of which Python sees
        a few objects only, so that it would wait until there are hundreds of them."""
        User.closed += 1
        if User.closed % _ROOM_FOR == 0:
            gc.collect()


def child(parent: QObject, kind: type[W]) -> W:
    found = parent.findChild(kind)
    assert isinstance(found, kind)
    return found


def files(*paths: Path, text: bool = False) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    if text:
        mime.setText("\n".join(str(path) for path in paths))
    return mime

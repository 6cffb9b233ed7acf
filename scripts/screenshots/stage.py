"""One running program to take pictures of: started, driven and waited for, then closed.

Everything goes through the program's own parts: models come in by its model job, images by its
file lane. Only the source of the models is extended, so that the odd states can be shown without
foreign files.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QEventLoop,
    QMimeData,
    QObject,
    QPoint,
    QSettings,
    Qt,
    QTimer,
    QUrl,
    Signal,
)
from PySide6.QtGui import QDragEnterEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLineEdit, QTreeView, QWidget

from engine.loading.adjustments import Adjustment
from engine.records.sources import ModelSource
from gui.app.program import Program
from gui.controllers.models import FIRST_MODEL, PHOTO_MODEL
from gui.presenters.first_hints import FIRST_HINTS
from gui.presenters.notices import FOREIGN_HINT
from gui.settings import table
from gui.settings.store import Settings
from gui.toolkit import theme
from gui.widgets.layers.model import LayerModel
from scripts.screenshots.staging import on_ground, own_places

_SECONDS = 60
# Timers inside the widgets (the busy line, the status bar's delay) tell nobody when they end.
_LOOK_AGAIN_MS = 50


class _Hub(QObject):
    """Anything happened."""

    changed = Signal()


class Stage:
    """A program with settings of its own. Use it in a with statement."""

    def __init__(self, application: QApplication, look: str, size: tuple[int, int]) -> None:
        self.application = application
        # A fixed name, since error messages show where a file lies.
        self.folder = Path(tempfile.gettempdir()) / "hookscope-pictures"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self._patches = own_places(self.folder / "kept")
        store = QSettings(str(self.folder / "settings.ini"), QSettings.Format.IniFormat)
        settings = Settings(store)
        settings.set(table.THEME, look)
        for hint in (FOREIGN_HINT, *FIRST_HINTS):
            settings.mark_hint_seen(hint)
        self.program = Program(application, store)
        self.window = self.program.window
        self.state = self.program.state
        self.controller = self.program.controller
        self.window.resize(*size)
        # The offscreen screen is smaller than what is staged, and the first columns fit the screen.
        self.window.columns.fit(self.window.width())
        self._thumbnails_fresh = False
        self.strip_pictures = 0
        self._hub = _Hub()
        self._listen()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_error: object) -> None:
        self.window.close()
        self.application.setStyleSheet("")
        self.window.deleteLater()
        self._patches.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _listen(self) -> None:
        state, controller = self.state, self.controller
        heard: tuple[Any, ...] = (
            state.image_updated, state.current_changed, state.engine_changed, state.model_changed,
            state.answer_changed, state.sweep_changed, state.computing_changed, state.noticed,
            controller.sweeper.thumbnails_ready, controller.images.thumbnail_ready,
            controller.engine_lane.idle, controller.file_lane.idle, self.window.first_painted,
            controller.trusting.changed,
        )  # fmt: skip
        state.sweep_changed.connect(self._new_sweep)
        controller.sweeper.thumbnails_ready.connect(self._thumbnails_came)
        controller.images.thumbnail_ready.connect(self._count_pictures)
        for signal in heard:
            signal.connect(lambda *_: self._hub.changed.emit())

    def _thumbnails_came(self, _drawn: object) -> None:
        self._thumbnails_fresh = True

    def _new_sweep(self) -> None:
        self._thumbnails_fresh = False

    def _count_pictures(self, _key: str, _image: QImage) -> None:
        self.strip_pictures += 1

    # --- waiting ---------------------------------------------------------------------------------

    def until(self, ready: Callable[[], bool], what: str) -> None:
        """Let the program run until ready() holds. Raises TimeoutError naming what."""
        loop = QEventLoop()
        late: list[bool] = []

        def look() -> None:
            if ready():
                loop.quit()

        def give_up() -> None:
            late.append(True)
            loop.quit()

        again, end = QTimer(), QTimer()
        again.timeout.connect(look)
        end.setSingleShot(True)
        end.timeout.connect(give_up)
        link = self._hub.changed.connect(lambda: QTimer.singleShot(0, loop, look))
        again.start(_LOOK_AGAIN_MS)
        end.start(1000 * _SECONDS)
        loop.exec()
        self._hub.changed.disconnect(link)
        if late:
            raise TimeoutError(f"no {what} after {_SECONDS} s")

    def settled(self) -> None:
        """Until nothing runs, nothing waits and every thumbnail is drawn."""
        state, controller = self.state, self.controller
        lanes = (controller.engine_lane, controller.file_lane)

        def quiet() -> bool:
            waiting = state.computing or any(lane.running is not None for lane in lanes)
            swept = state.sweep is not None or state.explanation is None
            return not waiting and (swept or not self.sweeping)

        self.until(quiet, "rest")
        if state.sweep is not None:
            self.until(lambda: self._thumbnails_fresh, "thumbnails")
        self.until(quiet, "rest")

    @property
    def sweeping(self) -> bool:
        return self.program.settings.get(table.SWEEP_ENABLED)

    # --- driving ---------------------------------------------------------------------------------

    def start(self, paths: Sequence[Path] = ()) -> None:
        """Start with these files, or with the embedded scenes, and wait for rest."""
        self.program.start(paths)
        self.until(lambda: self.state.info is not None, "model")
        self.settled()

    def open_images(self, paths: Sequence[Path]) -> None:
        """Open files beside those that are open, and wait for rest."""
        self.controller.images.open_paths(paths)
        self.settled()

    def open_model(self, spec: str, weights: Path | None = None) -> None:
        """Open a model as load_model or `models` knows it, and wait for rest."""
        file = str(weights) if weights is not None else None
        self.controller.models.open(ModelSource(spec, file))
        self.until(lambda: self.state.model_loading is None, spec)
        self.settled()

    def drop(self, *paths: Path) -> None:
        """As files that fall on the window, a model among them; wait for rest."""
        opened = self.state.model_source, self.state.model_error
        self.controller.images.open_paths(list(paths))
        self.until(lambda: (self.state.model_source, self.state.model_error) != opened, "model")
        self.settled()

    def drop_for_question(self, path: Path) -> QDialog:
        """As a file that falls on the window; returns the dialog that asks about it."""
        self.controller.images.open_paths([path])
        name = "question about a model"
        self.until(lambda: self.window.findChild(QDialog, name) is not None, "question")
        dialog = self.window.findChild(QDialog, name)
        assert isinstance(dialog, QDialog)
        self.until(dialog.isVisible, "dialog")
        return dialog

    def agree_to(self, path: Path) -> None:
        """As if consent to this Python file had been given before."""
        from engine.errors import ConsentNeeded
        from engine.loading.load import load_model

        try:
            load_model(path)
        except ConsentNeeded as needed:
            self.controller.models.trust(path, needed.sha256)

    def as_the_demo(self) -> None:
        """Feed the open model as the demo is fed, as in the window 'Input and output'."""
        from engine.formats.demo import PREPROCESSING

        self.controller.models.adjust(Adjustment(preprocessing=PREPROCESSING))
        self.until(lambda: self.state.model_settled, "the change")
        self.settled()

    def hover(self, paths: Sequence[Path]) -> None:
        """Files held over the window."""
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        event = QDragEnterEvent(
            self.window.rect().center(),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(self.window, event)

    def choose_layer(self, name: str) -> None:
        """Click a row of the tree, and wait for rest."""
        self.click_layer(name)
        self.settled()

    def click_layer(self, name: str) -> None:
        """Click a row of the tree, its branches being opened first, and wait for nothing."""
        view = self.window.tree.findChild(QTreeView)
        assert isinstance(view, QTreeView)
        model = view.model()
        assert isinstance(model, LayerModel)
        index = model.index_of(name)
        assert index.isValid(), f"no row {name!r}"
        above = index.parent()
        while above.isValid():
            view.expand(above)
            above = above.parent()
        view.scrollTo(index)
        rect = view.visualRect(index)
        place = QPoint(rect.left() + 2 * theme.SPACE, rect.center().y())
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)

    def choose_class(self, label: str) -> None:
        """As a click on a prediction."""
        info = self.state.info
        assert info is not None
        self.controller.choose_class(info.classes.index(label))
        self.settled()

    def choose_image(self, name: str) -> None:
        """As a click in the strip."""
        key = next(key for key, image in self.state.images.items() if image.name == name)
        self.controller.images.select(key)
        self.settled()

    def display(self, **changes: object) -> None:
        """As changes in the display panel."""
        settings = self.program.settings
        self._thumbnails_fresh = False
        settings.set_display(replace(settings.display(), **changes))  # type: ignore[arg-type]
        if self.state.sweep is not None:
            self.until(lambda: self._thumbnails_fresh, "thumbnails")

    def no_sweep(self) -> None:
        self.program.settings.set(table.SWEEP_ENABLED, False)

    def hide_notice(self) -> None:
        self.window.notice.clear()
        # Otherwise a picture that is taken at once still has the room that it took.
        for _ in range(2):
            QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)

    def shoot(self, path: Path, widget: QWidget | None = None) -> None:
        """Save the window, or one of its dialogs, as it stands."""
        shown = widget if widget is not None else self.window
        shown.repaint()
        picture = shown.grab().toImage()
        if widget is not None:
            picture = on_ground(picture, self.window)
        picture.convertToFormat(QImage.Format.Format_RGB888).save(str(path))

    def shoot_with(self, panel: QWidget, path: Path) -> None:
        """Save the window with a panel that is open over it."""
        from PySide6.QtGui import QPainter

        self.window.repaint()
        picture = self.window.grab().toImage()
        painter = QPainter(picture)
        place = self.window.mapFromGlobal(panel.mapToGlobal(QPoint(0, 0)))
        painter.drawImage(place, panel.grab().toImage())
        painter.end()
        panel.close()
        picture.convertToFormat(QImage.Format.Format_RGB888).save(str(path))

    def field(self, panel: QWidget) -> QLineEdit:
        """The text field of a panel."""
        found = panel.findChild(QLineEdit)
        assert isinstance(found, QLineEdit)
        return found

    def without_model(self) -> None:
        """Start as if no model could be opened, and wait for the pictures."""
        models = self.controller.models
        models._not_to_be_had |= {FIRST_MODEL, PHOTO_MODEL}
        with patch.object(models, "open_first"):
            self.program.start()
            self.until(lambda: self.state.engine is not None, "engine")
        self.until(lambda: self.strip_pictures >= len(self.state.images), "pictures in the strip")
        self.settled()

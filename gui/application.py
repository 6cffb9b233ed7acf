"""The composition root: QApplication, exception hook, and who knows whom."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import QLocale, QSettings, Qt, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from engine.errors import HookscopeError
from engine.logs import log_file, release_logging
from engine.version import NAME, VERSION
from gui import settings as table
from gui import theme
from gui.main_window import MainWindow
from gui.settings import Settings

if TYPE_CHECKING:
    from gui.models import NamedModel

_log = logging.getLogger(__name__)

_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


class Shell:
    """The window alone, as it is painted first, and the settings that it is dressed by.

    store: where settings are kept; None for the user's own place.
    """

    def __init__(self, application: QApplication, store: QSettings | None = None) -> None:
        self.settings = Settings(store if store is not None else QSettings())
        theme.apply(application, self.settings.theme())
        self.window = MainWindow()
        self.window.restore_layout(
            self.settings.get(table.WINDOW_GEOMETRY), self.settings.get(table.WINDOW_STATE)
        )


class Program:
    """Everything of one running window, put together round a shell.

    store: where settings are kept, when there is no shell yet; None for the user's own place.
    """

    def __init__(
        self,
        application: QApplication,
        store: QSettings | None = None,
        shell: Shell | None = None,
    ) -> None:
        # Imported here, so that the shell is painted before them.
        from gui.controller import Controller
        from gui.garbage import GarbageCollector
        from gui.handlers import Handlers
        from gui.notices import Notices
        from gui.presenter import Presenter
        from gui.state import State

        self.application = application
        shell = shell if shell is not None else Shell(application, store)
        self.settings = shell.settings
        self.window = shell.window
        self.window.complete()
        self.state = State()
        self.controller = Controller(self.state, self.settings)
        self.garbage = GarbageCollector(self.window)
        self.presenter = Presenter(self.window, self.state, self.controller, self.settings)
        self.notices = Notices(self.window, self.state, self.controller.models, self.settings)
        self.handlers = Handlers(self.window, self.state, self.controller, self.settings)
        self.window.closing.connect(self.close)
        self.state.engine_changed.connect(
            self.garbage.settle, Qt.ConnectionType.SingleShotConnection
        )
        self._old_hook = sys.excepthook
        self._closed = False
        sys.excepthook = self._unexpected

    def start(self, paths: Sequence[Path] = (), model: NamedModel | None = None) -> None:
        """Show the window; once it is painted, load the engine and open things."""
        if self.window.painted:
            self.controller.start(paths, model)
            return
        self.window.first_painted.connect(lambda: self.controller.start(paths, model))
        self.window.show()

    def close(self) -> None:
        """Remember the layout, stop the work, wait for the threads."""
        if self._closed:
            return
        self._closed = True
        geometry, state = self.window.save_layout()
        self.settings.set(table.WINDOW_GEOMETRY, geometry)
        self.settings.set(table.WINDOW_STATE, state)
        self.settings.sync()
        self.controller.close()
        self.garbage.stop()
        sys.excepthook = self._old_hook

    def _unexpected(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        from gui.state import NoticeKind

        _log.critical("unexpected failure", exc_info=(kind, error, trace))
        self.state.notify(
            NoticeKind.ERROR,
            f"Something went wrong inside the program; the log has it: {log_file()}",
        )
        self._old_hook(kind, error, trace)


def create_application(arguments: Sequence[str] = ()) -> QApplication:
    """The QApplication with the program's name and manners.

    Raises HookscopeError on Linux where no display is named: Qt itself would abort.
    """
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in named):
        raise HookscopeError(
            "there is no display for the window; use 'explain', or set QT_QPA_PLATFORM=offscreen"
        )
    application = QApplication([NAME, "-style", theme.STYLE, *arguments])
    application.setProperty(theme.STYLED, True)
    application.setApplicationName(NAME)
    application.setOrganizationName(NAME)
    application.setApplicationVersion(VERSION)
    application.setDesktopFileName(NAME.lower())
    # Numbers read the same in the window, in exports and in the log.
    QLocale.setDefault(QLocale.c())
    qInstallMessageHandler(_log_qt_message)
    return application


def main(arguments: Sequence[str]) -> int:
    """Run the window with these files and this model opened; returns the exit code."""
    files, model = _parsed(arguments)
    application = create_application()
    shell = Shell(application)
    # Queued: the paint event is over, and its picture on the screen, before the rest is made.
    shell.window.first_painted.connect(
        lambda: _begin(application, shell, files, model), Qt.ConnectionType.QueuedConnection
    )
    signal.signal(signal.SIGINT, lambda *_: (shell.window.close(), application.exit(130)))
    shell.window.show()
    return int(application.exec())


def _begin(
    application: QApplication, shell: Shell, files: Sequence[Path], model: NamedModel | None
) -> None:
    release_logging()
    Program(application, shell=shell).start(files, model)


def _parsed(arguments: Sequence[str]) -> tuple[list[Path], NamedModel | None]:
    if not arguments:
        return [], None
    from engine import suffixes
    from engine.commands import Parser
    from engine.model_options import add_source, source_of, trusted_files
    from engine.sources import ModelSource
    from gui.models import NamedModel

    parser = Parser(prog=NAME.lower())
    parser.add_argument("files", nargs="*", type=Path, help="images, folders and models to open")
    parser.add_argument("--model", help="model to open: a name or a file")
    add_source(parser)
    options = parser.parse_args(list(arguments))
    models = [path for path in options.files if suffixes.is_model(path)]
    if options.model is None and not models:
        return list(options.files), None
    names = [path for path in options.files if suffixes.is_class_names(path)]
    if options.model is None:
        found = ModelSource.among(models)
        assert found is not None
        options.model = found.spec
        options.weights = options.weights or (Path(found.weights) if found.weights else None)
    options.classes = options.classes or next(iter(names), None)
    files = [path for path in options.files if path not in (*models, *names)]
    return files, NamedModel(source_of(options), trusted_files(options))


def _log_qt_message(kind: QtMsgType, _context: object, message: str) -> None:
    if kind == QtMsgType.QtFatalMsg:
        # Qt ends the process after this.
        release_logging()
    logging.getLogger("qt").log(_LEVELS.get(kind, logging.INFO), "%s", message)

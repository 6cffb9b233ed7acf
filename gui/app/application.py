"""Starts the graphical program: QApplication, command-line arguments, single instance."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QLocale, Qt, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from engine.errors import HookscopeError
from engine.process import ending
from engine.process.logs import release_logging
from engine.version import NAME, VERSION
from gui.app.closer import Closer
from gui.app.instance import ACTIVATION, Instance, OpenRequest
from gui.app.program import Program, Shell
from gui.toolkit import theme

if TYPE_CHECKING:
    from gui.app.relay import FileEvents

_log = logging.getLogger(__name__)

_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


def create_application(arguments: Sequence[str] = ()) -> QApplication:
    """Create the QApplication, with the name and message handler of the program.

    Raises HookscopeError on Linux if no display is set, where Qt itself would abort.
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
    # Numbers have the same format in the window, in exports and in the log.
    QLocale.setDefault(QLocale.c())
    qInstallMessageHandler(_log_qt_message)
    return application


def main(arguments: Sequence[str]) -> int:
    """Run the window with the given files and model; returns the exit code.

    If a window is already open, it opens them instead, unless --new-window is given.
    """
    request, apart = _parsed(arguments)
    application = create_application()
    instance = None if apart else Instance()
    if instance is not None and not instance.claim():
        instance.let_come_to_the_front()
        if _handed_over(instance, request):
            return 0
        if not instance.claim():
            _log.warning("another window does not answer: this start opens one of its own")
            instance = None
    events = _file_events(application) if sys.platform == "darwin" else None
    shell = Shell(application)
    # Queued, so that the first frame is on the screen before the rest is created.
    shell.window.first_painted.connect(
        lambda: _begin(application, shell, request, instance, events),
        Qt.ConnectionType.QueuedConnection,
    )
    closer = Closer(shell.window, application)
    shell.window.show()
    try:
        code = int(application.exec())
        return ending.code_of_signal() or code
    finally:
        closer.stop()
        if instance is not None:
            instance.release()


def _file_events(application: QApplication) -> FileEvents:
    """Created before the event loop runs, because earlier events would be lost."""
    from gui.app.relay import FileEvents

    return FileEvents(application)


def _handed_over(instance: Instance, request: OpenRequest) -> bool:
    """Whether the open window took the request; it may be closing, which frees the claim."""
    from gui.app.relay import send

    return send(instance.place, request, meanwhile=instance.claim)


def _begin(
    application: QApplication,
    shell: Shell,
    request: OpenRequest,
    instance: Instance | None,
    events: FileEvents | None,
) -> None:
    """Complete the program once the window is painted.

    instance: the single-instance claim, None for an additional window. events: the source of the
    macOS file-open events.
    """
    release_logging()
    from engine.process import faults
    from engine.reader import client
    from gui.app.relay import listen

    # Started now, in parallel with the rest of the window, so that the first image need not wait.
    client.warm()

    faults.clear_up()
    receiver = listen(instance, shell.window) if instance is not None else None
    if receiver is not None:
        # Connected first: requests that arrive while the threads are joined would be lost.
        shell.window.closing.connect(receiver.close)
    remembers = instance is not None and instance.remembers
    program = Program(application, shell=shell, fault=faults.take_over() if remembers else None)
    if receiver is not None:
        receiver.received.connect(program.open)
    program.start(request.files, request.model)
    if events is not None:
        events.received.connect(program.open)
        events.start()


def _parsed(arguments: Sequence[str]) -> tuple[OpenRequest, bool]:
    """What to open, and whether in a separate window."""
    activation = os.environ.get(ACTIVATION, "")
    if not arguments:
        return OpenRequest(activation=activation), False
    from cli.arguments import Parser
    from cli.entry import check_names
    from cli.options import add_source, source_of, trusted_files
    from cli.preprocessing import require_no_preprocessing
    from engine.files import suffixes
    from engine.records.sources import ModelSource
    from gui.controllers.models import NamedModel

    parser = Parser(prog=NAME.lower())
    parser.add_argument("files", nargs="*", type=Path, help="images, folders and models to open")
    parser.add_argument("--model", help="model to open: a name or a file")
    parser.add_argument(
        "--new-window", action="store_true", help="open a separate window even if one is open"
    )
    add_source(parser)
    options = parser.parse_args(list(arguments))
    check_names(vars(options).values())
    models = [path for path in options.files if suffixes.is_model(path)]
    if options.model is None and not models:
        require_no_preprocessing(options)
        return OpenRequest(tuple(options.files), None, activation), options.new_window
    names = [path for path in options.files if suffixes.is_class_names(path)]
    if options.model is None:
        found = ModelSource.among(models)
        assert found is not None
        options.model = found.spec
        options.weights = options.weights or (Path(found.weights) if found.weights else None)
    options.classes = options.classes or next(iter(names), None)
    files = tuple(path for path in options.files if path not in (*models, *names))
    model = NamedModel(source_of(options), trusted_files(options))
    return OpenRequest(files, model, activation), options.new_window


def _log_qt_message(kind: QtMsgType, _context: object, message: str) -> None:
    if kind == QtMsgType.QtFatalMsg:
        # Qt ends the process after this.
        release_logging()
    logging.getLogger("qt").log(_LEVELS.get(kind, logging.INFO), "%s", message)

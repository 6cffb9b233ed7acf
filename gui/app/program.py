"""Assembles one running window: the shell that is painted first, then all other components."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSettings, Qt
from PySide6.QtWidgets import QApplication

from gui.app.instance import OpenRequest, use_activation
from gui.settings import table
from gui.settings.store import Settings
from gui.toolkit import theme
from gui.toolkit.windows import bring_to_front
from gui.window.main_window import MainWindow

if TYPE_CHECKING:
    from engine.records.exports import ExportChoice
    from gui.controllers.models import NamedModel


class Shell:
    """The bare window, as it is painted first, with the settings that determine its look.

    store: the settings storage; None for the default one of the user.
    """

    def __init__(self, application: QApplication, store: QSettings | None = None) -> None:
        self.store = store if store is not None else QSettings()
        self.settings = Settings(self.store)
        theme.apply(application, self.settings.theme())
        self.window = MainWindow()
        self.window.restore_layout(
            self.settings.get(table.WINDOW_GEOMETRY), self.settings.get(table.WINDOW_STATE)
        )
        self.window.first_painted.connect(_load_torch_ahead)


def _load_torch_ahead() -> None:
    """Load torch's libraries in parallel with the rest of the window."""
    from engine.lazy import pytorch

    pytorch.begin()


class Program(QObject):
    """All components of one running window, built around a shell and living as long as it.

    store: the settings storage if there is no shell yet; None for the default one of the user.
    fault: the trace of a crash of the last run, see engine.process.faults; None for an additional
    window, which does not record its session.
    """

    def __init__(
        self,
        application: QApplication,
        store: QSettings | None = None,
        shell: Shell | None = None,
        fault: str | None = "",
    ) -> None:
        # Imported here, so that the shell is painted first.
        from gui.app.recovery import LastTime, record_file
        from gui.controllers.controller import Controller
        from gui.diagnostics.crashes import Crashes
        from gui.handlers.connections import Handlers
        from gui.presenters.edits import EditPresenter
        from gui.presenters.first_hints import FirstHints
        from gui.presenters.folder.figures import FigurePresenter
        from gui.presenters.folder.rows import FolderPresenter
        from gui.presenters.inspector import InspectorPresenter
        from gui.presenters.methods import MethodPresenter
        from gui.presenters.notices import Notices
        from gui.presenters.panes import PanePresenter
        from gui.presenters.presenter import Presenter
        from gui.presenters.questions import QuestionPresenter
        from gui.presenters.trust import TrustPresenter
        from gui.state.state import State
        from gui.toolkit.garbage import GarbageCollector

        shell = shell if shell is not None else Shell(application, store)
        super().__init__(shell.window)
        self.application = application
        self.settings = shell.settings
        self.window = shell.window
        self.window.complete()
        self.settings.setParent(self.window)
        self.state = State(self)
        self.controller = Controller(self.state, self.settings, self)
        self.garbage = GarbageCollector(self.window)
        self.presenter = Presenter(self.window, self.state, self.controller, self.settings)
        self.panes = PanePresenter(self.window, self.state, self.controller, self.settings)
        self.edits = EditPresenter(self.window, self.state, self.controller)
        self.methods = MethodPresenter(self.window, self.state, self.settings)
        self.questions = QuestionPresenter(self.window, self.state, self.settings)
        self.notices = Notices(self.window, self.state, self.controller.models, self.settings)
        self.folder = FolderPresenter(
            self.window, self.state, self.controller.folders, self.settings
        )
        self.folder_figures = FigurePresenter(
            self.window,
            self.controller.folders,
            self.controller.folder_figures,
            self.controller.clustering,
            self.settings,
        )
        self.inspector = InspectorPresenter(
            self.window, self.state, self.controller.inspections, self.settings
        )
        self.trust = TrustPresenter(self.window, self.state, self.controller.trusting)
        self.handlers = Handlers(
            self.window, self.state, self.controller, self.settings, self._beside
        )
        self.window.closing.connect(self.close)
        self.state.engine_changed.connect(
            self.garbage.settle, Qt.ConnectionType.SingleShotConnection
        )
        self.hints = FirstHints(self.window, self.state, self.settings)
        self.crashes = Crashes(self.window, self.state)
        self.last_time: LastTime | None = None
        if fault is not None:
            self.last_time = LastTime(
                self.window,
                self.state,
                self.controller,
                self.settings,
                record_file(shell.store),
                fault,
            )
        self._closed = False

    def start(self, paths: Sequence[Path] = (), model: NamedModel | None = None) -> None:
        """Show the window; once it is painted, load the engine and open the files and the model."""
        if self.window.painted:
            self._begin(paths, model)
            return
        self.window.first_painted.connect(lambda: self._begin(paths, model))
        self.window.show()

    def _begin(self, paths: Sequence[Path], model: NamedModel | None) -> None:
        session = None
        if self.last_time is not None:
            session = self.last_time.take(paths, model is not None)
        self.controller.start(paths, model, session)
        if self.last_time is not None:
            self.last_time.offer()

    def export(self, choice: ExportChoice) -> None:
        """Export the current view, as File > Export does after its dialogs."""
        self.handlers.saver.export_as(choice)

    def _beside(self, store: QSettings) -> Program:
        """A second program in this process, which does not record its session."""
        return Program(self.application, store, fault=None)

    def open(self, request: OpenRequest) -> None:
        """Open what a later start requested, and raise the window."""
        if request.files:
            self.controller.images.open_paths(request.files)
        if request.model is not None:
            self.controller.models.open_named(request.model)
        use_activation(request.activation)
        bring_to_front(self.window)
        # Some desktops let no window raise itself; then its taskbar entry asks for attention.
        self.application.alert(self.window)

    def close(self) -> None:
        """Save the layout, stop all jobs and join the threads."""
        if self._closed:
            return
        self._closed = True
        if self.last_time is not None:
            # First, since a signal leaves little time.
            self.last_time.close()
        geometry, state = self.window.save_layout()
        self.settings.set(table.WINDOW_GEOMETRY, geometry)
        self.settings.set(table.WINDOW_STATE, state)
        self.settings.sync()
        self.controller.close()
        self.garbage.stop()
        self.crashes.stop()

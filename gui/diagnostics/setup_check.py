"""Help > Check installation: runs the walkthrough of the self-test in a second window."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, QTimer

from engine.process import ending
from engine.process.logs import log_file
from gui.diagnostics.crashes import Crashes
from gui.diagnostics.measures import Record, Step, StepFailed
from gui.diagnostics.report import report
from gui.diagnostics.walkthrough import STEPS, Walked, Walkthrough
from gui.settings import table
from gui.settings.store import Settings
from gui.state.state import State
from gui.toolkit.windows import bring_to_front
from gui.widgets.dialogs.setup_check import CheckDialog
from gui.window.main_window import MainWindow

_KEPT = "remember"
_STEPS = {**STEPS, _KEPT: "Write settings and log"}
_TITLE = "Installation check: "


class Checkup(QObject):
    """Runs the walkthrough on request, one at a time.

    second: creates another program in this process, with the settings of a given store.
    """

    def __init__(
        self,
        window: MainWindow,
        state: State,
        settings: Settings,
        second: Callable[[QSettings], Walked],
    ) -> None:
        super().__init__(window)
        self._second = second
        self._window = window
        self._state = state
        self._settings = settings
        self._walk: Walkthrough | None = None
        self._begun = ""
        self._given_up = False
        self._dialog = CheckDialog(_STEPS, window)
        # Queued: the walkthrough runs nested event loops, which must not run inside a click.
        self._dialog.start_wanted.connect(lambda: QTimer.singleShot(0, self, self.run))
        self._dialog.stop_wanted.connect(self.stop)
        window.closing.connect(self.stop)

    def show(self) -> None:
        """Show the dialog from which the walkthrough is started."""
        bring_to_front(self._dialog)

    def run(self) -> None:
        """Run all steps and show the results in the dialog."""
        if self._walk is not None:
            return
        record = Record()
        self._begun, self._given_up = "", False
        failures = Crashes.seen
        record.begun.connect(self._begin)
        record.taken.connect(self._taken)
        self._dialog.begin()
        with ExitStack() as stack:
            # Whatever happens, the dialog must not wait forever.
            stack.callback(lambda: self._tell(record, Crashes.seen - failures))
            folder = Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(prefix="hookscope-", ignore_cleanup_errors=True)
                )
            )
            # A signal ends the process without unwinding this stack.
            stack.callback(ending.at_exit(lambda: shutil.rmtree(folder, ignore_errors=True)))
            program = self._program(folder)
            stack.callback(program.window.deleteLater)
            stack.callback(program.window.close)
            walk = self._walk = Walkthrough(program, folder, record)
            stack.callback(self._forget)
            program.window.closing.connect(lambda: self._give_up(walk))
            # Keep the steps visible and Stop within reach.
            program.window.first_painted.connect(self._dialog.raise_)
            if walk.run():
                record.take(_KEPT, self._remember)

    def stop(self) -> None:
        """Cancel a running walkthrough and close its window."""
        if self._walk is not None:
            self._walk.program.window.close()

    def _program(self, folder: Path) -> Walked:
        """A program with settings of its own, except for the theme, which all windows share."""
        store = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
        Settings(store).set(table.THEME, self._settings.theme())
        program = self._second(store)
        program.window.title_prefix = _TITLE
        return program

    def _give_up(self, walk: Walkthrough) -> None:
        """The window was closed: by the last step, by the user, or after the walkthrough."""
        self._given_up |= self._walk is walk and len(walk.record.steps) < len(STEPS) - 1
        walk.waiter.give_up("stopped")

    def _forget(self) -> None:
        self._walk = None

    def _begin(self, name: str) -> None:
        self._begun = name
        self._dialog.show_begun(name)

    def _taken(self, step: Step) -> None:
        stopped = self._given_up and not step.ok
        detail = "stopped" if stopped else f"{step.detail} · {step.seconds:.2f} s"
        self._dialog.show_step(step.name, "ok" if step.ok else "" if stopped else "failed", detail)

    def _tell(self, record: Record, failures: int) -> None:
        failed = next((step for step in record.steps if not step.ok), None)
        log = f"see the log: {log_file()}"
        if failures:
            verdict = f"An unexpected error occurred during the check; {log}"
        elif failed is None and len(record.steps) == len(_STEPS):
            verdict = "Everything works."
        elif failed is None:
            last = f"at '{_STEPS[self._begun]}'" if self._begun else "before its first step"
            verdict = f"The check itself was interrupted {last}; {log}"
        elif self._given_up:
            verdict = "Stopped. All steps up to then passed."
        else:
            verdict = f"Failed: {_STEPS[failed.name]}. {failed.detail}"
        steps = (f"{'ok' if s.ok else 'FAILED'}  {s.name}: {s.detail}" for s in record.steps)
        figures = (f"{name}: {value}" for name, value in record.figures.items())
        self._dialog.end(verdict, report(self._state, "\n".join([verdict, *steps, *figures])))

    def _remember(self) -> str:
        """Check that settings and log can be written. Raises StepFailed."""
        self._settings.sync()
        where = self._settings.fault()
        if where:
            raise StepFailed(where)
        try:
            log_file().stat()
        except OSError as error:
            raise StepFailed(f"{log_file()} is missing: {error.strerror}") from error
        return log_file().name

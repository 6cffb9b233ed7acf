"""The record of what is open, from which the next start opens it again.

It is a session file (engine.keeping) in the user's data folder. After an orderly end it is opened
again without a word, and after a crash, the user is asked.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QMutex, QMutexLocker, QObject, QSettings

from engine.errors import HookscopeError
from engine.files import presence
from engine.files.suffixes import SESSION, is_session
from engine.keeping import files, generations
from engine.keeping.pixels import MOST_AUTOMATIC
from engine.keeping.records import KeptPane, KeptSession, Run
from engine.process import ending
from engine.records.views import View
from gui.controllers.controller import Controller
from gui.controllers.keeping.capturing import listed, title_of
from gui.diagnostics.report import report
from gui.jobs.lanes import Job, Priority
from gui.settings import table
from gui.settings.store import Settings
from gui.state.notices import NoticeKind
from gui.state.state import State
from gui.widgets.dialogs.crash import CrashDialog
from gui.window.main_window import MainWindow

_log = logging.getLogger(__name__)

_MARKED_WITHIN_MS = 300
_HEADING = "Hookscope was not closed properly last time"
_STILL = "The last session can still be reopened"


def record_file(store: QSettings) -> Path:
    """The session record: next to the settings file, or else in the user's data folder."""
    if store.format() is QSettings.Format.IniFormat:
        return Path(store.fileName()).with_suffix(f".open{SESSION}")
    return generations.default_place()


class LastTime(QObject):
    """Keeps the session record while the program runs, and opens that of the last run.

    record: its file. fault: the trace of a crash of the last run, see engine.process.faults.
    """

    def __init__(
        self,
        window: MainWindow,
        state: State,
        controller: Controller,
        settings: Settings,
        record: Path,
        fault: str,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._controller = controller
        self._settings = settings
        self._record = record
        self._fault = fault
        self._mark = generations.mark_of(record)
        self._closed = False
        self._shifted = False
        self._marking = QMutex()
        self._last = generations.latest(record)
        self._crashed = presence.exists(self._mark)
        # A signal leaves little time: a busy window may not come to close().
        self._forget_exit = ending.at_exit(self._leave)
        self._written: KeptSession | None = None
        self._told = 0
        controller.sessions.settled.connect(self._write)
        # If the user moves on, the selection of the last session is no longer wanted.
        for gesture in (
            window.strip.image_chosen,
            window.tree.layer_chosen,
            window.predictions.class_chosen,
            window.dropped,
        ):
            gesture.connect(controller.sessions.restorer.let_go)

    def take(self, paths: Sequence[Path], named_model: bool) -> KeptSession | None:
        """What the last run had open when it was closed, to be opened at once; None if there is
        nothing, if it ended badly, or if the user does not want it.

        paths, named_model: what this start is to open; a model is opened in place of the last one.
        """
        last = self._last
        if last is None or self._crashed:
            return None
        self._last = None
        if not self._settings.get(table.RESTORE) or any(map(is_session, paths)):
            self._controller.sessions.offer_back(last)
            return None
        if not last.images and last.folder is None:
            return None
        if named_model:
            panes = (KeptPane(View(last.current, "")),) if last.current else ()
            last = replace(last, models=(), panes=panes, active=0)
        return last

    def offer(self) -> None:
        """If the last run did not exit cleanly, say so and offer to reopen its session."""
        last = self._last
        title = title_of(last) if last is not None else ""
        if last is None or not (title or self._fault):
            self._last = None
            return
        text = f"Open at that time: {title}." if title else "Only the demo was open."
        what = f"{self._fault}\n\n{_log_words()}" if self._fault else ""
        told = report(self._state, what) if what else ""
        put_off = last.run is not None and last.run.put_off
        heading = _STILL if put_off and not self._fault else _HEADING
        dialog = CrashDialog(heading, text, told, "Reopen" if title else "", self._window)
        dialog.reopen_wanted.connect(self.reopen)
        dialog.rejected.connect(self._decline)
        dialog.show()

    def reopen(self) -> None:
        """Reopen the last session, besides the images that the user has opened meanwhile."""
        last, self._last = self._last, None
        if last is None:
            return
        run = last.run or Run()
        file = Path(run.file) if run.file else None
        self._controller.sessions.take(last, file, unsaved=run.unsaved, replacing=False)

    def close(self) -> None:
        """Clean exit: remove the mark of a running program. An offer that was not answered is kept
        for the next start. The lane writes what has changed last before it is closed."""
        last, self._closed = self._last, True
        self._forget_exit()
        if last is not None:
            run = last.run or Run()
            if not run.put_off:
                self._submit(replace(last, run=replace(run, put_off=True)), shift=False)
            return
        # The process may end at any moment from now on; a disk that does not answer is not waited
        # for.
        waited = self._marking.tryLock(_MARKED_WITHIN_MS)
        try:
            self._mark.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("%s", error)
        finally:
            if waited:
                self._marking.unlock()
        self._submit(self._with_run(self._controller.sessions.capture()))

    def _leave(self) -> None:
        """The process is ended by a signal, which is no crash. On any thread."""
        if self._last is None:
            self._closed = True
            self._mark.unlink(missing_ok=True)

    def _decline(self) -> None:
        if self._last is not None:
            self._controller.sessions.offer_back(self._last)
        self._last = None
        self._controller.sessions.note_change()

    def _with_run(self, session: KeptSession) -> KeptSession:
        state = self._state
        file = str(state.session) if state.session is not None else ""
        return replace(session, run=Run(False, file, state.unsaved))

    def _write(self, session: KeptSession) -> None:
        """Write the record, unless the user has not yet decided about that of the last run."""
        if self._last is not None or self._closed:
            return
        session = self._with_run(session)
        if session != self._written:
            self._written = session
            self._submit(session)

    def _submit(self, session: KeptSession, *, shift: bool = True) -> None:
        job = Job(
            "Saving the session",
            lambda _watch: self._put(session, shift),
            slot="open now",
            # Ahead of the thumbnails of a folder, any of which may crash the program.
            priority=Priority.CLICK,
            stoppable=False,
            keep=self._closed,
        )
        job.finished.connect(self._tell)
        job.failed.connect(self._not_written)
        self._controller.file_lane.submit(job)

    def _tell(self, left_out: tuple[str, ...]) -> None:
        """Say for which images there is no room, once until there are more of them."""
        if len(left_out) <= self._told or self._closed:
            return
        self._told = len(left_out)
        self._state.notify(
            NoticeKind.WARNING,
            f"Not kept for the next start: {listed(left_out)}. Images without a file may have "
            f"{MOST_AUTOMATIC >> 20} MB in all there; save the session, or save them as files.",
        )

    def _put(self, session: KeptSession, shift: bool) -> tuple[str, ...]:
        """On the file lane. The record of the last run is kept as an earlier one. Returns the
        names of the images for which there was no room. Raises HookscopeError."""
        with QMutexLocker(self._marking):
            if not self._closed:
                self._put_mark()
        if shift and not self._shifted:
            try:
                generations.shift(self._record)
            except OSError as error:
                raise HookscopeError(f"{self._record}: {error.strerror}") from error
            self._shifted = True
        return files.write_with_folder(self._record, session, most=MOST_AUTOMATIC)

    def _put_mark(self) -> None:
        try:
            self._mark.parent.mkdir(parents=True, exist_ok=True)
            self._mark.touch()
        except OSError as error:
            raise HookscopeError(f"{self._mark}: {error.strerror}") from error

    def _not_written(self) -> None:
        self._written = None


def _log_words() -> str:
    from engine.process import faults

    return f"The end of the log:\n{faults.log_tail()}"

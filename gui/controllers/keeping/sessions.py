"""The session that is open: saves it in a file, opens one, and knows whether it is saved.

Reading, writing and checksums have a lane of their own, so that no image waits for them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from engine.errors import HookscopeError
from engine.keeping.folders import KeptFolder
from engine.keeping.pixels import MOST
from engine.keeping.records import KeptFile, KeptSession, Run
from engine.keeping.settings import Apart
from gui.controllers.images import Images
from gui.controllers.keeping.capturing import Capturer, listed
from gui.controllers.keeping.folder_page import FolderKeeper
from gui.controllers.keeping.missing import MissingFiles, paths_of
from gui.controllers.keeping.other_settings import OtherSettings
from gui.controllers.keeping.restoring import Restorer
from gui.controllers.models import Models
from gui.jobs import session_work
from gui.jobs.lanes import Job, Lane
from gui.jobs.session_work import Changed, Opened, Written
from gui.settings.store import Settings
from gui.state.notices import BACK, NoticeKind
from gui.state.state import State

# The images of a folder are added one by one; they make one write.
_SETTLED_AFTER_MS = 300


@dataclass(frozen=True, slots=True)
class _Before:
    """What was open before a session was opened in its place."""

    session: KeptSession
    file: Path | None
    unsaved: bool


class Sessions(QObject):
    """Saves and opens sessions.

    settled(KeptSession): what is open, a moment after it has changed. saved(path): the session has
    been written. busy_changed(Job | None): what is being saved or opened.

    folder_page: takes and opens the folder page; None before there is one.
    """

    settled = Signal(object)
    busy_changed = Signal(object)
    saved = Signal(object)

    def __init__(
        self,
        state: State,
        settings: Settings,
        images: Images,
        models: Models,
        restorer: Restorer,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._capturer = Capturer(state, settings, models)
        self.restorer = restorer
        self.folder_page: FolderKeeper | None = None
        self._lane: Lane | None = None
        self._closed = False
        self._hashes: dict[Path, tuple[tuple[int, int], str]] = {}
        self._written: KeptSession | None = None
        self._named: tuple[Path, bool] | None = None
        self._before: _Before | None = None
        self.others = OtherSettings(state, self._submit, self._reopen, self)
        self.missing = MissingFiles(state, images, restorer, self._submit, self)
        self.missing.located.connect(self.note_change)
        restorer.done.connect(self._restored)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLED_AFTER_MS)
        self._timer.timeout.connect(self._settle)
        for changed in (
            state.image_added,
            state.image_updated,
            state.image_removed,
            state.current_changed,
            state.model_changed,
            state.selection_changed,
            state.answer_changed,
            state.expected_changed,
            state.notes_changed,
            state.edits_changed,
            state.panes_changed,
            state.pane_changed,
            state.pinned_changed,
            state.session_changed,
            settings.changed,
        ):
            changed.connect(self.note_change)

    # --- what is open ----------------------------------------------------------------------------

    def capture(self) -> KeptSession:
        """What is open now; while a session is being restored, that one."""
        pending = self.restorer.pending
        if pending is not None:
            return replace(pending, folder=self._folder())
        return self._captured()

    def _captured(self) -> KeptSession:
        return replace(self._capturer.capture(self._hashes), folder=self._folder())

    def _folder(self) -> KeptFolder | None:
        return self.folder_page.capture() if self.folder_page is not None else None

    def keep_folder(self, page: FolderKeeper) -> None:
        """From now on, sessions have the folder page."""
        self.folder_page = page
        page.changed.connect(self.note_change)

    def note_change(self) -> None:
        """Something that a session has may have changed."""
        # Jobs that are still running while the window closes may change the state.
        if not self._closed:
            self._timer.start()

    def _settle(self) -> None:
        session = self.capture()
        self._look(session)
        self.settled.emit(session)

    def _look(self, session: KeptSession) -> None:
        """Note whether what is open is as the file has it. session: what is open."""
        state = self._state
        if self.restorer.pending is None and state.session is not None:
            self._tell(state.session, not self._is_written(session))

    def _is_written(self, session: KeptSession) -> bool:
        return self._written is not None and self._written.is_alike(session)

    def _tell(self, file: Path | None, unsaved: bool) -> None:
        state = self._state
        if (file, unsaved) != (state.session, state.unsaved):
            state.session, state.unsaved = file, unsaved
            state.session_changed.emit()

    # --- saving ----------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write the session to a file, which it is named after from now on."""
        session = self.capture()
        job = Job(
            f"Saving {path.name}",
            lambda watch: session_work.save(path, session, self._hashes, watch),
            slot="save",
            keep=True,
        )
        job.finished.connect(lambda written: self._saved(written, session))
        job.failed.connect(lambda error: self._state.notify(NoticeKind.ERROR, str(error)))
        self._submit(job)

    def _saved(self, written: Written, session: KeptSession) -> None:
        """session: as it was captured."""
        self._hashes |= written.hashes
        self._settings.add_recent_session(written.path)
        if written.left_out:
            most, names = MOST >> 20, listed(written.left_out)
            self._state.notify(
                NoticeKind.WARNING,
                f"Not in the session: {names}. Images without a file may have {most} MB in all; "
                "save them as files.",
            )
        now = self.capture()
        alike = now.is_alike(session)
        self._written = now if alike else session
        self._tell(written.path, not alike)
        self.saved.emit(written.path)

    # --- opening ---------------------------------------------------------------------------------

    def open(self, path: Path) -> None:
        """Open a session in place of what is open."""
        job = Job(
            f"Opening {path.name}",
            lambda watch: session_work.open_session(path, watch),
            slot="open",
            reading=path.name,
        )
        job.finished.connect(self._opened)
        job.failed.connect(lambda error: self._failed(path, error))
        self._submit(job)

    def _opened(self, opened: Opened) -> None:
        before = self._here()
        self._settings.add_recent_session(opened.path)
        self.take(opened.session, opened.path, missing=opened.missing, apart=opened.apart)
        self._before = before
        if before.session.images or before.session.folder is not None:
            words = f"Opened {opened.path.name}."
            self._state.notify(NoticeKind.INFO, words, BACK)
        self._state.warn((*opened.left, *opened.faults))
        self._check(opened.session)

    def _reopen(self) -> None:
        """Open what is open once more, models as well."""
        state, before = self._state, self._before
        self.take(self.capture(), state.session, unsaved=state.unsaved, afresh=True)
        self._before = before

    def _failed(self, path: Path, error: HookscopeError) -> None:
        self._settings.forget_recent_session(path)
        self._state.notify(NoticeKind.ERROR, str(error))

    def take(
        self,
        session: KeptSession,
        file: Path | None,
        *,
        unsaved: bool = False,
        replacing: bool = True,
        missing: tuple[KeptFile, ...] = (),
        apart: tuple[Apart, ...] = (),
        afresh: bool = False,
    ) -> None:
        """Have this session open from now on.

        file: that it is saved in, None for none. missing: what is not where it was. apart: models
        that have other settings here. afresh: models that are open are opened again.
        """
        self._named = (file, unsaved) if file is not None else None
        self._tell(file, unsaved)
        self._written = self._before = None
        self.missing.note(missing)
        if not afresh:
            self.others.note(apart)
            if self.folder_page is not None and (replacing or session.folder is not None):
                self.folder_page.restore(session.folder)
        lacking = paths_of(missing)
        self.restorer.restore(session, replacing=replacing, missing=lacking, afresh=afresh)

    def _restored(self) -> None:
        """What is open now is what the file has, unless there were changes before."""
        if self._named is not None and not self._named[1]:
            self._written = self._captured()
        self._named = None
        self.others.say_which()
        self.note_change()

    def _here(self) -> _Before:
        return _Before(self.capture(), self._state.session, self._state.unsaved)

    @property
    def can_go_back(self) -> bool:
        """Whether something was open before this session."""
        return self._before is not None

    def offer_back(self, session: KeptSession) -> None:
        """Let go_back open what an earlier run had open."""
        run = session.run or Run()
        if session.images or session.folder is not None:
            self._before = _Before(session, Path(run.file) if run.file else None, run.unsaved)
            self.note_change()

    def go_back(self) -> None:
        """Open again what was open before; once more comes back here."""
        before, here = self._before, self._here()
        if before is not None:
            self.take(before.session, before.file, unsaved=before.unsaved)
            self._before = here
            self.note_change()

    # --- what has changed ------------------------------------------------------------------------

    def _check(self, session: KeptSession) -> None:
        """Say which files are not as they were when the session was saved."""
        job = Job(
            "Comparing files",
            lambda watch: session_work.changed_files(session, self._hashes, watch),
            slot="compare",
        )
        job.finished.connect(self._compared)
        self._submit(job)

    def _compared(self, changed: Changed) -> None:
        self._hashes |= changed.hashes
        names = changed.names
        if names:
            what = names[0] if len(names) == 1 else f"{len(names):,} files ({listed(names)})"
            verb = "has" if len(names) == 1 else "have"
            # As the files are spelled; and what was open before can still be gone back to.
            back = BACK if self.can_go_back else ""
            text = f"{what} {verb} changed since the session was saved."
            self._state.notify(NoticeKind.WARNING, text, back)

    # --- work ------------------------------------------------------------------------------------

    @property
    def running(self) -> Job | None:
        return self._lane.running if self._lane is not None else None

    def cancel(self) -> None:
        """Stop saving or opening; a file that is being written stays as it was."""
        if self._lane is not None:
            self._lane.cancel()

    def close(self) -> None:
        """Finish what is being saved, and wait for the lane."""
        self._closed = True
        self._timer.stop()
        if self._lane is not None:
            self._lane.close()

    def _submit(self, job: Job) -> None:
        if self._lane is None:
            self._lane = Lane("sessions", self)
            self._lane.busy_changed.connect(self.busy_changed)
        self._lane.submit(job)

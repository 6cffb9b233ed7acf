"""Models of a session that have other settings here: whose are used is said, and chosen."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from engine.keeping.settings import Apart, use_theirs
from gui.jobs.lanes import Job
from gui.state.notices import USE_OWN, USE_THEIRS, NoticeKind
from gui.state.state import State


class OtherSettings(QObject):
    """submit: a job of the sessions' lane. reopen: opens what is open anew, with its models."""

    def __init__(
        self,
        state: State,
        submit: Callable[[Job], None],
        reopen: Callable[[], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._submit = submit
        self._reopen = reopen
        self._apart: tuple[Apart, ...] = ()
        self._theirs = self._unsaid = False

    def note(self, apart: tuple[Apart, ...]) -> None:
        """A session was opened, with these models; say_which says so once they are open."""
        self._apart, self._theirs, self._unsaid = apart, False, bool(apart)

    def say_which(self) -> None:
        """Say whose settings are used, and offer the other ones; once for each change."""
        if not self._unsaid:
            return
        self._unsaid = False
        parts = "; ".join(f"{one.title}: {', '.join(one.words)}" for one in self._apart)
        used, action = ("the session", USE_OWN) if self._theirs else ("this computer", USE_THEIRS)
        words = f"Session and computer have different settings ({parts}). Those of {used} are used."
        self._state.notify(NoticeKind.WARNING, words, action)

    def turn(self) -> None:
        """Use the session's settings, or if those are used, this computer's again.

        They are saved as the models' own, and the models are opened anew.
        """
        apart = self._apart
        if not apart:
            return
        job = Job("Changing settings", lambda _watch: use_theirs(apart), slot="settings", keep=True)
        job.finished.connect(self._turned)
        job.failed.connect(lambda error: self._state.notify(NoticeKind.ERROR, str(error)))
        self._submit(job)

    def _turned(self, _none: object) -> None:
        self._apart = tuple(one.turned for one in self._apart)
        self._theirs, self._unsaid = not self._theirs, True
        self._reopen()

"""Looks for images in folders and among files that were dropped or chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from gui.jobs.files.finding import Found, scan
from gui.jobs.lanes import Job, Lane, Priority
from gui.state.notices import AS_PAGE, OPEN_MANY, NoticeKind
from gui.state.state import State

MANY = 500
"""More images than this are opened at once only after a question."""

WORTH_A_PAGE = 50
"""A folder with more images is worth a page of its own."""


class Finder(QObject):
    """Sorts files on the file lane. take: opens the images that were found, and selects the one
    with the path, or the first of them.

    model_found(ModelSource), classes_found(path), profile_found(path), session_found(Path),
    paged_found(paths): other files among them, and what opens as a folder page.
    """

    model_found = Signal(object)
    classes_found = Signal(str)
    profile_found = Signal(str)
    session_found = Signal(object)
    paged_found = Signal(object)

    def __init__(
        self,
        state: State,
        lane: Lane,
        take: Callable[[Found, Path | None], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._lane = lane
        self._take = take
        self._next_scan = 0
        self._many: tuple[Found, Path | None] | None = None

    def look(self, paths: Sequence[Path], current: Path | None, *, ask: bool, paged: bool) -> None:
        """Look for what these paths are, as in Images.open_paths."""
        # Ahead of the pending thumbnails of another folder.
        self._next_scan += 1
        job = Job(
            "Searching for images",
            lambda watch: scan(paths, watch, paged=paged),
            slot=f"scan {self._next_scan}",
            priority=Priority.CLICK,
        )
        job.finished.connect(lambda found: self._found(found, current, ask))
        self._lane.submit(job)

    def open_many(self) -> None:
        """Open the images that were asked about."""
        if self._many is not None:
            (found, current), self._many = self._many, None
            self._found(found, current, ask=False)

    def cancel(self) -> None:
        """Stop looking."""
        self._lane.cancel("scan")

    def _found(self, found: Found, current: Path | None, ask: bool) -> None:
        known = self._state.keys_by_path
        fresh = sum(path not in known for path in found.images)
        if ask and fresh > MANY:
            self._ask_about(found, current, fresh)
            found = replace(found, images=(), refused="")
        if found.images:
            self._take(found, current)
        self._announce(found)
        count = len(found.images)
        if found.folder is not None and count > WORTH_A_PAGE:
            said = f"{count:,} images were opened."
            self._state.notify(NoticeKind.HINT, said, AS_PAGE, str(found.folder))
        if found.refused:
            self._state.notify(NoticeKind.WARNING, found.refused)

    def _ask_about(self, found: Found, current: Path | None, count: int) -> None:
        """Say that they are many; open_many then opens them."""
        self._many = replace(found, model=None), current
        said, action = f"These are {count:,} images.", (OPEN_MANY, "")
        if found.folder is not None:
            said += " A folder page shows them as a table with charts."
            action = AS_PAGE, str(found.folder)
        said += " Close this notice to open none of them."
        self._state.notify(NoticeKind.WARNING, said, *action)

    def _announce(self, found: Found) -> None:
        """Tell of what was found beside images."""
        if found.model is not None:
            self.model_found.emit(found.model)
        if found.classes is not None:
            self.classes_found.emit(str(found.classes))
        if found.profile is not None:
            self.profile_found.emit(str(found.profile))
        if found.session is not None:
            self.session_found.emit(found.session)
        if found.paged:
            self.paged_found.emit(found.paged)

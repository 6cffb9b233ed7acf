"""Shows the rows of the open folder, and how far its run is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QImage

from engine.lazy.numpy import np
from engine.methods.registry import find
from gui.controllers.folder.folders import Folders
from gui.controllers.folder.running import fits
from gui.jobs.folder import reading
from gui.jobs.folder.reading import RowPage
from gui.presenters.folder.names import job_name
from gui.settings import table
from gui.settings.store import Settings
from gui.state.folders import FolderView, RunState
from gui.state.notices import NoticeKind
from gui.state.state import State
from gui.window.main_window import MainWindow

if TYPE_CHECKING:
    from gui.widgets.folder.page import FolderPage

_STARTING = "Searching for images…"


class FolderPresenter(QObject):
    """Makes the page when the first folder is opened, and keeps it up to date."""

    def __init__(
        self, window: MainWindow, state: State, folders: Folders, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._folders = folders
        self._settings = settings
        self._page: FolderPage | None = None
        self._view = FolderView()
        folders.opened.connect(self._opened)
        folders.changed.connect(self._show)
        folders.listed.connect(self._show_rows)
        folders.turned.connect(self._turn)
        folders.rows.select_wanted.connect(self._select)
        folders.rows.page_ready.connect(self._show_page)
        folders.rows.page_dropped.connect(self._drop_page)
        folders.rows.picture_ready.connect(self._show_picture)
        for changed in (state.model_changed, state.selection_changed, state.answer_changed):
            changed.connect(self._show)
        settings.changed.connect(self._setting_changed)
        window.actions_by_id["folder_page"].setEnabled(False)

    def _opened(self) -> None:
        folders, window = self._folders, self._window
        window.toolbar.offer_pages(folders.folder is not None)
        window.actions_by_id["folder_page"].setEnabled(folders.folder is not None)
        if folders.folder is None:
            return
        if self._page is None:
            self._page = window.make_folder(_make)
            self._page.rows.seen.connect(self._look)
            self._show_shape()
        page, self._view = self._page, folders.view
        page.model.clear_pictures()
        page.model.set_numbers(reading.no_numbers())
        where = "\n".join(map(str, folders.paths))
        page.head.set_title(folders.title, f"{where}\nIndex: {folders.folder}".strip())
        page.filters.set_fault("")
        self._show()
        self._show_rows()

    def _turn(self) -> None:
        self._window.turn_to(self._folders.page)
        self._window.actions_by_id.check("folder_page", self._folders.page == "folder")
        if self._page is not None and self._folders.page == "folder":
            if self._window.notice.kind == NoticeKind.HINT:
                # It is about the picture.
                self._window.notice.clear()
            self._page.focus_rows()
            self._look()
        elif self._folders.page == "picture":
            self._window.canvas.setFocus()

    # --- head and filters ------------------------------------------------------------------------

    def _show(self) -> None:
        page, folders = self._page, self._folders
        if page is None or folders.folder is None:
            return
        names = [(number, job_name(job)) for number, job in folders.jobs]
        page.head.set_jobs(names, folders.job[0] if folders.job is not None else None)
        page.head.set_run(*self._run_words())
        match = folders.runs.match
        odd = match is not None and match.verdict in ("partial", "unmatched")
        self._window.status.set_labels(
            f"{match.words[:1].upper()}{match.words[1:]}." if odd and match else ""
        )
        page.filters.set_chips([own.text for own in folders.view.filters])
        page.rows.set_order(folders.view.order, folders.view.down)
        newer = folders.newer
        page.filters.set_newer("Update rows" if newer is not None else "")
        self._show_count()

    def _run_words(self) -> tuple[str, float | None, str, str]:
        folders, runs = self._folders, self._folders.runs
        listing, progress = folders.listing, runs.progress
        if runs.state is RunState.FINDING:
            return runs.found_words or _STARTING, 0.0, "", ""
        if runs.state is RunState.WAITING:
            return "Waiting for a model", None, "Pause", ""
        if runs.state is RunState.RUNNING:
            if progress is None:
                return "Preparing…", 0.0, "Pause", ""
            share = progress.done / max(1, progress.total)
            return progress.words, share, "Pause", "Stop for now; what is computed is kept"
        if listing is None:
            return "", None, "", ""
        whole = listing.whole
        words = f"{whole.done:,} of {whole.images:,} images explained"
        if whole.done >= whole.images:
            words = f"{whole.images:,} images"
        if whole.unreadable:
            words += f", {whole.unreadable:,} cannot be read"
        if whole.accuracy is not None:
            words += f"  ·  {100 * whole.accuracy:.1f} % of {whole.labelled:,} labelled are right"
        if self._state.info is None or not whole.images:
            return words, None, "", ""
        return (words, *self._offer(whole.done < whole.images))

    def _offer(self, incomplete: bool) -> tuple[float | None, str, str]:
        """What the button does while nothing runs."""
        folders, state = self._folders, self._state
        info = state.info
        assert info is not None
        listing = folders.listing
        assert listing is not None
        share = listing.whole.done / max(1, listing.whole.images) if incomplete else None
        if folders.job is None:
            return None, "Explain all", "With the model, layer and method that are chosen"
        if fits(state, folders.job[1]):
            return share, "Continue" if incomplete else "", "Explain the images that are missing"
        layer = state.layer or info.default_layer
        tip = f"Explain all with {info.name}, {layer}, {find(state.method).title}"
        return None, "Explain with current", tip

    # --- rows ------------------------------------------------------------------------------------

    def _show_rows(self) -> None:
        page, folders, listing = self._page, self._folders, self._folders.listing
        if page is None or folders.folder is None:
            return
        if listing is None:
            page.set_message(_STARTING)
            return
        rows = page.rows
        chosen = rows.selected_numbers()
        current = rows.view.currentIndex()
        number = page.model.number_at(current.row()) if current.isValid() else None
        before, self._view = self._view, listing.view
        if page.model.set_numbers(listing.numbers):
            if len(chosen) or number is not None:
                rows.select_numbers(chosen, number)
            stays = number is not None and page.model.place_of(number) is not None
            if (listing.view.order, listing.view.down) != (before.order, before.down) or (
                listing.view != before and not stays
            ):
                # Whoever sorts wants to see what comes first.
                rows.view.scrollToTop()
            elif stays:
                rows.view.scrollTo(rows.view.currentIndex())
        if self._is_finding and len(chosen) > 1 and folders.rows.to_select is None:
            folders.rows.to_select = chosen
        self._select()
        page.set_message(self._nothing())
        self._show()
        self._look()

    @property
    def _is_finding(self) -> bool:
        """Whether images are searched for again, which takes rows away for a moment."""
        return self._folders.runs.state is RunState.FINDING

    def _select(self) -> None:
        """Select the rows that were selected when the page was left, once they are listed."""
        page, folders = self._page, self._folders
        numbers, listing = folders.rows.to_select, folders.listing
        if page is None or numbers is None or listing is None or listing.view != folders.view:
            return
        places = np.flatnonzero(np.isin(listing.numbers, numbers))
        if len(places) == len(numbers) or not self._is_finding:
            folders.rows.to_select = None
        if len(places):
            page.rows.select_numbers(numbers, int(listing.numbers[places[0]]))
            page.rows.view.scrollTo(page.rows.view.currentIndex())

    def _nothing(self) -> str:
        """What to say in place of rows; '' if there are any."""
        listing, runs = self._folders.listing, self._folders.runs
        if listing is None or len(listing.numbers):
            return ""
        if listing.view.filters and listing.whole.images:
            return "No image meets all of these filters."
        if runs.state is RunState.FINDING:
            return _STARTING
        return "There are no images here. Drop a folder that has some."

    def _show_count(self) -> None:
        page, listing = self._page, self._folders.listing
        if page is None or listing is None:
            return
        whole, here = listing.whole.images, len(listing.numbers)
        text = f"{whole:,} images" if here == whole else f"{here:,} of {whole:,}"
        accuracy = listing.counts.accuracy
        if here != whole and accuracy is not None:
            text += f" · {100 * accuracy:.1f} % right"
        page.filters.count.show_text(text)

    def _show_page(self, rows: RowPage) -> None:
        if self._page is not None:
            self._page.model.set_page(rows.first, rows.texts)

    def _drop_page(self, first: int) -> None:
        if self._page is not None:
            self._page.model.drop_page(first)

    def _look(self) -> None:
        """Draw the pictures of the rows in sight."""
        page = self._page
        if page is None or self._folders.page != "folder":
            return
        model = page.model
        numbers = [model.number_at(place) for place in page.rows.in_sight()]
        missing = [number for number in numbers if model.picture(number) is None]
        self._folders.rows.want_pictures(numbers, missing)

    def _show_picture(self, number: int, image: QImage) -> None:
        if self._page is not None:
            self._page.model.set_picture(number, image)
            self._page.rows.view.viewport().update()

    def _show_shape(self) -> None:
        page, shape = self._page, self._settings.get(table.FOLDER_SHAPE)
        if page is not None:
            page.filters.shape.show_choice(shape)
            page.rows.set_grid(shape == "grid")
            page.side.show_kind(self._settings.get(table.FOLDER_CHART))

    def _setting_changed(self, key: str) -> None:
        if key in (table.FOLDER_SHAPE.key, table.FOLDER_CHART.key):
            self._show_shape()
        if key.startswith("display/"):
            self._look()


def _make() -> FolderPage:
    from gui.widgets.folder.page import FolderPage

    return FolderPage(reading.shown_columns(), reading.PAGE)

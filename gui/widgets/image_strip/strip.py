"""The strip of open images at the bottom of the window."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QMimeData, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import (
    QHBoxLayout,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from gui.toolkit import plain_text, theme
from gui.toolkit.controls.search_field import SearchField
from gui.toolkit.labels import label
from gui.toolkit.row_drag import RowDrag, compared
from gui.widgets.image_strip.model import StripModel, cell_size
from gui.widgets.image_strip.view import StripView

EMPTY = "Opened images appear here"
_FOLDED = 7 * theme.SPACE
_SEARCH_WIDTH = 48 * theme.SPACE


class ImageStrip(QWidget):
    """Shows the open images, each under a key given by the caller.

    image_chosen(key): the user selected an image. remove_requested(key): the user wants to close
    it; nothing is removed until remove() is called. menu_wanted(key, place on the screen): by
    right-click or menu key. fold_asked(bool): the user wants one line, or the pictures.
    folded_changed(bool): it has become one line, or the pictures.
    """

    image_chosen = Signal(str)
    remove_requested = Signal(str)
    menu_wanted = Signal(str, QPoint)
    fold_asked = Signal(bool)
    folded_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folded = False
        self._hint: QWidget | None = None
        self._model = StripModel(self)
        self._view = StripView(self._model)
        self._count = label(role="dim")
        self._empty = label(EMPTY, "dim")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._rest = QWidget()
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self._view)
        self._searching = False
        self._search = SearchField("Name or note", "Show the images that have all these words")
        self._search.setFixedWidth(_SEARCH_WIDTH)
        self._search.textChanged.connect(self._filter)
        self._search.left.connect(self._end_search)
        self._search.entered.connect(self._view.setFocus)
        self._fold = QToolButton()
        self._fold.setAutoRaise(True)
        self._fold.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._fold.clicked.connect(lambda: self.fold_asked.emit(not self._folded))
        self._lay_out()
        self._view.menu_wanted.connect(self.menu_wanted)
        self._view.chosen.connect(self._chosen)
        self._view.remove_requested.connect(self.remove_requested)
        RowDrag(self._view, self._dragged)

    @property
    def folded(self) -> bool:
        """Whether the strip is one line."""
        return self._folded

    def set_folded(self, folded: bool) -> None:
        """Show one line with names, or the pictures above their names."""
        if folded != self._folded:
            self._folded = folded
            self._arrange()
            self.folded_changed.emit(folded)

    def mark_new(self, keys: Sequence[str]) -> None:
        """Mark these images as new until they are looked at, and bring the first into view."""
        self._model.mark_new(frozenset(keys))
        row = self._model.row_of(keys[0]) if keys else None
        if row is not None:
            self._view.show_first(row)
        self._refresh()

    def see(self, key: str) -> None:
        """An image is looked at: it is new no more."""
        self._model.see(key)
        self._refresh()

    def add(self, key: str, name: str, folder: str = "", at: int | None = None) -> None:
        """Add an image; its thumbnail may follow. folder: where its file is, for its tooltip. at:
        its place, from 0; None for the end.

        Raises ValueError if the key is taken.
        """
        self._model.add([(key, name)], folder, at)
        if self._search.text().strip():
            self._filter()
        self._refresh()

    def add_many(self, images: Sequence[tuple[str, str]]) -> None:
        """Append images, each (key, name), in one step. Raises ValueError as add does."""
        self._model.add(images)
        self._refresh()

    def set_thumbnail(self, key: str, thumbnail: QImage) -> None:
        """Set the thumbnail of an image and clear its error. Unknown keys are ignored, as the image
        may have been closed meanwhile."""
        self._model.update(key, thumbnail=thumbnail, error="")
        self._refresh()

    def set_notes(self, key: str, notes: Sequence[str]) -> None:
        """Mark an image as one with notes, which the search finds. Unknown keys are ignored."""
        self._model.set_notes(key, notes)
        if self._search.text().strip():
            self._filter()

    def focus_search(self) -> None:
        """Let the user search the images by their names and notes."""
        self._searching = True
        self._arrange()
        self._search.setFocus()
        self._search.selectAll()

    def set_error(self, key: str, text: str) -> None:
        """Mark an image as unreadable, with the reason; '' clears the mark."""
        self._model.update(key, error=text)
        self._refresh()

    def remove(self, key: str) -> None:
        """Remove an image, without a signal. Its neighbour becomes the current one."""
        row = self._model.row_of(key)
        if row is None:
            return
        with self._view.silence():
            here = self._view.currentIndex().row()
            self._model.remove(row)
            if self._model.rowCount():
                after = here - (row < here) if here != row else min(row, self._model.rowCount() - 1)
                self._view.go(max(after, 0))
        self._refresh()

    def select(self, key: str) -> None:
        """Make an image the current one, without a signal."""
        row = self._model.row_of(key)
        if row is not None:
            with self._view.silence():
                self._view.go(row)
            self._model.see(key)
            self._refresh()

    def thumbnail(self, key: str, side: int) -> QImage | None:
        """The thumbnail of an image, at most so many device pixels on a side; None without one."""
        row = self._model.row_of(key)
        image = None if row is None else self._model.image(self._model.index(row, 0))
        if image is None or image.thumbnail.isNull():
            return None
        keep, smooth = Qt.AspectRatioMode, Qt.TransformationMode
        return image.thumbnail.scaled(side, side, keep.KeepAspectRatio, smooth.SmoothTransformation)

    def set_titled(self, titled: bool) -> None:
        """Show the title, or leave it to a tab."""
        self._header.setVisible(titled)

    def set_hint(self, hint: QWidget) -> None:
        """Add a hint at the right of the images."""
        self._hint = hint
        self._arrange()

    def current(self) -> str | None:
        """The key of the current image."""
        return self._model.key_at(self._view.currentIndex())

    def keys(self) -> tuple[str, ...]:
        """All keys, in the order of the strip."""
        return self._model.keys()

    def step(self, by: int) -> None:
        """Move to the right (by > 0) or left, with a signal; stops at the ends."""
        here = self._view.currentIndex().row()
        there = min(max(here + by, 0), self._model.rowCount() - 1)
        if there not in (here, -1):
            self._view.go(there)

    def _lay_out(self) -> None:
        header = self._header = label("Images", "header")
        top = self._top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(header)
        top.addWidget(self._count)
        top.addWidget(self._rest, 1)
        top.addWidget(self._search)
        top.addWidget(self._fold)
        box = self._box = QVBoxLayout(self)
        box.addLayout(top)
        # The padding of a cell aligns its image with the 8 px margin of the header.
        pictures = QHBoxLayout()
        pictures.setContentsMargins(theme.SPACE, 0, theme.SPACE, 0)
        self._pictures = pictures
        box.addLayout(pictures)
        self._arrange()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Images")
        self.setObjectName("strip")
        self.setProperty("panel", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusProxy(self._view)

    def _arrange(self) -> None:
        """Put images and hint beside the title, or below it."""
        folded = self._folded
        self._view.set_folded(folded)
        self._box.setSpacing(0 if folded else theme.SPACE)
        self._box.setContentsMargins(0, 0 if folded else 2 * theme.SPACE, 0, 0)
        self.setMinimumHeight(_FOLDED if folded else 0)
        self._top.setContentsMargins(8, 0, 4, 0)
        self._rest.setVisible(not folded)
        self._search.setVisible(self._searching)
        self._search.setFixedHeight(_FOLDED - 4)
        row, place = (self._top, 2) if folded else (self._pictures, 0)
        row.insertWidget(place, self._stack, 1)
        if self._hint is not None:
            row.insertWidget(place + 1, self._hint, 0, Qt.AlignmentFlag.AlignVCenter)
        self._fold.setFixedHeight(_FOLDED - 4 if folded else self._header.sizeHint().height())
        self._fold.setArrowType(Qt.ArrowType.UpArrow if folded else Qt.ArrowType.DownArrow)
        words = "Show the pictures" if folded else "Fold to one line"
        self._fold.setToolTip(plain_text.tip(words))
        self._fold.setAccessibleName(plain_text.line(words))
        self._fit_height()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit_height()

    def _fit_height(self) -> None:
        high = cell_size(self._view.font(), self._folded).height()
        self._stack.setFixedHeight(high if self._folded else high + 10)

    def _dragged(self, place: QPoint) -> QMimeData | None:
        index = self._view.indexAt(place)
        key = self._model.key_at(index)
        return compared("image", key, str(index.data() or "")) if key is not None else None

    def _chosen(self, index: QModelIndex) -> None:
        self._refresh()
        key = self._model.key_at(index)
        if key is not None:
            self._model.see(key)
            self._refresh()
            self.image_chosen.emit(key)

    def _filter(self) -> None:
        """Show the images that the search finds."""
        words = self._search.text().split()
        for row in range(self._model.rowCount()):
            self._view.setRowHidden(row, not self._model.has(row, words))
        self._refresh()

    def _end_search(self) -> None:
        """Back to the images; an empty search leaves its room to them."""
        if not self._search.text().strip():
            self._searching = False
            self._arrange()
        self._view.setFocus()

    @property
    def found(self) -> tuple[str, ...]:
        """The keys of the images that are shown: all, or those that the search finds."""
        keys = self._model.keys()
        return tuple(key for row, key in enumerate(keys) if not self._view.isRowHidden(row))

    def _refresh(self) -> None:
        total = self._model.rowCount()
        row = self._view.currentIndex().row()
        self._stack.setCurrentWidget(self._view if total else self._empty)
        words = f"{row + 1} of {total}" if row >= 0 else str(total or "")
        if self._search.text().strip():
            words = f"{len(self.found)} of {total} found"
        new = self._model.new
        self._count.show_text(f"{words}, {new} new" if new else words)

"""The drop-down panel: a search, the rows, and pages behind a row's link."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QFrame,
    QScrollArea,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from gui.toolkit import plain_text, theme
from gui.toolkit.controls.search_field import SearchField
from gui.toolkit.labels import label
from gui.widgets.choices.head import Head
from gui.widgets.choices.list import ChoiceList
from gui.widgets.choices.model import ChoiceModel
from gui.widgets.choices.rows import Choice, best, sought

GAP = theme.SPACE
_WIDTH = 130 * GAP
_EMPTY = 24 * GAP
_HIGHEST = 0.7
"""The largest part of the window's height that the panel takes."""

Find = Callable[[str], Sequence[Choice]]


@dataclass(frozen=True, slots=True)
class _Inner:
    """A second list: its title, its rows by what is searched, and what a choice does."""

    title: str
    find: Find
    take: Callable[[str], None]


class ChoicePanel(QFrame):
    """chosen(id): a row was chosen; the panel has closed. more(id): its link was, and it stays.

    menu_wanted(id, place on the screen): a menu of a row; what it does closes the panel.
    opening: it is about to be shown, to be filled now. closed: it is gone. dragged_as: what kind of
    thing its rows are when they are dragged onto the canvas; '' if they cannot be.
    """

    chosen = Signal(str)
    more = Signal(str)
    menu_wanted = Signal(str, QPoint)
    opening = Signal()
    closed = Signal()

    def __init__(self, name: str, hint: str, parent: QWidget, *, dragged_as: str = "") -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("choices")
        self.setAccessibleName(plain_text.line(name))
        self._button: QToolButton | None = None
        self._rows: Sequence[Choice] = ()
        self._found: list[Choice] = []
        self._inner: _Inner | None = None
        self._behind = ""
        self._most = 0
        self._model = ChoiceModel(self)
        self._list = ChoiceList(self._model)
        self._list.setAccessibleName(plain_text.line(name))
        self._search = SearchField(hint, f"{hint}: parts of names or words")
        self._search.installEventFilter(self)
        self._message = label(role="dim")
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._message.setWordWrap(True)
        self._form = QScrollArea()
        self._form.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._stack = QStackedWidget()
        for page in (self._list, self._message, self._form):
            self._stack.addWidget(page)
        self._foot: QWidget | None = None
        self._lay_out()
        self._search.textChanged.connect(self._searched)
        self._list.picked.connect(self._picked)
        self._list.more.connect(self.more)
        self._list.menu_wanted.connect(self._ask_menu)
        if dragged_as:
            self._list.drag_as(dragged_as)
            # It covers the pictures, and keeps the pointer.
            self._list.drag_begun.connect(self.close)

    # --- filling ---------------------------------------------------------------------------------

    def show_rows(self, rows: Sequence[Choice]) -> None:
        """Set the rows, in their order; the highlight and the search stay."""
        self._rows = rows
        if self._inner is None and self._stack.currentWidget() is not self._form:
            current = self._list.current()
            self._fill()
            if current is not None and self._list.current() is None:
                self._list.go(self._model.row_of(current.id))

    def show_form(self, title: str, form: QWidget) -> None:
        """Show a form in place of the rows, with a way back. The panel owns it."""
        self._head.show_title(title)
        self._field.hide()
        form.setFixedWidth(self.width() - 2)
        self._form.setWidget(form)
        form.adjustSize()
        self._stack.setCurrentWidget(self._form)
        self._show_foot()
        self._fit()
        form.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_list(self, title: str, hint: str, find: Find, take: Callable[[str], None]) -> None:
        """Show other rows in place of these, with a way back; take is called with an id.

        find: the rows for a text that is searched, all or the likeliest for ''.
        """
        self._inner = _Inner(title, find, take)
        self._head.show_title(title)
        self._show_foot()
        self._search.setPlaceholderText(plain_text.line(hint))
        self._behind = self._search.text()
        self._search.setText("")
        self._searched("")

    def go_back(self) -> None:
        """Return from a form or from other rows; close where there is nothing to return from."""
        if self._head.isHidden():
            self.close()
            return
        behind = self._behind if self._inner is not None else self._search.text()
        self._home()
        self._search.setText(behind)
        self._searched(behind)
        self._search.setFocus(Qt.FocusReason.OtherFocusReason)

    def set_foot(self, foot: QWidget) -> None:
        """Set what stands below the rows, whatever is searched."""
        self._foot = foot
        box = self.layout()
        assert box is not None
        box.addWidget(foot)

    # --- showing ---------------------------------------------------------------------------------

    def open_below(self, button: QToolButton) -> None:
        """Show the panel under a button, within its window and over at most 70 % of it."""
        self._button = button
        self._home()
        self._search.clear()
        self.opening.emit()
        self._searched("")
        self.setGeometry(self._place(button))
        button.setDown(True)
        self.show()
        self._search.setFocus(Qt.FocusReason.PopupFocusReason)
        # Its rows have their heights once it is laid out.
        self._list.go(self._list.currentIndex().row())

    def _place(self, button: QToolButton) -> QRect:
        window = button.window()
        em = self.fontMetrics().averageCharWidth()
        width = min(max(_WIDTH, 78 * em), window.width() - 2 * GAP)
        self._most = round(_HIGHEST * window.height())
        corner = button.mapToGlobal(QPoint(0, button.height() + 2))
        left = window.mapToGlobal(QPoint(0, 0)).x()
        right = left + window.width() - GAP - width
        place = QRect(max(left + GAP, min(corner.x(), right)), corner.y(), width, self._wanted())
        screen = button.screen().availableGeometry()
        if place.bottom() > screen.bottom():
            place.moveBottom(screen.bottom())
        return place

    def _wanted(self) -> int:
        """The height that all of the page needs, up to the most that it may take."""
        page, form = self._stack.currentWidget(), self._form.widget()
        if page is self._list:
            needed = self._list.whole_height()
        elif page is self._form and form is not None:
            needed = form.height()
        else:
            needed = _EMPTY
        for part in (self._head, self._field, self._foot):
            if part is not None and not part.isHidden():
                needed += part.sizeHint().height()
        frame = self.contentsMargins()
        return min(needed + frame.top() + frame.bottom(), self._most)

    def _fit(self) -> None:
        """Take the height of what is shown; the top stays where it is."""
        if self.isVisible():
            self.resize(self.width(), self._wanted())

    def _home(self) -> None:
        """Show the rows themselves."""
        self._inner = None
        self._head.hide()
        self._field.show()
        self._search.setPlaceholderText(self._search.accessibleName())
        self._show_foot()

    def _show_foot(self) -> None:
        if self._foot is not None:
            self._foot.setVisible(self._head.isHidden())

    def _lay_out(self) -> None:
        self._head = Head()
        self._head.back.connect(self.go_back)
        self._field = QWidget()
        field = QVBoxLayout(self._field)
        field.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, 2 * GAP)
        field.addWidget(self._search)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self._head)
        box.addWidget(self._field)
        box.addWidget(self._stack, 1)

    # --- searching and choosing ------------------------------------------------------------------

    def _searched(self, text: str) -> None:
        self._fill()
        rows, wanted = self._found, text.strip()
        if not wanted:
            chosen = next((n for n, row in enumerate(rows) if row.chosen), 0)
            place = chosen
        else:
            # Those behind a row come in the order of their likelihood.
            place = best(rows, wanted) if self._inner is None else 0
        self._list.go(self._model.row_of_place(place))

    def _fill(self) -> None:
        text = self._search.text().strip()
        if self._inner is not None:
            self._found = list(self._inner.find(text))
        else:
            self._found = sought(self._rows, text) if text else list(self._rows)
        self._model.show(self._found)
        if not self._found:
            self._message.show_text(f"Nothing matches “{text}”" if text else "")
        self._stack.setCurrentWidget(self._list if self._found else self._message)
        self._fit()

    def _ask_menu(self, id: str, place: QPoint) -> None:
        if self._inner is None:
            self.menu_wanted.emit(id, place)

    def _picked(self, id: str) -> None:
        inner = self._inner
        self.close()
        if inner is not None:
            inner.take(id)
        else:
            self.chosen.emit(id)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys that move the highlight come from the search, where typing goes."""
        pressed = event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent)
        if pressed and watched is self._search:
            assert isinstance(event, QKeyEvent)
            return self._moved(event)
        return super().eventFilter(watched, event)

    def _moved(self, event: QKeyEvent) -> bool:
        """Whether the key was for the list."""
        key, field = event.key(), self._search
        ended = field.cursorPosition() == len(field.text()) and not field.hasSelectedText()
        if key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self._list.step(1 if key == Qt.Key.Key_Down else -1)
        elif key in (Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
            self._list.page(1 if key == Qt.Key.Key_PageDown else -1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            # One that is held must not choose in the page that it has opened as well.
            if self._stack.currentWidget() is self._list and not event.isAutoRepeat():
                self._list.take()
        elif key == Qt.Key.Key_Right and ended:
            return self._stack.currentWidget() is self._list and self._list.take_more()
        elif key == Qt.Key.Key_Escape and not field.text():
            self.go_back()
        elif event.text().isdecimal() and not field.text() and self._keys():
            if event.text() in self._keys():
                self._picked(self._keys()[event.text()])
        else:
            return False
        return True

    def _keys(self) -> dict[str, str]:
        """The ids of the rows that a key chooses."""
        return {row.key: row.id for row in self._found if row.key and not row.reason}

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.go_back()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        button = self._button
        if button is not None:
            place = button.mapFromGlobal(event.globalPosition().toPoint())
            # Otherwise the press that closes the panel would open it again.
            self.setAttribute(Qt.WidgetAttribute.WA_NoMouseReplay, button.rect().contains(place))
        super().mousePressEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._button is not None:
            self._button.setDown(False)
        self.closed.emit()

    def event(self, event: QEvent) -> bool:
        late = event.type() == QEvent.Type.WindowActivate and not self.isVisible()
        if late and self._button is not None:
            # Where popups are activated, one that is closed at once is so after it is gone.
            self._button.window().activateWindow()
        return super().event(event)

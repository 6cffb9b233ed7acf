"""The filters above the rows: a field to type one, and a chip for each that is on."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QSize, QStringListModel, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QCompleter,
    QHBoxLayout,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QWidget,
)

from gui.toolkit import plain_text, theme
from gui.toolkit.controls.search_field import SearchField
from gui.toolkit.controls.segments import Segments
from gui.toolkit.labels import Label, label

GAP = theme.SPACE
_FAULT_WIDE = 120 * GAP
UPDATE = "Update rows"
_TIP = (
    "Part of a name, or a condition: confidence < 0.5, label = cat, loss = 1..3, wrong, "
    "unreadable. Press Enter; several conditions hold together."
)


class FilterBar(QWidget):
    """typed(text): Enter was pressed in the field. removed(text): a chip was closed. cleared: all
    were. left: the field was left for the rows. shape_chosen('table' or 'grid'). update_wanted: the
    rows are to be listed as they are by now."""

    typed = Signal(str)
    removed = Signal(str)
    cleared = Signal()
    left = Signal()
    shape_chosen = Signal(str)
    update_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.field = SearchField("Search or filter", _TIP)
        self.field.setMinimumWidth(40 * GAP)
        self.field.setMaximumWidth(64 * GAP)
        self.field.entered.connect(self._entered)
        self.field.left.connect(self.left)
        self.field.textChanged.connect(lambda: self.set_fault(""))
        self._words = QStringListModel(self)
        completer = QCompleter(self._words, self.field)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.field.setCompleter(completer)
        self._chips = _Flow()
        self._chips.left.connect(self.field.setFocus)
        self.fault = label("", "error")
        self.fault.setParent(self)
        self.fault.setProperty("floating", True)
        self.fault.setWordWrap(True)
        self.fault.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.fault.hide()
        self.count = Label()
        self.count.setProperty("role", "dim")
        self.count.setFont(theme.tabular(theme.small(self.count.font())))
        self._update = QToolButton()
        self._update.setProperty("link", True)
        self._update.setText(UPDATE)
        self._update.clicked.connect(self.update_wanted)
        self.count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        # In one place: beside the count, the offer would push chips into another line, and the
        # rows down with them.
        self._counted = QStackedWidget()
        self._counted.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Maximum)
        self._counted.addWidget(self.count)
        self._counted.addWidget(self._update)
        self.shape = Segments(
            "Rows", (("table", "Table", "Rows of numbers"), ("grid", "Grid", "Large pictures"))
        )
        self.shape.show_choice("table")
        self.shape.chosen.connect(self.shape_chosen)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GAP, GAP, 2 * GAP, GAP)
        row.setSpacing(2 * GAP)
        top = Qt.AlignmentFlag.AlignTop
        row.addWidget(self.field, 0, top)
        row.addWidget(self._chips, 1)
        for widget in (self._counted, self.shape):
            row.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)

    def set_chips(self, texts: Sequence[str]) -> None:
        """Show a chip for each filter that is on."""
        self._chips.set_texts(texts, self.removed.emit, self.cleared.emit)
        # They are newer than all that follows, and would come last with Tab.
        before: QWidget = self.field
        for button in self._chips.buttons:
            self.setTabOrder(before, button)
            before = button

    def chips(self) -> tuple[str, ...]:
        """The filters shown."""
        return self._chips.texts

    def set_fault(self, text: str) -> None:
        """Say why a condition was not understood; '' for nothing."""
        self.fault.show_text(text)
        self.field.setToolTip(plain_text.tip(text or _TIP))
        self.fault.setVisible(bool(text))
        if text:
            self._place_fault()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.fault.isVisible():
            self._place_fault()

    def _place_fault(self) -> None:
        """Below the field, over the rows, which it must not move: it is as long as it has to be."""
        ground = self.parentWidget() or self
        if self.fault.parentWidget() is not ground:
            self.fault.setParent(ground)
        wide = max(40 * GAP, min(_FAULT_WIDE, ground.width() - 4 * GAP))
        self.fault.resize(wide, self.fault.heightForWidth(wide))
        below = self.field.geometry().bottomLeft() + QPoint(0, GAP)
        self.fault.move(self.mapTo(ground, below))
        self.fault.raise_()
        self.fault.show()

    def set_newer(self, words: str) -> None:
        """Offer to list the rows as they are by now, in place of their count; '' for no offer."""
        self._update.setText(plain_text.entry(words) if words else self._update.text())
        self._counted.setCurrentWidget(self._update if words else self.count)

    def set_words(self, words: Sequence[str]) -> None:
        """What the field completes."""
        self._words.setStringList([plain_text.line(word) for word in words])

    def _entered(self) -> None:
        text = self.field.text().strip()
        if text:
            self.typed.emit(text)


class _Flow(QWidget):
    """Chips in lines that break. left: the chip with the keyboard's focus goes."""

    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.texts: tuple[str, ...] = ()
        self.buttons: list[QToolButton] = []
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def set_texts(self, texts: Sequence[str], removed: object, cleared: object) -> None:
        assert callable(removed)
        assert callable(cleared)
        if tuple(texts) == self.texts:
            return
        self.texts = tuple(texts)
        # Hiding the chip that was pressed would send the keyboard to the top of the window.
        if any(button.hasFocus() for button in self.buttons):
            self.left.emit()
        for button in self.buttons:
            button.hide()
            button.deleteLater()
        self.buttons = []
        for text in self.texts:
            button = self._chip(text, "chip")
            button.setIcon(theme.icon("close"))
            button.setIconSize(QSize(10, 10))
            button.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setToolTip(plain_text.tip(f"{text}\nClick to remove this filter"))
            button.setAccessibleName(plain_text.line(f"Remove filter {text}"))
            button.clicked.connect(lambda _on=False, text=text: removed(text))
        if len(self.texts) > 1:
            button = self._chip("Clear", "link")
            button.clicked.connect(lambda _on=False: cleared())
        self._place()
        self.updateGeometry()

    def _chip(self, text: str, kind: str) -> QToolButton:
        button = QToolButton(self)
        button.setProperty(kind, True)
        said = self.fontMetrics().elidedText(
            plain_text.line(text), Qt.TextElideMode.ElideMiddle, 60 * GAP
        )
        button.setText(plain_text.entry(said))
        button.show()
        self.buttons.append(button)
        return button

    def heightForWidth(self, width: int) -> int:
        return self._arranged(width)[1]

    def sizeHint(self) -> QSize:
        return QSize(40 * GAP, self._arranged(max(1, self.width()))[1])

    def minimumSizeHint(self) -> QSize:
        return QSize(0, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        for button, rect in zip(self.buttons, self._arranged(self.width())[0], strict=True):
            button.setGeometry(rect)

    def _arranged(self, width: int) -> tuple[list[QRect], int]:
        places: list[QRect] = []
        x = y = high = 0
        for button in self.buttons:
            size = button.sizeHint()
            if x and x + size.width() > width:
                x, y = 0, y + high + GAP
            places.append(QRect(QPoint(x, y), size))
            x, high = x + size.width() + GAP, size.height()
        return places, y + high

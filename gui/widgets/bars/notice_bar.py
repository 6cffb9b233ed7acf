"""The notice bar: a message in a lane of its own, with an optional button."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from engine.escaping import LINE
from gui.toolkit import plain_text, theme
from gui.toolkit.labels import Label

SHOWN_MS = {"info": 6_000}
"""How long notices of a kind are shown; others stay until they are closed."""

_LEAST_WORDS = 320
_LEAST_HEIGHT = 8 * theme.SPACE


class NoticeBar(QFrame):
    """acted(action, argument): its button was pressed. Errors, warnings and hints stay until they
    are closed or replaced; information disappears after some seconds. It takes no room while it is
    hidden.

    freed(): it has nothing to say any more. dismissed(kind): it was closed by its cross. left():
    the button that had the focus goes away; otherwise the next button of the window would have it,
    and be pressed by Space.
    """

    freed = Signal()
    left = Signal()
    acted = Signal(str, str)
    dismissed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self.setAccessibleName("Notice")
        self._kind = ""
        self._action = ("", "")
        self._said = ""
        self._text = _Words()
        self._text.setWordWrap(True)
        # A long word must not displace the button.
        self._text.setMinimumWidth(1)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._button = QPushButton()
        self._button.clicked.connect(lambda: self.acted.emit(*self._action))
        self._close = QToolButton()
        self._close.setIcon(theme.icon("close"))
        self._close.setAccessibleName("Close notice")
        self._close.setToolTip("Close")
        self._close.setAutoRaise(True)
        self._close.clicked.connect(self._dismiss)
        for button in (self._button, self._close):
            # A click leaves the focus where it was.
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._box = box = QGridLayout(self)
        box.setContentsMargins(8, 1, 4, 1)
        box.setHorizontalSpacing(8)
        box.setVerticalSpacing(theme.SPACE)
        box.setColumnStretch(0, 1)
        box.addWidget(self._text, 0, 0)
        box.addWidget(self._button, 0, 1)
        box.addWidget(self._close, 0, 2, Qt.AlignmentFlag.AlignTop)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.clear)
        self.hide()

    @property
    def kind(self) -> str:
        """The kind of the current notice; '' for none."""
        return self._kind if not self.isHidden() else ""

    @property
    def text(self) -> str:
        """The current text, unescaped; '' for none."""
        return self._said if not self.isHidden() else ""

    def show_notice(self, kind: str, text: str, action: str = "", argument: str = "") -> None:
        """Show a notice instead of the current one. kind: 'hint', 'info', 'warning' or 'error'."""
        self._kind = kind
        self._action = (action, argument)
        self.setProperty("kind", kind)
        self.style().unpolish(self)
        self.style().polish(self)
        self._said = text
        self._text.show_text(text)
        self.setAccessibleDescription(plain_text.line(text, LINE))
        self._button.setText(plain_text.entry(action))
        if not action and self._button.hasFocus():
            self.left.emit()
        self._button.setVisible(bool(action))
        self._timer.stop()
        if kind in SHOWN_MS:
            self._timer.start(SHOWN_MS[kind])
        self._fit()
        self.show()

    def set_at_foot(self, on: bool) -> None:
        """Draw the line between notice and page above the notice, or below it."""
        self.setProperty("foot", on)
        self.style().unpolish(self)
        self.style().polish(self)

    def clear(self) -> None:
        """Hide the notice."""
        self._timer.stop()
        shown = not self.isHidden()
        self._go()
        if shown:
            self.freed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _dismiss(self) -> None:
        kind = self._kind
        self._timer.stop()
        self._go()
        self.dismissed.emit(kind)
        self.freed.emit()

    def _go(self) -> None:
        if self._button.hasFocus() or self._close.hasFocus():
            self.left.emit()
        self.hide()

    def _fit(self) -> None:
        """As high as the words need at this width."""
        width = self.width()
        extra = self._button.sizeHint().width() + 8 if self._action[0] else 0
        # Beside a button, the text of a narrow bar would be a column of single words.
        words = self._text.fontMetrics().horizontalAdvance(self._text.text())
        fits = words + self._close.sizeHint().width() + 6 * theme.SPACE <= width - extra
        below = bool(extra) and not fits and width - extra < _LEAST_WORDS
        place = (1, 0, 1, 3) if below else (0, 1, 1, 1)
        self._box.addWidget(self._button, *place, Qt.AlignmentFlag.AlignLeft)
        # The height of the layout alone would leave out the frame.
        self.setFixedHeight(max(_LEAST_HEIGHT, self.heightForWidth(width)))
        self._box.activate()
        # Text without a place to break, such as a file name, is cut off.
        cut = self._text.minimumSizeHint().width() > self._text.width()
        self.setToolTip(plain_text.tip(self._text.text()) if cut else "")


class _Words(Label):
    """A label that cuts off unbreakable text; the tooltip has the full text."""

    def show_text(self, text: str) -> None:
        self.setText(plain_text.paragraph(text, shorten=False))

    def minimumSizeHint(self) -> QSize:
        return QLabel.minimumSizeHint(self)

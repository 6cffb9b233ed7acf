"""The notice bar: a message over the top of the canvas, with an optional button."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QWidget,
)

from engine.escaping import LINE
from gui.toolkit import plain_text, theme
from gui.toolkit.labels import Label

_SHOWN_MS = {"info": 6_000}
_TOP = 44
_SIDE = 16
_MOST_WIDTH = 640
_LEAST_WORDS = 320


class NoticeBar(QFrame):
    """Shown over `host`. acted(action, argument): its button was pressed. Errors, warnings and
    hints stay until they are closed or replaced; information disappears after some seconds.

    covered(int): the number of pixels it covers at the top of the host; 0 while it is hidden.
    """

    covered = Signal(int)
    acted = Signal(str, str)
    dismissed = Signal(str)

    def __init__(self, host: QWidget) -> None:
        super().__init__(host)
        self.setObjectName("notice")
        self.setAccessibleName("Notice")
        self._host = host
        self._kind = ""
        self._action = ("", "")
        self._covered = 0
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
        self._box = box = QGridLayout(self)
        box.setContentsMargins(12, 8, 8, 8)
        box.setSpacing(8)
        box.setColumnStretch(0, 1)
        box.addWidget(self._text, 0, 0)
        box.addWidget(self._button, 0, 1)
        box.addWidget(self._close, 0, 2, Qt.AlignmentFlag.AlignTop)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.clear)
        host.installEventFilter(self)
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
        self._button.setVisible(bool(action))
        self._timer.stop()
        if kind in _SHOWN_MS:
            self._timer.start(_SHOWN_MS[kind])
        self._place()
        self.show()
        self.raise_()
        self._tell()

    def clear(self) -> None:
        """Hide the notice."""
        self._timer.stop()
        self.hide()
        self._tell()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._host and event.type() == QEvent.Type.Resize:
            self._place()
            self._tell()
        return super().eventFilter(watched, event)

    def _tell(self) -> None:
        lower = 0 if self.isHidden() else self.y() + self.height()
        if lower != self._covered:
            self._covered = lower
            self.covered.emit(lower)

    def _dismiss(self) -> None:
        kind = self._kind
        self.clear()
        self.dismissed.emit(kind)

    def _place(self) -> None:
        room = max(120, self._host.width() - 2 * _SIDE)
        # Only as wide as the text, to cover as little of the image as possible.
        extra = self._button.sizeHint().width() + 8 if self._action[0] else 0
        words = self._text.fontMetrics().horizontalAdvance(self._text.text())
        wanted = words + extra + self._close.sizeHint().width() + 48
        width = min(room, _MOST_WIDTH, wanted)
        self.setFixedWidth(width)
        # Beside a button, the text of a narrow bar would be a column of single words.
        below = width - extra < _LEAST_WORDS
        place = (1, 0, 1, 3) if below else (0, 1, 1, 1)
        self._box.addWidget(self._button, *place, Qt.AlignmentFlag.AlignLeft)
        # The height of the layout alone would leave out the frame.
        self.setFixedHeight(max(40, self.heightForWidth(width)))
        self.move((self._host.width() - width) // 2, _TOP)
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

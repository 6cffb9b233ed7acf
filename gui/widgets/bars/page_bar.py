"""The page bar: a slider at the right of the lane above the canvas, for images of several pages."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSlider, QToolButton, QWidget

from gui.toolkit import plain_text, theme
from gui.toolkit.labels import label

_SLIDER = 128
_INSET = 8


class PageBar(QFrame):
    """Shown at the right of `host` while there is a choice. page_chosen(int): from 1."""

    page_chosen = Signal(int)

    def __init__(self, host: QWidget) -> None:
        super().__init__(host)
        self.setObjectName("pages")
        self.setAccessibleName("Pages")
        self._host = host
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setFixedWidth(_SLIDER)
        self._slider.setAccessibleName("Page")
        self._slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._words = label("", "dim")
        self._words.setFont(theme.tabular(self._words.font()))
        self._before = self._button("previous", "Previous page", -1)
        self._after = self._button("next", "Next page", 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 8, 2)
        row.setSpacing(theme.SPACE)
        for widget in (self._before, self._slider, self._after, self._words):
            row.addWidget(widget)
        self._slider.valueChanged.connect(self.page_chosen)
        self._slider.valueChanged.connect(self._show_words)
        host.installEventFilter(self)
        self.hide()

    def show_pages(self, page: int, pages: int) -> None:
        """Show which page of how many is open, without a signal; one page hides the bar."""
        blocked = self._slider.blockSignals(True)
        self._slider.setRange(1, max(1, pages))
        self._slider.setPageStep(max(1, pages // 10))
        self._slider.setValue(page)
        self._slider.blockSignals(blocked)
        self._show_words()
        self.setVisible(pages > 1)
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._host and event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _button(self, icon: str, tip: str, by: int) -> QToolButton:
        button = QToolButton()
        button.setIcon(theme.icon(icon))
        button.setToolTip(plain_text.tip(tip))
        button.setAccessibleName(plain_text.line(tip))
        button.setAutoRaise(True)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(lambda: self._slider.setValue(self._slider.value() + by))
        return button

    def _show_words(self) -> None:
        page, pages = self._slider.value(), self._slider.maximum()
        self._words.show_text(f"{page:,} of {pages:,}")
        # As wide for the last page as for the first, so that the slider does not move.
        metrics = self._words.fontMetrics()
        self._words.setFixedWidth(metrics.horizontalAdvance(f"{pages:,} of {pages:,}") + 2)
        self._before.setEnabled(page > 1)
        self._after.setEnabled(page < pages)

    def _place(self) -> None:
        self.adjustSize()
        self.move(self._host.width() - self.width() - _INSET, 0)
        self.raise_()

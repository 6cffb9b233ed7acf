"""Areas that scroll where there is less room than their contents need."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtWidgets import QFrame, QLayout, QScrollArea, QSizePolicy, QWidget


def scrolled(content: QLayout) -> QScrollArea:
    """An area that scrolls where there is less room than its content needs."""
    body = QWidget()
    content.setContentsMargins(0, 0, 0, 0)
    body.setLayout(content)
    area = QScrollArea()
    area.setWidget(body)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    for part in (area.viewport(), body):
        part.setAutoFillBackground(False)
    return area


class Scrolled(QScrollArea):
    """As high as its panel where there is room, else scrolled. least: the smallest height."""

    def __init__(self, panel: QWidget, least: int) -> None:
        super().__init__()
        self._panel, self._least = panel, least
        self.setWidget(panel)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        panel.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def sizeHint(self) -> QSize:
        return self._panel.sizeHint()

    def minimumSizeHint(self) -> QSize:
        return QSize(self._panel.minimumSizeHint().width(), self._least)

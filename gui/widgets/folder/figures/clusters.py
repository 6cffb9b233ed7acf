"""Clusters of a class: what the network looked at, as groups of images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from gui.toolkit import plain_text, theme, windows
from gui.toolkit.labels import ElidedLabel, label
from gui.widgets.folder.figures.mean import MapPicture
from gui.widgets.folder.figures.scatter import Scatter, colour_of

if TYPE_CHECKING:
    from engine.records.explanations import FloatMap

GAP = theme.SPACE
_MAP_SIDE = 16 * GAP


@dataclass(frozen=True, slots=True, eq=False)
class ClusterRow:
    """One cluster. image: of its mean map. facts: in words. flags: '' for none; about: what they
    say. finding: what hiding its region came to, '' before it was tried. group: by which the
    scatter colours its images; None where there is one alone."""

    image: QImage
    map: FloatMap
    title: str
    facts: str
    flags: str
    about: str
    finding: str = ""
    group: int | None = None


class ClusterPanel(QWidget):
    """class_chosen(number): the clusters of a class are wanted. chosen(place): a cluster's images
    are. hide_wanted(place): is it a shortcut? stop_wanted: what is under way is to be stopped.
    save_wanted(figure, 'picture' or 'values'): a mean map is to be saved."""

    class_chosen = Signal(int)
    chosen = Signal(int)
    hide_wanted = Signal(int)
    stop_wanted = Signal()
    save_wanted = Signal(object, str)

    def __init__(self) -> None:
        super().__init__()
        self.classes = QComboBox()
        self.classes.setAccessibleName("Predicted class")
        self.classes.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.classes.setMinimumContentsLength(12)
        self.classes.activated.connect(self._class_chosen)
        self._words = label("", "dim")
        self._words.setWordWrap(True)
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._progress.setFixedHeight(4)
        self._progress.setAccessibleName("Progress")
        self.stop = QPushButton("Stop")
        self.stop.clicked.connect(self.stop_wanted)
        self.cards: list[_Card] = []
        self._list = QWidget()
        self._column = QVBoxLayout(self._list)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GAP)
        self._column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(self._list)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for part in (area.viewport(), self._list):
            part.setAutoFillBackground(False)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scatter = Scatter("Images of the class by what the network looked at")
        work = QHBoxLayout()
        work.addWidget(self._progress, 1)
        work.addWidget(self.stop)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(2 * GAP)
        box.addWidget(self.classes)
        box.addWidget(self._words)
        box.addLayout(work)
        box.addWidget(area, 3)
        box.addWidget(self.scatter, 2)
        self.set_work(None)

    def set_classes(self, classes: Sequence[tuple[int, str]], current: int | None) -> None:
        """The predicted classes by number and text."""
        known = [
            (self.classes.itemData(n), self.classes.itemText(n))
            for n in range(self.classes.count())
        ]
        wanted = [(-1, "Choose a predicted class…")]
        wanted += [(number, plain_text.line(text)) for number, text in classes]
        if known != wanted:
            self.classes.clear()
            for number, text in wanted:
                self.classes.addItem(text, number)
        place = self.classes.findData(-1 if current is None else current)
        self.classes.setCurrentIndex(max(0, place))

    def set_clusters(self, rows: Sequence[ClusterRow], words: str, *, can_hide: str) -> None:
        """Show clusters. can_hide: '' if their regions can be hidden, else why not."""
        self._words.show_text(words)
        held = next((n for n, card in enumerate(self.cards) if card.has_keyboard()), -1)
        gone, self.cards = self.cards, []
        for place, row in enumerate(rows):
            card = _Card(row, can_hide)
            card.clicked.connect(lambda place=place: self.chosen.emit(place))
            card.button.clicked.connect(lambda _on=False, place=place: self.hide_wanted.emit(place))
            card.picture.save_wanted.connect(self.save_wanted)
            self._column.insertWidget(place, card)
            self.cards.append(card)
        if held >= 0:
            # The keyboard stays where it was, and not at the top of the window.
            heir = self.cards[held] if held < len(self.cards) else self.classes
            heir.show()
            heir.setFocus()
        for card in gone:
            card.hide()
            card.deleteLater()
        self.scatter.setVisible(bool(rows))

    def set_work(self, share: float | None, words: str = "") -> None:
        """Show how far something is; None for nothing under way."""
        self._progress.setVisible(share is not None)
        if share is None:
            windows.leave(self.stop, self.classes)
        else:
            self.stop.setVisible(True)
        if share is not None:
            self._progress.setRange(0, 1000 if share > 0 else 0)
            self._progress.setValue(round(1000 * share))
            self._words.show_text(words)

    def _class_chosen(self, place: int) -> None:
        number = self.classes.itemData(place)
        if number is not None and number >= 0:
            self.class_chosen.emit(number)


class _Key(QWidget):
    """The colour that the scatter has for a group."""

    def __init__(self, colour: str) -> None:
        super().__init__()
        self._colour = colour
        self.setFixedSize(2 * GAP, 2 * GAP)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        QPainter(self).fillRect(self.rect(), QColor(self._colour))


class _Card(QFrame):
    """One cluster."""

    clicked = Signal()

    def __init__(self, row: ClusterRow, can_hide: str) -> None:
        super().__init__()
        self.setProperty("card", True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(plain_text.line(f"{row.title}, {row.facts}, {row.flags}"))
        self.picture = picture = MapPicture(_MAP_SIDE)
        picture.name = f"Mean map of {row.title}"
        picture.setFixedSize(_MAP_SIDE, _MAP_SIDE)
        picture.set_image(row.image, picture.name, row.map)
        title = ElidedLabel()
        title.show_text(row.title)
        head = QHBoxLayout()
        head.setSpacing(2 * GAP)
        self.key = _Key(colour_of(row.group)) if row.group is not None else None
        if self.key is not None:
            head.addWidget(self.key)
        head.addWidget(title, 1)
        facts = label(row.facts, "dim")
        facts.setWordWrap(True)
        self.flags = label(row.flags, "warning")
        self.flags.setToolTip(plain_text.tip(row.about))
        self.flags.setVisible(bool(row.flags))
        self.flags.setWordWrap(True)
        self.finding = label(row.finding)
        self.finding.setWordWrap(True)
        self.finding.setVisible(bool(row.finding))
        self.button = button = QPushButton("Is it a shortcut?")
        button.setEnabled(not can_hide)
        button.setToolTip(
            plain_text.tip(
                can_hide
                or "Hide this place in all of these images, and count which predictions turn"
            )
        )
        button.setVisible(not row.finding)
        words = QVBoxLayout()
        words.setSpacing(GAP)
        words.addLayout(head)
        for widget in (facts, self.flags, self.finding):
            words.addWidget(widget)
        words.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        words.addStretch(1)
        box = QHBoxLayout(self)
        box.setContentsMargins(GAP, GAP, GAP, GAP)
        box.setSpacing(2 * GAP)
        box.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        box.addLayout(words, 1)

    def has_keyboard(self) -> bool:
        """Whether the keyboard's focus is on the card or its button."""
        return self.hasFocus() or self.button.hasFocus()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.picture.menu().popup(event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.clicked.emit()
        else:
            super().keyPressEvent(event)

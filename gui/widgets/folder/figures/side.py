"""What all rows together tell, beside them: one chart or table at a time."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QStackedWidget, QVBoxLayout, QWidget

from gui.toolkit import plain_text, theme
from gui.toolkit.labels import label
from gui.widgets.folder.figures.charts import Reliability
from gui.widgets.folder.figures.clusters import ClusterPanel
from gui.widgets.folder.figures.confusion import Confusion
from gui.widgets.folder.figures.mean import MeanMap
from gui.widgets.folder.figures.scatter import Scatter
from gui.widgets.folder.figures.tables import FigureTable
from gui.widgets.folder.rows import ShownColumn

GAP = theme.SPACE
KINDS = (
    ("confusion", "Confusion matrix"),
    ("classes", "Classes"),
    ("reliability", "Reliability"),
    ("mean", "Mean map"),
    ("scatter", "Scatter"),
    ("clusters", "Clusters"),
    ("models", "Two models"),
)


class SidePanel(QWidget):
    """kind_chosen: another chart is wanted. axes_chosen(across, up): columns of the scatter.
    other_chosen(number): a job to compare with."""

    kind_chosen = Signal(str)
    axes_chosen = Signal(str, str)
    other_chosen = Signal(int)

    def __init__(self, columns: Sequence[ShownColumn]) -> None:
        super().__init__()
        self.setProperty("panel", True)
        self.kinds = QComboBox()
        self.kinds.setAccessibleName("Chart")
        for kind, title in KINDS:
            self.kinds.addItem(title, kind)
        self.kinds.setMaxVisibleItems(len(KINDS))
        self.kinds.activated.connect(self._chosen)
        self.confusion = Confusion()
        self.classes = FigureTable("Classes", ("Class", "Images", "Right", "Given", "Precise"))
        self.reliability = Reliability()
        self.mean = MeanMap()
        self.clusters = ClusterPanel()
        self.scatter = Scatter("Images by two of their numbers")
        self.differences = FigureTable(
            "Differences by class", ("Class", "Differ", "First right", "Other right")
        )
        self.differs = label("", "dim")
        self.differs.setWordWrap(True)
        self._stack = QStackedWidget()
        for widget in (
            self.confusion,
            self.classes,
            self.reliability,
            self.mean,
            self._scatter(columns),
            self.clusters,
            self._models(),
        ):
            self._stack.addWidget(_at_top(widget) if widget is self.reliability else widget)
        box = QVBoxLayout(self)
        box.setContentsMargins(2 * GAP, GAP, 2 * GAP, 2 * GAP)
        box.setSpacing(2 * GAP)
        box.addWidget(self.kinds)
        box.addWidget(self._stack, 1)
        self.setMinimumWidth(60 * GAP)

    @property
    def kind(self) -> str:
        """The chart in front."""
        return KINDS[self._stack.currentIndex()][0]

    def show_kind(self, kind: str) -> None:
        """Bring a chart to the front, without a signal."""
        place = next((n for n, (own, _) in enumerate(KINDS) if own == kind), 0)
        self.kinds.setCurrentIndex(place)
        self._stack.setCurrentIndex(place)

    def set_others(self, jobs: Sequence[tuple[int, str]], current: int | None) -> None:
        """The jobs that can be compared with."""
        self.others.clear()
        for number, name in jobs:
            self.others.addItem(plain_text.line(name), number)
        self.others.setCurrentIndex(self.others.findData(current))
        self.others.setVisible(bool(jobs))

    def _chosen(self, place: int) -> None:
        self._stack.setCurrentIndex(place)
        self.kind_chosen.emit(KINDS[place][0])

    def _scatter(self, columns: Sequence[ShownColumn]) -> QWidget:
        self.axes = [QComboBox(), QComboBox()]
        for combo, first, name in zip(
            self.axes, ("probability", "border"), ("Across", "Up"), strict=True
        ):
            combo.setAccessibleName(name)
            for column in columns:
                if column.numeric:
                    combo.addItem(column.title, column.name)
            combo.setCurrentIndex(combo.findData(first))
            combo.activated.connect(self._axes_chosen)
        page = QWidget()
        form = QFormLayout()
        form.addRow("Across", self.axes[0])
        form.addRow("Up", self.axes[1])
        box = QVBoxLayout(page)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(form)
        box.addWidget(self.scatter, 1)
        return page

    def _axes_chosen(self) -> None:
        self.axes_chosen.emit(*(combo.currentData() for combo in self.axes))

    def _models(self) -> QWidget:
        self.others = QComboBox()
        self.others.setAccessibleName("Compare with")
        self.others.hide()
        self.others.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.others.activated.connect(
            lambda place: self.other_chosen.emit(self.others.itemData(place))
        )
        page = QWidget()
        box = QVBoxLayout(page)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(2 * GAP)
        box.addWidget(self.others)
        box.addWidget(self.differs)
        box.addWidget(self.differences, 1)
        return page


def _at_top(widget: QWidget) -> QWidget:
    """A page with a widget at its top."""
    page = QWidget()
    box = QVBoxLayout(page)
    box.setContentsMargins(0, 0, 0, 0)
    box.addWidget(widget)
    box.addStretch(1)
    return page

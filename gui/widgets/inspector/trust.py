"""The page Trust: sentences on how far the map can be believed, and the chart behind each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine.metrics.table import ROWS
from engine.records.workbench.trust import Fill, TrustFigure
from gui.toolkit import mnemonics, plain_text, theme, windows
from gui.toolkit.labels import ElidedLabel, label
from gui.toolkit.scrolling import scrolled
from gui.toolkit.segments import Segments
from gui.widgets.inspector.findings import Finding
from gui.widgets.inspector.trust_charts import Bars, Lines

FILLS: Final = (
    (Fill.LINEAR, "Hidden cells: filled in", "Linear imputation: what surrounds a hidden cell"),
    (Fill.BLUR, "Hidden cells: blurred", "A blurred copy of the image"),
    (
        Fill.MEAN,
        "Hidden cells: mean colour",
        "The image's mean colour, which the network may see as an object",
    ),
)
_TIP = int(Qt.ItemDataRole.ToolTipRole)
_NO_CHART = "This figure has no chart."
_CHART_LEAST = 60 * theme.SPACE
_ACROSS: Final = {"randomisation": "random weights"}


class TrustPage(QWidget):
    """Signals of the user.

    measure_wanted, stop_wanted: the button was pressed. fill_chosen(Fill). load_wanted: a file of
    boxes; draw_wanted(bool): a rectangle is to be drawn, or no longer; clear_wanted: nothing is to
    be marked. threshold_chosen(float): part of the maximum, 0 to 1.
    """

    measure_wanted = Signal()
    stop_wanted = Signal()
    fill_chosen = Signal(object)
    load_wanted = Signal()
    draw_wanted = Signal(bool)
    clear_wanted = Signal()
    threshold_chosen = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.measure = QPushButton()
        self.stop = QToolButton()
        self.bar = QProgressBar()
        self.words = ElidedLabel("dim")
        self.fill = QComboBox()
        self.marks = QToolButton()
        self.threshold = QSpinBox()
        self.notes = label("", "warning")
        self._message = label("", "dim")
        self.rows = {row.name: Finding(row) for row in ROWS}
        self.axes: Segments | None = None
        self.lines, self.bars = Lines(), Bars()
        self._empty = label(_NO_CHART, "dim")
        self._charts, self._stack = QStackedWidget(), QStackedWidget()
        self._side = QVBoxLayout()
        self._figures: Mapping[str, TrustFigure] = {}
        self._axis = ""
        self._offered: tuple[str, ...] = ()
        self.chosen = "deletion"
        self._lay_out()
        self._connect()
        self.set_message("")

    # --- what is shown ---------------------------------------------------------------------------

    def set_message(self, text: str) -> None:
        """Show a text in place of the figures."""
        self._message.show_text(text)
        self._stack.setCurrentIndex(0)
        self.measure.setEnabled(False)

    def set_figures(
        self,
        figures: Mapping[str, TrustFigure],
        notes: Sequence[str],
        under_way: Sequence[str],
        *,
        marked: bool,
    ) -> None:
        """Show what is known, by name. notes: before all of it. under_way: names of those that are
        being measured. marked: whether there is something to compare the map with."""
        self._figures = figures
        self.notes.show_text(" ".join(notes))
        self.notes.setVisible(bool(notes))
        for name, row in self.rows.items():
            figure = figures.get(name)
            row.show_words("" if figure is None else figure.verdict, waiting=name in under_way)
            row.setVisible(marked or not row.row.marked)
        self._stack.setCurrentIndex(1)
        asked = [row.name for row in ROWS if not row.free and not row.marked]
        done = all(name in figures for name in asked)
        self.measure.setText(plain_text.entry("Measure again" if done else "Measure the rest"))
        self.measure.setEnabled(not under_way)
        self.threshold.setVisible(marked)
        self._show_chart()

    def set_progress(self, fraction: float | None, words: str) -> None:
        """Show how far it is; None for nothing under way."""
        running = fraction is not None
        self.bar.setVisible(running)
        # One takes the place of the other, and the focus with it: it must not go on to the next.
        if running:
            windows.replace(self.measure, self.stop)
        else:
            windows.replace(self.stop, self.measure)
        self.words.show_text(words)
        if fraction is not None:
            self.bar.setValue(round(1000 * fraction))

    def choose(self, name: str) -> None:
        """Show the chart of a figure."""
        self.chosen = name
        self._show_chart()

    def _show_chart(self) -> None:
        for name, row in self.rows.items():
            row.set_selected(name == self.chosen)
        figure = self._figures.get(self.chosen)
        curves = figure.curves if figure is not None else ()
        if figure is None or not curves:
            self._show_axes(())
            self._empty.show_text(_NO_CHART if figure is not None else "Not measured yet.")
            self._charts.setCurrentWidget(self._empty)
            return
        axes = tuple(dict.fromkeys(curve.axis for curve in curves))
        self._axis = self._axis if self._axis in axes else axes[0]
        self._show_axes(axes if len(axes) > 1 else ())
        shown = [curve for curve in curves if curve.axis == self._axis]
        title = f"{figure.title}: {self._axis}"
        if shown[0].ticks and len(shown) == 1:
            self.bars.set_bars(title, shown[0])
            self._charts.setCurrentWidget(self.bars)
        else:
            across = _ACROSS.get(figure.name, "part of the image that is hidden")
            if figure.name == "insertion":
                across = "part of the image that is shown"
            self.lines.set_curves(title, across, shown)
            self._charts.setCurrentWidget(self.lines)

    def _show_axes(self, axes: tuple[str, ...]) -> None:
        """Offer to choose among what the curves measure."""
        if axes == self._offered:
            return
        self._offered = axes
        if self.axes is not None:
            self._side.removeWidget(self.axes)
            self.axes.hide()
            self.axes.deleteLater()
            self.axes = None
        if axes:
            choices = [
                (axis, axis[:1].upper() + axis[1:], f"Curves of the {axis}") for axis in axes
            ]
            self.axes = Segments("Curves of", choices)
            self.axes.show_choice(self._axis)
            self.axes.chosen.connect(self._choose_axis)
            self._side.insertWidget(0, self.axes, 0, Qt.AlignmentFlag.AlignLeft)

    def _choose_axis(self, axis: str) -> None:
        self._axis = axis
        self._show_chart()

    def drawing_ended(self) -> None:
        """The rectangle was drawn."""
        self.draw_action.setChecked(False)

    # --- layout ----------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(40 * theme.SPACE)
        self.stop.setText(plain_text.entry("Stop"))
        for _, title, tip in FILLS:
            self.fill.addItem(plain_text.entry(title))
            self.fill.setItemData(self.fill.count() - 1, plain_text.tip(tip), _TIP)
        self.fill.setAccessibleName("What hides cells")
        self.fill.setToolTip(plain_text.tip("What takes the place of hidden cells"))
        self._fill_menu()
        self.threshold.setRange(1, 99)
        self.threshold.setValue(15)
        self.threshold.setPrefix("box above ")
        self.threshold.setSuffix(" %")
        self.threshold.setToolTip(
            plain_text.tip("Part of the map's maximum above which a cell belongs to its box")
        )
        head = QHBoxLayout()
        head.setContentsMargins(2 * theme.SPACE, theme.SPACE, 2 * theme.SPACE, theme.SPACE)
        head.setSpacing(2 * theme.SPACE)
        for widget in (self.measure, self.stop, self.bar):
            head.addWidget(widget)
        head.addWidget(self.words, 1)
        for choice in (self.threshold, self.marks, self.fill):
            head.addWidget(choice)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(head)
        box.addWidget(self._stack, 1)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._message.setWordWrap(True)
        self._stack.addWidget(self._message)
        self._stack.addWidget(self._body())

    def _body(self) -> QWidget:
        """Sentences, and beside them the chart of one."""
        column = QVBoxLayout()
        column.setSpacing(0)
        self.notes.setWordWrap(True)
        self.notes.setContentsMargins(2 * theme.SPACE, 0, 2 * theme.SPACE, theme.SPACE)
        column.addWidget(self.notes)
        for row in self.rows.values():
            column.addWidget(row)
        column.addStretch(1)
        for chart in (self.lines, self.bars, self._empty):
            self._charts.addWidget(chart)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._side.setContentsMargins(0, 0, theme.SPACE, 0)
        self._side.setSpacing(theme.SPACE)
        self._side.addWidget(self._charts, 1)
        self._charts.setMinimumWidth(_CHART_LEAST)
        body = QWidget()
        both = QHBoxLayout(body)
        both.setContentsMargins(0, 0, 0, 0)
        both.setSpacing(2 * theme.SPACE)
        both.addWidget(scrolled(column), 3)
        both.addLayout(self._side, 2)
        return body

    def _fill_menu(self) -> None:
        menu = mnemonics.add_to(QMenu(self))
        self.load_action = menu.addAction("Load boxes or mask…")
        self.draw_action = menu.addAction("Draw rectangle")
        self.draw_action.setCheckable(True)
        menu.addSeparator()
        self.clear_action = menu.addAction("Remove marks")
        self.marks.setMenu(menu)
        self.marks.setText(plain_text.entry("Mark the object"))
        self.marks.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.marks.setProperty("popup", True)
        self.marks.setToolTip(
            plain_text.tip("Compare the map with boxes or a mask from a file, or with a rectangle")
        )

    def _connect(self) -> None:
        self.measure.clicked.connect(lambda _on=False: self.measure_wanted.emit())
        self.stop.clicked.connect(lambda _on=False: self.stop_wanted.emit())
        self.fill.activated.connect(lambda at: self.fill_chosen.emit(FILLS[at][0]))
        self.load_action.triggered.connect(lambda _on=False: self.load_wanted.emit())
        self.draw_action.toggled.connect(self.draw_wanted)
        self.clear_action.triggered.connect(lambda _on=False: self.clear_wanted.emit())
        self.threshold.valueChanged.connect(lambda value: self.threshold_chosen.emit(value / 100))
        for row in self.rows.values():
            row.chosen.connect(self.choose)

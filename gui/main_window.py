"""The window: assembles the widgets and passes on what falls on it. No logic.

It is painted in two steps. At first only the frame and the canvas are made, so that the window is
on the screen at once; complete() puts the panels into the room that was kept for them.
"""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QByteArray, QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QMainWindow,
    QSizePolicy,
    QSplitter,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from gui import actions, drops, theme
from gui.image_canvas import ImageCanvas
from gui.labels import ElidedLabel, label
from gui.notice_bar import NoticeBar
from gui.status_bar import StatusBar

_FIRST_SIZE = QSize(1280, 800)
_RIGHT = 280
# The tree takes three tenths of the window, and no more than all its columns need.
_LEFT_SHARE, _LEFT_LEAST, _LEFT_MOST = 0.3, 320, 440
_NARROWEST = 220
_STRIP_HEIGHT = 128


class MainWindow(QMainWindow):
    """first_painted: the window is on the screen for the first time. dropped(Dropped).
    closing: it is about to go; whoever owns threads ends them now.
    """

    first_painted = Signal()
    dropped = Signal(object)
    closing = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Hookscope")
        self.setWindowIcon(theme.app_icon())
        self.setAcceptDrops(True)
        self.setMinimumSize(720, 568)
        self.actions_by_id = actions.build(self)
        self.canvas = ImageCanvas()
        self.status = StatusBar()
        self.notice = NoticeBar(self.canvas)
        self.notice.covered.connect(self.canvas.set_top_inset)
        self.model_label = ElidedLabel()
        self.method_label = label("", "dim")
        self.device_label = label("")
        self.device_label.setProperty("role", "chip")
        self._painting = self._painted = False
        self.resize(_FIRST_SIZE)
        self._build_toolbar()
        self._lay_out()
        self.canvas.viewport().installEventFilter(self)
        QApplication.instance().installEventFilter(self)  # type: ignore[union-attr]
        self.canvas.setFocus()

    def complete(self) -> None:
        """Make the panels. Nothing moves: their room has been kept."""
        from gui.explain_panel import DisplayPanel
        from gui.image_strip import ImageStrip
        from gui.layer_tree import LayerTree
        from gui.prediction_panel import PredictionPanel

        self.tree = LayerTree()
        self.predictions = PredictionPanel()
        self.display = DisplayPanel()
        self.strip = ImageStrip()
        self.side = QWidget()
        side = QVBoxLayout(self.side)
        side.setContentsMargins(0, 0, 0, 0)
        side.setSpacing(1)
        side.addWidget(self.predictions, 1)
        side.addWidget(self.display)
        widths = self.columns.saveState()
        for place, panel in ((0, self.tree), (2, self.side)):
            panel.setMinimumWidth(max(_NARROWEST, panel.minimumSizeHint().width()))
            room = self.columns.replaceWidget(place, panel)
            if room is not None:
                room.deleteLater()
        self.columns.restoreState(widths)
        self._rows.replaceWidget(self._strip_room, self.strip)
        self._strip_room.deleteLater()
        self._order_tabs()
        # A file that falls on a text field is to be opened, not to become text.
        for field in self.findChildren(QLineEdit):
            field.setAcceptDrops(False)
        # What is true until somebody says otherwise.
        self.tree.set_message("Loading the engine…")
        self.predictions.set_message("Loading the engine…")

    def _order_tabs(self) -> None:
        """Tab goes from left to right, then down: Qt's own order is that of making."""
        panels = (self.tree, self.canvas, self.predictions, self.display, self.strip, self.status)
        # Fields, not panels: of a panel without a focus proxy Qt does not know the last field.
        fields = [
            field
            for panel in panels
            for field in (panel, *panel.findChildren(QWidget))
            if field.focusPolicy() & Qt.FocusPolicy.TabFocus
            and field.focusProxy() is None
            and field.window() is self  # not the list that a box opens
        ]
        for before, after in pairwise(fields):
            self.setTabOrder(before, after)

    @property
    def painted(self) -> bool:
        """Whether the window has been on the screen."""
        return self._painted

    def _build_toolbar(self) -> None:
        bar = QToolBar("Toolbar")
        bar.setObjectName("toolbar")
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        buttons = actions.fill_toolbar(bar, self.actions_by_id)
        export = buttons["export"]
        facts = QWidget()
        facts.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout(facts)
        row.setContentsMargins(12, 0, 8, 0)
        row.setSpacing(12)
        row.addWidget(self.model_label, 1)
        row.addWidget(self.method_label)
        row.addWidget(self.device_label)
        # The facts stand between the buttons: export comes last, where the eye ends.
        place = next(
            (action for action in bar.actions() if bar.widgetForAction(action) is export), None
        )
        if place is not None:
            bar.insertWidget(place, facts)
        self.addToolBar(bar)

    def _lay_out(self) -> None:
        self.columns = QSplitter(Qt.Orientation.Horizontal)
        for widget in (_room("Loading the engine…"), self.canvas, _room()):
            self.columns.addWidget(widget)
        self.columns.setChildrenCollapsible(False)
        self.columns.setHandleWidth(1)
        for place, stretch in enumerate((0, 1, 0)):
            self.columns.setStretchFactor(place, stretch)
        self.set_default_columns()
        self._strip_room = _room()
        self._strip_room.setFixedHeight(_STRIP_HEIGHT)
        central = QWidget()
        self._rows = QVBoxLayout(central)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(0)
        self._rows.addWidget(self.columns, 1)
        self._rows.addWidget(self._strip_room)
        self.setCentralWidget(central)
        self.setStatusBar(self.status)

    def set_default_columns(self) -> None:
        """The widths of the first start."""
        left = min(_LEFT_MOST, max(_LEFT_LEAST, round(_LEFT_SHARE * self.width())))
        self.columns.setSizes([left, max(200, self.width() - left - _RIGHT), _RIGHT])

    def reset_layout(self) -> None:
        """Size and columns of the first start."""
        self.showNormal()
        self.resize(_FIRST_SIZE)
        self.set_default_columns()

    def set_panels_visible(self, visible: bool) -> None:
        """Show or hide everything round the picture."""
        for widget in (self.tree, self.side, self.strip):
            widget.setVisible(visible)

    def save_layout(self) -> tuple[bytes, bytes]:
        """(geometry, state) for restore_layout."""
        return bytes(self.saveGeometry().data()), bytes(self.columns.saveState().data())

    def restore_layout(self, geometry: bytes, state: bytes) -> None:
        """Where the window was left the last time; nonsense is ignored by Qt."""
        if geometry:
            self.restoreGeometry(QByteArray(geometry))
        if state:
            self.columns.restoreState(QByteArray(state))

    # --- what falls on the window ----------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if drops.accepts(event.mimeData()):
            event.acceptProposedAction()
            self.canvas.set_drop_hint(drops.hint(event.mimeData()))

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.canvas.set_drop_hint("")
        event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        self.canvas.set_drop_hint("")
        event.acceptProposedAction()
        self.dropped.emit(drops.read(event.mimeData()))

    # --- events ----------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.Paint and not self._painting and watched is self.canvas.viewport():
            self._painting = True
            # The filter comes before the paint event; the signal after the picture is out.
            QTimer.singleShot(0, self._tell_painted)
        elif kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease) and isinstance(
            event, QKeyEvent
        ):
            return self._space(event)
        elif kind == QEvent.Type.ApplicationDeactivate:
            self.canvas.show_bare(False)
        return super().eventFilter(watched, event)

    def _tell_painted(self) -> None:
        self._painted = True
        self.first_painted.emit()

    def _space(self, event: QKeyEvent) -> bool:
        """The bare image while Space is held, except where Space means something else."""
        if event.key() != Qt.Key.Key_Space or event.modifiers():
            return False
        if event.type() == QEvent.Type.KeyRelease:
            if not event.isAutoRepeat():
                self.canvas.show_bare(False)
            return False
        focus = QApplication.focusWidget()
        if QApplication.activeWindow() is not self or isinstance(
            focus, QLineEdit | QAbstractButton | QComboBox
        ):
            return False
        if not event.isAutoRepeat():
            self.canvas.show_bare(True)
        # A list would take the key for its own selection.
        return isinstance(focus, QAbstractItemView)

    def closeEvent(self, event: QCloseEvent) -> None:
        QApplication.instance().removeEventFilter(self)  # type: ignore[union-attr]
        self.hide()
        self.closing.emit()
        event.accept()


def _room(text: str = "") -> QWidget:
    """What stands for a panel until it is made."""
    widget = label(text, "dim")
    widget.setAlignment(Qt.AlignmentFlag.AlignCenter)
    widget.setProperty("panel", True)
    widget.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    widget.setMinimumWidth(_NARROWEST)
    return widget

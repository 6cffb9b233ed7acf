"""The main window: assembles the widgets. No logic.

It is built in two steps. At first only the frame is created, so that the window appears at once;
complete() then replaces the placeholders by the canvas and the panels. Modules that the frame does
not need are imported there, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QScrollArea,
    QStackedWidget,
    QStatusBar,
    QVBoxLayout,
    QWidget,
)

from gui.toolkit import theme
from gui.toolkit.labels import ElidedLabel, Label
from gui.window.actions import Actions
from gui.window.columns import LEAST_CANVAS, NARROWEST, Columns
from gui.window.commands.table import TOOLS
from gui.window.drop_window import DropWindow
from gui.window.placeholders import first_size, panel_room
from gui.window.toolbar import Toolbar

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import (
        QCloseEvent,
        QPaintEvent,
        QResizeEvent,
    )

    from gui.toolkit.controls.panel_button import PanelButton
    from gui.toolkit.controls.segments import Segments
    from gui.widgets.bars.notice_bar import NoticeBar
    from gui.widgets.bars.page_bar import PageBar
    from gui.widgets.bars.status_bar import StatusBar
    from gui.widgets.canvas.line_tool import LineTool
    from gui.widgets.canvas.region_tool import RegionTool
    from gui.widgets.canvas.tools.edit_tool import EditTool
    from gui.widgets.choices.panel import ChoicePanel
    from gui.widgets.display.panel import DisplayPanel
    from gui.widgets.edits.panel import WhatIfPanel
    from gui.widgets.edits.tool_strip import ToolStrip
    from gui.widgets.folder.page import FolderPage
    from gui.widgets.image_strip.strip import ImageStrip
    from gui.widgets.inspector.drawer import Drawer
    from gui.widgets.layers.tree import LayerTree
    from gui.widgets.predictions.panel import PredictionPanel
    from gui.window.hold_original import BareKey

_LOADING = "Loading the engine…"
_STRIP_HEIGHT, _FOLDED_HEIGHT = 128, 28
_LEAST_DISPLAY = 80
_LEAST_WHAT_IF = 88
_LOW = 900
"""The strip folds to one line in a window that is lower than this, in pixels."""
_SHORT = 560
# As high as its stop button, so that the image does not move when the button appears.
_STATUS_HEIGHT = 8 * theme.SPACE


class MainWindow(DropWindow):
    """The main window.

    first_painted: it is on the screen for the first time. folder_made: the folder page was created.
    turned: to the other page. closing: it is about to close, so threads must end now. title_prefix:
    goes before its title.
    """

    first_painted = Signal()
    folder_made = Signal()
    turned = Signal()
    closing = Signal()
    title_prefix = ""

    line_tool: LineTool
    edit_tool: EditTool
    tools: ToolStrip
    what_if: WhatIfPanel
    what_if_room: QWidget
    stage: QWidget
    box_tool: RegionTool
    region_tool: RegionTool
    notice: NoticeBar
    pages: PageBar
    status: StatusBar
    tree: LayerTree
    predictions: PredictionPanel
    display: DisplayPanel
    strip: ImageStrip
    drawer: Drawer
    side: QScrollArea
    model_label: ElidedLabel
    method_button: PanelButton
    methods: ChoicePanel
    question_button: PanelButton
    questions: ChoicePanel
    scores: Segments
    device_label: Label

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Hookscope")
        self.setMinimumSize(640, 400)
        self.actions_by_id = Actions(self)
        self._painting = self._painted = False
        self._bare_key: BareKey | None = None
        self._strip_choice = "auto"
        self._complete = False
        self.resize(first_size(self.screen()))
        # There is no map to export yet.
        self.actions_by_id.enable(("export",), False)
        self.toolbar = Toolbar(self.actions_by_id)
        self.addToolBar(self.toolbar)
        self._lay_out()

    def complete(self) -> None:
        """Create the canvas, the panels and the menus, in place of the placeholders."""
        self.setWindowIcon(theme.app_icon())
        self.actions_by_id.complete()
        self._fill_toolbar()
        self._make_widgets()
        self._take_room()
        self.canvas.setFocus()
        self.setAcceptDrops(True)
        self.keep_drops_from_fields()
        self._complete = True

    def _make_widgets(self) -> None:
        from gui.widgets.bars.notice_bar import NoticeBar
        from gui.widgets.bars.page_bar import PageBar
        from gui.widgets.bars.status_bar import StatusBar
        from gui.widgets.canvas.line_tool import LineTool
        from gui.widgets.canvas.panes.panes import Panes
        from gui.widgets.canvas.region_tool import RegionTool
        from gui.widgets.display.panel import DisplayPanel
        from gui.widgets.image_strip.strip import ImageStrip
        from gui.widgets.inspector.drawer import Drawer
        from gui.widgets.layers.tree import LayerTree
        from gui.widgets.predictions.panel import PredictionPanel
        from gui.window.hold_original import BareKey

        self.panes = Panes()
        self.panes.setMinimumSize(LEAST_CANVAS)
        self.canvas = self.panes.canvas
        self.line_tool = LineTool(self.canvas)
        self._make_what_if()
        self.box_tool = RegionTool(self.canvas)
        self.region_tool = RegionTool(self.canvas)
        self._bare_key = BareKey(self, self.canvas)
        self.notice = NoticeBar()
        self.notice.left.connect(self.canvas.setFocus)
        self.pages = PageBar(self.canvas.lane)
        self.status = StatusBar()
        self.tree = LayerTree()
        self.predictions = PredictionPanel()
        self.display = DisplayPanel()
        self.strip = ImageStrip()
        self.fit_strip()
        self.drawer = Drawer(self.strip)
        self._make_choices()
        self._make_side()
        # Shown until the engine is loaded.
        self.tree.set_message(_LOADING)
        self.predictions.set_message(_LOADING)

    def _make_choices(self) -> None:
        """The panels below the buttons of the toolbar."""
        from gui.widgets.choices.foot import SCORES, Foot
        from gui.widgets.choices.panel import ChoicePanel

        self.methods = ChoicePanel("Methods", "Search methods", self, dragged_as="method")
        self.questions = ChoicePanel("Questions", "Search questions", self)
        foot = Foot("Score", SCORES)
        self.scores = foot.segments
        self.questions.set_foot(foot)

    def _make_side(self) -> None:
        """The panels on the right, one below the other."""
        from gui.toolkit.scrolling import Scrolled, scrolled

        side = QVBoxLayout()
        side.setSpacing(1)
        side.addWidget(self.predictions, 1)
        side.addWidget(self.what_if_room)
        side.addWidget(Scrolled(self.display, _LEAST_DISPLAY))
        # On a low screen with everything open, one lies above the other, never over it.
        self.side = scrolled(side)
        self.side.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.side.setMinimumWidth(side.minimumSize().width())

    def _make_what_if(self) -> None:
        """The tools beside the panes, and their panel."""
        from gui.toolkit.scrolling import Scrolled
        from gui.widgets.canvas.tools.edit_tool import EditTool
        from gui.widgets.edits.panel import WhatIfPanel
        from gui.widgets.edits.tool_strip import ToolStrip

        self.edit_tool = EditTool(self.canvas)
        self.tools = ToolStrip(self.actions_by_id, [f"tool_{name}" for name in TOOLS])
        self.what_if = WhatIfPanel()
        self.what_if_room = Scrolled(self.what_if, _LEAST_WHAT_IF)
        self.stage = QWidget()
        stage = QHBoxLayout(self.stage)
        stage.setContentsMargins(0, 0, 0, 0)
        stage.setSpacing(1)
        stage.addWidget(self.tools)
        stage.addWidget(self.panes, 1)
        self.set_what_if(False)

    def _take_room(self) -> None:
        """Replace the placeholders by the widgets.

        From left to right, then down, which is also the tab order.
        """
        from gui.window.notice_lane import NoticeLane

        self.columns.fill(self.tree, self.stage, self.side)
        self._rows.replaceWidget(self._strip_room, self.drawer)
        self.drawer.leave_room(self.notice)
        self._strip_room.hide()
        self._strip_room.deleteLater()
        self.status.setMinimumHeight(_STATUS_HEIGHT)
        self.setStatusBar(self.status)
        self._lane = NoticeLane(self, self._outer, self.notice, self.status)
        # Layouts show new widgets a moment later, and would close the gap until then.
        for widget in (self.drawer, self.status):
            widget.show()

    def set_what_if(self, on: bool) -> None:
        """Show the tools and the panel of 'What if', or fold them away."""
        self.tools.setVisible(on)
        self.what_if_room.setVisible(on)

    def set_strip(self, choice: str) -> None:
        """Fold the strip to one line ('folded'), show its pictures ('open'), or leave that to the
        height of the window ('auto')."""
        self._strip_choice = choice
        self.fit_strip()

    def fit_strip(self) -> None:
        """Fold the strip where there is no room for its pictures, and keep few predictions in view
        where there is none for more."""
        low = self.height() < _LOW
        self.predictions.keep_rows(3 if self.height() >= _SHORT else 2)
        self.strip.set_folded(low if self._strip_choice == "auto" else self._strip_choice != "open")

    @property
    def painted(self) -> bool:
        """Whether the window has been painted."""
        return self._painted

    def _fill_toolbar(self) -> None:
        bar = self.toolbar
        bar.fill()
        self.model_label = bar.model_label
        self.method_button = bar.method_button
        self.question_button = bar.question_button
        self.device_label = bar.device_label

    def _lay_out(self) -> None:
        self.columns = Columns(_LOADING)
        self.columns.fit(self.width())
        self._strip_room = panel_room(NARROWEST)
        self._strip_room.setFixedHeight(_FOLDED_HEIGHT if self.height() < _LOW else _STRIP_HEIGHT)
        picture = QWidget()
        self._rows = QVBoxLayout(picture)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(0)
        self._rows.addWidget(self.columns, 1)
        self._rows.addWidget(self._strip_room)
        central = QWidget()
        self._outer = QVBoxLayout(central)
        self._outer.setContentsMargins(0, 0, 0, 0)
        self._outer.setSpacing(0)
        self._stack = QStackedWidget()
        self._stack.addWidget(picture)
        self._outer.addWidget(self._stack, 1)
        self.setCentralWidget(central)
        status = QStatusBar()
        status.setSizeGripEnabled(False)
        status.setMinimumHeight(_STATUS_HEIGHT)
        self.setStatusBar(status)

    # --- the folder page -------------------------------------------------------------------------

    def make_folder(self, make: Callable[[], FolderPage]) -> FolderPage:
        """The folder page, which is made when it is needed first."""
        if self.folder is None:
            self.folder = make()
            self._stack.addWidget(self.folder)
            self.keep_drops_from_fields()
            self.folder_made.emit()
        return self.folder

    def turn_to(self, page: str) -> None:
        """Bring a page to the front: 'picture' or 'folder'."""
        self.toolbar.show_page(page)
        if page == "folder" and self.folder is not None:
            self._stack.setCurrentWidget(self.folder)
        else:
            self._stack.setCurrentIndex(0)
        self._lane.stand_at_foot(self.on_folder)
        self.status.speak_of_folder(self.on_folder)
        self.turned.emit()

    @property
    def on_folder(self) -> bool:
        """Whether the folder page is in front."""
        return self.folder is not None and self._stack.currentWidget() is self.folder

    # --- layout ----------------------------------------------------------------------------------

    def reset_layout(self) -> None:
        """Restore the default window size and columns."""
        self.showNormal()
        self.columns.forget()
        self.resize(first_size(self.screen()))
        self.columns.fit(self.width())

    def set_panels_visible(self, visible: bool) -> None:
        """Show or hide the panels and the image strip."""
        for widget in (self.tree, self.side, self.drawer):
            widget.setVisible(visible)

    def save_layout(self) -> tuple[bytes, bytes]:
        """(geometry, state) for restore_layout."""
        return bytes(self.saveGeometry().data()), self.columns.save()

    def restore_layout(self, geometry: bytes, state: bytes) -> None:
        """Restore the layout of the last run; Qt ignores invalid data."""
        if geometry:
            self.restoreGeometry(QByteArray(geometry))
        self.columns.restore(state)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.columns.fit(self.width())
        if self._complete:
            self.fit_strip()

    # --- events ----------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._painting:
            self._painting = True
            # Child widgets are painted after the window; emit the signal after all of them.
            QTimer.singleShot(0, self._tell_painted)

    def _tell_painted(self) -> None:
        self._painted = True
        self.first_painted.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._bare_key is not None:
            self._bare_key.stop()
        self.hide()
        self.closing.emit()
        event.accept()

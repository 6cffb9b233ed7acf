"""The main window: assembles the widgets. No logic.

It is built in two steps. At first only the frame is created, so that the window appears at once;
complete() then replaces the placeholders by the canvas and the panels. Modules that the frame does
not need are imported there, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QStatusBar,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from gui.toolkit import theme
from gui.toolkit.labels import ElidedLabel, label
from gui.window import actions
from gui.window.commands.table import PAGES, TOOLS
from gui.window.drop_window import DropWindow
from gui.window.placeholders import canvas_room, first_size, panel_room

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import (
        QCloseEvent,
        QPaintEvent,
        QResizeEvent,
    )

    from gui.toolkit.controls.panel_button import PanelButton
    from gui.toolkit.controls.segments import Segments
    from gui.toolkit.labels import Label
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
# The picture gets the room: the tree is the first to be narrow, and shows names and maps alone.
_LEFT_SHARE, _LEFT_LEAST, _LEFT_MOST = 0.17, 176, 440
_RIGHT_SHARE, _RIGHT_LEAST, _RIGHT_MOST = 0.2, 240, 280
_NARROWEST = 176
_STRIP_HEIGHT, _FOLDED_HEIGHT = 128, 28
_LEAST_DISPLAY = 80
_LEAST_WHAT_IF = 88
_LOW = 900
"""The strip folds to one line in a window that is lower than this, in pixels."""
_SHORT = 560
# Wide enough for a sentence with a button below it.
_LEAST_CANVAS = QSize(60 * theme.SPACE, 30 * theme.SPACE)
# As high as its stop button, so that the image does not move when the button appears.
_STATUS_HEIGHT = 8 * theme.SPACE


class MainWindow(DropWindow):
    """The main window.

    first_painted: it is on the screen for the first time. page_chosen('picture' or 'folder'): in
    the toolbar. folder_made: the folder page was created. turned: to the other page. closing: it
    is about to close, so threads must end now. title_prefix: goes before its title.
    """

    first_painted = Signal()
    page_chosen = Signal(str)
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
    switch: Segments | None = None

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Hookscope")
        self.setMinimumSize(640, 400)
        self.actions_by_id = actions.Actions(self)
        self._painting = self._painted = False
        self._bare_key: BareKey | None = None
        self._strip_choice = "auto"
        self._complete = False
        self._own_columns = False
        self.resize(first_size(self.screen()))
        self._build_toolbar()
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
        from gui.toolkit.scrolling import Scrolled, scrolled
        from gui.widgets.bars.notice_bar import NoticeBar
        from gui.widgets.bars.page_bar import PageBar
        from gui.widgets.bars.status_bar import StatusBar
        from gui.widgets.canvas.line_tool import LineTool
        from gui.widgets.canvas.panes.panes import Panes
        from gui.widgets.canvas.region_tool import RegionTool
        from gui.widgets.choices.foot import SCORES, Foot
        from gui.widgets.choices.panel import ChoicePanel
        from gui.widgets.display.panel import DisplayPanel
        from gui.widgets.image_strip.strip import ImageStrip
        from gui.widgets.inspector.drawer import Drawer
        from gui.widgets.layers.tree import LayerTree
        from gui.widgets.predictions.panel import PredictionPanel
        from gui.window.hold_original import BareKey

        self.panes = Panes()
        self.panes.setMinimumSize(_LEAST_CANVAS)
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
        self.methods = ChoicePanel("Methods", "Search methods", self, dragged_as="method")
        self.questions = ChoicePanel("Questions", "Search questions", self)
        foot = Foot("Score", SCORES)
        self.scores = foot.segments
        self.questions.set_foot(foot)
        side = QVBoxLayout()
        side.setSpacing(1)
        side.addWidget(self.predictions, 1)
        side.addWidget(self.what_if_room)
        side.addWidget(Scrolled(self.display, _LEAST_DISPLAY))
        # On a low screen with everything open, one lies above the other, never over it.
        self.side = scrolled(side)
        self.side.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.side.setMinimumWidth(side.minimumSize().width())
        # Shown until the engine is loaded.
        self.tree.set_message(_LOADING)
        self.predictions.set_message(_LOADING)

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

        widths = self.columns.saveState()
        for panel in (self.tree, self.side):
            least = max(panel.minimumWidth(), panel.minimumSizeHint().width())
            panel.setMinimumWidth(max(_NARROWEST, least))
        for place, widget in enumerate((self.tree, self.stage, self.side)):
            room = self.columns.replaceWidget(place, widget)
            if room is not None:
                room.deleteLater()
        self._share_width()
        self.columns.restoreState(widths)
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

    def _build_toolbar(self) -> None:
        bar = QToolBar("Toolbar")
        bar.setObjectName("toolbar")
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self._buttons = actions.toolbar_buttons(bar, self.actions_by_id)
        # There is no map to export yet.
        self.actions_by_id.enable(("export",), False)
        self._facts = QWidget()
        self._facts.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        for id, button in self._buttons.items():
            if id == "export":
                # The model facts are between the buttons; Export comes last.
                bar.addWidget(self._facts)
            bar.addWidget(button)
        self.addToolBar(bar)

    def _fill_toolbar(self) -> None:
        from gui.toolkit.controls.panel_button import PanelButton

        actions.fill_buttons(self._buttons, self.actions_by_id)
        self.model_label = ElidedLabel()
        self.method_button = PanelButton("method")
        self.question_button = PanelButton("question")
        self.device_label = label("")
        self.device_label.setProperty("role", "dim")
        self.device_label.hide()
        row = QHBoxLayout(self._facts)
        row.setContentsMargins(12, 0, 8, 0)
        row.setSpacing(12)
        row.addWidget(self.model_label, 1)
        row.addWidget(self.method_button)
        row.addWidget(self.question_button)
        row.addWidget(self.device_label)

    def _lay_out(self) -> None:
        self.columns = QSplitter(Qt.Orientation.Horizontal)
        for widget in (
            panel_room(_NARROWEST, _LOADING),
            canvas_room(_LEAST_CANVAS),
            panel_room(_NARROWEST),
        ):
            self.columns.addWidget(widget)
        self.columns.setChildrenCollapsible(False)
        self.columns.setHandleWidth(1)
        self._share_width()
        self.columns.splitterMoved.connect(self._columns_moved)
        self.set_default_columns()
        self._strip_room = panel_room(_NARROWEST)
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

    def offer_pages(self, offered: bool) -> None:
        """Show the switch between the pages in the toolbar, or leave it out."""
        if self.switch is None and offered:
            from gui.toolkit.controls.segments import Segments

            self.switch = Segments("Page", PAGES)
            self.switch.show_choice("picture")
            self.switch.chosen.connect(self.page_chosen)
            row = self._facts.layout()
            assert isinstance(row, QHBoxLayout)
            row.insertWidget(1, self.switch)
        if self.switch is not None:
            self.switch.setVisible(offered)

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
        if self.switch is not None:
            self.switch.show_choice(page)
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

    def _share_width(self) -> None:
        """Give extra width to the canvas only."""
        for place, stretch in enumerate((0, 1, 0)):
            self.columns.setStretchFactor(place, stretch)

    def _columns_moved(self) -> None:
        """From now on, the widths are the user's, whatever the size of the window."""
        self._own_columns = True

    def set_default_columns(self) -> None:
        """Set the default column widths, which the window follows until the user moves one."""
        left = min(_LEFT_MOST, max(_LEFT_LEAST, round(_LEFT_SHARE * self.width())))
        right = min(_RIGHT_MOST, max(_RIGHT_LEAST, round(_RIGHT_SHARE * self.width())))
        self.columns.setSizes([left, max(200, self.width() - left - right), right])

    def reset_layout(self) -> None:
        """Restore the default window size and columns."""
        self.showNormal()
        self._own_columns = False
        self.resize(first_size(self.screen()))
        self.set_default_columns()

    def set_panels_visible(self, visible: bool) -> None:
        """Show or hide the panels and the image strip."""
        for widget in (self.tree, self.side, self.drawer):
            widget.setVisible(visible)

    def save_layout(self) -> tuple[bytes, bytes]:
        """(geometry, state) for restore_layout."""
        columns = bytes(self.columns.saveState().data()) if self._own_columns else b""
        return bytes(self.saveGeometry().data()), columns

    def restore_layout(self, geometry: bytes, state: bytes) -> None:
        """Restore the layout of the last run; Qt ignores invalid data."""
        if geometry:
            self.restoreGeometry(QByteArray(geometry))
        if state:
            self._own_columns = self.columns.restoreState(QByteArray(state))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if not self._own_columns:
            self.set_default_columns()
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

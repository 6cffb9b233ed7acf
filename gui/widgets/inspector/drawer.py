"""The drawer: the image strip, and further pages behind tabs once the inspector is switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QHideEvent, QMouseEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QSizePolicy,
    QStackedWidget,
    QTabBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from gui.toolkit import plain_text, theme

if TYPE_CHECKING:
    from gui.widgets.inspector.channels import ChannelsPage
    from gui.widgets.inspector.film import FilmPage
    from gui.widgets.inspector.numbers import NumbersPage
    from gui.widgets.inspector.trust import TrustPage

IMAGES: Final = "images"
TITLES: Final = {
    IMAGES: "Images",
    "layers": "Layers",
    "channels": "Channels",
    "numbers": "Numbers",
    "trust": "Trust",
}
LEAST = 20 * theme.SPACE
_GRIP = theme.SPACE
# Of the window's height, what is left to the canvas at least.
_CANVAS_SHARE = 0.5


class Drawer(QWidget):
    """Shows the image strip alone until set_shown; then tabs, and the page of one of them.

    opened(page): what is looked at has changed, '' for none of the pages. chosen(page): by the
    user. folded(bool): by the user. resized(height): by the user, in logical pixels. film,
    channels, numbers and trust are there once it is filled.
    """

    opened = Signal(str)
    chosen = Signal(str)
    folded = Signal(bool)
    resized = Signal(int)

    film: FilmPage
    channels: ChannelsPage
    numbers: NumbersPage
    trust: TrustPage

    def __init__(self, images: QWidget) -> None:
        super().__init__()
        self._images = images
        self._shown = self._is_folded = False
        self._rows: list[QWidget] = []
        self._page, self._opened = IMAGES, ""
        self._height = 50 * theme.SPACE
        self._pages: dict[str, QWidget] = {}
        self._grip = _Grip(self)
        self._tabs = QTabBar()
        self._fold = QToolButton()
        self._head = QWidget()
        self._stack = _Stack()
        self._lay_out()
        self._tabs.currentChanged.connect(self._tab_changed)
        self._tabs.tabBarClicked.connect(self._tab_clicked)
        self._fold.clicked.connect(lambda: self._fold_by_hand(not self._is_folded))
        self._arrange()

    @property
    def filled(self) -> bool:
        """Whether the pages have been created."""
        return bool(self._pages)

    def fill(self) -> None:
        """Create the pages: whoever never opens the inspector does not wait for them."""
        from gui.widgets.inspector.channels import ChannelsPage
        from gui.widgets.inspector.film import FilmPage
        from gui.widgets.inspector.numbers import NumbersPage
        from gui.widgets.inspector.trust import TrustPage

        self.film, self.channels, self.numbers = FilmPage(), ChannelsPage(), NumbersPage()
        self.trust = TrustPage()
        self._pages = {
            "layers": self.film,
            "channels": self.channels,
            "numbers": self.numbers,
            "trust": self.trust,
        }
        for page in self._pages.values():
            self._stack.addWidget(page)

    @property
    def current(self) -> str:
        """The page that is looked at; '' for none."""
        return self._opened

    def set_shown(self, shown: bool) -> None:
        """Show the tabs, or the image strip alone."""
        self._shown = shown
        self._arrange()

    def restore(self, page: str, folded: bool, height: int) -> None:
        """Set what was remembered, without signals of the user."""
        self._page, self._is_folded, self._height = page, folded, height
        self._tabs.blockSignals(True)
        self._tabs.setCurrentIndex(list(TITLES).index(page))
        self._tabs.blockSignals(False)
        self._arrange()

    def focus_page(self) -> None:
        """Move the keyboard focus to the tabs."""
        self._tabs.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def leave_room(self, row: QWidget) -> None:
        """There is a row above the canvas, which may come and go; the canvas keeps half of the
        window beside it."""
        self._rows.append(row)
        row.installEventFilter(self)

    def set_page_height(self, height: int) -> None:
        """Set the wanted height of a page; the canvas keeps half of the window."""
        self._height = max(LEAST, min(height, self._most()))
        self._fit()

    @property
    def page_height(self) -> int:
        return self._height

    # --- layout ----------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self._tabs.setDrawBase(False)
        self._tabs.setExpanding(False)
        self._tabs.setAccessibleName("Inspector")
        for name, title in TITLES.items():
            self._tabs.addTab(plain_text.entry(title))
            self._tabs.setTabData(self._tabs.count() - 1, name)
        self._fold.setAutoRaise(True)
        self._fold.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        head = QHBoxLayout(self._head)
        head.setContentsMargins(theme.SPACE, 0, theme.SPACE, 0)
        head.setSpacing(0)
        head.addWidget(self._tabs)
        head.addStretch(1)
        head.addWidget(self._fold)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self._grip)
        box.addWidget(self._head)
        box.addWidget(self._images)
        box.addWidget(self._stack)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setProperty("panel", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)

    @property
    def _showing(self) -> str:
        """The page that has its place; '' while folded."""
        if not self._shown:
            return IMAGES
        return "" if self._is_folded else self._page

    def _arrange(self) -> None:
        page = self._showing
        self._head.setVisible(self._shown)
        self._grip.setVisible(self._shown)
        self._grip.setEnabled(page not in ("", IMAGES))
        self._images.setVisible(page == IMAGES)
        self._stack.setVisible(page in self._pages)
        if page in self._pages:
            self._stack.setCurrentWidget(self._pages[page])
        self._fold.setArrowType(Qt.ArrowType.UpArrow if self._is_folded else Qt.ArrowType.DownArrow)
        words = "Unfold the inspector" if self._is_folded else "Fold the inspector to its tabs"
        self._fold.setToolTip(plain_text.tip(words))
        self._fold.setAccessibleName(plain_text.line(words))
        self._fit()
        self._look()

    def _look(self) -> None:
        """Tell what is looked at: nothing, while the drawer itself is hidden."""
        page = self._showing if self.isVisible() else ""
        if page != self._opened:
            self._opened = page
            self.opened.emit(page)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._look()

    def _most(self) -> int:
        above, window = self.parentWidget(), self.window()
        if above is None:
            return 10_000
        # The panels beside the canvas need their room as well.
        panels = above.minimumSizeHint().height() - self.minimumSizeHint().height()
        notice = sum(row.height() for row in self._rows if row.isVisible())
        free = above.height() - max(panels, round(_CANVAS_SHARE * window.height()) + notice)
        return max(LEAST, free - self._head.sizeHint().height() - _GRIP)

    def _fit(self) -> None:
        self._stack.setFixedHeight(min(self._height, self._most()))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        above = self.parentWidget()
        if event.type() == QEvent.Type.ParentChange and above is not None:
            above.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        resized = event.type() == QEvent.Type.Resize and watched is self.parentWidget()
        changed = (QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide)
        if resized or (watched in self._rows and event.type() in changed):
            self._fit()
        return super().eventFilter(watched, event)

    # --- gestures --------------------------------------------------------------------------------

    def _tab_changed(self, place: int) -> None:
        self._page = str(self._tabs.tabData(place))
        self._is_folded = False
        self._arrange()
        self.chosen.emit(self._page)
        self.folded.emit(False)

    def _tab_clicked(self, place: int) -> None:
        """A click on the tab that is open folds the drawer; on another one it is changed."""
        if place >= 0 and place == self._tabs.currentIndex():
            self._fold_by_hand(not self._is_folded)

    def _fold_by_hand(self, folded: bool) -> None:
        self._is_folded = folded
        self._arrange()
        self.folded.emit(folded)


class _Stack(QStackedWidget):
    """Never wider than its place: a page scrolls or elides what does not fit."""

    def minimumSizeHint(self) -> QSize:
        return QSize(0, 0)


class _Grip(QWidget):
    """The upper edge of the drawer, which is dragged to change its height."""

    def __init__(self, drawer: Drawer) -> None:
        super().__init__(drawer)
        self._drawer = drawer
        self._from: tuple[float, int] | None = None
        self.setFixedHeight(_GRIP)
        self.setObjectName("grip")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            on, off = Qt.CursorShape.SplitVCursor, Qt.CursorShape.ArrowCursor
            self.setCursor(on if self.isEnabled() else off)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._from = event.globalPosition().y(), self._drawer._stack.height()
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._from is not None:
            start, height = self._from
            self._drawer.set_page_height(height + round(start - event.globalPosition().y()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._from is not None:
            self._from = None
            self._drawer.resized.emit(self._drawer.page_height)
        event.accept()

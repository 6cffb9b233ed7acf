"""What a window does with files, images and rows that are dragged onto it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMainWindow

if TYPE_CHECKING:
    from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDragMoveEvent, QDropEvent

    from gui.widgets.canvas.drop_veil import DropVeil
    from gui.widgets.canvas.image_canvas import ImageCanvas
    from gui.widgets.canvas.panes.panes import Panes
    from gui.widgets.folder.page import FolderPage


class DropWindow(QMainWindow):
    """A window with panes, and perhaps a folder page over them.

    dropped(Dropped). compared(kind, value): a class, layer, image or method was dragged onto
    the panes.
    """

    dropped = Signal(object)
    compared = Signal(str, str)

    canvas: ImageCanvas
    panes: Panes
    folder: FolderPage | None = None
    _veil: DropVeil | None = None

    @property
    def on_folder(self) -> bool:
        """Whether the folder page is in front."""
        return False

    def keep_drops_from_fields(self) -> None:
        """A file dropped on a text field is to be opened, not inserted as text."""
        from PySide6.QtWidgets import QLineEdit

        for field in self.findChildren(QLineEdit):
            field.setAcceptDrops(False)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        from gui.window import drops

        words = drops.compared_words(event.mimeData())
        if words:
            event.acceptProposedAction()
            self.canvas.set_drop_hint(words)
            return
        if drops.accepts(event.mimeData()):
            event.acceptProposedAction()
            self._show_hint(drops.hint(event.mimeData(), paged=self.on_folder))

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        from gui.window import drops

        # Whoever lets go of a row beside the pictures wants nothing of it.
        away = drops.compared(event.mimeData()) is not None and not self._on_panes(event)
        event.setAccepted(not away)

    def _show_hint(self, words: str) -> None:
        """What a drop would do, over the page in front; '' for nothing."""
        if self.on_folder and words:
            from gui.widgets.canvas.drop_veil import DropVeil

            assert self.folder is not None
            self._veil = self._veil or DropVeil(self.folder, words)
            self._veil.show()
            return
        if self._veil is not None:
            self._veil.hide()
            self._veil.deleteLater()
            self._veil = None
        self.canvas.set_drop_hint(words)

    def _on_panes(self, event: QDropEvent) -> bool:
        place = self.panes.mapFrom(self, event.position().toPoint())
        return self.panes.rect().contains(place)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._show_hint("")
        event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        from gui.window import drops

        self._show_hint("")
        event.acceptProposedAction()
        row = drops.compared(event.mimeData())
        if row is not None:
            if self._on_panes(event):
                self.compared.emit(*row)
            return
        self.dropped.emit(drops.read(event.mimeData()))

"""The rest of the panel 'Display', folded away at first: looks, fading, backdrop, contours."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, cast

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QSizePolicy, QWidget

from engine.records.display import Backdrop, DisplaySettings
from engine.render.looks import LOOKS, contour_levels, contour_text, look_of, with_look
from gui.toolkit import plain_text
from gui.toolkit.controls.segments import Segments

_OWN: Final = "Your own"
_LIST_WIDTH: Final = 180
_NONE: Final = "None"
_LEVELS: Final = ("50", "25, 50, 75", "20, 40, 60, 80")
_BACKDROPS: Final = (
    ("colour", "Colour", "The picture as it is"),
    ("grey", "Grey", "The picture in grey, so that colour belongs to the map alone"),
    ("edges", "Edges", "The edges of the picture (Canny) in place of the picture"),
)
_CONTOUR_TIP: Final = (
    "Lines of equal value, at these percentages of the end of the colour scale, as in 25, 50, 75"
)


class More(QWidget):
    """The controls, without a layout of their own: rows() places them in the panel's.

    changed(DisplaySettings): the user changed one.
    """

    changed = Signal(DisplaySettings)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.hide()
        self._display = DisplaySettings()
        self._look = _look_box()
        self._fade = QCheckBox("Fade out at zero")
        self._fade.setToolTip(
            "The opacity follows the value. Without it, the whole region is veiled alike"
        )
        self._backdrop = Segments("Picture", _BACKDROPS)
        self._contours = _contour_box()
        self._look.activated.connect(self._choose_look)
        self._fade.clicked.connect(self._choose_fade)
        self._backdrop.chosen.connect(self._choose_backdrop)
        self._contours.activated.connect(self._choose_contours)
        field = self._contours.lineEdit()
        if field is not None:
            field.setPlaceholderText(_NONE)
            field.editingFinished.connect(self._choose_contours)

    def rows(self) -> tuple[tuple[str, QWidget], ...]:
        """Name and control of each row."""
        return (
            ("Look", self._look),
            ("", self._fade),
            ("Picture", self._backdrop),
            ("Contours", self._contours),
        )

    def show_display(self, display: DisplaySettings) -> None:
        """Show these settings, without a signal."""
        self._display = display
        look = look_of(display)
        own = self._look.findText(_OWN)
        if look and own >= 0:
            self._look.removeItem(own)
        elif not look and own < 0:
            self._look.addItem(_OWN, "")
        self._look.setCurrentIndex(self._look.findData(look))
        self._fade.setChecked(display.fade)
        self._backdrop.show_choice(display.backdrop)
        self._contours.setCurrentText(contour_text(display.contours))

    def _tell(self, display: DisplaySettings) -> None:
        if display != self._display:
            self.show_display(display)
            self.changed.emit(display)

    @Slot()
    def _choose_look(self) -> None:
        slug = self._look.currentData()
        if slug:
            self._tell(with_look(self._display, slug))

    @Slot(bool)
    def _choose_fade(self, on: bool) -> None:
        self._tell(replace(self._display, fade=on))

    @Slot(str)
    def _choose_backdrop(self, name: str) -> None:
        self._tell(replace(self._display, backdrop=cast(Backdrop, name)))

    @Slot()
    def _choose_contours(self) -> None:
        """What is no list of levels is put back, with the reason in the tooltip."""
        text = self._contours.currentText()
        try:
            levels = contour_levels("" if text.strip().casefold() == "none" else text)
        except ValueError as error:
            self._contours.setToolTip(plain_text.tip(str(error)))
            self.show_display(self._display)
            return
        self._contours.setToolTip(plain_text.tip(_CONTOUR_TIP))
        self._tell(replace(self._display, contours=levels))
        self.show_display(self._display)


def narrow(box: QComboBox) -> None:
    """Let a box be narrower than its longest entry, which its list shows in full."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(4)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    view = box.view()
    view.setTextElideMode(Qt.TextElideMode.ElideNone)
    view.setMinimumWidth(_LIST_WIDTH)


def _look_box() -> QComboBox:
    box = QComboBox()
    narrow(box)
    box.setAccessibleName("Look")
    box.setToolTip("Settings that go together")
    for look in LOOKS:
        box.addItem(plain_text.line(look.title), look.slug)
        tip = plain_text.tip(look.summary)
        box.setItemData(box.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
    return box


def _contour_box() -> QComboBox:
    box = QComboBox()
    narrow(box)
    box.setEditable(True)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    box.setAccessibleName("Contours")
    box.setToolTip(plain_text.tip(_CONTOUR_TIP))
    box.addItems([_NONE, *_LEVELS])
    return box

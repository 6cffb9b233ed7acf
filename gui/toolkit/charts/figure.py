"""What can be copied and saved from a context menu, as a picture or as values."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

from PySide6.QtCore import (
    QBuffer,
    QByteArray,
    QIODevice,
    QMarginsF,
    QPoint,
    QRect,
    QSize,
    QSizeF,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QGuiApplication,
    QImage,
    QPageSize,
    QPainter,
    QPdfWriter,
    QRegion,
)
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QMenu, QWidget

from gui.toolkit import mnemonics, plain_text, theme

_PNG_SCALE = 2
_PDF_DPI = 96


class Figure(QWidget):
    """A drawing of values. It is saved as it is on the screen, unless a subclass paints it anew.

    save_wanted(figure, 'picture' or 'values'): from its menu. name: what it shows, which is its
    title; across, up: what its axes are, '' for none.
    """

    save_wanted = Signal(object, str)

    def __init__(self, name: str, across: str = "", up: str = "") -> None:
        super().__init__()
        self.name, self.across, self.up = name, across, up
        self.setAccessibleName(plain_text.line(name))

    # --- what subclasses know --------------------------------------------------------------------

    def rows(self) -> tuple[Sequence[str], Sequence[Sequence[float | str]]]:
        """Column titles and rows of values."""
        raise NotImplementedError

    @property
    def is_filled(self) -> bool:
        """Whether there is something to save."""
        raise NotImplementedError

    def saved_size(self) -> QSize:
        """The size of a saved picture, in points."""
        return self.size()

    def paint_saved(self, painter: QPainter) -> None:
        """Paint a picture of that size."""
        painter.fillRect(QRect(QPoint(0, 0), self.saved_size()), QColor(theme.current().panel))
        nothing = QWidget.RenderFlag(0)
        self.render(painter, QPoint(0, 0), QRegion(), nothing)

    # --- copies and files ------------------------------------------------------------------------

    def values(self, separator: str = "\t") -> str:
        """The values as text, one row a line, in full precision."""
        return values_text(*self.rows(), separator)

    def image(self, scale: float = _PNG_SCALE) -> QImage:
        """The drawing as a picture on the background of a panel."""
        image = QImage(self.saved_size() * scale, QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(scale)
        painter = QPainter(image)
        self.paint_saved(painter)
        painter.end()
        return image

    def png(self) -> bytes:
        """The drawing as the bytes of a PNG file."""
        data = QByteArray()
        buffer = QBuffer(data)
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        # PySide annotates the format as bytes and takes text only.
        self.image().save(buffer, "PNG")  # type: ignore[call-overload]
        return bytes(data.data())

    def svg(self) -> bytes:
        """The drawing as the bytes of an SVG file."""
        data = QByteArray()
        buffer = QBuffer(data)
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        generator = QSvgGenerator()
        generator.setOutputDevice(buffer)
        generator.setSize(self.saved_size())
        generator.setViewBox(QRect(QPoint(0, 0), self.saved_size()))
        generator.setTitle(plain_text.line(self.name))
        painter = QPainter(generator)
        self.paint_saved(painter)
        painter.end()
        buffer.close()
        return bytes(data.data())

    def pdf(self) -> bytes:
        """The drawing as the bytes of a PDF file of one page of its size."""
        data = QByteArray()
        buffer = QBuffer(data)
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        writer = QPdfWriter(buffer)
        writer.setTitle(plain_text.line(self.name))
        writer.setResolution(_PDF_DPI)
        size = QSizeF(self.saved_size()) * 72 / _PDF_DPI
        writer.setPageSize(QPageSize(size, QPageSize.Unit.Point))
        writer.setPageMargins(QMarginsF())
        painter = QPainter(writer)
        self.paint_saved(painter)
        painter.end()
        buffer.close()
        return bytes(data.data())

    def menu(self) -> QMenu:
        """A menu that copies and saves the drawing; it deletes itself."""
        menu = mnemonics.passing_menu(self)
        board = QGuiApplication.clipboard()
        menu.addAction("Copy picture").triggered.connect(lambda: board.setImage(self.image()))
        menu.addAction("Copy values").triggered.connect(lambda: board.setText(self.values()))
        menu.addSeparator()
        for what in ("picture", "values"):
            action = menu.addAction(f"Save {what}…")
            action.triggered.connect(lambda _on=False, what=what: self.save_wanted.emit(self, what))
        for action in menu.actions():
            action.setEnabled(self.is_filled)
        return menu

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu().popup(event.globalPos())


def values_text(
    titles: Sequence[str], rows: Sequence[Sequence[float | str | None]], separator: str = "\t"
) -> str:
    """Column titles and rows as text, one row a line, numbers in full precision."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows([_exact(value) for value in row] for row in rows)
    return out.getvalue()


def _exact(value: float | str | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return "" if math.isnan(value) else f"{value:.9g}"

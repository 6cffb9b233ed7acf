"""Every text that a program of Qt shows, wherever it stands, and what Qt would make of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from PySide6.QtCore import QAbstractItemModel, QAbstractListModel, QBuffer, QIODevice, QModelIndex
from PySide6.QtGui import QAction, QKeySequence, Qt, QTextDocument
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QGroupBox,
    QLabel,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QProgressBar,
    QStatusBar,
    QTabBar,
    QTextEdit,
    QWidget,
)

RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f]")
MOST = 6_000
"""Characters of the longest text that may stand anywhere."""

_ROLES = Qt.ItemDataRole
_MOST_ROWS = 300


class Text(NamedTuple):
    """Where a text stands, and what it is there: 'rich' for what Qt might take for rich text,
    'shortcut' for where '&' makes one, else 'plain'."""

    where: str
    kind: str
    text: str


def name_of(action: QAction) -> str:
    """The text of an entry, without the letter that it has while its menu is open."""
    return action.text().replace("&&", "\0").replace("&", "").replace("\0", "&")


def all_texts() -> Iterator[Text]:
    """Of every widget that there is, shown or not."""
    for widget in QApplication.allWidgets():
        yield from texts_of(widget)


def texts_of(widget: QWidget) -> Iterator[Text]:
    name = f"{type(widget).__name__} {widget.objectName()}".strip()
    yield Text(f"tooltip of {name}", "rich", widget.toolTip())
    yield Text(f"what's this of {name}", "rich", widget.whatsThis())
    for what, text in (
        ("status tip", widget.statusTip()),
        ("title", widget.windowTitle()),
        ("accessible name", widget.accessibleName()),
        ("accessible description", widget.accessibleDescription()),
    ):
        yield Text(f"{what} of {name}", "plain", text)
    for what, kind, text in _own_texts(widget):
        yield Text(f"{what} of {name}", kind, text)
    for action in widget.actions():
        yield from _of_action(action, name)
    for model in _models(widget):
        yield from _of_model(model, name)


def _own_texts(widget: QWidget) -> Iterator[tuple[str, str, str]]:
    if isinstance(widget, QLabel):
        formats = {Qt.TextFormat.PlainText: "plain", Qt.TextFormat.AutoText: "rich"}
        kind = "shortcut" if widget.buddy() is not None else formats.get(widget.textFormat(), "own")
        yield "words", kind, widget.text()
    elif isinstance(widget, QAbstractButton):
        yield "words", "shortcut", widget.text()
    elif isinstance(widget, QGroupBox | QMenu):
        yield "title", "shortcut", widget.title()
    elif isinstance(widget, QLineEdit):
        yield "words", "plain", widget.text()
        yield "placeholder", "plain", widget.placeholderText()
    elif isinstance(widget, QPlainTextEdit):
        yield "words", "report", widget.toPlainText()
    elif isinstance(widget, QTextEdit):
        yield "words", "own", ""
    elif isinstance(widget, QProgressBar):
        yield "format", "plain", widget.text()
    elif isinstance(widget, QStatusBar):
        yield "message", "plain", widget.currentMessage()
    elif isinstance(widget, QTabBar):
        for place in range(widget.count()):
            yield "tab", "shortcut", widget.tabText(place)
            yield "tip of a tab", "rich", widget.tabToolTip(place)


def _of_action(action: QAction, name: str) -> Iterator[Text]:
    where = f"action {action.objectName()} of {name}"
    # What follows a tab stands in the column of the keys.
    for part in action.text().split("\t", maxsplit=1):
        yield Text(where, "shortcut", part)
    yield Text(f"tooltip of {where}", "rich", action.toolTip())
    yield Text(f"what's this of {where}", "rich", action.whatsThis())
    yield Text(f"status tip of {where}", "plain", action.statusTip())


def _models(widget: QWidget) -> Iterator[QAbstractItemModel]:
    model = widget.model() if isinstance(widget, QAbstractItemView | QComboBox) else None
    if model is not None:
        yield model
    if isinstance(widget, QLineEdit) and widget.completer() is not None:
        yield widget.completer().model()


def _of_model(model: QAbstractItemModel, name: str) -> Iterator[Text]:
    for section in range(_columns(model, QModelIndex())):
        for role in (_ROLES.DisplayRole, _ROLES.ToolTipRole, _ROLES.AccessibleTextRole):
            text = model.headerData(section, Qt.Orientation.Horizontal, role)
            yield from _of_role(text, role, f"header of {name}")
    waiting = [QModelIndex()]
    while waiting:
        above = waiting.pop()
        for row in range(min(model.rowCount(above), _MOST_ROWS)):
            for column in range(_columns(model, above)):
                index = model.index(row, column, above)
                if column == 0:
                    waiting.append(index)
                for role in _ROLES:
                    if role < _ROLES.UserRole:
                        yield from _of_role(model.data(index, role), role, f"{role.name} of {name}")


def _columns(model: QAbstractItemModel, above: QModelIndex) -> int:
    # Qt keeps the count of a list's columns, which is one, to itself.
    return 1 if isinstance(model, QAbstractListModel) else model.columnCount(above)


def _of_role(text: Any, role: Qt.ItemDataRole, where: str) -> Iterator[Text]:
    if isinstance(text, str):
        rich = role in (_ROLES.ToolTipRole, _ROLES.WhatsThisRole)
        yield Text(where, "rich" if rich else "plain", text)


class _Document(QTextDocument):
    """Notes what it is asked to load."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def loadResource(self, kind: int, name: Any) -> Any:
        self.asked.append(str(name))
        return None


def faults(text: Text, marked: str) -> Iterator[str]:
    """What is wrong with a text that may hold a name from a file. marked: how such a name begins;
    it has a tag, and an ampersand."""
    said = text.text
    where = f"{text.where}: {said[:200]!a}"
    if text.kind == "own":
        return
    if text.kind != "report" and len(said) > MOST:
        yield f"{len(said)} characters in {where}"
    if RAW.search(said):
        yield f"a hidden character in {where}"
    if text.kind == "rich" and Qt.mightBeRichText(said):
        document = _Document()
        document.setHtml(said)
        document.size()
        if document.asked:
            yield f"{document.asked} is loaded by {where}"
        if marked in said or ("&lt;" in said and marked not in document.toPlainText()):
            yield f"a tag is obeyed in {where}"
    if text.kind == "shortcut" and marked in said and not QKeySequence.mnemonic(said).isEmpty():
        yield f"a shortcut in {where}"


def painted(widget: QWidget) -> str:
    """What a widget and those in it write when they are painted."""
    written = QBuffer()
    written.open(QIODevice.OpenModeFlag.ReadWrite)
    picture = QSvgGenerator()
    picture.setOutputDevice(written)
    picture.setSize(widget.size())
    # A view has a render of its own, for its scene.
    QWidget.render(widget, picture)
    svg = bytes(written.data().data()).decode("utf-8", "surrogateescape")
    return "\n".join(re.findall(r"<text[^>]*>(.*?)</text>", svg, re.DOTALL))

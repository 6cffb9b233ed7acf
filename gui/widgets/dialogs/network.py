"""The dialog to choose a network of a Python file and its arguments."""

from __future__ import annotations

import ast
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from engine.escaping import LINE
from engine.questions import ArgumentKind, NetworkOption, Parameter, WhichNetwork
from gui.toolkit import plain_text, theme
from gui.toolkit.labels import ElidedLabel, label

_EXPECTED: Final[dict[ArgumentKind, str]] = {
    "int": "a whole number",
    "float": "a number",
    "bool": "True or False",
    "str": "text",
    "value": "a Python literal such as 3, [1, 2] or 'text'",
}
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
}


class NetworkDialog(QDialog):
    """Lists the networks of a file, with a field for each argument of the selected one.

    chosen(str, object): its name, and a tuple of (argument, Python literal) for the fields that
    differ from their defaults.
    """

    chosen = Signal(str, object)

    def __init__(self, question: WhichNetwork, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Choose network")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._options = question.options
        self._forms = [_Form(option) for option in question.options]
        self._list = QListWidget()
        self._list.setProperty("rows", True)
        self._list.setAccessibleName("Networks")
        self._list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for option in question.options:
            self._list.addItem(plain_text.line(_title(option)))
            self._list.item(self._list.count() - 1).setToolTip(plain_text.tip(_title(option)))
        self._stack = QStackedWidget()
        self._note = ElidedLabel("dim")
        self._open = QPushButton("Open")
        for form in self._forms:
            self._stack.addWidget(_scrolling(form))
            form.changed.connect(self._refresh)
        self._lay_out(question)
        self._list.currentRowChanged.connect(self._show)
        self._open.clicked.connect(self._press)
        self._list.setCurrentRow(0)

    def _lay_out(self, question: WhichNetwork) -> None:
        several = len(self._options) > 1
        heading = label(
            f"Which network in {question.path.name} should be opened?"
            if several
            else f"{self._options[0].name} requires arguments",
            "header",
        )
        words = label("Enter the arguments that the weights were trained with.", "dim")
        heading.setWordWrap(True)
        words.setWordWrap(True)
        middle = QHBoxLayout()
        middle.setSpacing(16)
        if several:
            self._list.setFixedWidth(200)
            middle.addWidget(self._list)
        self._list.setVisible(several)
        middle.addWidget(self._stack, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        buttons.addButton(self._open, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.rejected.connect(self.reject)
        box = QVBoxLayout(self)
        box.setContentsMargins(16, 16, 16, 12)
        box.setSpacing(8)
        box.addWidget(heading)
        box.addWidget(words)
        box.addSpacing(theme.SPACE)
        box.addLayout(middle, 1)
        box.addWidget(self._note)
        box.addWidget(buttons)
        self._open.setDefault(True)
        self.resize(560 if several else 400, 360)

    def _show(self, row: int) -> None:
        self._stack.setCurrentIndex(row)
        self._refresh()

    def _refresh(self) -> None:
        fault = self._form.fault()
        self._open.setEnabled(not fault)
        self._note.show_text(fault)

    @property
    def _form(self) -> _Form:
        return self._forms[max(0, self._list.currentRow())]

    def _press(self) -> None:
        option = self._options[max(0, self._list.currentRow())]
        self.chosen.emit(option.name, self._form.arguments())
        self.accept()


class _Form(QWidget):
    """A field for each argument of one network."""

    changed = Signal()

    def __init__(self, option: NetworkOption) -> None:
        super().__init__()
        self._fields = [(parameter, _field(parameter)) for parameter in option.parameters]
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 4, 0)
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(8)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        if not self._fields:
            form.addRow(label("This network takes no arguments.", "dim"))
        for parameter, field in self._fields:
            name = label(plain_text.line(parameter.name, plain_text.SHORT))
            name.setBuddy(field)
            form.addRow(name, field)
            field.changed.connect(self.changed)

    def fault(self) -> str:
        """What is wrong with the first invalid field, '' if all are valid."""
        for parameter, field in self._fields:
            text = field.text().strip()
            if not text and parameter.required:
                return f"{parameter.name} is required: {_EXPECTED[parameter.kind]}"
            if text and text != _shown(parameter) and not _fits(parameter.kind, text):
                return f"{parameter.name} must be {_EXPECTED[parameter.kind]}"
        return ""

    def arguments(self) -> tuple[tuple[str, str], ...]:
        texts = ((parameter, field.text().strip()) for parameter, field in self._fields)
        return tuple(
            (parameter.name, text)
            for parameter, text in texts
            if text and text != _shown(parameter)
        )


class _Line(QLineEdit):
    """The field of an argument that is typed."""

    changed = Signal()

    def __init__(self, parameter: Parameter) -> None:
        super().__init__(_shown(parameter))
        self.setPlaceholderText(plain_text.line(_EXPECTED[parameter.kind]))
        self.setCursorPosition(0)
        self.textChanged.connect(self.changed)


class _Switch(QComboBox):
    """The field of an argument that is True, False or not set."""

    changed = Signal()

    def __init__(self, parameter: Parameter) -> None:
        super().__init__()
        self.addItems(["True", "False"])
        self.setPlaceholderText(plain_text.line(_EXPECTED[parameter.kind]))
        self.setCurrentIndex(self.findText(_shown(parameter)))
        self.currentTextChanged.connect(self.changed)

    def text(self) -> str:
        return self.currentText()


def _field(parameter: Parameter) -> _Line | _Switch:
    field = (_Switch if parameter.kind == "bool" else _Line)(parameter)
    name = plain_text.line(parameter.name)
    field.setAccessibleName(plain_text.line(name))
    field.setToolTip(plain_text.tip(f"{name}: {_EXPECTED[parameter.kind]}"))
    return field


def _shown(parameter: Parameter) -> str:
    """The default as it would be typed: text without quotes, invisible characters escaped."""
    default = parameter.default or ""
    if parameter.kind == "str" and default[:1] in ("'", '"'):
        default = str(ast.literal_eval(default))
    return plain_text.line(default, LINE)


def _fits(kind: ArgumentKind, text: str) -> bool:
    if kind == "str":
        return True
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False
    wanted = _TYPES.get(kind)
    if wanted is None or value is None:
        return True
    return isinstance(value, wanted) and (kind == "bool" or not isinstance(value, bool))


def _title(option: NetworkOption) -> str:
    return option.name if option.kind == "class" else f"{option.name}()"


def _scrolling(widget: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidget(widget)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return area

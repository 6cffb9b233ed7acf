"""Form fields for sizes, numbers and choices, and the format of numbers in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QWidget,
)

from engine.errors import ModelError
from engine.images.presets import MAX_SIDE
from gui.toolkit import plain_text, theme
from gui.toolkit.labels import Label, label

_WIDEST: Final = "Std. deviation"


def written(numbers: Sequence[float]) -> str:
    """Format numbers: one if all are equal, else all."""
    texts = [f"{number:.6g}".replace("-", "\u2212") for number in numbers]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)


def read_numbers(text: str, count: int, word: str) -> tuple[float, ...]:
    """Parse `count` numbers from a text, also with brackets as in code; raises ModelError."""
    bare = text.strip().strip("[]()").replace("\u2212", "-").replace(";", ",")
    parts = [part for part in bare.replace(",", " ").split() if part]
    try:
        numbers = tuple(float(part) for part in parts)
    except ValueError:
        raise ModelError(f"{word}: enter numbers such as 0.485, 0.456, 0.406") from None
    if len(numbers) == 1:
        return numbers * count
    if len(numbers) != count:
        wanted = "one number" if count == 1 else f"one number, or one for each of {count} channels"
        raise ModelError(f"{word}: enter {wanted}")
    return numbers


def combo(name: str, choices: Iterable[tuple[str, str]]) -> QComboBox:
    """A combo box of (value, text) choices."""
    box = QComboBox()
    for value, text in choices:
        box.addItem(plain_text.line(text, plain_text.SHORT), value)
    box.setAccessibleName(plain_text.line(name))
    return box


def sides(name: str) -> tuple[QSpinBox, QSpinBox]:
    """Spin boxes for a width and a height in pixels."""
    boxes = []
    for prefix, side in (("w ", "width"), ("h ", "height")):
        box = QSpinBox()
        box.setRange(1, MAX_SIDE)
        box.setPrefix(plain_text.line(prefix))
        box.setKeyboardTracking(False)
        # The style sheet does not reach the text inside.
        box.lineEdit().setTextMargins(theme.SPACE, 0, 0, 0)
        box.setAccessibleName(plain_text.line(f"{name}: {side} in pixels"))
        box.setToolTip(plain_text.tip(f"{side.capitalize()} in pixels"))
        metrics = box.fontMetrics()
        box.setFixedSize(
            metrics.horizontalAdvance("w 4096") + 8 * theme.SPACE, max(24, metrics.height() + 8)
        )
        kept = box.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        box.setSizePolicy(kept)
        boxes.append(box)
    return boxes[0], boxes[1]


def number_field(name: str, tip: str) -> QLineEdit:
    """A field for one or several numbers."""
    field = QLineEdit()
    field.setAccessibleName(plain_text.line(name))
    field.setToolTip(plain_text.tip(tip))
    field.setFont(theme.tabular(field.font()))
    return field


def field_name(text: str, field: QWidget) -> Label:
    """The label before a field; all labels are as wide as the widest."""
    name = label(text, "dim")
    kinds = (QComboBox, QSpinBox, QLineEdit)
    inner = next((child for kind in kinds for child in field.findChildren(kind)), field)
    name.setBuddy(field if isinstance(field, kinds) else inner)
    metrics = name.fontMetrics()
    name.setMinimumSize(metrics.horizontalAdvance(_WIDEST) + theme.SPACE, max(24, metrics.height()))
    return name


def row(*fields: QWidget, between: str = "") -> QWidget:
    """A row of fields, aligned right; combo boxes and text fields take the free space."""
    holder = QWidget()
    box = QHBoxLayout(holder)
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(8)
    if not any(isinstance(field, QComboBox | QLineEdit) for field in fields):
        box.addStretch(1)
    for place, field in enumerate(fields):
        if place and between:
            box.addWidget(label(between, "dim"))
        box.addWidget(field, 1 if isinstance(field, QComboBox | QLineEdit) else 0)
    return holder

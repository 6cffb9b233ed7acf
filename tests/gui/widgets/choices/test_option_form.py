"""The form of options: a field for each kind, defaults, reset, values as the engine takes them."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QPushButton,
    QSpinBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from engine.methods.options import Kind, Option
from engine.methods.registry import METHODS, check_options
from gui.widgets.choices.option_form import OptionForm

OPTIONS = (
    Option("steps", "how many steps", Kind.INT, 64, low=1, high=10_000),
    Option("sigma", "deviation", Kind.FLOAT, 0.15, low=0, high=10),
    Option("softmax", "weights as softmax", Kind.BOOL, False),
    Option("baseline", "the empty image", Kind.CHOICE, "zero", choices=("zero", "blur")),
)


def shown(qtbot: QtBot, form: OptionForm) -> OptionForm:
    qtbot.addWidget(form)
    with qtbot.waitExposed(form):
        form.show()
    return form


def named(form: QWidget, kind: type[QWidget], name: str) -> QWidget:
    return next(w for w in form.findChildren(kind) if w.accessibleName() == name)


def test_values_given_edited_and_reset(qtbot: QtBot) -> None:
    form = shown(qtbot, OptionForm(OPTIONS, {"steps": 8, "softmax": True}))
    assert form.values() == {"steps": 8, "sigma": 0.15, "softmax": True, "baseline": "zero"}
    told: list[object] = []
    form.confirmed.connect(told.append)
    box = named(form, QComboBox, "baseline")
    assert isinstance(box, QComboBox)
    box.setCurrentIndex(1)
    real = named(form, QDoubleSpinBox, "sigma")
    assert isinstance(real, QDoubleSpinBox)
    assert real.text() == "0.15"
    real.selectAll()
    QTest.keyClicks(real, "0.3")
    QTest.keyClick(real, Qt.Key.Key_Return)
    assert told == [{"steps": 8, "sigma": 0.3, "softmax": True, "baseline": "blur"}]
    reset = form.findChild(QToolButton)
    assert reset is not None
    assert reset.isEnabled()
    reset.click()
    assert not reset.isEnabled()
    go = form.findChild(QPushButton)
    assert go is not None
    go.click()
    assert told[1] == {option.name: option.default for option in OPTIONS}


def test_every_change_is_told_for_the_cost(qtbot: QtBot) -> None:
    form = shown(qtbot, OptionForm(OPTIONS, {}))
    seen: list[object] = []
    form.changed.connect(lambda: seen.append(form.values()["steps"]))
    steps = named(form, QSpinBox, "steps")
    assert isinstance(steps, QSpinBox)
    steps.selectAll()
    QTest.keyClicks(steps, "128")
    assert seen[-1] == 128
    steps.setValue(10**6)
    assert form.values()["steps"] == 10_000
    form.show_cost("257 passes")
    assert "257 passes" in [label.text() for label in form.findChildren(type(form._cost))]


@pytest.mark.parametrize("method", [m for m in METHODS if m.options], ids=lambda m: m.slug)
def test_every_method_has_a_form_that_keeps_its_defaults(qtbot: QtBot, method: object) -> None:
    row = next(m for m in METHODS if m is method)
    form = shown(qtbot, OptionForm(row.options, {}))
    values = form.values()
    assert values == {option.name: option.default for option in row.options}
    plain = {option.name for option in row.options if option.shared}
    kept = {name: value for name, value in values.items() if name not in plain}
    assert check_options(row, values) == kept, "those that methods share are left out"
    kinds = {type(value) for value in values.values()}
    assert kinds <= {int, float, bool, str}


def test_what_cannot_be_had_is_greyed_with_the_reason(qtbot: QtBot) -> None:
    smooth = Option("eigen", "a component", Kind.BOOL, False, shared=True)
    fuse = Option("fuse", "how", Kind.CHOICE, "mean", choices=("mean", "max"), shared=True)
    missing = ((smooth, "it weighs no channels"), (fuse, "it has no layers"))
    form = shown(qtbot, OptionForm(OPTIONS[:1], {"steps": 3}, missing=missing))
    assert form.values() == {"steps": 3}
    for name, kind in (("eigen", QCheckBox), ("fuse", QComboBox)):
        assert not named(form, kind, name).isEnabled()
    texts = [label.text() for label in form.findChildren(QLabel)]
    assert "Not here: it weighs no channels." in texts
    assert "Not here: it has no layers." in texts
    reset = form.findChild(QToolButton)
    assert reset is not None
    reset.click()
    assert form.values() == {"steps": 64}

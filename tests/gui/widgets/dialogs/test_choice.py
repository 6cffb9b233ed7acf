"""Questions about a model: what they offer, what they answer, and when Open can be pressed."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QTreeWidget,
)
from pytestqt.qtbot import QtBot

from engine.questions import (
    NetworkOption,
    Parameter,
    WhichArchitecture,
    WhichNetwork,
    WhichStateDict,
    WhichWeights,
)
from gui.widgets.dialogs.choice import ArchitectureDialog, StateDictDialog, WeightsDialog
from gui.widgets.dialogs.network import NetworkDialog

NETWORK = NetworkOption(
    "Net",
    "class",
    (
        Parameter("classes", "int", None),
        Parameter("rate", "float", "0.1"),
        Parameter("name", "str", "'a b'"),
        Parameter("bias", "bool", "True"),
        Parameter("sizes", "value", "(1, 2)"),
        Parameter("activation", "value", "ReLU"),
    ),
)
PLAIN = NetworkOption("make", "function", ())


def shown(qtbot: QtBot, dialog: QDialog) -> list[object]:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    answers: list[object] = []
    dialog.chosen.connect(lambda *given: answers.append(given if len(given) > 1 else given[0]))
    with qtbot.waitExposed(dialog):
        dialog.open()
    return answers


def button(dialog: QDialog, text: str) -> QPushButton:
    buttons = dialog.findChildren(QPushButton)
    return next(b for b in buttons if b.text().replace("&", "") == text)


def field(dialog: QDialog, name: str) -> QLineEdit:
    return next(f for f in dialog.findChildren(QLineEdit) if f.accessibleName() == name)


def note(dialog: QDialog, text: str) -> bool:
    return any(text in label.text() for label in dialog.findChildren(QLabel))


def test_the_likeliest_architecture_is_chosen_at_first(qtbot: QtBot) -> None:
    dialog = ArchitectureDialog(WhichArchitecture(Path("w.pth"), ("resnet50", "wide_resnet50_2")))
    answers = shown(qtbot, dialog)
    button(dialog, "Open").click()
    assert answers == ["resnet50"]


def test_enter_chooses_the_row(qtbot: QtBot) -> None:
    dialog = ArchitectureDialog(WhichArchitecture(Path("w.pth"), ("resnet50", "wide_resnet50_2")))
    answers = shown(qtbot, dialog)
    rows = dialog.findChild(QTreeWidget)
    qtbot.keyClick(rows, Qt.Key.Key_Down)
    qtbot.keyClick(rows, Qt.Key.Key_Return)
    assert answers == ["wide_resnet50_2"]


def test_cancel_answers_nothing(qtbot: QtBot) -> None:
    dialog = ArchitectureDialog(WhichArchitecture(Path("w.pth"), ("resnet50",)))
    answers = shown(qtbot, dialog)
    button(dialog, "Cancel").click()
    assert answers == []


def test_found_weights_are_listed_with_size_and_time(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "best.pth"
    path.write_bytes(bytes(45_000))
    gone = tmp_path / "gone.pth"
    dialog = WeightsDialog(WhichWeights(tmp_path / "net.py", (path, gone)))
    answers = shown(qtbot, dialog)
    first = dialog.findChild(QTreeWidget).topLevelItem(0)
    assert (first.text(0), first.text(1)) == ("best.pth", "45.0 kB")
    assert first.toolTip(0) == str(path)
    button(dialog, "Open").click()
    assert answers == [path]


def test_without_weights_there_is_only_the_file_dialog(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = WeightsDialog(WhichWeights(tmp_path / "net.py", ()))
    answers = shown(qtbot, dialog)
    assert not button(dialog, "Open").isVisible()
    assert not dialog.findChild(QTreeWidget).isVisible()
    assert button(dialog, "Choose file…").isDefault()
    dialog.browse()
    inner = dialog.findChild(QFileDialog)
    inner.fileSelected.emit(str(tmp_path / "w.pth"))
    inner.reject()
    assert answers == [tmp_path / "w.pth"]


def test_arguments_that_are_needed_keep_open_from_being_pressed(qtbot: QtBot) -> None:
    dialog = NetworkDialog(WhichNetwork(Path("net.py"), (NETWORK,)))
    answers = shown(qtbot, dialog)
    assert not button(dialog, "Open").isEnabled()
    assert note(dialog, "classes is required: a whole number")
    field(dialog, "classes").setText("five")
    assert note(dialog, "classes must be a whole number")
    field(dialog, "classes").setText("5")
    button(dialog, "Open").click()
    assert answers == [("Net", (("classes", "5"),))], "what is left as it is, is not passed on"


@pytest.mark.parametrize(
    ("name", "text", "fits"),
    [
        ("classes", "5", True),
        ("classes", "5.5", False),
        ("classes", "True", False),
        ("rate", "1", True),
        ("rate", "1e-3", True),
        ("rate", "fast", False),
        ("name", "anything at all", True),
        ("sizes", "[3, 4]", True),
        ("sizes", "None", True),
        ("sizes", "three", False),
        ("sizes", "__import__('os')", False),
        ("activation", "GELU", False),
    ],
)
def test_fields_are_typed(qtbot: QtBot, name: str, text: str, fits: bool) -> None:
    dialog = NetworkDialog(WhichNetwork(Path("net.py"), (NETWORK,)))
    answers = shown(qtbot, dialog)
    field(dialog, "classes").setText("3")
    field(dialog, name).setText(text)
    assert button(dialog, "Open").isEnabled() is fits
    if fits:
        button(dialog, "Open").click()
        ((_, given),) = answers
        assert dict(given)[name] == text


def test_a_default_is_shown_as_it_is_typed(qtbot: QtBot) -> None:
    dialog = NetworkDialog(WhichNetwork(Path("net.py"), (NETWORK,)))
    shown(qtbot, dialog)
    assert field(dialog, "name").text() == "a b"
    assert field(dialog, "activation").text() == "ReLU"


def test_true_and_false_are_a_choice(qtbot: QtBot) -> None:
    dialog = NetworkDialog(WhichNetwork(Path("net.py"), (NETWORK,)))
    answers = shown(qtbot, dialog)
    field(dialog, "classes").setText("3")
    switch = dialog.findChild(QComboBox)
    assert switch.currentText() == "True"
    switch.setCurrentText("False")
    button(dialog, "Open").click()
    assert answers == [("Net", (("classes", "3"), ("bias", "False")))]


def test_a_needed_choice_of_true_and_false_begins_empty(qtbot: QtBot) -> None:
    option = NetworkOption("Net", "class", (Parameter("bias", "bool", None),))
    dialog = NetworkDialog(WhichNetwork(Path("net.py"), (option,)))
    shown(qtbot, dialog)
    assert not button(dialog, "Open").isEnabled()
    dialog.findChild(QComboBox).setCurrentText("False")
    assert button(dialog, "Open").isEnabled()


def test_each_network_has_its_own_fields(qtbot: QtBot) -> None:
    dialog = NetworkDialog(WhichNetwork(Path("net.py"), (NETWORK, PLAIN)))
    answers = shown(qtbot, dialog)
    rows = dialog.findChild(QListWidget)
    assert [rows.item(row).text() for row in range(rows.count())] == ["Net", "make()"]
    assert not button(dialog, "Open").isEnabled()
    rows.setCurrentRow(1)
    assert button(dialog, "Open").isEnabled()
    button(dialog, "Open").click()
    assert answers == [("make", ())]


def test_enter_on_a_row_answers_once(qtbot: QtBot) -> None:
    dialog = ArchitectureDialog(WhichArchitecture(Path("w.pth"), ("one", "two")))
    answers = shown(qtbot, dialog)
    rows = dialog.findChild(QTreeWidget)
    assert rows is not None
    rows.setFocus()
    qtbot.keyClick(rows, Qt.Key.Key_Down)
    qtbot.keyClick(rows, Qt.Key.Key_Return)
    assert answers == ["two"]
    assert dialog.result() == QDialog.DialogCode.Accepted


def test_one_of_several_networks_of_a_file_is_chosen(qtbot: QtBot) -> None:
    dialog = StateDictDialog(WhichStateDict(Path("w.pth"), ("student", "teacher")))
    answers = shown(qtbot, dialog)
    rows = dialog.findChild(QTreeWidget)
    qtbot.keyClick(rows, Qt.Key.Key_Down)
    qtbot.keyClick(rows, Qt.Key.Key_Return)
    assert answers == ["teacher"]

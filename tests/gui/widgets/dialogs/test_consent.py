"""Consent: the file and what it could do are named, and No is what Enter, Esc and closing mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QListWidget, QPushButton
from pytestqt.qtbot import QtBot

from gui.widgets.dialogs.consent import ConsentDialog

FILE = Path("/studies/chest/xray_classifier.py")
RISK = "a Python file; opening it runs its code, with all your rights"


def made(qtbot: QtBot, *names: str) -> tuple[ConsentDialog, list[str]]:
    dialog = ConsentDialog(FILE, RISK, names)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    said: list[str] = []
    dialog.agreed.connect(lambda: said.append("yes"))
    dialog.rejected.connect(lambda: said.append("no"))
    with qtbot.waitExposed(dialog):
        dialog.open()
    return dialog, said


def button(dialog: ConsentDialog, text: str) -> QPushButton:
    return next(b for b in dialog.findChildren(QPushButton) if b.text() == text)


def test_it_names_the_file_the_risk_and_what_is_asked_for(qtbot: QtBot) -> None:
    dialog, _ = made(qtbot, "os.system", "models.Net")
    texts = [label.text() for label in dialog.findChildren(QLabel)]
    assert "Open xray_classifier.py?" in texts
    assert str(FILE.parent) in texts
    assert f"{RISK[0].upper()}{RISK[1:]}." in texts
    assert "Why you are asked" in texts
    shown = dialog.findChild(QListWidget)
    assert [shown.item(row).text() for row in range(shown.count())] == ["os.system", "models.Net"]


def test_files_that_run_with_it_are_called_so(qtbot: QtBot) -> None:
    dialog, _ = made(qtbot, "layers/blocks.py", "utils.py")
    assert "These files would also run" in [label.text() for label in dialog.findChildren(QLabel)]


def test_yes_is_only_the_button(qtbot: QtBot) -> None:
    dialog, said = made(qtbot)
    button(dialog, "Trust and open").click()
    assert said == ["yes"]


@pytest.mark.parametrize("names", [(), ("os.system",)])
@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape])
def test_keys_mean_no(qtbot: QtBot, key: Qt.Key, names: tuple[str, ...]) -> None:
    dialog, said = made(qtbot, *names)
    assert button(dialog, "Do not open").isDefault()
    qtbot.keyClick(dialog.focusWidget() or dialog, key)
    assert said == ["no"]


def test_closing_means_no(qtbot: QtBot) -> None:
    dialog, said = made(qtbot)
    dialog.close()
    assert said == ["no"]


def test_many_names_scroll_and_fit_the_screen(qtbot: QtBot) -> None:
    dialog, _ = made(qtbot, *(f"package.module.Class{i}" for i in range(500)))
    assert dialog.height() < 480

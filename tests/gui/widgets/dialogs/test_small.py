"""Dialogs: what they offer, what they answer, and that none of them blocks."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from engine.records.exports import ExportChoice
from gui import file_dialogs
from gui.settings import table
from gui.settings.store import Settings
from gui.widgets.dialogs.export import ExportDialog, choice_for
from gui.widgets.dialogs.small import AboutDialog, ResetDialog, ShortcutsDialog
from gui.window.commands.table import shortcut_rows


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat))


def texts(widget: QWidget) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel)]


def button(widget: QWidget, text: str) -> QPushButton:
    return next(b for b in widget.findChildren(QPushButton) if b.text().replace("&", "") == text)


def test_shortcuts_are_those_of_the_table(qtbot: QtBot) -> None:
    dialog = ShortcutsDialog(shortcut_rows())
    qtbot.addWidget(dialog)
    shown = texts(dialog)
    for heading, text, keys in shortcut_rows():
        assert heading in shown
        assert text in shown
        assert keys in shown


@pytest.mark.parametrize("folders", [1, 4, 12])
def test_about_shows_all_of_a_long_path(qtbot: QtBot, folders: int) -> None:
    path = "/".join(["", "home", *["a folder of somebody"] * folders, "log"])
    facts = [(f"fact {number}", "some value") for number in range(7)]
    dialog = AboutDialog("0.1.0", [*facts, ("log", path)])
    qtbot.addWidget(dialog)
    with qtbot.waitExposed(dialog):
        dialog.show()
    labels = [one for one in dialog.findChildren(QLabel) if one.text()]
    assert any(one.text() == path for one in labels)
    for one in labels:
        assert one.height() >= one.heightForWidth(one.width()), one.text()
        assert dialog.rect().contains(one.geometry()), one.text()


def test_about_copies_its_facts(qtbot: QtBot) -> None:
    dialog = AboutDialog("0.1.0", [("torch", "2.13.0"), ("Log", "/tmp/x.log")])
    qtbot.addWidget(dialog)
    assert "2.13.0" in texts(dialog)
    button(dialog, "Copy").click()
    assert QGuiApplication.clipboard().text() == "Hookscope: 0.1.0\ntorch: 2.13.0\nLog: /tmp/x.log"


def test_reset_asks_and_cancel_is_the_default(qtbot: QtBot) -> None:
    dialog = ResetDialog()
    qtbot.addWidget(dialog)
    confirmed: list[bool] = []
    dialog.confirmed.connect(lambda: confirmed.append(True))
    dialog.open()
    assert dialog.defaultButton().text().replace("&", "") == "Cancel"
    button(dialog, "Reset").click()
    assert confirmed == [True]


@pytest.mark.parametrize(
    ("path", "picture", "expected"),
    [
        ("a/cat.png", "png", ("cat.png", "cat.npy", "cat.json")),
        ("a/cat", "png", ("cat.png", "cat.npy", "cat.json")),
        ("a/cat", "jpeg", ("cat.jpg", "cat.npy", "cat.json")),
        ("a/cat.jpeg", "png", ("cat.jpeg", "cat.npy", "cat.json")),
        ("a/cat-layer4.1", "png", ("cat-layer4.1.png", "cat-layer4.1.npy", "cat-layer4.1.json")),
        ("a/cat.npy", "none", (None, "cat.npy", "cat.json")),
    ],
)
def test_files_share_one_name(path: str, picture: str, expected: tuple[str | None, ...]) -> None:
    choice = choice_for(
        Path(path),
        picture,  # type: ignore[arg-type]
        colorbar=True,
        caption=False,
        map=True,
        json=True,
    )
    assert (choice.picture and choice.picture.name) == expected[0]
    assert choice.map is not None
    assert choice.map.name == expected[1]
    assert choice.json is not None
    assert choice.json.name == expected[2]
    assert all(p.parent == Path("a") for p in choice.paths)


def export(qtbot: QtBot, settings: Settings, base: Path) -> tuple[ExportDialog, list[ExportChoice]]:
    dialog = ExportDialog(settings, base)
    qtbot.addWidget(dialog)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    told: list[ExportChoice] = []
    dialog.chosen.connect(told.append)
    dialog.open()
    return dialog, told


def box(dialog: ExportDialog, start: str) -> QCheckBox:
    return next(b for b in dialog.findChildren(QCheckBox) if b.text().startswith(start))


def test_export_answers_and_remembers(qtbot: QtBot, settings: Settings, tmp_path: Path) -> None:
    dialog, told = export(qtbot, settings, tmp_path / "cat")
    box(dialog, "Raw map").setChecked(True)
    box(dialog, "Caption").setChecked(False)
    dialog.take(tmp_path / "dog.png")
    files = (tmp_path / f"dog.{suffix}" for suffix in ("png", "npy", "json"))
    assert told == [ExportChoice(*files, True, False)]
    assert not dialog.isVisible()
    assert settings.get(table.EXPORT_MAP) is True
    assert settings.get(table.EXPORT_CAPTION) is False
    assert settings.get(table.LAST_FOLDER) == str(tmp_path)


def test_files_beside_the_chosen_one_are_not_replaced_unasked(
    qtbot: QtBot, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "cat.json").write_text("{}")
    dialog, told = export(qtbot, settings, tmp_path / "cat")
    box(dialog, "Metadata").setChecked(True)
    dialog.take(tmp_path / "cat.png")
    assert told == []
    assert any("Will replace cat.json" in text for text in texts(dialog))
    button(dialog, "Replace").click()
    assert [choice.json for choice in told] == [tmp_path / "cat.json"]


def test_nothing_to_export_cannot_be_saved(
    qtbot: QtBot, settings: Settings, tmp_path: Path
) -> None:
    dialog, _ = export(qtbot, settings, tmp_path / "cat")
    formats = dialog.findChild(QComboBox)
    assert formats is not None
    formats.setCurrentIndex(formats.findData("none"))
    box(dialog, "Metadata").setChecked(False)
    assert not button(dialog, "Save as…").isEnabled()
    assert not box(dialog, "Caption").isEnabled()
    box(dialog, "Raw map").setChecked(True)
    assert button(dialog, "Save as…").isEnabled()
    dialog.reject()


def test_only_one_button_is_the_default(qtbot: QtBot, settings: Settings, tmp_path: Path) -> None:
    about = AboutDialog("0.1.0", [])
    qtbot.addWidget(about)
    about.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    about.open()
    wanted = {
        export(qtbot, settings, tmp_path / "cat")[0]: "Save as…",
        about: "Close",
    }
    for dialog, text in wanted.items():
        defaults = [b.text() for b in dialog.findChildren(QPushButton) if b.isDefault()]
        assert [d.replace("&", "") for d in defaults] == [text]
        dialog.reject()


def test_file_dialogs(qtbot: QtBot, tmp_path: Path) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    images = file_dialogs.images_dialog(parent, tmp_path, (".png", ".jpg"))
    assert "*.png *.jpg" in images.nameFilters()[0]
    folder = file_dialogs.folder_dialog(parent, tmp_path)
    weights = file_dialogs.weights_dialog(parent, tmp_path)
    assert "*.safetensors" in weights.nameFilters()[0]
    for dialog in (images, folder, weights):
        assert Path(dialog.directory().absolutePath()) == tmp_path

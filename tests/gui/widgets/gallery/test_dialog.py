"""The gallery as a person uses it: filter, sort, open, download; every state in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible, QFont, QFontMetrics
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTreeView,
    QWidget,
)
from pytestqt.qtbot import QtBot

from engine.formats.torchvision.gallery import PublishedModel, PublishedWeights
from engine.records.sources import ModelSource
from gui.toolkit import theme
from gui.widgets.gallery.dialog import GalleryDialog
from gui.widgets.gallery.model import Column

Key = Qt.Key
W = TypeVar("W", bound=QWidget)
FOLDER = Path("somewhere")


def weights(
    entry: str = "IMAGENET1K_V1",
    *,
    size: int = 100,
    top1: float = 70.0,
    here: bool = False,
    partial: int = 0,
    licence: str = "",
) -> PublishedWeights:
    """Weights of that many megabytes."""
    path = FOLDER / f"{entry}-01234567.pth"
    url = f"https://models.invalid/{path.name}"
    return PublishedWeights(
        entry, url, path, size << 20, top1, 90.0, 224, licence, here, partial << 20
    )


MODELS = (
    PublishedModel("alexnet", 61_100_840, (weights(top1=56.5, size=233),)),
    PublishedModel("resnet18", 11_689_512, (weights(top1=69.8, size=45, here=True),)),
    PublishedModel(
        "resnet50",
        25_557_032,
        (weights("IMAGENET1K_V2", top1=80.9, size=98), weights(size=97, here=True)),
    ),
    PublishedModel("resnet101", 44_549_160, (weights(top1=81.9, size=171, partial=43),)),
    PublishedModel("vit_b_16", 86_567_656, (weights(size=330, licence="https://terms.invalid/x"),)),
)


@dataclass
class Reader:
    """Someone in front of the dialog, and what it asked for."""

    qtbot: QtBot
    dialog: GalleryDialog
    chosen: list[ModelSource] = field(default_factory=list)
    downloads: list[tuple[str, PublishedWeights]] = field(default_factory=list)
    stops: list[None] = field(default_factory=list)

    def part(self, kind: type[W], name: str = "") -> W:
        return next(
            part for part in self.dialog.findChildren(kind) if name in part.accessibleName()
        )

    @property
    def field(self) -> QLineEdit:
        return self.part(QLineEdit)

    @property
    def table(self) -> QTreeView:
        return self.part(QTreeView)

    def button(self, text: str) -> QPushButton:
        (found,) = [
            b for b in self.dialog.findChildren(QPushButton) if b.text().replace("&", "") == text
        ]
        return found

    @property
    def names(self) -> list[str]:
        rows = self.table.model()
        return [str(rows.index(row, 0).data()) for row in range(rows.rowCount())]

    @property
    def current(self) -> str:
        return str(self.table.currentIndex().siblingAtColumn(0).data() or "")

    def go(self, name: str) -> None:
        self.table.setCurrentIndex(self.table.model().index(self.names.index(name), 0))

    def press(self, key: Qt.Key) -> None:
        QTest.keyClick(self.dialog.focusWidget() or self.dialog, key)

    @property
    def said(self) -> list[str]:
        return [
            label.text()
            for label in self.dialog.findChildren(QLabel)
            if label.isVisible() and label.text()
        ]

    def click_header(self, column: Column) -> None:
        header = self.table.header()
        place = QPoint(header.sectionViewportPosition(column) + 8, header.height() // 2)
        QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)


def reader(qtbot: QtBot, *, filled: bool = True) -> Reader:
    dialog = GalleryDialog(Path())
    qtbot.addWidget(dialog)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    someone = Reader(qtbot, dialog)
    dialog.chosen.connect(someone.chosen.append)
    dialog.download_requested.connect(lambda *what: someone.downloads.append(what))
    dialog.stop_requested.connect(lambda: someone.stops.append(None))
    if filled:
        dialog.set_models(MODELS)
    with qtbot.waitExposed(dialog):
        dialog.open()
    dialog.activateWindow()
    qtbot.waitUntil(someone.field.hasFocus)
    return someone


@pytest.fixture
def person(qtbot: QtBot) -> Reader:
    return reader(qtbot)


# --- finding -------------------------------------------------------------------------------------


def test_names_stand_in_the_order_of_their_numbers(person: Reader) -> None:
    assert person.names == ["alexnet", "resnet18", "resnet50", "resnet101", "vit_b_16"]
    assert person.current == "alexnet"


def test_what_is_typed_filters_and_arrows_walk(person: Reader) -> None:
    QTest.keyClicks(person.field, "NET 1")
    assert person.names == ["resnet18", "resnet101"]
    assert person.current == "resnet18"
    person.press(Key.Key_Down)
    assert person.current == "resnet101"
    assert person.field.hasFocus()


def test_a_filter_without_a_hit_says_so_and_opens_nothing(person: Reader) -> None:
    QTest.keyClicks(person.field, "yolo")
    assert "No model matches 'yolo'" in person.said
    assert not person.button("Download and open").isEnabled()
    assert not person.button("Load weights from file…").isEnabled()
    person.press(Key.Key_Return)
    assert (person.chosen, person.downloads) == ([], [])
    person.field.clear()
    assert person.current == "alexnet"
    assert person.button("Download and open").isEnabled()


def test_a_click_on_a_heading_sorts_by_value(person: Reader) -> None:
    person.click_header(Column.SIZE)
    assert person.names == ["resnet18", "resnet50", "resnet101", "alexnet", "vit_b_16"]
    person.click_header(Column.ACCURACY)
    assert person.names[0] == "resnet101"
    heading = person.table.model().headerData(Column.ACCURACY, Qt.Orientation.Horizontal)
    assert heading == "↓ Top-1"
    person.click_header(Column.DISK)
    assert set(person.names[:2]) == {"resnet18", "resnet50"}
    assert person.names[2] == "resnet101"  # a part of it is there


def test_only_what_is_on_this_computer(person: Reader) -> None:
    person.part(QCheckBox).click()
    assert person.names == ["resnet18", "resnet50"]
    QTest.keyClicks(person.field, "alex")
    assert "No model on this computer matches 'alex'" in person.said


def test_nothing_on_this_computer_is_said(qtbot: QtBot) -> None:
    person = reader(qtbot, filled=False)
    person.dialog.set_models(MODELS[:1])
    person.part(QCheckBox).click()
    assert any("No weights are on this computer yet" in text for text in person.said)


def test_the_facts_of_the_chosen_one(person: Reader) -> None:
    person.go("vit_b_16")
    for fact in ("vit_b_16", "70.0 %", "90.0 %", "86,567,656", "224 × 224", "330.0 MB"):
        assert fact in person.said
    assert any("terms.invalid" in text for text in person.said)
    assert "Not on this computer: 330 MB to download." in person.said
    person.go("resnet101")
    assert any(text.startswith("25 % of 171 MB already downloaded") for text in person.said)


# --- opening -------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["filter", "table"])
def test_what_is_here_is_opened_by_enter(person: Reader, place: str) -> None:
    QTest.keyClicks(person.field, "resnet18")
    if place == "table":
        person.press(Key.Key_Tab)
        person.press(Key.Key_Tab)
        assert person.table.hasFocus()
    person.press(Key.Key_Return)
    assert person.chosen == [ModelSource("resnet18")]
    assert not person.dialog.isVisible()


def test_enter_only_offers_a_download_and_a_second_one_starts_it(person: Reader) -> None:
    person.press(Key.Key_Return)
    assert person.downloads == []
    assert person.button("Download and open").hasFocus()
    person.press(Key.Key_Return)
    assert person.downloads == [("alexnet", MODELS[0].default)]
    assert person.dialog.isVisible()


def test_a_double_click_opens_what_is_here_and_downloads_nothing(person: Reader) -> None:
    for name in ("vit_b_16", "resnet18"):
        person.go(name)
        place = person.table.visualRect(person.table.currentIndex()).center()
        viewport = person.table.viewport()
        QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=place)
        QTest.mouseDClick(viewport, Qt.MouseButton.LeftButton, pos=place)
    assert person.downloads == []
    assert person.chosen == [ModelSource("resnet18")]


def test_other_weights_are_opened_by_their_file(person: Reader) -> None:
    person.go("resnet50")
    assert person.button("Download and open").isEnabled()
    person.part(QComboBox, "Weights").setCurrentIndex(1)
    assert "These weights are on this computer." in person.said
    person.button("Open").click()
    path = str(MODELS[2].weights[1].path)
    assert person.chosen == [ModelSource("resnet50", weights=path)]


def test_weights_of_ones_own(person: Reader, tmp_path: Path) -> None:
    person.go("resnet50")
    person.button("Load weights from file…").click()
    (files,) = person.dialog.findChildren(QFileDialog)
    files.fileSelected.emit(str(tmp_path / "best.pth"))
    files.reject()
    assert person.chosen == [ModelSource("resnet50", weights=str(tmp_path / "best.pth"))]


# --- downloading ---------------------------------------------------------------------------------


def test_a_download_is_shown_and_can_be_stopped(person: Reader) -> None:
    bar, stop = person.part(QProgressBar), person.part(QPushButton, "Stop download")
    assert not bar.isVisible()
    height = person.table.height()
    person.dialog.show_download("alexnet", 0.25, "58.3 of 233.1 MB, 3.0 MB/s")
    assert bar.isVisible()
    assert bar.value() / bar.maximum() == 0.25
    assert {"Downloading alexnet", "58.3 of 233.1 MB, 3.0 MB/s"} <= set(person.said)
    assert person.table.height() == height
    assert not person.button("Download and open").isEnabled()
    stop.click()
    assert len(person.stops) == 1
    assert "Stopping…" in person.said
    assert not stop.isEnabled()
    person.dialog.show_download_end()
    assert not bar.isVisible()
    assert person.button("Download and open").isEnabled()
    person.dialog.show_download("alexnet", 0.25, "words")
    assert stop.isEnabled()


def test_while_one_downloads_another_can_be_opened_but_not_downloaded(person: Reader) -> None:
    person.dialog.show_download("alexnet", 0.25, "words")
    person.go("vit_b_16")
    assert not person.button("Download and open").isEnabled()
    person.go("resnet18")
    assert person.button("Open").isEnabled()


def test_a_failure_is_said_where_it_belongs_until_it_is_tried_again(person: Reader) -> None:
    person.dialog.show_download("alexnet", 0.0, "connecting")
    person.dialog.show_download_end("models.invalid: not found; this computer seems to be offline")
    assert any("seems to be offline" in text for text in person.said)
    person.go("vit_b_16")
    assert not any("offline" in text for text in person.said)
    person.go("alexnet")
    assert any("offline" in text for text in person.said)
    person.button("Download and open").click()
    person.dialog.show_download("alexnet", 0.0, "connecting")
    assert not any("offline" in text for text in person.said)


def test_what_is_chosen_stays_chosen_when_the_disk_was_looked_at(person: Reader) -> None:
    person.go("resnet50")
    person.part(QComboBox, "Weights").setCurrentIndex(1)
    person.dialog.set_models(MODELS)
    assert person.current == "resnet50"
    assert person.part(QComboBox, "Weights").currentIndex() == 1


def test_the_list_may_come_late_or_not_at_all(qtbot: QtBot) -> None:
    person = reader(qtbot, filled=False)
    assert "Loading the list…" in person.said
    assert not person.button("Download and open").isEnabled()
    person.dialog.set_failure("There is no list: torch cannot be loaded")
    QTest.keyClicks(person.field, "x")
    assert "There is no list: torch cannot be loaded" in person.said
    person.field.clear()
    person.dialog.set_models(MODELS)
    assert person.current == "alexnet"
    assert not any("no list" in text for text in person.said)


# --- hands and ears ------------------------------------------------------------------------------


def test_everything_is_reached_by_tab_and_has_a_name(person: Reader) -> None:
    person.go("resnet50")
    wanted = {
        *(person.field, person.table, person.part(QCheckBox), person.part(QComboBox, "Weights")),
        *(person.button(text) for text in ("Load weights from file…", "Download and open")),
        person.button("Close"),
    }
    reached: set[QWidget] = set()
    person.field.setFocus()
    for _ in range(20):
        widget = person.dialog.focusWidget()
        assert widget is not None
        reached.add(widget)
        QTest.keyClick(widget, Key.Key_Tab)
    assert wanted <= reached
    for widget in wanted:
        interface = QAccessible.queryAccessibleInterface(widget)
        named = interface.text(QAccessible.Text.Name) or isinstance(widget, QAbstractButton)
        assert named, widget


def test_the_marks_are_said_to_a_screen_reader(person: Reader) -> None:
    rows = person.table.model()
    spoken = {
        row[0]: row[1:]
        for row in (
            [rows.index(row, column).data(Qt.ItemDataRole.AccessibleTextRole) for column in Column]
            for row in range(rows.rowCount())
        )
    }
    assert spoken["resnet18"] == [
        "69.8 percent top-1 accuracy",
        "11.7 million parameters",
        "45 megabytes",
        "on disk",
    ]
    assert spoken["resnet101"][-1] == "25 % on disk"
    assert spoken["alexnet"][-1] == "not on disk"


def test_escape_closes_and_asks_for_nothing(person: Reader) -> None:
    person.press(Key.Key_Escape)
    assert not person.dialog.isVisible()
    assert (person.chosen, person.downloads, person.stops) == ([], [], [])


@pytest.mark.parametrize("factor", [1.0, 1.5, 2.0])
def test_a_larger_font_cuts_nothing_off(qtbot: QtBot, qapp: QApplication, factor: float) -> None:
    usual = qapp.font()
    larger = QFont(usual)
    larger.setPointSizeF(usual.pointSizeF() * factor)
    theme.apply(qapp, "dark")
    qapp.setFont(larger)
    try:
        person = reader(qtbot)
        metrics, header = QFontMetrics(larger), person.table.header()
        rows = person.table.model()
        for column in Column:
            texts = [str(rows.index(row, column).data()) for row in range(rows.rowCount())]
            person.click_header(column)
            texts.append(str(rows.headerData(column, Qt.Orientation.Horizontal)))
            widest = max(metrics.horizontalAdvance(text) for text in texts)
            assert header.sectionSize(column) >= widest + 6
        assert person.table.visualRect(rows.index(0, 0)).height() >= metrics.height() + 4
        assert person.field.height() >= metrics.height() + 4
        for button in person.dialog.findChildren(QPushButton):
            words = metrics.horizontalAdvance(button.text())
            assert not button.isVisible() or button.width() >= words + 8
    finally:
        qapp.setFont(usual)

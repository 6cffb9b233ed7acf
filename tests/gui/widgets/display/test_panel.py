"""Display settings: every control tells the whole record, setting is silent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QComboBox, QSlider, QToolButton
from pytestqt.qtbot import QtBot

from engine.records.display import DisplaySettings
from engine.render.overlay import COLORMAPS, LEGACY, lookup_table
from gui.jobs.colouring import color_strips
from gui.widgets.display.panel import DisplayPanel, swatch


@pytest.fixture
def panel(qtbot: QtBot) -> DisplayPanel:
    panel = DisplayPanel()
    qtbot.addWidget(panel)
    with qtbot.waitExposed(panel):
        panel.show()
    return panel


def heard(panel: DisplayPanel) -> list[DisplaySettings]:
    told: list[DisplaySettings] = []
    panel.display_changed.connect(told.append)
    return told


def button(panel: DisplayPanel, name: str) -> QToolButton:
    return next(b for b in panel.findChildren(QToolButton) if b.accessibleName() == name)


def slider(panel: DisplayPanel, name: str) -> QSlider:
    return next(s for s in panel.findChildren(QSlider) if s.accessibleName() == name)


def test_setting_is_silent_and_exact(panel: DisplayPanel) -> None:
    told = heard(panel)
    wanted = DisplaySettings(0.333, "viridis", "grid", 1.234, "negative")
    panel.set_display(wanted)
    assert told == []
    assert panel.display() == wanted
    QTest.mouseClick(button(panel, "Sign: positive"), Qt.MouseButton.LeftButton)
    assert told == [replace(wanted, sign="positive")]


def test_each_control_changes_its_own_field(panel: DisplayPanel) -> None:
    told = heard(panel)
    slider(panel, "Opacity").setValue(80)
    assert told[-1] == DisplaySettings(opacity=0.8)
    box = panel.findChild(QComboBox)
    assert box is not None
    box.setCurrentIndex(box.findData("cividis"))
    QTest.mouseClick(button(panel, "Interpolation: grid"), Qt.MouseButton.LeftButton)
    QTest.mouseClick(button(panel, "Sign: negative"), Qt.MouseButton.LeftButton)
    slider(panel, "Gamma").setValue(100)
    assert told[-1] == DisplaySettings(0.8, "cividis", "grid", 5.0, "negative")
    assert len(told) == 5
    slider(panel, "Gamma").setValue(-100)
    assert told[-1].gamma == pytest.approx(0.2)


def test_arrow_keys_move_a_slider(panel: DisplayPanel) -> None:
    told = heard(panel)
    opacity = slider(panel, "Opacity")
    opacity.setFocus()
    QTest.keyClick(opacity, Qt.Key.Key_Right)
    assert told == [DisplaySettings(opacity=0.71)]


def test_arrow_keys_move_along_joined_buttons(qtbot: QtBot, panel: DisplayPanel) -> None:
    told = heard(panel)
    first = button(panel, "Sign: positive")
    first.setFocus()
    qtbot.waitUntil(first.hasFocus)
    QTest.keyClick(first, Qt.Key.Key_Right)
    assert told == [DisplaySettings(sign="negative")]
    assert button(panel, "Sign: negative").hasFocus()


def test_reset(panel: DisplayPanel) -> None:
    reset = next(b for b in panel.findChildren(QToolButton) if b.text() == "Reset")
    assert not reset.isEnabled()
    panel.set_display(DisplaySettings(gamma=3.0))
    told = heard(panel)
    reset.click()
    assert told == [DisplaySettings()]
    assert slider(panel, "Gamma").value() == 0


def test_both_signs_have_their_own_colours(panel: DisplayPanel) -> None:
    box = panel.findChild(QComboBox)
    assert box is not None
    panel.set_display(DisplaySettings(sign="signed", colormap="viridis"))
    assert not box.isEnabled()
    assert panel.display().colormap == "viridis"
    panel.set_display(DisplaySettings(colormap="viridis"))
    assert box.isEnabled()


def test_all_colour_maps_are_offered_and_legacy_ones_last(panel: DisplayPanel) -> None:
    box = panel.findChild(QComboBox)
    assert box is not None
    names = [box.itemData(i) for i in range(box.count()) if box.itemData(i)]
    assert sorted(names) == sorted(COLORMAPS)
    legacy = [name for name in names if name in LEGACY]
    assert names[-len(legacy) :] == legacy
    for name in legacy:
        assert "legacy" in box.itemText(box.findData(name))


def test_a_swatch_runs_through_its_table(qtbot: QtBot) -> None:
    image = swatch(color_strips()["viridis"]).pixmap(112, 24).toImage()
    table = lookup_table("viridis")
    for x in (0, image.width() // 2, image.width() - 1):
        colour = image.pixelColor(x, image.height() // 2)
        place = round((x + 0.5) / image.width() * 255)
        wanted = [int(v) for v in table[place]]
        got = [colour.red(), colour.green(), colour.blue()]
        assert max(abs(a - b) for a, b in zip(wanted, got, strict=True)) <= 6


# --- what is folded away -------------------------------------------------------------------------


def test_no_more_controls_are_seen_than_are_needed_for_a_heat_map(panel: DisplayPanel) -> None:
    boxes = panel.findChildren(QComboBox)
    assert [box.accessibleName() for box in boxes if box.isVisible()] == ["Colour map"]
    assert not any(check.isVisible() for check in panel.findChildren(QCheckBox))
    (more,) = [b for b in panel.findChildren(QToolButton) if b.text() == "More"]
    QTest.mouseClick(more, Qt.MouseButton.LeftButton)
    assert {box.accessibleName() for box in boxes if box.isVisible()} >= {"Look", "Contours"}
    QTest.mouseClick(more, Qt.MouseButton.LeftButton)
    assert not any(check.isVisible() for check in panel.findChildren(QCheckBox))


def box(panel: DisplayPanel, name: str) -> QComboBox:
    (found,) = [b for b in panel.findChildren(QComboBox) if b.accessibleName() == name]
    return found


def test_each_control_that_is_folded_away_changes_its_own_field(panel: DisplayPanel) -> None:
    panel.set_unfolded(True)
    told = heard(panel)
    fade = panel.findChild(QCheckBox)
    assert fade is not None
    assert fade.isChecked()
    fade.click()
    assert told[-1] == DisplaySettings(fade=False)
    QTest.mouseClick(button(panel, "Picture: grey"), Qt.MouseButton.LeftButton)
    assert told[-1] == DisplaySettings(fade=False, backdrop="grey")
    field = box(panel, "Contours").lineEdit()
    assert field is not None
    field.selectAll()
    QTest.keyClicks(field, "50, 25")
    QTest.keyClick(field, Qt.Key.Key_Return)
    wanted = DisplaySettings(fade=False, backdrop="grey", contours=(0.25, 0.5))
    assert told[-1] == wanted
    assert field.text() == "25, 50"
    # What is no level is put back, with the reason.
    field.selectAll()
    QTest.keyClicks(field, "half")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert field.text() == "25, 50"
    assert "25, 50, 75" in box(panel, "Contours").toolTip()
    assert panel.display() == wanted
    assert len(told) == 3


def test_looks_are_chosen_by_name_and_known_again(panel: DisplayPanel) -> None:
    panel.set_unfolded(True)
    told = heard(panel)
    looks = box(panel, "Look")
    assert looks.currentData() == "fading"
    looks.setCurrentIndex(looks.findData("jet"))
    looks.activated.emit(looks.currentIndex())
    assert told[-1] == DisplaySettings(opacity=0.4, colormap="jet", fade=False)
    slider(panel, "Opacity").setValue(55)
    assert looks.currentText() == "Your own"
    slider(panel, "Opacity").setValue(40)
    assert looks.currentData() == "jet"
    assert looks.findText("Your own") < 0

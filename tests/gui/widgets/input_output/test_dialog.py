"""What the network eats and gives: records in, checked changes out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QDropEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton as Button
from PySide6.QtWidgets import QApplication, QComboBox, QFileDialog, QLabel, QLineEdit, QWidget
from PySide6.QtWidgets import QSpinBox as Sides
from pytestqt.qtbot import QtBot

from engine.images.presets import PRESETS, assumed, preset
from engine.records.images import ChannelNumbers, Channels, Preprocessing
from engine.records.levels import Levels, LevelsMode
from engine.records.models import ModelInfo, OutputForm, Scores
from gui.settings.store import Settings
from gui.toolkit import theme
from gui.widgets.input_output.dialog import InputPanel
from gui.widgets.input_output.seen_picture import SeenPicture

IMAGENET = preset("ImageNet", (224, 224))
INFO = ModelInfo(
    source="resnet18",
    title="resnet18",
    architecture="ResNet",
    weights="resnet18.pth",
    device="cpu",
    classes=("cat", "dog", "cow"),
    parameters=11,
    preprocessing=IMAGENET,
    default_layer="layer4",
    preprocessing_origin="torchvision metadata",
    classes_origin="names.txt",
)
GREY = replace(
    INFO,
    preprocessing=assumed((28, 28), 1),
    preprocessing_origin="assumed",
    classes=tuple(f"class {n}" for n in range(10)),
    classes_origin="",
    output=OutputForm("", Scores.CLASSES, "log_softmax"),
)


@pytest.fixture
def panel(qtbot: QtBot, tmp_path: Path) -> InputPanel:
    store = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    panel = InputPanel(Settings(store))
    qtbot.addWidget(panel)
    panel.show_model(INFO)
    with qtbot.waitExposed(panel):
        panel.show()
    return panel


def find(panel: QWidget, kind: type[Any], name: str) -> Any:
    return next(w for w in panel.findChildren(kind) if w.accessibleName() == name)


def choose(panel: InputPanel, name: str, text: str) -> None:
    """As a person does it: the row is found, and activated."""
    box = find(panel, QComboBox, name)
    row = box.findText(text)
    assert row >= 0
    assert box.model().item(row).isEnabled()
    box.setCurrentIndex(row)
    box.activated.emit(row)


def shown(panel: InputPanel, name: str) -> str:
    box: QComboBox = find(panel, QComboBox, name)
    return box.currentText()


def said(panel: InputPanel) -> str:
    """All text of labels that is on the screen."""
    return "\n".join(w.text() for w in panel.findChildren(QLabel) if w.isVisible())


def type_into(panel: InputPanel, name: str, text: str) -> None:
    field = find(panel, QLineEdit, name)
    field.selectAll()
    QTest.keyClicks(field, text)


def test_it_shows_what_the_model_says(panel: InputPanel) -> None:
    assert shown(panel, "Preset") == "ImageNet"
    assert shown(panel, "Resize") == "Shorter side"
    assert find(panel, Sides, "Resize: width in pixels").value() == 256
    assert not find(panel, Sides, "Resize: height in pixels").isVisible()
    assert find(panel, Sides, "Crop: height in pixels").value() == 224
    assert find(panel, QLineEdit, "Mean").text() == "0.485, 0.456, 0.406"
    assert shown(panel, "Channels") == "RGB"
    words = said(panel)
    assert "torchvision metadata" in words
    assert "3, names.txt" in words
    assert "cat, dog, cow" in words
    assert "assumed" not in words


def test_what_is_assumed_is_said(panel: InputPanel) -> None:
    panel.show_model(GREY)
    words = said(panel)
    assert "assumed" in words
    assert "check it before you trust" in words
    assert "10, unnamed" in words
    assert "log-softmax" in words
    channels = find(panel, QComboBox, "Channels")
    assert [channels.model().item(n).isEnabled() for n in range(3)] == [False, False, True]


EVERY = [
    IMAGENET,
    GREY.preprocessing,
    Preprocessing((96, 128), (80, 100), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), letterbox=True),
    Preprocessing(None, (1, 4096), (0.0,) * 3, (1.0,) * 3, "nearest", False),
    Preprocessing(
        (30, 20), (30, 20), (103.939, 116.779, 123.68), (1.0,) * 3, channels=Channels.BGR,
        range=(0.0, 255.0),
    ),
    Preprocessing(64, (64, 64), (-0.123456789,), (1e-7,), "lanczos", channels=Channels.GREY),
    preset("CLIP", (336, 336)),
]  # fmt: skip


@pytest.mark.parametrize("how", EVERY, ids=str)
def test_showing_is_silent_and_loses_nothing(
    panel: InputPanel, how: Preprocessing, qtbot: QtBot
) -> None:
    """Also digits that the fields have no room for are kept, when another field is changed."""
    heard: list[Preprocessing] = []
    panel.preprocessing_changed.connect(heard.append)
    panel.show_model(replace(INFO, preprocessing=how))
    assert heard == []
    crop = find(panel, Sides, "Crop: width in pixels")
    other = 999 if how.crop[1] != 999 else 998
    with qtbot.waitSignal(panel.preprocessing_changed):
        crop.setValue(other)
    assert heard == [replace(how, crop=(how.crop[0], other))]


def test_a_preset_keeps_the_sizes(panel: InputPanel, qtbot: QtBot) -> None:
    for name in PRESETS:
        if name == shown(panel, "Preset"):
            continue
        with qtbot.waitSignal(panel.preprocessing_changed) as signal:
            choose(panel, "Preset", name)
        how = signal.args[0]
        assert (how.mean, how.std) == (PRESETS[name].mean, PRESETS[name].std)
        assert (how.resize, how.crop) == (256, (224, 224))
        assert shown(panel, "Preset") == name


def test_other_values_have_no_preset(panel: InputPanel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(panel.preprocessing_changed) as signal:
        type_into(panel, "Mean", "[0.1, 0.2; 0.3]")
    assert signal.args[0].mean == (0.1, 0.2, 0.3)
    assert shown(panel, "Preset") == "Custom"
    with qtbot.waitSignal(panel.preprocessing_changed) as signal:
        type_into(panel, "Standard deviation", "0.25")
    assert signal.args[0].std == (0.25,) * 3


@pytest.mark.parametrize(
    ("text", "size", "letterbox"),
    [("Exact size", (224, 224), False), ("Letterbox", (224, 224), True), ("None", None, False)],
)
def test_ways_to_resize(
    panel: InputPanel, qtbot: QtBot, text: str, size: object, letterbox: bool
) -> None:
    with qtbot.waitSignal(panel.preprocessing_changed) as signal:
        choose(panel, "Resize", text)
    how = signal.args[0]
    assert (how.resize, how.letterbox) == (size, letterbox)
    assert find(panel, Sides, "Resize: height in pixels").isVisible() == (size is not None)
    assert find(panel, Sides, "Resize: width in pixels").isEnabled() == (size is not None)


def test_the_order_of_the_colours_turns_the_numbers_round(panel: InputPanel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(panel.preprocessing_changed) as signal:
        choose(panel, "Channels", "BGR")
    how = signal.args[0]
    assert how.channels is Channels.BGR
    assert how.mean == (0.406, 0.456, 0.485)
    assert shown(panel, "Preset") == "ImageNet"
    with qtbot.waitSignal(panel.preprocessing_changed) as signal:
        choose(panel, "Channels", "RGB")
    assert signal.args[0] == IMAGENET


def test_range_and_interpolation(panel: InputPanel, qtbot: QtBot) -> None:
    with qtbot.waitSignal(panel.preprocessing_changed) as signal:
        type_into(panel, "Range to", "255")
    assert signal.args[0].range == (0.0, 255.0)
    with qtbot.waitSignal(panel.preprocessing_changed) as signal:
        choose(panel, "Interpolation", "bicubic")
        box = next(b for b in panel.findChildren(Button) if b.text() == "Antialias")
        box.click()
    assert (signal.args[0].interpolation, signal.args[0].antialias) == ("bicubic", False)


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("Mean", "a", "Mean: enter numbers"),
        ("Mean", "0.1, 0.2", "one for each of 3 channels"),
        ("Mean", "", "one number"),
        ("Mean", "nan", "finite"),
        ("Standard deviation", "0", "greater than 0"),
        ("Range to", "0", "must differ"),
        ("Range from", "1, 2", "one number"),
    ],
)
def test_what_is_wrong_is_said_in_place_and_not_told(
    panel: InputPanel, qtbot: QtBot, field: str, text: str, words: str
) -> None:
    heard: list[Preprocessing] = []
    panel.preprocessing_changed.connect(heard.append)
    line = find(panel, QLineEdit, field)
    line.clear()
    type_into(panel, field, text)
    if not text:
        QTest.keyClicks(line, " ")
    assert words in said(panel)
    line.clear()
    with qtbot.waitSignal(panel.preprocessing_changed):
        type_into(panel, field, "0.75")
    assert words not in said(panel)
    assert len(heard) == 1


def test_a_crop_beyond_the_limits_cannot_be_typed(panel: InputPanel) -> None:
    box = find(panel, Sides, "Crop: width in pixels")
    assert (box.minimum(), box.maximum()) == (1, 4096)


def test_quick_edits_are_told_once(panel: InputPanel, qtbot: QtBot) -> None:
    heard: list[Preprocessing] = []
    panel.preprocessing_changed.connect(heard.append)
    box = find(panel, Sides, "Crop: width in pixels")
    with qtbot.waitSignal(panel.preprocessing_changed):
        for _ in range(5):
            QTest.keyClick(box, Qt.Key.Key_Up)
    assert [how.crop for how in heard] == [(224, 229)]


def test_enter_tells_at_once(panel: InputPanel) -> None:
    heard: list[Preprocessing] = []
    panel.preprocessing_changed.connect(heard.append)
    type_into(panel, "Mean", "0.25")
    assert heard == []
    QTest.keyClick(find(panel, QLineEdit, "Mean"), Qt.Key.Key_Return)
    assert [how.mean for how in heard] == [(0.25,) * 3]
    assert panel.isVisible()


def test_an_answer_does_not_disturb_what_is_being_typed(panel: InputPanel) -> None:
    """The window shows the model anew once a change has been made; typing may have gone on."""
    panel.preprocessing_changed.connect(
        lambda how: panel.show_model(replace(INFO, preprocessing=how), changed=True)
    )
    type_into(panel, "Mean", "0.25")
    field = find(panel, QLineEdit, "Mean")
    QTest.keyClick(field, Qt.Key.Key_Return)
    QTest.keyClicks(field, ", 0.5")
    panel.show_model(replace(INFO, preprocessing=replace(IMAGENET, mean=(0.25,) * 3)), changed=True)
    assert field.text() == "0.25, 0.5"
    # Another model, or Reset, shows what it has.
    reset = next(b for b in panel.findChildren(Button) if b.text() == "Reset")
    QTest.mouseClick(reset, Qt.MouseButton.LeftButton)
    assert field.text() == "0.25"
    QTest.keyClicks(field, "x")
    panel.show_model(replace(INFO, weights="other.pth"))
    assert field.text() == "0.485, 0.456, 0.406"


def test_a_fault_of_the_network_stays_until_the_next_change(
    panel: InputPanel, qtbot: QtBot
) -> None:
    panel.show_fault("the network does not run on 100 x 100")
    assert "does not run on 100 x 100" in said(panel)
    with qtbot.waitSignal(panel.preprocessing_changed):
        choose(panel, "Preset", "CLIP")
    assert "does not run" not in said(panel)


def test_output_and_scores(panel: InputPanel, qtbot: QtBot) -> None:
    form = OutputForm("logits", Scores.CLASSES, "softmax")
    panel.show_model(replace(INFO, outputs=("logits", "features"), output=form))
    assert "softmax" in said(panel)
    with qtbot.waitSignal(panel.output_changed) as signal:
        choose(panel, "Explained output", "features")
    assert signal.args == [replace(form, place="features")]
    with qtbot.waitSignal(panel.output_changed) as signal:
        choose(panel, "Scores", "Multi-label (sigmoid)")
    assert signal.args == [OutputForm("features", Scores.LABELS, "softmax")]
    scores = find(panel, QComboBox, "Scores")
    assert not scores.model().item(2).isEnabled()  # several scores have no two sides


def test_one_score_has_two_sides_and_nothing_else(panel: InputPanel) -> None:
    form = OutputForm("", Scores.SIDES, "sigmoid")
    panel.show_model(replace(INFO, output=form, classes=("negative", "positive")))
    assert shown(panel, "Scores") == "Binary, one score (sigmoid)"
    assert not find(panel, QComboBox, "Scores").isEnabled()
    assert not find(panel, QComboBox, "Explained output").isEnabled()  # there is only one


def test_one_unbounded_number_is_a_value_or_binary(panel: InputPanel, qtbot: QtBot) -> None:
    form = OutputForm("", Scores.VALUES)
    panel.show_model(replace(INFO, output=form, outputs=("",), classes=("value",)))
    assert shown(panel, "Scores") == "Values (regression)"
    scores = find(panel, QComboBox, "Scores")
    assert [scores.model().item(n).isEnabled() for n in range(4)] == [False, False, True, True]
    with qtbot.waitSignal(panel.output_changed) as signal:
        choose(panel, "Scores", "Binary, one score (sigmoid)")
    assert signal.args == [OutputForm("", Scores.SIDES)]


def test_several_heads_and_how_wide_they_are(panel: InputPanel, qtbot: QtBot) -> None:
    form = OutputForm("race", Scores.CLASSES)
    heads = {"age": 1, "gender": 2, "race": 5}
    panel.show_model(
        replace(INFO, output=form, outputs=tuple(heads), output_widths=tuple(heads.values()))
    )
    places = find(panel, QComboBox, "Explained output")
    assert [places.itemText(n) for n in range(places.count())] == [
        "age (1 number)",
        "gender (2 numbers)",
        "race (5 numbers)",
    ]
    with qtbot.waitSignal(panel.output_changed) as signal:
        choose(panel, "Explained output", "gender (2 numbers)")
    assert signal.args == [replace(form, place="gender")]


def test_buttons(panel: InputPanel, qtbot: QtBot) -> None:
    def press(text: str) -> None:
        button = next(b for b in panel.findChildren(Button) if b.text() == text)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    with qtbot.waitSignal(panel.profile_export_requested):
        press("Export profile…")
    with qtbot.waitSignal(panel.profile_import_requested):
        press("Import profile…")
    reset = next(b for b in panel.findChildren(Button) if b.text() == "Reset")
    assert not reset.isEnabled()
    panel.show_model(replace(INFO, preprocessing_origin="set by you"), changed=True)
    with qtbot.waitSignal(panel.reset_requested):
        press("Reset")
    press("Close")
    assert not panel.isVisible()


def test_class_names_are_chosen_in_a_dialog(
    panel: InputPanel, qtbot: QtBot, tmp_path: Path
) -> None:
    QTest.mouseClick(
        find(panel, Button, "Load class names"),
        Qt.MouseButton.LeftButton,
    )
    dialog = panel.findChild(QFileDialog)
    assert dialog is not None
    with qtbot.waitSignal(panel.classes_chosen) as signal:
        dialog.fileSelected.emit(str(tmp_path / "names.csv"))
    assert signal.args == [tmp_path / "names.csv"]
    dialog.reject()


@pytest.mark.parametrize(("name", "taken"), [("a.txt", True), ("a.json", True), ("a.png", False)])
def test_class_names_can_be_dropped(
    panel: InputPanel, tmp_path: Path, name: str, taken: bool
) -> None:
    heard: list[Path] = []
    panel.classes_chosen.connect(heard.append)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / name))])
    panel.dropEvent(
        QDropEvent(
            QPointF(QPoint(20, 20)),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )
    assert heard == ([tmp_path / name] if taken else [])


def test_without_model_or_image(panel: InputPanel) -> None:
    picture = panel.findChild(SeenPicture)
    assert isinstance(picture, SeenPicture)
    panel.show_model(INFO)
    assert picture.image().isNull()
    assert "Open an image" in picture.accessibleDescription()
    panel.show_model(None)
    assert "Open a model" in picture.accessibleDescription()
    assert not find(panel, QComboBox, "Preset").isVisible()
    size = panel.size()
    panel.show_model(INFO)
    assert find(panel, QComboBox, "Preset").isVisible()
    assert panel.size() == size


def test_the_picture_is_what_the_network_saw(panel: InputPanel) -> None:
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, (28, 28, 3), dtype=np.uint8)
    panel.show_model(GREY)
    panel.show_seen(pixels, "seven.png", (ChannelNumbers(-0.74, 0.13, -0.5),))
    words = said(panel)
    assert "seven.png" in words
    assert "28 × 28 pixels, 1 channel (grey)" in words
    # Of this picture, not of any.
    assert "Values: −0.740 to 0.130, mean −0.500" in words
    picture = panel.findChild(SeenPicture)
    assert isinstance(picture, SeenPicture)
    place = picture.picture_rect()
    scale = place.width() / 28
    assert scale == int(scale) > 1
    shot: QImage = picture.grab().toImage()
    for row, column in ((0, 0), (3, 20), (27, 27)):
        spot = place.topLeft() + QPointF((column + 0.5) * scale, (row + 0.5) * scale)
        colour = shot.pixelColor(spot.toPoint())
        assert colour.getRgb()[:3] == tuple(pixels[row, column])


def test_the_numbers_of_each_channel(panel: InputPanel) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    numbers = tuple(ChannelNumbers(n, n + 1, n + 0.5) for n in range(3))
    panel.show_seen(pixels, "a.png", numbers)
    assert "Red: 0.000 to 1.000, mean 0.500\nGreen: 1.000 to 2.000, mean 1.500\nBlue: 2" in said(
        panel
    )
    bgr = replace(INFO, preprocessing=replace(IMAGENET, channels=Channels.BGR))
    panel.show_model(bgr)
    panel.show_seen(pixels, "a.png", numbers)
    assert "Blue: 0.000 to 1.000" in said(panel)
    panel.show_seen(pixels, "a.png", numbers[:1] * 3)
    assert "Each channel: 0.000 to 1.000" in said(panel)
    panel.show_seen(pixels, "deep.tif", numbers, "window, 0 to 400")
    assert "Levels: window, 0 to 400" in said(panel)


def test_levels_are_edited_like_the_rest(panel: InputPanel, qtbot: QtBot) -> None:
    mode = find(panel, QComboBox, "Levels")
    for place, expected in (
        (1, Levels(LevelsMode.TYPE)),
        (4, Levels(LevelsMode.PERCENTILES, 1.0, 99.0)),
        (5, Levels(LevelsMode.WINDOW, 0.0, 256.0)),
    ):
        mode.setCurrentIndex(place)
        with qtbot.waitSignal(panel.preprocessing_changed) as heard:
            mode.activated.emit(place)
        assert heard.args[0].levels == expected
    width = find(panel, QLineEdit, "Width (window)")
    width.setText("")
    with qtbot.waitSignal(panel.preprocessing_changed) as heard:
        QTest.keyClicks(width, "100")
    assert heard.args[0].levels == Levels(LevelsMode.WINDOW, 78.0, 178.0)
    width.clear()
    QTest.keyClicks(width, "0")
    assert "width of a window must be greater than 0" in said(panel)
    kept = replace(INFO, preprocessing=replace(IMAGENET, levels=Levels(LevelsMode.WINDOW, -7, 9)))
    panel.show_model(kept)
    assert find(panel, QLineEdit, "Centre (level)").text() == "1"
    assert panel._form.values().levels == Levels(LevelsMode.WINDOW, -7, 9)


def test_a_large_picture_fits(panel: InputPanel) -> None:
    panel.show_seen(np.zeros((600, 1200, 3), np.uint8), "wide.png")
    picture = panel.findChild(SeenPicture)
    assert isinstance(picture, SeenPicture)
    place = picture.picture_rect()
    assert place.width() == picture.width()
    assert place.width() / place.height() == pytest.approx(2, rel=0.02)
    panel.show_seen(None)
    assert picture.picture_rect().isEmpty()


def test_every_field_is_reached_and_named(panel: InputPanel) -> None:
    for kind in (QComboBox, Sides, Button):
        for widget in panel.findChildren(kind):
            if isinstance(widget.parent(), QComboBox | Sides):
                continue
            assert widget.accessibleName() or getattr(widget, "text", str)(), widget
            assert widget.focusPolicy() != Qt.FocusPolicy.NoFocus or not widget.isVisible()
    names = [w for w in panel.findChildren(QLabel) if w.text().startswith("&")]
    assert len(names) > 5
    keys = [
        w.text()[w.text().index("&") + 1].lower()
        for w in panel.findChildren(QLabel)
        if "&" in w.text()
    ]
    assert len(set(keys)) == len(keys)
    assert all(w.buddy() is not None for w in names)


def test_contrast_of_disabled_fields() -> None:
    for tokens in (theme.DARK, theme.LIGHT):
        assert theme.contrast(tokens.text_dim, tokens.window) >= 4.5


def test_fields_grow_with_the_font(qtbot: QtBot, tmp_path: Path) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    before = app.font()
    larger = app.font()
    larger.setPointSizeF(before.pointSizeF() * 1.6)
    try:
        app.setFont(larger)
        store = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
        panel = InputPanel(Settings(store))
        qtbot.addWidget(panel)
        panel.show_model(replace(INFO, preprocessing=preset("[0, 1]", (2048, 1024))))
        with qtbot.waitExposed(panel):
            panel.show()
        for box in panel.findChildren(Sides):
            room = box.lineEdit().contentsRect().width() - 2 * 4
            if box.isVisible():
                assert box.fontMetrics().horizontalAdvance(box.text()) <= room
                assert box.fontMetrics().height() <= box.height()
    finally:
        app.setFont(before)


def test_a_profile_dropped_on_the_panel_is_no_list_of_names(
    qtbot: QtBot, panel: InputPanel, tmp_path: Path
) -> None:
    path = tmp_path / "mine.hookscope.json"
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    taken: list[Path] = []
    panel.classes_chosen.connect(taken.append)
    with qtbot.waitSignal(panel.profile_dropped) as dropped:
        panel.dropEvent(
            QDropEvent(
                QPointF(9, 9),
                Qt.DropAction.CopyAction,
                mime,
                Qt.MouseButton.LeftButton,
                Qt.KeyboardModifier.NoModifier,
            )
        )
    assert dropped.args == [path]
    assert not taken

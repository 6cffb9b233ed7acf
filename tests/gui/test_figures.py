"""Export figure: through the whole program, and the files read by other means."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QCheckBox, QComboBox

from engine.comparing.running import in_order
from engine.explain.session import Session
from engine.figures.drawing import Picture
from engine.formats.demo import SCENES
from engine.loading.load import load_model
from engine.records.figures import FigureForm
from gui.controllers.figures.batch import STOPPED, Run
from gui.jobs.figure_work import Collected, DrawnFigure
from gui.toolkit.imaging import to_qimage
from gui.widgets.figures.batch import SAME, BatchDialog
from gui.widgets.figures.dialog import FigureDialog
from gui.widgets.figures.preset_bar import PresetBar
from tests.engine.figures.pages import PdfFile
from tests.gui.user import WAIT_MS, Key, Modifier, User, child

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Two images of plain colours."""
    paths = []
    for name, color in (("one.png", (200, 30, 30)), ("two.png", (30, 200, 30))):
        paths.append(tmp_path / name)
        Image.new("RGB", (96, 72), color).save(paths[-1])
    return paths


def figure_dialog(user: User, id: str = "figure") -> FigureDialog:
    """The dialog with its first figure."""
    user.program.window.actions_by_id[id].trigger()
    dialog = user.dialog(FigureDialog)
    user.until(lambda: dialog.ready)
    return dialog


def shown(user: User) -> DrawnFigure:
    """The figure that the dialog shows."""
    figure = user.program.handlers.figures._figure
    assert figure is not None
    return figure


def change(user: User, dialog: FigureDialog, edit: Callable[[], object]) -> DrawnFigure:
    """Change the form, and wait for the figure in it."""
    with user.qtbot.waitSignal(user.program.controller.figures.drawn, timeout=WAIT_MS):
        edit()
    user.until(lambda: dialog.ready)
    return shown(user)


def check(dialog: FigureDialog, text: str) -> QCheckBox:
    return next(box for box in dialog.findChildren(QCheckBox) if box.text() == text)


def save(user: User, dialog: FigureDialog, path: Path) -> Path:
    with user.qtbot.waitSignal(user.program.controller.figures.written, timeout=WAIT_MS):
        dialog.take(path)
    user.settle()
    return path


# --- one map -------------------------------------------------------------------------------------


def test_the_figure_of_the_screen_is_saved_as_it_is_previewed(user: User, tmp_path: Path) -> None:
    program = user.start()
    program.window.canvas.setFocus()
    user.press(Key.Key_E, Modifier.ControlModifier | Modifier.ShiftModifier)
    dialog = user.dialog(FigureDialog)
    user.until(lambda: dialog.ready)
    preview = dialog._preview.picture
    assert preview is not None
    path = save(user, dialog, tmp_path / "out.png")
    with Image.open(path) as picture:
        assert picture.info["dpi"][0] == pytest.approx(300, abs=0.1)
        assert picture.width == round(85 / 25.4 * 300)
        pixels = np.asarray(picture)
    assert to_qimage(pixels) == preview.levels[0]
    assert program.window.notice.text == "Exported out.png"


def test_width_and_resolution_are_those_of_the_file(user: User, tmp_path: Path) -> None:
    user.start()
    dialog = figure_dialog(user)
    fields = dialog.form_fields
    width = fields._preset_width
    # The form names no width that the figure does not have.
    assert not fields._width.isVisible()
    change(user, dialog, lambda: width.setCurrentIndex(width.findData("")))
    assert fields._width.isVisible()
    change(user, dialog, lambda: fields._width.setValue(120))
    change(user, dialog, lambda: fields._dpi.setValue(150))
    assert "120 ×" in dialog._size.text()
    assert "709 ×" in dialog._size.text()
    path = save(user, dialog, tmp_path / "out.png")
    with Image.open(path) as picture:
        assert picture.width == round(120 / 25.4 * 150)
        assert picture.info["dpi"][0] == pytest.approx(150, abs=0.1)


def test_a_pdf_has_its_words_as_text(user: User, tmp_path: Path) -> None:
    program = user.start()
    explanation = program.state.explanation
    assert explanation is not None
    dialog = figure_dialog(user)
    page = PdfFile(save(user, dialog, tmp_path / "out.pdf").read_bytes())
    text = " ".join(page.text())
    assert explanation.target.label in text
    assert "layer4" in text
    assert "Grad-CAM value" in text
    assert page.resources("Shading")
    box = re.search(rb"/MediaBox \[0 0 ([0-9.]+) ", page.page)
    assert box is not None
    assert float(box[1]) == pytest.approx(85 / 25.4 * 72, abs=0.01)


def test_an_svg_without_a_caption_keeps_the_numbers_of_the_bar(user: User, tmp_path: Path) -> None:
    user.start()
    dialog = figure_dialog(user)
    with_caption = ET.parse(save(user, dialog, tmp_path / "with.svg"))
    dialog = figure_dialog(user)
    change(user, dialog, lambda: check(dialog, "Caption").setChecked(False))
    without = ET.parse(save(user, dialog, tmp_path / "without.svg"))
    texts = [[e.text for e in tree.iter(f"{SVG}text")] for tree in (with_caption, without)]
    assert any("opacity" in (text or "") for text in texts[0])
    assert not any("opacity" in (text or "") for text in texts[1])
    assert "Grad-CAM value" in texts[1]
    assert list(without.iter(f"{SVG}linearGradient"))


def test_all_panes_are_one_figure_on_one_scale(user: User, tmp_path: Path) -> None:
    program = user.start()
    program.controller.comparer.compare_class(1)
    program.controller.comparer.compare_bare()
    user.until(lambda: all(pane.explanation or pane.bare for pane in program.state.panes))
    user.settle()
    dialog = figure_dialog(user)
    items = shown(user).source.items
    assert [item.explanation for item in items] == [
        pane.explanation for pane in program.state.panes if not pane.bare
    ]
    assert len(items) == 2
    tree = ET.parse(save(user, dialog, tmp_path / "panes.svg"))
    assert len(list(tree.iter(f"{SVG}image"))) == 2
    words = " ".join(element.text or "" for element in tree.iter(f"{SVG}text"))
    for item in items:
        assert item.explanation.target.label in words


def test_the_difference_of_two_panes_is_exported_with_its_numbers(
    user: User, tmp_path: Path
) -> None:
    program = user.start()
    program.controller.comparer.compare_class(1)
    user.until(lambda: all(pane.explanation for pane in program.state.panes))
    program.controller.comparer.differ(True)
    user.settle()
    dialog = figure_dialog(user)
    tree = ET.parse(save(user, dialog, tmp_path / "difference.svg"))
    assert len(list(tree.iter(f"{SVG}image"))) == 3
    words = " ".join(element.text or "" for element in tree.iter(f"{SVG}text"))
    heading = program.window.panes.headings[2]
    numbers = re.findall(r"−?\d\.\d\d", heading)
    assert f"correlation {numbers[0]}, IoU of the top 20 % {numbers[1]}" in words
    program.controller.comparer.differ(False)
    user.settle()
    figure_dialog(user)
    assert not shown(user).source.differing


def test_dark_and_clear_paper(user: User, tmp_path: Path) -> None:
    user.start()
    dialog = figure_dialog(user)
    change(user, dialog, lambda: dialog.form_fields._paper.choose("dark"))
    save(user, dialog, tmp_path / "dark.png")
    with Image.open(tmp_path / "dark.png") as picture:
        assert picture.getpixel((0, 0)) == (24, 24, 24)
    dialog = figure_dialog(user)
    # The form is the one that was used last.
    assert dialog.form.paper == "dark"
    figure = change(user, dialog, lambda: dialog.form_fields._paper.choose("transparent"))
    assert figure.picture.levels[0].hasAlphaChannel()
    save(user, dialog, tmp_path / "clear.png")
    with Image.open(tmp_path / "clear.png") as picture:
        assert picture.mode == "RGBA"
        assert picture.getpixel((0, 0))[3] == 0  # type: ignore[index]


def test_the_original_beside_and_the_region_alone(user: User) -> None:
    user.start()
    dialog = figure_dialog(user)
    alone = shown(user).drawing
    beside = change(
        user, dialog, lambda: check(dialog, "Original image beside its map").setChecked(True)
    ).drawing
    kinds = [[type(part).__name__ for part in drawing.parts] for drawing in (alone, beside)]
    assert [kind.count("Picture") for kind in kinds] == [1, 2]
    outlined = change(
        user, dialog, lambda: check(dialog, "Outline of the region seen").setChecked(True)
    ).drawing
    assert [type(part).__name__ for part in outlined.parts].count("Frame") == 2
    cropped = change(
        user, dialog, lambda: check(dialog, "Crop to that region").setChecked(True)
    ).drawing
    assert not any(type(part).__name__ == "Frame" for part in cropped.parts)
    assert not check(dialog, "Outline of the region seen").isEnabled()
    # The demo sees a square, and the original beside its map is the same part of the image.
    sizes = [(part.width, part.height) for part in cropped.parts if isinstance(part, Picture)]
    assert len(sizes) == 2
    assert sizes[0] == pytest.approx(sizes[1])
    assert sizes[0][0] == pytest.approx(sizes[0][1], rel=0.02)


def test_a_figure_that_would_replace_its_own_image_is_refused(user: User, tmp_path: Path) -> None:
    image = tmp_path / "photo.png"
    Image.new("RGB", (80, 60), (200, 30, 30)).save(image)
    before = image.read_bytes()
    program = user.start(image)
    dialog = figure_dialog(user)
    dialog.take(image)
    user.until(lambda: "overwrite" in program.window.notice.text)
    user.settle()
    assert image.read_bytes() == before


def test_a_name_with_another_ending_gets_the_format_and_replaces_only_when_asked(
    user: User, tmp_path: Path
) -> None:
    user.start()
    there = tmp_path / "figure v1.2.png"
    there.write_text("kept until it is asked")
    dialog = figure_dialog(user)
    dialog.take(tmp_path / "figure v1.2")
    assert there.read_text() == "kept until it is asked"
    assert dialog._save.text() == "Replace"
    with user.qtbot.waitSignal(user.program.controller.figures.written, timeout=WAIT_MS):
        dialog._save.click()
    user.settle()
    assert there.read_bytes().startswith(b"\x89PNG")


# --- presets -------------------------------------------------------------------------------------


def test_a_form_is_named_and_found_again_in_the_next_start(user: User) -> None:
    user.start()
    dialog = figure_dialog(user)
    change(user, dialog, lambda: dialog.form_fields._dpi.setValue(600))
    child(dialog, PresetBar).save_as("Thesis")
    change(user, dialog, lambda: dialog.form_fields._dpi.setValue(72))
    dialog.reject()
    user.leave()
    user.start()
    dialog = figure_dialog(user)
    assert dialog.form.dpi == 72
    box = child(child(dialog, PresetBar), QComboBox)
    assert box.currentText() == "None of these"
    box.setCurrentIndex(box.findText("Thesis"))
    change(user, dialog, lambda: box.activated.emit(box.currentIndex()))
    assert dialog.form.dpi == 600
    child(dialog, PresetBar)._delete.click()
    assert box.findText("Thesis") < 0
    assert dialog.form.dpi == 600
    dialog.reject()


def test_a_form_of_the_settings_that_is_none_is_ignored(user: User) -> None:
    user.store.write_text('[figure]\nform="{\\"dpi\\": 5}"\npresets="[\\"x\\"]"\n')
    user.start()
    dialog = figure_dialog(user)
    assert dialog.form == FigureForm()
    dialog.reject()


def test_a_width_that_its_pictures_do_not_fit_says_which_would_do(user: User) -> None:
    user.start()
    dialog = figure_dialog(user, "sheet_layers")
    fields = dialog.form_fields
    change(user, dialog, lambda: fields._columns.setValue(8))
    change(user, dialog, lambda: fields._dpi.setValue(100))
    width = fields._preset_width
    with user.qtbot.waitSignal(user.program.controller.figures.failed, timeout=WAIT_MS):
        width.setCurrentIndex(width.findData("85"))
    assert not dialog.ready
    assert "8 columns of 160 pixels at 100 dpi need" in dialog._preview.accessibleDescription()
    change(user, dialog, lambda: width.setCurrentIndex(0))
    dialog.reject()


# --- contact sheets ------------------------------------------------------------------------------


def collected(user: User) -> Collected:
    found = user.program.handlers.figures._source
    assert found is not None
    return found


def test_the_sheet_of_all_layers_is_that_of_a_sweep_in_order(user: User, tmp_path: Path) -> None:
    program = user.start()
    state = program.state
    assert state.current is not None
    assert state.current.loaded is not None
    dialog = figure_dialog(user, "sheet_layers")
    items = collected(user).items
    with Session(load_model("demo:shapes"), state.current.loaded) as session:
        expected = in_order(session, session.sweep())
    assert [item.explanation.layer for item in items] == [one.layer for one in expected]
    for item, one in zip(items, expected, strict=True):
        assert np.array_equal(item.explanation.map, one.map)
    assert not dialog.form.shared
    save(user, dialog, tmp_path / "layers.pdf")
    text = PdfFile((tmp_path / "layers.pdf").read_bytes()).text()
    assert {"conv1", "layer4"} <= set(text)


def test_the_sheet_of_all_images_has_the_chosen_class_of_each(user: User) -> None:
    program = user.start()
    state = program.state
    program.controller.choose_class(1)
    user.until(lambda: user.target == 1 and not state.computing)
    dialog = figure_dialog(user, "sheet_images")
    items = collected(user).items
    assert len(items) == len(SCENES)
    assert items[0].explanation.target.index == 1
    assert len({item.image for item in items}) == len(items)
    model = load_model("demo:shapes")
    for item, scene in zip(items[1:], SCENES[1:], strict=True):
        from engine.images.reading import load_image

        with Session(model, load_image(scene.path)) as session:
            own = session.explain()
        assert item.explanation.target.index == own.target.index
        # The window may compute with a faster form of the network, which rounds otherwise.
        largest = float(np.abs(own.map).max())
        assert np.abs(item.explanation.map - own.map).max() < 1e-5 * largest
    dialog.reject()


def test_the_sheets_of_methods_and_classes(user: User) -> None:
    user.start()
    dialog = figure_dialog(user, "sheet_classes")
    targets = [item.explanation.target for item in collected(user).items]
    scores = [one.logit for one in targets]
    assert len(targets) == 5
    assert scores == sorted(scores, reverse=True)
    assert dialog.form.shared
    with user.qtbot.waitSignal(user.program.controller.figures.drawn, timeout=WAIT_MS):
        dialog.choose_kind("methods")
    slugs = [item.explanation.method for item in collected(user).items]
    assert "grad-cam" in slugs
    assert len(set(slugs)) == len(slugs) > 5
    assert not dialog.form.shared
    assert {one.explanation.layer for one in collected(user).items} <= {"layer4", ""}
    dialog.reject()
    user.settle()


def test_an_image_that_cannot_be_read_is_left_out_and_named(
    user: User, pictures: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nno more")
    user.start(pictures[0], broken, pictures[1])
    dialog = figure_dialog(user, "sheet_images")
    assert len(collected(user).items) == 2
    assert "broken.png" in dialog._note.text()
    dialog.reject()


def test_with_one_image_there_is_no_sheet_of_images(user: User, pictures: list[Path]) -> None:
    program = user.start(pictures[0])
    program.window.actions_by_id["sheet_images"].trigger()
    assert not program.window.findChildren(FigureDialog)
    assert "Open more of them" in program.window.notice.text
    dialog = figure_dialog(user)
    model = dialog._kind.model()
    assert not model.item(dialog._kind.findData("images")).isEnabled()  # type: ignore[attr-defined]
    dialog.reject()


# --- one figure for each image -------------------------------------------------------------------


def batch_dialog(user: User, suffix: str = ".png") -> BatchDialog:
    dialog = figure_dialog(user)
    dialog._format.setCurrentIndex(dialog._format.findData(suffix))
    dialog._many.click()
    return user.dialog(BatchDialog)


def run_of(user: User, start: Callable[[], None]) -> Run:
    with user.qtbot.waitSignal(
        user.program.controller.figures.batch.ended, timeout=WAIT_MS
    ) as ended:
        start()
    user.settle()
    assert ended.args is not None
    run = ended.args[0]
    assert isinstance(run, Run)
    return run


def test_a_figure_for_each_image_and_none_replaces_another(user: User, tmp_path: Path) -> None:
    """Two images of one name in two folders, and a file that is there."""
    paths = []
    for place, color in enumerate(((200, 30, 30), (30, 200, 30), (30, 30, 200))):
        path = tmp_path / f"folder{place}" / "photo.png"
        path.parent.mkdir()
        Image.new("RGB", (80 + 8 * place, 60), color).save(path)
        paths.append(path)
    out = tmp_path / "out"
    out.mkdir()
    program = user.start(*paths)
    dialog = batch_dialog(user)
    dialog.set_folder(out)
    dialog.choose_classes(SAME)
    label = program.state.explanation.target.label  # type: ignore[union-attr]
    first = out / f"photo {user.layer} {label}.png"
    first.write_text("mine")
    run = run_of(user, dialog.start)
    assert not run.fault
    assert not run.left_out
    assert first.read_text() == "mine"
    assert [path.name for path in run.written] == [
        f"photo {user.layer} {label} {number}.png" for number in (2, 3, 4)
    ]
    ratios = []
    for path in run.written:
        with Image.open(path) as picture:
            ratios.append(picture.height / picture.width)
    # In the order of the strip: each image is wider than the one before.
    assert ratios == sorted(ratios, reverse=True)
    assert "3 of 3 figures" in dialog.words
    assert program.window.notice.text.startswith("3 of 3 figures written to out")
    dialog.close()


def test_a_batch_leaves_out_what_cannot_be_read(
    user: User, pictures: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nno more")
    user.start(pictures[0], broken, pictures[1])
    dialog = batch_dialog(user, ".svg")
    dialog.set_folder(tmp_path)
    run = run_of(user, dialog.start)
    assert len(run.written) == 2
    assert all(ET.parse(path).getroot().tag == f"{SVG}svg" for path in run.written)
    (reason,) = run.left_out
    assert "broken.png" in reason
    assert "broken.png" in dialog._left_out.text()
    dialog.close()


def test_a_batch_is_stopped_and_keeps_what_is_written(user: User, tmp_path: Path) -> None:
    program = user.start()
    dialog = batch_dialog(user)
    dialog.set_folder(tmp_path)
    batch = program.controller.figures.batch
    # After the first image, as someone would who sees that it is the wrong form.
    batch.progressed.connect(lambda done, _count, _words: dialog.start() if done == 1 else None)
    run = run_of(user, dialog.start)
    assert run.fault == STOPPED
    assert 1 <= len(run.written) <= 2
    assert sorted(tmp_path.glob("*.png")) == sorted(run.written)
    assert not batch.running
    dialog.close()


def test_a_folder_that_cannot_be_written_ends_a_batch_at_once(user: User, tmp_path: Path) -> None:
    user.start()
    dialog = batch_dialog(user)
    dialog.set_folder(tmp_path / "nowhere")
    run = run_of(user, dialog.start)
    assert "the folder does not exist" in run.fault
    assert not run.written
    assert "the folder does not exist" in dialog.words
    dialog.close()


def test_another_model_ends_a_batch(user: User, tmp_path: Path) -> None:
    program = user.start()
    dialog = batch_dialog(user)
    dialog.set_folder(tmp_path)
    batch = program.controller.figures.batch
    actions = program.window.actions_by_id

    def open_other(done: int, *_: object) -> None:
        if done == 1:
            actions["demo_shortcut"].trigger()

    batch.progressed.connect(open_other)
    run = run_of(user, dialog.start)
    user.wait_explained()
    assert run.fault
    assert len(run.written) < len(SCENES)
    dialog.close()


def test_names_that_one_system_takes_for_one_are_told_apart(tmp_path: Path) -> None:
    from gui.jobs.figure_work import free_path, name_key

    taken = frozenset({name_key(tmp_path / "Caf\u00e9 layer4.png")})
    path = free_path(tmp_path, "cafe\u0301 LAYER4", ".png", taken)
    assert path.name == "cafe\u0301 LAYER4 2.png"


def test_forms_differ_only_in_what_was_changed(user: User) -> None:
    user.start()
    dialog = figure_dialog(user)
    form = dialog.form
    change(user, dialog, lambda: dialog.form_fields._columns.setValue(3))
    assert dialog.form == replace(form, columns=3)
    dialog.reject()

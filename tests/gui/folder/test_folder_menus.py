"""Tags, exports, the report and labels of the folder page, through its menus."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialogButtonBox, QFileDialog, QInputDialog, QMenu

from engine.version import VERSION
from gui.state.folders import RunState
from gui.widgets.folder.labels import LabelDialog
from tests.gui.folder.conftest import SHAPES, Reader
from tests.gui.texts import name_of
from tests.gui.user import child

CTRL = Qt.KeyboardModifier.ControlModifier
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def opened(user: Reader, scenes: Path, index: Path) -> Reader:
    """Three rows of a folder are selected."""
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    table = user.page.rows.table
    for place in (1, 2, 5):
        spot = table.visualRect(user.page.model.index(place, 1)).center()
        QTest.mouseClick(
            table.viewport(), LEFT, CTRL if place > 1 else Qt.KeyboardModifier(0), spot
        )
    return user


def choose(user: Reader, menu: QMenu, text: str) -> None:
    menu.aboutToShow.emit()
    action = next(one for one in menu.actions() if name_of(one).startswith(text))
    assert action.isEnabled()
    action.trigger()


def answer(user: Reader, path: Path) -> None:
    dialog = user.dialog(QFileDialog)
    dialog.fileSelected.emit(str(path))
    dialog.close()


def names(user: Reader, *places: int) -> list[str]:
    texts = user.texts("name")
    return [texts[place] for place in places]


def test_selected_rows_are_saved(opened: Reader, scenes: Path, tmp_path: Path) -> None:
    user, menu = opened, opened.page.head.menu
    wanted = names(user, 1, 2, 5)
    choose(user, menu, "Save 3 selected rows")
    answer(user, tmp_path / "rows.csv")
    user.until((tmp_path / "rows.csv").is_file)
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [str(scenes / name) for name in wanted]
    predictions = user.texts("prediction")
    assert [row["prediction"] for row in rows] == [predictions[n] for n in (1, 2, 5)]
    choose(user, menu, "Save list of 3 selected files")
    answer(user, tmp_path / "list.txt")
    user.until((tmp_path / "list.txt").is_file)
    lines = (tmp_path / "list.txt").read_text(encoding="utf-8").splitlines()
    assert lines == [str(scenes / name) for name in wanted]


def test_further_columns_of_a_table_are_shown_filtered_by_and_saved(
    user: Reader, scenes: Path, tmp_path: Path
) -> None:
    table = tmp_path / "some.csv"
    found = sorted(scenes.rglob("*.jpg"))[:4]
    lines = ["path,label,site,tags"]
    lines += [
        f"{one},{one.parent.name},{site},t{number}"
        for number, (one, site) in enumerate(zip(found, ("Köln", "Bonn", "Köln", ""), strict=True))
    ]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    user.start(model=SHAPES)
    user.open_folder(table)
    assert user.texts("more")[:2] == ["site: Köln, tags: t0", "site: Bonn, tags: t1"]
    field = user.page.filters.field
    field.setText("table: Köln")
    QTest.keyClick(field, Qt.Key.Key_Return)
    user.until(lambda: user.page.model.rowCount() == 2)
    user.program.controller.folders.set_order("more", down=True)
    user.until(lambda: user.program.controller.folders.listing.view.down)  # type: ignore[union-attr]
    user.wait_rows()
    # Of a path that begins as all others do, the end is shown.
    assert user.texts("name") == [str(Path("…", *found[n].parts[-2:])) for n in (2, 0)]
    choose(user, user.page.head.menu, "Save listed rows")
    answer(user, tmp_path / "rows.csv")
    user.until((tmp_path / "rows.csv").is_file)
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["site"], row["tags"], row["tags (input)"]) for row in rows] == [
        ("Köln", "", "t2"),
        ("Köln", "", "t0"),
    ]


def test_the_next_dialog_begins_where_something_was_saved(opened: Reader, tmp_path: Path) -> None:
    user, menu = opened, opened.page.head.menu
    goal = tmp_path / "goal"
    goal.mkdir()
    choose(user, menu, "Save 3 selected rows")
    dialog = user.dialog(QFileDialog)
    dialog.setDirectory(str(goal))
    dialog.selectFile("mine.csv")
    dialog.accept()
    user.until((goal / "mine.csv").is_file)
    choose(user, menu, "Save list of 3 selected files")
    assert Path(user.dialog(QFileDialog).directory().absolutePath()) == goal
    user.dialog(QFileDialog).close()


def test_selected_files_are_copied_and_none_is_overwritten(
    opened: Reader, scenes: Path, tmp_path: Path
) -> None:
    user, goal = opened, tmp_path / "goal"
    goal.mkdir()
    wanted = names(user, 1, 2, 5)
    for round in (1, 2):
        choose(user, user.page.head.menu, "Copy 3 selected files")
        answer(user, goal)
        user.until(lambda round=round: sum(p.is_file() for p in goal.rglob("*")) == 3 * round)
    for name in wanted:
        original = (scenes / name).read_bytes()
        assert (goal / name).read_bytes() == original
        again = goal / Path(name).with_name(f"{Path(name).stem} (2){Path(name).suffix}")
        assert again.read_bytes() == original


def test_tags_are_kept_and_filtered_by(opened: Reader) -> None:
    user = opened
    wanted = names(user, 1, 2, 5)
    user.program.handlers.folder_menus.tag()
    dialog = user.dialog(QInputDialog)
    dialog.setTextValue("check  again ")
    dialog.accept()
    user.until(lambda: user.texts("tags").count("check again") == 3)
    user.until(lambda: user.program.window.notice.text == "Tagged 3 images: check again.")
    user.program.handlers.folders._filter("tags: again")
    user.until(lambda: user.page.model.rowCount() == 3)
    user.wait_rows()
    assert user.texts("name") == wanted


def test_a_report_tells_numbers_and_mistakes(opened: Reader, tmp_path: Path) -> None:
    user = opened
    choose(user, user.page.head.menu, "Save report")
    answer(user, tmp_path / "report.html")
    user.until((tmp_path / "report.html").is_file)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    listing = user.program.controller.folders.listing
    assert listing is not None
    whole = listing.whole
    assert f"{whole.correct} of {whole.labelled}" in text
    assert "Mistakes, the most frequent first" in text
    assert "Mean map of" in text
    assert "Grad-CAM" in text
    # It is read by others: what runs on this machine and where is nobody's business.
    folder = user.program.controller.folders.folder
    assert folder is not None
    assert str(folder.parent) not in text
    assert VERSION in text


def test_a_label_is_matched_by_hand_for_good(user: Reader, tmp_path: Path) -> None:
    from tests.engine.folders.scenes import write_scenes

    folder = write_scenes(tmp_path / "odd", 8, kinds=("star", "ring"))
    (folder / "star").rename(folder / "Sternchen")
    user.start(model=SHAPES)
    user.open_folder(folder)
    window, folders = user.program.window, user.program.controller.folders
    assert "Sternchen" in window.status._labels.text()
    assert user.texts("correct").count("") == 4
    window.status._mend.click()
    dialog = user.dialog(LabelDialog)
    box = dialog.boxes["Sternchen"]
    box.setCurrentIndex(box.findText("star"))
    buttons = child(dialog, QDialogButtonBox)
    buttons.button(QDialogButtonBox.StandardButton.Ok).click()
    user.until(lambda: folders.runs.match is not None and not folders.runs.match.unmatched)
    user.until(lambda: folders.runs.state is RunState.DONE)
    user.until(lambda: "" not in user.texts("correct"))
    assert window.status._mend.isHidden()
    # It is known the next time, and nothing is computed again.
    folders.close_folder()
    with user.qtbot.waitSignal(folders.runs.found, timeout=60_000):
        folders.open_paths([folder])
    assert folders.runs.given == {"ring": 1, "Sternchen": 2}
    user.until(lambda: folders.listing is not None and folders.listing.whole.done == 8)
    assert folders.runs.match is not None
    assert not folders.runs.match.unmatched

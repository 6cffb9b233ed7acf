"""What is dropped on the window becomes a folder page where that is what it is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.records.sources import ModelSource
from gui.state.notices import AS_PAGE
from gui.widgets.canvas.drop_veil import DropVeil
from tests.gui.folder.conftest import SHAPES, Reader
from tests.gui.user import files


@pytest.fixture
def table(scenes: Path, tmp_path: Path) -> Path:
    """A table of seven scenes, with a label and a column more."""
    path = tmp_path / "some.csv"
    found = sorted(scenes.rglob("*.jpg"))[:7]
    lines = ["path,label,site", *(f"{one},{one.parent.name},north" for one in found)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def listed(scenes: Path, tmp_path: Path) -> Path:
    """A list of five scenes, relative to its own folder."""
    path = scenes.parent / f"{tmp_path.name}.txt"
    found = sorted(scenes.rglob("*.jpg"))[:5]
    path.write_text("\n".join(str(one.relative_to(scenes.parent)) for one in found), "utf-8")
    return path


def veil(user: Reader) -> list[str]:
    return [one.words for one in user.page.findChildren(DropVeil) if one.isVisible()]


@pytest.mark.parametrize(("kind", "count"), [("table", 7), ("listed", 5)])
def test_a_table_or_list_of_images_opens_as_a_page(
    user: Reader, request: pytest.FixtureRequest, kind: str, count: int
) -> None:
    path: Path = request.getfixturevalue(kind)
    user.start(model=SHAPES)
    assert user.drop(files(path)) == f"Open the images in {path.name} as a folder page"
    user.until(lambda: user.program.window.folder is not None)
    user.wait_done()
    assert user.page.isVisible()
    assert user.page.model.rowCount() == count
    # The demo scenes are still there, and nothing was taken for class names.
    assert user.program.window.notice.kind not in ("error", "warning")


def test_class_names_are_still_class_names(user: Reader, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("\n".join("abcdefgh"), encoding="utf-8")
    user.start(model=SHAPES)
    assert user.drop(files(names)) == "Load the class names in names.txt"
    user.until(lambda: (info := user.program.state.info) is not None and info.classes[0] == "a")
    assert user.program.window.folder is None


def test_on_the_page_a_folder_becomes_the_page(
    user: Reader, scenes: Path, index: Path, table: Path
) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    opened, window = user.names, user.program.window
    user.drop(files(scenes / "star"), on=window)
    user.until(lambda: user.page.model.rowCount() == 9)
    assert user.program.controller.folders.title == "star"
    user.drop(files(scenes / "star", scenes / "ring"), on=window)
    user.until(lambda: user.program.controller.folders.title == "star and 1 more")
    user.drop(files(table), on=window)
    user.until(lambda: user.page.model.rowCount() == 7)
    user.wait_done()
    assert user.page.isVisible()
    # No image was opened on the other page for it.
    assert user.names == opened


def test_the_page_says_what_a_drop_would_do(user: Reader, scenes: Path, index: Path) -> None:
    from PySide6.QtCore import QEvent, QPoint, Qt
    from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent
    from PySide6.QtWidgets import QApplication

    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    window, mime = user.program.window, files(scenes)
    enter = QDragEnterEvent(
        QPoint(300, 300),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    assert veil(user) == [f"Open {scenes.name} as a folder page"]
    QApplication.sendEvent(window, QDragLeaveEvent())
    assert veil(user) == []
    assert enter.type() == QEvent.Type.DragEnter
    # A field would take the file's address for text, and keep the drop from the window.
    assert not user.page.filters.field.acceptDrops()


def test_on_the_page_an_image_is_opened_and_shown(user: Reader, scenes: Path, index: Path) -> None:
    user.start(model=SHAPES)
    user.open_explained(scenes, index)
    image = next((scenes / "cross").glob("*.jpg"))
    user.drop(files(image), on=user.program.window)
    user.until(lambda: image.name in user.names)
    user.until(lambda: user.program.controller.folders.page == "picture")
    assert not user.page.isVisible()
    assert user.program.state.current is not None
    assert user.program.state.current.path == image


def test_the_offer_of_a_page_outlives_the_model_that_is_opened_for_it(
    user: Reader, scenes: Path
) -> None:
    # Nobody has chosen a model: the one for photographs is opened, with a hint of its own.
    user.start()
    user.drop(files(scenes))
    user.until(lambda: len(user.names) >= 64)
    user.until(
        lambda: (
            (source := user.program.state.model_source) is not None and source.spec == "demo:photos"
        )
    )
    user.settle()
    assert user.program.window.notice._action[0] == AS_PAGE


def test_hints_about_the_picture_wait_for_its_page(user: Reader, scenes: Path, index: Path) -> None:
    user.start(model=SHAPES)
    user.drop(files(next((scenes / "cross").glob("*.jpg"))))
    user.until(lambda: len(user.names) == 1)
    notice = user.program.window.notice
    user.until(lambda: "eight drawn shapes" in notice.text)
    user.open_explained(scenes, index)
    assert notice.text == ""
    user.program.controller.models.open(ModelSource("demo:shortcut"))
    user.until(lambda: user.program.state.model_source == ModelSource("demo:shortcut"))
    user.wait_explained()
    assert notice.text == ""
    user.program.controller.folders.turn("picture")
    assert "eight drawn shapes" in notice.text

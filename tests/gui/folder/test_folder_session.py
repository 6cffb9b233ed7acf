"""The folder page is a part of the session: what is listed, and how, is there again."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from engine.folders.index.typed import typed
from engine.keeping import files
from gui.settings import table
from gui.state.folders import Filter
from tests.gui.folder.conftest import SHAPES, Reader
from tests.gui.user import files as dropped


def looked_at(user: Reader, folder: Path, index: Path) -> None:
    """Wrong rows, the largest loss first, with the mean map beside them."""
    user.start(model=SHAPES)
    user.open_explained(folder, index)
    folders = user.program.controller.folders
    folders.add_filter(Filter("wrong", (typed("wrong"),)))
    folders.set_order("loss", down=True)
    page = user.page
    page.side.kinds.setCurrentIndex(3)
    page.side.kinds.activated.emit(3)
    user.until(lambda: 0 < page.model.rowCount() < 64)
    user.wait_rows()


def check_again(user: Reader, rows: list[int]) -> None:
    user.until(lambda: user.program.window.folder is not None)
    folders = user.program.controller.folders
    user.until(lambda: user.page.model.numbers.tolist() == rows)
    assert user.page.isVisible()
    assert user.page.filters.chips() == ("wrong",)
    assert (folders.view.order, folders.view.down) == ("loss", True)
    assert user.page.side.kind == "mean"
    user.until(lambda: user.page.side.mean.picture.is_filled)


def forget(user: Reader) -> None:
    """As on another computer: what the settings know of the folder and of the chart is gone."""
    user.program.settings.set(table.FOLDER_VIEWS, ())
    user.program.settings.set(table.FOLDER_CHART, "confusion")


def test_it_is_saved_and_opened_again(
    user: Reader, scenes: Path, index: Path, tmp_path: Path
) -> None:
    looked_at(user, scenes, index)
    rows, sessions = user.page.model.numbers.tolist(), user.program.controller.sessions
    path = tmp_path / "own.hookscope"
    with user.qtbot.waitSignal(sessions.saved):
        sessions.save(path)
    kept = files.read(path).folder
    assert kept is not None
    assert kept.paths == (str(scenes),)
    user.until(lambda: not user.program.window.isWindowModified())
    user.program.controller.folders.turn("picture")
    with user.qtbot.waitSignal(sessions.settled):
        sessions.note_change()
    assert not user.program.window.isWindowModified()
    user.program.controller.folders.set_order("margin", down=False)
    user.until(user.program.window.isWindowModified)
    user.program.controller.folders.close_folder()
    forget(user)
    user.leave()
    user.store.with_suffix(".open.hookscope").unlink()

    user.start()
    assert user.program.window.folder is None
    assert user.drop(dropped(path)) == "Open the session own.hookscope"
    check_again(user, rows)
    with user.qtbot.waitSignal(user.program.controller.sessions.settled):
        user.program.controller.sessions.note_change()
    assert not user.program.window.isWindowModified()


def test_the_next_start_shows_it(user: Reader, scenes: Path, index: Path) -> None:
    looked_at(user, scenes, index)
    rows = user.page.model.numbers.tolist()
    with user.qtbot.waitSignal(user.program.controller.sessions.settled):
        user.program.controller.sessions.note_change()
    user.leave()
    user.start()
    check_again(user, rows)
    user.program.controller.folders.close_folder()
    with user.qtbot.waitSignal(user.program.controller.sessions.settled):
        user.program.controller.sessions.note_change()
    user.leave()
    user.start()
    assert user.program.window.folder is None


def chosen_by_hand(user: Reader, folder: Path, index: Path) -> tuple[list[int], list[int]]:
    """A lasso round some rows, of which some are selected: the numbers of both."""
    user.start(model=SHAPES)
    user.open_explained(folder, index)
    page = user.page
    listed = page.model.numbers[[3, 4, 5, 9, 20, 21]]
    page.side.scatter.lassoed.emit(listed)
    user.until(lambda: page.model.numbers.tolist() == listed.tolist())
    page.rows.select_numbers(listed[[1, 2, 4]], None)
    return listed.tolist(), listed[[1, 2, 4]].tolist()


def save_now(user: Reader) -> None:
    with user.qtbot.waitSignal(user.program.controller.sessions.settled):
        user.program.controller.sessions.note_change()


def test_a_lasso_and_the_selected_rows_are_there_again(
    user: Reader, scenes: Path, index: Path, tmp_path: Path
) -> None:
    listed, selected = chosen_by_hand(user, scenes, index)
    path, sessions = tmp_path / "own.hookscope", user.program.controller.sessions
    with user.qtbot.waitSignal(sessions.saved):
        sessions.save(path)
    user.until(lambda: not user.program.window.isWindowModified())
    # What is selected is no change that would have to be saved.
    user.page.rows.select_numbers(user.page.model.numbers[:2], None)
    save_now(user)
    assert not user.program.window.isWindowModified()
    user.page.filters.cleared.emit()
    user.until(user.program.window.isWindowModified)
    user.leave()
    user.store.with_suffix(".open.hookscope").unlink()

    user.start()
    user.drop(dropped(path))
    user.until(lambda: user.program.window.folder is not None)
    user.until(lambda: user.page.model.numbers.tolist() == listed)
    assert user.page.filters.chips() == ("lasso: 6 images",)
    user.until(lambda: user.page.rows.selected_numbers().tolist() == selected)
    save_now(user)
    assert not user.program.window.isWindowModified()


def the_next_start_has(user: Reader, listed: list[int], selected: list[int]) -> None:
    save_now(user)
    user.leave()
    user.start()
    user.until(lambda: user.program.window.folder is not None)
    user.until(lambda: user.page.model.numbers.tolist() == listed)
    user.until(lambda: user.page.rows.selected_numbers().tolist() == selected)


def test_the_next_start_has_them_as_well(user: Reader, scenes: Path, index: Path) -> None:
    listed, selected = chosen_by_hand(user, scenes, index)
    the_next_start_has(user, listed, selected)


def test_they_are_kept_for_an_index_that_had_no_identity(
    user: Reader, scenes: Path, index: Path, tmp_path: Path
) -> None:
    """As an earlier version of the program wrote it."""
    old = Path(shutil.copytree(index, tmp_path / "old"))
    with closing(sqlite3.connect(old / "index.sqlite")) as connection:
        connection.execute("DELETE FROM meta")
        connection.commit()
    listed, selected = chosen_by_hand(user, scenes, old)
    the_next_start_has(user, listed, selected)


def test_numbers_of_another_index_are_left_out(
    user: Reader, scenes: Path, index: Path, tmp_path: Path
) -> None:
    chosen_by_hand(user, scenes, index)
    path, sessions = tmp_path / "own.hookscope", user.program.controller.sessions
    with user.qtbot.waitSignal(sessions.saved):
        sessions.save(path)
    folder = user.program.controller.folders.folder
    assert folder is not None
    user.leave()
    user.store.with_suffix(".open.hookscope").unlink()
    shutil.rmtree(folder)

    user.start()
    user.drop(dropped(path))
    user.until(lambda: user.program.window.folder is not None)
    user.wait_done()
    assert user.page.model.rowCount() == 65
    assert user.page.filters.chips() == ()


def test_nothing_but_a_folder(user: Reader, index: Path) -> None:
    """An index that the start was given, and no image beside it."""
    user.start(index, model=SHAPES, explained=False)
    user.until(lambda: user.program.window.folder is not None)
    user.until(lambda: user.page.model.rowCount() == 65)
    assert user.program.state.images == {}
    with user.qtbot.waitSignal(user.program.controller.sessions.settled):
        user.program.controller.sessions.note_change()
    user.leave()
    user.start(explained=False)
    user.until(lambda: user.program.window.folder is not None)
    user.until(lambda: user.page.model.rowCount() == 65)
    assert user.page.isVisible()
    assert user.program.state.images == {}
    user.until(lambda: user.program.state.info is not None)
    assert user.program.state.model_source == SHAPES.source


def test_a_folder_that_is_gone_is_left_out_and_named(
    user: Reader, scenes: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(scenes / "ring", tmp_path / "mine"))
    user.start(model=SHAPES)
    user.open_folder(folder)
    sessions = user.program.controller.sessions
    path = tmp_path / "own.hookscope"
    with user.qtbot.waitSignal(sessions.saved):
        sessions.save(path)
    user.leave()
    user.store.with_suffix(".open.hookscope").unlink()
    shutil.rmtree(folder)
    user.start()
    told: list[str] = []
    user.program.state.noticed.connect(lambda own: told.append(own.text))
    user.drop(dropped(path))
    user.until(lambda: any("mine is not there, so its page is left out" in own for own in told))
    assert user.program.window.folder is None

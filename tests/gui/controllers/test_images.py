"""The opened images: found, read, selected, closed. No engine, no window."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QObject, QSettings
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from engine.formats.demo import SCENES
from engine.records.sources import ModelSource
from gui.controllers import images as module
from gui.controllers.images import Images
from gui.jobs.lanes import Job, Lane
from gui.settings import RECENT_IMAGES, Settings
from gui.state.state import Notice, NoticeKind, State

WAIT_MS = 20_000


class Desk:
    """Images with a lane, a state and settings of their own, and what they said."""

    def __init__(self, qtbot: QtBot, folder: Path) -> None:
        self.qtbot = qtbot
        self.owner = QObject()
        self.lane = Lane("files", self.owner)
        self.state = State(self.owner)
        store = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
        self.settings = Settings(store, self.owner)
        self.images = Images(self.state, self.settings, self.lane, self.owner)
        self.thumbnails: dict[str, QImage] = {}
        self.ready: list[str] = []
        self.left: list[str | None] = []
        self.models: list[ModelSource] = []
        self.notices: list[Notice] = []
        self.titles: list[str] = []
        self.gate = threading.Event()
        self.images.thumbnail_ready.connect(self.thumbnails.__setitem__)
        self.images.ready.connect(lambda: self.ready.append(self.name))
        self.images.leaving.connect(lambda: self.left.append(self.state.current_key))
        self.images.model_found.connect(self.models.append)
        self.state.noticed.connect(self.notices.append)
        self.lane.busy_changed.connect(
            lambda job: self.titles.append(job.title) if job is not None else None
        )

    @property
    def name(self) -> str:
        return self.state.current.name if self.state.current is not None else ""

    @property
    def names(self) -> list[str]:
        return [image.name for image in self.state.images.values()]

    def until(self, met: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(met, timeout=WAIT_MS)

    def open(self, *paths: Path) -> None:
        """Open and wait until all is read."""
        with self.qtbot.waitSignal(self.lane.idle, timeout=WAIT_MS):
            self.images.open_paths(paths)

    def settle(self) -> None:
        self.until(lambda: self.lane.running is None)

    def hold(self) -> None:
        """The lane does nothing until the gate is opened."""
        begun = threading.Event()
        self.lane.submit(Job("held", lambda _: (begun.set(), self.gate.wait(WAIT_MS / 1000))))
        assert begun.wait(WAIT_MS / 1000)

    def close(self) -> None:
        self.gate.set()
        self.lane.close()
        self.owner.deleteLater()


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(qtbot, tmp_path)
    yield desk
    desk.close()


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "pictures" / name for name in ("a.png", "b.png", "c.png")]
    paths[0].parent.mkdir()
    for path, color in zip(paths, ("red", "green", "blue"), strict=True):
        Image.new("RGB", (40, 30), color).save(path)
    return paths


def test_the_scenes_are_there_at_once_and_the_first_is_read(desk: Desk) -> None:
    desk.images.open_scenes()
    assert desk.names == [scene.title for scene in SCENES]
    assert desk.name == SCENES[0].title
    desk.settle()
    assert desk.ready == [SCENES[0].title]
    assert set(desk.thumbnails) == set(desk.state.images)


def test_the_scenes_are_opened_once(desk: Desk) -> None:
    desk.images.open_scenes()
    desk.images.open_scenes()
    assert len(desk.state.images) == len(SCENES)
    desk.settle()


def test_files_are_added_in_order_and_the_first_is_selected(
    desk: Desk, pictures: list[Path]
) -> None:
    desk.open(*pictures)
    assert desk.names == ["a.png", "b.png", "c.png"]
    assert desk.name == "a.png"
    assert desk.ready == ["a.png"]
    current = desk.state.current
    assert current is not None
    assert current.picture is not None
    assert not current.error


def test_a_file_that_is_open_is_selected_not_added(desk: Desk, pictures: list[Path]) -> None:
    desk.open(*pictures)
    desk.open(pictures[1])
    assert len(desk.state.images) == 3
    assert desk.name == "b.png"


def test_opened_files_are_remembered_the_first_first(desk: Desk, pictures: list[Path]) -> None:
    desk.open(*pictures)
    assert desk.settings.get(RECENT_IMAGES) == tuple(str(path) for path in pictures)


def test_a_file_that_is_not_there_is_shown_and_not_remembered(
    desk: Desk, pictures: list[Path], tmp_path: Path
) -> None:
    desk.open(tmp_path / "nofile.png", pictures[0])
    assert desk.names == ["nofile.png", "a.png"]
    desk.until(lambda: bool(desk.state.current and desk.state.current.error))
    assert desk.settings.get(RECENT_IMAGES) == (str(pictures[0]),)
    desk.open(tmp_path / "nofile.png")
    assert desk.settings.get(RECENT_IMAGES) == (str(pictures[0]),)


def test_going_back_does_not_read_again(desk: Desk, pictures: list[Path]) -> None:
    desk.open(*pictures)
    first, second = list(desk.state.images)[:2]
    desk.images.select(second)
    desk.settle()
    desk.titles.clear()
    desk.images.select(first)
    assert desk.ready == ["a.png", "b.png", "a.png"]
    assert desk.titles == []


def test_leaving_comes_before_the_news_of_the_next(desk: Desk, pictures: list[Path]) -> None:
    desk.open(*pictures)
    order: list[str] = []
    desk.images.leaving.connect(lambda: order.append("leaving"))
    desk.state.current_changed.connect(lambda: order.append("current"))
    desk.images.ready.connect(lambda: order.append("ready"))
    desk.images.step(1)
    desk.settle()
    assert order == ["leaving", "current", "ready"]


def test_stepping_stops_at_the_ends(desk: Desk, pictures: list[Path]) -> None:
    desk.open(*pictures)
    seen = []
    for by in (1, 1, 1, -1, -1, -1):
        desk.images.step(by)
        seen.append(desk.name)
    assert seen == ["b.png", "c.png", "c.png", "b.png", "a.png", "a.png"]
    desk.settle()


def test_stepping_with_nothing_open_does_nothing(desk: Desk) -> None:
    desk.images.step(1)
    assert desk.state.current_key is None


def test_running_through_images_reads_only_the_last(desk: Desk, pictures: list[Path]) -> None:
    desk.open(*pictures)
    desk.hold()
    desk.ready.clear()
    desk.images.step(1)
    desk.images.step(1)
    desk.gate.set()
    desk.settle()
    assert desk.ready == ["c.png"]
    assert list(desk.state.images.values())[1].loaded is None
    assert "Opening b.png" not in desk.titles


def test_what_is_asked_for_goes_before_waiting_thumbnails(desk: Desk, pictures: list[Path]) -> None:
    desk.hold()
    desk.images.open_scenes()
    desk.images.open_paths(pictures)
    desk.titles.clear()
    desk.gate.set()
    desk.until(lambda: desk.name == "a.png" and bool(desk.ready))
    assert "Reading thumbnails" not in desk.titles[: desk.titles.index("Looking for images")]
    desk.settle()


def test_an_image_closed_while_it_is_read_does_not_come_back(
    desk: Desk, pictures: list[Path]
) -> None:
    desk.open(*pictures)
    desk.hold()
    desk.images.step(1)
    key = desk.state.current_key
    assert key is not None
    desk.images.close(key)
    desk.gate.set()
    desk.settle()
    assert key not in desk.state.images
    assert desk.name == "c.png"
    assert desk.ready[-1] == "c.png"


@pytest.mark.parametrize(("closed", "then"), [(0, "b.png"), (1, "c.png"), (2, "b.png")])
def test_closing_the_current_image_selects_its_neighbour(
    desk: Desk, pictures: list[Path], closed: int, then: str
) -> None:
    desk.open(*pictures)
    desk.images.step(closed)
    desk.settle()
    key = desk.state.current_key
    assert key is not None
    desk.images.close(key)
    assert desk.name == then
    desk.settle()


def test_closing_another_image_changes_nothing_else(desk: Desk, pictures: list[Path]) -> None:
    desk.open(*pictures)
    desk.left.clear()
    desk.images.close(list(desk.state.images)[2])
    assert desk.name == "a.png"
    assert desk.left == []


def test_closing_the_last_leaves_none(desk: Desk, pictures: list[Path]) -> None:
    desk.open(pictures[0])
    key = desk.state.current_key
    assert key is not None
    desk.images.close(key)
    desk.images.close(key)
    assert desk.state.current_key is None
    assert desk.left[-1] is None


def test_a_file_that_is_no_image_says_so_at_its_place(desk: Desk, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("words")
    desk.open(bad)
    current = desk.state.current
    assert current is not None
    assert "bad.png" in current.error
    assert current.loaded is None
    assert not desk.state.computing
    assert desk.ready == []


def test_a_file_that_is_mended_is_read_when_selected_again(
    desk: Desk, tmp_path: Path, pictures: list[Path]
) -> None:
    bad = tmp_path / "bad.png"
    desk.open(bad, pictures[0])
    desk.images.step(1)
    desk.settle()
    Image.new("RGB", (4, 4)).save(bad)
    desk.images.step(-1)
    desk.settle()
    assert desk.state.current is not None
    assert desk.state.current.error == ""
    assert desk.ready[-1] == "bad.png"


def test_pasted_bytes_and_pasted_pixels_are_images_without_a_file(desk: Desk) -> None:
    data = io.BytesIO()
    Image.new("RGB", (6, 4), "teal").save(data, "PNG")
    desk.images.open_bytes(data.getvalue(), "from a browser")
    desk.settle()
    pixels = QImage(5, 3, QImage.Format.Format_RGB32)
    pixels.fill(QColor("red"))
    desk.images.open_qimage(pixels, "pasted")
    desk.settle()
    assert desk.ready == ["from a browser", "pasted"]
    assert desk.settings.get(RECENT_IMAGES) == ()
    assert set(desk.thumbnails) == set(desk.state.images)


def test_pasted_nonsense_is_told(desk: Desk) -> None:
    desk.images.open_bytes(b"nonsense", "from a browser")
    desk.settle()
    (notice,) = desk.notices
    assert notice.kind == NoticeKind.ERROR
    assert "from a browser" in notice.text
    assert not desk.state.images


def test_a_model_is_passed_on(desk: Desk, tmp_path: Path) -> None:
    desk.open(tmp_path / "net.pth")
    assert desk.models == [ModelSource(str(tmp_path / "net.pth"))]
    assert not desk.state.images


def test_an_empty_folder_is_told(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    desk.open(tmp_path / "empty")
    (notice,) = desk.notices
    assert notice == Notice(NoticeKind.WARNING, "No images in empty")


def test_old_pictures_are_forgotten_and_read_again(
    desk: Desk, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # RGB, and a pyramid of 32-bit pictures, of at most a third more than its lowest level.
    one = 40 * 30 * (3 + 4 * 4 / 3)
    monkeypatch.setattr(module, "_KEEP_BYTES", one)
    desk.open(*pictures)
    for by in (1, 1):
        desk.images.step(by)
        desk.settle()
    kept = [image.name for image in desk.state.images.values() if image.loaded is not None]
    assert kept == ["b.png", "c.png"]
    desk.images.step(-2)
    desk.settle()
    assert desk.ready[-1] == "a.png"
    assert desk.state.current is not None
    assert desk.state.current.picture is not None


def test_a_pasted_picture_is_never_forgotten(
    desk: Desk, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KEEP_BYTES", 0)
    pixels = QImage(5, 3, QImage.Format.Format_RGB32)
    pixels.fill(QColor("red"))
    desk.images.open_qimage(pixels, "pasted")
    desk.settle()
    desk.open(*pictures)
    desk.images.step(1)
    desk.settle()
    assert next(iter(desk.state.images.values())).loaded is not None

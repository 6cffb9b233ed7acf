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


class OpenFiles:
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
def opened(qtbot: QtBot, tmp_path: Path) -> Iterator[OpenFiles]:
    opened = OpenFiles(qtbot, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "pictures" / name for name in ("a.png", "b.png", "c.png")]
    paths[0].parent.mkdir()
    for path, color in zip(paths, ("red", "green", "blue"), strict=True):
        Image.new("RGB", (40, 30), color).save(path)
    return paths


def test_the_scenes_are_there_at_once_and_the_first_is_read(opened: OpenFiles) -> None:
    opened.images.open_scenes()
    assert opened.names == [scene.title for scene in SCENES]
    assert opened.name == SCENES[0].title
    opened.settle()
    assert opened.ready == [SCENES[0].title]
    assert set(opened.thumbnails) == set(opened.state.images)


def test_the_scenes_are_opened_once(opened: OpenFiles) -> None:
    opened.images.open_scenes()
    opened.images.open_scenes()
    assert len(opened.state.images) == len(SCENES)
    opened.settle()


def test_files_are_added_in_order_and_the_first_is_selected(
    opened: OpenFiles, pictures: list[Path]
) -> None:
    opened.open(*pictures)
    assert opened.names == ["a.png", "b.png", "c.png"]
    assert opened.name == "a.png"
    assert opened.ready == ["a.png"]
    current = opened.state.current
    assert current is not None
    assert current.picture is not None
    assert not current.error


def test_a_file_that_is_open_is_selected_not_added(opened: OpenFiles, pictures: list[Path]) -> None:
    opened.open(*pictures)
    opened.open(pictures[1])
    assert len(opened.state.images) == 3
    assert opened.name == "b.png"


def test_opened_files_are_remembered_the_first_first(
    opened: OpenFiles, pictures: list[Path]
) -> None:
    opened.open(*pictures)
    assert opened.settings.get(RECENT_IMAGES) == tuple(str(path) for path in pictures)


def test_a_file_that_is_not_there_is_shown_and_not_remembered(
    opened: OpenFiles, pictures: list[Path], tmp_path: Path
) -> None:
    opened.open(tmp_path / "nofile.png", pictures[0])
    assert opened.names == ["nofile.png", "a.png"]
    opened.until(lambda: bool(opened.state.current and opened.state.current.error))
    assert opened.settings.get(RECENT_IMAGES) == (str(pictures[0]),)
    opened.open(tmp_path / "nofile.png")
    assert opened.settings.get(RECENT_IMAGES) == (str(pictures[0]),)


def test_going_back_does_not_read_again(opened: OpenFiles, pictures: list[Path]) -> None:
    opened.open(*pictures)
    first, second = list(opened.state.images)[:2]
    opened.images.select(second)
    opened.settle()
    opened.titles.clear()
    opened.images.select(first)
    assert opened.ready == ["a.png", "b.png", "a.png"]
    assert opened.titles == []


def test_leaving_comes_before_the_news_of_the_next(opened: OpenFiles, pictures: list[Path]) -> None:
    opened.open(*pictures)
    order: list[str] = []
    opened.images.leaving.connect(lambda: order.append("leaving"))
    opened.state.current_changed.connect(lambda: order.append("current"))
    opened.images.ready.connect(lambda: order.append("ready"))
    opened.images.step(1)
    opened.settle()
    assert order == ["leaving", "current", "ready"]


def test_stepping_stops_at_the_ends(opened: OpenFiles, pictures: list[Path]) -> None:
    opened.open(*pictures)
    seen = []
    for by in (1, 1, 1, -1, -1, -1):
        opened.images.step(by)
        seen.append(opened.name)
    assert seen == ["b.png", "c.png", "c.png", "b.png", "a.png", "a.png"]
    opened.settle()


def test_stepping_with_nothing_open_does_nothing(opened: OpenFiles) -> None:
    opened.images.step(1)
    assert opened.state.current_key is None


def test_running_through_images_reads_only_the_last(
    opened: OpenFiles, pictures: list[Path]
) -> None:
    opened.open(*pictures)
    opened.hold()
    opened.ready.clear()
    opened.images.step(1)
    opened.images.step(1)
    opened.gate.set()
    opened.settle()
    assert opened.ready == ["c.png"]
    assert list(opened.state.images.values())[1].loaded is None
    assert "Opening b.png" not in opened.titles


def test_what_is_asked_for_goes_before_waiting_thumbnails(
    opened: OpenFiles, pictures: list[Path]
) -> None:
    opened.hold()
    opened.images.open_scenes()
    opened.images.open_paths(pictures)
    opened.titles.clear()
    opened.gate.set()
    opened.until(lambda: opened.name == "a.png" and bool(opened.ready))
    assert "Reading thumbnails" not in opened.titles[: opened.titles.index("Looking for images")]
    opened.settle()


def test_an_image_closed_while_it_is_read_does_not_come_back(
    opened: OpenFiles, pictures: list[Path]
) -> None:
    opened.open(*pictures)
    opened.hold()
    opened.images.step(1)
    key = opened.state.current_key
    assert key is not None
    opened.images.close(key)
    opened.gate.set()
    opened.settle()
    assert key not in opened.state.images
    assert opened.name == "c.png"
    assert opened.ready[-1] == "c.png"


@pytest.mark.parametrize(("closed", "then"), [(0, "b.png"), (1, "c.png"), (2, "b.png")])
def test_closing_the_current_image_selects_its_neighbour(
    opened: OpenFiles, pictures: list[Path], closed: int, then: str
) -> None:
    opened.open(*pictures)
    opened.images.step(closed)
    opened.settle()
    key = opened.state.current_key
    assert key is not None
    opened.images.close(key)
    assert opened.name == then
    opened.settle()


def test_closing_another_image_changes_nothing_else(
    opened: OpenFiles, pictures: list[Path]
) -> None:
    opened.open(*pictures)
    opened.left.clear()
    opened.images.close(list(opened.state.images)[2])
    assert opened.name == "a.png"
    assert opened.left == []


def test_closing_the_last_leaves_none(opened: OpenFiles, pictures: list[Path]) -> None:
    opened.open(pictures[0])
    key = opened.state.current_key
    assert key is not None
    opened.images.close(key)
    opened.images.close(key)
    assert opened.state.current_key is None
    assert opened.left[-1] is None


def test_a_file_that_is_no_image_says_so_at_its_place(opened: OpenFiles, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("words")
    opened.open(bad)
    current = opened.state.current
    assert current is not None
    assert "bad.png" in current.error
    assert current.loaded is None
    assert not opened.state.computing
    assert opened.ready == []


def test_a_file_that_is_mended_is_read_when_selected_again(
    opened: OpenFiles, tmp_path: Path, pictures: list[Path]
) -> None:
    bad = tmp_path / "bad.png"
    opened.open(bad, pictures[0])
    opened.images.step(1)
    opened.settle()
    Image.new("RGB", (4, 4)).save(bad)
    opened.images.step(-1)
    opened.settle()
    assert opened.state.current is not None
    assert opened.state.current.error == ""
    assert opened.ready[-1] == "bad.png"


def test_pasted_bytes_and_pasted_pixels_are_images_without_a_file(opened: OpenFiles) -> None:
    data = io.BytesIO()
    Image.new("RGB", (6, 4), "teal").save(data, "PNG")
    opened.images.open_bytes(data.getvalue(), "from a browser")
    opened.settle()
    pixels = QImage(5, 3, QImage.Format.Format_RGB32)
    pixels.fill(QColor("red"))
    opened.images.open_qimage(pixels, "pasted")
    opened.settle()
    assert opened.ready == ["from a browser", "pasted"]
    assert opened.settings.get(RECENT_IMAGES) == ()
    assert set(opened.thumbnails) == set(opened.state.images)


def test_pasted_nonsense_is_told(opened: OpenFiles) -> None:
    opened.images.open_bytes(b"nonsense", "from a browser")
    opened.settle()
    (notice,) = opened.notices
    assert notice.kind == NoticeKind.ERROR
    assert "from a browser" in notice.text
    assert not opened.state.images


def test_a_model_is_passed_on(opened: OpenFiles, tmp_path: Path) -> None:
    opened.open(tmp_path / "net.pth")
    assert opened.models == [ModelSource(str(tmp_path / "net.pth"))]
    assert not opened.state.images


def test_an_empty_folder_is_told(opened: OpenFiles, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    opened.open(tmp_path / "empty")
    (notice,) = opened.notices
    assert notice == Notice(NoticeKind.WARNING, "No images in empty")


def test_old_pictures_are_forgotten_and_read_again(
    opened: OpenFiles, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # RGB, and a pyramid of 32-bit pictures, of at most a third more than its lowest level.
    one = 40 * 30 * (3 + 4 * 4 / 3)
    monkeypatch.setattr(module, "_KEEP_BYTES", one)
    opened.open(*pictures)
    for by in (1, 1):
        opened.images.step(by)
        opened.settle()
    kept = [image.name for image in opened.state.images.values() if image.loaded is not None]
    assert kept == ["b.png", "c.png"]
    opened.images.step(-2)
    opened.settle()
    assert opened.ready[-1] == "a.png"
    assert opened.state.current is not None
    assert opened.state.current.picture is not None


def test_a_pasted_picture_is_never_forgotten(
    opened: OpenFiles, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KEEP_BYTES", 0)
    pixels = QImage(5, 3, QImage.Format.Format_RGB32)
    pixels.fill(QColor("red"))
    opened.images.open_qimage(pixels, "pasted")
    opened.settle()
    opened.open(*pictures)
    opened.images.step(1)
    opened.settle()
    assert next(iter(opened.state.images.values())).loaded is not None

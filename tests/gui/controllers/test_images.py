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
from gui.controllers.images import Images
from gui.controllers.strip import reading as module
from gui.controllers.undo.history import History
from gui.jobs.lanes import Job, Lane
from gui.settings.store import Settings
from gui.settings.table import RECENT_IMAGES
from gui.state.notices import Notice, NoticeKind
from gui.state.state import State

WAIT_MS = 20_000


class Bench:
    """Images with a lane, a state and settings of their own, and what they said."""

    def __init__(self, qtbot: QtBot, folder: Path) -> None:
        self.qtbot = qtbot
        self.owner = QObject()
        self.lane = Lane("files", self.owner)
        self.state = State(self.owner)
        store = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
        self.settings = Settings(store, self.owner)
        self.images = Images(self.state, self.settings, self.lane, History(self.owner), self.owner)
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
        self.images.finder.model_found.connect(self.models.append)
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
        self.until(begun.is_set)

    def close(self) -> None:
        self.gate.set()
        self.lane.close()
        self.owner.deleteLater()


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(qtbot, tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "pictures" / name for name in ("a.png", "b.png", "c.png")]
    paths[0].parent.mkdir()
    for path, color in zip(paths, ("red", "green", "blue"), strict=True):
        Image.new("RGB", (40, 30), color).save(path)
    return paths


def test_the_scenes_are_there_at_once_and_the_first_is_read(bench: Bench) -> None:
    bench.images.open_scenes()
    assert bench.names == [scene.title for scene in SCENES]
    assert bench.name == SCENES[0].title
    bench.settle()
    assert bench.ready == [SCENES[0].title]
    assert set(bench.thumbnails) == set(bench.state.images)


def test_the_scenes_are_opened_once(bench: Bench) -> None:
    bench.images.open_scenes()
    bench.images.open_scenes()
    assert len(bench.state.images) == len(SCENES)
    bench.settle()


def test_files_are_added_in_order_and_the_first_is_selected(
    bench: Bench, pictures: list[Path]
) -> None:
    bench.open(*pictures)
    assert bench.names == ["a.png", "b.png", "c.png"]
    assert bench.name == "a.png"
    assert bench.ready == ["a.png"]
    current = bench.state.current
    assert current is not None
    assert current.picture is not None
    assert not current.error


def test_a_file_that_is_open_is_selected_not_added(bench: Bench, pictures: list[Path]) -> None:
    bench.open(*pictures)
    bench.open(pictures[1])
    assert len(bench.state.images) == 3
    assert bench.name == "b.png"


def test_opened_files_are_remembered_the_first_first(bench: Bench, pictures: list[Path]) -> None:
    bench.open(*pictures)
    assert bench.settings.get(RECENT_IMAGES) == tuple(str(path) for path in pictures)


def test_a_file_that_is_not_there_is_shown_and_not_remembered(
    bench: Bench, pictures: list[Path], tmp_path: Path
) -> None:
    bench.open(tmp_path / "nofile.png", pictures[0])
    assert bench.names == ["nofile.png", "a.png"]
    bench.until(lambda: bool(bench.state.current and bench.state.current.error))
    assert bench.settings.get(RECENT_IMAGES) == (str(pictures[0]),)
    bench.open(tmp_path / "nofile.png")
    assert bench.settings.get(RECENT_IMAGES) == (str(pictures[0]),)


def test_going_back_does_not_read_again(bench: Bench, pictures: list[Path]) -> None:
    bench.open(*pictures)
    first, second = list(bench.state.images)[:2]
    bench.images.select(second)
    bench.settle()
    bench.titles.clear()
    bench.images.select(first)
    assert bench.ready == ["a.png", "b.png", "a.png"]
    assert bench.titles == []


def test_leaving_comes_before_the_news_of_the_next(bench: Bench, pictures: list[Path]) -> None:
    bench.open(*pictures)
    order: list[str] = []
    bench.images.leaving.connect(lambda: order.append("leaving"))
    bench.state.current_changed.connect(lambda: order.append("current"))
    bench.images.ready.connect(lambda: order.append("ready"))
    bench.images.step(1)
    bench.settle()
    assert order == ["leaving", "current", "ready"]


def test_stepping_stops_at_the_ends(bench: Bench, pictures: list[Path]) -> None:
    bench.open(*pictures)
    seen = []
    for by in (1, 1, 1, -1, -1, -1):
        bench.images.step(by)
        seen.append(bench.name)
    assert seen == ["b.png", "c.png", "c.png", "b.png", "a.png", "a.png"]
    bench.settle()


def test_stepping_with_nothing_open_does_nothing(bench: Bench) -> None:
    bench.images.step(1)
    assert bench.state.current_key is None


def test_running_through_images_reads_only_the_last(bench: Bench, pictures: list[Path]) -> None:
    bench.open(*pictures)
    bench.hold()
    bench.ready.clear()
    bench.images.step(1)
    bench.images.step(1)
    bench.gate.set()
    bench.settle()
    assert bench.ready == ["c.png"]
    assert list(bench.state.images.values())[1].loaded is None
    assert "Opening b.png" not in bench.titles


def test_what_is_asked_for_goes_before_waiting_thumbnails(
    bench: Bench, pictures: list[Path]
) -> None:
    bench.hold()
    bench.images.open_scenes()
    bench.images.open_paths(pictures)
    bench.titles.clear()
    bench.gate.set()
    bench.until(lambda: bench.name == "a.png" and bool(bench.ready))
    assert "Reading thumbnails" not in bench.titles[: bench.titles.index("Searching for images")]
    bench.settle()


def test_an_image_closed_while_it_is_read_does_not_come_back(
    bench: Bench, pictures: list[Path]
) -> None:
    bench.open(*pictures)
    bench.hold()
    bench.images.step(1)
    key = bench.state.current_key
    assert key is not None
    bench.images.close(key)
    bench.gate.set()
    bench.settle()
    assert key not in bench.state.images
    assert bench.name == "c.png"
    assert bench.ready[-1] == "c.png"


@pytest.mark.parametrize(("closed", "then"), [(0, "b.png"), (1, "c.png"), (2, "b.png")])
def test_closing_the_current_image_selects_its_neighbour(
    bench: Bench, pictures: list[Path], closed: int, then: str
) -> None:
    bench.open(*pictures)
    bench.images.step(closed)
    bench.settle()
    key = bench.state.current_key
    assert key is not None
    bench.images.close(key)
    assert bench.name == then
    bench.settle()


def test_closing_another_image_changes_nothing_else(bench: Bench, pictures: list[Path]) -> None:
    bench.open(*pictures)
    bench.left.clear()
    bench.images.close(list(bench.state.images)[2])
    assert bench.name == "a.png"
    assert bench.left == []


def test_closing_the_last_leaves_none(bench: Bench, pictures: list[Path]) -> None:
    bench.open(pictures[0])
    key = bench.state.current_key
    assert key is not None
    bench.images.close(key)
    bench.images.close(key)
    assert bench.state.current_key is None
    assert bench.left[-1] is None


def test_a_file_that_is_no_image_says_so_at_its_place(bench: Bench, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("words")
    bench.open(bad)
    current = bench.state.current
    assert current is not None
    assert "bad.png" in current.error
    assert current.loaded is None
    assert not bench.state.computing
    assert bench.ready == []


def test_a_file_that_is_mended_is_read_when_selected_again(
    bench: Bench, tmp_path: Path, pictures: list[Path]
) -> None:
    bad = tmp_path / "bad.png"
    bench.open(bad, pictures[0])
    bench.images.step(1)
    bench.settle()
    Image.new("RGB", (4, 4)).save(bad)
    bench.images.step(-1)
    bench.settle()
    assert bench.state.current is not None
    assert bench.state.current.error == ""
    assert bench.ready[-1] == "bad.png"


def test_pasted_bytes_and_pasted_pixels_are_images_without_a_file(bench: Bench) -> None:
    data = io.BytesIO()
    Image.new("RGB", (6, 4), "teal").save(data, "PNG")
    bench.images.open_bytes(data.getvalue(), "from a browser")
    bench.settle()
    pixels = QImage(5, 3, QImage.Format.Format_RGB32)
    pixels.fill(QColor("red"))
    bench.images.open_qimage(pixels, "pasted")
    bench.settle()
    assert bench.ready == ["from a browser", "pasted"]
    assert bench.settings.get(RECENT_IMAGES) == ()
    assert set(bench.thumbnails) == set(bench.state.images)


def test_pasted_nonsense_is_told(bench: Bench) -> None:
    bench.images.open_bytes(b"nonsense", "from a browser")
    bench.settle()
    (notice,) = bench.notices
    assert notice.kind == NoticeKind.ERROR
    assert "from a browser" in notice.text
    assert not bench.state.images


def test_a_model_is_passed_on(bench: Bench, tmp_path: Path) -> None:
    bench.open(tmp_path / "net.pth")
    assert bench.models == [ModelSource(str(tmp_path / "net.pth"))]
    assert not bench.state.images


def test_an_empty_folder_is_told(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    bench.open(tmp_path / "empty")
    (notice,) = bench.notices
    assert notice == Notice(NoticeKind.WARNING, "No images found in empty")


def test_old_pictures_are_forgotten_and_read_again(
    bench: Bench, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # RGB, and a pyramid of 32-bit pictures, of at most a third more than its lowest level.
    one = 40 * 30 * (3 + 4 * 4 / 3)
    monkeypatch.setattr(module, "_KEEP_BYTES", one)
    bench.open(*pictures)
    for by in (1, 1):
        bench.images.step(by)
        bench.settle()
    kept = [image.name for image in bench.state.images.values() if image.loaded is not None]
    assert kept == ["b.png", "c.png"]
    bench.images.step(-2)
    bench.settle()
    assert bench.ready[-1] == "a.png"
    assert bench.state.current is not None
    assert bench.state.current.picture is not None


def test_a_pasted_picture_is_never_forgotten(
    bench: Bench, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KEEP_BYTES", 0)
    pixels = QImage(5, 3, QImage.Format.Format_RGB32)
    pixels.fill(QColor("red"))
    bench.images.open_qimage(pixels, "pasted")
    bench.settle()
    bench.open(*pictures)
    bench.images.step(1)
    bench.settle()
    assert next(iter(bench.state.images.values())).loaded is not None

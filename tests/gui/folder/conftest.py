"""What the tests of the folder page share: a folder of scenes, and someone who opens it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import engine
from engine.folders.index.store import IndexWriter
from engine.folders.inputs.finding import Labels, find
from engine.folders.job import How
from engine.folders.run import Run
from engine.records.sources import ModelSource
from gui.controllers.models import NamedModel
from gui.jobs.folder import reading
from gui.state.folders import RunState
from gui.widgets.folder.figures.clusters import ClusterPanel
from gui.widgets.folder.figures.side import KINDS
from gui.widgets.folder.page import FolderPage
from tests.engine.folders.scenes import write_scenes
from tests.gui.user import WAIT_MS, User

SHAPES = NamedModel(ModelSource("demo:shapes"))


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles and indexes of this test alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 scenes in eight folders, of which every third circle is labelled ring, and a file that is
    no image."""
    folder = write_scenes(tmp_path_factory.mktemp("scenes"), 64)
    for path in sorted((folder / "circle").iterdir())[::3]:
        path.rename(folder / "ring" / path.name)
    (folder / "star" / "broken.jpg").write_bytes(b"no image")
    return folder


def indexed(index: Path, folder: Path, model: str) -> Path:
    """An index of a folder, as the command batch makes it."""
    with IndexWriter(index) as writer:
        writer.found(find([folder], Labels(folders=True)))
        for _ in Run(writer, engine.load_model(model), How()).steps():
            pass
    return index


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> Path:
    """The index of the scenes."""
    return indexed(tmp_path_factory.mktemp("index") / "own", scenes, "demo:shapes")


class Reader(User):
    """Someone who looks at a folder."""

    @property
    def page(self) -> FolderPage:
        page = self.program.window.folder
        assert page is not None
        return page

    def open_folder(self, folder: Path) -> None:
        """Open a folder as a page, and wait until all of it is explained."""
        self.program.controller.folders.open_paths([folder])
        self.wait_done()

    def open_explained(self, folder: Path, index: Path) -> None:
        """Open a folder as a page whose index is there already."""
        goal = reading.index_folder([folder])
        goal.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(index, goal)
        folders = self.program.controller.folders
        with self.qtbot.waitSignal(folders.runs.found, timeout=WAIT_MS):
            folders.open_paths([folder])
        self.settle()
        self.wait_rows()

    def look_for_clusters(self, of: str) -> ClusterPanel:
        """Choose a predicted class in the chart of clusters, and wait for them."""
        side = self.page.side
        place = next(n for n, (kind, _) in enumerate(KINDS) if kind == "clusters")
        side.kinds.setCurrentIndex(place)
        side.kinds.activated.emit(place)
        panel = side.clusters
        self.until(lambda: panel.classes.count() > 1)
        place = next(n for n in range(panel.classes.count()) if of in panel.classes.itemText(n))
        panel.classes.setCurrentIndex(place)
        panel.classes.activated.emit(place)
        self.until(lambda: bool(panel.cards))
        return panel

    def wait_done(self) -> None:
        folders = self.program.controller.folders
        self.until(lambda: folders.runs.state is RunState.DONE)
        self.until(
            lambda: (
                folders.listing is not None
                and folders.listing.whole.images > 0
                and folders.listing.whole.done == folders.listing.whole.images
            )
        )
        self.wait_rows()

    def wait_rows(self) -> None:
        """Until the texts of the rows in sight are there."""
        model = self.page.model
        self.until(
            lambda: (
                all(model.row(place) is not None for place in range(min(8, model.rowCount())))
                and not model.waiting
            )
        )

    def texts(self, column: str) -> list[str]:
        """A column of the rows as they are listed, of the first page."""
        model = self.page.model
        place = [own.name for own in model.columns].index(column)
        rows = [model.row(number) for number in range(model.rowCount())]
        return [row.texts[place] for row in rows if row is not None]


@pytest.fixture
def user(qtbot, qapp, tmp_path):  # type: ignore[no-untyped-def]
    from gui.toolkit import theme

    user = Reader(qtbot, qapp, tmp_path)
    yield user
    user.leave_all()
    theme.apply(qapp, "light")

"""What a session is made of. Plain values; files are named, and never contained: only pictures that
have none are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.keeping.folders import KeptFolder
from engine.keeping.left import KeptLeft
from engine.keeping.pixels import KeptPixels
from engine.records.asked import Question
from engine.records.display import DisplaySettings
from engine.records.images import Note
from engine.records.levels import AUTO, Levels
from engine.records.sources import ModelSource
from engine.records.views import View

NO_CLASSES: Mapping[str, int] = MappingProxyType({})
NO_QUESTIONS: Mapping[str, Question] = MappingProxyType({})
NO_LEFT: Mapping[str, KeptLeft] = MappingProxyType({})
NO_FILES: Mapping[str, KeptFile] = MappingProxyType({})

Sight = tuple[float, float, float]
"""What is looked at, whatever the size of the view: zoom over that at which the image fits, and the
point in the middle of the view as fractions of the image's width and height."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that a session needs.

    path: absolute, as it was. relative: from the folder of the session file, with '/' on all
    systems; '' for none. sha256: '' where it is not known. size: in bytes, modified: in ns since
    1970, both of when the file was read; 0 where they are not known.
    """

    path: str
    relative: str = ""
    sha256: str = ""
    size: int = 0
    modified: int = 0

    @property
    def name(self) -> str:
        """The name of the file, also where its path is one of another system."""
        return self.path.replace("\\", "/").rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class KeptImage:
    """An image of a session.

    id: by which views and models refer to it. file: None for a scene of the program, and for one
    that has no file. scene: the name of a scene's file, else ''. classes, expected, questions: what
    was chosen for it, by the id of a model. edits: as JSON values, None for none. pixels: of one
    that has no file. left: what was selected when another one was shown in its place, by model.
    """

    id: str
    name: str
    file: KeptFile | None = None
    scene: str = ""
    page: int = 1
    levels: Levels = AUTO
    classes: Mapping[str, int] = field(default_factory=lambda: NO_CLASSES)
    expected: Mapping[str, int] = field(default_factory=lambda: NO_CLASSES)
    questions: Mapping[str, Question] = field(default_factory=lambda: NO_QUESTIONS)
    notes: tuple[Note, ...] = ()
    edits: Any = None
    sight: Sight | None = None
    pixels: KeptPixels | None = None
    left: Mapping[str, KeptLeft] = field(default_factory=lambda: NO_LEFT)

    @property
    def content(self) -> KeptImage:
        """The image as a person sees it; see KeptSession.is_alike."""
        file = KeptFile(self.file.path) if self.file is not None else None
        return replace(self, sight=None, file=file)


@dataclass(frozen=True, slots=True)
class KeptSource:
    """What edits paste from, whether or not it is open as well.

    name: the text that stands for it in the edits. file: None for what has none. scene: the name of
    a scene's file, which is looked for among those of the program; else ''. pixels: of what has no
    file.
    """

    name: str
    file: KeptFile | None = None
    scene: str = ""
    pixels: KeptPixels | None = None


@dataclass(frozen=True, slots=True)
class KeptModel:
    """A model of a session.

    files: those that its source names, by the field that names them. sha256: of its weights, ''
    where it is not known. profile: the settings for these weights, as JSON values of
    engine.profiles.format; None for none. chosen: somebody chose it; otherwise it is the demo that
    was opened for the images.
    """

    id: str
    source: ModelSource
    title: str = ""
    sha256: str = ""
    files: Mapping[str, KeptFile] = field(default_factory=lambda: NO_FILES)
    profile: Mapping[str, Any] | None = None
    chosen: bool = True


@dataclass(frozen=True, slots=True)
class KeptPane:
    """A pane: the view that it shows, whose image and model are ids ('' for no model); bare: the
    image without a map."""

    view: View
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """What the record of a running program says besides: of an automatic save alone.

    put_off: a later run offered to reopen it, but was closed before the user answered. file: the
    session file that it was saved in, '' for none; unsaved: whether there are changes that the file
    lacks.
    """

    put_off: bool = False
    file: str = ""
    unsaved: bool = False


@dataclass(frozen=True, slots=True)
class KeptSession:
    """What is open, and what is made of it.

    active: which of the panes is. links: what the panes share, by name. arrangement: of two panes,
    one of ARRANGEMENTS. pinned: the label of the class that is kept from image to image. display:
    with the end of a locked colour scale. folder: the folder page, None without one. sources: what
    the edits of the images paste from.
    """

    images: tuple[KeptImage, ...] = ()
    models: tuple[KeptModel, ...] = ()
    panes: tuple[KeptPane, ...] = ()
    active: int = 0
    links: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    arrangement: str = "beside"
    pinned: str | None = None
    display: DisplaySettings = field(default_factory=DisplaySettings)
    run: Run | None = None
    folder: KeptFolder | None = None
    sources: tuple[KeptSource, ...] = ()

    def is_alike(self, other: KeptSession) -> bool:
        """Whether both are the same to a person: what the running program adds does not count, nor
        does what changes without anybody's doing, as checksums and the place that is looked at."""
        if len(self.images) != len(other.images):
            return False
        # Most are the very same, in a session of which one thing has changed.
        if not all(
            a is b or a.content == b.content for a, b in zip(self.images, other.images, strict=True)
        ):
            return False
        models = [tuple(map(_content_of, one.models)) for one in (self, other)]
        one, two = (
            replace(
                session,
                images=(),
                models=(),
                run=None,
                # They follow from the edits.
                sources=(),
                folder=session.folder.content if session.folder is not None else None,
            )
            for session in (self, other)
        )
        return models[0] == models[1] and one == two

    @property
    def current(self) -> str | None:
        """The id of the image that is shown in the active pane."""
        return self.panes[self.active].view.image if self.panes else None

    def image(self, id: str) -> KeptImage | None:
        """The image with this id."""
        return next((image for image in self.images if image.id == id), None)

    def model(self, id: str) -> KeptModel | None:
        """The model with this id."""
        return next((model for model in self.models if model.id == id), None)


ARRANGEMENTS = ("beside", "swiped", "differing")
"""Two panes lie beside each other, or over each other with a divider, or with their difference."""

FILES_OF_SOURCE = ("spec", "weights", "classes", "profile")
"""The fields of a ModelSource that may name a file or folder."""


def files_of(source: ModelSource) -> dict[str, str]:
    """The files that a source names, by the field that names them."""
    named = {name: getattr(source, name) for name in FILES_OF_SOURCE}
    return {name: text for name, text in named.items() if text and _is_whole(text)}


def _is_whole(text: str) -> bool:
    """Whether it is an absolute path, of this system or another."""
    windows = len(text) > 2 and text[1] == ":" and text[2] in "\\/"
    return windows or text.startswith(("/", "\\\\")) or Path(text).is_absolute()


def _content_of(model: KeptModel) -> KeptModel:
    return replace(model, files=NO_FILES, profile=None, sha256="")

"""What the folder page reads from an index, and its small pictures.

Reader belongs to one lane, whose thread alone uses its connection; the functions keep none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from PySide6.QtGui import QImage

from engine.errors import HookscopeError
from engine.files import presence
from engine.lazy.numpy import np
from engine.version import NAME
from gui.state.folders import FolderView, Listing, OpenedIndex
from gui.toolkit import plain_text
from gui.toolkit.imaging import to_qimage
from gui.widgets.folder.rows import RowText, ShownColumn, Tone

if TYPE_CHECKING:
    from engine.folders.index.queries import Index, Numbers, Shown
    from engine.folders.records import Job, Source
    from engine.records.display import DisplaySettings
    from gui.jobs.lanes import Watch

PAGE = 200
"""Rows that are fetched at once."""

PICTURE_SIDE = 128
"""Of the small pictures, in pixels."""

_EVERY = 500
_NO_JOB = 0

COLUMNS = (
    "name",
    "prediction",
    "probability",
    "label",
    "correct",
    "margin",
    "entropy",
    "loss",
    "border",
    "corners",
    "spread",
    "width",
    "height",
    "brightness",
    "contrast",
    "blur",
    "grey",
    "tags",
    "more",
    "error",
)
"""The columns of the table, in order."""

_WIDTHS = {
    "name": 24,
    "prediction": 16,
    "label": 14,
    "error": 40,
    "tags": 12,
    "more": 24,
    "correct": 11,
}
_FOREIGN = frozenset({"name", "label", "prediction", "tags", "more", "error"})
_SHARES = ("probability", "border", "corners", "spread")
_TITLES = {"probability": "Confidence", "correct": "Result"}


@dataclass(frozen=True, slots=True, eq=False)
class RowPage:
    """Some rows in the order of a listing, from its row first on."""

    first: int
    rows: tuple[Shown, ...]
    texts: tuple[RowText, ...]


def title_of(column: str) -> str:
    """What a column is called on the page."""
    from engine.folders.index.where import COLUMNS as KNOWN

    return _TITLES.get(column, KNOWN[column].title)


def shown_columns() -> tuple[ShownColumn, ...]:
    """The columns of the table."""
    from engine.folders.index.where import COLUMNS as KNOWN

    return tuple(
        ShownColumn(
            name,
            title_of(name),
            KNOWN[name].kind == "number",
            _WIDTHS.get(name, max(9, len(KNOWN[name].title) + 2)),
            KNOWN[name].about,
        )
        for name in COLUMNS
    )


def index_folder(paths: Sequence[Path]) -> Path:
    """Where the index of dropped paths is kept: in the user's data, since their own folder may be
    read-only. A folder that has an index itself is its own."""
    from engine.folders.index.schema import FILE

    if len(paths) == 1 and presence.is_file(paths[0] / FILE):
        return paths[0]
    named = "\n".join(str(path.absolute()) for path in paths)
    digest = hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return data_folder() / digest


def data_folder() -> Path:
    """Where the indexes of dropped folders are kept."""
    import platformdirs

    return Path(platformdirs.user_data_path(NAME.lower(), appauthor=False)) / "folders"


def has_index(folder: Path) -> bool:
    """Whether an index is in a folder."""
    from engine.folders.index.schema import FILE

    return presence.is_file(folder / FILE)


def find_inputs(
    folder: Path, paths: Sequence[Path], labels: str | None, watch: Watch
) -> tuple[int, list[str]]:
    """Note the images of the paths in the index of a folder; how many there are, and lines on what
    was passed over.

    labels: None for the names of folders, where there are any; else a file. Raises HookscopeError,
    ExportError, Cancelled.
    """
    from engine.folders.index.store import IndexWriter
    from engine.folders.inputs.finding import FOLDER, Overlooked, find, is_list, labels_from

    overlooked = Overlooked()
    if labels is None:
        named = any(_has_folders(path) for path in paths if not is_list(path))
        labels = FOLDER if named else None
    found, _ = labels_from(labels, watch.cancel, overlooked=overlooked)
    with IndexWriter(folder) as writer:
        sources = find(paths, found, skip=folder, cancel=watch.cancel, overlooked=overlooked)
        count = writer.found(_counted(sources, watch), watch.cancel)
    return count, overlooked.lines


def _counted(sources: Iterator[Source], watch: Watch) -> Iterator[Source]:
    for number, source in enumerate(sources, start=1):
        if number % _EVERY == 0:
            watch.report(0.0, f"{number:,} images found")
        yield source


def _has_folders(path: Path) -> bool:
    try:
        return any(one.is_dir() and not one.name.startswith(".") for one in path.iterdir())
    except OSError:
        return False


class Reader:
    """The open index, read on one lane only."""

    def __init__(self) -> None:
        self._index: Index | None = None

    @property
    def index(self) -> Index:
        """The open index. Raises HookscopeError if there is none."""
        if self._index is None:
            raise HookscopeError("no folder is open; open one")
        return self._index

    def open(self, folder: Path, _watch: Watch) -> OpenedIndex:
        """Open an index in place of another. Raises HookscopeError."""
        from engine.folders.index.queries import Index

        index = Index(folder)
        self.close()
        self._index = index
        jobs = tuple(index.jobs())
        found = index.distinct(jobs[0][0] if jobs else _NO_JOB, "label")
        labels = {str(label): count for label, count in found if label}
        return OpenedIndex(folder, jobs, labels)

    def close(self, _watch: Watch | None = None) -> None:
        """Release the index; safe to call twice."""
        if self._index is not None:
            self._index.close()
            self._index = None

    def version(self, _watch: Watch) -> int:
        """Another number after every change."""
        return self.index.data_version()

    def jobs(self, _watch: Watch) -> tuple[tuple[int, Job], ...]:
        return tuple(self.index.jobs())

    def listing(
        self, job: int | None, view: FolderView, _watch: Watch, known: Listing | None = None
    ) -> Listing:
        """The rows of a view. job: None before anything was computed. known: rows of the same view
        that were listed while no images were added."""
        number = job or _NO_JOB
        selection = view.selection
        whole = self.index.counts(number)
        counts = self.index.counts(number, selection) if view.filters else whole
        plain = not view.filters and view.order == "place" and not view.down
        if plain and known is not None and len(known.numbers) == whole.images:
            # To read a hundred thousand numbers again would hold up the window.
            return Listing(view, known.numbers, counts, whole, self.index.identity)
        numbers = self.index.numbers(number, selection, view.order, down=view.down)
        return Listing(view, numbers, counts, whole, self.index.identity)

    def page(
        self, job: int | None, about: Job | None, listing: Listing, first: int, _watch: Watch
    ) -> RowPage:
        """Rows of a listing from a row on. about: the job."""
        rows = tuple(self.index.rows(job or _NO_JOB, listing.numbers[first : first + PAGE]))
        return RowPage(first, rows, tuple(text_of(row, about) for row in rows))

    def rows(self, job: int | None, numbers: Sequence[int], _watch: Watch) -> tuple[Shown, ...]:
        """Some rows by their numbers."""
        return tuple(self.index.rows(job or _NO_JOB, numbers))


def text_of(shown: Shown, about: Job | None) -> RowText:
    """A row as text. about: the job whose row it is."""
    # Only what comes from files needs to be made plain; numbers are most of the texts.
    texts = tuple(
        plain_text.line(_text(shown, about, name))
        if name in _FOREIGN
        else _text(shown, about, name)
        for name in COLUMNS
    )
    row = shown.row
    tone: Tone = "waiting"
    if shown.error:
        tone = "error"
    elif row is not None:
        tone = "" if row.correct is None else "right" if row.correct else "wrong"
    predicted, chance = texts[1], texts[2]
    detail = f"{predicted}  {chance}" if predicted else ("cannot be read" if shown.error else "")
    tip = [shown.path, *([shown.error] if shown.error else [])]
    tip += [f"{name}: {value}" for name, value in shown.more.items()]
    return RowText(shown.number, texts, texts[0], detail, tone, plain_text.tip("\n".join(tip)))


def _text(shown: Shown, about: Job | None, name: str) -> str:
    if name == "name":
        return _short(shown.name)
    if name in ("label", "tags", "error"):
        return str(getattr(shown, name))
    if name == "more":
        return ", ".join(f"{title}: {value}" for title, value in shown.more.items())
    if name in ("width", "height", "brightness", "contrast", "blur", "grey"):
        own = shown.properties
        return "" if own is None else _value(name, getattr(own, name))
    row = shown.row
    if row is None:
        return ""
    if name == "prediction":
        known = about is not None and row.prediction is not None
        return about.classes[row.prediction] if known else ""  # type: ignore[index,union-attr]
    if name == "correct":
        return "" if row.correct is None else "right" if row.correct else "wrong"
    if name in ("border", "corners", "spread"):
        return "" if row.figures is None else _value(name, getattr(row.figures, name))
    return _value(name, getattr(row, name))


def _short(name: str) -> str:
    """The end of an absolute path: of files that a table names, the beginnings are all alike."""
    path = PurePath(name)
    return name if not path.is_absolute() else str(PurePath("…", *path.parts[-2:]))


def _value(name: str, value: float | bool | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "grey" if value else ""
    if name in _SHARES:
        return f"{100 * value:.1f} %"
    if name in ("width", "height"):
        return f"{value:.0f}"
    return f"{value:.0f}" if name == "blur" else f"{value:.3f}"


def picture(
    shown: Shown, about: Job | None, display: DisplaySettings, side: int, watch: Watch
) -> QImage:
    """An image with its stored heat map, small. Raises ImageError, Cancelled."""
    from engine.folders.outputs.pictures import explanation_of
    from engine.images.reading import load_thumbnail
    from engine.records.images import LoadedImage
    from engine.render import overlay

    pixels = load_thumbnail(Path(shown.path), side, cancel=watch.cancel, patience=None)
    if about is None or shown.row is None or shown.row.map is None:
        return to_qimage(pixels)
    image = LoadedImage(name=shown.name, pixels=pixels)
    return to_qimage(overlay.blend(pixels, explanation_of(shown, about, image), display))


def no_numbers() -> Numbers:
    """The numbers of no rows."""
    return np.zeros(0, np.int64)

"""The folder page of a session: what is open there, and how it is looked at. Tags and results are
in the folder's index."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from engine.errors import SessionError
from engine.files.presence import can_be_named
from engine.keeping import values
from engine.keeping.spans import numbers_in

_MOST_PATHS = 1_000
_MOST_FILTERS = 100
_MOST_LETTERS = 10_000
_FLAGS = ("front", "down")


@dataclass(frozen=True, slots=True)
class KeptFolder:
    """A folder page.

    paths: what was opened, absolute: folders, tables, lists, or one folder that has an index
    itself. front: whether the page was in front. filters: conditions as they can be typed. order:
    name of a column; down: the largest first. chart: the one beside the rows. job, other: keys of
    the one that is shown and of the one that it is compared with; '' for none.

    index: identity of the index whose numbers the following are; '' for none. chosen: conditions
    that cannot be typed, such as a lasso: their words, and the numbers of their images as spans.
    selected: numbers of the selected rows as spans, '' unless there are several.
    """

    paths: tuple[str, ...]
    front: bool = True
    filters: tuple[str, ...] = ()
    order: str = "place"
    down: bool = False
    chart: str = ""
    job: str = ""
    other: str = ""
    index: str = ""
    chosen: tuple[tuple[str, str], ...] = ()
    selected: str = ""

    @property
    def content(self) -> KeptFolder:
        """The page whether or not it is in front, and whatever is selected, which is no change of
        a session."""
        return replace(self, front=True, index="", selected="")


def folder_facts(folder: KeptFolder) -> dict[str, Any]:
    """The folder page as JSON values."""
    lists = {name: list(getattr(folder, name)) for name in ("paths", "filters")}
    chosen = [{"words": words, "images": spans} for words, spans in folder.chosen]
    return asdict(folder) | lists | {"chosen": chosen}


def folder_of(content: object) -> KeptFolder:
    """The folder page from parsed JSON. Raises SessionError for the first error found."""
    content = values.mapping(content, "folder")
    usual = KeptFolder(())
    paths = _texts(content.get("paths"), "paths", _MOST_PATHS)
    if not paths or not all(path and can_be_named(path) for path in paths):
        raise SessionError("'folder' names no folder")
    order, chart, job, other, index = (
        _text(content.get(name, getattr(usual, name)), name)
        for name in ("order", "chart", "job", "other", "index")
    )
    front, down = (values.flag(content.get(name, getattr(usual, name)), name) for name in _FLAGS)
    filters = _texts(content.get("filters", []), "filters", _MOST_FILTERS)
    chosen = tuple(
        (_text(one.get("words"), "words"), _spans(one.get("images"), "images"))
        for one in (
            values.mapping(one, "chosen")
            for one in values.list_in(content, "chosen", _MOST_FILTERS)
        )
    )
    selected = _spans(content.get("selected", ""), "selected")
    return KeptFolder(
        paths, front, filters, order, down, chart, job, other, index, chosen, selected
    )


def _texts(value: object, name: str, most: int) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > most:
        raise SessionError(f"'{name}' must be a list of at most {most:,}")
    return tuple(_text(one, name) for one in value)


def _spans(value: object, name: str) -> str:
    text = values.text(value, name)
    numbers_in(text, name)
    return text


def _text(value: object, name: str) -> str:
    if type(value) is not str or len(value) > _MOST_LETTERS:
        raise SessionError(f"'{name}' must be a string")
    return value

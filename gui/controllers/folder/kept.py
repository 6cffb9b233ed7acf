"""What is remembered of a folder: filters and order in the settings, classes of labels beside the
index, where every machine finds them."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import ExportError, HookscopeError
from engine.files.atomic import whole_file
from engine.folders.index.typed import typed
from engine.folders.index.where import COLUMNS
from gui.settings.store import Settings
from gui.settings.table import FOLDER_VIEWS
from gui.state.folders import Filter, FolderView

_log = logging.getLogger(__name__)

_MOST = 12
LABELS = "labels.json"


def load_view(settings: Settings, folder: Path, classes: Sequence[str]) -> FolderView:
    """How a folder was looked at last. A condition that makes no sense any more is left out."""
    for text in settings.get(FOLDER_VIEWS):
        facts: dict[str, Any] = json.loads(text)
        if facts.get("folder") != str(folder):
            continue
        order = facts.get("order", "")
        return view_of(order, facts.get("filters", ()), classes, down=bool(facts.get("down")))
    return FolderView()


def view_of(order: str, words: Sequence[str], classes: Sequence[str], *, down: bool) -> FolderView:
    """A view from what was kept of it. words: its conditions, as they can be typed; one that makes
    no sense any more is left out."""
    filters = []
    for own in words:
        try:
            filters.append(Filter(own, (typed(own, classes),)))
        except HookscopeError as error:
            _log.info("filter of the last time left out: %s", error)
    return FolderView(order if order in COLUMNS else "place", down, tuple(filters))


def save_view(settings: Settings, folder: Path, view: FolderView) -> None:
    """Remember how a folder is looked at."""
    facts = {
        "folder": str(folder),
        "order": view.order,
        "down": view.down,
        "filters": [own.text for own in view.filters if own.lasting],
    }
    others = (
        text for text in settings.get(FOLDER_VIEWS) if json.loads(text).get("folder") != str(folder)
    )
    settings.set(FOLDER_VIEWS, (json.dumps(facts), *others)[:_MOST])


def load_labels(folder: Path) -> dict[str, int | str]:
    """The classes that labels were given by hand; {} for none."""
    try:
        found = json.loads((folder / LABELS).read_text(encoding="utf-8"))
        return {str(label): own for label, own in found.items() if isinstance(own, int | str)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        _log.warning("%s ignored: %s", folder / LABELS, error)
        return {}


def save_labels(folder: Path, given: Mapping[str, int | str]) -> str:
    """Remember the classes of labels; why it failed, '' if it did not."""
    try:
        with whole_file(folder / LABELS) as file:
            file.write(json.dumps(dict(given), indent=1).encode())
    except ExportError as error:
        return str(error)
    return ""

"""The table of settings: key, default and range of each.

Another setting is another entry here, and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, get_args

from engine.records.display import Backdrop, DisplaySettings, Interpolation, Sign
from engine.render.colormaps import COLORMAPS
from gui.toolkit.theme import Choice

T = TypeVar("T", bool, int, float, str, bytes, tuple[str, ...])
Value = bool | int | float | str | bytes | tuple[str, ...]

MAX_IMAGES: Final = 12
MAX_MODELS: Final = 8
MAX_CHOICES: Final = 4
MAX_SESSIONS: Final = 8
MAX_CLOSED: Final = 200


def _anything(_value: object) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One setting. accepts: whether a value read from the file is in range."""

    key: str
    default: T
    accepts: Callable[[T], bool] = _anything


def _between(low: float, high: float) -> Callable[[float], bool]:
    return lambda value: low <= value <= high


def _one_of(*names: str) -> Callable[[str], bool]:
    return lambda value: value in names


def _are_levels(texts: tuple[str, ...]) -> bool:
    return all(_LEVEL.fullmatch(text) and 0.0 < float(text) < 1.0 for text in texts)


_LEVEL: Final = re.compile(r"0\.\d{1,6}")


def _is_form(text: str) -> bool:
    """Whether a text is '' or describes a figure's form, as JSON."""
    from engine.records.figures import FigureForm

    try:
        facts = json.loads(text) if text else {}
        if not isinstance(facts, dict):
            return False
        FigureForm.from_facts({key: facts[key] for key in facts if key != "name"})
    except ValueError:
        return False
    return True


def _is_view(text: str) -> bool:
    """Whether a text describes how a folder was looked at, as JSON."""
    try:
        facts = json.loads(text)
    except ValueError:
        return False
    if not isinstance(facts, dict) or not isinstance(facts.get("filters", []), list):
        return False
    return all(isinstance(one, str) for one in facts.get("filters", []))


_DISPLAY: Final = DisplaySettings()

WINDOW_GEOMETRY: Final = Entry("window/geometry", b"")
WINDOW_STATE: Final = Entry("window/state", b"")
STRIP: Final = Entry("window/strip", "auto", _one_of("auto", "folded", "open"))
THEME: Final = Entry("window/theme", "system", _one_of(*get_args(Choice)))
OPACITY: Final = Entry("display/opacity", _DISPLAY.opacity, _between(0.0, 1.0))
COLORMAP: Final = Entry("display/colormap", _DISPLAY.colormap, _one_of(*COLORMAPS))
INTERPOLATION: Final = Entry(
    "display/interpolation", _DISPLAY.interpolation, _one_of(*get_args(Interpolation))
)
GAMMA: Final = Entry("display/gamma", _DISPLAY.gamma, _between(0.2, 5.0))
SIGN: Final = Entry("display/sign", _DISPLAY.sign, _one_of(*get_args(Sign)))
FADE: Final = Entry("display/fade", _DISPLAY.fade)
BACKDROP: Final = Entry("display/backdrop", _DISPLAY.backdrop, _one_of(*get_args(Backdrop)))
CONTOURS: Final[Entry[tuple[str, ...]]] = Entry("display/contours", (), _are_levels)
SCALE_END: Final = Entry("display/end", 0.0, _between(0.0, float("inf")))
"""The magnitude at the end of the locked colour scale; 0 where it is that of each map."""
SWEEP_ENABLED: Final = Entry("engine/sweep", True)
EXACT: Final = Entry("engine/exact", False)
RECENT_IMAGES: Final[Entry[tuple[str, ...]]] = Entry(
    "recent/images", (), lambda value: len(value) <= MAX_IMAGES
)
RECENT_MODELS: Final[Entry[tuple[str, ...]]] = Entry(
    "recent/models", (), lambda value: len(value) <= MAX_MODELS
)
RECENT_METHODS: Final[Entry[tuple[str, ...]]] = Entry(
    "recent/methods", (), lambda value: len(value) <= MAX_CHOICES
)
RECENT_QUESTIONS: Final[Entry[tuple[str, ...]]] = Entry(
    "recent/questions", (), lambda value: len(value) <= MAX_CHOICES
)
KEEP_SELECTION: Final = Entry("images/keep_selection", False)
"""Whether an image that is gone back to is shown with what is selected now, not as it was left."""
LAST_FOLDER: Final = Entry("recent/folder", "")
EXPORT_PICTURE: Final = Entry("export/picture", "png", _one_of("png", "jpeg", "none"))
EXPORT_COLORBAR: Final = Entry("export/colorbar", True)
EXPORT_CAPTION: Final = Entry("export/caption", True)
EXPORT_MAP: Final = Entry("export/map", False)
EXPORT_JSON: Final = Entry("export/json", True)
EXPORT_SUBJECT: Final = Entry("export/patient", False)
REPORT_FORMAT: Final = Entry("report/format", ".html", _one_of(".html", ".pdf"))
REPORT_PAPER: Final = Entry("report/paper", "", _one_of("", "a4", "letter"))
"""Empty until one was chosen: that of the country, see gui/widgets/reports/paper.py."""
REPORT_WITHOUT: Final = Entry("report/without", "")
NOTICES_CLOSED: Final[Entry[tuple[str, ...]]] = Entry(
    "notices/closed", (), lambda value: len(value) <= MAX_CLOSED
)
FIGURE_FORM: Final = Entry("figure/form", "", _is_form)
FIGURE_PRESETS: Final[Entry[tuple[str, ...]]] = Entry(
    "figure/presets", (), lambda value: all(map(_is_form, value))
)
FIGURE_SUFFIX: Final = Entry("figure/format", ".png", _one_of(".png", ".pdf", ".svg"))
FIGURE_FACTS: Final = Entry("figure/json", True)
RESTORE: Final = Entry("session/restore", True)
"""Whether a start opens what was open at the end of the last run."""
RECENT_SESSIONS: Final[Entry[tuple[str, ...]]] = Entry(
    "recent/sessions", (), lambda value: len(value) <= MAX_SESSIONS
)
INSPECTOR: Final = Entry("inspector/shown", False)
INSPECTOR_PAGE: Final = Entry(
    "inspector/page", "layers", _one_of("images", "layers", "channels", "numbers", "trust")
)
INSPECTOR_FOLDED: Final = Entry("inspector/folded", False)
INSPECTOR_HEIGHT: Final = Entry("inspector/height", 200, _between(80, 2000))
FOLDER_SHAPE: Final = Entry("folder/shape", "table", _one_of("table", "grid"))
FOLDER_CHART: Final = Entry("folder/chart", "confusion")
FOLDER_VIEWS: Final[Entry[tuple[str, ...]]] = Entry(
    "folder/views", (), lambda value: all(map(_is_view, value))
)
"""Filters and order of folders, the last one first, as gui.controllers.folder.kept spells them."""
HINTS_SEEN: Final[Entry[tuple[str, ...]]] = Entry("hints/seen", ())

TABLE: Final[tuple[Entry[Any], ...]] = tuple(
    value for value in list(globals().values()) if isinstance(value, Entry)
)
"""All of them; Settings.reset resets exactly these."""

"""The persistent settings: one table of typed entries stored in QSettings.

Every value is stored as text, so that the file is the same on every system. A value of the wrong
type or out of range counts as absent, and a warning is logged.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, cast, get_args

from PySide6.QtCore import QObject, QSettings, Signal

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

_log = logging.getLogger(__name__)


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
KEEP_SELECTION: Final = Entry("images/keep_selection", False)
"""Whether an image that is gone back to is shown with what is selected now, not as it was left."""
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

TABLE: Final[tuple[Entry[Any], ...]] = (
    WINDOW_GEOMETRY,
    WINDOW_STATE,
    STRIP,
    THEME,
    OPACITY,
    COLORMAP,
    INTERPOLATION,
    GAMMA,
    SIGN,
    FADE,
    BACKDROP,
    CONTOURS,
    SCALE_END,
    SWEEP_ENABLED,
    EXACT,
    RECENT_IMAGES,
    RECENT_MODELS,
    RECENT_METHODS,
    RECENT_QUESTIONS,
    KEEP_SELECTION,
    LAST_FOLDER,
    EXPORT_PICTURE,
    EXPORT_COLORBAR,
    EXPORT_CAPTION,
    EXPORT_MAP,
    EXPORT_JSON,
    EXPORT_SUBJECT,
    REPORT_FORMAT,
    REPORT_PAPER,
    REPORT_WITHOUT,
    NOTICES_CLOSED,
    FIGURE_FORM,
    FIGURE_PRESETS,
    FIGURE_SUFFIX,
    FIGURE_FACTS,
    RESTORE,
    RECENT_SESSIONS,
    INSPECTOR,
    INSPECTOR_PAGE,
    INSPECTOR_FOLDED,
    INSPECTOR_HEIGHT,
    FOLDER_SHAPE,
    FOLDER_CHART,
    FOLDER_VIEWS,
    HINTS_SEEN,
)
"""All settings of the user; reset() removes exactly these."""


class Settings(QObject):
    """Typed access to one QSettings.

    changed(key): a value has changed, also by reset().
    """

    changed = Signal(str)

    def __init__(self, store: QSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._known: dict[str, Value] = {}

    def get(self, entry: Entry[T]) -> T:
        """The stored value, or the default of the entry."""
        if entry.key not in self._known:
            self._known[entry.key] = self._read(entry)
        return cast(T, self._known[entry.key])

    def set(self, entry: Entry[T], value: T) -> None:
        """Store a value. Raises ValueError if it is out of range."""
        if type(value) is not type(entry.default) or not entry.accepts(value):
            raise ValueError(f"{entry.key}: {value!r} is not allowed")
        if self.get(entry) == value and self._store.contains(entry.key):
            return
        differs = self.get(entry) != value
        self._known[entry.key] = value
        self._store.setValue(entry.key, _encode(value))
        if differs:
            self.changed.emit(entry.key)

    def reset(self) -> None:
        """Reset every entry of the table to its default."""
        for entry in TABLE:
            differs = self.get(entry) != entry.default
            self._store.remove(entry.key)
            self._known.pop(entry.key, None)
            if differs:
                self.changed.emit(entry.key)

    def sync(self) -> None:
        """Write to disk now."""
        self._store.sync()

    def fault(self) -> str:
        """Why settings cannot be written; '' if they can."""
        if self._store.status() is QSettings.Status.NoError and self._store.isWritable():
            return ""
        return f"cannot write settings to {self._store.fileName()}"

    def display(self) -> DisplaySettings:
        """The display settings as the record that overlays are rendered from."""
        return DisplaySettings(
            opacity=self.get(OPACITY),
            colormap=self.get(COLORMAP),
            interpolation=cast(Interpolation, self.get(INTERPOLATION)),
            gamma=self.get(GAMMA),
            sign=cast(Sign, self.get(SIGN)),
            fade=self.get(FADE),
            backdrop=cast(Backdrop, self.get(BACKDROP)),
            contours=tuple(float(level) for level in self.get(CONTOURS)),
            end=self.get(SCALE_END) or None,
        )

    def set_display(self, display: DisplaySettings) -> None:
        """Store all display settings but the scale's end; changed is emitted for those that
        differ."""
        self.set(OPACITY, float(display.opacity))
        self.set(COLORMAP, display.colormap)
        self.set(INTERPOLATION, display.interpolation)
        self.set(GAMMA, float(display.gamma))
        self.set(SIGN, display.sign)
        self.set(FADE, display.fade)
        self.set(BACKDROP, display.backdrop)
        self.set(CONTOURS, tuple(f"{level:g}" for level in display.contours))

    def take_display(self, display: DisplaySettings) -> None:
        """Store display settings that come from a file, with the scale's end; what is out of range
        is left."""
        entries: tuple[tuple[Entry[Any], Any], ...] = (
            (OPACITY, display.opacity),
            (COLORMAP, display.colormap),
            (INTERPOLATION, display.interpolation),
            (GAMMA, display.gamma),
            (SIGN, display.sign),
            (FADE, display.fade),
            (BACKDROP, display.backdrop),
            (CONTOURS, tuple(f"{level:g}" for level in display.contours)),
            (SCALE_END, float(display.end or 0.0)),
        )
        for entry, value in entries:
            if entry.accepts(value):
                self.set(entry, value)

    def theme(self) -> Choice:
        """The stored theme."""
        return cast(Choice, self.get(THEME))

    def add_recent_image(self, path: Path) -> None:
        """Put path first among the recent images; only the latest 12 are kept."""
        self._add_recent(RECENT_IMAGES, str(path), MAX_IMAGES)

    def add_recent_model(self, source: str) -> None:
        """Put source first among the recent models; only the latest 8 are kept."""
        self._add_recent(RECENT_MODELS, source, MAX_MODELS)

    def add_recent_session(self, path: Path) -> None:
        """Put a session file first among the recent ones; only the latest 8 are kept."""
        self._add_recent(RECENT_SESSIONS, str(path), MAX_SESSIONS)

    def forget_recent_session(self, path: Path) -> None:
        """Take a session file that cannot be opened from the recent ones."""
        known = self.get(RECENT_SESSIONS)
        self.set(RECENT_SESSIONS, tuple(one for one in known if one != str(path)))

    def add_recent_method(self, slug: str) -> None:
        """Put a method first among those last used; only the latest 4 are kept."""
        self._add_recent(RECENT_METHODS, slug, MAX_CHOICES)

    def add_recent_question(self, slug: str) -> None:
        """Put a question first among those last asked; only the latest 4 are kept."""
        self._add_recent(RECENT_QUESTIONS, slug, MAX_CHOICES)

    def close_notice(self, text: str) -> None:
        """Store that a notice was closed. text: what it is known by, with its model."""
        self._add_recent(NOTICES_CLOSED, _digest(text), MAX_CLOSED)

    def is_notice_closed(self, text: str) -> bool:
        """Whether a notice was closed."""
        return _digest(text) in self.get(NOTICES_CLOSED)

    def mark_hint_seen(self, name: str) -> None:
        """Store that a hint was dismissed."""
        seen = self.get(HINTS_SEEN)
        if name not in seen:
            self.set(HINTS_SEEN, (*seen, name))

    def hint_seen(self, name: str) -> bool:
        """Whether a hint was dismissed."""
        return name in self.get(HINTS_SEEN)

    def _add_recent(self, entry: Entry[tuple[str, ...]], text: str, limit: int) -> None:
        others = tuple(old for old in self.get(entry) if old != text)
        self.set(entry, (text, *others)[:limit])

    def _read(self, entry: Entry[T]) -> T:
        if not self._store.contains(entry.key):
            return entry.default
        raw = self._store.value(entry.key)
        try:
            value = cast(T, _decode(raw, type(entry.default)))
        except (ValueError, TypeError) as error:
            _log.warning("setting %s ignored: %s", entry.key, error)
            return entry.default
        if not entry.accepts(value):
            _log.warning("setting %s ignored: %r is out of range", entry.key, value)
            return entry.default
        return value


def _digest(text: str) -> str:
    # It loads OpenSSL, which no window has to wait for.
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _encode(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, tuple):
        # ASCII: file names that are not valid Unicode survive the round trip.
        return json.dumps(list(value))
    return str(value)


def _decode(raw: object, kind: type[Value]) -> Value:
    """Parse a value of kind from text. Raises ValueError or TypeError."""
    if not isinstance(raw, str):
        raise TypeError(f"expected text, found {type(raw).__name__}")
    if kind is bool:
        if raw not in ("true", "false"):
            raise ValueError(f"{raw!r} is neither true nor false")
        return raw == "true"
    if kind is bytes:
        try:
            return base64.b64decode(raw, validate=True)
        except binascii.Error as error:
            raise ValueError(f"not base64: {error}") from error
    if kind is tuple:
        items = json.loads(raw)
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise ValueError("not a list of texts")
        return tuple(items)
    if kind is float:
        return float(raw)
    if kind is int:
        return int(raw)
    return raw

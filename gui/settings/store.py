"""The store: reads and writes settings in one QSettings.

Every value is stored as text, so that the file is the same on every system. A value of the wrong
type or out of range counts as absent, and a warning is logged.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
from pathlib import Path
from typing import Any, cast

from PySide6.QtCore import QObject, QSettings, Signal

from engine.records.display import Backdrop, DisplaySettings, Interpolation, Sign
from gui.settings import table
from gui.settings.table import Entry, T, Value
from gui.toolkit.theme import Choice

_log = logging.getLogger(__name__)


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
        for entry in table.TABLE:
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
            opacity=self.get(table.OPACITY),
            colormap=self.get(table.COLORMAP),
            interpolation=cast(Interpolation, self.get(table.INTERPOLATION)),
            gamma=self.get(table.GAMMA),
            sign=cast(Sign, self.get(table.SIGN)),
            fade=self.get(table.FADE),
            backdrop=cast(Backdrop, self.get(table.BACKDROP)),
            contours=tuple(float(level) for level in self.get(table.CONTOURS)),
            end=self.get(table.SCALE_END) or None,
        )

    def set_display(self, display: DisplaySettings) -> None:
        """Store all display settings but the scale's end; changed is emitted for those that
        differ."""
        for entry, value in _entries_of(display):
            self.set(entry, value)

    def take_display(self, display: DisplaySettings) -> None:
        """Store display settings that come from a file, with the scale's end; what is out of range
        is left."""
        end = table.SCALE_END, float(display.end or 0.0)
        for entry, value in (*_entries_of(display), end):
            if entry.accepts(value):
                self.set(entry, value)

    def theme(self) -> Choice:
        """The stored theme."""
        return cast(Choice, self.get(table.THEME))

    def add_recent_image(self, path: Path) -> None:
        """Put path first among the recent images; only the latest 12 are kept."""
        self._add_recent(table.RECENT_IMAGES, str(path), table.MAX_IMAGES)

    def add_recent_model(self, source: str) -> None:
        """Put source first among the recent models; only the latest 8 are kept."""
        self._add_recent(table.RECENT_MODELS, source, table.MAX_MODELS)

    def add_recent_session(self, path: Path) -> None:
        """Put a session file first among the recent ones; only the latest 8 are kept."""
        self._add_recent(table.RECENT_SESSIONS, str(path), table.MAX_SESSIONS)

    def forget_recent_session(self, path: Path) -> None:
        """Take a session file that cannot be opened from the recent ones."""
        known = self.get(table.RECENT_SESSIONS)
        self.set(table.RECENT_SESSIONS, tuple(one for one in known if one != str(path)))

    def add_recent_method(self, slug: str) -> None:
        """Put a method first among those last used; only the latest 4 are kept."""
        self._add_recent(table.RECENT_METHODS, slug, table.MAX_CHOICES)

    def add_recent_question(self, slug: str) -> None:
        """Put a question first among those last asked; only the latest 4 are kept."""
        self._add_recent(table.RECENT_QUESTIONS, slug, table.MAX_CHOICES)

    def close_notice(self, text: str) -> None:
        """Store that a notice was closed. text: what it is known by, with its model."""
        self._add_recent(table.NOTICES_CLOSED, _digest(text), table.MAX_CLOSED)

    def is_notice_closed(self, text: str) -> bool:
        """Whether a notice was closed."""
        return _digest(text) in self.get(table.NOTICES_CLOSED)

    def mark_hint_seen(self, name: str) -> None:
        """Store that a hint was dismissed."""
        seen = self.get(table.HINTS_SEEN)
        if name not in seen:
            self.set(table.HINTS_SEEN, (*seen, name))

    def hint_seen(self, name: str) -> bool:
        """Whether a hint was dismissed."""
        return name in self.get(table.HINTS_SEEN)

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


def _entries_of(display: DisplaySettings) -> tuple[tuple[Entry[Any], Any], ...]:
    """Display settings as they are stored, but for the scale's end."""
    return (
        (table.OPACITY, float(display.opacity)),
        (table.COLORMAP, display.colormap),
        (table.INTERPOLATION, display.interpolation),
        (table.GAMMA, float(display.gamma)),
        (table.SIGN, display.sign),
        (table.FADE, display.fade),
        (table.BACKDROP, display.backdrop),
        (table.CONTOURS, tuple(f"{level:g}" for level in display.contours)),
    )


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

"""What a staged program needs round it: places of its own, odd models, a ground for dialogs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QWidget

from engine.records.sources import ModelSource
from gui.toolkit import theme


def own_places(folder: Path) -> ExitStack:
    """Consent, profiles and indexes are kept here and not among the user's, until it is closed."""
    from engine.profiles import store as profiles
    from gui.jobs import model_work
    from gui.jobs.folder import reading

    patches = ExitStack()
    store = folder / "trusted.json"
    patches.enter_context(patch.object(model_work, "store_file", lambda: store))
    patches.enter_context(patch.object(profiles, "folder", lambda: folder / "profiles"))
    patches.enter_context(patch.object(reading, "data_folder", lambda: folder / "folders"))
    return patches


def on_ground(dialog: QImage, window: QWidget) -> QImage:
    """The dialog on a plain margin, since a window frame belongs to no one system."""
    margin = round(24 * window.devicePixelRatioF())
    width, height = dialog.width() + 2 * margin, dialog.height() + 2 * margin
    ground = QImage(width, height, QImage.Format.Format_RGB888)
    ground.fill(QColor(theme.current().canvas))
    dialog.setDevicePixelRatio(1.0)
    painter = QPainter(ground)
    painter.drawImage(margin, margin, dialog)
    painter.end()
    return ground


@contextmanager
def models(known: Mapping[str, Callable[[], Any]]) -> Iterator[None]:
    """While this lasts, the engine opens these models beside its own, by name."""
    from engine.loading import load as opener

    original = opener.open_source

    def open_source(source: ModelSource, *arguments: Any, **options: Any) -> Any:
        if source.spec in known:
            return known[source.spec]()
        return original(source, *arguments, **options)

    with patch.object(opener, "open_source", open_source):
        yield


@contextmanager
def opening_held() -> Iterator[threading.Event]:
    """The engine opens no model before the event is set, which it is in the end."""
    from engine.loading import load as opener

    original, allowed = opener.open_source, threading.Event()

    def open_source(*arguments: Any, **options: Any) -> Any:
        allowed.wait(120)
        return original(*arguments, **options)

    with patch.object(opener, "open_source", open_source):
        try:
            yield allowed
        finally:
            allowed.set()

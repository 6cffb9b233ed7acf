"""Handles opening models: dialogs, dropped files, the demos and recent models."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject

from engine.formats.demo import PHOTOS
from engine.records.sources import ModelSource
from gui.controllers.controller import Controller
from gui.handlers.gallery_opener import GalleryOpener
from gui.handlers.model_questions import ModelQuestions
from gui.settings import table
from gui.settings.store import Settings
from gui.state.state import State
from gui.window.main_window import MainWindow

_log = logging.getLogger(__name__)

_MOST_LETTERS = 60


class ModelOpener(QObject):
    """Asks for a model and passes it to the controller."""

    def __init__(
        self, window: MainWindow, state: State, controller: Controller, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        # Which compares with it, if that was asked for.
        self._open = controller.comparer.open_model
        self._settings = settings
        self.questions = ModelQuestions(window, state, controller.models, controller.published)
        self.questions.declined.connect(controller.sessions.restorer.let_go)
        self.gallery = GalleryOpener(window, state, controller, settings)
        controller.images.finder.model_found.connect(self._open)
        window.actions_by_id.connect(
            {
                "demo_photos": lambda: self.open_named(PHOTOS),
                "demo_shapes": lambda: self.open_named("demo:shapes"),
                "demo_shortcut": lambda: self.open_named("demo:shortcut"),
                "open_model": self.gallery.ask,
                "open_weights": self.ask_file,
            }
        )
        settings.changed.connect(self._setting_changed)
        self._show_recent()

    def open_named(self, spec: str) -> None:
        """Open a model that needs nothing but its name."""
        self._open(ModelSource(spec))

    def ask_file(self) -> None:
        """Ask for a model file; its type is recognised from its content."""
        from gui.file_dialogs import weights_dialog

        dialog = weights_dialog(self._window, self._settings)
        dialog.fileSelected.connect(lambda path: self._open(ModelSource(path)))
        dialog.open()

    def _setting_changed(self, key: str) -> None:
        if key == table.RECENT_MODELS.key:
            self._show_recent()

    def _show_recent(self) -> None:
        known = recent_models(self._settings.get(table.RECENT_MODELS))
        self._window.actions_by_id.fill(
            "recent_models",
            [(_short(text), source.key) for text, source in known],
            lambda key: self._open(ModelSource.from_key(key)),
            lambda key: _whole(ModelSource.from_key(key)),
        )


def recent_models(keys: Sequence[str]) -> list[tuple[str, ModelSource]]:
    """(text, source) for each valid key, all texts different.

    Files of the same name are distinguished by their folders, then by the answers given for them.
    """
    sources = []
    for key in keys:
        try:
            sources.append(ModelSource.from_key(key))
        except ValueError as error:
            _log.warning("a recent model is left out: %s", error)
    texts = [source.title for source in sources]
    for more in (_folder, _answers):
        ways = {text: set[str]() for text in texts}
        for text, source in zip(texts, sources, strict=True):
            ways[text].add(more(source))
        texts = [
            f"{text} \N{EM DASH} {more(source)}" if len(ways[text]) > 1 and more(source) else text
            for text, source in zip(texts, sources, strict=True)
        ]
    return list(zip(texts, sources, strict=True))


def _short(text: str) -> str:
    """Shorten a long name for a menu: its beginning and its end."""
    half = _MOST_LETTERS // 2
    return text if len(text) <= _MOST_LETTERS else f"{text[:half]}…{text[-half:]}"


def _folder(source: ModelSource) -> str:
    return Path(source.weights or source.spec).parent.name


def _answers(source: ModelSource) -> str:
    """The answers given for a model, such as 'TwoHeads, classes=4'."""
    names = [Path(source.spec).name] if source.weights else []
    given = [f"{name}={value}" for name, value in source.arguments]
    classes = [Path(source.classes).name] if source.classes else []
    known = (source.architecture, source.weights_key, *given, source.input, *classes)
    return ", ".join([*names, *(text for text in known if text)])


def _whole(source: ModelSource) -> str:
    paths = [path for path in (source.spec, source.weights, source.classes) if path]
    answers = _answers(replace(source, weights=None, classes=None))
    return "\n".join([*paths, answers] if answers else paths)

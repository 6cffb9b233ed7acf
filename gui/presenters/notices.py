"""Controls the notice bar over the image: its text, its button and its close button."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject

from engine.formats.demo import PHOTOS, TITLES, Advice
from engine.records.models import ModelInfo
from engine.records.sources import ModelSource
from gui.controllers.models import Models
from gui.settings import table
from gui.settings.store import Settings
from gui.state.notices import (
    AS_PAGE,
    BACK,
    CHECK_INPUT,
    CHOOSE_WEIGHTS,
    NAME_ARCHITECTURE,
    REOPEN,
    STOP_READING,
    Notice,
    NoticeKind,
)
from gui.state.state import State
from gui.toolkit.windows import not_shown, show_file
from gui.window.main_window import MainWindow

_LASTING = (NoticeKind.ERROR, NoticeKind.WARNING)
_SHOW_FOLDER = "Show folder"
_OPEN_MODEL = "Open model…"
_OPEN_PHOTOS = "Open Demo: photos"
_FOREIGN = "This demo knows only eight drawn shapes. Another one knows photographs."
_PHOTOS = (
    "Explained by EfficientNet-Lite0, a demo that knows ImageNet's 1,000 classes. To explain your "
    "own network, drop its file here."
)
FOREIGN_HINT = "own picture in a demo"
PHOTOS_HINT = "own picture in the demo for photographs"
"""The names under which settings.hint_seen stores that these were dismissed."""


class Notices(QObject):
    """Shows the notices of the state and the invitations of the demo scenes."""

    def __init__(
        self, window: MainWindow, state: State, models: Models, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._bar = window.notice
        self._status = window.status
        self._state = state
        self._models = models
        self._settings = settings
        self._explain_error = ""
        self._input = window.actions_by_id["input_output"]
        self._reopen = window.actions_by_id["reopen_images"]
        self._back = window.actions_by_id["previous_session"]
        self._open_model = window.actions_by_id["open_model"]
        self._bar.acted.connect(self._acted)
        self._bar.dismissed.connect(self._dismissed)
        state.noticed.connect(self._show)
        state.withdrawn.connect(self._withdraw)
        self._action, self._shown = "", Notice(NoticeKind.INFO, "")
        self._put_off: Notice | None = None
        self._bar.freed.connect(self._bring_back)
        self._of_model = False
        state.answer_changed.connect(self._show_explain_error)
        self._info = state.info
        self._declined: tuple[str, ModelSource | None] = ("", None)
        self._chosen: tuple[str | None, int | None] = (None, None)
        state.selection_changed.connect(self._selection_changed)
        settings.changed.connect(self._setting_changed)
        window.canvas.bare_changed.connect(self._bare_changed)
        state.model_changed.connect(self._let_go)
        state.current_changed.connect(self._image_left)
        state.edits_changed.connect(self._edited)
        for changed in (state.current_changed, window.turned):
            changed.connect(self._invite)
        for changed in (state.engine_changed, state.model_changed):
            changed.connect(self._invite_again)

    def _show(self, notice: Notice) -> None:
        if notice.of_model and self._settings.is_notice_closed(self._of_this_model(notice.text)):
            return
        offers = self._bar.kind == NoticeKind.HINT and bool(self._shown.action)
        if notice.kind is NoticeKind.INFO and (
            self._bar.kind in _LASTING or (notice.yields and offers)
        ):
            # Information must not replace an error that has not been closed yet.
            self._status.show_message(notice.text)
            return
        if self._bar.text == self._shown.text and self._shown.action == CHECK_INPUT:
            self._put_off = self._shown if notice.action != CHECK_INPUT else None
        self._action, self._shown = notice.action, notice
        self._of_model = notice.of_model
        self._bar.show_notice(notice.kind.value, notice.text, notice.action, notice.argument)

    def _of_this_model(self, text: str) -> str:
        """What a notice about the open model is known by, once it was closed."""
        source = self._state.model_source
        return f"{source.key if source is not None else ''}\n{text}"

    def _bring_back(self) -> None:
        """Once the bar is free, show the warning about assumed preprocessing that was replaced."""
        if self._put_off is not None:
            notice, self._put_off = self._put_off, None
            self._show(notice)

    def _image_left(self) -> None:
        """Clear a warning about an image that is no longer shown."""
        about = self._shown.image
        if about and about != self._state.current_key and self._bar.text == self._shown.text:
            self._bar.clear()

    def _withdraw(self, action: str) -> None:
        if self._action == action:
            self._action = ""
            self._bar.clear()

    def _show_explain_error(self) -> None:
        """Show why there is no map; cleared when there is one."""
        error = self._state.explain_error
        if self._state.explanation is None:
            if error:
                self._explain_error = error
                self._show(Notice(NoticeKind.ERROR, error))
            return
        if self._bar.text == self._explain_error:
            self._bar.clear()
        self._explain_error = ""

    def _let_go(self) -> None:
        """Clear a warning about a model or preprocessing that is no longer in use."""
        before, self._info = self._info, self._state.info
        if _fed_alike(before, self._info):
            return
        self._put_off = None
        if self._bar.kind == NoticeKind.WARNING and self._of_model:
            self._bar.clear()

    def _selection_changed(self) -> None:
        before, self._chosen = self._chosen, (self._state.layer, self._state.target)
        if self._chosen[0] != before[0]:
            self._followed(Advice.LAYER)
        if self._chosen[1] != before[1]:
            self._followed(Advice.CLASS)

    def _setting_changed(self, key: str) -> None:
        if key == table.INTERPOLATION.key and self._settings.get(table.INTERPOLATION) == "grid":
            self._followed(Advice.GRID)

    def _bare_changed(self, bare: bool) -> None:
        if bare:
            self._followed(Advice.ORIGINAL)

    def _followed(self, advice: Advice) -> None:
        """Close the invitation that asked for this, for good."""
        image = self._state.current
        scene = image.scene if image is not None else None
        if scene is None or scene.advice is not advice or self._bar.text != scene.invitation:
            return
        self._bar.clear()
        self._settings.mark_hint_seen(scene.path.name)

    def _edited(self, key: str) -> None:
        """An invitation is about the scene as it is drawn: with edits, another answer is right."""
        image = self._state.current
        if image is None or image.scene is None or key != image.key:
            return
        if self._bar.text == (image.scene.invitation if image.done.steps else ""):
            self._invite()

    def _invite_again(self) -> None:
        """Another model does not take away the offer to show a folder as a page, which came with
        the images."""
        if self._action != AS_PAGE or self._bar.text != self._shown.text:
            self._invite()

    def _invite(self) -> None:
        """Suggest what to try next, with a demo scene or with the user's image in a demo model."""
        image, source = self._state.current, self._state.model_source
        self._chosen = self._state.layer, self._state.target
        bar = self._bar
        if bar.kind in _LASTING or self._window.on_folder:
            return
        own = image is not None and image.scene is None and not image.error
        if own and (hint := self._about_own_image()) is not None:
            self._show(hint)
            return
        if image is None or image.scene is None or source is None:
            if bar.kind == NoticeKind.HINT:
                bar.clear()
            return
        scene = image.scene
        wanted = f"demo:{scene.model}"
        if source.spec != wanted:
            # Unless somebody chose the demo for photographs, that for scenes is about to be opened.
            follows = source.spec == PHOTOS and not self._models.chosen
            if follows and bar.kind == NoticeKind.HINT:
                bar.clear()
            if follows or (wanted, source) == self._declined:
                return
            # What the invitation says is true with its own model only.
            text = f"This scene is meant for the model '{wanted}'."
            self._show(Notice(NoticeKind.HINT, text, "Open that model", wanted))
        elif not self._settings.hint_seen(scene.path.name) and not image.done.steps:
            self._show(Notice(NoticeKind.HINT, scene.invitation))
        elif bar.kind == NoticeKind.HINT:
            bar.clear()

    def _about_own_image(self) -> Notice | None:
        """What to say about an image of the user's that a demo explains; None for nothing."""
        state, seen = self._state, self._settings.hint_seen
        spec = state.model_source.spec if state.model_source is not None else ""
        if spec == PHOTOS:
            return None if seen(PHOTOS_HINT) else Notice(NoticeKind.HINT, _PHOTOS, _OPEN_MODEL)
        # Unless somebody chose this one, that for photographs is about to be opened.
        if spec not in TITLES or not self._models.chosen or seen(FOREIGN_HINT):
            return None
        return Notice(NoticeKind.HINT, _FOREIGN, _OPEN_PHOTOS, PHOTOS)

    def _acted(self, action: str, argument: str) -> None:
        self._bar.clear()
        if action == _SHOW_FOLDER:
            if not show_file(Path(argument)):
                self._state.notify(NoticeKind.WARNING, not_shown(Path(argument)))
        elif action == _OPEN_MODEL:
            self._open_model.trigger()
        elif action == CHECK_INPUT:
            self._input.trigger()
        elif action == REOPEN:
            self._reopen.trigger()
        elif action == BACK:
            self._back.trigger()
        elif action == AS_PAGE:
            # Done by who opens folders.
            return
        elif action == STOP_READING:
            self._status.stop_requested.emit()
        elif action == CHOOSE_WEIGHTS:
            self._models.ask_weights()
        elif action == NAME_ARCHITECTURE:
            self._models.ask_architecture(ModelSource.from_key(argument))
        elif argument:
            self._models.open(ModelSource.from_key(argument))

    def _dismissed(self, kind: str) -> None:
        if self._of_model and kind == NoticeKind.WARNING:
            self._settings.close_notice(self._of_this_model(self._shown.text))
        image = self._state.current
        if kind == NoticeKind.HINT and image is not None and image.scene is None:
            source = self._state.model_source
            photos = source is not None and source.spec == PHOTOS
            self._settings.mark_hint_seen(PHOTOS_HINT if photos else FOREIGN_HINT)
        elif kind == NoticeKind.HINT and image is not None and image.scene is not None:
            # Once closed, it is not repeated at every change of this model.
            self._declined = f"demo:{image.scene.model}", self._state.model_source
            self._settings.mark_hint_seen(image.scene.path.name)


def _fed_alike(one: ModelInfo | None, other: ModelInfo | None) -> bool:
    """Whether warnings about one apply to the other; class names do not matter."""
    if one is None or other is None:
        return one is other
    return (one.source, one.weights, one.preprocessing) == (
        other.source,
        other.weights,
        other.preprocessing,
    )

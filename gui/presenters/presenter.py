"""The main presenter: keeps all widgets of the window up to date with the state."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPointF, QTimer
from PySide6.QtGui import QImage

from engine.records.level_words import described
from engine.records.levels import AUTO
from engine.targets.questions import find
from engine.version import NAME
from gui.controllers.controller import Controller
from gui.presenters.models import ModelPresenter
from gui.presenters.work import WorkPresenter
from gui.settings import table
from gui.settings.store import Settings
from gui.state.images import OpenImage
from gui.state.state import State
from gui.toolkit import plain_text
from gui.toolkit.imaging import Picture
from gui.widgets.canvas.view import Sight
from gui.window.commands.table import SHEETS
from gui.window.main_window import MainWindow

_ROW_THUMBNAIL = 24
_RECOLOUR_MS = 150


class Presenter(QObject):
    """Connects the state's signals to the window's widgets."""

    def __init__(
        self, window: MainWindow, state: State, controller: Controller, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._controller = controller
        self._settings = settings
        self._shown: Picture | None = None
        self._shown_key = ""
        self._placing = False
        self._recolour = QTimer(self)
        self._recolour.setSingleShot(True)
        self._recolour.setInterval(_RECOLOUR_MS)
        self._recolour.timeout.connect(self._draw_thumbnails)
        ModelPresenter(window, state, self)
        WorkPresenter(window, controller, self)
        self._connect()
        self._show_display()
        self._show_current()
        self._show_actions()

    def _connect(self) -> None:
        state, window, controller = self._state, self._window, self._controller
        state.image_added.connect(self._add_image)
        state.image_updated.connect(self._update_image)
        state.image_removed.connect(self._remove_image)
        state.current_changed.connect(self._show_current)
        state.engine_changed.connect(self._show_actions)
        state.model_changed.connect(self._show_model)
        state.answer_changed.connect(self._show_answer)
        state.selection_changed.connect(self._show_selection)
        state.sweep_changed.connect(self._draw_thumbnails)
        state.session_changed.connect(self._show_title)
        state.notes_changed.connect(self._show_notes)
        state.computing_changed.connect(window.canvas.set_busy)
        controller.images.added.connect(self._mark_new)
        controller.images.thumbnail_ready.connect(window.strip.set_thumbnail)
        controller.sweeper.thumbnails_ready.connect(self._show_thumbnails)
        window.canvas.zoom_changed.connect(self._show_zoom)
        window.canvas.moved.connect(self._note_sight)
        window.canvas.installEventFilter(self)
        controller.swatches_ready.connect(window.display.set_swatches)
        self._settings.changed.connect(self._setting_changed)

    # --- images ----------------------------------------------------------------------------------

    def _add_image(self, key: str) -> None:
        image = self._state.images[key]
        # The pictures that come with the program have no folder of the user's.
        own = image.path is not None and image.scene is None
        folder = str(image.path.parent) if own and image.path is not None else ""
        at = None
        if next(reversed(self._state.images)) != key:
            at = list(self._state.images).index(key)  # it was closed, and is back in its place
        self._window.strip.add(key, image.name, folder, at)
        if image.notes:
            self._show_notes(key)

    def _mark_new(self, keys: list[str]) -> None:
        """Mark what a folder brought. One image alone is shown, and needs no mark."""
        self._window.strip.mark_new(keys if len(keys) > 1 else ())
        if self._state.current_key is not None:
            self._window.strip.see(self._state.current_key)

    def _update_image(self, key: str) -> None:
        self._window.strip.set_error(key, self._state.images[key].error)
        if key == self._state.current_key:
            self._show_title()
            self._show_picture()

    def _show_notes(self, key: str) -> None:
        notes = self._state.images[key].notes
        self._window.strip.set_notes(key, [note.text for note in notes if note.text.strip()])

    def _remove_image(self, key: str) -> None:
        self._window.strip.remove(key)

    def _show_current(self) -> None:
        image = self._state.current
        self._show_title()
        if image is not None:
            self._window.strip.select(image.key)
        self._window.status.show_explanation(None)
        self._window.tree.set_explained(None)
        self._window.tree.clear_thumbnails()
        self._show_picture()
        self._show_actions()

    def _show_title(self) -> None:
        image, info, session = self._state.current, self._state.info, self._state.session
        parts = []
        if image is not None and image.title:
            parts.append(image.title)
            # One of several checkpoints; what has no weights file is told by its name elsewhere.
            if info is not None and info.name != info.title:
                parts.append(info.name)
        words = plain_text.title(self._window.title_prefix + " — ".join([*parts, NAME]))
        if session is not None:
            # Qt puts its mark for unsaved changes in place of [*].
            before = plain_text.title("".join(f"{part} — " for part in parts))
            name = plain_text.title(session.name)
            words = f"{self._window.title_prefix}{before}{name}[*] — {NAME}"
        self._window.setWindowTitle(words)
        self._window.setWindowModified(session is not None and self._state.unsaved)

    def _show_picture(self) -> None:
        """Show the current image as it was left; while it is being read, the previous one stays."""
        image, canvas = self._state.current, self._window.canvas
        picture = self._state.picture_of(self._state.pane)
        self._placing = True
        if image is None or image.error:
            self._shown = None
            canvas.show_picture(None)
            canvas.show_values(None)
            self._window.status.show_zoom(None)
        elif picture is not None and self._shown is not picture:
            before, self._shown = self._shown, picture
            if before is not None and (self._shown_key, before.size) == (
                image.key,
                picture.size,
            ):
                canvas.replace_picture(picture)
                if self._state.explanation is None:
                    canvas.show_explanation(None)
            else:
                # A crop is another picture of the same image, and is seen as a whole.
                same = before is not None and self._shown_key == image.key
                canvas.show_picture(picture)
                canvas.look_relatively(None if same else _sight(image))
            self._shown_key = image.key
            self._show_levels(image)
        self._placing = False
        self._window.pages.show_pages(*((image.page, image.pages) if image else (1, 1)))
        self._show_canvas_message()

    def _note_sight(self) -> None:
        """Keep what is looked at, for coming back to the image."""
        if self._shown is not None and not self._placing:
            sight = self._window.canvas.relative_sight()
            place = (sight[0], sight[1].x(), sight[1].y()) if sight is not None else None
            self._controller.images.note_sight(self._shown_key, place)

    def _show_levels(self, image: OpenImage) -> None:
        loaded, text = image.loaded, ""
        if loaded is not None and loaded.shown is not None:
            text = f"Levels: {described(loaded.shown, loaded.depth)}"
        seen = self._state.loaded_of(self._state.pane)
        self._window.canvas.show_values(seen.depth if seen is not None else None, text)
        self._show_actions()

    def _show_canvas_message(self) -> None:
        state, canvas = self._state, self._window.canvas
        image = state.current
        if image is None:
            canvas.set_message("No image", "Drop images or a folder here, or press Ctrl+O")
        elif image.error:
            canvas.set_message("Cannot open this image", image.error)
        elif state.explain_error:
            canvas.set_message("" if image.picture else "No map", state.explain_error)
        else:
            canvas.set_message("")

    def _show_zoom(self, zoom: float) -> None:
        self._window.status.show_zoom(zoom if self._shown is not None else None)

    def _show_model(self) -> None:
        self._show_title()
        self._show_actions()

    # --- the explanation -------------------------------------------------------------------------

    def _show_answer(self) -> None:
        state, window = self._state, self._window
        explanation = state.explanation
        self._show_canvas_message()
        self._show_actions()
        if explanation is None:
            window.canvas.show_explanation(None)
            window.status.show_message(state.explain_error)
            return
        window.canvas.show_explanation(explanation)
        window.status.show_explanation(explanation)
        window.tree.set_explained(explanation.layer)
        if state.answer is not None:
            window.predictions.set_predictions(state.answer.predictions)
            window.predictions.set_scores(state.answer.probabilities)
        if explanation.asked.target is not None:
            window.predictions.select(explanation.target.index, explanation.target)
        else:
            # The map is about no class.
            window.predictions.select(None)

    def _show_selection(self) -> None:
        """Mark the selection at once; its map follows."""
        if self._state.target is not None and find(self._state.question.slug).of_class:
            self._window.predictions.select(self._state.target)

    def _draw_thumbnails(self) -> None:
        if self._state.sweep is None or not self._settings.get(table.SWEEP_ENABLED):
            self._window.tree.clear_thumbnails()
            return
        ratio = self._window.devicePixelRatioF()
        self._controller.sweeper.draw_thumbnails(round(_ROW_THUMBNAIL * ratio))

    def _show_thumbnails(self, drawn: dict[str, QImage]) -> None:
        for image in drawn.values():
            image.setDevicePixelRatio(self._window.devicePixelRatioF())
        self._window.tree.set_thumbnails(drawn)

    # --- settings and actions --------------------------------------------------------------------

    def _setting_changed(self, key: str) -> None:
        if key.startswith("display/"):
            self._show_display()
            if key != table.OPACITY.key:
                self._recolour.start()
        elif key == table.SWEEP_ENABLED.key:
            self._draw_thumbnails()

    def _show_display(self) -> None:
        display = self._settings.display()
        self._window.canvas.set_display(display)
        self._window.display.set_display(display)

    def _show_actions(self) -> None:
        state, actions = self._state, self._window.actions_by_id
        sheets = (f"sheet_{kind}" for kind, _ in SHEETS)
        actions.enable(("export", "figure", "copy", *sheets), state.explanation is not None)
        actions.enable(("close_image", "previous_image", "next_image"), state.current is not None)
        image = state.current
        actions.enable(("find_image",), len(state.images) > 1)
        actions.enable(("previous_page", "next_page"), image is not None and image.pages > 1)
        actions.enable(("levels_auto",), image is not None and image.levels != AUTO)
        actions.enable(("default_layer", "filter_layers", "find_class"), state.info is not None)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._recolour.start()
        return super().eventFilter(watched, event)


def _sight(image: OpenImage) -> Sight | None:
    if image.sight is None:
        return None
    zoom, x, y = image.sight
    return zoom, QPointF(x, y)

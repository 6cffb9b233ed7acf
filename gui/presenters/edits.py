"""Presents the edits of the current image: on the canvas, in the panel, and what they change."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, QPointF

from engine.edits.changes import CHANGES
from engine.errors import EditError
from engine.records.edits import Crop, Edit, Edits, Paste
from engine.records.images import LoadedImage, Region
from gui.controllers.controller import Controller
from gui.state.panes import Pane
from gui.state.state import State
from gui.window.main_window import MainWindow


class EditPresenter(QObject):
    """Shows edits while they are drawn as well as when they are done."""

    def __init__(self, window: MainWindow, state: State, controller: Controller) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._editor = editor = controller.what_if.editor
        self._curves = curves = controller.what_if.curves
        self._offset = QPointF()
        curves.changed.connect(self._show_curve)
        controller.what_if.places.changed.connect(
            lambda: window.canvas.show_explanation(
                controller.what_if.places.shown or state.explanation
            )
        )
        editor.drafted.connect(self._show)
        editor.selected_changed.connect(self._show)
        for changed in (
            state.edits_changed,
            state.image_updated,
            state.current_changed,
            state.panes_changed,
        ):
            changed.connect(self._show)
        # Once their pixels are there, edits that go on need no veil.
        controller.what_if.making.made.connect(lambda _key: window.edit_tool.unveil())
        state.live_changed.connect(self._show_live)
        state.answer_changed.connect(self._show_changes)
        state.current_changed.connect(self._show_changes)
        self._show()

    def _show(self, _changed: object = None) -> None:
        state, window, editor = self._state, self._window, self._editor
        image, pane = state.current, state.pane
        if image is not None and image.loaded is not None and state.picture_of(pane) is not None:
            # Until the picture is another one, coordinates are of the one on the screen.
            done = state.edits_of(pane)
            self._offset = _offset(done, image.loaded)
            window.canvas.set_original(image.picture if done.steps else None)
        edits = editor.edits
        error = image.edits_error if image is not None else ""
        window.what_if.show_edits(_untold(edits, state), editor.selected, error)
        window.edit_tool.show_edits(edits.steps, editor.selected, self._offset)
        actions, there = window.actions_by_id, bool(edits.steps)
        actions.enable(("clear_edits", "copy_edits", "export_edits"), there)
        actions.enable(("share_edits",), there and len(state.images) > 1)
        actions.enable(("remove_edit",), editor.chosen is not None)
        actions.enable(("paste_map",), isinstance(editor.chosen, Paste))
        actions.enable(("open_edits",), image is not None)

    def _show_live(self) -> None:
        """While edits are drawn, the numbers change and the rows stay."""
        live, panel = self._state.live, self._window.predictions
        if live is not None:
            panel.set_before(live.before)
            panel.show_live(live.logits, live.probabilities)

    def _show_changes(self) -> None:
        answer = self._state.answer
        if answer is not None:
            self._window.predictions.set_before(answer.before)

    def _show_curve(self) -> None:
        """The probability over the slider's range, or the logit where there is none."""
        curves, view = self._curves, self._window.what_if.change.curve
        view.setVisible(curves.what is not None)
        if curves.curve is None or curves.what is None:
            view.clear(curves.problem or ("Computing the curve…" if curves.what else ""))
            return
        found, reach = curves.curve, CHANGES[curves.what]
        percent = found.probabilities is not None
        values = found.probabilities if found.probabilities is not None else found.logits
        view.show_curve(
            found.amounts, values.tolist(), found.target.label, reach.unit, percent=percent
        )


def _untold(edits: Edits, state: State) -> tuple[Edit, ...]:
    """The edits as a list shows them: names of DICOM files without their patients."""
    if not any(isinstance(step, Paste) for step in edits.steps):
        return edits.steps
    from engine.edits.told import is_named_as_dicom, nameless

    images = state.images.values()
    known = [image.loaded for image in images]
    known += [image.edited.loaded for image in images if image.edited is not None]
    read = {str(image.path) for image in images if image.loaded is not None} | {*state.pieces}
    for image in images:
        done = image.edited.edits.steps if image.edited is not None else ()
        read |= {step.source for step in done if isinstance(step, Paste)}

    def masked(text: str) -> str:
        if text not in read and is_named_as_dicom(text):
            # Switched off, or not read yet.
            text = nameless(text).masked(text)
        for image in known:
            text = image.named(text, subject=False) if image is not None else text
        return text

    return tuple(
        replace(step, source=masked(step.source)) if isinstance(step, Paste) else step
        for step in edits.steps
    )


def _offset(done: Edits, image: LoadedImage) -> QPointF:
    """Of what is shown in the image as its file has it."""
    if not done.steps:
        return QPointF()
    from engine.edits.apply import frame_of

    frame = frame_of(done, image.width, image.height)
    return QPointF(frame.x, frame.y)


def frame_in(state: State, pane: Pane) -> Region | None:
    """What the crops of a pane's image leave of it, in pixels of the image; None where the pane
    shows nothing else."""
    image, shown = state.images.get(pane.current_key or ""), state.loaded_of(pane)
    if image is None or shown is None or state.edits_of(pane).steps:
        return None
    if not any(isinstance(step, Crop) for step in image.edits.active):
        return None
    from engine.edits.apply import frame_of

    try:
        return frame_of(image.edits, shown.width, shown.height)
    except EditError:  # said in the panel
        return None

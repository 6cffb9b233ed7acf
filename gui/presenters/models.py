"""Shows the open model: its layers, its classes, and its name and device in the status bar."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication

from engine.escaping import LINE
from engine.records.models import LayerNode
from gui.state.state import State
from gui.toolkit import plain_text
from gui.widgets.layers.rows import count_text
from gui.window.main_window import MainWindow


class ModelPresenter(QObject):
    """Keeps the tree, the list of classes and the labels of the model up to date."""

    def __init__(self, window: MainWindow, state: State, parent: QObject) -> None:
        super().__init__(parent)
        self._window = window
        self._state = state
        self._shown_layers: tuple[LayerNode, ...] = ()
        state.engine_changed.connect(self._show_model)
        state.model_changed.connect(self._show_model)
        state.current_changed.connect(self._show_classes)
        self._show_model()
        self._show_classes()

    def _show_model(self) -> None:
        state, window = self._state, self._window
        info = state.info
        if info is None:
            self._show_no_model()
        elif not state.model_loading and state.layers is not self._shown_layers:
            self._shown_layers = state.layers
            window.tree.set_layers(state.layers, info.name)
            if QApplication.focusWidget() in (None, window.canvas):
                window.tree.setFocus()
            if state.layer:
                window.tree.select(state.layer)
            window.predictions.set_classes(info.classes)
            self._show_classes()
        if info is not None:
            count = f"{info.counted} · {count_text(info.parameters)} parameters"
            window.model_label.show_text(f"{info.name}  ·  {count}")
            source, weights = (plain_text.line(t, LINE) for t in (info.source, info.weights))
            window.model_label.setToolTip(plain_text.tip(f"{source}\nWeights: {weights}"))
        device = info.device if info is not None else (state.engine.device if state.engine else "")
        window.device_label.show_text(device.upper())
        window.device_label.setVisible(bool(device))
        window.device_label.setToolTip("Compute device")

    def _show_no_model(self) -> None:
        state, window = self._state, self._window
        if state.engine_error is not None:
            text = f"Cannot load the engine.\n{state.engine_error}"
        elif state.engine is None:
            text = "Loading the engine…"
        elif state.model_loading is not None:
            text = f"Opening {state.model_loading.title}…"
        elif state.model_error:
            text = state.model_error
        else:
            text = "No model. Open one with the button above."
        window.tree.set_message(text)
        window.predictions.set_message(
            "Loading the engine…" if state.engine is None else "No model"
        )
        window.model_label.show_text("")

    def _show_classes(self) -> None:
        state, panel = self._state, self._window.predictions
        if state.info is None:
            return
        if state.answer is None:
            panel.set_predictions(())
            panel.set_scores(None)
            panel.select(None)
            panel.set_message("No image" if state.current is None else "")

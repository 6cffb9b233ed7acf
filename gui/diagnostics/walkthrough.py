"""The walkthrough of the self-test: operates the program step by step, each step a method.

Nothing below the level of a mouse click is simulated: window, lanes and engine are the real ones.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QModelIndex, QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView

from engine.errors import HookscopeError
from engine.formats.demo import SCENES
from gui.controllers.controller import Controller
from gui.diagnostics.measures import (
    Gaps,
    Record,
    StepFailed,
    Waiter,
    Watch,
    check_export,
    process_age,
    resident_bytes,
)
from gui.jobs.lanes import Job
from gui.state.notices import Notice, NoticeKind
from gui.state.state import State
from gui.widgets.layers.model import LayerModel
from gui.widgets.predictions.model import ClassModel
from gui.window.main_window import MainWindow

if TYPE_CHECKING:
    from engine.records.exports import ExportChoice
    from gui.settings.store import Settings

_BUSY_S = 3.0
_BIG = (4000, 3000)
_ENGINE_S, _ANSWER_S, _SOON_S = 180.0, 60.0, 30.0


STEPS = {
    "engine": "Load the engine",
    "first overlay": "Explain an image",
    "click layer": "Explain another layer",
    "click class": "Explain another class",
    "zoom": "Zoom in",
    "thumbnails": "Compute the maps of all layers",
    "keep busy": "Many clicks on a 12-megapixel image",
    "export": "Export image, map and metadata",
    "quit": "Close the window cleanly",
}
"""The steps: titles by the names used in the report."""


class Walked(Protocol):
    """A complete program with its window, as the walkthrough needs it."""

    @property
    def window(self) -> MainWindow: ...
    @property
    def state(self) -> State: ...
    @property
    def controller(self) -> Controller: ...
    @property
    def settings(self) -> Settings: ...
    def start(self) -> None:
        """Show the window, load the engine, open the first scene."""

    def export(self, choice: ExportChoice) -> None:
        """Export the current view."""


class Walkthrough:
    """One run through the program. folder: for its settings and exports."""

    def __init__(self, program: Walked, folder: Path, record: Record) -> None:
        self.program = program
        self.folder = folder
        self.record = record
        self.gaps = Gaps()
        self.waiter = Waiter()
        self._exported = False
        self._thumbnails = False
        self.watch = Watch(program.window.canvas.viewport(), self.waiter.stir)
        self._connect()

    def _connect(self) -> None:
        program, state = self.program, self.program.state
        program.controller.exports.written.connect(self._note_export)
        program.controller.sweeper.thumbnails_ready.connect(self._note_thumbnails)
        state.noticed.connect(self._note_error)
        state.engine_changed.connect(self.gaps.start)
        state.answer_changed.connect(self._note_answer)
        for signal in (
            state.engine_changed,
            state.model_changed,
            state.current_changed,
            state.answer_changed,
            state.sweep_changed,
            state.noticed,
        ):
            signal.connect(self.waiter.stir)

    # --- what is noted and waited for ------------------------------------------------------------

    def _note_answer(self) -> None:
        self.watch.note_answer()
        self.waiter.error = self.waiter.error or self.program.state.explain_error

    def _note_error(self, notice: Notice) -> None:
        if notice.kind == NoticeKind.ERROR:
            self.waiter.error = notice.text

    def _note_export(self, _task: object) -> None:
        self._exported = True
        self.waiter.stir()

    def _note_thumbnails(self, _drawn: object) -> None:
        self._thumbnails = True
        self.waiter.stir()

    def _wait_shown(self, layer: str | None, target: int | None, what: str) -> None:
        """Wait until the map of a layer and a class (None: any) is painted."""
        state, watch = self.program.state, self.watch

        def met() -> bool:
            shown = state.explanation
            return (
                shown is not None
                and not state.computing
                and layer in (None, shown.layer)
                and target in (None, shown.target.index)
                and watch.painted > watch.answered > 0
            )

        self.waiter.wait(met, _ANSWER_S, what)

    # --- steps -----------------------------------------------------------------------------------

    def run(self) -> bool:
        """Run the steps in order, up to the first failure; whether all passed."""
        self.program.start()
        return all(self.record.take(name, getattr(self, name.replace(" ", "_"))) for name in STEPS)

    def engine(self) -> str:
        """The engine and the demo network are loaded."""
        state = self.program.state
        self.waiter.wait(lambda: state.info is not None, _ENGINE_S, "loading the engine")
        if state.engine is None or state.info is None:
            raise StepFailed("a model without an engine")
        self.record.figures["torch_import_s"] = round(state.engine.torch_import_s, 3)
        return f"{state.info.title} on {state.info.device}"

    def first_overlay(self) -> str:
        """The demo is explained without any action."""
        self._wait_shown(None, None, "first overlay")
        self.record.figures["first_overlay_s"] = round(process_age(), 3)
        return self._shown()

    def click_layer(self) -> str:
        """A click in the tree explains that layer."""
        layer = self._other_layers()[-1]
        started = time.perf_counter()
        self._click_layer(layer)
        self.record.figures["second_click_s"] = round(time.perf_counter() - started, 3)
        return self._shown()

    def click_class(self) -> str:
        """A click on the second prediction explains that class."""
        self._click_class(1)
        return self._shown()

    def zoom(self) -> str:
        """The wheel zooms in."""
        canvas, handle = self.program.window.canvas, self.program.window.windowHandle()
        before = canvas.zoom
        middle = canvas.viewport().mapTo(self.program.window, canvas.viewport().rect().center())
        QTest.wheelEvent(handle, QPointF(middle), QPoint(0, 120))
        self.waiter.wait(lambda: canvas.zoom > before, _SOON_S, "zooming")
        return f"{before:.2f} to {canvas.zoom:.2f}"

    def thumbnails(self) -> str:
        """Every layer gets its map when the engine is idle."""
        state = self.program.state
        self.waiter.wait(lambda: state.sweep is not None and self._thumbnails, _ANSWER_S, "sweep")
        # The demo is open and all its layers are mapped: the memory of the idle program.
        self.record.figures["resident_mb"] = round(resident_bytes() / 1e6)
        return f"{len(state.sweep.explanations) if state.sweep is not None else 0} layers"

    def keep_busy(self) -> str:
        """Click and sweep on a large image for some seconds, to measure stalls."""
        self._open_big()
        state = self.program.state
        end = time.perf_counter() + _BUSY_S
        clicks = sweeps = 0
        while time.perf_counter() < end:
            layers = self._other_layers()
            self._click_layer(layers[clicks % len(layers)])
            self._click_class(clicks // 2 % 2)
            clicks += 2
            self.waiter.wait(lambda: state.sweep is not None, _ANSWER_S, "sweep")
            sweeps += 1
        self.gaps.stop()
        self.record.figures |= self.gaps.figures()
        return f"{clicks} clicks, {sweeps} waits for a sweep, {len(self.gaps.gaps)} gaps"

    def export(self) -> str:
        """Image, map and JSON are written and match the view."""
        picture, map, facts = (self.folder / f"explained.{s}" for s in ("png", "npy", "json"))
        from engine.records.exports import ExportChoice

        choice = ExportChoice(picture, map, facts, colorbar=False, caption=False)
        self.program.export(choice)
        self.waiter.wait(lambda: self._exported, _SOON_S, "export")
        image, shown = self.program.state.current, self.program.state.explanation
        if image is None or image.loaded is None or shown is None:
            raise StepFailed("nothing is shown any more")
        display = self.program.settings.display()
        return check_export(picture, map, facts, image.loaded, shown, display)

    def quit(self) -> str:
        """The window closes, the threads end, the settings are written."""
        window, controller = self.program.window, self.program.controller
        window.close()
        if window.isVisible() or any(
            lane.alive for lane in (controller.engine_lane, controller.file_lane)
        ):
            raise StepFailed("the window or a thread is still there")
        if not (self.folder / "settings.ini").is_file():
            raise StepFailed("the settings were not written")
        return "threads ended"

    # --- what the steps are made of --------------------------------------------------------------

    def _shown(self) -> str:
        shown = self.program.state.explanation
        return f"{shown.layer} for {shown.target.label}" if shown is not None else ""

    def _other_layers(self) -> list[str]:
        """The explainable layers other than the current one, in tree order."""
        state = self.program.state
        shown = state.explanation.layer if state.explanation is not None else ""
        nodes = (node for node in state.layers if node.explainable and node.calls == 1)
        return [node.name for node in nodes if node.name and node.name != shown]

    def _click_layer(self, layer: str) -> None:
        view = self.program.window.tree.findChild(QAbstractItemView)
        model = view.model() if isinstance(view, QAbstractItemView) else None
        if not isinstance(view, QAbstractItemView) or not isinstance(model, LayerModel):
            raise StepFailed("the window has no layer tree")
        self._click(view, model.index_of(layer), layer)
        self._wait_shown(layer, None, f"explaining {layer}")

    def _click_class(self, row: int) -> None:
        """Click a row of the predictions and wait for its class."""
        for view in self.program.window.predictions.findChildren(QAbstractItemView):
            model = view.model()
            if view.isVisible() and isinstance(model, ClassModel):
                index = model.index(row, 0)
                target = model.class_at(index)
                self._click(view, index, f"prediction {row + 1}")
                self._wait_shown(None, target, f"explaining prediction {row + 1}")
                return
        raise StepFailed("the window shows no predictions")

    def _click(self, view: QAbstractItemView, index: QModelIndex, what: str) -> None:
        view.scrollTo(index)
        rect = view.visualRect(index)
        if not index.isValid() or rect.isEmpty():
            raise StepFailed(f"{what} is not on the screen")
        QTest.mouseClick(
            view.viewport(),
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            rect.center(),
        )

    def _open_big(self) -> None:
        """Open an image of 12 megapixels, created on the file lane."""
        state, path = self.program.state, self.folder / "big.jpg"

        def draw(_watch: object) -> None:
            if not QImage(str(SCENES[0].path)).scaled(*_BIG).save(str(path)):
                raise HookscopeError(f"cannot write {path}")

        controller = self.program.controller
        job = Job("Drawing", draw)
        job.failed.connect(lambda error: state.notify(NoticeKind.ERROR, str(error)))
        job.finished.connect(lambda _: controller.images.open_paths([path]))
        controller.file_lane.submit(job)
        self.waiter.wait(
            lambda: state.explanation is not None and state.explanation.image_size == _BIG,
            _ANSWER_S,
            "a large image",
        )

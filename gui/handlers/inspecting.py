"""Handles the gestures of the inspector: tabs, tiles, the line on the canvas, and saving charts."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QEvent, QLineF, QObject, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from engine.records.workbench.trust import TrustSettings
from gui.controllers.controller import Controller
from gui.handlers.chart_saving import ask
from gui.handlers.inspector.trusting import TrustGestures
from gui.settings import table
from gui.settings.store import Settings
from gui.state.inspected import Kind
from gui.window.main_window import MainWindow

if TYPE_CHECKING:
    from gui.toolkit.charts.chart import Chart


class Inspecting(QObject):
    """Connects the drawer, its pages and their charts."""

    def __init__(self, window: MainWindow, controller: Controller, settings: Settings) -> None:
        super().__init__(window)
        self._window = window
        self._drawer = window.drawer
        self._controller = controller
        self._inspections = controller.inspections
        self._settings = settings
        self._pressed: QPointF | None = None
        self._restore()
        drawer, action = self._drawer, window.actions_by_id["inspector"]
        action.triggered.connect(lambda on: settings.set(table.INSPECTOR, on))
        drawer.chosen.connect(lambda page: settings.set(table.INSPECTOR_PAGE, page))
        drawer.folded.connect(lambda on: settings.set(table.INSPECTOR_FOLDED, on))
        drawer.resized.connect(lambda height: settings.set(table.INSPECTOR_HEIGHT, height))
        settings.changed.connect(self._setting_changed)
        window.line_tool.drawn.connect(self._drawn)
        self._show()

    def back(self) -> bool:
        """Stop drawing, or show the map in place of a channel; whether there was either."""
        if self._window.line_tool.on:
            self._end_line()
            return True
        if self._window.box_tool.on:
            self._drawer.trust.drawing_ended()
            return True
        return self._inspections.leave_channel()

    # --- the drawer ------------------------------------------------------------------------------

    def _restore(self) -> None:
        settings = self._settings
        self._drawer.restore(
            settings.get(table.INSPECTOR_PAGE),
            settings.get(table.INSPECTOR_FOLDED),
            settings.get(table.INSPECTOR_HEIGHT),
        )

    def _setting_changed(self, key: str) -> None:
        if key == table.INSPECTOR.key:
            if self._settings.get(table.INSPECTOR):
                self._settings.set(table.INSPECTOR_FOLDED, False)
            self._restore()
            self._show()
            if self._settings.get(table.INSPECTOR):
                self._drawer.focus_page()

    def _show(self) -> None:
        on = self._settings.get(table.INSPECTOR)
        if on and not self._drawer.filled:
            self._drawer.fill()
            self._connect_pages()
        self._window.actions_by_id.check("inspector", on)
        self._window.strip.set_titled(not on)
        self._drawer.set_shown(on)

    def _connect_pages(self) -> None:
        drawer = self._drawer
        drawer.film.layer_chosen.connect(self._choose_layer)
        drawer.film.view.side_changed.connect(self._draw_film)
        drawer.channels.changed.connect(self._change_channels)
        drawer.channels.channel_chosen.connect(self._choose_channel)
        drawer.channels.image_chosen.connect(self._choose_image)
        drawer.numbers.line_wanted.connect(self._draw_line)
        drawer.numbers.line_named.connect(self._inspections.name_line)
        self._window.line_tool.ended.connect(self._end_line)
        self._window.line_tool.stepped.connect(
            lambda across, down, end: self._inspections.step_line(across, down, end=end)
        )
        self._window.canvas.viewport().installEventFilter(self)
        TrustGestures(self._window, self._controller.trusting, self._settings)
        own = drawer.channels.histogram, drawer.numbers.histogram, drawer.numbers.profile
        for chart in (*own, drawer.trust.lines, drawer.trust.bars):
            chart.save_wanted.connect(self._save)

    def _draw_film(self) -> None:
        side = self._drawer.film.view.side * self._window.devicePixelRatioF()
        self._inspections.draw_film(round(side))

    # --- layers and channels ---------------------------------------------------------------------

    def _choose_layer(self, address: str) -> None:
        self._window.tree.select(address)
        self._controller.choose_layer(address)

    def _choose_channel(self, index: int) -> None:
        """Show a channel on the image; again, the map."""
        if self._inspections.shown is not None and self._inspections.channel == index:
            self._inspections.leave_channel()
        else:
            self._ask_for(index)

    def _choose_image(self, key: str) -> None:
        """Go to an image on which the channel is strong, and show the channel there."""
        page = self._drawer.channels
        self._inspections.carry_channel(cast(Kind, page.kind), relu=page.after_relu)
        self._controller.images.select(key)

    def _change_channels(self) -> None:
        self._inspections.channels_changed.emit()
        if self._inspections.shown is not None and self._inspections.channel is not None:
            self._ask_for(self._inspections.channel)

    def _ask_for(self, index: int) -> None:
        page = self._drawer.channels
        self._inspections.show_channel(index, cast(Kind, page.kind), relu=page.after_relu)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A click on the image, which is no drag, leaves the channel that it shows."""
        if isinstance(event, QMouseEvent) and event.button() == Qt.MouseButton.LeftButton:
            if event.type() == QEvent.Type.MouseButtonPress:
                self._pressed = event.position()
            elif event.type() == QEvent.Type.MouseButtonRelease and self._pressed is not None:
                moved = (event.position() - self._pressed).manhattanLength()
                self._pressed = None
                if moved < QApplication.startDragDistance():
                    self._inspections.leave_channel()
        return super().eventFilter(watched, event)

    # --- numbers ---------------------------------------------------------------------------------

    def _draw_line(self, on: bool) -> None:
        self._window.line_tool.set_on(on)
        if on:
            # Which takes the arrow keys.
            self._window.canvas.setFocus(Qt.FocusReason.OtherFocusReason)

    def _end_line(self) -> None:
        """The line is as wanted; the keyboard goes back to where it was asked for."""
        numbers, canvas = self._drawer.numbers, self._window.canvas
        asked = canvas.hasFocus() and numbers.draw.isChecked()
        numbers.drawing_ended()
        if asked:
            numbers.draw.setFocus(Qt.FocusReason.OtherFocusReason)

    def _drawn(self, line: QLineF) -> None:
        start, end = line.p1(), line.p2()
        self._inspections.set_line(((start.x(), start.y()), (end.x(), end.y())))

    def _save(self, chart: Chart, what: str) -> None:
        """Ask where, and write a chart as a picture or as values."""
        ask(self._window, self._settings, chart, what, partial(self._write, chart))

    def _write(self, chart: Chart, path: Path, data: bytes) -> None:
        page, trusting = self._drawer.trust, self._controller.trusting
        trust = None
        if chart in (page.lines, page.bars):
            trust = TrustSettings(fill=trusting.fill, threshold=trusting.threshold)
        numbers, shown = self._drawer.numbers, self._inspections.shown
        # These are of what is seen: of a channel in place of the map, if one is.
        of_screen = chart in (numbers.histogram, numbers.profile)
        channel = shown.subject if of_screen and shown is not None else ""
        charts, axes = self._controller.charts, (chart.across, chart.up)
        facts = charts.facts_of(chart.name, axes, channel=channel, trust=trust)
        charts.write(path, data, facts)

"""Fills the pages of the inspector from the state and from what its controller has found."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from PySide6.QtCore import QLineF, QObject, QPointF, QTimer
from PySide6.QtGui import QImage

from engine.methods.registry import find
from engine.records.channels import By
from engine.records.display import DisplaySettings, Sign
from engine.render.profile import profile
from engine.render.ticks import number_text
from gui.controllers.inspector.inspecting import Inspections
from gui.settings import table
from gui.settings.store import Settings
from gui.state.inspected import ChannelGallery, Kind
from gui.state.state import State
from gui.toolkit.imaging import map_thumbnail
from gui.widgets.inspector.tiles import Tile
from gui.window.main_window import MainWindow

_MOST_STRONGEST = 24
_RECOLOUR_MS = 150
OFF = "Layer thumbnails are off. Press T, or choose View > Layer thumbnails, to compute them."
ON_THE_WAY = "The maps of all layers are computed while the program is idle."


class InspectorPresenter(QObject):
    """Shows nothing but on the page that is open."""

    def __init__(
        self, window: MainWindow, state: State, inspections: Inspections, settings: Settings
    ) -> None:
        super().__init__(window)
        self._window = window
        self._drawer = window.drawer
        self._state = state
        self._inspections = inspections
        self._settings = settings
        self._layers: dict[str, str] = {}
        self._pictures: dict[str, QImage] = {}
        self._recolour = QTimer(self)
        self._recolour.setSingleShot(True)
        self._recolour.setInterval(_RECOLOUR_MS)
        self._recolour.timeout.connect(self._show_colours)
        self._connect()

    def _connect(self) -> None:
        state, inspections = self._state, self._inspections
        self._drawer.opened.connect(self._opened)
        self._settings.changed.connect(self._setting_changed)
        for signal in (state.answer_changed, state.current_changed):
            signal.connect(self._show_film)
            signal.connect(self._show_numbers)
        state.sweep_changed.connect(self._show_film)
        inspections.channels_changed.connect(self._show_channels)
        inspections.shown_changed.connect(self._show_channel)
        inspections.line_changed.connect(self._show_line)
        inspections.film_ready.connect(self._show_pictures)
        inspections.strongest.changed.connect(self._show_strongest)

    def _opened(self, page: str) -> None:
        """Show a page; the channel and the line of another one leave the canvas."""
        self._inspections.look_at(page)
        if page != "numbers":
            self._inspections.set_line(None)
            self._window.line_tool.set_on(False)
        self._show_film()
        self._show_channels()
        self._show_strongest()
        self._show_numbers()

    def _is_open(self, page: str) -> bool:
        return self._drawer.filled and self._drawer.current == page

    def _setting_changed(self, key: str) -> None:
        if key.startswith("display/") and key != table.OPACITY.key:
            self._recolour.start()
        elif key == table.SWEEP_ENABLED.key:
            self._show_film()

    def _show_colours(self) -> None:
        self._draw_film()
        self._show_channels()
        self._show_numbers()

    # --- layers ----------------------------------------------------------------------------------

    def _show_film(self) -> None:
        if not self._is_open("layers"):
            return
        sweep, film, explained = self._state.sweep, self._drawer.film, self._state.explanation
        if sweep is None:
            self._layers = {}
            film.set_message(self._no_film())
            return
        layers = self._in_order()
        if layers != self._layers:
            self._layers = layers
            shapes = {name: sweep.explanations[name].map.shape for name in layers.values()}
            film.set_layers([(name, f"{shape[0]} × {shape[1]}") for name, shape in shapes.items()])
        self._draw_film()
        film.mark(layers.get(explained.layer, "") if explained is not None else "")

    def _in_order(self) -> dict[str, str]:
        """By the name of each layer, first to last, the one that stands for it in the film.

        Modules that return the same output share one map, which is shown once.
        """
        sweep = self._state.sweep
        found = sweep.explanations if sweep is not None else {}
        places = {node.name: node.place for node in self._state.layers}

        def place(name: str) -> tuple[int, str]:
            module, _, call = name.partition("#")
            return places.get(module, 0), call

        first: dict[int, str] = {}
        return {
            name: first.setdefault(id(found[name].map), name) for name in sorted(found, key=place)
        }

    def _no_film(self) -> str:
        state, method = self._state, find(self._state.method)
        if not self._settings.get(table.SWEEP_ENABLED):
            return OFF
        if not method.swept:
            return f"{method.title} is not computed for all layers at once."
        return ON_THE_WAY if state.current is not None and state.info is not None else ""

    def _draw_film(self) -> None:
        if self._is_open("layers"):
            ratio = self._window.devicePixelRatioF()
            self._inspections.draw_film(round(self._drawer.film.view.side * ratio))

    def _show_pictures(self, drawn: dict[str, QImage]) -> None:
        if self._drawer.filled:
            self._drawer.film.set_pictures(drawn)

    # --- channels --------------------------------------------------------------------------------

    def _show_channels(self) -> None:
        if not self._is_open("channels"):
            return
        page, found = self._drawer.channels, self._inspections
        gallery = found.gallery
        if gallery is None:
            words = "Computing the channels…" if found.busy else found.problem
            page.set_message(words or "Channels appear once there is a map.")
            return
        display, kind = self._channel_display(gallery), cast(Kind, page.kind)

        def draw(key: str, side: int) -> QImage:
            return map_thumbnail(gallery.tile(int(key), kind), display, side)

        one = gallery.channels.explanation
        words = f"{one.layer}  ·  {len(gallery.channels.weights)} channels  ·  {one.sentence}"
        page.set_channels(words, _tiles(gallery, cast(By, page.order)), draw)
        page.histogram.set_values(gallery.channels.weights)

    def _channel_display(self, gallery: ChannelGallery) -> DisplaySettings:
        """Both signs before ReLU, one colour map after it."""
        page = self._drawer.channels
        kind = cast(Kind, page.kind)
        end = gallery.end(kind, positive=page.after_relu) if page.on_one_scale else 0.0
        sign: Sign = "positive" if page.after_relu else "signed"
        return replace(self._settings.display(), sign=sign, end=end or None, interpolation="grid")

    def _show_channel(self) -> None:
        """Show a channel on the canvas, or the map again."""
        shown = self._inspections.shown
        self._window.canvas.show_explanation(shown or self._state.explanation)
        if self._is_open("channels"):
            self._drawer.channels.mark(self._inspections.channel if shown else None)
        self._show_strongest()
        self._show_numbers()

    def _show_strongest(self) -> None:
        if not self._is_open("channels"):
            return
        page, channel = self._drawer.channels, self._inspections.channel
        if channel is None or self._inspections.shown is None:
            page.show_strongest("", (), _nothing)
            return
        strongest = self._inspections.strongest
        seen, total = strongest.progress
        words = f"Strongest images of channel {channel}"
        if seen < total:
            words += f", {seen} of {total} seen" if strongest.running else f", {seen} of {total}"
        tiles = [
            Tile(key, self._state.images[key].title, number_text(peak))
            for key, peak in strongest.ranked(channel)[:_MOST_STRONGEST]
        ]
        page.show_strongest(words, tiles, self._window.strip.thumbnail)

    # --- numbers ---------------------------------------------------------------------------------

    def _show_numbers(self) -> None:
        if not self._is_open("numbers"):
            return
        page, shown = self._drawer.numbers, self._inspections.on_canvas
        if shown is None:
            page.set_map(None, "There is no map yet.")
        else:
            rows, columns = shown.map.shape
            place = shown.layer or find(shown.method).title
            said = shown.subject if shown.measured else shown.sentence
            page.set_map(shown.map, f"{place}  ·  {said}  ·  {rows} × {columns} cells")
        self._show_line()

    def _show_line(self) -> None:
        line, shown = self._inspections.line, self._inspections.on_canvas
        tool = self._window.line_tool
        tool.show_line(QLineF(*(QPointF(*point) for point in line)) if line else None)
        if self._is_open("numbers"):
            found = None
            if line is not None and shown is not None:
                found = profile(shown, *line, self._settings.display().interpolation)
            self._drawer.numbers.set_profile(found)


def _nothing(_key: str, _side: int) -> None:
    return None


def _tiles(gallery: ChannelGallery, by: By) -> list[Tile]:
    channels = gallery.channels
    values = {
        "contribution": channels.contributions,
        "weight": channels.weights,
        "activation": channels.activations,
        "gradient": channels.gradients,
    }
    return [
        Tile(
            str(index),
            str(index),
            number_text(float(values[by][index])),
            "\n".join(
                [f"channel {index}", *(f"{name} {values[name][index]:.6g}" for name in values)]
            ),
        )
        for index in channels.order(by)
    ]

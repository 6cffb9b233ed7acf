"""What the inspector shows: channels of the explained layer, and the film strip of all layers.

Nothing is computed but for the page that is open. Each answer belongs to one image, model, layer,
class and question; it is dropped when these change.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from engine.errors import HookscopeError
from engine.records.channels import ChannelMaps
from engine.records.explanations import Explanation
from engine.records.images import LoadedImage
from engine.render.profile import Line, line_through, moved
from gui.controllers.inspector.strongest import Strongest
from gui.jobs import channel_work
from gui.jobs.colouring import map_thumbnails
from gui.jobs.engine_worker import EngineWorker
from gui.jobs.lanes import Job, Lane, Priority
from gui.settings.store import Settings
from gui.settings.table import EXACT
from gui.state.inspected import ChannelGallery, Kind, as_map
from gui.state.notices import NoticeKind
from gui.state.records import Request
from gui.state.state import State

ONE_LAYER = "Channels are those of one layer. Choose a single layer in the tree."
STOPPED = "Stopped."


class Inspections(QObject):
    """Asks the lanes for what the open page shows.

    channels_changed: gallery or problem is another. shown_changed: a channel is to be seen on the
    image, or no longer. line_changed: the line of the profile is another. film_ready(dict of QImage
    by layer).
    """

    channels_changed = Signal()
    shown_changed = Signal()
    line_changed = Signal()
    film_ready = Signal(object)

    def __init__(
        self,
        state: State,
        settings: Settings,
        engine_lane: Lane,
        file_lane: Lane,
        worker: EngineWorker,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._settings = settings
        self._engine_lane = engine_lane
        self._file_lane = file_lane
        self._worker = worker
        self._page = ""
        self._asked: Request | None = None
        self.gallery: ChannelGallery | None = None
        self.problem = ""
        self.channel: int | None = None
        self.shown: Explanation | None = None
        self._carried: tuple[str, int, Kind, bool] | None = None
        self.line: Line | None = None
        self._line_of = ""
        self.strongest = Strongest(state, engine_lane, worker, self)
        for signal in (state.answer_changed, state.current_changed, state.model_changed):
            signal.connect(self._follow)
        state.computing_changed.connect(self._follow)
        for signal in (state.answer_changed, state.current_changed):
            signal.connect(self._left)

    def look_at(self, page: str) -> None:
        """Set the page that is open; '' for none, which ends all work."""
        self._page = page
        self._carried = None
        if page != "channels":
            self.strongest.forget()
            self._engine_lane.cancel("channels")
            self._engine_lane.cancel("channel")
            if self.gallery is None:
                self._asked = None
        self._follow()

    def stop(self) -> None:
        """Stop what is under way; it is asked for again when something else is selected."""
        self.strongest.stop()
        self._engine_lane.cancel("channels")
        self._engine_lane.cancel("channel")

    @property
    def busy(self) -> bool:
        """Whether channels are being computed."""
        return self._asked is not None and self.gallery is None and not self.problem

    # --- channels --------------------------------------------------------------------------------

    def _follow(self, *_: object) -> None:
        """Ask for the channels of what is explained, if their page is open."""
        state = self._state
        if self._page != "channels":
            if self.gallery is not None and self._request() != self._asked:
                self._asked = self.gallery = None
            return
        if state.computing:
            if self.busy:
                # The map comes first.
                self._set(None, None, "")
            return
        request = self._request()
        if request is None:
            self._set(None, None, self._reason())
        elif request != self._asked:
            self._set(request, None, "")
            found = state.loaded_of(state.pane)
            assert found is not None
            loaded: LoadedImage = found
            job = Job(
                f"Channels of {request.layer}",
                lambda watch: channel_work.gallery(self._worker, loaded, request, watch),
                slot="channels",
            )
            job.finished.connect(lambda found: self._answered(request, found))
            job.failed.connect(lambda error: self._failed(request, error))
            job.cancelled.connect(lambda: self._failed(request, HookscopeError(STOPPED)))
            self._engine_lane.submit(job)

    def _reason(self) -> str:
        """Why there are no channels to show."""
        explanation = self._state.explanation
        return ONE_LAYER if explanation is not None and explanation.fused else ""

    def _request(self) -> Request | None:
        state = self._state
        image, source, info = state.current, state.model_source, state.info
        shown = state.explanation
        if image is None or source is None or info is None:
            return None
        if state.loaded_of(state.pane) is None:
            return None
        if shown is None or shown.fused or state.model_loading is not None:
            return None
        return Request(
            0,
            image.key,
            source.key,
            shown.layer or state.layer or info.default_layer,
            shown.target.index,
            revision=image.revision,
            exact=self._settings.get(EXACT),
            question=state.answered,
            edits=state.edits_of(state.pane),
        )

    def _set(self, asked: Request | None, gallery: ChannelGallery | None, problem: str) -> None:
        if (asked, gallery, problem) == (self._asked, self.gallery, self.problem):
            return
        if gallery is None:
            self.strongest.forget()
            self._engine_lane.cancel("channels")
            self.leave_channel()
        self._asked, self.gallery, self.problem = asked, gallery, problem
        self.channels_changed.emit()

    def _answered(self, request: Request, gallery: ChannelGallery) -> None:
        if request != self._asked:
            return
        self._set(request, gallery, "")
        carried, self._carried = self._carried, None
        if carried is not None and carried[0] == request.layer:
            self.show_channel(carried[1], carried[2], relu=carried[3])

    def _failed(self, request: Request, error: HookscopeError) -> None:
        if request == self._asked:
            self._set(request, None, str(error))

    # --- one channel -----------------------------------------------------------------------------

    def show_channel(self, index: int, kind: Kind, *, relu: bool) -> None:
        """Ask for one channel as a map; channel_ready follows. relu: without what is below zero."""
        gallery, found = self.gallery, self._state.loaded_of(self._state.pane)
        if gallery is None or found is None:
            return
        self.channel = index
        loaded: LoadedImage = found
        job = Job(
            f"Channel {index} of {gallery.request.layer}",
            lambda watch: channel_work.channel(self._worker, loaded, gallery.request, index, watch),
            slot="channel",
            priority=Priority.CLICK,
        )
        job.finished.connect(lambda maps: self._channel_found(gallery, maps, kind, relu=relu))
        job.failed.connect(lambda error: self._state.notify(NoticeKind.ERROR, str(error)))
        self._engine_lane.submit(job)
        self.strongest.look_for(gallery)

    def _channel_found(
        self, gallery: ChannelGallery, maps: ChannelMaps, kind: Kind, *, relu: bool
    ) -> None:
        index = maps.channels[0]
        if gallery is not self.gallery or index != self.channel:
            return
        values = {
            "activation": maps.activations,
            "gradient": maps.gradients,
            "weighted": maps.weighted,
        }[kind][0]
        self.shown = as_map(gallery, index, kind, values, relu=relu)
        self.shown_changed.emit()

    def carry_channel(self, kind: Kind, *, relu: bool) -> None:
        """Show the same channel on the image that is selected next, if the layer stays."""
        if self.gallery is not None and self.channel is not None:
            layer = self.gallery.request.layer or ""
            self._carried = layer, self.channel, kind, relu

    def leave_channel(self) -> bool:
        """Show the map in place of a channel; whether a channel was shown."""
        self._engine_lane.cancel("channel")
        self.strongest.stop()
        left, self.shown, self.channel = self.shown is not None, None, None
        if left:
            self.shown_changed.emit()
        return left

    def _left(self) -> None:
        """Another map has taken the place of a channel's."""
        self.leave_channel()
        if self.line is not None and self._line_of != self._state.current_key:
            self.set_line(None)

    # --- the line of the profile -----------------------------------------------------------------

    @property
    def on_canvas(self) -> Explanation | None:
        """The map that the canvas shows: that of a channel, or the answer."""
        return self.shown or self._state.explanation

    def set_line(self, line: Line | None) -> None:
        """Set the line along which values are read, in pixels of the image; None for none."""
        self.line, self._line_of = line, self._state.current_key or ""
        self.line_changed.emit()

    def name_line(self, name: str) -> None:
        """Lay the line through the 'row', 'column' or 'diagonal' of the largest value; 'none'
        removes it."""
        shown = self.on_canvas
        self.set_line(None if name == "none" or shown is None else line_through(shown, name))

    def step_line(self, across: int, down: int, *, end: bool) -> None:
        """Move the line by so many cells to the right and down, or its end alone; it stays on the
        image. Without a line, the row of the largest value is the first one."""
        shown = self.on_canvas
        if shown is None:
            return
        if self.line is None:
            self.name_line("row")
            return
        line = moved(shown, self.line, (across, down), end=end)
        if line[0] != line[1]:
            self.set_line(line)

    # --- the film strip --------------------------------------------------------------------------

    def draw_film(self, size: int) -> None:
        """Draw the maps of the sweep, size device pixels each; film_ready follows."""
        sweep = self._state.sweep
        if sweep is None or self._page != "layers":
            return
        explanations, display = sweep.explanations, self._settings.display()
        job = Job(
            "Drawing layers",
            lambda watch: map_thumbnails(explanations, display, size, watch),
            slot="film",
            priority=Priority.CLICK,
            stoppable=False,
        )
        job.finished.connect(
            lambda drawn: self.film_ready.emit(drawn) if sweep is self._state.sweep else None
        )
        self._file_lane.submit(job)

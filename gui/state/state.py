"""The application state: what is open and selected, with signals for changes.

Only gui/controllers writes here, each file its own part; notify, warn and withdraw may be called
from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from engine.errors import HookscopeError
from engine.records.asked import Question
from engine.records.edits import NO_EDITS, Edits
from engine.records.explanations import JOINT, Explanation, layers_in
from engine.records.images import LoadedImage
from engine.records.levels import AUTO, Levels
from engine.records.models import LayerNode, ModelInfo, Prediction
from engine.records.options import Value
from engine.records.sources import ModelSource
from engine.records.views import View
from gui.state.edited import LiveScores
from gui.state.images import OpenImage, pictures_of
from gui.state.notices import Notice, NoticeKind, as_text
from gui.state.panes import Left, Links, OfActive, Pane
from gui.state.pieces import Piece
from gui.state.records import Answer, EngineFacts, SweepAnswer
from gui.toolkit.imaging import Picture

if TYPE_CHECKING:
    from engine.formats.torchvision.gallery import PublishedModel


class State(QObject):
    """The single source of truth about what is open and selected.

    Signals carry keys, not data: receivers read the data from here. What is selected and shown is
    that of the active pane (gui/state/panes.py); mostly there is one pane. kept_options: those of
    each method, as it was last used in this session.

    panes_changed: other panes, another active one, other links, or another way to show two.
    pane_changed(number): what a pane shows that is not the active one.
    put_aside: the panes that were there before the view went back to one. swiped: two panes lie
    over each other, with a divider. differing: the difference of two panes is shown beside them.
    picking: the next thing that is chosen is to be compared. pinned: the label of a class that is
    kept from image to image. session: the file that what is open is saved in, None for none;
    unsaved: whether there are changes that it lacks.

    edits_changed(key): an image has other edits, which are still to be done. live: what the network
    says of edits that go on.
    """

    image_added = Signal(str)
    image_updated = Signal(str)
    image_removed = Signal(str)
    current_changed = Signal()
    engine_changed = Signal()
    gallery_changed = Signal()
    model_changed = Signal()
    selection_changed = Signal()
    expected_changed = Signal()
    answer_changed = Signal()
    sweep_changed = Signal()
    computing_changed = Signal(bool)
    panes_changed = Signal()
    pane_changed = Signal(int)
    picking_changed = Signal(bool)
    pinned_changed = Signal()
    edits_changed = Signal(str)
    live_changed = Signal()
    notes_changed = Signal(str)
    session_changed = Signal()
    noticed = Signal(object)
    withdrawn = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.images: dict[str, OpenImage] = {}
        self.pieces: dict[str, Piece] = {}
        self.panes = [Pane()]
        self.active = 0
        self.links = Links()
        self.put_aside: list[Pane] = []
        self.swiped = False
        self.differing = False
        self.picking = False
        self.pinned: str | None = None
        self.live: LiveScores | None = None
        self.session: Path | None = None
        self.unsaved = False
        self.engine: EngineFacts | None = None
        self.engine_error: HookscopeError | None = None
        self.gallery: tuple[PublishedModel, ...] = ()
        self.gallery_error: HookscopeError | None = None
        self.model_loading: ModelSource | None = None
        self.model_error = ""
        self.kept_options: dict[str, tuple[tuple[str, Value], ...]] = {}

    current_key = OfActive[str | None]()
    model_source = OfActive[ModelSource | None]()
    model_settled = OfActive[bool]()
    info = OfActive[ModelInfo | None]()
    layers = OfActive[tuple[LayerNode, ...]]()
    layer = OfActive[str | None]()
    target = OfActive[int | None]()
    method = OfActive[str]()
    options = OfActive[tuple[tuple[str, Value], ...]]()
    question = OfActive[Question]()
    answered = OfActive[Question]()
    comparing = OfActive[bool]()
    forward_seconds = OfActive[float]()
    answer = OfActive[Answer | None]()
    explanation = OfActive[Explanation | None]()
    explain_error = OfActive[str]()
    sweep = OfActive[SweepAnswer | None]()
    computing = OfActive[bool]()

    @property
    def pane(self) -> Pane:
        """The active pane, which all panels speak of."""
        return self.panes[self.active]

    @property
    def others(self) -> list[Pane]:
        """All panes but the active one."""
        return [pane for place, pane in enumerate(self.panes) if place != self.active]

    def pane_of(self, number: int) -> Pane | None:
        """The pane with this number; None if it has been closed."""
        return next((pane for pane in self.panes if pane.number == number), None)

    @property
    def views(self) -> tuple[View, ...]:
        """What each pane with a map is of, in the order of the panes."""
        found = (self.view_of(pane) for pane in self.panes if not pane.bare)
        return tuple(view for view in found if view is not None)

    def view_of(self, pane: Pane) -> View | None:
        """What the map of a pane is of; None without an image or a model."""
        image = self.images.get(pane.current_key or "")
        if image is None or pane.model_source is None:
            return None
        return View(
            str(image.path) if image.path is not None else image.name,
            pane.model_source.key,
            pane.layer,
            pane.target,
            pane.question,
            pane.method,
            pane.options,
            image.page,
            self.edits_of(pane),
        )

    @property
    def pictures(self) -> dict[str, Callable[[], bytes]]:
        """What goes beside the JSON of an export, as in pictures_of."""
        return pictures_of(self.images.values(), self.pieces)

    def edits_of(self, pane: Pane) -> Edits:
        """The edits that a pane's image is shown and explained with."""
        image = self.images.get(pane.current_key or "")
        return NO_EDITS if image is None or pane.original else image.done

    def loaded_of(self, pane: Pane) -> LoadedImage | None:
        """What a pane explains; None while it is not there."""
        image = self.images.get(pane.current_key or "")
        return image.loaded_with(self.edits_of(pane)) if image is not None else None

    def picture_of(self, pane: Pane) -> Picture | None:
        """What a pane shows; None while it is not there."""
        image = self.images.get(pane.current_key or "")
        return image.picture_with(self.edits_of(pane)) if image is not None else None

    @property
    def keys_by_path(self) -> dict[Path, str]:
        """The keys of the open images that have a file."""
        return {image.path: key for key, image in self.images.items() if image.path}

    @property
    def current(self) -> OpenImage | None:
        """The image that is selected."""
        return self.images.get(self.current_key) if self.current_key is not None else None

    @property
    def policy(self) -> Levels:
        """The levels of the open model's preprocessing, for images without their own."""
        return self.info.preprocessing.levels if self.info is not None else AUTO

    @property
    def explained_class(self) -> Prediction | None:
        return self.explanation.target if self.explanation is not None else None

    def node(self, address: str) -> LayerNode | None:
        """The layer at an address, 'NAME' or 'NAME#k'; None if there is none."""
        name = address.partition("#")[0]
        return next((node for node in self.layers if node.name == name), None)

    def nodes(self, address: str) -> tuple[LayerNode, ...]:
        """The layers of an address, which may join several whose maps are fused."""
        # Asked for each method whenever a map arrives; a tree may have thousands of layers.
        names = {node.name for node in self.layers} if JOINT in address else ()
        parts = layers_in(address, names)
        return tuple(node for part in parts if (node := self.node(part)) is not None)

    def note_forward(self, seconds: float) -> None:
        """Note the time of a forward pass; the first one takes far longer than all others."""
        self.pane.note_forward(seconds)

    def set_computing(self, on: bool) -> None:
        if on != self.computing:
            self.computing = on
            self.computing_changed.emit(on)

    def set_picking(self, on: bool) -> None:
        if on != self.picking:
            self.picking = on
            self.picking_changed.emit(on)

    def notify(self, kind: NoticeKind, text: str, action: str = "", argument: str = "") -> None:
        """Show a message to the user."""
        self.noticed.emit(Notice(kind, text, action, argument))

    def withdraw(self, action: str) -> None:
        """Remove the notice that offers this action, because it no longer applies."""
        self.withdrawn.emit(action)

    @property
    def chosen_target(self) -> int | None:
        """The class that was chosen for the current image and this model, or else the one that is
        pinned; None for the top one."""
        if self.current is None or self.model_source is None:
            return None
        if self.pinned is not None and self.info is not None and self.pinned in self.info.classes:
            return self.info.classes.index(self.pinned)
        return self.current.targets.get(self.model_source)

    def choose_target(self, index: int | None) -> None:
        """Set the class to explain, and note it for the current image and this model."""
        self.target = index
        if self.current is None or self.model_source is None:
            return
        if self.pinned is not None and self.info is not None and index is not None:
            self.pinned = self.info.classes[index]
            self.pinned_changed.emit()
        if index is None:
            self.current.targets.pop(self.model_source, None)
        else:
            self.current.targets[self.model_source] = index

    def choose_question(self, question: Question) -> None:
        """Set what is asked, and note it for the current image and this model."""
        self.question = question
        if self.current is not None and self.model_source is not None:
            self.current.questions[self.model_source] = question

    def note_left(self) -> None:
        """Note what is selected for the current image and this model: it is about to be left."""
        if self.current is not None and self.model_source is not None:
            self.current.left[self.model_source] = Left.of(self.pane)

    @property
    def chosen_question(self) -> Question | None:
        """What was asked of the current image and this model; None if nothing was."""
        if self.current is None or self.model_source is None:
            return None
        return self.current.questions.get(self.model_source)

    def warn(self, notices: Sequence[str], action: str = "", image: str = "") -> None:
        """Show notices of the engine as one text, as a new notice replaces the previous one.

        image: key of the image that they are about; '' where they are about the model.
        """
        if notices:
            text, about = as_text(notices), not image
            self.noticed.emit(Notice(NoticeKind.WARNING, text, action, of_model=about, image=image))

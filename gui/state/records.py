"""Requests to the engine and its answers: frozen records without tensors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.lazy.numpy import np
from engine.records.asked import CLASS, Asked, Question
from engine.records.edits import NO_EDITS, Edits
from engine.records.explanations import Explanation
from engine.records.images import ChannelNumbers, Pixels
from engine.records.models import LayerNode, ModelInfo, Prediction
from engine.records.options import DEFAULT_METHOD, Value
from engine.records.sources import ModelSource

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """Facts about the loaded engine: versions and devices."""

    torch_import_s: float
    versions: dict[str, str]
    device: str
    device_name: str


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """An opened model, as the window needs it.

    settled: the user has changed settings, which are stored in its profile. fault: why the class
    names given with it were rejected; the source then lacks them.
    """

    source: ModelSource
    info: ModelInfo
    layers: tuple[LayerNode, ...]
    settled: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A request for an explanation; an answer to an older generation is dropped.

    image, model: keys of the open image and model. revision: of the image. options: of the method.
    layer None means the default layer, target None the class with the highest logit. exact: compute
    with the model's own layers alone. expected: the question is a contrast with this class, and the
    maps of both classes are wanted as well. pane: the number of the one that asks; panes: how many
    there are, each of which may need a session of its own. edits: those that are done to the image,
    all of them switched on.
    """

    generation: int
    image: str
    model: str
    layer: str | None = None
    target: int | None = None
    method: str = DEFAULT_METHOD
    options: tuple[tuple[str, Value], ...] = ()
    revision: int = 0
    exact: bool = False
    question: Question = CLASS
    expected: int | None = None
    pane: int = 1
    panes: int = 1
    edits: Edits = NO_EDITS

    @property
    def wanted(self) -> Request:
        """What is asked, whoever asks it and when."""
        return replace(self, generation=0, expected=None, pane=0, panes=0)


@dataclass(frozen=True, slots=True, eq=False)
class SeenInput:
    """The input that the model receives, as an image (uint8 (h, w, 3), RGB), and its numbers by
    channel."""

    pixels: Pixels
    numbers: tuple[ChannelNumbers, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The engine's answer to a request.

    predictions: the classes with the highest logits. probabilities: of all, float64 (classes,);
    NaN where the network returns values. gradient: whether the engine has kept the gradient of the
    layer, which other methods take as well. before: logits and probabilities of all classes for the
    image without its edits, float64 (classes,) each; None where it has none.
    """

    request: Request
    explanation: Explanation
    predictions: tuple[Prediction, ...]
    probabilities: NDArray[np.float64]
    info: ModelInfo
    gradient: bool
    before: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SweepAnswer:
    """The maps of all layers for the request's class and question; asked: None without maps."""

    request: Request
    target: int
    asked: Asked | None
    explanations: dict[str, Explanation]
    notices: tuple[str, ...]

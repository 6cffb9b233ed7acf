"""What the window asks of the engine, and what comes back: frozen records, never a tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.lazy.numpy import np
from engine.records.explanations import Explanation
from engine.records.models import DEFAULT_METHOD, LayerNode, ModelInfo, Prediction, Value
from engine.records.sources import ModelSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.formats.torchvision.gallery import PublishedModel


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What loading the engine took and brought."""

    torch_import_s: float
    versions: dict[str, str]
    device: str
    device_name: str
    gallery: tuple[PublishedModel, ...]


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """A model that was opened: all that the window needs of it.

    settled: something about it was set by the user and is remembered. fault: why the class names
    that came with it were not taken; the source is then without them.
    """

    source: ModelSource
    info: ModelInfo
    layers: tuple[LayerNode, ...]
    settled: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What the window asks of the engine; an answer of an older generation is dropped.

    image and model are keys of what is open. options: of the method. layer None means the model's
    default layer, target None the class with the highest logit.
    """

    generation: int
    image: str
    model: str
    layer: str | None = None
    target: int | None = None
    method: str = DEFAULT_METHOD
    options: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The engine's answer to a request.

    predictions: the classes of highest logit. probabilities: float64 (classes,) of all.
    """

    request: Request
    explanation: Explanation
    predictions: tuple[Prediction, ...]
    probabilities: NDArray[np.float64]
    info: ModelInfo


@dataclass(frozen=True, slots=True, eq=False)
class SweepAnswer:
    """The maps of all layers for the request's class."""

    request: Request
    target: int
    explanations: dict[str, Explanation]
    notices: tuple[str, ...]

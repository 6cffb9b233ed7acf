"""What the panes of the canvas show: a selection each, with its answer, and what links them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar, overload

from engine.records.asked import CLASS, Question
from engine.records.explanations import Explanation
from engine.records.models import LayerNode, ModelInfo
from engine.records.options import DEFAULT_METHOD, Value
from engine.records.sources import ModelSource
from gui.state.records import Answer, Request, SweepAnswer

T = TypeVar("T")

MOST_PANES = 9


@dataclass(frozen=True, slots=True)
class Links:
    """What the panes share. zoom: with the place that is looked at. cursor: the values under the
    pointer are shown in all. scale: one colour scale. selection: what panes have in common (image,
    model, layer, class, method, question) they go on having in common."""

    zoom: bool = True
    cursor: bool = True
    scale: bool = True
    selection: bool = True


@dataclass(frozen=True, slots=True)
class Left:
    """What was selected in a pane besides image, model and class when its image was left."""

    layer: str | None
    method: str
    options: tuple[tuple[str, Value], ...]
    question: Question
    comparing: bool

    @classmethod
    def of(cls, pane: Pane) -> Left:
        return cls(pane.layer, pane.method, pane.options, pane.question, pane.comparing)


@dataclass(slots=True, eq=False)
class Pane:
    """What one pane of the canvas shows: what is selected there, and what came of it.

    number: never used again. bare: the image alone, without a map. original: the image
    without its edits. current_key: of the image.
    question: the one that is asked; answered: the one that the map answers. comparing: the
    predicted class is compared with the expected one. forward_seconds: of the model's fastest pass,
    0 if there was none. stopped: the user stopped what was asked last. asked: the latest request;
    answers to those of older generations are dropped.
    """

    number: int = 1
    bare: bool = False
    original: bool = False
    current_key: str | None = None
    model_source: ModelSource | None = None
    model_settled: bool = False
    info: ModelInfo | None = None
    layers: tuple[LayerNode, ...] = ()
    layer: str | None = None
    target: int | None = None
    method: str = DEFAULT_METHOD
    options: tuple[tuple[str, Value], ...] = ()
    question: Question = CLASS
    answered: Question = CLASS
    comparing: bool = False
    forward_seconds: float = 0.0
    answer: Answer | None = None
    explanation: Explanation | None = None
    explain_error: str = ""
    sweep: SweepAnswer | None = None
    computing: bool = False
    stopped: bool = False
    generation: int = 0
    asked: Request | None = field(default=None, repr=False)

    def copy(self, number: int) -> Pane:
        """A pane with the same selection and map, for which nothing has been asked yet."""
        made: Pane = replace(self, number=number, sweep=None, generation=0, asked=None)
        made.computing = False
        return made

    def forget(self) -> None:
        """Drop what came of an earlier selection."""
        self.answer = self.explanation = self.sweep = None
        self.explain_error = ""
        self.asked = None

    def note_forward(self, seconds: float) -> None:
        """Note the time of a forward pass; the first one takes far longer than all others."""
        known = self.forward_seconds
        self.forward_seconds = min(known, seconds) if known else seconds


class HasPane(Protocol):
    """Whatever has an active pane."""

    @property
    def pane(self) -> Pane:
        """The active pane."""


class OfActive(Generic[T]):
    """A field of the active pane, which reads and writes like one of the state."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, state: None, owner: type) -> OfActive[T]: ...

    @overload
    def __get__(self, state: HasPane, owner: type) -> T: ...

    def __get__(self, state: HasPane | None, owner: type) -> Any:
        return self if state is None else getattr(state.pane, self._name)

    def __set__(self, state: HasPane, value: T) -> None:
        setattr(state.pane, self._name, value)

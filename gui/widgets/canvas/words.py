"""What the canvas says about what it shows, apart from how it is painted."""

from __future__ import annotations

from dataclasses import dataclass

from engine.methods.registry import find
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation, Verdict
from engine.render import overlay
from gui.toolkit import plain_text

__all__ = ["Caption", "Readout", "caption_for", "notice_for", "scale_words"]


@dataclass(frozen=True, slots=True)
class Readout:
    """What lies under the pointer.

    x, y: the pixel's column and row on the original image. cell: (row, column) of the map and
    value: its value there; None outside the explained region or when nothing is explained.
    """

    x: int
    y: int
    value: float | None
    cell: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Caption:
    """Which layer and which class the picture shows. note: why there is no map in sight, or ''."""

    layer: str
    label: str
    percent: str
    note: str = ""

    @property
    def text(self) -> str:
        """All of it in one line."""
        line = f"{self.layer}  ·  {self.label}  {self.percent}"
        return f"{line}  ·  {self.note}" if self.note else line


def notice_for(explanation: Explanation, settings: DisplaySettings) -> str:
    """What to say on the picture when the map shows nothing or hardly anything; '' otherwise."""
    if explanation.verdict is Verdict.ZERO_GRADIENT:
        return (
            "The gradient is zero: this layer does not change the class's score here. "
            "Try another layer or class."
        )
    if explanation.verdict is Verdict.ZERO_ACTIVATION:
        return "The layer's output is zero: there is nothing to map. Try another layer."
    method = find(explanation.method)
    if not method.class_dependent:
        return _class_blind_notice(explanation, settings)
    if overlay.is_weak(explanation.map, settings):
        return _weak_words(overlay.shown_part(explanation.map, settings), settings)
    if not overlay.is_blank(explanation.map, settings):
        return ""
    if settings.sign == "positive" and not method.signed:
        return "Nothing positive: no evidence for this class in this layer. Try another layer."
    if settings.sign == "positive":
        return "Nothing positive: no evidence for this class in this layer. Try the negative side."
    if settings.sign == "negative":
        return (
            "Nothing negative: no evidence against this class in this layer. Try the positive side."
        )
    return "The map is zero everywhere in this layer. Try another layer or class."


def _class_blind_notice(explanation: Explanation, settings: DisplaySettings) -> str:
    """Evidence is of a class; a map that knows none has two signs and no more."""
    if not overlay.is_blank(explanation.map, settings):
        return ""
    other = {"positive": "negative", "negative": "positive"}.get(settings.sign)
    if other is None:
        return "The map is zero everywhere in this layer. Try another layer."
    return f"Nothing {settings.sign} in this map. Try the {other} side."


def _weak_words(part: float, settings: DisplaySettings) -> str:
    size = f"{100 * part:.0f} %" if part >= 0.01 else "under 1 %"
    this, that, other = "for", "against", "negative"
    if settings.sign == "negative":
        this, that, other = "against", "for", "positive"
    return (
        f"Weak: what speaks {this} this class is at most {size} of what speaks {that} it. "
        f"Try the {other} side."
    )


def caption_for(explanation: Explanation, settings: DisplaySettings, visible: bool) -> Caption:
    """What the picture shows. visible: whether the person has the map switched on."""
    target = explanation.target
    note = ""
    if not visible:
        note = "map hidden: O shows it"
    elif settings.opacity <= 0.0:
        note = "map at opacity 0: ] shows it"
    percent = f"{100 * target.probability:.1f} %"
    layer, label = plain_text.line(explanation.layer), plain_text.line(target.label)
    return Caption(layer, label, percent, note)


def scale_words(explanation: Explanation, settings: DisplaySettings) -> str:
    words = {"positive": "for the class", "negative": "against it", "signed": "against / for"}
    if not find(explanation.method).class_dependent:
        words = {"positive": "any class", "negative": "negative", "signed": "− / +"}
    text = words[settings.sign]
    return text if settings.gamma == 1.0 else f"{text}, gamma {settings.gamma:g}"

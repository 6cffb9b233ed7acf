"""The texts of the canvas: caption, notices and colour bar labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.lazy.numpy import np
from engine.methods.modifiers import is_signed, place_words
from engine.methods.registry import find
from engine.records import level_words
from engine.records.asked import Score
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation, Verdict
from engine.records.levels import Depth
from engine.render import overlay
from gui.toolkit import plain_text

_FAINT = 0.1
"""The part of a locked scale below which a map that fades out can hardly be seen."""


@dataclass(frozen=True, slots=True)
class Readout:
    """The values under the pointer.

    x, y: column and row of the pixel in the original image. cell: (row, column) of the map; value:
    the map value there. Both are None outside the explained region or without a map. raw: what the
    file holds at the pixel, '' for 8-bit images.
    """

    x: int
    y: int
    value: float | None
    cell: tuple[int, int] | None
    raw: str = ""


def raw_words(depth: Depth, x: int, y: int) -> str:
    """The values of a pixel as the file holds them, with their unit."""
    words = ", ".join(level_words.number(value) for value in np.atleast_1d(depth.values[y, x]))
    return f"{words} {depth.unit}" if depth.unit else words


def longest_raw(depth: Depth) -> str:
    """A text as wide as the widest that raw_words returns for an image."""
    ends = depth.extremes or depth.span
    widest = max((level_words.number(end) for end in ends), key=len)
    if depth.values.dtype.kind == "f":
        widest = max(widest, "\u22120.0000e+00", key=len)
    words = ", ".join([widest] * (depth.values.shape[2] if depth.values.ndim == 3 else 1))
    return f"{words} {depth.unit}" if depth.unit else words


@dataclass(frozen=True, slots=True)
class Caption:
    """The explained layer and class. note: why the map is not visible, or ''."""

    layer: str
    label: str
    percent: str
    note: str = ""

    @property
    def text(self) -> str:
        """The caption as one line."""
        line = f"{self.label}  {self.percent}"
        return "  ·  ".join(part for part in (self.layer, line, self.note) if part)


def notice_for(explanation: Explanation, settings: DisplaySettings) -> str:
    """The notice for a map that shows nothing or hardly anything; '' otherwise."""
    if explanation.verdict is Verdict.ZERO_GRADIENT:
        return (
            "The gradient is zero: this layer has no influence on the class score here. "
            "Try another layer or class."
            if explanation.layer
            else "The map is zero: no pixel has an influence on the class score. Try another class."
        )
    if explanation.verdict is Verdict.ZERO_ACTIVATION:
        return "The activation is zero: there is nothing to map. Try another layer."
    method = find(explanation.method)
    if not method.class_dependent:
        return _class_blind_notice(explanation, settings)
    where, other = ("this layer", "layer") if explanation.layer else ("this image", "method")
    where, signed = "these layers" if explanation.fused else where, is_signed(explanation)
    if explanation.asked.question != "class":
        return _question_notice(explanation, settings, where)
    if overlay.is_weak(explanation.map, settings):
        return _weak_words(overlay.shown_part(explanation.map, settings), settings)
    if not overlay.is_blank(explanation.map, settings):
        return ""
    if settings.sign == "positive" and not signed:
        return f"No positive values: no evidence for this class in {where}. Try another {other}."
    if settings.sign == "positive":
        return f"No positive values: no evidence for this class in {where}. Try negative values."
    if settings.sign == "negative" and not signed:
        whose = f"The {place_words(explanation)}" if explanation.fused else method.title
        return f"{whose} has no negative values. Try positive values."
    if settings.sign == "negative":
        return (
            f"No negative values: no evidence against this class in {where}. Try positive values."
        )
    return f"The map is zero everywhere in {where}. Try another {other} or class."


def scale_notice(explanation: Explanation, settings: DisplaySettings) -> str:
    """The notice for a map whose values hardly show on a locked colour scale; '' otherwise."""
    if settings.end is None or overlay.is_blank(explanation.map, settings):
        return ""
    largest = overlay.value_range(explanation.map, replace(settings, end=None))[1]
    if abs(largest) >= _FAINT * settings.end:
        return ""
    reach = f"{overlay.number_text(largest)}, and the colour scale is locked to"
    end = -settings.end if settings.sign == "negative" else settings.end
    return f"Hardly visible: values reach {reach} {overlay.number_text(end)}. Press L to unlock it."


def _question_notice(explanation: Explanation, settings: DisplaySettings, where: str) -> str:
    """The notice for other questions than that of a class."""
    if not overlay.is_blank(explanation.map, settings):
        return ""
    rises, falls = explanation.signs
    if settings.sign == "positive":
        return f"No positive values in {where} ({rises}). Try negative values."
    if settings.sign == "negative":
        return f"No negative values in {where} ({falls}). Try positive values."
    return f"The map is zero everywhere in {where}. Try another layer or question."


def _class_blind_notice(explanation: Explanation, settings: DisplaySettings) -> str:
    """The notice for methods that do not depend on the class, whose maps are no evidence for it."""
    if not overlay.is_blank(explanation.map, settings):
        return ""
    other = {"positive": "negative", "negative": "positive"}.get(settings.sign)
    if other is None:
        return "The map is zero everywhere in this layer. Try another layer."
    return f"No {settings.sign} values in this map. Try {other} values."


def _weak_words(part: float, settings: DisplaySettings) -> str:
    size = f"{100 * part:.0f} %" if part >= 0.01 else "under 1 %"
    this, that, other = "for", "against", "negative"
    if settings.sign == "negative":
        this, that, other = "against", "for", "positive"
    return (
        f"Weak: the evidence {this} this class is at most {size} of the evidence {that} it. "
        f"Try {other} values."
    )


def caption_for(explanation: Explanation, settings: DisplaySettings, visible: bool) -> Caption:
    """The caption of an explanation. visible: whether the map is switched on."""
    target = explanation.target
    note = ""
    if not visible:
        note = "heat map hidden: press O to show it"
    elif settings.opacity <= 0.0:
        note = "heat map at opacity 0: press ] to show it"
    place = place_words(explanation)
    layer, label, said = plain_text.line(place), target.label, target.said
    if explanation.asked.question != "class":
        label, said = explanation.subject, explanation.number
    elif explanation.asked.score not in (None, Score.LOGIT):
        said = explanation.number
    return Caption(layer, plain_text.line(label), said, note)


def scale_words(explanation: Explanation, settings: DisplaySettings) -> str:
    words = {
        "positive": "for the class",
        "negative": "against the class",
        "signed": "against / for",
    }
    if explanation.asked.question != "class":
        rises, falls = explanation.signs
        words = {"positive": rises, "negative": falls, "signed": "against / for"}
    elif explanation.target.probability is None:
        words = {"positive": "raises it", "negative": "lowers it", "signed": "lowers / raises"}
    method = find(explanation.method)
    if not method.class_dependent:
        words = {"positive": "any class", "negative": "negative", "signed": "− / +"}
    if method.caution:
        words = dict.fromkeys(words, method.caution)
    text = words[settings.sign]
    if settings.end is not None:
        text = f"{text}, locked"
    return text if settings.gamma == 1.0 else f"{text}, gamma {settings.gamma:g}"

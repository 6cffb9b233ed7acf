"""What the canvas says about what it shows, apart from how it is painted."""

from __future__ import annotations

from dataclasses import dataclass

from engine import overlay
from engine.records import DisplaySettings, Explanation, Verdict

_METHODS = {"grad-cam": "Grad-CAM"}


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


def notice_for(explanation: Explanation, settings: DisplaySettings) -> str:
    """What to say on the picture when the map shows nothing; '' when it does."""
    if explanation.verdict is Verdict.ZERO_GRADIENT:
        return (
            "The gradient is zero: this layer does not change the class's score here. "
            "Try another layer or class."
        )
    if not overlay.is_blank(explanation.map, settings):
        return ""
    if settings.sign == "positive":
        return "Nothing positive: no evidence for this class in this layer. Try the negative side."
    if settings.sign == "negative":
        return (
            "Nothing negative: no evidence against this class in this layer. Try the positive side."
        )
    return "The map is zero everywhere in this layer. Try another layer or class."


def caption_for(explanation: Explanation) -> str:
    """Which layer and which class the picture shows."""
    target = explanation.target
    return f"{explanation.layer}  ·  {target.label}  {100 * target.probability:.1f} %"


def method_name(method: str) -> str:
    """A method's name as its authors write it."""
    return _METHODS.get(method, method)


def scale_words(settings: DisplaySettings) -> str:
    words = {"positive": "for the class", "negative": "against it", "signed": "against / for"}
    text = words[settings.sign]
    return text if settings.gamma == 1.0 else f"{text}, gamma {settings.gamma:g}"

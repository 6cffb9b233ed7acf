"""The table of changes: what a slider of each one says and reaches. Plain values, no numpy."""

from __future__ import annotations

from dataclasses import dataclass

from engine.records.edits import RANGES, Changing


@dataclass(frozen=True, slots=True)
class Reach:
    """A change as a slider shows it.

    title: in a few words. unit: of the amount, '' for none. low, high: both ends included. step: of
    the slider; amounts between the steps are allowed. neutral: the amount that changes nothing.
    seeded: whether the change's seed matters.
    """

    what: Changing
    title: str
    unit: str
    low: float
    high: float
    step: float
    neutral: float = 0.0
    seeded: bool = False

    @property
    def is_switch(self) -> bool:
        """Whether there is only on and off."""
        return self.high - self.low == self.step

    def sampled(self, count: int) -> tuple[float, ...]:
        """Amounts for a curve, from low to high: about this many, at equal distances, on steps,
        the neutral one among them."""
        steps = round((self.high - self.low) / self.step)
        stride = max(1, round(steps / max(1, count - 1)))
        before = round((self.neutral - self.low) / self.step)
        places = range(before % stride, steps + 1, stride)
        return tuple(self.low + place * self.step for place in places)


def _reach(
    what: Changing,
    title: str,
    unit: str,
    step: float,
    *,
    neutral: float = 0.0,
    seeded: bool = False,
) -> Reach:
    return Reach(what, title, unit, *RANGES[what], step, neutral, seeded)


CHANGES: dict[Changing, Reach] = {
    reach.what: reach
    for reach in (
        _reach(Changing.SHIFT_X, "Shift across", "%", 1),
        _reach(Changing.SHIFT_Y, "Shift down", "%", 1),
        _reach(Changing.FLIP_X, "Flip left and right", "", 1),
        _reach(Changing.FLIP_Y, "Flip top and bottom", "", 1),
        _reach(Changing.ROTATE, "Rotate", "°", 1),
        _reach(Changing.SCALE, "Scale", "%", 5),
        _reach(Changing.BRIGHTNESS, "Brightness", "%", 1),
        _reach(Changing.CONTRAST, "Contrast", "%", 1),
        _reach(Changing.GAMMA, "Gamma", "stops", 0.1),
        _reach(Changing.HUE, "Hue", "°", 1),
        _reach(Changing.BLUR, "Blur", "%", 0.1),
        _reach(Changing.NOISE, "Noise", "%", 1, seeded=True),
        _reach(Changing.JPEG, "JPEG quality", "", 1, neutral=100),
        _reach(Changing.GREY, "Grey", "%", 1),
    )
}
"""Every change, in the order in which a panel lists them.

Shifts are percentages of the image's width or height, to the right and down, rounded to whole
pixels; what comes in repeats the edge, as for rotating (clockwise, about the centre) and scaling
(about the centre; 0 % is the size as it is, 100 % twice the size). Brightness adds a percentage of
white; contrast multiplies the distance from middle grey by 1 plus the percentage; gamma takes the
value from 0 to 1 to the power of 2 to the minus the amount, so that more is brighter; hue turns the
colour circle, as HSV has it. Blur is the standard deviation of a Gaussian in percent of the shorter
side; noise that of a normal distribution in percent of white; grey mixes with ITU-R 601-2's grey.
"""

"""The table of changes: what a slider of each one says and reaches. Plain values, no numpy."""

from __future__ import annotations

from dataclasses import dataclass

from engine.records.edits import Changing


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


CHANGES: dict[Changing, Reach] = {
    reach.what: reach
    for reach in (
        Reach(Changing.SHIFT_X, "Shift across", "%", -50, 50, 1),
        Reach(Changing.SHIFT_Y, "Shift down", "%", -50, 50, 1),
        Reach(Changing.FLIP_X, "Flip left and right", "", 0, 1, 1),
        Reach(Changing.FLIP_Y, "Flip top and bottom", "", 0, 1, 1),
        Reach(Changing.ROTATE, "Rotate", "°", -180, 180, 1),
        Reach(Changing.SCALE, "Scale", "%", -80, 200, 5),
        Reach(Changing.BRIGHTNESS, "Brightness", "%", -100, 100, 1),
        Reach(Changing.CONTRAST, "Contrast", "%", -100, 100, 1),
        Reach(Changing.GAMMA, "Gamma", "stops", -3, 3, 0.1),
        Reach(Changing.HUE, "Hue", "°", -180, 180, 1),
        Reach(Changing.BLUR, "Blur", "%", 0, 10, 0.1),
        Reach(Changing.NOISE, "Noise", "%", 0, 100, 1, seeded=True),
        Reach(Changing.JPEG, "JPEG quality", "", 1, 100, 1, neutral=100),
        Reach(Changing.GREY, "Grey", "%", 0, 100, 1),
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

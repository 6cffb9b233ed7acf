"""The table of figures: what each is called, what it is about and what it cannot tell.

Plain values, without torch and without numpy.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from engine.errors import HookscopeError


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    name: by which it is asked for. summary: what it measures. good: what a good value is. cannot:
    what it cannot tell. free: whether the map alone decides it. marked: whether it needs a box or a
    mask of what ought to be found.
    """

    name: str
    title: str
    summary: str
    good: str
    cannot: str
    free: bool = False
    marked: bool = False


_RANKING = (
    "It says only whether the order of the cells is better than chance. Images with hidden parts "
    "are unlike those that the network was trained on, so that a drop can come from the hiding "
    "itself: the height of the curve is no measure, and curves of different fills cannot be "
    "compared."
)

ROWS: tuple[Row, ...] = (
    Row(
        "positive-share",
        "Positive share",
        "The positive part of the map's total magnitude.",
        "No value is good or bad: a share near 50 % means that the map argues both ways.",
        "Whether the network needs what is marked. Methods without negative values always have "
        "100 %.",
        free=True,
    ),
    Row(
        "border-energy",
        "Energy at the border",
        "The part of the map's positive values in the outer tenth of each side, and in the four "
        "corners.",
        "Near the area of the border, 36 %, or below it where the object is in the middle.",
        "Whether that is wrong: an object may lie at the border. Padding in convolutions also "
        "raises values there.",
        free=True,
    ),
    Row(
        "peak",
        "Peak",
        "The largest value, and where it is.",
        "On the object, if you know where that is.",
        "How the rest of the map is spread; a single cell of a coarse map covers many pixels.",
        free=True,
    ),
    Row(
        "deletion",
        "Deletion",
        "How much lower the score is on average while cells are hidden in the map's order than in "
        "random orders.",
        "Better than random order by several times its spread.",
        _RANKING,
    ),
    Row(
        "insertion",
        "Insertion",
        "How much higher the score is on average while cells are shown in the map's order than in "
        "random orders.",
        "Better than random order by several times its spread.",
        _RANKING,
    ),
    Row(
        "road",
        "ROAD gap",
        "The score with the least important cells imputed, minus the score with the most important "
        "ones imputed (Rong et al. 2022).",
        "Above 0 by several times the spread of random orders, whose mean is 0.",
        "Imputed cells are smooth, which favours maps with large smooth areas (arXiv 2304.13836). "
        "It ranks maps of one network; its height means nothing across networks.",
    ),
    Row(
        "stability",
        "Stability",
        "Rank correlation of the map with those of slightly changed images, after the change is "
        "undone, as long as the prediction stays.",
        "Near 1.",
        "Whether the map is right: a constant map of the wrong place is perfectly stable.",
    ),
    Row(
        "other-class",
        "Another class",
        "Rank correlation of the map with that of the runner-up.",
        "Well below 1: the map is about the class and not only about what is in the picture.",
        "Which of the two maps is right. Classes that look at the same evidence have similar maps "
        "for good reason. Class-blind methods have 1 by design.",
    ),
    Row(
        "randomisation",
        "Randomised weights",
        "Rank correlation with the map of a copy whose weights are replaced by random ones, from "
        "the head down in four steps, over three seeds (Adebayo et al. 2018).",
        "Near 0 at the last step.",
        "Whether the map is faithful: this test only rejects maps that do not depend on what was "
        "learned. It is noisy, and random networks still pass on edges.",
    ),
    Row(
        "agreement",
        "Agreement of methods",
        "Mean rank correlation among this method and two others.",
        "Near 1; methods of different kinds mostly come to 0.3 to 0.6.",
        "Whether they are right: methods of one family share their errors. Where they differ, it "
        "does not say which to believe.",
    ),
    Row(
        "pointing",
        "Pointing game",
        "Whether the peak lies in what was marked.",
        "A hit.",
        "Whether the network used the object. A network that looks elsewhere is explained well by "
        "a map that misses.",
        marked=True,
    ),
    Row(
        "box-energy",
        "Energy in the marked area",
        "The part of the map's positive values in what was marked, beside its part of the area.",
        "Far above its part of the area.",
        "As for the pointing game: where the object is, not what the network needs.",
        marked=True,
    ),
    Row(
        "iou",
        "Overlap of boxes",
        "Intersection over union of the marked box and the box around the largest area above a "
        "threshold.",
        "0.5 and more counts as found.",
        "It depends on the threshold. Maps mark what tells a class apart, which is often only a "
        "part of the object.",
        marked=True,
    ),
)
"""All figures, in the order in which they are shown."""

NAMES: tuple[str, ...] = tuple(row.name for row in ROWS if not row.marked)
"""Those that need nothing but the map and the network."""

FREE: tuple[str, ...] = tuple(row.name for row in ROWS if row.free)
MARKED: tuple[str, ...] = tuple(row.name for row in ROWS if row.marked)


def find(name: str) -> Row:
    """The row of a name, in any case of letters. Raises HookscopeError, with the nearest names."""
    wanted = name.strip().casefold()
    for row in ROWS:
        if row.name == wanted:
            return row
    near = difflib.get_close_matches(wanted, [row.name for row in ROWS], n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else f"name some of {', '.join(NAMES)}"
    raise HookscopeError(f"there is no figure '{name}'; {hint}")


def wanted_names(names: tuple[str, ...], *, marked: bool) -> tuple[str, ...]:
    """The figures of these names in the table's order; all that can be had if there are none.

    marked: whether there is a box or a mask. Raises HookscopeError for an unknown name, and for one
    that needs a mark where there is none.
    """
    chosen = {find(name).name for name in names}
    if not chosen:
        return NAMES + (MARKED if marked else ())
    lacking = [name for name in MARKED if name in chosen]
    if lacking and not marked:
        raise HookscopeError(
            f"{lacking[0]} compares the map with what was marked; name a file of boxes or a mask "
            "with --boxes"
        )
    return tuple(row.name for row in ROWS if row.name in chosen)

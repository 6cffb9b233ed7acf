"""The table of questions: one row for each, as plain values, without torch and without numpy.

Whatever names, describes, offers or checks a question reads it here. What a question derives is in
scores.py, why it cannot be had in refusals.py, what is said of it in words.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import TargetError

_COLUMNS = 79


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """One row.

    slug: the name by which it is asked. title: as menus show it. summary: one line, what it is good
    for. limits: what it cannot tell, in a few words.
    formula: of the score, for the logit of classes that exclude each other. z_k is the logit of
        class k, p_k its probability, c the class, a and b two of them, A a layer's output.
    cost: beside a map of the class.
    of_class: whether it is about the class that is chosen. against: whether about another class as
        well; unit, cell: whether a channel of a layer, or an output cell, has to be named.
    scored: whether log-probability and probability may stand in for the logit.
    """

    slug: str
    title: str
    summary: str
    limits: str
    formula: str
    cost: str
    of_class: bool = True
    against: bool = False
    unit: bool = False
    cell: bool = False
    scored: bool = True

    @property
    def needs(self) -> tuple[str, ...]:
        """What has to be named besides the class, in words."""
        named = ((self.against, "another class"), (self.unit, "a unit"), (self.cell, "a cell"))
        return tuple(words for needed, words in named if needed)


_SAME = "as much as the class itself"
_FROM_MAPS = "; nothing where a linear method knows the maps it follows from"

QUESTIONS: tuple[QuestionRow, ...] = (
    QuestionRow(
        slug="class",
        title="Class",
        summary="What speaks for the class: the usual question.",
        limits="what sets it apart: parts that likely classes share count in full",
        formula="z_c",
        cost=_SAME,
    ),
    QuestionRow(
        slug="contrast",
        title="Contrast",
        summary="Why this class and not that one: only what tells the two apart.",
        limits="anything about other classes, or about what speaks for both",
        formula="z_a - z_b",
        cost=_SAME + _FROM_MAPS,
        against=True,
    ),
    QuestionRow(
        slug="counterfactual",
        title="Counterfactual",
        summary="What speaks against the class: what would have to go to make it more likely.",
        limits="what would have to come in its place",
        formula="-z_c",
        cost=_SAME + _FROM_MAPS,
    ),
    QuestionRow(
        slug="rest",
        title="All but the class",
        summary="What speaks for anything else: mostly for the most likely of the other classes.",
        limits="which of the others it speaks for",
        formula="log sum_{k != c} exp z_k; mean_{k != c} z_k of independent classes",
        cost=_SAME,
    ),
    QuestionRow(
        slug="margin",
        title="Margin",
        summary="What decides between the two likeliest classes, whichever is chosen.",
        limits="anything about the chosen class, unless it is one of the two",
        formula="z_(1) - z_(2), the two highest logits",
        cost=_SAME + _FROM_MAPS,
        of_class=False,
    ),
    QuestionRow(
        slug="entropy",
        title="Uncertainty (entropy)",
        summary="What makes the network unsure: which parts speak for several classes at once.",
        limits="much where the network is certain: the gradient vanishes there",
        formula="-sum_k p_k log p_k; of independent classes the sum of their own entropies",
        cost=_SAME,
        of_class=False,
        scored=False,
    ),
    QuestionRow(
        slug="unit",
        title="Channel",
        summary="What one channel of a layer sees, or one cell of it.",
        limits="what the network makes of that channel",
        formula="mean over cells of A_k, or A_k at one cell",
        cost=_SAME + "; less where the layer is an early one",
        of_class=False,
        unit=True,
        scored=False,
    ),
    QuestionRow(
        slug="cell",
        title="Output cell",
        summary="What speaks for the class at one place, in networks with a map of class scores.",
        limits="anything about the network's answer as a whole",
        formula="channel c of the last map of class scores, at one cell",
        cost=_SAME,
        cell=True,
        scored=False,
    ),
)
"""Every question, in the order in which menus and lists show them."""


def find(slug: str) -> QuestionRow:
    """The row of a slug, in any case of letters. Raises TargetError, with the nearest slugs."""
    wanted = slug.strip().casefold()
    for row in QUESTIONS:
        if row.slug == wanted:
            return row
    import difflib

    slugs = [row.slug for row in QUESTIONS]
    near = difflib.get_close_matches(wanted, slugs, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"choose {', '.join(slugs)}"
    raise TargetError(f"there is no question '{slug}'; {hint}")


def title_of(slug: str) -> str:
    """The title of a question's row; the slug itself where there is none."""
    return next((row.title for row in QUESTIONS if row.slug == slug), slug)


def facts(row: QuestionRow) -> dict[str, object]:
    """The row as values that JSON knows, for programs."""
    return {
        "slug": row.slug,
        "title": row.title,
        "summary": row.summary,
        "limits": row.limits,
        "formula": row.formula,
        "cost": row.cost,
        "needs": list(row.needs),
        "of_class": row.of_class,
        "scored": row.scored,
    }


def facts_all() -> list[dict[str, object]]:
    """The facts of every row, in the table's order."""
    return [facts(row) for row in QUESTIONS]


_NAMED_BY = {"contrast": "--against CLASS", "unit": "--unit", "cell": "--cell"}


def lines() -> list[str]:
    """The table for a terminal of 80 columns: for each question a line with its name, then what it
    is good for, what it cannot tell, its score and its cost."""
    import textwrap

    def wrapped(text: str, first: str, later: str) -> list[str]:
        return textwrap.wrap(
            text, _COLUMNS, initial_indent=first, subsequent_indent=later, break_on_hyphens=False
        )

    width = max(len(row.slug) for row in QUESTIONS)
    told = []
    for row in QUESTIONS:
        told.append(f"{row.slug:<{width}}  {row.title}")
        told += wrapped(row.summary, "    ", "    ")
        told += wrapped(f"cannot tell: {row.limits}", "      ", "        ")
        told += wrapped(f"score: {row.formula}", "      ", "        ")
        told += wrapped(f"costs {row.cost}", "      ", "        ")
        if row.slug in _NAMED_BY:
            told.append(f"      asked by {_NAMED_BY[row.slug]}")
    return told

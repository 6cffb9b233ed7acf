"""The difference of the maps of two panes, with its figures."""

from __future__ import annotations

from dataclasses import replace

from engine.comparing.difference import difference, explanation_of
from engine.errors import HookscopeError
from engine.records.explanations import Explanation

EXPLAINED = (
    "The first map minus the second, on a scale of its own. Correlation: Pearson's, of the cells. "
    "IoU: of the 20 % of the cells with the highest values in each map, how many they share."
)


class Difference:
    """The first map minus the second, computed when these are others. map: None where there is
    none. words: what is said of it, or why there is none."""

    def __init__(self) -> None:
        self.map: Explanation | None = None
        self.words = ""
        self._compared: tuple[Explanation, Explanation] | None = None

    def take(self, first: Explanation | None, second: Explanation | None) -> None:
        """Compare these maps; None where one is not there yet."""
        if first is None or second is None:
            self._compared = self.map = None
            self.words = "1 − 2"
            return
        if self._compared == (first, second):
            return
        self._compared = first, second
        try:
            found = difference(first, second)
        except HookscopeError as error:
            self.map = None
            self.words = str(error)
            return
        made = explanation_of(found, first, second)
        self.map = replace(made, signs=("more in 1", "more in 2"))
        alike = "–" if found.correlation is None else _signed(found.correlation)
        over = "–" if found.overlap is None else f"{found.overlap:.2f}"
        self.words = f"1 − 2  ·  correlation {alike}  ·  IoU {over}"


def _signed(number: float) -> str:
    return f"{number:.2f}".replace("-", "\N{MINUS SIGN}")

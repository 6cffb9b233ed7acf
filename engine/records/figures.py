"""The form of a figure: its size, its paper, and what it shows beside the maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from engine.errors import ExportError

Paper = Literal["light", "dark", "transparent"]
PAPERS: tuple[str, ...] = get_args(Paper)

FACTS = ".json"
"""Suffix of the file beside a figure that says how its maps are asked for again."""

WIDTHS = (20.0, 2000.0)
"""Smallest and largest width of a figure, in millimetres."""

RESOLUTIONS = (36, 2400)
"""Smallest and largest number of pixels to the inch."""


@dataclass(frozen=True, slots=True)
class FigureForm:
    """How panes become one figure.

    width: of the figure in millimetres; None for what its columns need. dpi: pixels to the inch, of
    a PNG, and of the pictures within a PDF or SVG. paper: what is behind pictures and words;
    'transparent' has the words of 'light'. caption: words below the panes; the colour bar stays.
    beside: the bare image before its maps. outline: of the region that the network saw. crop: to
    that region. columns: None for a number that suits the panes. shared: one colour scale for all
    panes; otherwise each has its own.
    """

    width: float | None = None
    dpi: int = 300
    paper: Paper = "light"
    caption: bool = True
    beside: bool = False
    outline: bool = False
    crop: bool = False
    columns: int | None = None
    shared: bool = True

    def check(self) -> None:
        """Raises ExportError for a width, a resolution or a paper that there is not."""
        if self.width is not None and not WIDTHS[0] <= self.width <= WIDTHS[1]:
            low, high = WIDTHS
            raise ExportError(f"a figure is {low:g} to {high:g} mm wide, not {self.width:g}")
        if not RESOLUTIONS[0] <= self.dpi <= RESOLUTIONS[1]:
            low, high = RESOLUTIONS
            raise ExportError(f"a figure has {low} to {high} dpi, not {self.dpi}")
        if self.paper not in PAPERS:
            raise ExportError(f"a figure's paper is {', '.join(PAPERS)}, not {self.paper!r}")
        if self.columns is not None and self.columns < 1:
            raise ExportError(f"a figure has at least 1 column, not {self.columns}")

    @property
    def facts(self) -> dict[str, Any]:
        """The form for JSON, from which from_facts makes it again."""
        return asdict(self)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> FigureForm:
        """The form of these facts; what is missing has its usual value.

        Raises ValueError for facts that are of no form.
        """
        kinds = {
            "width": (float, int, type(None)),
            "dpi": (int,),
            "paper": (str,),
            "columns": (int, type(None)),
        }
        known = {field.name for field in fields(cls)}
        for name, value in facts.items():
            if name not in known or type(value) not in kinds.get(name, (bool,)):
                raise ValueError(f"{name}: {value!r} describes no form of a figure")
        form = cls(**facts)
        try:
            form.check()
        except ExportError as error:
            raise ValueError(str(error)) from error
        return form

"""Several maps as one figure: what each is called, on which scale it is, what is said below."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.comparing.difference import Difference, difference, explanation_of
from engine.escaping import plain
from engine.figures.drawing import Drawing
from engine.figures.layout import Scale, figure, in_rows, with_bare
from engine.figures.panes import Pane, cropped, pane_of
from engine.methods import registry
from engine.methods.modifiers import is_signed
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation
from engine.records.figures import FigureForm
from engine.records.images import Pixels, Region
from engine.render import overlay

NAME = "Heat maps"
"""The title of a figure without one."""

_LONGEST = 200
_SEPARATOR = " · "


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One map of a figure, with the pixels that are shown of its image.

    pane: without settings and words. image, model: what they are called, unlike any other of the
    figure. label: in place of what is made of these.
    """

    explanation: Explanation
    pane: Pane
    image: str
    model: str
    label: str = ""


def shown(
    pixels: Pixels, explanation: Explanation, image: str, model: str, most: int, label: str = ""
) -> Shown:
    """A map for a figure in which its region is at most so many pixels wide."""
    pane = pane_of(pixels, explanation, DisplaySettings(), image=image, most=most)
    return Shown(explanation, pane, image, model, label)


def settings_for(found: Sequence[Explanation], base: DisplaySettings) -> DisplaySettings:
    """How the maps are drawn: with both signs where each speaks for one of two classes."""
    both = any(one.against is not None and is_signed(one) for one in found)
    return replace(base, sign="signed") if both else base


def common_end(found: Sequence[Explanation], settings: DisplaySettings) -> float:
    """The magnitude at the end of one colour scale for all of these maps."""
    return max(
        (
            abs(overlay.value_range(one.map, replace(settings, end=None), overlay.share_of(one))[1])
            for one in found
        ),
        default=0.0,
    )


def sheet(
    items: Sequence[Shown],
    form: FigureForm,
    *,
    columns: int | None = None,
    rows: Sequence[int] | None = None,
    base: DisplaySettings | None = None,
    title: str = "",
    values: str = "",
) -> Drawing:
    """The figure of maps in rows of so many columns; None for as many as suit them.

    rows: how many maps each row has, where they are not of equal length. base: how the maps are
    drawn; None for what suits them. values: what the numbers of the bar are of, in place of the
    method's name. Raises ExportError for a form that cannot be had.
    """
    found = [item.explanation for item in items]
    settings = base or settings_for(found, DisplaySettings())
    if form.shared:
        settings = replace(settings, end=common_end(found, settings))
    panes = _named_panes(items, settings)
    scale = Scale(settings, _marks(found, settings), _bar_words(found, form.shared, values))
    return figure(
        _rows(panes, rows or columns, form), form, [scale], _caption(items, settings), title or NAME
    )


def difference_sheet(
    items: Sequence[Shown],
    form: FigureForm,
    *,
    base: DisplaySettings | None = None,
    title: str = "",
) -> tuple[Drawing, Difference]:
    """The figure of two maps and their difference, which has a scale of its own.

    Where the maps have no common scale, each is divided by its largest magnitude before they are
    subtracted. Raises HookscopeError as difference does, and ExportError.
    """
    first, second = both = [item.explanation for item in items]
    apart = difference(first, second, scaled=not form.shared)
    settings = base or settings_for(both, DisplaySettings())
    if form.shared:
        settings = replace(settings, end=common_end(both, settings))
    panes = _named_panes(items, settings)
    made = explanation_of(apart, first, second)
    signed = replace(settings, sign="signed", end=common_end((made,), _signed(settings)))
    reduced = panes[0].explanation
    assert reduced is not None
    words = (f"{panes[0].words[0]} minus {panes[1].words[0]}", _numbers(apart))
    panes.append(
        replace(
            panes[0],
            explanation=replace(made, region=_moved(made, reduced), image_size=reduced.image_size),
            settings=signed,
            words=words,
        )
    )
    unit = "of each map divided by its largest magnitude; " if apart.scaled else ""
    scales = [
        Scale(settings, _marks(both, settings), _bar_words(both, form.shared)),
        Scale(signed, _marks((made,), signed), f"Difference ({unit}orange: the first is larger)"),
    ]
    said = _caption(items, settings)
    return figure(_rows(panes, None, form), form, scales, said, title or NAME), apart


def _signed(settings: DisplaySettings) -> DisplaySettings:
    return replace(settings, sign="signed", end=None)


def _moved(made: Explanation, reduced: Explanation) -> Region:
    """The region of a difference in the pixels of a pane that shows a reduced image."""
    across = reduced.image_size[0] / made.image_size[0]
    down = reduced.image_size[1] / made.image_size[1]
    region = made.region
    return replace(
        region,
        x=region.x * across,
        y=region.y * down,
        width=region.width * across,
        height=region.height * down,
    )


def _rows(
    panes: Sequence[Pane], columns: int | Sequence[int] | None, form: FigureForm
) -> list[list[Pane]]:
    """The panes in rows of so many, or of so many each."""
    if form.crop:
        # The bare images, too, which know no region.
        panes = [cropped(pane) for pane in panes]
    if columns is None or form.columns is not None:
        return in_rows(panes, form)
    rest = iter(panes)
    each = itertools.repeat(columns) if isinstance(columns, int) else columns
    rows = list(itertools.takewhile(bool, (list(itertools.islice(rest, n)) for n in each)))
    return with_bare(rows) if form.beside else rows


# --- words ---------------------------------------------------------------------------------------


def names_of(items: Sequence[Shown]) -> list[str]:
    """What each map is called beside the others: what is not the same in all of them."""
    names = [_names(item) for item in items]
    varying = [place for place, of in enumerate(zip(*names, strict=True)) if len(set(of)) > 1]
    return [
        item.label
        or _SEPARATOR.join(name[place] for place in varying if name[place])
        or _subject(item.explanation)
        for item, name in zip(items, names, strict=True)
    ]


def _named_panes(items: Sequence[Shown], settings: DisplaySettings) -> list[Pane]:
    """The panes with what they are, and their values."""

    def said(item: Shown, words: str) -> tuple[str, ...]:
        return words, *_values(item.explanation), *_shortfall(item.explanation, settings)

    named = zip(items, names_of(items), strict=True)
    return [replace(one.pane, settings=settings, words=said(one, name)) for one, name in named]


def _names(item: Shown) -> tuple[str, ...]:
    """Image, model, method, layer and subject of a map."""
    one = item.explanation
    method = registry.described(one.method, one.options)
    texts = (item.image, item.model, method, _place(one), _subject(one))
    return tuple(plain(text, _LONGEST) for text in texts)


def _place(explanation: Explanation) -> str:
    return explanation.layer or registry.find(explanation.method).place


def _subject(explanation: Explanation) -> str:
    if explanation.asked.question != "class":
        return plain(explanation.subject, _LONGEST)
    return plain(f"{explanation.target.label} {explanation.target.said}", _LONGEST)


def _values(explanation: Explanation) -> tuple[str, ...]:
    """The range of the values, and what has to be said beside a map of the method."""
    low, high = float(explanation.map.min()), float(explanation.map.max())
    words = f"{overlay.number_text(low)} to {overlay.number_text(high)}"
    method = registry.find(explanation.method)
    if method.caution:
        return words, method.caution
    return (words,) if method.class_dependent else (words, "independent of the class")


def _shortfall(explanation: Explanation, settings: DisplaySettings) -> tuple[str, ...]:
    """That there is little or nothing to see, where colours alone would not tell."""
    if nothing := overlay.nothing_words(explanation.map, settings):
        return (nothing,)
    if overlay.is_weak(explanation.map, settings):
        part = overlay.shown_part(explanation.map, settings)
        # As short as a tile of 160 pixels is wide.
        other = "negative" if settings.sign == "positive" else "positive"
        return (f"weak: {max(part, 0.001):.1%} of {other}",)
    return ()


def _numbers(apart: Difference) -> str:
    parts = []
    if apart.correlation is not None:
        parts.append(f"correlation {_two(apart.correlation)}")
    if apart.overlap is not None:
        parts.append(f"IoU of the top 20 % {_two(apart.overlap)}")
    return ", ".join(parts) or "one of the maps is the same everywhere"


def _two(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _bar_words(found: Sequence[Explanation], shared: bool, values: str = "") -> str:
    methods = {one.method for one in found}
    title = f"{registry.title_of(next(iter(methods)))} value" if len(methods) == 1 else "Map value"
    title = values or title
    if len(found) == 1:
        return title
    if shared:
        which = "both" if len(found) == 2 else f"all {len(found)}"
        return f"{title}, one colour scale for {which} maps"
    return f"{title}, each map on a colour scale of its own"


def _marks(
    found: Sequence[Explanation], settings: DisplaySettings
) -> Callable[[float], Sequence[tuple[float, str]]]:
    """The numbers beside the bar: of the common scale, or of one that is each map's own."""
    if settings.end is None and len(found) > 1:
        end = "largest"
        if settings.sign == "signed":
            return lambda _spacing: ((0.0, f"−{end}"), (0.5, "0"), (1.0, end))
        return lambda _spacing: ((0.0, "0"), (1.0, end))
    sign = {"positive": 1, "negative": -1, "signed": 0}[settings.sign]
    strongest = max(found, key=lambda one: float((sign * one.map if sign else abs(one.map)).max()))
    return lambda spacing: overlay.bar_marks(strongest, settings, spacing)


def _caption(items: Sequence[Shown], settings: DisplaySettings) -> tuple[str, ...]:
    """What is the same in all maps, and what the colours of each sign are."""
    names = [_names(item) for item in items]
    same = [next(iter(of)) for of in map(set, zip(*names, strict=True)) if len(of) == 1]
    first = items[0].explanation
    positive, negative = first.signs
    if len({item.explanation.signs for item in items}) > 1:
        positive, negative = "for what is asked of each", "against it"
    signs = {
        "positive": f"positive part: {positive}",
        "negative": f"negative part: {negative}",
        "signed": f"both signs: {negative} (blue), {positive} (orange)",
    }[settings.sign]
    how = "" if settings.sign == "signed" else f"; {settings.colormap}"
    line = f"{plain(signs, 3 * _LONGEST)}{how}, opacity {settings.opacity:.0%}"
    return tuple(text for text in (_SEPARATOR.join(same), line) if text)

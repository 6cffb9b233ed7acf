"""The panes as JSON, as a figure and as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cli.comparing.run import Run
from cli.looking import display_of
from cli.output import say, write_json
from engine.methods import registry

if TYPE_CHECKING:
    from engine.comparing.difference import Difference
    from engine.comparing.product import Named
    from engine.comparing.sheet import Shown


def write(run: Run, named: Named, ordered: Sequence[Shown]) -> Difference | None:
    """Write the files that the options name; the difference, where it is asked for."""
    from engine.comparing.difference import difference
    from engine.comparing.sheet import common_end, difference_sheet, settings_for, sheet
    from engine.figures.saving import save_figure

    options, apart, drawing = run.options, None, None
    found = [item.explanation for item in ordered]
    settings = display_of(options)
    if options.sign is None:
        settings = settings_for(found, settings)
    if options.difference:
        apart = difference(*found, scaled=not run.form.shared)
    if options.out is not None and options.difference:
        drawing, _ = difference_sheet(ordered, run.form, base=settings)
    elif options.out is not None:
        drawing = sheet(ordered, run.form, columns=named.columns, rows=named.rows, base=settings)
    if drawing is not None:
        save_figure(options.out, drawing, run.form.dpi)
    if options.json is not None:
        end = common_end(found, settings) if run.form.shared else None
        content: dict[str, Any] = {
            "panes": [run.panes.facts[place] for place in sorted(run.panes.facts)],
            "columns": named.columns,
            **({} if named.rows is None else {"rows": named.rows}),
            "scale": {"shared": run.form.shared, "sign": settings.sign, "end": end},
        }
        if apart is not None:
            content["difference"] = apart.facts
        write_json(options.json, content)
    return apart


def say_all(run: Run, ordered: Sequence[Shown], apart: Difference | None) -> None:
    from engine.comparing.notices import notices_of

    for line in _lines(ordered):
        say(*line)
    if apart is not None:
        correlation, overlap = (
            "none" if value is None else f"{value:.3f}"
            for value in (apart.correlation, apart.overlap)
        )
        say(f"difference: {apart.map.min():.4g} to {apart.map.max():.4g}")
        say(f"correlation {correlation}, IoU of the top 20 % {overlap}")
    if run.options.out is not None:
        say(f"wrote {run.options.out}")
    for notice in notices_of(ordered):
        say(notice)


def _lines(ordered: Sequence[Shown]) -> Iterator[tuple[str, ...]]:
    """Image, model, layer, class, method and range of each map."""
    for item in ordered:
        one = item.explanation
        yield (
            item.image,
            item.model,
            one.layer or registry.find(one.method).place,
            one.subject if one.asked.question != "class" else one.target.label,
            one.method,
            f"{one.map.min():.4g} to {one.map.max():.4g}",
        )

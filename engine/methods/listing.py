"""The table of methods as it is listed: lines for people, plain values for programs."""

from __future__ import annotations

import textwrap

from engine.methods import registry
from engine.methods.method import Method
from engine.methods.options import Option, range_of, shown
from engine.methods.rows.shared import SHARED

_COLUMNS = 79


def facts(method: Method) -> dict[str, object]:
    """The row as values that JSON knows, for programs."""
    return {
        "slug": method.slug,
        "title": method.title,
        "family": method.family.value,
        "summary": method.summary,
        "paper": method.paper,
        "equation": method.equation,
        "needs": [need.value for need in method.needs],
        "class_dependent": method.class_dependent,
        "signed": method.signed,
        "options": [
            {
                "name": option.name,
                "title": option.title,
                "kind": option.kind.value,
                "default": option.default,
                "low": option.low,
                "high": option.high,
                "choices": list(option.choices),
                "shared": option.shared,
            }
            for option in method.options
        ],
        "cost": method.cost,
        "passes": method.passes,
        "least_channels": method.least_channels,
        "least_cells": method.least_cells,
        "least_reason": method.least_reason,
        "most_cells": method.most_cells,
        "most_reason": method.most_reason,
        "pooled": method.pooled,
        "score": method.score.value,
        "linear": method.linear,
        "linear_at": list(method.linear_at),
        "swept": method.swept,
        "layered": method.layered,
        "caution": method.caution,
        "refuses": dict(method.refuses),
        "counted": bool(method.counted),
    }


def facts_all() -> list[dict[str, object]]:
    """The facts of every row, in the table's order."""
    return [facts(method) for method in registry.METHODS]


def lines() -> list[str]:
    """The table for a terminal of 80 columns: for each method a line with its name, then what it
    is good for and what it costs, and its own options; then those that methods share."""
    width = max(len(method.slug) for method in registry.METHODS)
    told = []
    for method in registry.METHODS:
        blind = "" if method.class_dependent else " (class-blind)"
        told.append(f"{method.slug:<{width}}  {method.title}{blind}")
        parts = [method.summary, f"Takes {method.cost}."]
        if method.place:
            parts.append(f"Of the {method.place}; takes no layer.")
        if method.caution:
            parts.append(f"{method.caution[:1].upper()}{method.caution[1:]}.")
        told += _wrapped(" ".join(parts), 4)
        told += [line for o in method.options if not o.shared for line in _option_lines(o)]
    told += ["", "Options of several methods:"]
    for option in SHARED:
        told += _option_lines(option)
        without: dict[str, list[str]] = {}
        for method in registry.METHODS:
            if reason := registry.refusal_of_option(method, option.name):
                without.setdefault(reason, []).append(method.slug)
        for reason, slugs in without.items():
            told += _wrapped(f"Not with {', '.join(slugs)}: {reason}.", 8)
    return told


def _option_lines(option: Option) -> list[str]:
    return _wrapped(
        f"{option.name}={shown(option.default)}: {option.title}, {range_of(option)}", 6, 8
    )


def _wrapped(text: str, indent: int, hanging: int | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        _COLUMNS,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent if hanging is None else hanging),
        break_on_hyphens=False,
    )

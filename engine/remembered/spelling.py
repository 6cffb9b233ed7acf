"""Converts inspections to and from plain JSON values.

Calls are numbered in their order, since every one is named many times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.inspection.attention import AttentionFacts
from engine.inspection.facts import CallFacts, Inspection
from engine.inspection.flow import LOGITS, Flow
from engine.inspection.spatial_axes import Axes, SeenGrid
from engine.passes.hooks import Call
from engine.passes.outputs import Reading
from engine.records.models import Layout, OutputForm, Scores

VERSION = 1
"""Version of the format; values of another version are not read."""

_FLAGS = ("overwritten", "varies", "reached", "derived", "weighted", "pooled")


def content_of(facts: Inspection) -> dict[str, Any]:
    """The inspection as JSON values."""
    order = {call: number for number, call in enumerate(facts.calls)}
    order[LOGITS] = -1
    flow = facts.flow
    return {
        "version": VERSION,
        "input": list(facts.input_shape),
        "calls": [_call_content(known, order) for known in facts.calls.values()],
        "reading": _reading_content(facts.reading),
        "leads_to": [
            [order[call], sorted(order[reader] for reader in readers)]
            for call, readers in flow.leads_to.items()
        ],
        "entries": sorted(order[call] for call in flow.entries),
        "gates": sorted(order[call] for call in flow.gates),
        "depth": [[order[call], depth] for call, depth in flow.depth.items()],
        "grids": [[list(seen.grid), _listed(seen.larger)] for seen in facts.grids],
        "cut": facts.cut,
        "real": facts.real,
        "attention": [_axes_content(facts.attention.axes), facts.attention.reason],
        "carrier": None if facts.carrier is None else order[facts.carrier],
    }


def inspection_of(content: Mapping[str, Any]) -> Inspection:
    """The inspection that content_of wrote down.

    Raises ValueError for anything else; what is missing or of another type is named.
    """
    try:
        return _read(content)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _read(content: Mapping[str, Any]) -> Inspection:
    if content["version"] != VERSION:
        raise ValueError(f"version {content['version']!r:.20}")
    rows: Sequence[Any] = content["calls"]
    order: list[Call] = [(str(row[0]), int(row[1])) for row in rows]
    calls = {call: _call_of(call, row, order) for call, row in zip(order, rows, strict=True)}
    if len(calls) != len(order):
        raise ValueError("a call is there twice")
    counts: dict[str, int] = {}
    for name, index in order:
        counts[name] = max(counts.get(name, 0), index + 1)

    def named(number: int) -> Call:
        return LOGITS if number == -1 else order[_natural(number)]

    return Inspection(
        calls,
        counts,
        _reading_of(content["reading"]),
        _numbers(content["input"]),
        flow=Flow(
            leads_to={named(n): frozenset(map(named, to)) for n, to in content["leads_to"]},
            entries=frozenset(map(named, content["entries"])),
            gates=frozenset(map(named, content["gates"])),
            depth={named(number): int(depth) for number, depth in content["depth"]},
        ),
        grids=tuple(SeenGrid(_grid(own), more and _grid(more)) for own, more in content["grids"]),
        cut=bool(content["cut"]),
        real=bool(content["real"]),
        attention=AttentionFacts(_axes_of(content["attention"][0]), str(content["attention"][1])),
        carrier=None if content["carrier"] is None else named(content["carrier"]),
    )


def _call_content(known: CallFacts, order: Mapping[Call, int]) -> list[Any]:
    return [
        *known.call,
        list(known.shape),
        known.bytes,
        order[known.source],
        sum(1 << bit for bit, flag in enumerate(_FLAGS) if getattr(known, flag)),
        _axes_content(known.axes),
        known.kind,
        known.part,
        known.refusal,
    ]


def _call_of(call: Call, row: Sequence[Any], order: Sequence[Call]) -> CallFacts:
    _, _, shape, size, source, flags, axes, kind, part, refusal = row
    return CallFacts(
        call=call,
        shape=_numbers(shape),
        bytes=int(size),
        source=order[_natural(source)],
        axes=_axes_of(axes),
        kind=str(kind),
        part=str(part),
        refusal=str(refusal),
        **{flag: bool(flags >> bit & 1) for bit, flag in enumerate(_FLAGS)},
    )


def _axes_content(axes: Axes | None) -> list[Any] | None:
    return None if axes is None else [axes.layout.value, list(axes.grid), axes.prefix]


def _axes_of(content: Sequence[Any] | None) -> Axes | None:
    if content is None:
        return None
    layout, grid, prefix = content
    return Axes(Layout(layout), _grid(grid), int(prefix))


def _reading_content(reading: Reading) -> dict[str, Any]:
    form = reading.form
    return {
        "form": [form.place, form.scores.name, form.ends_in],
        "places": reading.places,
        "reachable": reading.reachable,
        "heads": list(reading.heads),
        "embedding": reading.embedding,
        "guessed": reading.guessed,
    }


def _reading_of(content: Mapping[str, Any]) -> Reading:
    place, scores, ends_in = content["form"]
    return Reading(
        OutputForm(str(place), Scores[scores], str(ends_in)),
        {str(name): int(width) for name, width in content["places"].items()},
        bool(content["reachable"]),
        tuple(map(str, content["heads"])),
        bool(content["embedding"]),
        bool(content["guessed"]),
    )


def _grid(pair: Sequence[Any]) -> tuple[int, int]:
    rows, columns = pair
    return int(rows), int(columns)


def _listed(pair: tuple[int, int] | None) -> list[int] | None:
    return None if pair is None else list(pair)


def _numbers(values: Sequence[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _natural(number: int) -> int:
    if number < 0:
        raise IndexError(number)
    return number

"""What the figures say of the two demo networks, of which it is known where they look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine
from benchmarks import leads
from engine.metrics.running import measure
from engine.records.images import LoadedImage
from engine.records.workbench.trust import Fill, TrustFigure, TrustSettings


def scene(name: str) -> LoadedImage:
    from engine.formats.demo import SCENES

    return engine.load_image(next(one.path for one in SCENES if one.path.stem == name))


def figures(
    model: str, name: str, *names: str, fill: Fill = Fill.LINEAR, **asked: Any
) -> dict[str, TrustFigure]:
    with engine.Session(engine.load_model(model), scene(name)) as session:
        explanation = session.explain(**asked)
        found = measure(session, explanation, names, TrustSettings(fill=fill))
        return {one.name: one for one in found}


def test_grad_cam_beats_random_order_by_more_than_three_spreads() -> None:
    found = figures("demo:shapes", "ring-and-star", "deletion", "insertion", "road")
    for name in ("deletion", "insertion", "road"):
        figure = found[name]
        assert figure.value is not None
        assert figure.spread is not None
        assert figure.value > 3 * figure.spread, name
        assert "better than random order" in figure.verdict


def test_grad_cam_leads_over_random_order_on_scenes() -> None:
    """A few of them, in fewer steps; the spread of five orders is a rough guess of each."""
    settings = TrustSettings(steps=4)
    names = ("deletion", "insertion")
    found = leads.leads(engine.load_model(leads.MODEL), 4, settings, names)
    assert found["deletion"].together > 2
    assert found["insertion"].together > 3
    assert all(lead > 1 for row in found.values() for lead in row.leads)


@pytest.mark.slow
def test_grad_cam_leads_by_more_than_three_spreads_over_sixty_scenes() -> None:
    found = leads.leads(engine.load_model(leads.MODEL), 60, TrustSettings())
    for name, row in found.items():
        assert row.together > 3, name
        assert row.certainty > 10, name
        assert float(np.median(row.leads)) > 3, name
        assert row.share_above(2) > 0.9, name


def test_the_page_quotes_the_benchmark() -> None:
    page = (Path(__file__).parents[3] / "docs" / "trust.md").read_text("utf-8")
    assert "benchmarks/leads.py" in page


def test_random_cam_does_not() -> None:
    asked = {"method": "random-cam", "fill": Fill.BLUR}
    found = figures("demo:shapes", "ring-and-star", "insertion", **asked)["insertion"]
    assert found.value is not None
    assert found.spread is not None
    assert found.value < 3 * found.spread


@pytest.fixture(scope="module")
def marked() -> dict[str, TrustFigure]:
    return figures("demo:shortcut", "star-with-mark", "border-energy", "deletion")


def test_the_corner_with_the_mark_is_named(marked: dict[str, TrustFigure]) -> None:
    assert "The bottom right corner alone has" in marked["border-energy"].verdict
    clean = figures("demo:shortcut", "star-without-mark", "border-energy")["border-energy"]
    assert "corner" not in clean.verdict


def test_the_deletion_curve_falls_at_once(marked: dict[str, TrustFigure]) -> None:
    curves = [one for one in marked["deletion"].curves if one.axis == "probability"]
    own = next(one for one in curves if one.label == "this map")
    others = [one for one in curves if one.label != "this map"]
    # One step hides the mark, which is a sixteenth of the image, and with it the class.
    assert own.x[1] < 0.07
    assert own.y[1] < 0.2 * own.y[0]
    assert sum(one.y[1] > 0.5 * one.y[0] for one in others) >= 4
    assert "better than random order" in marked["deletion"].verdict

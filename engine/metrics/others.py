"""The map beside others of the same image: of another class, and by other methods."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from engine.errors import LayerError, MethodError, TargetError
from engine.explain.session import Session
from engine.methods.registry import find, title_of
from engine.metrics.agreement import among, rank_correlation
from engine.metrics.table import find as row_of
from engine.progress import CancelToken, Report
from engine.records.asked import Question
from engine.records.explanations import Explanation
from engine.records.workbench.trust import Curve, TrustFigure, measured, said

PARTNERS = ("grad-cam", "occlusion", "ablation-cam", "integrated-gradients", "rise")
"""Methods of different kinds, in the order in which they are taken for a comparison of three."""

_SAME, _SIMILAR = 0.9, 0.5


def question_of(explanation: Explanation) -> Question:
    """The question of an explanation, with everything decided."""
    asked = explanation.asked
    return Question(asked.question, asked.against, asked.score, asked.unit, asked.cell)


def other_class(
    session: Session, explanation: Explanation, cancel: CancelToken | None, report: Report
) -> TrustFigure:
    """The rank correlation with the map of the class with the highest score but for this one."""
    title, asked = row_of("other-class").title, explanation.asked
    if asked.target is None:
        return TrustFigure("other-class", title, None, "The question is about no single class.")
    taken = {asked.target, asked.against}
    ranked = [int(index) for index in np.argsort(-session.logits, kind="stable")]
    rest = [index for index in ranked if index not in taken]
    if not rest:
        return TrustFigure("other-class", title, None, "The network has no other class.")
    if not find(explanation.method).class_dependent:
        verdict = (
            f"{title_of(explanation.method)} is class-blind: it gives every class the same map, by "
            "design."
        )
        return TrustFigure("other-class", title, 1.0, verdict, unit="rank correlation")
    other = session.explain(
        explanation.fused or explanation.layer or None,
        rest[0],
        method=explanation.method,
        options=dict(explanation.options),
        question=question_of(explanation),
        cancel=cancel,
        progress=report,
    )
    value = rank_correlation(explanation.map, other.map)
    label = other.target.label
    if value is None:
        return TrustFigure("other-class", title, None, "One of the two maps is constant.")
    verdict = f"The map of {label}, the runner-up, {_alike(value)}: rank correlation {said(value)}."
    return TrustFigure("other-class", title, value, verdict, unit="rank correlation")


def _alike(value: float) -> str:
    if value >= _SAME:
        return "is nearly the same, so that this one says little about the class"
    if value >= _SIMILAR:
        return "is similar, so that only a part of this one is about the class"
    return "differs from this one, which is about the class"


def agreement(
    session: Session, explanation: Explanation, cancel: CancelToken | None, report: Report
) -> TrustFigure:
    """The mean rank correlation among this map and those by two other methods."""
    title = row_of("agreement").title
    maps = {title_of(explanation.method): explanation}
    for slug in PARTNERS:
        if len(maps) == 3:
            break
        if slug == explanation.method:
            continue
        part = (len(maps) - 1) / 2

        def told(done: float, text: str, part: float = part) -> None:
            report(part + done / 2, text)

        found = _by(session, explanation, slug, cancel, told)
        if found is not None:
            maps[title_of(slug)] = found
    if len(maps) < 2:
        return TrustFigure(
            "agreement", title, None, "No other method can be had for this model and layer."
        )
    values = among([one.map for one in maps.values()])
    pairs = {
        f"{one} and {other}": value
        for (one, other), value in zip(combinations(maps, 2), values, strict=True)
        if value is not None
    }
    if not pairs:
        return TrustFigure("agreement", title, None, "All but one of the maps are constant.")
    return _figure(list(maps), pairs)


def _figure(names: list[str], pairs: Mapping[str, float]) -> TrustFigure:
    found = list(pairs.values())
    mean = float(np.mean(found))
    spread = float(np.std(found, ddof=1)) if len(found) > 1 else None
    lowest = min(pairs, key=lambda pair: pairs[pair])
    kind = "agree" if mean >= _SIMILAR else "agree in part" if mean >= _SIMILAR / 2 else "disagree"
    found_words = said(mean) if spread is None else measured(mean, spread)
    verdict = (
        f"{', '.join(names[:-1])} and {names[-1]} {kind}: mean rank correlation {found_words}."
    )
    if len(found) > 1 and pairs[lowest] < _SAME:
        verdict += f" The least alike are {lowest} ({said(pairs[lowest])})."
    bars = Curve(
        "pairs",
        "rank correlation",
        tuple(map(float, range(len(found)))),
        tuple(found),
        tuple(pairs),
    )
    return TrustFigure(
        "agreement",
        row_of("agreement").title,
        mean,
        verdict,
        spread,
        curves=(bars,),
        unit="rank correlation",
    )


def _by(
    session: Session,
    explanation: Explanation,
    slug: str,
    cancel: CancelToken | None,
    report: Report,
) -> Explanation | None:
    """The same by another method; None where that cannot be had, or shows nothing."""
    layer = (explanation.fused or explanation.layer or None) if find(slug).layered else None
    try:
        return session.explain(
            layer,
            explanation.asked.target,
            method=slug,
            question=question_of(explanation),
            cancel=cancel,
            progress=report,
        )
    except (MethodError, TargetError, LayerError):
        return None

"""Computes figures about one map, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from engine.errors import HookscopeError, LayerError, MethodError, TargetError
from engine.explain.session import Session
from engine.metrics import faithfulness, randomisation, table
from engine.metrics.alone import free_figures
from engine.metrics.faithfulness import Hiding
from engine.metrics.others import agreement, other_class, question_of
from engine.metrics.stability import stability
from engine.passes.copies import whole_copy
from engine.passes.wrappers import Scripted
from engine.progress import CancelToken, Report, ignore_progress
from engine.reader import client
from engine.records.explanations import Explanation, FloatMap
from engine.records.workbench.trust import TrustFigure, TrustSettings

_ONE_CELL = "The map has a single cell, so that there is no order to try."
_SCRIPTED = "A TorchScript archive cannot be copied with other weights."

# Forward passes that a figure takes, about, for the progress; a map counts for three.
_MAP = 3
_OTHERS = 230


@dataclass(slots=True, eq=False)
class _Run:
    """What the figures of one map share."""

    session: Session
    explanation: Explanation
    settings: TrustSettings
    cancel: CancelToken | None
    hiding: Hiding | None = None

    def hide(self) -> Hiding:
        if self.hiding is None:
            trials = self.session.trials(self.explanation, self.cancel)
            self.hiding = Hiding(trials, self.explanation.map, self.settings)
        return self.hiding


def measure(
    session: Session,
    explanation: Explanation,
    names: Sequence[str] = (),
    settings: TrustSettings | None = None,
    *,
    cancel: CancelToken | None = None,
    progress: Report = ignore_progress,
) -> Iterator[TrustFigure]:
    """The figures of these names about a map of the session, each as soon as it is known.

    names: of metrics.table, but for those of a box or a mask; all of them if there are none. What
    cannot be computed for the model, the method or the question has no value, and says why. Equal
    seeds give equal figures. The network is left unchanged. Raises HookscopeError for an unknown
    name, ModelError and DeviceError as Session.explain does, and Cancelled.
    """
    wanted = table.wanted_names(tuple(names), marked=False)
    run = _Run(session, explanation, settings or TrustSettings(), cancel)
    weights = {name: _weight(run, name) for name in wanted}
    total = sum(weights.values()) or 1
    done = 0
    for name in wanted:
        title = table.find(name).title

        def told(
            fraction: float, _text: str, done: int = done, name: str = name, title: str = title
        ) -> None:
            progress(min(1.0, (done + fraction * weights[name]) / total), title)

        if cancel is not None:
            cancel.raise_if_cancelled()
        told(0.0, "")
        try:
            yield _figure(run, name, told)
        except (LayerError, MethodError, TargetError) as error:
            yield TrustFigure(name, title, None, f"Not computed: {error}.")
        done += weights[name]


def _figure(run: _Run, name: str, report: Report) -> TrustFigure:
    if name in table.FREE:
        return next(one for one in free_figures(run.explanation) if one.name == name)
    makers: dict[str, Callable[[_Run, Report], TrustFigure]] = {
        "deletion": partial(_hidden, faithfulness.deletion),
        "insertion": partial(_hidden, faithfulness.insertion),
        "road": partial(_hidden, faithfulness.road),
        "stability": _stability,
        "other-class": lambda run, report: other_class(
            run.session, run.explanation, run.cancel, report
        ),
        "randomisation": _randomisation,
        "agreement": lambda run, report: agreement(
            run.session, run.explanation, run.cancel, report
        ),
    }
    maker = makers.get(name)
    if maker is None:
        raise HookscopeError(f"{name} is compared with what was marked")
    return maker(run, report)


def _hidden(
    maker: Callable[[Hiding, Explanation, Report], TrustFigure], run: _Run, report: Report
) -> TrustFigure:
    hiding = run.hide()
    if hiding.count < 2:
        raise MethodError(_ONE_CELL.removesuffix("."))
    return maker(hiding, run.explanation, report)


def _stability(run: _Run, report: Report) -> TrustFigure:
    session = run.session
    trials = session.trials(run.explanation, run.cancel)
    top = int(np.argmax(session.logits))
    how = session.model.preprocessing
    return stability(trials, run.explanation, how, top, run.settings, report)


def _randomisation(run: _Run, report: Report) -> TrustFigure:
    session, explanation, cancel = run.session, run.explanation, run.cancel
    own = session.model.module
    if isinstance(own, Scripted):
        raise MethodError(_SCRIPTED.removesuffix("."))
    names = randomisation.weighted_modules(own, session.model.facts)
    if not names:
        raise MethodError("the network has no weights of its own")
    try:
        with client.reading(cancel, None):
            copied = whole_copy(own)
    except (TypeError, RuntimeError) as error:
        raise MethodError(f"the network cannot be copied ({error})") from error
    model = session.model.with_module(copied)

    def explained() -> FloatMap | None:
        # Without faster forms, which would keep rewritten weights of the step before.
        with Session(model, session.image, exact=True) as copy:
            try:
                found = copy.explain(
                    explanation.fused or explanation.layer or None,
                    explanation.asked.target,
                    method=explanation.method,
                    options=dict(explanation.options),
                    question=question_of(explanation),
                    cancel=cancel,
                )
            except LayerError:
                return None
        return found.map

    randomiser = randomisation.Randomiser(own, copied, names)
    cuts, found = randomisation.randomised(
        explanation.map,
        randomiser,
        explained,
        lambda made, all: report(made / all, ""),
        run.settings.seed,
        cancel,
    )
    return randomisation.figure_of(cuts, found)


def _weight(run: _Run, name: str) -> int:
    settings = run.settings
    if name in table.FREE:
        return 0
    steps, orders = settings.steps, settings.orders
    return {
        "deletion": steps * (orders + 1),
        "insertion": steps,
        "road": 2 * len(faithfulness.ROAD_SHARES) * (orders + 1),
        "stability": 4 * _map_passes(run),
        "other-class": _map_passes(run),
        "randomisation": 4 * randomisation.SEEDS * _map_passes(run),
        "agreement": _OTHERS,
    }.get(name, 1)


def _map_passes(run: _Run) -> int:
    one = run.explanation
    passes = run.session.expected(
        one.fused or one.layer or None, method=one.method, options=dict(one.options)
    )
    return max(_MAP, sum(passes))

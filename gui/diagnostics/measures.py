"""Tools of the self-test: waiting, measuring, recording and checking."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QEventLoop, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from engine.records.display import DisplaySettings
    from engine.records.explanations import Explanation
    from engine.records.images import LoadedImage

_log = logging.getLogger(__name__)

_TICK_MS = 5
_JSON_KEYS = frozenset(
    ("image", "model", "device", "layer", "class", "predictions", "map", "region", "seconds")
)


class StepFailed(Exception):
    """A step of the self-test failed; the message says how."""


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one step. detail: what was observed, or what went wrong."""

    name: str
    ok: bool
    seconds: float
    detail: str


class Record(QObject):
    """The results of a run: its steps in order, and measured figures by name.

    begun(name): a step has started. taken(Step): it is done.
    """

    begun = Signal(str)
    taken = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self.figures: dict[str, float] = {}

    def take(self, name: str, work: Callable[[], str]) -> bool:
        """Run one step, which returns its detail or raises StepFailed; whether it passed."""
        self.begun.emit(name)
        started = time.perf_counter()
        try:
            detail, ok = work(), True
        except StepFailed as failure:
            detail, ok = str(failure), False
        self.steps.append(Step(name, ok, round(time.perf_counter() - started, 3), detail))
        _log.info("self-test: %s: %s %s", name, "ok" if ok else "FAILED", detail)
        self.taken.emit(self.steps[-1])
        return ok


class Waiter:
    """Runs the event loop until a condition holds. error: an error reported by the program."""

    def __init__(self) -> None:
        self.error = ""
        self._met: Callable[[], bool] | None = None
        self._loop = QEventLoop()

    def wait(self, met: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until met() holds; it is evaluated at each stir().

        Raises StepFailed after the time limit, or when the program reports an error.
        """
        if not self.error and not met():
            limit = QTimer()
            limit.setSingleShot(True)
            limit.timeout.connect(lambda: self._loop.exit(1))
            limit.start(round(1000 * seconds))
            self._met = met
            late = self._loop.exec() != 0
            self._met = None
            limit.stop()
            if late:
                raise StepFailed(f"{what}: not within {seconds:g} s")
        if self.error:
            raise StepFailed(f"{what}: {self.error}")

    def give_up(self, why: str) -> None:
        """Make the current wait and all later ones fail, for this reason."""
        self.error = self.error or why
        self._loop.exit(0)

    def stir(self) -> None:
        """Something has changed: evaluate the condition again."""
        if self._met is not None and (self.error or self._met()):
            self._loop.exit(0)


class Gaps(QObject):
    """Measures event-loop stalls: the gaps between ticks of a precise 5 ms timer, in ms."""

    def __init__(self) -> None:
        super().__init__()
        self.gaps: list[float] = []
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Start measuring."""
        if not self._timer.isActive():
            self._last = time.perf_counter()
            self._timer.start()

    def stop(self) -> None:
        """Stop measuring."""
        self._timer.stop()

    def figures(self) -> dict[str, float]:
        """p99_stall_ms and max_stall_ms; empty before the first tick."""
        if not self.gaps:
            return {}
        ordered = sorted(self.gaps)
        p99 = ordered[math.ceil(0.99 * len(ordered)) - 1]
        return {"p99_stall_ms": round(p99, 1), "max_stall_ms": round(ordered[-1], 1)}

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gaps.append(1000 * (now - self._last))
        self._last = now


class Watch(QObject):
    """Records when the canvas was last painted and when the last answer came, by perf_counter.

    stir is called soon after each paint.
    """

    def __init__(self, canvas: QWidget, stir: Callable[[], None]) -> None:
        super().__init__()
        self.painted = self.answered = 0.0
        self._stir = stir
        canvas.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self.painted = time.perf_counter()
            QTimer.singleShot(0, self._stir)
        return super().eventFilter(watched, event)

    def note_answer(self) -> None:
        """Record that an answer has reached the widgets."""
        self.answered = time.perf_counter()


@contextmanager
def uncaught() -> Iterator[list[str]]:
    """Collect uncaught exceptions while the context is active, such as those in slots and paint
    events. A hook installed inside may suppress repetitions."""
    told: list[str] = []
    before = sys.excepthook

    def note(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        told.append(" ".join(f"{kind.__name__}: {error}".split()))
        if sys.excepthook is note:
            # Otherwise a hook installed inside has logged it already.
            _log.critical("unexpected failure", exc_info=(kind, error, trace))
        before(kind, error, trace)

    sys.excepthook = note
    try:
        yield told
    finally:
        sys.excepthook = before


def process_age() -> float:
    """Seconds since this process started."""
    stat = Path("/proc/self/stat")
    if hasattr(time, "CLOCK_BOOTTIME") and stat.is_file():
        # psutil adds the boot time, which Linux reports in whole seconds only.
        ticks = stat.read_text(encoding="utf-8").rpartition(")")[2].split()[19]
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(ticks) / os.sysconf("SC_CLK_TCK")
    import psutil

    return time.time() - psutil.Process().create_time()


def resident_bytes() -> int:
    """Resident memory of this process."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def check_export(
    picture: Path,
    map: Path,
    facts: Path,
    image: LoadedImage,
    shown: Explanation,
    display: DisplaySettings,
) -> str:
    """Check that three exported files match the view; returns a summary. Raises StepFailed.

    A map of which these settings show nothing leaves the picture as it is.
    """
    # Imported here, so that the window is painted before numpy and Pillow are loaded.
    import numpy as np

    from engine.images.reading import load_image
    from engine.render.overlay import is_blank

    pixels, original = load_image(picture).pixels, image.pixels
    unchanged = np.array_equal(pixels, original)
    if pixels.shape != original.shape or unchanged != is_blank(shown.map, display):
        raise StepFailed(f"{picture.name} is not the picture with its map")
    if not np.array_equal(np.load(map), shown.map):
        raise StepFailed(f"{map.name} is not the map that is shown")
    content = json.loads(facts.read_text(encoding="utf-8"))
    missing = sorted(_JSON_KEYS - set(content))
    if missing or (content["layer"] or "") != shown.layer:
        raise StepFailed(f"{facts.name} is wrong or lacks {missing}")
    return f"{pixels.shape[1]} x {pixels.shape[0]} picture, map, {len(content)} facts"

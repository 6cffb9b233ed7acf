"""Runs Python's cyclic garbage collector on the GUI thread only.

By default it runs on whichever thread allocates, most often that of the engine, and would destroy
Qt objects there, which Qt forbids. So it is disabled and run from a timer of the GUI thread.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

_INTERVAL_MS = 1_000


class GarbageCollector(QObject):
    """Collects garbage on its own thread, until it is stopped.

    Only one instance in a process is active; others created meanwhile do nothing.
    """

    _at_work: GarbageCollector | None = None

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        if GarbageCollector._at_work is not None:
            return
        GarbageCollector._at_work = self
        self._thresholds = gc.get_threshold()
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.timeout.connect(self._check)
        self._timer.start()

    def settle(self) -> None:
        """Exclude all current objects, above all the modules of torch, from later collections."""
        if GarbageCollector._at_work is self:
            gc.freeze()

    def stop(self) -> None:
        """Re-enable automatic collection."""
        if GarbageCollector._at_work is not self:
            return
        GarbageCollector._at_work = None
        self._timer.stop()
        gc.unfreeze()
        gc.enable()

    def _check(self) -> None:
        counts = gc.get_count()
        due = [g for g in range(3) if counts[g] > self._thresholds[g]]
        if due:
            gc.collect(max(due))

"""Lanes: one job at a time, the newest of a slot, the most urgent first, and nothing left over.

A worker is held back by a Gate of the test, never by time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from engine.errors import HookscopeError, ImageError
from gui.jobs.lanes import Job, Lane, Priority, Watch

WAIT_MS = 10_000


class Gate:
    """Work that says when it has begun and goes on when it is let."""

    def __init__(self, result: object = None) -> None:
        self.begun = threading.Event()
        self.open = threading.Event()
        self.result = result
        self.thread: QThread | None = None

    def __call__(self, watch: Watch) -> object:
        self.thread = QThread.currentThread()
        self.begun.set()
        assert self.open.wait(WAIT_MS / 1000)
        return self.result

    def wait_begun(self) -> None:
        assert self.begun.wait(WAIT_MS / 1000)


class Ears:
    """What a job said, in order, and on which thread."""

    def __init__(self, job: Job, log: list[str] | None = None) -> None:
        self.said: list[tuple[str, Any]] = []
        self.threads: set[QThread] = set()
        self.log = log if log is not None else []
        for name in ("started", "progressed", "finished", "failed", "cancelled", "ended"):
            getattr(job, name).connect(self._ear(job.title, name))

    def _ear(self, title: str, name: str) -> Callable[..., None]:
        def hear(*args: Any) -> None:
            self.said.append((name, args))
            self.threads.add(QThread.currentThread())
            self.log.append(f"{title} {name}")

        return hear

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.said if name != "progressed"]


@pytest.fixture
def lane(qtbot: QtBot) -> Iterator[Lane]:
    lane = Lane("tested")
    yield lane
    lane.close()
    assert not lane.alive
    lane.deleteLater()


def run(qtbot: QtBot, lane: Lane, job: Job) -> Ears:
    ears = Ears(job)
    with qtbot.waitSignal(lane.idle, timeout=WAIT_MS):
        lane.submit(job)
    return ears


def test_a_result_arrives_on_the_gui_thread_and_the_work_ran_on_another(
    qtbot: QtBot, lane: Lane
) -> None:
    gate = Gate("done")
    gate.open.set()
    ears = run(qtbot, lane, Job("work", gate))
    assert ears.said == [("started", ()), ("finished", ("done",)), ("ended", ())]
    assert ears.threads == {QThread.currentThread()}
    assert gate.thread is not None
    assert gate.thread is not QThread.currentThread()


def test_progress_arrives_on_the_gui_thread(qtbot: QtBot, lane: Lane) -> None:
    ears = run(qtbot, lane, Job("work", lambda watch: watch.report(0.25, "a quarter")))
    assert ("progressed", (0.25, "a quarter")) in ears.said
    assert ears.threads == {QThread.currentThread()}


def test_progress_is_throttled(qtbot: QtBot, lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand reports in what the clock calls half a second are about ten."""
    clock = iter(10 + i * 0.0005 for i in range(2_000))
    monkeypatch.setattr("gui.jobs.lanes.time.monotonic", lambda: next(clock))

    def work(watch: Watch) -> None:
        for i in range(1_000):
            watch.report(i / 1_000, "")

    ears = run(qtbot, lane, Job("work", work))
    reports = [args for name, args in ears.said if name == "progressed"]
    assert 5 <= len(reports) <= 11
    assert reports == sorted(reports)


def test_failures_arrive_as_they_are_without_the_frames_of_the_work(
    qtbot: QtBot, lane: Lane
) -> None:
    def work(_watch: Watch) -> None:
        raise ImageError("cannot read x.png: it is empty")

    ears = run(qtbot, lane, Job("work", work))
    assert ears.names == ["started", "failed", "ended"]
    (error,) = ears.said[1][1]
    assert isinstance(error, ImageError)
    assert str(error) == "cannot read x.png: it is empty"
    assert error.__traceback__ is None


def test_a_defect_is_logged_with_its_traceback_and_reported_with_the_log(
    qtbot: QtBot, lane: Lane, caplog: pytest.LogCaptureFixture
) -> None:
    def work(_watch: Watch) -> None:
        raise ZeroDivisionError("a defect")

    with caplog.at_level(logging.ERROR, "gui.jobs.lanes"):
        ears = run(qtbot, lane, Job("Exporting", work))
    (error,) = ears.said[1][1]
    assert type(error) is HookscopeError
    assert "Exporting: internal error" in str(error)
    assert "hookscope.log" in str(error)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_the_lane_goes_on_after_a_failure(qtbot: QtBot, lane: Lane) -> None:
    def work(_watch: Watch) -> None:
        raise ZeroDivisionError

    run(qtbot, lane, Job("bad", work))
    assert run(qtbot, lane, Job("good", lambda _: 1)).names == ["started", "finished", "ended"]


def test_a_cancelled_job_never_finishes_even_when_its_work_returns(
    qtbot: QtBot, lane: Lane
) -> None:
    gate = Gate("too late")
    job = Job("work", gate)
    ears = Ears(job)
    lane.submit(job)
    gate.wait_begun()
    job.cancel()
    with qtbot.waitSignal(lane.idle, timeout=WAIT_MS):
        gate.open.set()
    assert ears.names == ["started", "cancelled", "ended"]


def test_a_job_cancelled_between_its_result_and_its_arrival_does_not_finish(
    qtbot: QtBot, lane: Lane
) -> None:
    """The work is over, but the GUI thread has not heard of it yet."""
    over = threading.Event()
    job = Job("work", lambda _: 1)
    ears = Ears(job)
    lane.submit(job)
    follower = Job("follower", lambda _: over.set())
    lane._execute.emit(follower)  # straight behind the job, past the lane's bookkeeping
    assert over.wait(WAIT_MS / 1000)
    job.cancel()
    qtbot.waitUntil(lambda: "ended" in ears.names, timeout=WAIT_MS)
    assert ears.names == ["started", "cancelled", "ended"]


def test_a_cancelled_failure_is_not_reported(qtbot: QtBot, lane: Lane) -> None:
    gate = Gate()

    def work(watch: Watch) -> None:
        gate(watch)
        raise ImageError("nobody wants to know any more")

    job = Job("work", work)
    ears = Ears(job)
    lane.submit(job)
    gate.wait_begun()
    lane.cancel()
    with qtbot.waitSignal(lane.idle, timeout=WAIT_MS):
        gate.open.set()
    assert ears.names == ["started", "cancelled", "ended"]


def test_work_that_looks_at_its_token_stops_early(qtbot: QtBot, lane: Lane) -> None:
    begun = threading.Event()

    def work(watch: Watch) -> None:
        begun.set()
        while True:
            watch.cancel.raise_if_cancelled()

    job = Job("work", work)
    ears = Ears(job)
    lane.submit(job)
    assert begun.wait(WAIT_MS / 1000)
    with qtbot.waitSignal(lane.idle, timeout=WAIT_MS):
        job.cancel()
    assert ears.names == ["started", "cancelled", "ended"]


def test_the_newest_of_a_slot_wins(qtbot: QtBot, lane: Lane) -> None:
    gate = Gate("first")
    jobs = [Job(f"{i}", gate if i == 0 else lambda _: "last", slot="click") for i in range(4)]
    ears = [Ears(job) for job in jobs]
    lane.submit(jobs[0])
    gate.wait_begun()
    for job in jobs[1:]:
        lane.submit(job)
    with qtbot.waitSignal(lane.idle, timeout=WAIT_MS):
        gate.open.set()
    assert ears[0].names == ["started", "cancelled", "ended"]
    assert ears[1].names == ears[2].names == ["cancelled", "ended"]
    assert ears[3].names == ["started", "finished", "ended"]


def test_jobs_of_no_slot_or_of_another_stay(qtbot: QtBot, lane: Lane) -> None:
    gate = Gate()
    jobs = [
        Job("a", gate, slot="a"),
        Job("b", Gate(), slot="b"),
        Job("c", Gate()),
        Job("d", Gate()),
    ]
    ears = [Ears(job) for job in jobs]
    for job in jobs:
        job.work.open.set()  # type: ignore[attr-defined]
    with qtbot.waitSignal(lane.idle, timeout=WAIT_MS):
        for job in jobs:
            lane.submit(job)
    assert [e.names for e in ears] == [["started", "finished", "ended"]] * 4


def test_the_urgent_go_first_and_equals_in_order(qtbot: QtBot, lane: Lane) -> None:
    gate, log = Gate(), []  # type: ignore[var-annotated]
    first = Job("first", gate)
    lane.submit(first)
    gate.wait_begun()
    kept = []
    for title, priority in (
        ("idle", Priority.IDLE),
        ("work 1", Priority.WORK),
        ("click 1", Priority.CLICK),
        ("work 2", Priority.WORK),
        ("click 2", Priority.CLICK),
    ):
        job = Job(title, lambda _: None, priority=priority)
        kept.append(Ears(job, log))
        lane.submit(job)
    with qtbot.waitSignal(lane.idle, timeout=WAIT_MS):
        gate.open.set()
    started = [line.removesuffix(" started") for line in log if line.endswith(" started")]
    assert started == ["click 1", "click 2", "work 1", "work 2", "idle"]


@pytest.mark.parametrize(
    ("running", "newcomer", "makes_way"),
    [
        (Priority.IDLE, Priority.CLICK, True),
        (Priority.IDLE, Priority.WORK, True),
        (Priority.IDLE, Priority.IDLE, False),
        (Priority.WORK, Priority.CLICK, False),
        (Priority.CLICK, Priority.CLICK, False),
    ],
)
def test_only_an_idle_job_makes_way(
    qtbot: QtBot, lane: Lane, running: Priority, newcomer: Priority, makes_way: bool
) -> None:
    gate = Gate()
    job = Job("running", gate, priority=running)
    ears = Ears(job)
    lane.submit(job)
    gate.wait_begun()
    lane.submit(Job("newcomer", lambda _: None, priority=newcomer))
    assert job.token.cancelled is makes_way
    with qtbot.waitSignal(lane.idle, timeout=WAIT_MS):
        gate.open.set()
    assert ("cancelled" in ears.names) is makes_way


def test_has_and_cancel_by_slot(qtbot: QtBot, lane: Lane) -> None:
    gate = Gate()
    lane.submit(Job("running", gate, slot="a"))
    gate.wait_begun()
    waiting = Job("waiting", lambda _: None, slot="b")
    ears = Ears(waiting)
    lane.submit(waiting)
    assert lane.has("a")
    assert lane.has("b")
    assert not lane.has("c")
    lane.cancel("b")
    assert ears.names == ["cancelled", "ended"]
    assert not lane.has("b")
    lane.cancel("a")
    assert not lane.has("a")
    with qtbot.waitSignal(lane.idle, timeout=WAIT_MS):
        gate.open.set()


def test_busy_follows_the_running_job(qtbot: QtBot, lane: Lane) -> None:
    seen: list[str | None] = []
    lane.busy_changed.connect(lambda job: seen.append(job and job.title))
    run(qtbot, lane, Job("one", lambda _: None))
    run(qtbot, lane, Job("two", lambda _: None))
    assert seen == ["one", None, "two", None]
    assert lane.running is None


def test_a_job_that_submits_another_from_its_end_keeps_the_lane_busy(
    qtbot: QtBot, lane: Lane
) -> None:
    idle: list[int] = []
    lane.idle.connect(lambda: idle.append(1))
    first, second = Job("first", lambda _: None), Job("second", lambda _: None)
    first.finished.connect(lambda _: lane.submit(second))
    ears = Ears(second)
    lane.submit(first)
    qtbot.waitUntil(lambda: bool(idle), timeout=WAIT_MS)
    assert ears.names == ["started", "finished", "ended"]
    assert len(idle) == 1


def test_thousands_of_waiting_jobs_are_taken_quickly(qtbot: QtBot, lane: Lane) -> None:
    """Opening a folder submits a job for each image, on the GUI thread. Counted, not timed."""
    compared = 0

    class Counted(int):
        def __lt__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return int.__lt__(self, other)  # type: ignore[operator]

    gate = Gate()
    lane.submit(Job("first", gate))
    gate.wait_begun()
    for _ in range(1_000):
        job = Job("thumbnail", lambda _: None)
        job.priority = Counted(Priority.WORK)  # type: ignore[assignment]
        lane.submit(job)
    lane.cancel()
    with qtbot.waitSignal(lane.idle, timeout=WAIT_MS):
        gate.open.set()
    assert compared < 20_000


def test_closing_while_a_job_runs_waits_for_it_and_drops_its_result(qtbot: QtBot) -> None:
    begun, returned = threading.Event(), threading.Event()

    def work(watch: Watch) -> str:
        begun.set()
        while not watch.cancel.cancelled:
            pass
        returned.set()
        return "too late"

    lane = Lane("closed")
    job, waiting = Job("work", work), Job("waiting", lambda _: None)
    ears, others = Ears(job), Ears(waiting)
    lane.submit(job)
    lane.submit(waiting)
    assert begun.wait(WAIT_MS / 1000)
    lane.close()
    assert not lane.alive
    assert returned.is_set()
    assert others.names == ["cancelled", "ended"]
    with qtbot.waitSignal(lane.destroyed, timeout=WAIT_MS):
        lane.deleteLater()
    assert "finished" not in ears.names


def test_a_closed_lane_refuses_jobs(qtbot: QtBot) -> None:
    lane = Lane("closed")
    lane.close()
    job = Job("late", lambda _: 1)
    ears = Ears(job)
    lane.submit(job)
    assert ears.names == ["cancelled", "ended"]
    lane.close()
    lane.deleteLater()

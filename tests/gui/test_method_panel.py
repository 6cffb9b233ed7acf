"""The panel of methods in the real window: costs, options, those last used, giving up."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QProgressBar, QSpinBox, QWidget

import engine
from engine.formats.demo import SCENES
from engine.methods.registry import METHODS
from engine.records.sources import ModelSource
from gui.settings import table
from gui.widgets.choices.option_form import OptionForm
from gui.widgets.choices.panel import ChoicePanel
from tests.gui.test_methods import click_row, method_action, offered, open_panel, shown, wait_method
from tests.gui.user import Key, User, child


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles of this test alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def open_options(user: User, title: str) -> tuple[ChoicePanel, OptionForm]:
    panel = open_panel(user)
    user.type(title)
    user.press(Key.Key_Right)
    return panel, child(panel, OptionForm)


def number(form: OptionForm, name: str) -> QSpinBox:
    return next(box for box in form.findChildren(QSpinBox) if box.accessibleName() == name)


def test_it_is_built_once_and_has_every_method(user: User) -> None:
    program = user.start()
    panel = open_panel(user)
    parts = set(panel.findChildren(QWidget))
    rows = [row for row in offered(panel) if row.section != "Recent"]
    assert [row.id for row in rows] == [method.slug for method in METHODS]
    assert program.window.method_button.isDown()
    user.press(Key.Key_Escape)
    assert not program.window.method_button.isDown()
    assert set(open_panel(user).findChildren(QWidget)) == parts


def test_each_row_has_its_line_and_what_it_costs_here(user: User) -> None:
    user.start()
    rows = {row.id: row for row in offered(open_panel(user))}
    assert rows["eigen-cam"].cost == "no pass"
    assert rows["layercam"].cost == rows["grad-cam"].cost == "no pass", "the gradient is kept"
    assert rows["finer-cam"].cost == "1 backward"
    assert rows["grad-cam"].chosen
    # The layer on screen has 112 channels.
    assert rows["score-cam"].cost.startswith("112 passes")
    for method in METHODS:
        row = rows[method.slug]
        assert row.reason or (row.cost and row.line == method.summary)
        assert bool(row.more) == bool(method.options)


def test_the_time_is_that_of_the_fastest_pass(user: User) -> None:
    """The first one takes far longer than all that follow."""
    program = user.start()
    assert program.state.forward_seconds > 0
    program.state.forward_seconds = 0.0
    for seconds in (3.0, 0.02, 0.5):
        program.state.note_forward(seconds)
    rows = {row.id: row for row in offered(open_panel(user))}
    assert rows["rise"].cost == "1,000 passes · about 20 s"
    user.press(Key.Key_Escape)
    program.controller.models.open(ModelSource("demo:shortcut"))
    user.until(lambda: getattr(program.state.info, "source", "") == "demo:shortcut")
    user.wait_explained()
    assert program.state.forward_seconds != 0.02


def test_those_last_used_are_on_top_four_at_most_and_remembered(user: User) -> None:
    user.start()
    assert "Recent" not in {row.section for row in offered(open_panel(user))}
    user.press(Key.Key_Escape)
    for title, slug in (
        *(("LayerCAM", "layercam"), ("FEM", "fem"), ("HiResCAM", "hirescam")),
        *(("XGrad-CAM", "xgrad-cam"), ("FEM", "fem")),
    ):
        click_row(open_panel(user), title, last=True)
        wait_method(user, slug)
    last = ["fem", "xgrad-cam", "hirescam", "layercam"]
    rows = offered(open_panel(user))
    assert [row.id for row in rows if row.section == "Recent"] == last
    # The one in use is on top, and Down goes to the one before it.
    user.press(Key.Key_Down)
    user.press(Key.Key_Return)
    wait_method(user, "xgrad-cam")
    user.leave()
    program = user.start()
    rows = offered(open_panel(user))
    assert [row.id for row in rows[:2]] == ["xgrad-cam", "fem"]
    user.press(Key.Key_Escape)
    program.settings.set(table.RECENT_METHODS, ("gone-cam", "fem"))
    rows = offered(open_panel(user))
    assert [row.id for row in rows if row.section == "Recent"] == ["fem"]


def test_options_are_asked_for_in_the_panel_and_kept_for_the_session(user: User) -> None:
    program = user.start()
    panel, form = open_options(user, "integrated")
    assert form.values() == {"steps": 64, "baseline": "zero", "batch": 8, "augment": False}
    steps = number(form, "steps")
    steps.setValue(3)
    assert "7 passes" in form._cost.text()
    QTest.keyClick(steps, Key.Key_Return)
    assert not panel.isVisible()
    found = wait_method(user, "integrated-gradients")
    assert dict(found.options)["steps"] == 3
    with engine.Session(engine.load_model("demo:shapes"), engine.load_image(SCENES[0].path)) as s:
        wanted = s.explain(method="integrated-gradients", options={"steps": 3})
    assert abs(found.map - wanted.map).max() <= 1e-4 * abs(wanted.map).max()
    assert "steps 3" in program.window.method_button.toolTip()
    # Another method and back by its row: the options are what they were.
    method_action(program, "LayerCAM").trigger()
    wait_method(user, "layercam")
    row = next(row for row in offered(open_panel(user)) if row.id == "integrated-gradients")
    assert row.note == "(steps 3)"
    assert row.cost.partition(" · ")[0] == "7 passes", "on a busy machine, the time follows"
    click_row(panel, "Integrated Gradients", last=True)
    assert dict(wait_method(user, "integrated-gradients").options)["steps"] == 3
    # Reset brings the defaults back.
    panel, form = open_options(user, "integrated")
    form._reset.click()
    assert form.values()["steps"] == 64
    user.press(Key.Key_Escape)
    assert panel.isVisible()
    user.press(Key.Key_Escape)
    user.press(Key.Key_Escape)
    assert not panel.isVisible()
    assert dict(shown(program).options)["steps"] == 3


def test_nothing_else_of_the_window_hears_keys_while_it_is_open(user: User) -> None:
    program = user.start()
    before = shown(program)
    panel = open_panel(user)
    for text in ("2", "d", "g", "m"):
        user.type(text)
    user.settle()
    assert panel.isVisible()
    assert shown(program) is before
    assert program.settings.display().interpolation == "smooth"


@pytest.mark.parametrize("what", ["class", "method", "image"])
def test_a_slow_method_is_abandoned_by_choosing_something_else(user: User, what: str) -> None:
    """So many passes that they would take minutes."""
    program = user.start()
    status = program.window.status
    bar = child(status, QProgressBar)
    program.controller.choose_method("rise", (("masks", 1_000_000), ("batch", 1)))
    user.until(lambda: status.working and bar.maximum() == 1000)
    job = program.controller.engine_lane.running
    assert job is not None
    assert "forward passes" in job.title
    if what == "class":
        user.press(Key.Key_2)
    elif what == "method":
        click_row(open_panel(user), "LayerCAM", last=True)
    else:
        key = [k for k, image in program.state.images.items() if image is not program.state.current]
        program.window.strip.image_chosen.emit(key[0])
    user.until(lambda: program.controller.engine_lane.running is not job)
    assert job.token.cancelled
    if what == "method":
        assert wait_method(user, "layercam").map.any()
    else:
        # The next one of the same method is under way, and a method of one pass ends it.
        click_row(open_panel(user), "Grad-CAM", last=True)
        wait_method(user, "grad-cam")
    user.until(lambda: not status.working)
    if what == "class":
        assert program.state.answer is not None
        assert user.target == program.state.answer.predictions[1].index

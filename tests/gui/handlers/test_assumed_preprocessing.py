"""Assumed preprocessing in the window is a notice with a button, and what was chosen is used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageCms
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QToolButton
from torch import nn

from engine.errors import OptionError
from engine.lazy import torchvision
from engine.profiles import store
from engine.profiles.format import ModelProfile
from engine.records.images import Channels, Preprocessing
from engine.records.models import Origin
from engine.records.sources import ModelSource
from engine.weights.state_dicts import checksum
from gui.app import application
from gui.app.instance import OpenRequest
from gui.controllers.models import NamedModel
from gui.state.notices import NoticeKind
from gui.state.state import State
from gui.widgets.input_output.dialog import InputPanel
from tests.engine.images.test_colour_profiles import TOLD
from tests.gui.user import User, files

SILENT = "does not specify its preprocessing"


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def tuned(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = torchvision.load().models.squeezenet1_1(weights=None, num_classes=3)
    torch.save(network.state_dict(), tmp_path / "tuned.pth")
    return tmp_path / "tuned.pth"


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A network whose file says nothing at all of its input."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 4, 5), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    torch.save(module, tmp_path / "plain.pth")
    return tmp_path / "plain.pth"


def opened(user: User, path: Path) -> State:
    state = user.program.state
    user.until(lambda: state.info is not None and state.info.weights == str(path))
    user.wait_explained()
    return state


def press(user: User, kind: type[QPushButton] | type[QToolButton]) -> None:
    (button,) = [b for b in user.program.window.notice.findChildren(kind) if b.isVisible()]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_one_click_leads_from_the_notice_to_the_values(user: User, tuned: Path) -> None:
    program = user.start()
    user.drop(files(tuned))
    opened(user, tuned)
    assert program.window.notice.kind == NoticeKind.WARNING
    assert SILENT in program.window.notice.text
    press(user, QPushButton)
    panel = user.dialog(InputPanel)
    assert panel.isVisible()
    assert panel._origin.text() == "assumed"


def test_another_notice_does_not_make_an_assumption_silent(
    user: User, tuned: Path, tmp_path: Path
) -> None:
    path = tmp_path / "p3.png"
    Image.new("RGB", (60, 50), (200, 90, 30)).save(path, icc_profile=TOLD["Display P3"])
    program = user.start()
    user.drop(files(tuned))
    opened(user, tuned)
    user.drop(files(path))
    notice = program.window.notice
    user.until(lambda: "'Display P3'" in notice.text)
    assert notice.kind == NoticeKind.WARNING
    press(user, QToolButton)
    assert SILENT in notice.text
    press(user, QToolButton)
    assert notice.text == ""


def test_an_assumption_goes_with_its_model(user: User, tuned: Path, tmp_path: Path) -> None:
    path = tmp_path / "p3.png"
    Image.new("RGB", (60, 50), (200, 90, 30)).save(path, icc_profile=TOLD["Display P3"])
    program = user.start()
    user.drop(files(tuned))
    state = opened(user, tuned)
    user.drop(files(path))
    user.until(lambda: "'Display P3'" in program.window.notice.text)
    program.controller.models.open(ModelSource("demo:shapes"))
    user.until(lambda: state.info is not None and state.info.source == "demo:shapes")
    user.wait_explained()
    program.window.notice.clear()
    assert SILENT not in program.window.notice.text


def test_a_picture_in_srgb_is_no_news(user: User, tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (60, 50), (200, 90, 30)).save(tmp_path / "a.png", icc_profile=srgb)
    program = user.start(tmp_path / "a.png")
    assert "profile" not in program.window.notice.text


def test_a_saved_assumption_is_told_at_the_next_start(user: User, plain: Path) -> None:
    """Class names that are loaded save all settings of a model, the assumed ones among them."""
    how = Preprocessing(240, (224, 224), (0.2,) * 3, (0.3,) * 3)
    store.save(checksum(plain), ModelProfile(preprocessing=how, preprocessing_origin="assumed"))
    program = user.start()
    user.drop(files(plain))
    state = opened(user, plain)
    assert state.info is not None
    assert state.info.preprocessing == how
    assert state.info.preprocessing_from is Origin.ASSUMED
    assert SILENT in program.window.notice.text
    assert "mean 0.2, 0.2, 0.2" in program.window.notice.text


def test_an_imported_profile_with_assumed_values_warns(
    user: User, plain: Path, tmp_path: Path
) -> None:
    how = Preprocessing(240, (224, 224), (0.2,) * 3, (0.3,) * 3)
    path = tmp_path / "mine.hookscope.json"
    store.export(path, ModelProfile(preprocessing=how, preprocessing_origin="assumed"))
    program = user.start()
    user.drop(files(plain))
    state = opened(user, plain)
    user.drop(files(path))
    user.until(lambda: state.info is not None and state.info.preprocessing == how)
    assert "in this profile is assumed" in program.window.notice.text
    known = replace(how, mean=(0.4,) * 3)
    store.export(path, ModelProfile(preprocessing=known, preprocessing_origin="set by you"))
    user.drop(files(path))
    user.until(lambda: state.info is not None and state.info.preprocessing == known)
    assert state.info is not None
    assert state.info.preprocessing_from is Origin.PROFILE
    assert "assumed" not in program.window.notice.text


def test_the_options_of_the_command_line_open_the_window_with_them(user: User, tuned: Path) -> None:
    named = [str(tuned), "--preset", "caffe", "--range", "-1,1", "--mean", "-0.5", "--std", "0.25"]
    request, _ = application._parsed(named)
    assert request.model is not None
    assert ModelSource.from_key(request.model.source.key) == request.model.source
    sent = OpenRequest.read(request.line())
    assert sent.model is not None
    assert sent.model.source == request.model.source
    program = user.start(model=NamedModel(sent.model.source))
    state = opened(user, tuned)
    assert state.info is not None
    how = state.info.preprocessing
    assert (how.channels, how.range) == (Channels.BGR, (-1.0, 1.0))
    assert (how.mean, how.std) == ((-0.5,) * 3, (0.25,) * 3)
    assert state.info.preprocessing_from is Origin.CHOSEN
    assert SILENT not in program.window.notice.text
    user.leave()
    program = user.start(model=NamedModel(ModelSource(str(tuned))))
    state = opened(user, tuned)
    assert state.info is not None
    assert state.info.preprocessing == how
    assert state.info.preprocessing_from is Origin.PROFILE
    program.controller.models.reset()
    user.until(lambda: state.info is not None and state.info.preprocessing.mean[0] == 0.485)


def test_options_without_a_model_are_refused(tmp_path: Path) -> None:
    for options in (["--mean", "0.5"], ["--profile", "x.json"]):
        with pytest.raises(OptionError, match=f"{options[0]} .*--model"):
            application._parsed([str(tmp_path / "photo.png"), *options])

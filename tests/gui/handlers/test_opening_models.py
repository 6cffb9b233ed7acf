"""Models of every kind dropped on the real window: what is asked, what is answered, what stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QInputDialog, QLineEdit, QPushButton
from torch import nn

from engine.errors import ModelError
from engine.lazy import torchvision
from engine.loading.adjustments import Adjustment
from engine.profiles import store as profiles
from engine.records.images import Preprocessing
from engine.records.models import OutputForm, Scores
from engine.records.sources import ModelSource
from engine.weights.state_dicts import checksum
from gui.app import application
from gui.settings import table
from gui.settings.store import Settings
from gui.state.notices import NoticeKind
from gui.state.state import State
from gui.widgets.dialogs.choice import WeightsDialog
from gui.widgets.dialogs.consent import ConsentDialog
from gui.widgets.dialogs.network import NetworkDialog
from gui.widgets.input_output.dialog import InputPanel
from tests.gui.test_methods import method_actions
from tests.gui.user import Key, Modifier, User, files

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Agreements and profiles of this test alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def tuned(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = torchvision.load().models.resnet18(weights=None, num_classes=3)
    torch.save({"epoch": 2, "state_dict": network.state_dict()}, tmp_path / "tuned.pth")
    return tmp_path / "tuned.pth"


@pytest.fixture
def xray(tmp_path: Path) -> Path:
    """The Python file of a network, its weights beside it."""
    return with_weights("xray_classifier", "XRayClassifier", tmp_path)


def with_weights(name: str, kind: str, folder: Path, **arguments: Any) -> Path:
    text = (FIXTURES / f"{name}.py").read_text(encoding="utf-8")
    path = folder / f"{name}.py"
    path.write_text(text + f"\nopen({str(folder / 'ran')!r}, 'w').close()\n", encoding="utf-8")
    space: dict[str, Any] = {"__name__": name}
    exec(text, space)
    torch.manual_seed(0)
    torch.save(space[kind](**arguments).state_dict(), folder / f"{name}.pth")
    return path


def with_an_unknown_argument(folder: Path) -> Path:
    """TwoHeads with a required argument that no shape of its weights tells."""
    path = with_weights("two_heads", "TwoHeads", folder, classes=4)
    text = path.read_text(encoding="utf-8").replace("classes: int", "stride: int, classes: int = 4")
    path.write_text(text.replace("stride=2", "stride=stride"), encoding="utf-8")
    return path


def opened(user: User, source: str) -> None:
    state = user.program.state
    user.until(lambda: state.info is not None and state.info.source == source)
    user.wait_explained()


def start_with(user: User, model: Path) -> State:
    """The program with its first scene and this model."""
    state = user.start().state
    user.drop(files(model))
    opened(user, "resnet18")
    return state


def press(dialog: QDialog, text: str) -> None:
    (button,) = [b for b in dialog.findChildren(QPushButton) if b.text() == text]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def notice_of(user: User, words: str) -> Callable[[], bool]:
    return lambda: words in user.program.window.notice.text


def test_a_fine_tuned_network_asks_nothing(user: User, tuned: Path) -> None:
    program = user.start()
    assert user.drop(files(tuned)) == "Open the model tuned.pth"
    opened(user, "resnet18")
    assert user.layer == "layer4"
    assert not program.window.findChildren(QDialog)
    assert "does not specify its preprocessing" in program.window.notice.text


def test_class_names_dropped_with_a_model_and_after_it(
    user: User, tuned: Path, tmp_path: Path
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("cat\ndog\nbird\n", encoding="utf-8")
    state = user.start().state
    user.drop(files(tuned, names))
    opened(user, "resnet18")
    assert state.info is not None
    assert state.info.classes == ("cat", "dog", "bird")
    names.write_text("Katze\nHund\nVogel\n", encoding="utf-8")
    user.drop(files(names))
    user.until(lambda: state.info is not None and state.info.classes[0] == "Katze")
    user.wait_explained()
    names.write_text("too\nfew\n", encoding="utf-8")
    user.drop(files(names))
    user.until(notice_of(user, "2 class names"))
    assert state.info.classes == ("Katze", "Hund", "Vogel")
    assert user.program.window.notice.kind == NoticeKind.ERROR
    assert "names.txt" in user.program.window.notice.text


def test_class_names_that_do_not_fit_do_not_keep_a_model_away(
    user: User, tuned: Path, tmp_path: Path
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("too\nfew\n", encoding="utf-8")
    program = user.start()
    user.drop(files(tuned, names))
    opened(user, "resnet18")
    assert program.window.notice.kind == NoticeKind.ERROR
    assert "names.txt: 2 class names" in program.window.notice.text
    # The next opening does not stumble over them again.
    assert program.settings.get(table.RECENT_MODELS) == (str(tuned),)


def test_class_names_leave_the_warning_of_an_assumption(
    user: User, tuned: Path, tmp_path: Path
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("cat\ndog\nbird\n", encoding="utf-8")
    state = start_with(user, tuned)
    assert user.program.window.notice.kind == NoticeKind.WARNING
    user.drop(files(names))
    user.until(lambda: state.info is not None and state.info.classes[0] == "cat")
    assert "does not specify its preprocessing" in user.program.window.notice.text


def test_a_python_file_runs_only_after_the_user_agreed(
    user: User, xray: Path, tmp_path: Path
) -> None:
    program = user.start()
    before = program.state.info
    user.drop(files(xray))
    dialog = user.dialog(ConsentDialog)
    assert not (tmp_path / "ran").exists()
    press(dialog, "Do not open")
    user.until(notice_of(user, "was not opened"))
    assert program.state.info is before
    assert not (tmp_path / "ran").exists()
    user.until(lambda: not program.window.findChildren(ConsentDialog))
    user.drop(files(xray))
    press(user.dialog(ConsentDialog), "Trust and open")
    opened(user, "XRayClassifier")
    assert (tmp_path / "ran").exists()
    assert program.state.info is not None
    assert program.state.info.classes == ("negative", "positive")
    # The very same file is not asked for again, a changed one is.
    user.drop(files(xray))
    user.until(lambda: program.state.model_loading is not None)
    user.until(lambda: program.state.model_loading is None)
    user.wait_explained()
    assert not program.window.findChildren(ConsentDialog)
    xray.write_text(xray.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    user.drop(files(xray))
    press(user.dialog(ConsentDialog), "Do not open")


def test_arguments_are_asked_for_once(user: User, tmp_path: Path) -> None:
    path = with_an_unknown_argument(tmp_path)
    state = user.start().state
    user.drop(files(path))
    press(user.dialog(ConsentDialog), "Trust and open")
    dialog = user.dialog(NetworkDialog)
    field = dialog.findChildren(QLineEdit)[0]
    field.setFocus()
    QTest.keyClicks(field, "2")
    press(dialog, "Open")
    opened(user, "TwoHeads")
    assert state.info is not None
    assert state.info.output.place == "logits"
    # Another program, the same file: neither the file nor the arguments are asked for.
    user.leave()
    program = user.start(path, explained=False)
    user.until(lambda: program.state.info is not None and program.state.info.source == "TwoHeads")
    assert not program.window.findChildren(QDialog)


def test_a_second_opening_asks_nothing(user: User, tuned: Path, tmp_path: Path) -> None:
    """Class names and the input that came with a model are there when it is opened alone."""
    names = tmp_path / "names.txt"
    names.write_text("cat\ndog\nbird\n", encoding="utf-8")
    state = user.start().state
    user.program.controller.models.open(
        ModelSource(str(tuned), classes=str(names), input="3x96x96")
    )
    opened(user, "resnet18")
    user.leave()
    names.unlink()
    state = user.start().state
    user.drop(files(tuned))
    opened(user, "resnet18")
    assert state.info is not None
    assert state.info.classes == ("cat", "dog", "bird")
    assert state.info.preprocessing.crop == (96, 96)


def test_chosen_weights_of_a_python_file_are_remembered(
    user: User, xray: Path, tmp_path: Path
) -> None:
    far = tmp_path / "elsewhere"
    far.mkdir()
    weights = xray.with_suffix(".pth").rename(far / "best.pth")
    state = user.start().state
    user.program.controller.models.trust(xray, checksum(xray))
    user.drop(files(xray))
    press_cancel = user.dialog(WeightsDialog)
    press_cancel.reject()
    user.until(lambda: not user.program.window.findChildren(WeightsDialog))
    user.drop(files(xray, weights))
    opened(user, "XRayClassifier")
    user.leave()
    program = user.start()
    state = program.state
    user.drop(files(xray))
    opened(user, "XRayClassifier")
    assert state.info is not None
    assert state.info.weights == str(weights)
    assert not program.window.findChildren(QDialog)


def test_a_changed_input_is_seen_and_remembered(user: User, tuned: Path) -> None:
    state = start_with(user, tuned)
    probability = state.answer.predictions[0].probability if state.answer else 0.0
    user.press(Key.Key_I, Modifier.ControlModifier)
    panel = user.dialog(InputPanel)
    how = Preprocessing(None, (96, 128), (0.5,) * 3, (0.5,) * 3)
    panel.preprocessing_changed.emit(how)
    user.until(lambda: state.info is not None and state.info.preprocessing == how)
    user.wait_explained()
    assert state.answer is not None
    assert state.answer.predictions[0].probability != probability
    assert state.explanation is not None
    assert state.explanation.map.shape == (3, 4)
    user.leave()
    state = start_with(user, tuned)
    assert state.info is not None
    assert state.info.preprocessing == how
    assert state.info.preprocessing_origin == "set by you"
    user.press(Key.Key_I, Modifier.ControlModifier)
    user.dialog(InputPanel).reset_requested.emit()
    user.until(lambda: state.info is not None and state.info.preprocessing.crop == (224, 224))
    assert state.info.weights_sha256
    assert profiles.load(state.info.weights_sha256) is None


def test_what_the_network_cannot_take_is_said_in_the_panel(user: User, tuned: Path) -> None:
    state = start_with(user, tuned)
    before = state.info
    user.press(Key.Key_I, Modifier.ControlModifier)
    panel = user.dialog(InputPanel)
    panel.preprocessing_changed.emit(Preprocessing(28, (28, 28), (0.5,), (0.5,), channels="grey"))
    user.until(lambda: "does not run" in panel._note.text())
    assert state.info is before
    panel.output_changed.emit(OutputForm(scores=Scores.LABELS))
    user.until(lambda: state.info is not None and state.info.output.scores is Scores.LABELS)
    user.wait_explained()
    assert state.answer is not None
    assert sum(p.probability for p in state.answer.predictions) != pytest.approx(1.0, abs=1e-3)


def test_a_profile_goes_from_one_model_to_another(user: User, tuned: Path, tmp_path: Path) -> None:
    start_with(user, tuned)
    program = user.program
    names = tmp_path / "names.txt"
    names.write_text("cat\ndog\nbird\n", encoding="utf-8")
    user.drop(files(names))
    state = program.state
    user.until(lambda: state.info is not None and state.info.classes[0] == "cat")
    written = tmp_path / "mine.hookscope.json"
    program.controller.models.export_profile(written)
    user.until(written.is_file)
    torch.manual_seed(5)
    other = torchvision.load().models.resnet18(weights=None, num_classes=3)
    torch.save(other.state_dict(), tmp_path / "other.pth")
    user.drop(files(tmp_path / "other.pth"))
    user.until(lambda: state.info is not None and "other.pth" in state.info.weights)
    assert state.info is not None
    assert state.info.classes[0] == "class 0"
    user.drop(files(written))
    user.until(lambda: state.info is not None and state.info.classes[0] == "cat")


def test_a_whole_network_of_torchvision_needs_no_consent(user: User, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network: nn.Module = torchvision.load().models.mobilenet_v3_small(weights=None, num_classes=4)
    torch.save(network, tmp_path / "whole.pt")
    program = user.start()
    user.drop(files(tmp_path / "whole.pt"))
    opened(user, "MobileNetV3")
    assert not program.window.findChildren(QDialog)


def test_a_scripted_network_opens_for_masks_alone_and_says_so(user: User, tmp_path: Path) -> None:
    program = user.start()
    before = program.state.info
    scripted = tmp_path / "scripted.pt"
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad(), pytest.warns(DeprecationWarning, match="jit"):
        torch.jit.save(torch.jit.trace(network, torch.zeros(1, 3, 8, 8)), scripted)
    user.drop(files(scripted))
    press(user.dialog(ConsentDialog), "Do not open")
    user.until(notice_of(user, "was not opened"))
    assert program.state.info is before
    user.until(lambda: not program.window.findChildren(ConsentDialog))
    user.drop(files(scripted))
    press(user.dialog(ConsentDialog), "Trust and open")
    opened(user, "scripted")
    assert program.state.explanation is not None
    assert program.state.explanation.method == "occlusion"
    assert program.state.explanation.layer == ""
    text = program.window.notice.text
    assert "Occlusion and RISE alone can explain it" in text
    assert "state_dict" in text
    assert "torch.export" in text
    offered = {
        action.text().partition("\t")[0]: action.isEnabled() for action in method_actions(program)
    }
    assert [title for title, enabled in offered.items() if enabled] == ["Occlusion", "RISE"]


def test_the_command_line_names_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "net.py", "best.pth", "names.txt"):
        (tmp_path / name).write_bytes(b"x")
    named = ["a.png", "best.pth", "net.py", "names.txt", "--trust"]
    request, beside = application._parsed(named)
    model = request.model
    assert (request.files, beside) == ((Path("a.png"),), False)
    assert model is not None
    assert model.source.spec == str(tmp_path / "net.py")
    assert model.source.weights == str(tmp_path / "best.pth")
    assert model.source.classes == str(tmp_path / "names.txt")
    assert {path.name for path in model.trusted} == {"net.py", "best.pth"}
    request, beside = application._parsed(["a.png", "names.txt", "--new-window"])
    assert (request.files, request.model) == ((Path("a.png"), Path("names.txt")), None)
    assert beside
    request, _ = application._parsed(
        ["--model", "resnet18", "--arg", "classes=4", "--input", "28x28"]
    )
    model = request.model
    assert model is not None
    assert (request.files, model.source.spec, model.trusted) == ((), "resnet18", ())
    assert (model.source.arguments, model.source.input) == ((("classes", "4"),), "28x28")
    with pytest.raises(ModelError, match="NAME=VALUE"):
        application._parsed(["--model", "net.py", "--arg", "classes"])


def test_a_model_of_the_command_line_is_the_first(user: User, xray: Path) -> None:
    """It is trusted there, and the scenes are there to look at; no demo is opened before it."""
    request, _ = application._parsed([str(xray), "--trust"])
    program = user.start(explained=False, model=request.model)
    user.until(lambda: program.state.info is not None)
    assert program.state.info is not None
    assert program.state.info.source == "XRayClassifier"
    user.wait_explained()
    assert "Input and output" in {b.text().rstrip("…") for b in buttons(user)}


def test_the_demo_is_there_where_a_named_model_fails(user: User, tmp_path: Path) -> None:
    (tmp_path / "bad.pth").write_bytes(b"nonsense")
    request, _ = application._parsed([str(tmp_path / "bad.pth")])
    program = user.start(explained=False, model=request.model)
    user.until(lambda: program.state.info is not None)
    user.wait_explained()
    assert program.window.notice.kind == NoticeKind.ERROR
    assert "bad.pth" in program.window.notice.text


def buttons(user: User) -> list[QPushButton]:
    return [b for b in user.program.window.notice.findChildren(QPushButton) if b.isVisible()]


def test_weights_that_are_not_recognised_can_be_named(user: User, tuned: Path) -> None:
    """The error names the closest; the answer is taken at its word, and said where it is wrong."""
    content = torch.load(tuned, weights_only=True)
    content["state_dict"]["extra.weight"] = torch.zeros(1)
    torch.save(content, tuned)
    program = user.start()
    user.drop(files(tuned))
    user.until(lambda: program.window.notice.kind == NoticeKind.ERROR)
    assert "closest is resnet18" in program.window.notice.text
    (name_it,) = [b for b in buttons(user) if b.text() == "Specify architecture…"]
    QTest.mouseClick(name_it, Qt.MouseButton.LeftButton)
    dialog = user.dialog(QInputDialog)
    dialog.setTextValue("resnet18")
    dialog.accept()
    user.until(notice_of(user, "do not fit resnet18"))
    assert "extra.weight" in program.window.notice.text


def test_what_is_dropped_while_a_model_is_opened_is_for_that_model(
    user: User, tuned: Path, tmp_path: Path
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("cat\ndog\nbird\n", encoding="utf-8")
    state = user.start().state
    models = user.program.controller.models
    models.open(ModelSource(str(tuned)))
    models.adjust(Adjustment(classes=names))
    opened(user, "resnet18")
    user.until(lambda: state.info is not None and state.info.classes == ("cat", "dog", "bird"))
    written = tmp_path / "mine.hookscope.json"
    models.export_profile(written)
    user.until(written.is_file)
    torch.manual_seed(5)
    other = torchvision.load().models.resnet18(weights=None, num_classes=3)
    torch.save(other.state_dict(), tmp_path / "other.pth")
    user.drop(files(tmp_path / "other.pth", written))
    user.until(lambda: state.info is not None and "other.pth" in state.info.weights)
    user.until(lambda: state.info is not None and state.info.classes == ("cat", "dog", "bird"))


def test_another_thing_changed_at_once_does_not_undo_the_first(user: User, tuned: Path) -> None:
    state = start_with(user, tuned)
    models = user.program.controller.models
    how = Preprocessing(None, (96, 128), (0.5,) * 3, (0.5,) * 3)
    models.adjust(Adjustment(output=OutputForm(scores=Scores.LABELS)))
    models.adjust(Adjustment(preprocessing=how))
    user.until(lambda: state.info is not None and state.info.preprocessing == how)
    assert state.info is not None
    assert state.info.output.scores is Scores.LABELS


def test_the_old_model_is_not_changed_while_another_is_opened(
    user: User, tuned: Path, tmp_path: Path
) -> None:
    state = start_with(user, tuned)
    other = shutil.copy(tuned, tmp_path / "other.pth")
    models = user.program.controller.models
    models.open(ModelSource(str(other)))
    models.adjust(Adjustment(output=OutputForm(scores=Scores.LABELS)))
    assert "other.pth is still being opened" in user.program.window.notice.text
    user.until(lambda: state.info is not None and "other.pth" in state.info.weights)
    user.wait_explained()


def test_declining_arguments_does_not_say_that_nothing_ran(user: User, tmp_path: Path) -> None:
    path = with_an_unknown_argument(tmp_path)
    user.start()
    user.drop(files(path))
    press(user.dialog(ConsentDialog), "Trust and open")
    press(user.dialog(NetworkDialog), "Cancel")
    user.until(notice_of(user, "was not opened"))
    assert (tmp_path / "ran").exists()
    assert "none of it was run" not in user.program.window.notice.text


def test_recent_models_are_told_apart_and_open_as_they_were(user: User, tmp_path: Path) -> None:
    same = ModelSource("/data/net.py", architecture="Net", arguments=(("classes", "4"),))
    keys = [
        ModelSource("/runs/a/best.pth").key,
        ModelSource("/runs/b/best.pth").key,
        same.key,
        replace(same, arguments=(("classes", "5"),)).key,
        "resnet18",
        f"/runs/{'long_' * 30}final.pth",
        '{"no": "model"}',
        "{damaged",
    ]
    store = QSettings(str(user.store), QSettings.Format.IniFormat)
    Settings(store).set(table.RECENT_MODELS, tuple(keys))
    store.sync()
    program = user.start()
    actions = program.window.actions_by_id.menu("recent_models").actions()
    assert [action.text() for action in actions] == [
        "best.pth — a",
        "best.pth — b",
        "net.py — Net, classes=4",
        "net.py — Net, classes=5",
        "resnet18",
        "long_long_long_long_long_long_…_long_long_long_long_final.pth",
    ]
    assert actions[2].toolTip() == "/data/net.py\nNet, classes=4"
    actions[0].trigger()
    user.until(notice_of(user, "best.pth"))
    assert program.window.notice.kind == NoticeKind.ERROR


def test_the_invitation_of_a_scene_that_was_closed_stays_away(
    user: User, tuned: Path, tmp_path: Path
) -> None:
    how = Preprocessing(None, (96, 128), (0.5,) * 3, (0.5,) * 3)
    state = start_with(user, tuned)
    models, notice = user.program.controller.models, user.program.window.notice
    models.adjust(Adjustment(preprocessing=how))
    user.until(lambda: notice.kind == NoticeKind.HINT)
    notice._dismiss()
    names = tmp_path / "names.txt"
    names.write_text("cat\ndog\nbird\n", encoding="utf-8")
    user.drop(files(names))
    user.until(lambda: state.info is not None and state.info.classes[0] == "cat")
    user.wait_explained()
    assert not notice.kind

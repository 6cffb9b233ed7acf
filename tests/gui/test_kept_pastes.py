"""What was pasted stays pasted: the image that it is from may be closed, gone or moved."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QGuiApplication

import engine
from engine.edits.apply import edited
from engine.edits.reading import located, others_in, read_edits
from engine.errors import EditError
from engine.files.named import NamedFiles
from engine.formats.demo import SCENES
from engine.records.edits import Edits, Paste, Rectangle
from engine.records.exports import ExportChoice
from engine.records.sources import ModelSource
from engine.records.workbench.reports import Included, ReportChoice
from gui.controllers.models import NamedModel
from gui.toolkit.imaging import to_qimage
from gui.widgets.sessions.missing import MissingDialog
from tests.engine.images.dicom_files import dataset, written
from tests.gui.user import User

SHAPES = NamedModel(ModelSource("demo:shapes"))
PIXELS = np.random.default_rng(5).integers(0, 256, (90, 120, 3), np.uint8)
PART = Rectangle(20.0, 10.0, 60.0, 40.0)
INNER = np.s_[10:50, 20:80]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return Path(shutil.copy(SCENES[1].path, tmp_path / "work" / "whole.jpg"))


@pytest.fixture
def session(tmp_path: Path) -> Path:
    return tmp_path / "work" / "pasted.hookscope"


def save(user: User, path: Path) -> None:
    with user.qtbot.waitSignal(user.program.controller.sessions.saved, timeout=60_000):
        user.program.controller.sessions.save(path)


def opened(user: User, path: Path) -> None:
    with user.qtbot.waitSignal(user.program.controller.sessions.restorer.done, timeout=60_000):
        user.program.controller.sessions.open(path)


def edits(user: User) -> Edits:
    image = user.program.state.current
    assert image is not None
    return image.edits


def wait_pasted(user: User) -> np.ndarray:
    """The pixels of the current image, once its edits are done."""
    state = user.program.state
    user.until(lambda: state.loaded_of(state.pane) is not None)
    loaded = state.loaded_of(state.pane)
    assert loaded is not None
    return loaded.pixels


def clip(user: User, pixels: np.ndarray = PIXELS) -> str:
    """Paste an image without a file; returns its key."""
    state = user.program.state
    known = set(state.images)
    user.program.controller.images.open_qimage(to_qimage(pixels), "pasted image")
    user.until(lambda: len(state.images) > len(known) and state.current_key not in known)
    user.wait_explained()
    assert state.current_key is not None
    return state.current_key


def paste_on_first(user: User) -> None:
    """Copy a part of the current image, and paste it on the first one."""
    editor, state = user.program.controller.what_if.editor, user.program.state
    editor.copy_part(PART)
    user.program.controller.images.select(next(iter(state.images)))
    user.wait_explained()
    editor.paste_part((200.0, 100.0))


def pasted_closed(user: User, picture: Path) -> np.ndarray:
    """Paste a part of an image without a file on another, and close the one that it is from."""
    program = user.start(picture, model=SHAPES)
    key = clip(user)
    paste_on_first(user)
    shown = wait_pasted(user)
    assert np.array_equal(shown[80:120, 170:230], PIXELS[INNER])
    program.controller.images.close(key)
    user.wait_explained()
    return shown


def file_pasted_closed(user: User, picture: Path, file: Path) -> np.ndarray:
    """The same with a part of an image that has a file."""
    program = user.start(picture, file, model=SHAPES)
    program.controller.images.step(1)
    user.wait_explained()
    paste_on_first(user)
    shown = wait_pasted(user)
    program.controller.images.close(list(program.state.images)[1])
    user.wait_explained()
    return shown


def restart(user: User) -> None:
    user.leave()
    user.store.with_suffix(".open.hookscope").unlink(missing_ok=True)
    user.start()


def test_a_part_of_an_image_without_a_file_is_kept_after_that_is_closed(
    user: User, picture: Path, session: Path
) -> None:
    shown = pasted_closed(user, picture)
    save(user, session)
    restart(user)
    opened(user, session)
    assert len(edits(user).steps) == 1
    assert np.array_equal(wait_pasted(user), shown)
    # And once more, from what was opened.
    again = session.with_stem("again")
    save(user, again)
    restart(user)
    opened(user, again)
    assert np.array_equal(wait_pasted(user), shown)


def test_the_automatic_save_keeps_it_too(user: User, picture: Path) -> None:
    shown = pasted_closed(user, picture)
    user.leave()
    user.start()
    assert np.array_equal(wait_pasted(user), shown)


def test_another_image_of_that_name_is_not_taken_for_it(user: User, picture: Path) -> None:
    shown = pasted_closed(user, picture)
    clip(user, 255 - PIXELS)
    program = user.program
    program.controller.images.select(next(iter(program.state.images)))
    user.wait_explained()
    (step,) = edits(user).steps
    assert isinstance(step, Paste)
    moved = replace(step, at=(step.at[0] + 100, step.at[1]))
    program.controller.what_if.editor.put(0, moved, "move")
    user.until(lambda: not np.array_equal(wait_pasted(user), shown))
    assert np.array_equal(wait_pasted(user)[80:120, 270:330], PIXELS[INNER])


def test_exported_edits_have_it_beside_them(user: User, picture: Path, tmp_path: Path) -> None:
    shown = pasted_closed(user, picture)
    path = tmp_path / "edits.json"
    user.program.controller.what_if.files.write(path)
    user.until(path.exists)
    user.settle()
    done = edited(engine.load_image(picture), read_edits(path), others=others_in(tmp_path))
    assert np.array_equal(done.pixels, shown)
    # Where the image itself may be told from it, no more than what is pasted is given away.
    beside = engine.load_image(tmp_path / "edits image.png")
    assert np.array_equal(beside.pixels, PIXELS[INNER])


def test_the_json_of_an_export_has_it_beside_it(user: User, picture: Path, tmp_path: Path) -> None:
    shown = pasted_closed(user, picture)
    user.wait_explained()
    exports, path = user.program.controller.exports, tmp_path / "map.json"
    task = exports.task()
    assert task is not None
    exports.write(replace(task, choice=ExportChoice(None, None, path, True, True)))
    user.until(path.exists)
    user.settle()
    view = json.loads(path.read_text("utf-8"))["view"]
    found = located(
        Edits.from_facts(view["edits"]), NamedFiles.read(path, view["files"]), EditError
    )
    done = edited(engine.load_image(picture), found, others=others_in(tmp_path))
    assert np.array_equal(done.pixels, shown)


def test_a_session_knows_the_file_that_is_pasted_from(
    user: User, picture: Path, session: Path, tmp_path: Path
) -> None:
    """Closed or not: it is found beside the session, missed by its name, and located."""
    mark = Path(shutil.copy(SCENES[2].path, tmp_path / "work" / "mark.jpg"))
    shown = file_pasted_closed(user, picture, mark)
    save(user, session)
    user.leave()
    user.store.with_suffix(".open.hookscope").unlink(missing_ok=True)
    (tmp_path / "work").rename(tmp_path / "moved")
    user.start()
    opened(user, tmp_path / "moved" / session.name)
    assert np.array_equal(wait_pasted(user), shown)
    (step,) = edits(user).steps
    assert isinstance(step, Paste)
    assert Path(step.source) == tmp_path / "moved" / "mark.jpg"

    restart(user)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "moved" / "mark.jpg").rename(tmp_path / "elsewhere" / "mark.jpg")
    opened(user, tmp_path / "moved" / session.name)
    sessions = user.program.controller.sessions
    assert [file.name for file in sessions.missing.files] == ["mark.jpg"]
    sessions.missing.locate(sessions.missing.files[0], tmp_path / "elsewhere" / "mark.jpg")
    user.until(lambda: not sessions.missing.files)
    user.until(lambda: str(tmp_path / "elsewhere") in str(edits(user)))
    assert np.array_equal(wait_pasted(user), shown)
    for dialog in user.program.window.findChildren(MissingDialog):
        dialog.close()


def test_a_file_that_is_pasted_from_and_has_changed_is_said_to_have(
    user: User, picture: Path, session: Path, tmp_path: Path
) -> None:
    mark = Path(shutil.copy(SCENES[2].path, tmp_path / "work" / "mark.jpg"))
    file_pasted_closed(user, picture, mark)
    save(user, session)
    restart(user)
    shutil.copy(SCENES[0].path, mark)
    opened(user, session)
    wanted = "mark.jpg has changed since the session was saved"
    user.until(lambda: wanted in user.program.window.notice.text)


def test_an_image_of_a_session_of_version_2_is_pasted_from_by_its_name(
    user: User, picture: Path, session: Path
) -> None:
    """As the program did then; it stays so when that image is closed and all is saved again."""
    program = user.start(picture, model=SHAPES)
    clip(user)
    program.controller.images.step(-1)
    user.wait_explained()
    save(user, session)
    with zipfile.ZipFile(session) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    facts = json.loads(members["session.json"])
    facts["version"] = 2
    facts.pop("sources", None)
    paste = Paste("pasted image", PART, (170.0, 80.0))
    facts["images"][0]["edits"] = Edits((paste,)).facts
    facts["panes"][0]["view"]["edits"] = Edits((paste,)).facts
    members["session.json"] = json.dumps(facts).encode()
    with zipfile.ZipFile(session, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    restart(user)
    opened(user, session)
    shown = wait_pasted(user)
    assert np.array_equal(shown[80:120, 170:230], PIXELS[INNER])
    images = user.program.state.images
    key = next(key for key, image in images.items() if image.path is None)
    user.program.controller.images.close(key)
    user.wait_explained()
    save(user, session)
    restart(user)
    opened(user, session)
    assert np.array_equal(wait_pasted(user), shown)


def test_exported_edits_find_the_files_of_patients_whom_they_do_not_name(
    user: User, picture: Path, tmp_path: Path
) -> None:
    """By what is in them: among the open images, or beside the edits, whatever they are called."""
    scans = []
    for number in range(2):
        scan = tmp_path / f"DOE{number} JANE.dcm"
        values = np.random.default_rng(number).integers(0, 4000, (90, 120)).astype(np.uint16)
        scan.write_bytes(written(dataset(values, PatientName=f"DOE{number}^JANE")))
        scans.append(scan)
    program = user.start(picture, *scans, model=SHAPES)
    pastes = [
        Paste(str(scan), PART, (number * 70.0, 20.0), on=not number)
        for number, scan in enumerate(scans)
    ]
    program.controller.what_if.editor.set(Edits(tuple(pastes)), "paste")
    shown = wait_pasted(user)
    # What is switched off, of an image that is not open, is not told either.
    program.controller.images.close(list(program.state.images)[2])
    listed = program.window.what_if.edits
    user.until(lambda: all("DOE" not in listed.item(n).text() for n in range(2)))
    program.controller.what_if.editor.select(0)
    assert all("DOE" not in listed.item(n).text() for n in range(2))
    path = tmp_path / "edits.json"
    program.controller.what_if.files.write(path)
    user.until(path.exists)
    user.settle()
    assert "JANE" not in path.read_text("utf-8")
    assert "DOE" not in path.read_text("utf-8")
    notice = program.window.notice
    assert "names of DICOM files" in notice.text
    program.window.actions_by_id["copy_edits"].trigger()
    user.until(lambda: "Copied the edits" in notice.text)
    copied = QGuiApplication.clipboard().text()
    assert "JANE" not in copied
    sources = [step["source"] for step in json.loads(copied)["edits"]]
    assert len(set(sources)) == 2
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = path.rename(elsewhere / "edits.json")
    files = program.controller.what_if.files
    program.controller.what_if.editor.clear()
    files.read(path)
    user.until(lambda: len(edits(user).steps) == 2)
    assert np.array_equal(wait_pasted(user), shown)
    (elsewhere / "1.dcm").write_bytes(scans[0].read_bytes())
    done = edited(engine.load_image(picture), read_edits(path), others=others_in(elsewhere))
    assert np.array_equal(done.pixels, shown)
    (elsewhere / "1.dcm").unlink()
    with pytest.raises(EditError, match=r"is missing, and edits.json names it") as error:
        read_edits(path)
    assert "JANE" not in str(error.value)


def test_the_patient_of_what_is_pasted_is_not_told(
    user: User, picture: Path, tmp_path: Path
) -> None:
    """By the list of edits, nor by an export or a report that was not asked to."""
    scan = tmp_path / "DOE JANE.dcm"
    values = np.random.default_rng(1).integers(0, 4000, (90, 120)).astype(np.uint16)
    scan.write_bytes(written(dataset(values, PatientName="DOE^JANE")))
    program = user.start(picture, scan, model=SHAPES)
    program.controller.images.step(1)
    user.wait_explained()
    paste_on_first(user)
    wait_pasted(user)
    program.controller.images.close(list(program.state.images)[1])
    user.wait_explained()
    shown = program.window.what_if.edits
    assert "Paste from" in shown.item(0).text()
    assert "JANE" not in shown.item(0).text()
    exports, path = program.controller.exports, tmp_path / "map.json"
    task = exports.task()
    assert task is not None
    exports.write(replace(task, choice=ExportChoice(None, None, path, True, True)))
    user.until(path.exists)
    user.settle()
    assert "JANE" not in path.read_text("utf-8")
    report = tmp_path / "report.html"
    assert program.controller.reports.has_patient
    program.controller.reports.write(ReportChoice(report, "", Included(), "a4"))
    user.until(report.exists)
    user.settle()
    assert "paste 60" in report.read_text("utf-8")
    assert "JANE" not in report.read_text("utf-8")

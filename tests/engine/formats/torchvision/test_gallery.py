"""The gallery says what torchvision says, and fetches only what it is told to."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cli.entry import progress_line
from engine.downloads.partial import part_of
from engine.errors import ModelError
from engine.formats.torchvision import gallery, metadata
from engine.formats.torchvision.gallery import PublishedWeights
from engine.lazy import torchvision as vision
from engine.loading.load import load_model
from tests.web import Site, serve

ROOT = Path(__file__).resolve().parents[4]


def test_every_classifier_is_there_with_its_default_weights_first() -> None:
    models = gallery.published()
    torchvision = vision.load()
    assert tuple(model.name for model in models) == metadata.names()
    for model in models:
        default = torchvision.models.get_model_weights(model.name).DEFAULT
        assert model.default.entry == default.name
        assert model.default.url == default.url
        metrics = default.meta["_metrics"]["ImageNet-1K"]
        assert (model.default.top1, model.default.top5) == (metrics["acc@1"], metrics["acc@5"])
        assert model.parameters == default.meta["num_params"]
        assert model.default.megabytes == pytest.approx(default.meta["_file_size"], abs=1e-3)
        assert model.default.side == default.transforms().crop_size[0]


def test_parameters_are_those_of_the_network() -> None:
    counted = {model.name: model.parameters for model in gallery.published()}
    for name in ("resnet18", "squeezenet1_0", "vit_b_16"):
        with torch.device("meta"):
            network = vision.load().models.get_model(name, weights=None)
        assert counted[name] == sum(p.numel() for p in network.parameters())


def test_every_file_name_carries_a_checksum() -> None:
    weights = [weights for model in gallery.published() for weights in model.weights]
    assert len(weights) > 100
    for one in weights:
        assert len(one.sha256_prefix) >= 8
        assert int(one.sha256_prefix, 16) >= 0
        assert one.path.name == one.url.rpartition("/")[2]
        assert one.path.parent == Path(torch.hub.get_dir()) / "checkpoints"


def test_weights_without_a_classifier_are_left_out() -> None:
    (vgg,) = [model for model in gallery.published() if model.name == "vgg16"]
    assert [weights.entry for weights in vgg.weights] == ["IMAGENET1K_V1"]


def test_terms_of_their_own_are_named() -> None:
    models = {model.name: model for model in gallery.published()}
    swag = gallery.find("vit_b_16", "IMAGENET1K_SWAG_E2E_V1")
    assert swag.licence.startswith("https://")
    assert swag.side == 384
    assert not models["resnet50"].default.licence


def test_what_is_on_the_disk_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    before = gallery.find("resnet18")
    assert not before.on_disk
    before.path.parent.mkdir()
    part_of(before.path).write_bytes(b"12345")
    assert (before.refreshed().on_disk, before.refreshed().partial) == (False, 5)
    before.path.write_bytes(b"half of it")
    assert not before.refreshed().on_disk
    with before.path.open("wb") as file:
        file.truncate(before.size + 200)
    (there,) = [model for model in gallery.published() if model.default.on_disk]
    assert there.name == "resnet18"


@pytest.mark.parametrize(
    ("name", "entry", "words"),
    [
        ("resnet", None, "did you mean resnet"),
        ("zzzzzz", None, "'models' lists"),
        ("resnet50", "IMAGENET1K_V9", "choose IMAGENET1K_V2 or IMAGENET1K_V1"),
    ],
)
def test_what_is_not_there_is_said(name: str, entry: str | None, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        gallery.find(name, entry)


def test_a_mirror_takes_the_place_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gallery.find("alexnet", mirror="http://here/x/").url == (
        "http://here/x/alexnet-owt-7be5be79.pth"
    )
    monkeypatch.setenv(gallery.MIRROR, "somewhere")
    with pytest.raises(ModelError, match=r"somewhere/alexnet.*: not a web address"):
        gallery.fetch(gallery.find("alexnet"))


def test_the_table_and_the_facts() -> None:
    models = gallery.published()[:2]
    head, first, _ = gallery.lines(models)
    assert head.split() == ["NAME", "TOP-1", "%", "PARAMETERS", "MB"]
    assert first.split() == ["alexnet", "56.5", "61.1", "M", "233"]
    assert json.loads(json.dumps(gallery.facts(models)))[0]["weights"][0]["entry"] == (
        "IMAGENET1K_V1"
    )


def test_the_table_says_which_weights_are_here() -> None:
    (model,) = [model for model in gallery.published() if model.name == "resnet50"]
    second, third = model.weights[0], replace(model.weights[1], on_disk=True)
    assert gallery.lines([replace(model, weights=(second, third))])[1].endswith(
        "on disk: IMAGENET1K_V1"
    )
    assert gallery.lines([replace(model, weights=(third, second))])[1].endswith("98  on disk")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_of_a_terminal_and_nothing_elsewhere() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        report = progress_line(stream)
        report(0.25, "58.3 of 233.1 MB, 3.0 MB/s")
        report(0.26, "too soon for another")
        report(1.0, "complete")
    assert pipe.getvalue() == ""
    shown = terminal.getvalue().replace("\x1b[K", "")
    assert shown == "\r 25%  58.3 of 233.1 MB, 3.0 MB/s\r"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A state dict of squeezenet1_1, as a file of the kind that is published."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "x.pth"
    torch.save(vision.load().models.squeezenet1_1(weights=None).state_dict(), path)
    return path.read_bytes()


def published_as(content: bytes, url: str, folder: Path) -> PublishedWeights:
    """squeezenet1_1's entry, pointed at another file."""
    name = f"squeezenet1_1-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    return replace(
        gallery.find("squeezenet1_1"), url=f"{url}/{name}", path=folder / name, on_disk=False
    )


def test_what_was_fetched_opens(saved: bytes, tmp_path: Path) -> None:
    with serve(Site({})) as site:
        weights = published_as(saved, site.url, tmp_path)
        site.files[weights.path.name] = saved
        assert gallery.fetch(weights) == weights.path
    assert weights.refreshed().on_disk
    model = load_model("squeezenet1_1", weights=weights.path, device="cpu")
    assert model.info.parameters == 1_235_496


def run(*arguments: str, home: Path, mirror: str = "") -> subprocess.CompletedProcess[str]:
    env = os.environ | {"TORCH_HOME": str(home), gallery.MIRROR: mirror}
    command = [sys.executable, "main.py", *arguments]
    return subprocess.run(
        command, check=False, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
    )


def test_the_command_lists_the_gallery(tmp_path: Path) -> None:
    done = run("models", "--json", "-", home=tmp_path)
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    assert len(listed) == 80
    assert not list(tmp_path.iterdir())


def test_the_command_says_that_a_file_is_not_the_published_one(tmp_path: Path) -> None:
    name = gallery.find("squeezenet1_1").path.name
    with serve(Site({name: b"something else"})) as site:
        done = run("download", "squeezenet1_1", home=tmp_path, mirror=site.url)
    assert done.returncode == 2
    assert "does not match the published checksum" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not [path for path in tmp_path.rglob("*.pth*") if path.suffix != ".lock"]


def test_the_command_takes_what_is_there(tmp_path: Path, saved: bytes) -> None:
    with serve(Site({})) as site:
        done = run("download", "squeezenet1_1", "IMAGENET1K_V9", home=tmp_path, mirror=site.url)
        assert done.returncode == 2
        assert "choose IMAGENET1K_V1" in done.stderr
        done = run("download", "squeezenet1_1", home=tmp_path, mirror=site.url)
        assert done.returncode == 2
        assert "no such file (404)" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for another program there")
def test_an_interrupted_command_keeps_what_has_come(tmp_path: Path) -> None:
    name = gallery.find("squeezenet1_1").path.name
    with serve(Site({name: bytes(500_000)}, stall_after=200_000)) as site:
        env = os.environ | {"TORCH_HOME": str(tmp_path), gallery.MIRROR: site.url}
        command = [sys.executable, "main.py", "download", "squeezenet1_1"]
        program = subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE)
        assert site.sending.wait(60)
        part = tmp_path / "hub" / "checkpoints" / f"{name}.part"
        while not (part.exists() and part.stat().st_size == 200_000):
            assert program.poll() is None
            threading.Event().wait(0.01)
        program.send_signal(signal.SIGINT)
        _, told = program.communicate(timeout=60)
    assert (program.returncode, told) == (130, b"")
    assert part.stat().st_size == 200_000

"""The options for preprocessing, through the real command line, against torchvision.transforms."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import engine
from engine.lazy import torchvision
from engine.profiles import store
from engine.profiles.format import ModelProfile
from engine.records.images import Channels, Preprocessing
from engine.weights.state_dicts import checksum
from tests.cli.runs import Result

Run = Callable[..., Result]
Prepare = Callable[[Image.Image], Tensor]

CAFFE = ("--mean", "103.939,116.779,123.68", "--std", "1", "--range", "0,255", "--channels", "bgr")


def network(channels: int = 3) -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(channels, 6, 5, 2),
        nn.ReLU(),
        nn.Conv2d(6, 8, 3, 2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    ).eval()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose file says nothing of preprocessing, and which runs on any size."""
    path = tmp_path_factory.mktemp("model") / "net.pth"
    torch.save(network(), path)
    return path


@pytest.fixture
def saved(model: Path) -> Iterator[Callable[[ModelProfile], None]]:
    """saved(profile): save it for the model, until the test ends."""
    sha256 = checksum(model)
    yield lambda profile: store.save(sha256, profile)
    store.forget(sha256)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    noise = np.random.default_rng(5).integers(0, 256, (11, 17, 3), np.uint8)
    Image.fromarray(noise).resize((340, 220), Image.Resampling.BICUBIC).save(path)
    return path


def transforms(*steps: Any) -> Prepare:
    composed = torchvision.load().transforms.Compose(list(steps))
    return lambda picture: composed(picture).unsqueeze(0)


def usual(resize: Any, crop: Any, *values: Any) -> Prepare:
    t = torchvision.load().transforms
    sized = [t.Resize(resize)] if resize is not None else []
    cropped = [t.CenterCrop(crop)] if crop is not None else []
    return transforms(*sized, *cropped, t.ToTensor(), *values)


def normal(mean: tuple[float, ...], std: tuple[float, ...]) -> Any:
    return torchvision.load().transforms.Normalize(mean, std)


def bgr(values: Tensor) -> Tensor:
    return values.flip(0)


def cases() -> dict[str, tuple[tuple[str, ...], Prepare]]:
    """Options, and the same by torchvision's transforms."""
    t = torchvision.load().transforms
    half, image = normal((0.5,) * 3, (0.5,) * 3), ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    caffe = normal((103.939, 116.779, 123.68), (1.0, 1.0, 1.0))
    rgb = normal((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    return {
        "mean and std": (
            ("--mean", "0.1,0.2,0.3", "--std", "0.4,0.5,0.6"),
            usual(256, 224, rgb),
        ),
        "one number for all": (("--mean", "0.5", "--std", "0.5"), usual(256, 224, half)),
        "resize and crop": (
            ("--preset", "imagenet", "--resize", "100", "--crop", "96"),
            usual(100, 96, normal(*image)),
        ),
        "both sides": (
            ("--preset", "imagenet", "--resize", "90x120", "--crop", "80x112"),
            usual((90, 120), (80, 112), normal(*image)),
        ),
        "no crop": (
            ("--preset=-1..1", "--resize", "64x96", "--crop", "none"),
            usual((64, 96), None, half),
        ),
        "no resize": (
            ("--preset", "0..1", "--resize", "none", "--crop", "128"),
            usual(None, 128),
        ),
        "clip is bicubic": (
            ("--preset", "CLIP", "--resize", "224", "--crop", "224"),
            transforms(
                t.Resize(224, t.InterpolationMode.BICUBIC),
                t.CenterCrop(224),
                t.ToTensor(),
                normal((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
            ),
        ),
        "bgr, 0 to 255": (
            CAFFE,
            usual(256, 224, t.Lambda(bgr), t.Lambda(lambda x: x * 255), caffe),
        ),
        "a preset of the same": (
            ("--preset", "caffe"),
            usual(256, 224, t.Lambda(bgr), t.Lambda(lambda x: x * 255), caffe),
        ),
        "bgr keeps the colours' values": (
            ("--preset", "imagenet", "--channels", "bgr"),
            usual(256, 224, normal(*image), t.Lambda(bgr)),
        ),
        "-1 to 1 as a range": (
            ("--range", "-1,1", "--mean", "0", "--std", "1"),
            usual(256, 224, t.Lambda(lambda x: 2 * x - 1)),
        ),
        "grey for three channels": (
            ("--channels", "grey", "--mean", "0.5", "--std", "0.25"),
            transforms(
                t.Lambda(lambda picture: picture.convert("L")),
                t.Resize(256),
                t.CenterCrop(224),
                t.ToTensor(),
                t.Lambda(lambda x: x.expand(3, -1, -1)),
                normal((0.5,) * 3, (0.25,) * 3),
            ),
        ),
    }


def logits(result: Result) -> list[float]:
    assert result.code == 0, result.err
    listed = sorted(result.json["predictions"], key=lambda entry: entry["index"])
    return [entry["logit"] for entry in listed]


@pytest.mark.parametrize("case", cases())
def test_logits_are_those_of_torchvisions_transforms(
    run: Run, model: Path, photo: Path, case: str
) -> None:
    options, prepare = cases()[case]
    result = run("explain", photo, "--model", model, *options, "--json", "-")
    assert result.err == ""
    with Image.open(photo) as picture, torch.no_grad():
        wanted = network()(prepare(picture.convert("RGB")))[0]
    assert logits(result) == pytest.approx(wanted.tolist(), rel=1e-5, abs=1e-5)
    assert result.json["model_info"]["preprocessing"]["origin"] == "chosen"


def test_one_grey_channel(run: Run, photo: Path, tmp_path: Path) -> None:
    torch.save(network(1), tmp_path / "grey.pth")
    options = ("--mean", "0.1307", "--std", "0.3081", "--resize", "28x28", "--crop", "28")
    result = run("explain", photo, "--model", tmp_path / "grey.pth", *options, "--json", "-")
    with Image.open(photo) as picture, torch.no_grad():
        t = usual((28, 28), 28, normal((0.1307,), (0.3081,)))
        wanted = network(1)(t(picture.convert("L")))[0]
    assert logits(result) == pytest.approx(wanted.tolist(), rel=1e-5, abs=1e-5)


def koala(folder: Path) -> tuple[Path, Path, Path]:
    """A network as converted from Caffe, a picture and class names.

    It averages each channel of its input, blue first, and compares them: the picture's red is above
    the mean of all pictures, its blue below. With ImageNet's values in RGB order, it is reversed.
    """
    module = nn.Sequential(
        nn.Conv2d(3, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)
    )
    with torch.no_grad():
        convolution, linear = module[0], module[3]
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(linear, nn.Linear)
        convolution.weight.copy_(torch.eye(3).reshape(3, 3, 1, 1))
        convolution.bias.zero_()  # type: ignore[union-attr]
        linear.weight.copy_(torch.tensor([[-1.0, 0.0, 1.0], [1.0, 0.0, -1.0]]))
        linear.bias.zero_()
    torch.save(module, folder / "caffe.pth")
    Image.new("RGB", (300, 260), (190, 120, 60)).save(folder / "koala.png")
    (folder / "names.txt").write_text("koala\nsports car\n", encoding="utf-8")
    return folder / "caffe.pth", folder / "koala.png", folder / "names.txt"


@pytest.mark.parametrize("options", [CAFFE, ("--preset", "caffe")])
def test_a_koala_is_a_koala_once_the_preprocessing_is_right(
    run: Run, tmp_path: Path, options: tuple[str, ...]
) -> None:
    weights, picture, names = koala(tmp_path)
    base = ("explain", picture, "--model", weights, "--classes", names, "--json", "-")
    wrong = run(*base)
    assert wrong.json["predictions"][0]["label"] == "sports car"
    assert wrong.json["model_info"]["preprocessing"]["origin"] == "assumed"
    first, *more = wrong.err.splitlines()
    assert first.startswith("hookscope: warning: The file caffe.pth does not specify its prepro")
    assert "224 x 224 pixels, ImageNet mean" in first
    assert more
    assert all(line.startswith("hookscope: warning: ") for line in more)
    assert "--mean" in more[-1]
    assert "--profile" in more[-1]
    right = run(*base, *options)
    assert right.err == ""
    assert right.json["predictions"][0]["label"] == "koala"
    assert right.json["model_info"]["preprocessing"]["origin"] == "chosen"
    # Red is 190 - 123.68 above the mean, blue 60 - 103.939 below it.
    assert right.json["predictions"][0]["logit"] == pytest.approx(66.32 + 43.939, rel=1e-5)


@pytest.mark.parametrize("command", [("explain",), ("layers",), ("sweep", "--out", "maps.npz")])
def test_every_command_that_opens_a_model_warns(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    silent = run(*command, "--model", model, "--preset", "imagenet")
    assert (silent.code, silent.err) == (0, "")
    told = run(*command, "--model", model)
    assert told.code == 0
    assert "does not specify its preprocessing" in told.err
    # The results are as before: the warnings go to stderr alone.
    assert "warning" not in told.out


def test_values_that_are_half_given_are_assumed_still(run: Run, model: Path, photo: Path) -> None:
    for options in (("--resize", "230"), ("--mean", "0.5"), ("--channels", "bgr")):
        result = run("explain", photo, "--model", model, *options, "--json", "-")
        assert result.json["model_info"]["preprocessing"]["origin"] == "assumed"
        assert "Assumed for the rest: 224 x 224 pixels" in result.err


def test_where_the_preprocessing_comes_from(
    run: Run, model: Path, photo: Path, saved: Callable[[ModelProfile], None]
) -> None:
    def origin(*options: object) -> tuple[str, str]:
        facts = run("explain", photo, *options, "--json", "-").json["model_info"]["preprocessing"]
        return facts["origin"], facts["source"]

    assert origin() == ("file", "the demo")
    assert origin("--model", model) == ("assumed", "assumed")
    assert origin("--preset", "caffe")[0] == "chosen"
    how = Preprocessing(64, (60, 60), (0.2,) * 3, (0.3,) * 3)
    profile = ModelProfile(preprocessing=how, preprocessing_origin="set by you")
    saved(profile)
    assert origin("--model", model) == ("profile", "set by you")
    # What is not given is the profile's.
    result = run("explain", photo, "--model", model, "--resize", "90x80", "--json", "-")
    with Image.open(photo) as picture, torch.no_grad():
        prepared = usual((90, 80), 60, normal((0.2,) * 3, (0.3,) * 3))(picture)
        wanted = network()(prepared)[0]
    assert logits(result) == pytest.approx(wanted.tolist(), rel=1e-5, abs=1e-5)
    assert store.load(checksum(model)) == profile
    # An option that does not fit is told; the profile is not the one to blame.
    result = run("layers", "--model", model, "--crop", "500")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "larger than the image resized to 64 pixels" in result.err


def test_an_assumption_in_a_saved_profile_is_told(
    run: Run, model: Path, photo: Path, saved: Callable[[ModelProfile], None]
) -> None:
    """As when class names were loaded, which saves all settings of a model."""
    how = Preprocessing(240, (224, 224), (0.2,) * 3, (0.3,) * 3)
    saved(ModelProfile(preprocessing=how, preprocessing_origin="assumed"))
    result = run("explain", photo, "--model", model, "--json", "-")
    assert "mean 0.2, 0.2, 0.2 and standard deviation 0.3, 0.3, 0.3" in result.err
    assert result.json["model_info"]["preprocessing"]["origin"] == "assumed"


def test_a_profile_file(
    run: Run,
    model: Path,
    photo: Path,
    tmp_path: Path,
    saved: Callable[[ModelProfile], None],
) -> None:
    how = Preprocessing(
        None,
        (96, 128),
        (1.0, 2.0, 3.0),
        (4.0, 5.0, 6.0),
        channels=Channels.BGR,
        range=(0.0, 255.0),
    )
    names = ("one", "two", "three", "four")
    path = tmp_path / "mine.hookscope.json"
    store.export(path, ModelProfile(preprocessing=how, classes=names, classes_origin="mine"))
    saved(ModelProfile(preprocessing=Preprocessing(90, (80, 80), (0.0,) * 3, (1.0,) * 3)))
    result = run("explain", photo, "--model", model, "--profile", path, "--json", "-")
    with Image.open(photo) as picture, torch.no_grad():
        t = torchvision.load().transforms
        steps = (t.Lambda(bgr), t.Lambda(lambda x: x * 255), normal((1, 2, 3), (4, 5, 6)))
        wanted = network()(usual(None, (96, 128), *steps)(picture))[0]
    assert logits(result) == pytest.approx(wanted.tolist(), rel=1e-5, abs=1e-4)
    assert result.err == ""
    assert {entry["label"] for entry in result.json["predictions"]} == set(names)
    assert result.json["model_info"]["preprocessing"]["origin"] == "profile"
    chosen = run("explain", photo, "--model", model, "--profile", path, "--preset", "0..1",
                 "--json", "-").json["model_info"]["preprocessing"]  # fmt: skip
    assert (chosen["origin"], chosen["mean"], chosen["crop"]) == ("chosen", [0.0] * 3, [96, 128])


def test_a_sweep_is_made_with_the_options(
    run: Run, model: Path, photo: Path, tmp_path: Path
) -> None:
    out = tmp_path / "maps.npz"
    result = run("sweep", photo, "--model", model, *CAFFE, "--class", "1", "--out", out)
    assert (result.code, result.err) == (0, "")
    how = Preprocessing(
        256,
        (224, 224),
        (103.939, 116.779, 123.68),
        (1.0,) * 3,
        channels=Channels.BGR,
        range=(0.0, 255.0),
    )
    mine = engine.Model(network(), preprocessing=how)
    with engine.Session(mine, engine.load_image(photo)) as session, np.load(out) as maps:
        wanted = session.sweep(1)
        assert set(maps.files) == set(wanted)
        for name in maps.files:
            np.testing.assert_allclose(maps[name], wanted[name].map, rtol=1e-5, atol=1e-7)


BAD: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "mean": (("--mean", "0.5,a,b"), ("--mean 0.5,a,b", "as in --mean 0.485,0.456,0.406")),
    "mean, two": (("--mean", "0.5,0.5"), ("the network has 3 channels", "3 numbers, or one for")),
    "mean, infinite": (("--mean", "inf"), ("--mean inf",)),
    "mean, long": (("--mean", "1" * 90), ("--mean 111",)),
    "std": (("--std", ""), ("--std", "as in --std 0.5")),
    "std, zero": (("--std", "0.5,0,1"), ("--std 0.5,0,1", "greater than 0")),
    "range": (("--range", "255"), ("--range 255", "as in --range 0,255")),
    "range, equal": (("--range", "1,1"), ("--range 1,1", "different values")),
    "range alone": (("--range", "0,255"), ("give --mean and --std as well",)),
    "range of a preset": (("--preset", "imagenet", "--range", "0,255"), ("--mean and --std",)),
    "channels": (("--channels", "gbr"), ("--channels gbr", "rgb, bgr or grey")),
    "resize": (("--resize", "big"), ("--resize big", "--resize 224x192")),
    "resize, huge": (("--resize", "9999999999999"), ("4,096",)),
    "crop": (("--crop", "0"), ("--crop 0", "height x width")),
    "crop, three": (("--crop", "3x224x224"), ("--crop 3x224x224",)),
    "crop beyond": (
        ("--model", "demo:shapes", "--crop", "500"),
        ("--crop", "would be padded", "--resize as well"),
    ),
    "resize below": (("--resize", "50"), ("--resize", "would be padded", "--crop as well")),
    "crop none": (("--crop", "none", "--resize", "50"), ("--resize HxW",)),
    "preset": (("--preset", "imagnet"), ("imagnet", "imagenet, -1..1, 0..1, clip, caffe")),
    "profile": (("--profile", "absent.json"), ("absent.json",)),
    "no profile": (("--profile", "names.json"), ("names.json", "not a model profile")),
    "two sizes": (
        ("--crop", "96", "--resize", "100", "--input", "3x64x64"),
        ("--crop and --input 3x64x64 name different input sizes",),
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_values_are_one_line_that_says_what_is_allowed(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("names.json").write_text(json.dumps(["a", "b"]), encoding="utf-8")
    options, words = BAD[case]
    result = run("layers", "--model", model, *options)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("hookscope: error: ")
    assert result.err.count("\n") == 1
    for part in words:
        assert part in result.err
    assert len(result.err) < 500


def test_a_profile_that_does_not_fit_is_named(run: Run, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.hookscope.json"
    grey = Preprocessing(28, (28, 28), (0.5,), (0.5,), channels=Channels.GREY)
    store.export(path, ModelProfile(preprocessing=grey))
    result = run("layers", "--model", model, "--profile", path)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "other.hookscope.json" in result.err


def test_bad_values_are_told_before_the_work(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("the work was begun")

    monkeypatch.setattr("engine.images.reading.load_image", work)
    monkeypatch.setattr("engine.loading.load.open_source", work)
    assert run("explain", "--mean", "x").code == 2


def test_the_presets_are_listed_and_each_line_is_the_preset(
    run: Run, model: Path, photo: Path, tmp_path: Path
) -> None:
    result = run("presets")
    assert (result.code, result.err) == (0, "")
    listed = [line.split("\t") for line in result.out.splitlines()]
    facts = run("presets", "--json", "-").json
    assert [cells[0] for cells in listed] == [entry["name"] for entry in facts]
    for name, *options in listed:
        given = [part for option in options for part in option.split(" ")]
        one, other = (
            run("explain", photo, "--model", model, *chosen, "--json", "-").json["model_info"]
            for chosen in (("--preset", name), given)
        )
        for part in ("mean", "std", "range", "channels", "origin"):
            assert one["preprocessing"][part] == other["preprocessing"][part]
    assert "imagenet, -1..1, 0..1, clip, caffe" in " ".join(run("layers", "--help").out.split())

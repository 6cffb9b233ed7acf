"""Model profiles: kept by the weights' checksum, exported, imported, and never trusted blindly."""

from __future__ import annotations

import json
import logging
import random
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ExportError, ModelError
from engine.methods.registry import choose
from engine.profiles import store as profiles
from engine.profiles.store import ModelProfile
from engine.records.asked import Question, Score, Unit
from engine.records.images import Channels, Preprocessing
from engine.records.level_words import window
from engine.records.models import Layout, OutputForm, Scores

SHA = "0123456789abcdef" * 4

FULL = ModelProfile(
    preprocessing=Preprocessing(
        (96, 128),
        (96, 128),
        (0.1, 0.2, 0.3),
        (0.4, 0.5, 0.6),
        interpolation="bicubic",
        antialias=False,
        letterbox=True,
        channels=Channels.BGR,
        range=(-1.0, 1.0),
    ),
    preprocessing_origin="set by you",
    output=OutputForm("logits", Scores.LABELS, "sigmoid"),
    classes=("Katze", "dog 狗", "a\u2028b"),
    classes_origin="names.txt",
    layouts={"layer4.1": Layout.CHANNELS_LAST, "blocks.3": Layout.TOKENS},
    architecture="resnet18",
    arguments=(("num_classes", "3"), ("widths", "[8, 16]")),
    title="cats.pth",
    method=choose("random-cam", {"seed": 3}),
    question=Question("contrast", against="dog 狗", score=Score.PROBABILITY),
)
NONE = ModelProfile()
SOME = [
    FULL,
    NONE,
    ModelProfile(
        preprocessing=Preprocessing(None, (28, 28), (0.5,), (0.5,), channels=Channels.GREY)
    ),
    ModelProfile(
        preprocessing=Preprocessing(
            28, (28, 28), (0.5,), (0.5,), channels=Channels.GREY, levels=window(-600, 1500.5)
        )
    ),
    ModelProfile(output=OutputForm()),
    *(
        ModelProfile(question=question)
        for question in (
            Question(score=Score.LOG_PROBABILITY),
            Question("contrast", against=4),
            Question("unit", unit=Unit("layer3#1", 17, (4, 5))),
            Question("unit", unit=Unit("a:b", 0)),
            Question("cell", cell=(0, 3)),
        )
    ),
    ModelProfile(output=OutputForm(scores=Scores.SIDES)),
]


@pytest.mark.parametrize("profile", SOME)
def test_what_is_saved_is_loaded(profile: ModelProfile, tmp_path: Path) -> None:
    store = tmp_path / "not there yet" / "profiles"
    assert profiles.load(SHA, store) is None
    profiles.save(SHA, profile, store)
    loaded = profiles.load(SHA, store)
    assert loaded is not None
    for entry in fields(ModelProfile):
        mine, its = getattr(profile, entry.name), getattr(loaded, entry.name)
        assert dict(mine) == dict(its) if entry.name == "layouts" else mine == its
    assert [path.name for path in store.iterdir()] == [f"{SHA}{profiles.SUFFIX}"]
    profiles.forget(SHA, store)
    profiles.forget(SHA, store)
    assert profiles.load(SHA, store) is None


def test_the_usual_place_is_beside_the_settings() -> None:
    profiles.save(SHA, FULL)
    assert profiles.load(SHA) is not None
    assert profiles.folder().is_dir()
    assert profiles.folder().name == "profiles"
    profiles.forget(SHA)


def test_a_later_profile_replaces_an_earlier_one(tmp_path: Path) -> None:
    profiles.save(SHA, FULL, tmp_path)
    profiles.save(SHA, NONE, tmp_path)
    loaded = profiles.load(SHA, tmp_path)
    assert loaded is not None
    assert loaded.classes == ()


@pytest.mark.parametrize("name", ["", "../../etc/passwd", SHA[:-1], SHA.upper(), SHA + "0"])
def test_only_a_checksum_names_a_profile(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a SHA-256"):
        profiles.load(name, tmp_path)
    with pytest.raises(ValueError, match="not a SHA-256"):
        profiles.save(name, NONE, tmp_path)


def test_an_exported_profile_is_for_people_too(tmp_path: Path) -> None:
    path = tmp_path / f"cats{profiles.SUFFIX}"
    profiles.export(path, FULL, SHA)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["kind"] == "hookscope model profile"
    assert content["version"] == 1
    assert content["weights_sha256"] == SHA
    assert content["preprocessing"]["channels"] == "BGR"
    assert content["classes"][1] == "dog 狗"
    read = profiles.read(path)
    assert read.preprocessing == FULL.preprocessing
    assert read.classes == FULL.classes


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="folder does not exist"):
        profiles.export(tmp_path / "none" / "a.hookscope.json", FULL)
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError):
        profiles.save(SHA, FULL, tmp_path / "file" / "profiles")


def test_a_damaged_remembered_profile_is_ignored_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    profiles.save(SHA, FULL, tmp_path)
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:100])
    with caplog.at_level(logging.WARNING):
        assert profiles.load(SHA, tmp_path) is None
    assert "ignored" in caplog.text


BASE: dict[str, Any] = {"kind": "hookscope model profile", "version": 1}
INPUT: dict[str, Any] = {"resize": 256, "crop": [224, 224], "mean": [0.5] * 3, "std": [0.5] * 3}


def _levels(content: Any) -> dict[str, Any]:
    return {"preprocessing": INPUT | {"levels": content}}


BAD: dict[str, tuple[Any, str]] = {
    "a list": ([], "not a (readable )?model profile"),
    "another file": ({"model_type": "vit"}, "not a (readable )?model profile"),
    "no version": ({"kind": BASE["kind"]}, "'version' must be a positive"),
    "newer": (BASE | {"version": 2}, "written by a newer Hookscope"),
    "classes": (BASE | {"classes": "cat"}, "'classes' must be a list of strings"),
    "class": (BASE | {"classes": ["cat", 1]}, "'classes' must be a list of strings"),
    "layout": (BASE | {"layouts": {"a": "B Q"}}, "'a' has an unknown layout"),
    "levels": (BASE | _levels(3), "'levels' must be an object"),
    "mode of levels": (
        BASE | _levels({"mode": "bright"}),
        "'mode' of levels must be one of",
    ),
    "ends of levels": (
        BASE | _levels({"mode": "window", "ends": [5]}),
        "'ends' must be a list",
    ),
    "window": (BASE | _levels({"mode": "window", "ends": [5, 5]}), "must be greater than 0"),
    "layouts": (BASE | {"layouts": [1]}, "'layouts' must be an object"),
    "output": (BASE | {"output": 1}, "'output' must be an object"),
    "scores": (BASE | {"output": {"scores": "points"}}, "'scores' must be"),
    "place": (BASE | {"output": {"scores": "sides", "place": 1}}, "'place' must be a string"),
    "arguments": (BASE | {"arguments": [["a"]]}, "'arguments' must be a list of pairs"),
    "arguments of what": (BASE | {"arguments": 3}, "'arguments' must be a list of pairs"),
    "architecture": (BASE | {"architecture": None}, "'architecture' must be a string"),
    "preprocessing": (BASE | {"preprocessing": []}, "'preprocessing' must be an object"),
    "resize": (BASE | {"preprocessing": INPUT | {"resize": "big"}}, "whole number of pixels"),
    "resize of three": (BASE | {"preprocessing": INPUT | {"resize": [1, 2, 3]}}, "'resize' must"),
    "no crop": (BASE | {"preprocessing": {"mean": [0.5]}}, "'crop' must be"),
    "crop": (BASE | {"preprocessing": INPUT | {"crop": [224, None]}}, "'crop' must be"),
    "crop of 0": (BASE | {"preprocessing": INPUT | {"crop": [0, 5]}}, "crop must be 1 to"),
    "channels": (BASE | {"preprocessing": INPUT | {"channels": "XYZ"}}, "'channels' must be"),
    "mean": (BASE | {"preprocessing": INPUT | {"mean": ["a"]}}, "'mean' must contain only numbers"),
    "huge mean": (BASE | {"preprocessing": INPUT | {"mean": [10**400]}}, "out of range"),
    "std of 0": (BASE | {"preprocessing": INPUT | {"std": [0, 0, 0]}}, "greater than 0"),
    "range": (BASE | {"preprocessing": INPUT | {"range": [0]}}, "'range' must be a list"),
    "antialias": (BASE | {"preprocessing": INPUT | {"antialias": 1}}, "'antialias' must be true"),
    "interpolation": (BASE | {"preprocessing": INPUT | {"interpolation": "x"}}, "interpolation"),
    "method": (BASE | {"method": "grad-cam"}, "'method' must be an object"),
    "unknown method": (BASE | {"method": {"slug": "gradcamm"}}, "no method 'gradcamm'.*grad-cam"),
    "method without a name": (BASE | {"method": {}}, "'method': there is no method ''"),
    "method's name": (BASE | {"method": {"slug": 3}}, "'slug' must be a string"),
    "method's options": (
        BASE | {"method": {"slug": "fem", "options": []}},
        "'options' must be an object",
    ),
    "method's option": (
        BASE | {"method": {"slug": "fem", "options": {"seed": 1}}},
        "fem has no option 'seed'",
    ),
    "question": (BASE | {"question": "entropy"}, "'question' must be an object"),
    "question's name": (BASE | {"question": {"name": 3}}, "must be strings"),
    "question's class": (BASE | {"question": {"name": "contrast", "against": -1}}, "whole numbers"),
    "question's score": (BASE | {"question": {"name": "class", "score": "z"}}, "'score' of a"),
    "question's unit": (BASE | {"question": {"name": "unit", "unit": "a:1"}}, "'unit' of a"),
    "question's cell": (BASE | {"question": {"name": "cell", "cell": [1]}}, "a row and a column"),
    "method's value": (
        BASE | {"method": {"slug": "random-cam", "options": {"seed": 0.5}}},
        "seed is a whole number",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_malformed_profile_is_one_clear_error(kind: str, tmp_path: Path) -> None:
    content, words = BAD[kind]
    path = tmp_path / "a.hookscope.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ModelError, match=words) as caught:
        profiles.read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"{", b"[" * 100_000, b'{"a": NaN}'])
def test_what_is_no_json(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.hookscope.json"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"not a (readable )?model profile"):
        profiles.read(path)
    with pytest.raises(ModelError, match="no such file"):
        profiles.read(tmp_path / "none.hookscope.json")


@pytest.mark.parametrize("seed", range(60))
def test_damaged_files_give_a_profile_or_one_clear_error(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "a.hookscope.json"
    profiles.export(path, FULL, SHA)
    chance = random.Random(seed)
    data = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 5)):
        place = chance.randrange(len(data))
        if chance.random() < 0.5:
            data[place : place + chance.randint(1, 9)] = bytes(chance.choices(b'[]{},:"0a', k=3))
        else:
            data[place] = chance.randrange(256)
    path.write_bytes(bytes(data))
    fault = str(path)
    try:
        profiles.read(path)
    except ModelError as error:
        fault = str(error)
    assert fault.startswith(str(path))
    assert "\n" not in fault

"""A stranger's names in what leaves the program: terminal, log, pictures, JSON, archives."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli import commands
from cli.entry import fail, progress_line
from engine.export import files as export
from engine.formats.demo import SCENES
from engine.process import logs
from engine.profiles.format import ModelProfile
from engine.profiles.store import export as export_profile
from engine.records.asked import Asked
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation
from engine.records.images import LoadedImage, Region
from engine.records.models import Prediction
from engine.render import caption
from tests.explanations import explain

RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
ODD = "a\x1b]0;owned\x07\x1b[2Jb\u202ec\x9b"
SPELLED = "a\\x1b]0;owned\\x07\\x1b[2Jb\\u202ec\\x9b"
FORGED = "x\n2026-01-01 00:00:00,000 ERROR   MainThread engine: all is well"

NETWORK = f"""
from torch import nn

class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self._modules[{ODD!r}] = nn.Conv2d(3, 4, 3, padding=1)
        self._modules["two\\nlines\\tand a tab"] = nn.ReLU()
        self._modules["long" * 25_000] = nn.Conv2d(4, 4, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x):
        for module in self._modules.values():
            x = module(x)
        return x.flatten(1)
"""


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = commands.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def network(tmp_path: Path) -> tuple[str, ...]:
    """Options for a model whose layers and classes have odd names."""
    path, names = tmp_path / "odd.py", tmp_path / "names.json"
    path.write_text(NETWORK, encoding="utf-8")
    names.write_text(json.dumps([ODD, "\u202e" * 300, "b", "c"]), encoding="utf-8")
    # An architecture has weights of its own, which this one need not have.
    import torch

    space: dict[str, object] = {"__name__": "odd"}
    exec(NETWORK, space)
    torch.manual_seed(0)
    torch.save(space["Odd"]().state_dict(), tmp_path / "odd.pth")  # type: ignore[operator]
    return (
        *("--model", str(path), "--weights", str(tmp_path / "odd.pth"), "--trust"),
        *("--input", "3x32x32", "--preset", "imagenet", "--classes", str(names)),
    )


def test_layers_are_listed_a_line_each(
    run: Callable[..., tuple[int, str, str]], network: tuple[str, ...]
) -> None:
    code, out, err = run("layers", *network)
    assert (code, err) == (0, "")
    assert not RAW.search(out.replace("\t", ""))
    cells = [line.split("\t") for line in out.splitlines()]
    assert {len(line) for line in cells} == {5}
    names = [line[0] for line in cells]
    assert SPELLED in names
    assert "two\\nlines\\tand a tab" in names
    assert max(map(len, names)) < 3_000
    assert all(re.fullmatch(r"[ -~…]*", line[0]) for line in cells)


def test_json_has_the_very_names(
    run: Callable[..., tuple[int, str, str]], network: tuple[str, ...], tmp_path: Path
) -> None:
    code, out, _ = run("layers", *network, "--json", "-")
    assert code == 0
    names = [layer["name"] for layer in json.loads(out)]
    assert {ODD, "two\nlines\tand a tab", "long" * 25_000} <= set(names)
    assert not RAW.search(out)
    code, _, err = run("layers", *network, "--json", tmp_path / "facts.json")
    assert (code, err) == (0, "")
    text = (tmp_path / "facts.json").read_text(encoding="utf-8")
    assert not RAW.search(text)
    assert [layer["name"] for layer in json.loads(text)] == names


@pytest.mark.skipif(sys.platform == "win32", reason="such a name is refused by Windows")
def test_what_explain_says_does_nothing(
    run: Callable[..., tuple[int, str, str]], network: tuple[str, ...], tmp_path: Path
) -> None:
    image = tmp_path / f"{ODD}\nforged.png"
    image.write_bytes(SCENES[0].path.read_bytes())
    target = tmp_path / f"{ODD}.json"
    code, out, err = run("explain", image, *network, "--class", "0", "--layer", ODD)
    assert (code, err) == (0, "")
    assert f"{SPELLED}\\nforged.png: {SPELLED} (" in out
    assert f"for {SPELLED} (" in out
    assert not RAW.search(out)
    code, out, err = run("explain", image, *network, "--class", "0", "--json", target)
    assert (code, err) == (0, "")
    facts = json.loads(target.read_text(encoding="utf-8"))
    assert not RAW.search(target.read_text(encoding="utf-8"))
    assert facts["image"] == str(image)
    assert facts["class"]["label"] == ODD


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", f"/nowhere/{ODD}.png"),
        ("explain", "--layer", ODD),
        ("explain", "--layer", "no\nsuch layer"),
        ("explain", "--class", ODD),
        ("explain", "--model", f"/nowhere/{ODD}.pth"),
        ("explain", "--out", f"{ODD}.gif"),
        ("explain", f"--{ODD}"),
        ("layers", "--classes", f"/nowhere/{ODD}.txt"),
        ("layers", "--layer-that-is-long" + "x" * 100_000),
    ],
)
def test_a_refusal_is_one_line_that_does_nothing(
    run: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...]
) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert not RAW.search(err)
    assert len(err) < 2_100


def test_a_refusal_keeps_its_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    fail(f"{'x' * 100_000}\x1b: name another file")
    said = capsys.readouterr().err
    assert said.startswith("hookscope: error: xxx")
    assert said.endswith("name another file\n")
    assert "…" in said


def test_progress_does_nothing_but_write_its_line_anew() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    progress_line(terminal)(0.5, f"reading {ODD}\n{'x' * 10_000}")
    said = terminal.getvalue().removeprefix("\r\x1b[K")
    assert SPELLED in said
    assert not RAW.search(said)
    assert "\n" not in said
    assert len(said) < 200


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    monkeypatch.setattr(logs, "log_folder", lambda: tmp_path / "logs")
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    path = logs.start_logging()
    assert path is not None
    yield lambda: path.read_text(encoding="utf-8")
    root.setLevel(level)
    logging.captureWarnings(False)
    for handler in [handler for handler in root.handlers if handler not in before]:
        root.removeHandler(handler)
        handler.close()


def entries(text: str) -> list[str]:
    """Lines that look like the beginning of an entry."""
    return [line for line in text.splitlines() if re.match(r"\d{4}-\d\d-\d\d ", line)]


def test_no_name_forges_an_entry_of_the_log(log: Callable[[], str]) -> None:
    before = len(entries(log()))
    told = logging.getLogger("engine.test")
    told.warning("%s: cannot be read", FORGED)
    told.warning(f"{ODD} is odd")
    told.error("%s: failed\n%s", FORGED, f"Traceback:\n{FORGED}")
    try:
        raise ValueError(f"{FORGED}\n{ODD}")
    except ValueError:
        told.exception("%s", FORGED)
    told.info("with a stack", stack_info=True)
    told.warning("half a character: %s", "\udcff")
    told.warning("%s", "y" * 10**6)
    text = log()
    assert len(entries(text)) == before + 7
    assert not RAW.search(text)
    assert SPELLED in text
    assert "half a character: \\udcff" in text
    assert max(map(len, text.splitlines())) < 5_000


def test_tracebacks_stay_readable(log: Callable[[], str]) -> None:
    try:
        raise ValueError("of no use")
    except ValueError:
        logging.getLogger("engine.test").exception("internal failure")
    lines = [line.strip() for line in log().splitlines()]
    place = lines.index("Traceback (most recent call last):")
    assert lines[place + 2] == 'raise ValueError("of no use")'
    assert "ValueError: of no use" in lines[place + 3 :]


def test_another_handler_s_traceback_is_not_taken(log: Callable[[], str]) -> None:
    """logging keeps in the record what the first handler made of a traceback."""
    first = logging.StreamHandler(io.StringIO())
    root = logging.getLogger()
    root.handlers.insert(0, first)
    try:
        raise ValueError(FORGED + ODD)
    except ValueError:
        before = len(entries(log()))
        root.exception("failed")
    finally:
        root.removeHandler(first)
    assert not RAW.search(log())
    assert len(entries(log())) == before + 1


def test_warnings_of_libraries_go_to_the_log(
    log: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn(f"{FORGED}{ODD}", UserWarning, stacklevel=1)
        logging.captureWarnings(False)
    assert SPELLED in log()
    assert capsys.readouterr().err == ""


def explained(name: str) -> tuple[LoadedImage, Explanation]:
    pixels = np.full((90, 320, 3), 128, np.uint8)
    image = LoadedImage(name, pixels)
    map = np.linspace(-1, 1, 16, dtype=np.float32).reshape(4, 4)
    named = {"layer": name, "target": Prediction(3, name, 9.5, 0.971), "image": name, "model": name}
    return image, explain(map, Region(0, 0, 320, 90), (320, 90), **named)


def test_a_caption_has_everything_in_sight() -> None:
    image, explanation = explained(ODD)
    words = caption.caption(image, explanation, DisplaySettings())
    assert all(SPELLED in line for line in words)
    assert not RAW.search("".join(words))


@pytest.mark.parametrize("sign", ["positive", "negative", "signed"])
def test_a_caption_of_a_contrast_has_both_names_in_sight(sign: str) -> None:
    image, explanation = explained(ODD)
    asked = Asked("contrast", 0, 1)
    both = f"for {ODD} rather than {ODD}"
    explanation = replace(
        explanation,
        asked=asked,
        subject=f"{ODD} against {ODD}",
        number="logit 1",
        signs=(both, both),
    )
    words = caption.caption(image, explanation, DisplaySettings(sign=sign))
    assert words[0].count(SPELLED) == 2
    assert words[2].count(SPELLED) >= 3
    assert not RAW.search("".join(words))


@pytest.mark.parametrize("sign", ["x", "\x1b", "日"])
def test_names_without_end_make_no_larger_band(sign: str) -> None:
    image, explanation = explained(sign * 100_000)
    words = caption.caption(image, explanation, DisplaySettings())
    assert max(map(len, words)) < 700
    picture = export.render(image, explanation, DisplaySettings(), caption=True, colorbar=True)
    assert picture.shape[1] == 320
    assert picture.shape[0] < 90 + 400


def test_caption_of_an_honest_name_is_what_it_was() -> None:
    image, explanation = explained("Käse (1) & <b>.png")
    words = caption.caption(image, explanation, DisplaySettings())
    assert words[0] == "Käse (1) & <b>.png  97.1 %"
    assert words[2].startswith("Käse (1) & <b>.png; positive part")


def test_a_profile_says_exactly_what_it_said(tmp_path: Path) -> None:
    path = tmp_path / "odd.hookscope.json"
    export_profile(path, replace(ModelProfile(), classes=(ODD, "日本")))
    text = path.read_text(encoding="utf-8")
    assert not RAW.search(text)
    assert "日本" in text
    assert json.loads(text)["classes"] == [ODD, "日本"]


def test_maps_have_keys_that_an_archive_can_hold(tmp_path: Path) -> None:
    names = ["layer1", ODD, SPELLED, "half\udcff", "x" * 100_000, "with\0nul", "with"]
    maps = {name: np.full((2, 2), n, np.float32) for n, name in enumerate(names)}
    export.save_maps(tmp_path / "maps.npz", maps)
    with np.load(tmp_path / "maps.npz") as archive:
        assert len(archive.files) == len(names)
        assert sorted(float(archive[key][0, 0]) for key in archive.files) == list(range(len(names)))
        assert not RAW.search("".join(archive.files))
        assert archive["layer1"][0, 0] == 0
        assert archive["with"][0, 0] == 6


def test_an_exported_picture_can_be_read(tmp_path: Path) -> None:
    image, explanation = explained(ODD * 50)
    picture = export.render(image, explanation, DisplaySettings(), caption=True, colorbar=False)
    export.save_picture(tmp_path / "o.png", picture)
    with Image.open(tmp_path / "o.png") as read:
        assert read.size == picture.shape[1::-1]

"""The command line, most of it in this process, the rest as the real program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import engine
from engine.formats.demo import SCENES
from engine.version import NAME, VERSION
from tests.cli.runs import Result

ROOT = Path(__file__).resolve().parent.parent.parent
ChildEnv = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    """The same through the engine's public interface."""
    image = engine.load_image(SCENES[0].path)
    with engine.Session(engine.load_model("demo:shapes"), image) as session:
        return {
            "image": image,
            "default": session.explain(),
            "layer2": session.explain("layer2", "star"),
            "predictions": session.predictions(k=5),
            "sweep": session.sweep("circle"),
            "layers": session.layers,
        }


def test_explain_writes_everything(
    run: Callable[..., Result], tmp_path: Path, expected: dict[str, Any]
) -> None:
    out, array, facts = tmp_path / "o.png", tmp_path / "m.npy", tmp_path / "f.json"
    result = run("explain", "--out", out, "--map", array, "--json", facts)
    assert (result.code, result.err) == (0, "")
    assert str(out) in result.out
    assert str(array) in result.out
    wanted, image = expected["default"], expected["image"]
    with Image.open(out) as picture:
        assert picture.size == (image.width, image.height)
        assert picture.mode == "RGB"
        assert np.abs(np.asarray(picture, int) - image.pixels).max() > 20
    found = np.load(array, allow_pickle=False)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, wanted.map)
    content = json.loads(facts.read_text("utf-8"))
    assert content["image"] == str(SCENES[0].path)
    assert (content["model"], content["device"], content["layer"]) == (
        "demo:shapes",
        wanted.device,
        "layer4",
    )
    assert content["class"] == {"index": wanted.target.index, "label": wanted.target.label}
    for entry, prediction in zip(content["predictions"], expected["predictions"], strict=True):
        assert set(entry) == {"index", "label", "logit", "probability"}
        assert entry["index"] == prediction.index
        assert entry["label"] == prediction.label
        assert entry["logit"] == pytest.approx(prediction.logit)
        assert entry["probability"] == pytest.approx(prediction.probability)
    assert content["map"]["shape"] == list(wanted.map.shape)
    assert content["map"]["min"] == pytest.approx(float(wanted.map.min()))
    assert content["map"]["max"] == pytest.approx(float(wanted.map.max()))
    region = wanted.region
    assert content["region"] == pytest.approx([region.x, region.y, region.width, region.height])
    assert content["seconds"]["forward"] > 0
    assert content["seconds"]["explain"] > 0


@pytest.mark.parametrize("target", ["star", "STAR", "2"])
def test_explain_a_layer_and_a_class(
    run: Callable[..., Result], tmp_path: Path, expected: dict[str, Any], target: str
) -> None:
    array = tmp_path / "m.npy"
    result = run(
        "explain",
        SCENES[0].path,
        "--model",
        "demo:shapes",
        "--device",
        "cpu",
        "--layer",
        "layer2",
        "--class",
        target,
        "--map",
        array,
        "--json",
        "-",
    )
    assert (result.code, result.err) == (0, "")
    assert result.json["layer"] == "layer2"
    assert result.json["class"] == {"index": 2, "label": "star"}
    np.testing.assert_array_equal(np.load(array), expected["layer2"].map)


def test_explain_says_what_it_found(run: Callable[..., Result]) -> None:
    result = run("explain")
    assert result.code == 0
    assert SCENES[0].path.name in result.out
    assert "layer4" in result.out
    assert result.out.count("\n") == 1


def test_an_image_of_ones_own_is_explained_by_the_demo_for_photographs(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    with Image.open(SCENES[0].path) as scene:
        scene.save(tmp_path / "mine.png")
    own = run("explain", tmp_path / "mine.png", "--json", "-").json
    assert own["model"] == "demo:photos"
    assert run("explain", SCENES[1].path, "--json", "-").json["model"] == "demo:shapes"
    asked = run("explain", tmp_path / "mine.png", "--model", "demo:shapes", "--json", "-").json
    assert asked["model"] == "demo:shapes"
    names = [entry["name"] for entry in run("layers", "--json", "-").json]
    assert "layer4" in names


def test_layers(run: Callable[..., Result], tmp_path: Path, expected: dict[str, Any]) -> None:
    result = run("layers", "--json", "-")
    assert (result.code, result.err) == (0, "")
    assert [set(entry) for entry in result.json] == [
        {"name", "type", "shape", "params", "calls", "explainable", "reason", "default"}
    ] * len(expected["layers"])
    for entry, node in zip(result.json, expected["layers"], strict=True):
        for key, value in entry.items():
            wanted = getattr(node, key)
            assert value == (list(wanted) if isinstance(wanted, tuple) else wanted)
    run("layers", "--json", tmp_path / "l.json")
    assert json.loads((tmp_path / "l.json").read_text()) == result.json
    text = run("layers", "--model", "demo:shortcut").out.splitlines()
    assert len(text) == len(expected["layers"])
    assert sum("\tdefault" in line for line in text) == 1


def test_sweep(run: Callable[..., Result], tmp_path: Path, expected: dict[str, Any]) -> None:
    out = tmp_path / "maps.npz"
    result = run("sweep", "--class", "circle", "--out", out)
    assert (result.code, result.err) == (0, "")
    with np.load(out, allow_pickle=False) as maps:
        assert set(maps.files) == {n.name for n in expected["layers"] if n.explainable}
        for name in maps.files:
            np.testing.assert_array_equal(maps[name], expected["sweep"][name].map)


def test_sweep_writes_maps_npz_here(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("sweep").code == 0
    assert (tmp_path / "maps.npz").is_file()


def test_weights_and_photographs_of_other_kinds(run: Callable[..., Result], tmp_path: Path) -> None:
    from tests.engine.loading.test_load import seeded

    torch.save(seeded("squeezenet1_1", num_classes=3), tmp_path / "w.pth")
    Image.new("L", (50, 90), 77).save(tmp_path / "grey.png")
    result = run(
        "explain",
        tmp_path / "grey.png",
        "--model",
        "squeezenet1_1",
        "--weights",
        tmp_path / "w.pth",
        "--class",
        "class 2",
        "--json",
        "-",
    )
    assert result.code == 0
    assert all(line.startswith("hookscope: warning: ") for line in result.err.splitlines())
    assert result.json["class"] == {"index": 2, "label": "class 2"}
    assert result.json["layer"] == "features"


@pytest.fixture
def tasks(tmp_path: Path) -> list[str | Path]:
    """The options that open a network with three heads."""
    source = tmp_path / "multi_task.py"
    source.write_bytes((ROOT / "tests/fixtures/multi_task.py").read_bytes())
    names: dict[str, Any] = {"__name__": "multi_task"}
    exec(compile(source.read_text(), str(source), "exec"), names)
    torch.save(names["Tasks"]().state_dict(), tmp_path / "multi_task.pth")
    return ["--model", source, "--weights", tmp_path / "multi_task.pth", "--trust"]


@pytest.mark.parametrize(
    ("given", "place", "classes", "scores"),
    [
        ([], "race", 5, "classes"),
        (["--output", "gender"], "gender", 2, "classes"),
        (["--output", "age"], "age", 1, "values"),
    ],
)
def test_which_of_several_outputs(
    run: Callable[..., Result],
    tasks: list[str | Path],
    given: list[str],
    place: str,
    classes: int,
    scores: str,
) -> None:
    result = run("explain", *tasks, *given, "--json", "-")
    assert result.code == 0
    info = result.json["model_info"]
    assert info["output"] == {"place": place, "scores": scores}
    assert info["classes"] == classes
    if not given:
        assert "has 3 outputs (age, gender, race)" in result.err
        assert "--output" in result.err
    else:
        assert "3 outputs" not in result.err


def test_a_value_is_not_written_as_a_percentage(
    run: Callable[..., Result], tasks: list[str | Path]
) -> None:
    result = run("explain", *tasks, "--output", "age")
    assert result.code == 0
    assert "for age (" in result.out
    assert "%" not in result.out


def test_an_output_that_does_not_exist(run: Callable[..., Result], tasks: list[str | Path]) -> None:
    result = run("layers", *tasks, "--output", "hair")
    assert result.code == 2
    assert "nothing at 'hair'; choose the output 'age', 'gender', 'race'" in result.err
    assert result.err.count("\n") == 1


UNUSABLE: dict[str, tuple[tuple[str, ...], str]] = {
    "missing image": (("explain", "absent.jpg"), "absent.jpg"),
    "no image": (("explain", "notes.txt"), "notes.txt"),
    "folder": (("sweep", "."), "folder"),
    "model": (("explain", "--model", "resnet5"), "did you mean"),
    "no weights": (("layers", "--model", "resnet18"), "--weights"),
    "weights": (("explain", "--model", "resnet18", "--weights", "notes.txt"), "notes.txt"),
    "layer": (("explain", "--layer", "layer5"), "did you mean layer4"),
    "flat layer": (("explain", "--layer", "fc"), "no spatial output"),
    "class": (("explain", "--class", "zebra"), "zebra"),
    "class index": (("sweep", "--class", "8"), "0 to 7"),
    "negative class": (("explain", "--class=-1"), "out of range"),
    "device": (("explain", "--device", "cuda:77"), "cuda:77"),
    "out suffix": (("explain", "--out", "o.bmp"), ".png"),
    "map suffix": (("explain", "--map", "m.txt"), ".npy"),
    "maps suffix": (("sweep", "--out", "m.npy"), ".npz"),
    "out folder": (("explain", "--out", "nowhere/o.png"), "folder does not exist"),
    "json folder": (("layers", "--json", "nowhere/o.json"), "folder does not exist"),
    "option": (("explain", "--colour", "red"), "--colour"),
    "option without value": (("explain", "--layer"), "--layer"),
    "command": (("explode",), "explode"),
    "nothing": ((), "COMMAND"),
    "too much": (("layers", "picture.png"), "picture.png"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable_input_is_one_line_and_code_2(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("no picture, no weights\n" * 50)
    arguments, said = UNUSABLE[case]
    result = run(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("hookscope: error: ")
    assert result.err.count("\n") == 1
    assert result.err.endswith("\n")
    assert said in result.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes.txt"]


def test_a_defect_names_the_log_and_is_code_1(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("engine.images.reading.load_image", broken)
    result = run("explain")
    assert result.code == 1
    assert "Traceback" not in result.err
    assert result.err.count("\n") == 1
    assert ".log" in result.err


def test_interrupted_is_130(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.images.reading.load_image", interrupted)
    result = run("explain")
    assert (result.code, result.out, result.err) == (130, "", "")


def test_version_and_help(run: Callable[..., Result]) -> None:
    assert run("--version").out == f"{NAME} {VERSION}\n"
    for arguments in (("--help",), ("explain", "--help"), ("layers", "-h"), ("sweep", "-h")):
        result = run(*arguments)
        assert result.code == 0
        assert "hookscope" in result.out


def program(arguments: list[str], env: dict[str, str], **options: Any) -> Any:
    return subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *arguments],
        env=env,
        capture_output=True,
        timeout=240,
        check=False,
        **options,
    )


def test_the_real_program_without_qt_and_with_an_ascii_terminal(
    tmp_path: Path, child_env: ChildEnv
) -> None:
    """One process for several promises: no Qt imported, any name printed, nothing on stderr."""
    path = tmp_path / "Bär 熊.png"
    with Image.open(SCENES[0].path) as scene:
        scene.save(path)
    code = (
        "import sys, main\n"
        "code = main.main(sys.argv[1:])\n"
        "qt = {name for name in sys.modules if name.partition('.')[0] in ('PySide6', 'gui')}\n"
        "assert qt == {'gui', 'gui.app', 'gui.app.entry'}, qt\n"
        "sys.exit(code)\n"
    )
    env = {**child_env(), "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, "explain", str(path), "--json", "-"],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert done.stderr.decode() == ""
    assert done.returncode == 0
    assert json.loads(done.stdout)["image"] == str(path)
    done = subprocess.run(
        [sys.executable, "-c", code, "explain", str(tmp_path / "Bär.png")],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"hookscope: error: ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text exist on Linux")
def test_a_file_name_that_is_no_text(run: Callable[..., Result], tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    with Image.open(SCENES[0].path) as scene:
        scene.save(path)
    facts = tmp_path / "f.json"
    result = run("explain", path, "--json", facts)
    assert (result.code, result.err) == (0, "")
    assert json.loads(facts.read_bytes())["image"] == str(path)
    assert run("explain", path, "--json", "-").json["image"] == str(path)


def test_an_unusable_picture_is_refused_before_torch_is_loaded(
    tmp_path: Path, child_env: ChildEnv
) -> None:
    code = (
        "import sys, main\n"
        "assert main.main(['explain', 'absent.png']) == 2\n"
        "assert 'torch' not in sys.modules\n"
    )
    env = {**child_env(), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], env=env, cwd=tmp_path, timeout=120, check=True)


# --- outputs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("explain", "--out", "a.png", "--json", "a.png"), "--out names the same file"),
        (("explain", "--map", "a.npy", "--json", "./b/../a.npy"), "--map names the same file"),
        (("explain", "in.png", "--out", "in.png"), "would overwrite an input file"),
        (("explain", "in.png", "--out", "IN.png"), "would overwrite an input file"),
        (("explain", "--classes", "names.json", "--json", "names.json"), "overwrite an input file"),
        (
            ("layers", "--model", "folder", "--json", "folder/config.json"),
            "overwrite an input file",
        ),
        (("layers", "--json", "in.png/f.json"), "part of the path is not a folder"),
        (("layers", "--json", "b"), "a folder has that name"),
        (("layers", "--json", "x" * 300), "name is too long"),
        (("layers", "--json", "a\0b"), "contains characters that no file name can have"),
        (("layers", "--json", "a\ud800b"), "contains characters that no file name can have"),
        (("explain", "a\0b.png"), "contains characters that no file name can have"),
        (("explain", "--model", "a\0b.pth"), "contains characters that no file name can have"),
        (("layers", "--weights", "a\0b.pth"), "contains characters that no file name can have"),
        (("layers", "--classes", "a\0b.txt"), "contains characters that no file name can have"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_the_work(
    run: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("the work was begun")

    monkeypatch.setattr("engine.images.reading.load_image", work)
    monkeypatch.setattr("engine.loading.load.open_source", work)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b").mkdir()
    (tmp_path / "folder").mkdir()
    for name in ("in.png", "names.json", "folder/config.json"):
        (tmp_path / name).write_text("[]")
    os.link(tmp_path / "in.png", tmp_path / "second.png")
    result = run(*("second.png" if text == "IN.png" else text for text in arguments))
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("hookscope: error: ")
    assert result.err.count("\n") == 1
    assert said in result.err
    assert (tmp_path / "in.png").read_text() == "[]"


def launched(*arguments: str, before: str = "", **options: Any) -> subprocess.Popen[bytes]:
    """The real program, which hears of Ctrl+C however the tests were started.

    before: what is done in its process before it begins.
    """
    code = (
        "import os, runpy, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"{before}\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": ROOT} | options
    command = [sys.executable, "-c", code, str(ROOT / "main.py"), *arguments]
    return subprocess.Popen(command, **options)


def end_of(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Exit code, and what it said on stderr."""
    with process:
        _, err = process.communicate(timeout=240)
    return process.returncode, (err or b"").decode()


posix = pytest.mark.skipif(os.name != "posix", reason="as POSIX has it")
linux = pytest.mark.skipif(sys.platform != "linux", reason="as Linux has it")


@linux
@pytest.mark.parametrize("arguments", [("layers", "--json", "-"), ("layers",), ("--help",)])
def test_a_full_disk_behind_stdout_is_one_line(
    child_env: ChildEnv, arguments: tuple[str, ...]
) -> None:
    with Path("/dev/full").open("wb") as full:
        code, err = end_of(launched(*arguments, stdout=full, env=child_env()))
    assert (code, err) == (2, "hookscope: error: cannot write to stdout: the disk is full\n")


@posix
def test_a_reader_that_goes_away_is_one_line(child_env: ChildEnv) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        code, err = end_of(launched("models", stdout=writing, env=child_env()))
    finally:
        os.close(writing)
    assert (code, err.count("\n")) == (2, 1)
    assert "the reading program has ended" in err


@posix
@pytest.mark.parametrize(
    ("closed", "arguments", "code", "lines"),
    [
        ("1", ("layers", "--json", "-"), 2, 1),
        ("1", ("layers",), 2, 1),
        ("1", ("layers", "--json", "/dev/stdout"), 2, 1),
        ("2", ("explain", "absent.png"), 2, 0),
        ("0, 1, 2", ("explain",), 0, 0),
    ],
)
def test_closed_streams(
    child_env: ChildEnv, closed: str, arguments: tuple[str, ...], code: int, lines: int
) -> None:
    # Python looks at the streams once, so the program is started by a process that lacks them.
    before = (
        f"[os.close(number) for number in ({closed},)]\n"
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    found, err = end_of(launched(*arguments, before=before, env=child_env()))
    assert (found, err.count("\n")) == (code, lines), err


@linux
@pytest.mark.parametrize("arguments", [("explain",), ("layers", "--json", "-")])
def test_a_log_on_a_full_disk_is_one_line(
    tmp_path: Path, child_env: ChildEnv, arguments: tuple[str, ...]
) -> None:
    log = tmp_path / "hookscope" / "log" / "hookscope.log"
    log.parent.mkdir(parents=True)
    log.symlink_to("/dev/full")
    env = child_env() | {"XDG_STATE_HOME": str(tmp_path)}
    code, err = end_of(launched(*arguments, env=env))
    assert (code, err) == (0, f"the log {log} cannot be written: No space left on device\n")


@posix
@pytest.mark.parametrize("home", ["file", "nowhere"])
def test_a_home_that_is_none_is_one_line(tmp_path: Path, child_env: ChildEnv, home: str) -> None:
    (tmp_path / "file").touch()
    # Below a file nobody can make a folder, not even root.
    env = {key: value for key, value in child_env().items() if not key.startswith("XDG_")}
    env |= {"HOME": str(tmp_path / ("file" if home == "file" else "file/home"))}
    code, err = end_of(launched("explain", env=env))
    assert (code, err.count("\n")) == (0, 1), err
    assert "no log file" in err


@linux
@pytest.mark.parametrize("kilobytes", [200_000, 600_000])
def test_little_address_space_is_one_line(child_env: ChildEnv, kilobytes: int) -> None:
    before = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({kilobytes} << 10,) * 2)"
    code, err = end_of(launched("explain", before=before, env=child_env()))
    assert (code, err.count("\n")) == (2, 1), err
    assert "ulimit -v" in err


# --- Ctrl+C --------------------------------------------------------------------------------------


def numbers() -> list[str]:
    return ["SIGINT", "SIGTERM", "SIGHUP"]


@linux
@pytest.mark.parametrize("name", numbers())
def test_a_signal_ends_the_real_program(tmp_path: Path, child_env: ChildEnv, name: str) -> None:
    """It is held where it writes into a pipe that nobody empties: past its work, before its end."""
    import fcntl
    import select

    pipe = tmp_path / "facts"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, 4096)
        process = launched("layers", "--json", str(pipe), env=child_env())
        assert select.select([end], [], [], 240)[0]
        process.send_signal(getattr(signal, name))
        code, err = end_of(process)
    finally:
        os.close(end)
    assert (code, err) == (128 + getattr(signal, name), "")


_WRITING = """
import signal, sys, threading
from pathlib import Path
from engine.files import atomic
from engine.process import ending

signal.signal(signal.SIGINT, signal.default_int_handler)
if "--ignore" in sys.argv:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
ending.heed_signals()
ending.at_exit(lambda: Path("told").touch())
with atomic.whole_file(Path("new.bin")) as file, atomic.whole_file(Path("old.bin")) as other:
    file.write(bytes(100_000))
    other.write(bytes(100_000))
    print("writing", flush=True)
    sys.stdin.read()
"""


def writing(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """A process in the middle of writing two files, until its stdin is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITING, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"writing\n"
    return process


@posix
@pytest.mark.parametrize("name", numbers())
def test_a_signal_leaves_nothing_half_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "old.bin").write_bytes(b"old")
    process = writing(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    process.send_signal(getattr(signal, name))
    # end_of closes its stdin, upon which it would be done with writing.
    process.wait(timeout=240)
    code, err = end_of(process)
    assert (code, err) == (128 + getattr(signal, name), "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.bin", "told"]
    assert (tmp_path / "old.bin").read_bytes() == b"old"


@posix
def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    process = writing(tmp_path, "--ignore")
    process.send_signal(signal.SIGINT)
    assert end_of(process) == (0, "")
    assert (tmp_path / "new.bin").stat().st_size == 100_000


@posix
def test_a_killed_write_is_cleared_up_by_the_next(tmp_path: Path) -> None:
    from engine.export.files import save_json

    living, killed = tmp_path / "living", tmp_path / "killed"
    for folder in (living, killed):
        folder.mkdir()
    at_work, ended = writing(living), writing(killed)
    ended.kill()
    end_of(ended)
    (killed / ".somebody-elses.part").touch()
    (killed / ".x.bin.0123abcd.part").touch()
    before = {path.name for path in living.iterdir()}
    assert len(list(killed.glob(".*.bin.*.part"))) == 3
    save_json(living / "f.json", 1)
    save_json(killed / "f.json", 1)
    assert {path.name for path in living.iterdir()} == before | {"f.json"}
    assert sorted(path.name for path in killed.iterdir()) == [
        ".somebody-elses.part",
        ".x.bin.0123abcd.part",
        "f.json",
    ]
    assert end_of(at_work) == (0, "")
    assert (living / "new.bin").stat().st_size == 100_000


@posix
def test_a_start_clears_up_the_programs_own_folders(tmp_path: Path, child_env: ChildEnv) -> None:
    env = child_env() | {"XDG_CONFIG_HOME": str(tmp_path)}
    profiles = tmp_path / "hookscope" / "profiles"
    profiles.mkdir(parents=True)
    ended = writing(profiles)
    ended.kill()
    end_of(ended)
    assert list(profiles.glob(".*.part"))
    assert end_of(launched("layers", "--json", os.devnull, env=env)) == (0, "")
    assert list(profiles.iterdir()) == []

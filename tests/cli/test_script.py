"""The command script: what it writes, and what it refuses."""

from __future__ import annotations

import ast
import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.runs import Result
from tests.engine.images import dicom_files

Run = Callable[..., Result]


def ran(path: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(path), str(target)])
    runpy.run_path(str(path), run_name="__main__")


def test_the_map_of_explain_again(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = ("--model", "demo:shortcut", "--layer", "layer3", "--class", "ring")
    how = ("--method", "finer-cam", "--option", "references=2")
    script, wanted, found = (tmp_path / name for name in ("x.py", "wanted.npy", "found.npy"))
    done = run("script", *what, *how, "--out", script)
    assert done.out == f"wrote {script}\n"
    assert run("explain", *what, *how, "--map", wanted).code == 0
    ran(script, found, monkeypatch)
    expected = np.load(wanted)
    assert np.abs(np.load(found) - expected).max() <= 1e-4 * np.abs(expected).max()


def test_without_a_file_it_goes_to_stdout_and_imports_four_packages(run: Run) -> None:
    done = run("script", "--method", "smoothgrad")
    assert done.code == 0
    names = set()
    for node in ast.walk(ast.parse(done.out)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            names.add(node.module.partition(".")[0])
    assert names - sys.stdlib_module_names <= {"torch", "torchvision", "numpy", "PIL"}


def test_beside_itself(run: Run, tmp_path: Path) -> None:
    script = tmp_path / "explain.py"
    assert run("script", "--method", "eigen-cam", "--out", script).code == 0
    subprocess.run([sys.executable, str(script)], check=True, cwd=tmp_path.parent)
    assert np.load(tmp_path / "map.npy").shape == (16, 16)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--option", "augment=yes"), "the map is a mean over changed copies of the image"),
        (("--unit", "layer4:3"), "the question is about an output of a layer"),
        (("--layer", "layer3 + layer4"), "the maps of several layers are put together"),
    ],
)
def test_what_no_script_is_written_for(run: Run, arguments: tuple[str, ...], reason: str) -> None:
    done = run("script", *arguments)
    assert done.code == 2
    assert reason in done.err
    assert done.err.count("\n") == 1
    assert not done.out


def scan(path: Path) -> Path:
    """A DICOM file of 16 bits, in which something is brighter than the rest."""
    values = np.full((90, 120), 300, np.uint16)
    values[20:70, 40:90] += np.arange(50, dtype=np.uint16) * 80
    path.write_bytes(
        dicom_files.written(dicom_files.dataset(values, WindowCenter=2000, WindowWidth=4000))
    )
    return path


def test_an_image_of_sixteen_bits_is_read_from_its_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, script = tmp_path / "deep.png", tmp_path / "x.py"
    Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64) * 16).save(path)
    wanted, found = tmp_path / "wanted.npy", tmp_path / "found.npy"
    what = (path, "--model", "demo:shapes", "--method", "saliency", "--levels", "type")
    assert run("explain", *what, "--map", wanted).code == 0
    assert run("script", *what, "--out", script).out == f"wrote {script}\n"
    ran(script, found, monkeypatch)
    expected = np.load(wanted)
    assert np.abs(np.load(found) - expected).max() <= 1e-4 * np.abs(expected).max()


def test_values_of_other_files_are_taken_along(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, script = scan(tmp_path / "scan.dcm"), tmp_path / "x.py"
    what = (path, "--model", "demo:shapes")
    done = run("script", *what)
    assert done.code == 2
    assert "saved as a file, the script takes the image along" in done.err
    assert done.err.count("\n") == 1
    wanted, found = tmp_path / "wanted.npy", tmp_path / "found.npy"
    assert run("explain", *what, "--map", wanted).code == 0
    done = run("script", *what, "--out", script)
    assert done.out == f"wrote {script}\nwrote {tmp_path / 'x image.npy'}\n"
    assert "scan.dcm" not in script.read_text(encoding="utf-8")
    ran(script, found, monkeypatch)
    expected = np.load(wanted)
    assert np.abs(np.load(found) - expected).max() <= 1e-4 * np.abs(expected).max()


def test_what_is_taken_along_does_not_overwrite_the_image(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x image.npy"
    np.save(path, np.arange(3 * 64 * 64, dtype=np.uint16).reshape(64, 64, 3)[..., [0, 1, 2, 0]])
    before = path.read_bytes()
    done = run("script", path, "--model", "demo:shapes", "--out", tmp_path / "x.py")
    assert done.code == 2
    assert "it would overwrite an input file" in done.err
    assert done.err.count("\n") == 1
    assert path.read_bytes() == before
    assert not (tmp_path / "x.py").exists()


def test_names_cannot_get_out_of_their_literals(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s "here"'
    folder.mkdir()
    image, classes = folder / "a'''b.png", folder / "names.json"
    Image.new("RGB", (80, 60), "teal").save(image)
    names = ['"""\nraise SystemExit(3)\r\u2028', *(f"class {n}" for n in range(7))]
    classes.write_text(json.dumps(names))
    done = run("script", image, "--model", "demo:shapes", "--classes", classes, "--class", "0")
    assert done.code == 0, done.err
    tree = ast.parse(done.out)
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    assert str(image) in [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]


def test_the_text_is_written_without_torch() -> None:
    code = "import sys, engine.scripting.writing, engine.scripting.refusals\n"
    code += "raise SystemExit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

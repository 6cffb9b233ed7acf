"""The packaged program's recipe against the code: quick, nothing is built."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

from engine import extras, paths, python_files
from engine.errors import ModelError
from engine.version import APP_ID, COMMAND, NAME, VERSION
from scripts import bundle_contents as contents

ROOT = Path(__file__).resolve().parent.parent
SPEC = (ROOT / "build.spec").read_text(encoding="utf-8")


def bundled() -> set[str]:
    """Every file of the project that the bundle holds, as the code asks for it."""
    found: set[str] = set()
    for source, folder in contents.DATA:
        path = ROOT / source
        assert path.exists(), source
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        base = path.parent if path.is_file() else path
        found |= {(Path(folder) / p.relative_to(base)).as_posix() for p in files}
    return found


def test_the_spec_takes_name_and_contents_from_the_code() -> None:
    ast.parse(SPEC)
    assert "name=NAME" in SPEC
    assert "upx=False" in SPEC
    assert "console=False" in SPEC
    assert not re.search(r"[\"']Hookscope", SPEC)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (project["name"], project["version"]) == (COMMAND, VERSION)
    assert re.fullmatch(r"[a-z]+(\.[a-z]+)+\.[A-Z]\w+", APP_ID)
    assert NAME.lower() == COMMAND


def test_every_shipped_file_lies_where_the_code_looks() -> None:
    """Nothing of resources/ is forgotten but what the installers alone read."""
    resources = ROOT / "resources"
    wanted = {p.relative_to(ROOT).as_posix() for p in resources.rglob("*") if p.is_file()}
    wanted = {place for place in wanted if not place.startswith("resources/packaging/")}
    assert wanted <= bundled()
    assert not [place for place in bundled() if place.startswith("resources/packaging/")]


def test_the_guide_is_shipped_with_its_pictures() -> None:
    text = (ROOT / "docs/guide.md").read_text(encoding="utf-8")
    pictures = {f"docs/{target}" for target in re.findall(r"\]\((images/[^)#]+)\)", text)}
    assert pictures
    assert {"docs/guide.md", *pictures} <= bundled()


def test_files_are_looked_for_below_the_bundle(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert paths._root() == tmp_path


def test_extras_and_development_tools_are_left_out() -> None:
    left_out = set(contents.excluded())
    assert set(extras.PACKAGES) <= left_out
    assert {"matplotlib", "scipy", "sklearn", "setuptools", "tkinter", "PyInstaller"} <= left_out
    # What only the extras and the tools need goes with them.
    assert {"pytest", "mypy", "tokenizers", "google", "pydantic", "ruff"} <= left_out


def test_what_the_program_needs_is_not_left_out() -> None:
    """Neither requirements.txt, nor what those packages need, nor the program itself."""
    left_out = set(contents.excluded())
    needed = ("torch", "torchvision", "PySide6", "shiboken6", "numpy", "cv2", "PIL", "safetensors")
    needed += ("platformdirs", "psutil", "filelock", "sympy", "mpmath", "networkx", "jinja2")
    needed += ("markupsafe", "fsspec", "typing_extensions", "engine", "gui", "main")
    assert not left_out & set(needed)


def test_the_standard_library_is_there_for_a_networks_file() -> None:
    library = contents.standard_library()
    assert {"statistics", "csv", "sqlite3", "xml", "asyncio", "unittest"} <= set(library)
    assert {"logging.config", "xml.etree.ElementTree", "concurrent.futures.thread"} <= set(library)
    assert not {"tkinter", "test", "idlelib", "ctypes.test"} & set(library)


def test_links_to_what_was_dropped_are_dropped() -> None:
    binaries = [("PySide6/Qt/lib/libQt6Core.so.6", "/there/libQt6Core.so.6", "BINARY")]
    links = [
        ("libQt6Core.so.6", "PySide6/Qt/lib/libQt6Core.so.6", "SYMLINK"),
        ("libQt6Qml.so.6", "PySide6/Qt/lib/libQt6Qml.so.6", "SYMLINK"),
    ]
    assert contents.without_dangling(links, binaries) == links[:1]


@pytest.mark.parametrize(
    "place",
    [
        "torch/test/test_api",
        "torch/bin/test_jit",
        "torch/bin/protoc",
        "torch/include/ATen/ATen.cuh",
        "torch/lib/libjitbackend_test.so",
        "torch/lib/libtorchbind_test.so",
        "PySide6/Qt/lib/libQt6Quick.so.6",
        "PySide6/Qt/lib/libQt6Qml.so.6",
        "PySide6/Qt/lib/libQt6EglFsKmsSupport.so.6",
        "PySide6\\Qt6Qml.dll",
        "PySide6/translations/qtbase_de.qm",
        "PySide6/Qt/translations/qtbase_de.qm",
        "PySide6/Qt/plugins/platforms/libqeglfs.so",
        "PySide6/Qt/plugins/platforminputcontexts/libqtvirtualkeyboardplugin.so",
        "cv2/qt/plugins/platforms/libqxcb.so",
        "libgtk-3.so.0",
        "libstdc++.so.6",
    ],
)
def test_dropped(place: str) -> None:
    assert contents.is_dropped(place)


@pytest.mark.parametrize(
    "place",
    [
        "torch/lib/libtorch_cpu.so",
        "torch/lib/libtorch_cuda.so",
        "torch/bin/torch_shm_manager",
        "torch\\lib\\torch_cpu.dll",
        "torch/testing/_internal/logging_tensor.py",
        "PySide6/Qt/lib/libQt6Core.so.6",
        "PySide6/QtNetwork.abi3.so",
        "PySide6/Qt/plugins/platforms/libqxcb.so",
        "PySide6/Qt/plugins/platforms/libqoffscreen.so",
        "PySide6\\plugins\\platforms\\qwindows.dll",
        "PySide6/plugins/styles/qmodernwindowsstyle.dll",
        "PySide6/Qt/plugins/platformthemes/libqgtk3.so",
        "PySide6/Qt/plugins/platforminputcontexts/libibusplatforminputcontextplugin.so",
        "PySide6/Qt/plugins/imageformats/libqsvg.so",
        "PySide6/Qt/lib/libQt6WaylandClient.so.6",
        "cv2/cv2.abi3.so",
        "libxcb-cursor.so.0",
        "libcrypto.so.3",
    ],
)
def test_kept(place: str) -> None:
    assert not contents.is_dropped(place)


def test_a_package_that_is_missing_leads_to_the_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing can be installed into the packaged program, so it does not say 'install it'."""
    from engine.trust import Trust

    path = tmp_path / "network.py"
    path.write_text("import no_such_package\n", encoding="utf-8")
    monkeypatch.setattr(paths, "PACKAGED", True)
    with pytest.raises(ModelError, match="'no_such_package', which the installed program does not"):
        python_files.import_file(path, trust=Trust(everything=True))
    monkeypatch.setattr(extras, "installed", lambda _package: False)
    with pytest.raises(ModelError, match=r"from source.*requirements-extras\.txt"):
        extras.load("onnx", "network.onnx")

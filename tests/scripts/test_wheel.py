"""The wheel: what is in it, and that it runs in an environment that has no source tree."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from engine.version import COMMAND, VERSION
from scripts.bundle import contents

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("cli", "engine", "gui")
INFO = f"{COMMAND}-{VERSION}.dist-info"

WINDOWS = sys.platform == "win32"


_BUILD = ("-I", "-m", "hatchling", "build", "--target", "wheel", "--directory")


def built(folder: Path) -> Path:
    command = [sys.executable, *_BUILD, str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.iterdir()
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("wheel"))


def test_make_builds_it_in_the_same_way() -> None:
    assert f"\t$(PY) {' '.join(_BUILD)} dist\n" in (ROOT / "Makefile").read_text(encoding="utf-8")


def names_in(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_its_name_is_the_one_that_is_told(wheel: Path) -> None:
    assert wheel.name == f"{COMMAND}-{VERSION}-py3-none-any.whl"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.count(f"./dist/{COMMAND}-VERSION-py3-none-any.whl\n") == 2


def test_nothing_lies_beside_the_three_packages(wheel: Path) -> None:
    assert {name.partition("/")[0] for name in names_in(wheel)} == {*PACKAGES, INFO}


def test_it_has_every_module_and_is_typed(wheel: Path) -> None:
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in [*(ROOT / package).rglob("*.py"), ROOT / package / "py.typed"]
    }
    inside = {name for name in names_in(wheel) if not name.startswith("engine/_data/")}
    assert {name for name in inside if not name.startswith(INFO)} == wanted
    assert f"{INFO}/licenses/LICENSE" in inside


def test_it_has_the_files_of_the_bundle(wheel: Path) -> None:
    """resources and guide, each as it is in the source tree."""
    shipped = [ROOT / source for source, _ in contents.DATA if source != "LICENSE"]
    files = [p for path in shipped for p in [path, *path.rglob("*")] if p.is_file()]
    wanted = {f"engine/_data/{p.relative_to(ROOT).as_posix()}": p.read_bytes() for p in files}
    with ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("engine/_data/")]
        assert {name: archive.read(name) for name in names} == wanted


def test_two_builds_are_the_same(wheel: Path, tmp_path: Path) -> None:
    assert built(tmp_path).read_bytes() == wheel.read_bytes()


class Installed:
    """An environment with the wheel in it, used from a folder of its own."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.home = folder / "elsewhere"
        self.home.mkdir()
        self._env = {name: value for name, value in env.items() if not name.startswith("PYTHON")}
        self._place = folder / "environment"
        subprocess.run(
            [sys.executable, "-m", "venv", "--without-pip", str(self._place)], check=True
        )

    def program(self, name: str) -> Path:
        return self._place / (f"Scripts/{name}.exe" if WINDOWS else f"bin/{name}")

    def run(self, name: str, *arguments: str) -> str:
        """What a program of the environment wrote to stdout; nothing else, and no failure."""
        done = subprocess.run(
            [str(self.program(name)), *arguments],
            cwd=self.home,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def python(self, code: str) -> list[str]:
        return self.run("python", "-c", code).splitlines()


def dependencies() -> set[Path]:
    """The folders in which what the wheel needs is installed."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = [Requirement(line).name for line in lines if line and not line.startswith("#")]
    return {Path(str(metadata.distribution(name).locate_file(""))).resolve() for name in names}


_FIND = """
from importlib.util import find_spec
for name in ("cli", "engine", "gui", "main"):
    print(find_spec(name))
"""
_PLACES = "import cli, engine, gui\nfor m in (cli, engine, gui): print(m.__file__)"
_TOP = """
from importlib import metadata
files = metadata.distribution("hookscope").files
print(*sorted({file.parts[0] for file in files}), sep="\\n")
"""
_ENGINE = """
import engine
from engine import paths
model = engine.load_model("demo:shapes")
image = engine.load_image(paths.RESOURCES / "scenes" / "crescent.jpg")
with engine.Session(model, image) as session:
    print(session.predictions(k=1)[0].label)
print(paths.GUIDE.is_file(), paths.FROM_WHEEL)
"""


@pytest.mark.slow
def test_it_runs_where_there_is_no_source_tree(
    wheel: Path, tmp_path: Path, child_env: Callable[..., dict[str, str]]
) -> None:
    installed = Installed(tmp_path, child_env())
    (packages,) = installed.python("import sysconfig; print(sysconfig.get_path('purelib'))")
    # Its dependencies are large, and are taken from where the tests have them. What .pth files
    # there name is not followed, so that the source tree stays out of reach.
    links = "".join(f"{folder}\n" for folder in sorted(dependencies()))
    (Path(packages) / "dependencies.pth").write_text(links, encoding="utf-8")
    assert installed.python(_FIND) == ["None"] * 4

    pip = [sys.executable, "-m", "pip", "--python", str(installed.program("python"))]
    subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "--no-index", "--no-compile", str(wheel)],
        check=True,
    )
    assert all(Path(place).is_relative_to(packages) for place in installed.python(_PLACES))
    assert installed.python(_FIND)[-1] == "None"
    assert {top for top in installed.python(_TOP) if top != ".."} == {*PACKAGES, INFO}

    told = json.loads(installed.run(COMMAND, "explain", "--json", "-"))
    assert told["class"]["label"] == "star"
    report = json.loads(installed.run(COMMAND, "self-test", "--json", "-"))
    assert report["ok"] is True
    assert len(report["steps"]) == 11
    assert installed.python(_ENGINE) == ["crescent", "True True"]
    assert installed.run(COMMAND, "--version").split() == ["Hookscope", VERSION]
    assert not list(installed.home.iterdir())

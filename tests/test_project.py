"""The project keeps its own rules: versions, pins, imports, resources, words."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, TOOLS = PYPROJECT["project"], PYPROJECT["tool"]
GUI = sorted((ROOT / "gui").rglob("*.py"))
ENGINE = sorted((ROOT / "engine").rglob("*.py"))
CLI = sorted((ROOT / "cli").rglob("*.py"))
SCRIPTS = sorted((ROOT / "scripts").rglob("*.py"))
SOURCES = [*GUI, *CLI, *ENGINE, *sorted(ROOT.glob("*.py")), *SCRIPTS]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[tuple[str, bool]]:
    """Every module that a file imports, wherever in the file, and whether with the module.

    Imports for type checkers alone are left out.
    """

    def visit(node: ast.AST, at_import: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from ((alias.name, at_import) for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and child.module:
                yield child.module, at_import
                yield from ((f"{child.module}.{a.name}", at_import) for a in child.names)
            else:
                inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                yield from visit(child, at_import and not inside)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")), True)


def importers(paths: list[Path], *packages: str) -> set[str]:
    """The files among paths that import one of the packages or something inside them."""
    return {
        relative(path)
        for path in paths
        for name, _ in imported(path)
        if any(name == package or name.startswith(package + ".") for package in packages)
    }


def test_versions_agree() -> None:
    from engine.version import VERSION

    assert PROJECT["dynamic"] == ["version"]
    assert TOOLS["hatch"]["version"] == {"path": "engine/version.py"}
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[([0-9.]+)\]", changelog, re.MULTILINE)
    assert newest is not None
    assert newest.group(1) == VERSION


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line and not line.startswith(("#", "-r"))]
    assert all(line.count("==") == 1 for line in kept), f"{name} holds a line without a pin"
    return dict(line.split("==") for line in kept)


def test_runtime_requirements_are_those_of_the_project() -> None:
    ranges = {re.split(r"[<>=!]", line)[0] for line in PROJECT["dependencies"]}
    assert set(pins("requirements.txt")) == ranges


@pytest.mark.parametrize(
    ("file", "ranges"),
    [
        ("requirements.txt", PROJECT["dependencies"]),
        ("requirements-extras.txt", PROJECT["optional-dependencies"]["extras"]),
        ("requirements-dev.txt", PYPROJECT["build-system"]["requires"]),
    ],
)
def test_the_pinned_version_is_one_of_those_that_the_project_allows(
    file: str, ranges: list[str]
) -> None:
    pinned = pins(file)
    for requirement in map(Requirement, ranges):
        assert requirement.specifier.contains(pinned[requirement.name]), requirement


def test_no_package_is_pinned_twice() -> None:
    runtime, development = pins("requirements.txt"), pins("requirements-dev.txt")
    assert not set(runtime) & set(development)
    assert not set(runtime) & set(pins("benchmarks/requirements.txt"))


def test_extras_are_pinned_once_and_have_their_reason() -> None:
    from engine.lazy.extras import PACKAGES

    extras = pins("requirements-extras.txt")
    assert set(extras) == set(PACKAGES)
    ranges = PROJECT["optional-dependencies"]["extras"]
    assert {re.split(r"[<>=!]", line)[0] for line in ranges} == set(extras)
    assert not set(extras) & set(pins("requirements.txt") | pins("requirements-dev.txt"))
    record = (ROOT / "docs/decisions/0023-extras.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in record for name in extras)


def test_torch_and_torchvision_belong_together() -> None:
    """torch 2.N goes with torchvision 0.(N + 15)."""
    runtime = pins("requirements.txt")
    torch_minor = int(runtime["torch"].split(".")[1])
    assert int(runtime["torchvision"].split(".")[1]) == torch_minor + 15


def test_every_requirement_has_its_reason() -> None:
    record = (ROOT / "docs/decisions/0003-dependencies.md").read_text(encoding="utf-8")
    wanted = pins("requirements.txt") | pins("requirements-dev.txt")
    unexplained = [name for name in wanted if f"`{name}`" not in record]
    assert not unexplained


def test_threads_live_in_one_file() -> None:
    threads = ("threading", "concurrent", "multiprocessing", "_thread", "asyncio")
    assert importers(GUI, *threads) <= {"gui/jobs/lanes.py"}
    names = ("QThread", "QThreadPool", "QRunnable", "QtConcurrent")
    users = {
        relative(path)
        for path in GUI
        for name, _ in imported(path)
        if name.rpartition(".")[2] in names
    }
    assert users <= {"gui/jobs/lanes.py"}


def test_cv2_and_torchvision_have_one_door_each() -> None:
    """cv2 changes Qt's environment when imported; torchvision may need help to be imported."""
    assert importers(SOURCES, "cv2") <= {"engine/lazy/opencv.py"}
    assert importers(SOURCES, "torchvision") <= {"engine/lazy/torchvision.py"}


def test_no_window_function_of_cv2() -> None:
    windows = re.compile(r"cv2\.(imshow|namedWindow|waitKey|destroy\w*|setMouseCallback)\b")
    users = [relative(p) for p in SOURCES if windows.search(p.read_text(encoding="utf-8"))]
    assert not users


@pytest.mark.parametrize("package", ["engine", "gui"])
def test_importing_costs_no_torch(package: str, child_env: Callable[..., dict[str, str]]) -> None:
    """`import engine` and all of gui load neither torch nor torchvision; engine loads no Qt."""
    if package == "engine":
        modules = ["engine"]
    else:
        modules = [relative(p)[:-3].replace("/", ".") for p in GUI]
        modules = [name.removesuffix(".__init__") for name in modules]
    heavy = ["torch", "torchvision"] + (["PySide6"] if package == "engine" else [])
    code = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=child_env(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_no_global_torch_at_import_time_in_gui() -> None:
    """Whatever of torch's side the window uses is imported inside the function that needs it."""
    torch_side = {"torch", "torchvision", "safetensors"}
    early = {
        (relative(path), name)
        for path in GUI
        for name, at_import in imported(path)
        if at_import and name.partition(".")[0] in torch_side
    }
    assert not early


def tracked() -> list[Path]:
    """The files of the project as git knows them; all of them where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return "" if b"\0" in data[:8000] else data.decode("utf-8", errors="replace")


def test_no_registry_host_and_no_private_path() -> None:
    """The project does not name where packages come from, nor the folders of who wrote it."""
    parts = [
        ("pypi", ".org"),
        ("python", "hosted.org"),
        ("download.", "pytorch.org"),
        ("/ho", "me/"),
    ]
    words = re.compile("|".join(re.escape(a + b) for a, b in parts))
    found = {
        f"{relative(path)}: {match.group()}"
        for path in tracked()
        for match in words.finditer(text_of(path))
    }
    assert not found


def test_no_file_is_huge() -> None:
    big = {relative(p): p.stat().st_size for p in tracked() if p.stat().st_size > 3_000_000}
    assert not big


def test_demos_and_scenes_exist() -> None:
    from engine.formats.demo import DEMOS, SCENES

    named = [demo.weights for demo in DEMOS.values()] + [scene.path for scene in SCENES]
    assert named
    assert not [relative(path) for path in named if not path.is_file()]
    assert {scene.model for scene in SCENES} == set(DEMOS)


def test_every_icon_that_the_code_names_exists() -> None:
    """Icons are named by plain strings: in calls of theme.icon, tables of actions and widgets."""
    from gui.window.commands.table import table

    drawn = {path.stem for path in (ROOT / "resources/icons").glob("*.svg")}
    asked = re.compile(r"\b(?:icon|paint_icon)\((?:painter, )?\"([\w-]+)\"")
    code = {relative(path): path.read_text(encoding="utf-8") for path in GUI}
    named = {(p, name) for p, text in code.items() for name in asked.findall(text)}
    assert not {(path, name) for path, name in named if name not in drawn}
    assert {command.icon for command in table() if command.icon} <= drawn


def test_links_in_the_documents_lead_somewhere() -> None:
    """Relative links and pictures of README and docs, without the '#section'."""
    link = re.compile(r"\]\(([^)#\s]+)")
    pages = [p for p in tracked() if p.suffix == ".md"]
    broken = {
        (relative(page), target)
        for page in pages
        for target in link.findall(page.read_text(encoding="utf-8"))
        if "://" not in target and not target.startswith("mailto:")
        if not (page.parent / target).exists()
    }
    assert not broken


def test_only_controllers_write_the_state() -> None:
    """As gui/state/state.py says; a notice is for everyone, and is a call."""
    kept = (ROOT / "gui/state/state.py").read_text(encoding="utf-8")
    parts = set(re.findall(r"^        self\.(\w+)(?:: [^=]+)? = ", kept, re.MULTILINE))
    parts |= set(re.findall(r"^    (\w+) = OfActive", kept, re.MULTILINE))
    assert {"images", "explanation", "method"} <= parts
    written = set()
    for path in GUI:
        if {"controllers", "state"} & set(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.AugAssign | ast.AnnAssign):
                targets = [node.target]
            for target in targets:
                for part in ast.walk(target):
                    if not isinstance(part, ast.Attribute) or part.attr not in parts:
                        continue
                    if re.search(r"(^|\.)_?state$", ast.unparse(part.value)):
                        written.add((relative(path), ast.unparse(part)))
    assert not written


def test_paths_that_are_written_about_exist() -> None:
    """In documents, comments and docstrings; the changelog speaks of what was."""
    named = re.compile(
        r"(?<![\w./-])((?:engine|gui|cli|tests|scripts|benchmarks|docs)/[\w/]+\.\w+)"
    )
    stale = {
        (relative(page), path)
        for page in tracked()
        if page.suffix in (".md", ".py", ".spec", ".yml", ".toml") and page.name != "CHANGELOG.md"
        for path in named.findall(text_of(page))
        if page != ROOT / "tests/scripts/test_workflows.py"  # it writes of what there is not
        # The first are made with the wheel; a name in capitals stands for any.
        if not path.startswith("engine/_data/")
        if not (ROOT / path).exists() and not re.fullmatch(r"[A-Z]+\.\w+", Path(path).name)
    }
    assert not stale

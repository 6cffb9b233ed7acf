"""The workflows against the project's rules, and the one for the tests against `make test`."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import check_workflow
from scripts.common import workflow_rules

ROOT = Path(__file__).resolve().parents[2]
CI = ROOT / ".github/workflows/ci.yml"
TEXT = CI.read_text(encoding="utf-8")
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)
CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"

NAMES = {
    "schema": "check-jsonschema",
    "security": "zizmor",
    "expressions": "actionlint",
    "scripts": "shellcheck",
}


def runs(job: str) -> str:
    return "\n".join(step.get("run", "") for step in WORKFLOW["jobs"][job]["steps"])


def recipe(target: str) -> list[str]:
    """The commands of a target of the Makefile, its variables put in."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    variables = dict(re.findall(r"^(\w+) +[?:]?= (.*)$", makefile, re.MULTILINE))
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert found is not None
    text = found[1]
    while (filled := re.sub(r"\$\((\w+)\)", lambda name: variables[name[1]], text)) != text:
        text = filled
    return [line.strip().lstrip("@") for line in text.splitlines()]


@pytest.mark.parametrize("path", check_workflow.workflows(), ids=lambda path: path.name)
def test_it_keeps_the_rules(path: Path) -> None:
    assert not workflow_rules.faults(path.read_text(encoding="utf-8"))


def test_all_of_them_are_looked_at() -> None:
    names = {path.name for path in check_workflow.workflows()}
    assert names >= {"audit.yml", "ci.yml", "release.yml"}
    assert names == {path.name for path in (ROOT / ".github/workflows").iterdir()}


def test_an_action_has_the_same_commit_everywhere() -> None:
    texts = [path.read_text(encoding="utf-8") for path in check_workflow.workflows()]
    used = {line for text in texts for line in re.findall(r"uses: (.*)", text)}
    assert len(used) == len({line.partition("@")[0] for line in used})


@pytest.mark.parametrize(
    ("whole", "broken", "told"),
    [
        ("jobs:", "jobs: [", "no YAML"),
        ("jobs:", "tasks:", "no jobs"),
        ("permissions: {}", "permissions: write-all", "rights are not taken away"),
        ("group: tests-${{ github.ref }}", "group: tests", "do not wait"),
        ("  pull_request:", "  pull_request_target:", "pull_request_target"),
        ("      contents: read", "      contents: write", "may write"),
        ("vars.TORCH_CPU_INDEX", "secrets.TORCH_CPU_INDEX", "gets secrets"),
        ("${{ vars.TORCH_CPU_INDEX }}", "https://index.example", "names a host"),
        (CHECKOUT, "actions/checkout@v7", "not pinned"),
        (CHECKOUT, CHECKOUT.replace("actions/", "strangers/"), "somebody else's"),
        ("persist-credentials: false", "persist-credentials: true", "keeps the credentials"),
        ("    timeout-minutes: 60\n", "", "no limit"),
        ("    timeout-minutes: 60\n", "    timeout-minutes: 300\n", "no limit"),
        ("    permissions:\n      contents: read\n", "", "rights are not listed"),
        ("runs-on: windows-2022", "runs-on: windows-latest", "windows-latest"),
        ("run: make test", "run: make tests", "no target tests"),
        ("scripts/bootstrap.py test", "scripts/boot.py test", "no scripts/boot.py"),
        ("scripts/bootstrap.py test", "scripts/bootstrap.py tests", "knows no tests"),
        ("scripts/bootstrap.py test", "scripts/bootstrap.py test --fast", "has no --fast"),
        ("scripts/bootstrap.py test", "-m pip install ruff", "without hashes"),
    ],
)
def test_a_broken_one_is_told(whole: str, broken: str, told: str) -> None:
    assert whole in TEXT
    assert any(told in fault for fault in workflow_rules.faults(TEXT.replace(whole, broken)))


def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the tools, which are in another environment; each has nothing to say."""
    for name in ("schema", "security", "expressions", "scripts"):
        monkeypatch.setattr(check_workflow, name, lambda _: "")


@pytest.mark.parametrize("name", ["new.yml", "new.yaml"])
def test_the_command_fails_for_a_broken_one_among_others(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    silence(monkeypatch)
    monkeypatch.setattr(check_workflow, "FOLDER", tmp_path)
    shutil.copyfile(CI, tmp_path / "ci.yml")
    assert check_workflow.main() == 0
    (tmp_path / name).write_text(TEXT.replace(CHECKOUT, "actions/checkout@v7"), encoding="utf-8")
    assert check_workflow.main() == 1
    said = capsys.readouterr().out
    assert f"FAILED  {name}: rules of the project" in said
    assert "actions/checkout@v7" in said


@pytest.mark.parametrize("tool", ["schema", "security", "expressions", "scripts"])
def test_what_a_tool_says_of_any_of_them_counts(
    tool: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in check_workflow.workflows():
        silence(monkeypatch)
        monkeypatch.setattr(check_workflow, tool, lambda p, path=path: "bad" * (p == path))
        assert check_workflow.main() == 1
        lines = capsys.readouterr().out.splitlines()
        failed = [line for line in lines if line.startswith("FAILED")]
        assert failed == [f"FAILED  {path.name}: {NAMES[tool]}"]


def test_tests_run_for_each_push_and_pull_request() -> None:
    # YAML 1.1 takes the word 'on' for true.
    assert WORKFLOW[True] == {"push": {"branches": ["**"]}, "pull_request": None}
    runners = {name: job["runs-on"].partition("-")[0] for name, job in WORKFLOW["jobs"].items()}
    assert runners == {"linux": "ubuntu", "macos": "macos", "windows": "windows"}


@pytest.mark.parametrize("job", ["linux", "macos"])
def test_where_there_is_make_it_is_the_command_of_the_project(job: str) -> None:
    assert WORKFLOW["jobs"][job]["steps"][-1]["run"] == "make test"


def test_on_windows_it_is_what_make_would_run() -> None:
    commands = [line for target in ("setup-dev", "check", "test") for line in recipe(target)]
    wanted = [line.replace(".venv/bin/", ".venv/Scripts/") for line in commands]
    wanted[0] = wanted[0].replace("python3 ", "python ")
    assert [line for line in runs("windows").splitlines() if line] == wanted


def test_linux_gets_what_the_tests_need_of_it() -> None:
    """As another user than root, who is only told what is missing."""
    assert 'SYSTEM_PACKAGES["test"]' in runs("linux")
    assert "apt-get install" in runs("linux")

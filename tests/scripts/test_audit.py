"""The workflow that looks for known faults, and the script that it runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import audit_requirements, bootstrap
from scripts.common import locks as _locks

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / ".github/workflows/audit.yml").read_text(encoding="utf-8")
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)


def test_it_runs_by_itself_and_by_hand() -> None:
    # YAML 1.1 takes the word 'on' for true.
    started = WORKFLOW[True]
    assert set(started) == {"schedule", "workflow_dispatch"}
    minute, hour, day, month, weekday = started["schedule"][0]["cron"].split()
    assert (day, month) == ("*", "*")
    assert all(part.isdigit() for part in (minute, hour, weekday))


def test_it_may_read_and_nothing_else() -> None:
    assert WORKFLOW["permissions"] == {}
    for job in WORKFLOW["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        assert job["timeout-minutes"] <= 30
    assert "secrets." not in TEXT


def test_it_calls_what_is_there() -> None:
    runs = [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"][2:]]
    assert runs == ["make audit"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^audit:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert recipe is not None
    assert "scripts/audit_requirements.py" in recipe[1]
    purpose = re.search(r"bootstrap\.py (\w+)", recipe[1])
    assert purpose is not None
    _, locks = bootstrap.PURPOSES[purpose[1]]
    text = (ROOT / locks[-1]).read_text(encoding="utf-8")
    assert {"uv", "pip-audit"} <= {entry.name for entry in _locks.entries(text)}


def test_every_version_of_every_lock_is_asked_about() -> None:
    found = audit_requirements.locked()
    asked = [pin for group in audit_requirements.groups(found) for pin in group]
    for name in _locks.LOCKS:
        for entry in _locks.entries((ROOT / name).read_text(encoding="utf-8")):
            assert f"{entry.name}=={entry.version.partition('+')[0]}" in asked, name
    assert len(asked) == len(set(asked))
    # For another system, and for another Python.
    assert any(pin.startswith("pywin32-ctypes==") for pin in asked)
    assert sum(pin.startswith("networkx==") for pin in asked) == 2


def test_a_package_is_in_a_question_once() -> None:
    found = [("a", "1"), ("b", "1"), ("b", "2"), ("c", "1"), ("c", "2"), ("c", "3")]
    grouped = audit_requirements.groups(found)
    assert grouped == [["a==1", "b==1", "c==1"], ["b==2", "c==2"], ["c==3"]]


@pytest.mark.parametrize("failing", [0, 1])
def test_a_fault_in_any_of_them_counts(
    monkeypatch: pytest.MonkeyPatch, pip_audit: Callable[[list[int]], list[list[str]]], failing: int
) -> None:
    monkeypatch.setattr(audit_requirements.sys, "argv", ["audit_requirements.py"])
    monkeypatch.setattr(audit_requirements, "locked", lambda: [("a", "1"), ("a", "2")])
    codes = [0, 0]
    codes[failing] = 1
    ran = pip_audit(codes)
    assert audit_requirements.main() == 1
    assert len(ran) == 2
    # What cannot be looked up is a fault as well.
    assert all("--strict" in command for command in ran)


@pytest.fixture
def pip_audit(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[int]], list[list[str]]]:
    """Stands for pip-audit, which ends with these codes; gives the commands it was called with."""

    def prepare(codes: list[int]) -> list[list[str]]:
        ran: list[list[str]] = []

        def run(command: list[str], **options: Any) -> Any:
            ran.append(command)
            code = codes[len(ran) - 1]
            return audit_requirements.subprocess.CompletedProcess(command, code)

        monkeypatch.setattr(audit_requirements.subprocess, "run", run)
        return ran

    return prepare

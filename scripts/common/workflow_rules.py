"""What every workflow of this project keeps to, whatever it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from scripts import bootstrap

ROOT = Path(__file__).resolve().parents[2]

# Named by version: what '-latest' means changes from one day to the next.
RUNNERS = ("ubuntu-24.04", "windows-2022", "macos-15", "macos-15-intel")
_OWNERS = ("actions", "mamba-org")
_PINNED = re.compile(rf"({'|'.join(_OWNERS)})/[a-z-]+@[0-9a-f]{{40}} # v\d+\.\d+\.\d+")
_LONGEST_MIN = 240
# Code of strangers runs with the project's rights where these start a workflow.
_DANGEROUS = {"pull_request_target", "workflow_run", "issue_comment"}
_HOST = re.compile(r"https?://|index-url|\b\w+\.(org|io|com)\b")

Job = dict[str, Any]


def faults(text: str) -> list[str]:
    """What is wrong with a workflow, a line each; none where it keeps to all of it."""
    try:
        workflow = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return [f"it is no YAML: {error}"]
    if not isinstance(workflow, dict) or not isinstance(workflow.get("jobs"), dict):
        return ["it has no jobs"]
    return [
        *_of_the_whole(workflow, text),
        *_of_actions(text),
        *(f"{name}: {fault}" for name, job in workflow["jobs"].items() for fault in _of_job(job)),
    ]


def _started_by(workflow: dict[Any, Any]) -> set[str]:
    # YAML 1.1 takes the word 'on' for true.
    events = workflow.get(True, workflow.get("on"))
    return {events} if isinstance(events, str) else {*(events or ())}


def _of_the_whole(workflow: dict[Any, Any], text: str) -> Iterator[str]:
    if workflow.get("permissions") != {}:
        yield "rights are not taken away for the whole ('permissions: {}')"
    if "github.ref" not in str(workflow.get("concurrency", "")):
        yield "runs of one branch do not wait for each other ('concurrency')"
    events = _started_by(workflow)
    for event in sorted(events & _DANGEROUS):
        yield f"it is started by {event}"
    if "pull_request" in events and ("secrets." in text or ": write" in text):
        yield "a pull request gets secrets, or may write"
    if found := _HOST.search(text):
        yield f"it names a host: {found.group()}"


def _of_actions(text: str) -> Iterator[str]:
    for used in re.findall(r"\buses: *(.*?) *$", text, re.MULTILINE):
        if not _PINNED.fullmatch(used):
            yield f"not pinned to a commit, or somebody else's: {used}"


def _of_job(job: Job) -> Iterator[str]:
    limit = job.get("timeout-minutes")
    if not isinstance(limit, int) or limit > _LONGEST_MIN:
        yield f"no limit of at most {_LONGEST_MIN} minutes"
    if not isinstance(job.get("permissions"), dict):
        yield "its rights are not listed"
    rows = job.get("strategy", {}).get("matrix", {}).get("include", [])
    runners = {row.get("runner") for row in rows} if "matrix." in str(job["runs-on"]) else {}
    for runner in runners or {job["runs-on"]}:
        if runner not in RUNNERS:
            yield f"runs on {runner}"
    for step in job["steps"]:
        given = step.get("with", {})
        if "checkout@" in step.get("uses", "") and given.get("persist-credentials") is not False:
            yield "the checkout keeps the credentials"
        yield from _of_commands(step.get("run", ""))


def _of_commands(run: str) -> Iterator[str]:
    """Scripts, options, targets and purposes that are not there; packages without hashes."""
    for script, words in re.findall(r"(scripts/[\w/]+\.(?:py|sh))((?:\\\n|[^\n&|])*)", run):
        if not (ROOT / script).is_file():
            yield f"there is no {script}"
            continue
        text = (ROOT / script).read_text(encoding="utf-8")
        for option in re.findall(r"(?<= )--[a-z-]+", words):
            if f'"{option}"' not in text:
                yield f"{script} has no {option}"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([a-z-]+)", run, re.MULTILINE):
        if not re.search(rf"^{target}:", makefile, re.MULTILINE):
            yield f"there is no target {target}"
    for purpose in re.findall(r"bootstrap\.py (\w+)", run):
        if purpose not in bootstrap.PURPOSES:
            yield f"bootstrap.py knows no {purpose}"
    for line in run.splitlines():
        if "pip install" in line and "--require-hashes" not in line:
            yield f"installed without hashes: {line.strip()}"

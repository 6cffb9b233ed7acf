"""Which packages libraries were taken from, and what has to go along with them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from scripts.bundle import licences, origins

DEBIAN = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="asks Debian's packages")


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """A Python of conda's as its packages leave it on a disk, with a BLAS."""
    found, unpacked = tmp_path / "prefix", tmp_path / "pkgs" / "libopenblas-0.3.33-h1_0"
    (unpacked / "info/licenses/lapack").mkdir(parents=True)
    (unpacked / "info/licenses/LICENSE").write_text("Of OpenBLAS.\n", encoding="utf-8")
    (unpacked / "info/licenses/lapack/COPYING").write_text("Of LAPACK.\n", encoding="utf-8")
    (found / "lib").mkdir(parents=True)
    (found / "lib/libopenblas.0.dylib").write_bytes(b"\xcf\xfa\xed\xfe")
    (found / "lib/libopenblas.dylib").symlink_to("libopenblas.0.dylib")
    (found / "conda-meta").mkdir()
    (found / "conda-meta/history").touch()
    record = {
        "name": "libopenblas",
        "version": "0.3.33",
        "build": "openmp_h1_0",
        "subdir": "osx-64",
        "license": "BSD-3-Clause",
        "files": ["include/cblas.h", "lib/libopenblas.0.dylib", "lib/libopenblas.dylib"],
        "extracted_package_dir": str(unpacked),
    }
    meta = found / "conda-meta/libopenblas-0.3.33-openmp_h1_0.json"
    meta.write_text(json.dumps(record), encoding="utf-8")
    return found


def test_a_library_of_condas_has_its_package(prefix: Path) -> None:
    [origin] = origins.origins([str(prefix / "lib/libopenblas.dylib")], prefix)
    assert (origin.kind, origin.name, origin.version) == ("conda", "libopenblas", "0.3.33")
    purl = "pkg:conda/libopenblas@0.3.33?build=openmp_h1_0&subdir=osx-64"
    assert origin.purl == purl
    text = origins.text_of(origin)
    assert text.startswith("libopenblas 0.3.33\n")
    for part in ("licence: BSD-3-Clause", "Of OpenBLAS.", "Of LAPACK."):
        assert part in text


def test_one_without_its_licence_is_not_bundled(prefix: Path, tmp_path: Path) -> None:
    """As after the unpacked packages were cleared away."""
    shutil.rmtree(tmp_path / "pkgs")
    with pytest.raises(SystemExit, match=r"libopenblas .* without its licence"):
        origins.origins([str(prefix / "lib/libopenblas.0.dylib")], prefix)


def test_what_wheels_and_python_brought_is_not_asked_for(tmp_path: Path) -> None:
    import _ctypes

    import numpy

    assert origins.origins([numpy.__file__], tmp_path) == []
    own = [o for o in origins.origins([_ctypes.__file__], tmp_path) if "python" not in o.name]
    assert own == []


@DEBIAN
def test_a_library_of_debians_has_its_package_and_the_licences_that_it_names(
    tmp_path: Path,
) -> None:
    library = next(Path("/usr/lib").rglob("libxcb-cursor.so.0"))
    [origin] = origins.origins([str(library)], tmp_path)
    assert (origin.kind, origin.name) == ("deb", "libxcb-cursor0")
    assert origin.purl.startswith("pkg:deb/debian/libxcb-cursor0@")
    liblzma = next(Path("/usr/lib").rglob("liblzma.so.5"), None) or Path("/lib")
    sources = [str(library), str(liblzma)]
    paths = licences.collect_origins(tmp_path, sources)
    names = [path.name for path in paths]
    assert "deb-libxcb-cursor0.txt" in names
    assert "deb-liblzma5.txt" in names
    # Its copyright file names the GPL for its tools, and Debian has the text of that once.
    assert "common-GPL-2.txt" in names
    listed = json.loads((tmp_path / licences.LIBRARIES).read_text(encoding="utf-8"))
    assert [entry["name"] for entry in listed] == ["liblzma5", "libxcb-cursor0"]
    assert "Permission is hereby granted" in (tmp_path / "deb-libxcb-cursor0.txt").read_text(
        "utf-8"
    )


@DEBIAN
def test_a_library_of_nobodys_stops_the_build(tmp_path: Path) -> None:
    library = tmp_path / "libmine.so"
    library.touch()
    with pytest.raises(SystemExit, match=r"libmine\.so belongs to no package"):
        origins.origins([str(library)], tmp_path)


def test_where_the_system_is_not_asked_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    library = tmp_path / "libmine.so"
    library.touch()
    assert origins.origins([str(library)], tmp_path) == []
    assert f"the licence of {library.resolve()} is not collected" in capsys.readouterr().err

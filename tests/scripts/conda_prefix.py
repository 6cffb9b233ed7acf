"""A Python of conda's as its packages leave it on a disk: conda-meta, libraries, unpacked texts."""

from __future__ import annotations

import json
from pathlib import Path


def conda_prefix(folder: Path) -> Path:
    """A prefix with a BLAS, and a package of Python files alone."""
    prefix, unpacked = folder / "prefix", folder / "pkgs" / "libopenblas-0.3.33-h1_0"
    (unpacked / "info/licenses/lapack").mkdir(parents=True)
    (unpacked / "info/licenses/LICENSE").write_text("Of OpenBLAS.\n", encoding="utf-8")
    (unpacked / "info/licenses/lapack/LICENSE").write_text("Of LAPACK.\n", encoding="utf-8")
    (prefix / "lib").mkdir(parents=True)
    (prefix / "lib/libopenblas.0.dylib").write_bytes(b"\xcf\xfa\xed\xfe")
    common = {"build": "h1_0", "subdir": "osx-64"}
    records = {
        "libopenblas": {
            "version": "0.3.33",
            "license": "BSD-3-Clause",
            "files": ["include/cblas.h", "lib/libopenblas.0.dylib", "lib/libopenblas.dylib"],
            "extracted_package_dir": str(unpacked),
        },
        "sympy": {
            "version": "1.14.0",
            "license": "BSD-3-Clause",
            "files": ["lib/python3.11/site-packages/sympy/__init__.py"],
            "extracted_package_dir": str(folder / "pkgs" / "sympy-1.14.0-h1_0"),
        },
    }
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta/history").touch()
    for name, record in records.items():
        text = json.dumps({"name": name, **common, **record})
        (prefix / f"conda-meta/{name}.json").write_text(text, encoding="utf-8")
    return prefix

"""What conda installed under this Python: its packages' own libraries and their licences.

Where PyTorch publishes no wheels (Intel Macs), torch and torchvision come from conda-forge. What a
wheel has inside it, such as the BLAS that torch calls, is a package of its own there.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_LIBRARY = re.compile(r"lib/[^/]+\.(dylib|so(\.\d+)*)$")


@dataclass(frozen=True)
class CondaPackage:
    """A package that brings libraries for others to load: with what stands in conda-meta.

    licence: as its recipe names it, mostly an SPDX expression. texts: the files of the licence.
    """

    name: str
    version: str
    build: str
    subdir: str
    licence: str
    libraries: frozenset[str]
    texts: tuple[Path, ...]

    @property
    def purl(self) -> str:
        """Its package URL (github.com/package-url/purl-spec, type conda)."""
        return f"pkg:conda/{self.name}@{self.version}?build={self.build}&subdir={self.subdir}"


def native_packages(prefix: Path | None = None) -> list[CondaPackage]:
    """Those under a prefix, by name; none where Python is not one of conda's.

    prefix: the one that this Python belongs to, when left out.
    """
    records = ((prefix or Path(sys.base_prefix)) / "conda-meta").glob("*.json")
    found = [_read(json.loads(path.read_text(encoding="utf-8"))) for path in records]
    return sorted((p for p in found if p.libraries), key=lambda package: package.name)


def _read(record: dict[str, object]) -> CondaPackage:
    files = record.get("files") or []
    assert isinstance(files, list)
    unpacked = record.get("extracted_package_dir")
    texts = Path(str(unpacked)) / "info" / "licenses" if unpacked else None
    return CondaPackage(
        name=str(record["name"]),
        version=str(record["version"]),
        build=str(record["build"]),
        subdir=str(record.get("subdir", "")),
        licence=str(record.get("license") or ""),
        libraries=frozenset(Path(f).name for f in files if _LIBRARY.match(f)),
        texts=tuple(sorted(p for p in texts.rglob("*") if p.is_file())) if texts else (),
    )


def carried(packages: Iterable[CondaPackage], folder: Path) -> list[CondaPackage]:
    """Those of which a library lies somewhere below a folder, such as the bundle."""
    names = {path.name for path in folder.rglob("*")}
    return [package for package in packages if package.libraries & names]

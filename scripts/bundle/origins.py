"""Where the libraries of the bundle that no wheel brought were taken from: packages of the system
that builds, or of conda. Their licences go into the bundle, and their names into its bill of
materials.
"""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

_DOCS = Path("/usr/share/doc")
_COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z][\w.-]*\w)")


@dataclass(frozen=True)
class Origin:
    """A package. kind: deb or conda. purl: as github.com/package-url/purl-spec writes it. licence:
    as the package names it, '' where it only has the texts."""

    kind: str
    name: str
    version: str
    purl: str
    licence: str
    texts: tuple[Path, ...]


def origins(sources: Iterable[str], conda: Path | None = None) -> list[Origin]:
    """The packages that these files belong to, by name.

    Files of the environment itself, and of its Python, have theirs elsewhere and are left out.
    conda: the prefix to look in, that of this Python when left out. Raises SystemExit for a package
    without the text of its licence, and on Debian for a file that belongs to none; other systems
    are not asked, and what is not known is said.
    """
    prefix = conda or Path(sys.base_prefix)
    real = {Path(source).resolve() for source in sources}
    own = {path for path in real if path.is_relative_to(Path(sys.prefix).resolve())}
    of_conda = _of_conda(prefix, real - own)
    of_debian = _of_debian(real - own - of_conda.keys())
    home = Path(sys.base_prefix).resolve()
    strange = {p for p in real - own if not p.is_relative_to(home)}
    strange -= of_conda.keys() | of_debian.keys()
    if strange and _knows_its_files():
        raise SystemExit(f"{min(strange)} belongs to no package whose licence is known")
    for path in sorted(strange):
        print(f"note: the licence of {path} is not collected on this system", file=sys.stderr)
    found = sorted({*of_conda.values(), *of_debian.values()}, key=lambda o: (o.kind, o.name))
    for origin in found:
        if not any(path.is_file() for path in origin.texts):
            raise SystemExit(f"{origin.name} {origin.version} is here without its licence's text")
    return found


def text_of(origin: Origin) -> str:
    """All its texts, under their names."""
    parts = [f"{origin.name} {origin.version}\n"]
    if origin.licence:
        parts.append(f"=== licence: {origin.licence}\n")
    for path in origin.texts:
        text = path.read_text(encoding="utf-8", errors="replace")
        parts.append(f"=== {path.name}\n\n{text}")
    return "\n".join(parts)


def shared_texts(origin: Origin) -> set[Path]:
    """The licences that many packages of Debian share and only name."""
    named = {
        n for path in origin.texts for n in _COMMON.findall(path.read_text("utf-8", "replace"))
    }
    return {p for name in named if (p := Path("/usr/share/common-licenses") / name).is_file()}


def _of_conda(prefix: Path, files: set[Path]) -> dict[Path, Origin]:
    found: dict[Path, Origin] = {}
    for record_path in (prefix / "conda-meta").glob("*.json"):
        record = json.loads(record_path.read_text(encoding="utf-8"))
        owned = {(prefix / name).resolve() for name in record.get("files", ())} & files
        if owned:
            found |= dict.fromkeys(owned, _conda_origin(record))
    return found


def _conda_origin(record: dict[str, str]) -> Origin:
    name, version = record["name"], record["version"]
    unpacked = Path(record.get("extracted_package_dir", "")) / "info" / "licenses"
    where = f"build={quote(record['build'])}&subdir={quote(record.get('subdir', ''))}"
    return Origin(
        *("conda", name, version, f"pkg:conda/{name}@{quote(version)}?{where}"),
        record.get("license") or "",
        tuple(sorted(path for path in unpacked.rglob("*") if path.is_file())),
    )


def _knows_its_files() -> bool:
    return shutil.which("dpkg-query") is not None


def _of_debian(files: set[Path]) -> dict[Path, Origin]:
    if not files or not _knows_its_files():
        return {}
    # Packages that are older than the merge of /lib into /usr/lib know their files as in /lib.
    asked = {f"{root}{path}".replace("//", "/"): path for path in files for root in ("", "/usr")}
    asked |= {str(path).removeprefix("/usr"): path for path in files}
    told = subprocess.run(
        ["dpkg-query", "-S", *sorted(asked)], capture_output=True, text=True, check=False
    )
    owners = [line.rsplit(": ", 1) for line in told.stdout.splitlines() if ": " in line]
    known = {asked[place]: name.split(",")[0] for name, place in owners if place in asked}
    packages = {name: _debian_origin(name) for name in set(known.values())}
    return {path: packages[name] for path, name in known.items()}


def _debian_origin(package: str) -> Origin:
    form = "-f=${Package}\n${Version}\n${Architecture}"
    told = subprocess.run(
        ["dpkg-query", "-W", form, package], capture_output=True, text=True, check=True
    )
    name, version, architecture = told.stdout.split("\n")
    system = platform.freedesktop_os_release().get("ID", "debian")
    purl = f"pkg:deb/{system}/{name}@{quote(version, safe='~.-')}?arch={architecture}"
    return Origin("deb", name, version, purl, "", (_DOCS / name / "copyright",))

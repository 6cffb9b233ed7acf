"""Look for known faults in what the locks in requirements/ name, whatever system it is for.

    make audit

pip-audit asks the advisories that the index of packages publishes about each version. Exit code 1
where one has a fault, and where one could not be looked up. Needs requirements/upkeep.lock (make
sees to it) and the network.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.common import locks

# Advisories that do not concern Hookscope, each with its reason.
ACCEPTED: dict[str, str] = {}


def locked() -> list[tuple[str, str]]:
    """Every package and version in any lock, those for other systems and Pythons among them.
    A build counts as its version."""
    texts = [(ROOT / name).read_text("utf-8") for name in locks.LOCKS]
    found = [entry for text in texts for entry in locks.entries(text)]
    return sorted({(entry.name, entry.version.partition("+")[0]) for entry in found})


def groups(found: list[tuple[str, str]]) -> list[list[str]]:
    """The same as pins, in lists that have each package once, since pip-audit takes no other."""
    seen: Counter[str] = Counter()
    grouped: list[list[str]] = []
    for name, version in found:
        if seen[name] == len(grouped):
            grouped.append([])
        grouped[seen[name]].append(f"{name}=={version}")
        seen[name] += 1
    return grouped


def audit(pins: list[str], options: list[str]) -> bool:
    """Whether each of them could be looked up and none has a fault; says which have."""
    with tempfile.TemporaryDirectory(prefix="hookscope-audit-") as folder:
        asked = Path(folder) / "pins.txt"
        asked.write_text("\n".join([*pins, ""]), encoding="utf-8")
        # Without --strict, what cannot be looked up counts as faultless.
        command = [sys.executable, "-m", "pip_audit", "--strict", "--progress-spinner", "off"]
        command += ["--disable-pip", "--no-deps", "--requirement", str(asked), *options]
        for advisory in ACCEPTED:
            command += ["--ignore-vuln", advisory]
        return subprocess.run(command, cwd=folder, check=False).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Look for known faults in what the locks name.")
    parser.add_argument("--osv-url", help="ask this service of the OSV kind instead")
    url = parser.parse_args().osv_url
    options = ["--vulnerability-service", "osv", "--osv-url", url] if url else []
    found = locked()
    print(f"{len(found)} versions in {len(locks.LOCKS)} locks", flush=True)
    fine = [audit(pins, options) for pins in groups(found)]
    return int(not all(fine))


if __name__ == "__main__":
    sys.exit(main())

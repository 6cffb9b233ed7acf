"""See to what a target needs of a Linux system, before it starts.

    python3 scripts/preflight.py bundle | test-bundle | installer | test-installer

Building takes minutes, and would stop at one missing library after the other. As root on Debian and
its relatives, what is missing is installed; otherwise all of it is named, with the command that
installs it. The list is in scripts/common/system.py. Needs nothing but Python. On other systems
than Linux there is nothing to see to.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import bootstrap
from scripts.common import system
from scripts.common.system import Need

_BUILDS = ("bundle", "installer")
_AS_ROOT = "test-installer"


def needs_of(target: str) -> tuple[Need, ...]:
    python = (system.shared_python(),) if target in _BUILDS else ()
    return (*python, *system.TARGETS[target])


def told(target: str, absent: Sequence[Need]) -> str:
    """All that is missing, and how to get it."""
    names = system.packages(absent)
    files = {
        name: [f for need in absent if need.package == name for f in need.files] for name in names
    }
    width = max(map(len, names))
    command = ["sudo", "apt-get", "install", "-y", "--no-install-recommends", *names]
    lines = [
        f"'make {target}' needs what this system lacks, by the packages of Debian and Ubuntu:",
        *(f"  {name:{width}}  {', '.join(files[name])}" for name in names),
        "Install it with:",
        f"  {shlex.join(command)}",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="See to what a target needs of the system.")
    parser.add_argument("target", choices=sorted(system.TARGETS))
    target = parser.parse_args(arguments).target
    if not sys.platform.startswith("linux"):
        return 0
    root, needs = os.geteuid() == 0, needs_of(target)
    absent = system.missing(needs)
    if absent and root and shutil.which("apt-get") is not None:
        bootstrap.install_system_packages(system.packages(absent))
        absent = system.missing(needs)
    if absent:
        bootstrap.say(told(target, absent))
    if target == _AS_ROOT and not root:
        bootstrap.say(f"'make {target}' is run as root: it makes a bare Debian to install into.")
        return 1
    return int(bool(absent))


if __name__ == "__main__":
    sys.exit(main())

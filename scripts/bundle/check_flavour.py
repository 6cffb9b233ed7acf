"""Say whether the torch that is installed is the one that was wanted: cpu or cuda, as pinned.

    .venv/bin/python scripts/bundle/check_flavour.py cpu|cuda

Which one scripts/bootstrap.py installs depends on the system and on the index that pip asks: the
usual torch is a CPU build on Windows and macOS, and a CUDA build on Linux. On Intel Macs torch and
torchvision come from elsewhere than the rest.
"""

from __future__ import annotations

import argparse
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def flavour() -> str:
    import torch

    return "cpu" if torch.version.cuda is None else "cuda"


def strangers() -> list[str]:
    """torch and torchvision, where they are other versions than requirements.txt has."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    # What stands behind a plus says how a version was built.
    found = {name: metadata.version(name).partition("+")[0] for name in ("torch", "torchvision")}
    return [
        f"{name} {version}, not {pins[name]}"
        for name, version in found.items()
        if version != pins[name]
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Check which torch is installed.")
    parser.add_argument("wanted", choices=("cpu", "cuda"))
    wanted = parser.parse_args().wanted
    if told := strangers():
        print("; ".join(told))
        return 1
    if (found := flavour()) == wanted:
        print(f"a {found} build of torch, as wanted")
        return 0
    variable = f"TORCH_{wanted.upper()}_INDEX"
    print(
        f"a {found} build of torch, and not a {wanted} build: set PIP_EXTRA_INDEX_URL to the index "
        f"that has it (in the release workflow, the repository variable {variable}); its hash "
        "has to be in requirements/torch-builds.txt"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())

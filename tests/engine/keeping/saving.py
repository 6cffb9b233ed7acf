"""A process that saves again and again, to be killed: python -m tests.engine.keeping.saving
FILE how."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.keeping import files, generations
from engine.keeping.records import KeptFile, KeptImage, KeptSession

IMAGES = 300


def session(number: int) -> KeptSession:
    """The session of the save with this number, which is in each of its images."""
    return KeptSession(
        tuple(
            KeptImage(f"i{n}", f"{number}", KeptFile(f"/pictures/{number}/{n}.png"))
            for n in range(IMAGES)
        ),
        pinned=str(number),
    )


def main() -> None:
    path, how = Path(sys.argv[1]), sys.argv[2]
    for number in range(1_000_000):
        if how == "automatic" and number % 10 == 0:
            # As at the start of a run.
            generations.shift(path)
        files.write_with_folder(path, session(number))
        print(number, flush=True)  # noqa: T201 - what has been saved, for the test


if __name__ == "__main__":
    main()

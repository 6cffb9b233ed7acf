"""Where a reader starts, but for that of the packaged program, which starts itself once more.

It is run as a file, by its place: the reader then belongs to the engine that asked for it, wherever
that was imported from, whether the source tree, an installed wheel or a folder a script had named.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn


def _start() -> NoReturn:
    root = Path(__file__).resolve().parents[2]
    # Installed, it is on the path already, and behind the standard library, where it has to stay.
    if root not in (Path(place).resolve() for place in sys.path):
        sys.path.insert(0, str(root))
    from engine.process.startup import prepare

    prepare()
    from engine.process.ending import leave
    from engine.reader_process.main import main

    # The first argument is the switch, by which a reader is known among processes.
    leave(main(sys.argv[2:]))


if __name__ == "__main__":
    _start()

"""Entry script of a reader process; the packaged program starts itself instead.

It is run by its path, so that the reader uses the same engine as its parent, wherever that was
imported from: the source tree, an installed wheel or a folder on a script's path.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn


def _start() -> NoReturn:
    root = Path(__file__).resolve().parents[2]
    # If installed, it is on the path already, after the standard library, where it must stay.
    if root not in (Path(place).resolve() for place in sys.path):
        sys.path.insert(0, str(root))
    from engine.process.startup import prepare

    prepare()
    from engine.process.ending import leave
    from engine.reader_process.main import main

    # The first argument is SWITCH, which identifies a reader in process lists.
    leave(main(sys.argv[2:]))


if __name__ == "__main__":
    _start()

"""The entry point of the program: starts the window or runs a command.

main.py calls it in the source tree and in a bundle; an installed wheel calls run().
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str]) -> int:
    """Dispatch to a command or to the window; returns the exit code.

    Nothing heavy is imported here: the window is painted before torch is loaded.
    """
    from engine.process.startup import prepare

    prepare()
    from engine.reader import SWITCH

    if arguments and arguments[0] == SWITCH:
        from engine.reader_process.main import main as read

        return read(arguments[1:])
    from engine.process.ending import heed_signals

    heed_signals()
    from cli.entry import COMMANDS, guarded
    from engine.process.logs import hold_logging, start_logging

    first = arguments[0] if arguments else ""
    if first in COMMANDS or first in ("-h", "--help", "--version"):
        from cli import commands

        start_logging()
        return commands.main(arguments)
    # The garbage collector would traverse everything several times during the imports; the window
    # runs it itself, on its own thread (gui/toolkit/garbage.py).
    gc.disable()
    hold_logging()
    if first == "self-test":
        from gui.app import self_test

        return guarded(lambda: self_test.main(arguments[1:]))
    from gui.app import application

    return guarded(lambda: application.main(arguments))


def _end(code: int) -> NoReturn:
    """End the process: at once, unless Qt needs a clean exit and no signal has been received."""
    from engine.process.ending import code_of_signal, leave

    if "PySide6" not in sys.modules or code_of_signal() is not None:
        leave(code)
    sys.exit(code)


def run() -> NoReturn:
    """Run the program with the arguments of this process, then exit."""
    _end(main(sys.argv[1:]))

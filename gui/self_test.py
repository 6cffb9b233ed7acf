"""`main.py self-test`: the real window, driven by real events, measured and checked.

It is what a packaged program is checked with. Only the settings are kept in a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSettings

from engine.errors import HookscopeError
from engine.version import NAME
from gui.application import Program, create_application
from gui.walkthrough import Walkthrough


def main(arguments: Sequence[str]) -> int:
    """Run it, print or write the JSON; 0 when every step went well, else 1.

    Raises HookscopeError for wrong usage and where there is no display.
    """
    target = _parse(arguments)
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in named):
        raise HookscopeError("self-test needs a display; QT_QPA_PLATFORM=offscreen does without")
    application = create_application()
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="hookscope-", ignore_cleanup_errors=True)
            )
        )
        store = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
        program = Program(application, store)
        stack.callback(program.window.close)
        test = Walkthrough(program, folder)
        ok = test.run()
    report: dict[str, Any] = {**test.figures, "steps": [asdict(s) for s in test.steps], "ok": ok}
    if target == "-":
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    else:
        from engine.export import save_json

        save_json(Path(target), report)
    if not ok:
        failed = test.steps[-1]
        sys.stderr.write(f"{NAME.lower()}: self-test failed at {failed.name}: {failed.detail}\n")
    return 0 if ok else 1


def _parse(arguments: Sequence[str]) -> str:
    parser = argparse.ArgumentParser(f"{NAME.lower()} self-test", exit_on_error=False)
    parser.add_argument("--json", default="-", metavar="FILE", help="- for stdout (default)")
    try:
        options, unknown = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise HookscopeError(str(error)) from error
    if unknown:
        raise HookscopeError(f"self-test does not know {' '.join(unknown)}")
    return str(options.json)

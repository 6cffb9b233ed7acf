"""The command self-test: drives the real window with real events, measures and checks it.

Packaged programs are checked with it. Only the settings are kept in a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from cli.entry import put, require_stdout, tell
from engine.errors import HookscopeError
from engine.escaping import LINE, plain
from engine.process import ending
from engine.process.logs import log_file, release_logging
from engine.version import NAME
from gui.app.application import create_application
from gui.app.program import Program, Shell
from gui.diagnostics.measures import Record, StepFailed, Waiter, process_age, uncaught

_PAINT_S = 30.0


def main(arguments: Sequence[str]) -> int:
    """Run the self-test and print or write its JSON report; 0 if all steps passed and nothing else
    failed, else 1.

    Raises HookscopeError for wrong usage and if there is no display.
    """
    target = _parse(arguments)
    if target == "-":
        require_stdout()
    else:
        # Not at the top: the window does not need it before its first paint either.
        from engine.files.destinations import check_outputs

        check_outputs({"--json": Path(target)})
    application = create_application()
    record = Record()
    with uncaught() as failures:
        ok = _all_steps(application, record)
        ok = record.take("no failures", lambda: _none(failures)) and ok
    report: dict[str, Any] = {
        **record.figures,
        "steps": [asdict(s) for s in record.steps],
        "ok": ok,
    }
    if target == "-":
        put(json.dumps(report, indent=2) + "\n")
    else:
        from engine.export.files import save_json

        save_json(Path(target), report)
    if not ok:
        failed = next(step for step in record.steps if not step.ok)
        detail = plain(failed.detail, LINE)
        tell(f"self-test failed at {failed.name}: {detail}")
    return 0 if ok else 1


def _all_steps(application: QApplication, record: Record) -> bool:
    """Run the steps up to the first failure, then close the window; whether all passed."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="hookscope-", ignore_cleanup_errors=True)
            )
        )
        # A signal ends the process without unwinding this stack.
        stack.callback(ending.at_exit(lambda: shutil.rmtree(folder, ignore_errors=True)))
        store = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
        shell = Shell(application, store)
        stack.callback(shell.window.close)
        ok = record.take("first paint", lambda: _first_paint(shell, record))
        return ok and _walk(application, shell, folder, record)


def _none(failures: list[str]) -> str:
    """Fail for exceptions that no step noticed, such as those in slots and paint events."""
    if failures:
        count = len(failures)
        raise StepFailed(
            f"{failures[0]} ({count} uncaught failure{'s' * (count > 1)}; "
            f"see the log: {log_file()})"
        )
    return "no failures outside the steps"


def _first_paint(shell: Shell, record: Record) -> str:
    """Check that the window is painted before torch and the rest of the program are imported."""
    waiter = Waiter()
    torch_was_there: list[bool] = []

    def painted() -> None:
        torch_was_there.append("torch" in sys.modules)
        record.figures["first_paint_s"] = round(process_age(), 3)
        waiter.stir()

    shell.window.first_painted.connect(painted)
    shell.window.show()
    waiter.wait(lambda: bool(torch_was_there), _PAINT_S, "first paint")
    if any(torch_was_there):
        raise StepFailed("torch was imported before the window was painted")
    return "before torch"


def _walk(application: QApplication, shell: Shell, folder: Path, record: Record) -> bool:
    from gui.diagnostics.walkthrough import Walkthrough

    release_logging()
    return Walkthrough(Program(application, shell=shell), folder, record).run()


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

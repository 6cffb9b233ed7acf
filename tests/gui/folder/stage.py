"""The program as it always starts, with a folder open as a page.

    python stage.py SETTINGS.ini FOLDER

On stdout, a line of JSON for every change of what the page shows of its run. A line on stdin
presses the page's button.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from PySide6.QtCore import QSettings, QSocketNotifier, QTimer

from engine.records.sources import ModelSource
from gui.app.application import create_application
from gui.app.program import Program, Shell
from gui.controllers.models import NamedModel

EVERY_MS = 20


def main() -> int:
    application = create_application()
    store = QSettings(sys.argv[1], QSettings.Format.IniFormat)
    program = Program(application, shell=Shell(application, store))
    folders, window = program.controller.folders, program.window
    last = ""

    def tell() -> None:
        nonlocal last
        page, progress = window.folder, folders.runs.progress
        shown = page.head.button if page is not None else None
        sight = {
            "state": folders.runs.state.value,
            "done": progress.done if progress is not None else 0,
            "computed": progress.computed if progress is not None else 0,
            "button": shown.text() if shown is not None and shown.isVisible() else "",
            "rows": page.model.rowCount() if page is not None else 0,
        }
        line = json.dumps(sight)
        if line != last:
            last = line
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def press() -> None:
        sys.stdin.readline()
        assert window.folder is not None
        window.folder.head.button.click()

    timer = QTimer()
    timer.timeout.connect(tell)
    timer.start(EVERY_MS)
    application.aboutToQuit.connect(timer.stop)
    asked = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
    asked.activated.connect(press)
    program.start((), NamedModel(ModelSource("demo:shapes")))
    folders.open_paths([Path(sys.argv[2])])
    return application.exec()


if __name__ == "__main__":
    sys.exit(main())

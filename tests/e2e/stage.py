"""The program as it always starts, saying on stdout what it shows and where.

    python stage.py SETTINGS.ini [FILES...]

One line of JSON for every change. It only looks: what is done comes from the pointer and the
keyboard of the display that it runs on.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from PySide6.QtCore import QModelIndex, QPoint, QSettings, Qt, QTimer
from PySide6.QtWidgets import QAbstractItemView, QApplication, QDialog, QFileDialog, QWidget

from gui.app.application import create_application
from gui.app.program import Program, Shell

EVERY_MS = 50


def centre(widget: QWidget) -> list[int]:
    """On the screen."""
    return list(widget.mapToGlobal(widget.rect().center()).toTuple())


def row_centre(view: QAbstractItemView, index: QModelIndex) -> list[int]:
    rect = view.visualRect(index)
    return list(view.viewport().mapToGlobal(QPoint(rect.left() + 40, rect.center().y())).toTuple())


class Stage:
    """Looks at the program and tells."""

    def __init__(self, application: QApplication, program: Program) -> None:
        self.program = program
        self.exported: list[str] = []
        program.controller.exports.written.connect(
            lambda task: self.exported.extend(str(path) for path in task.choice.paths)
        )
        self.last = ""
        self.timer = QTimer()
        self.timer.timeout.connect(self.tell)
        self.timer.start(EVERY_MS)
        application.aboutToQuit.connect(self.timer.stop)

    def tell(self) -> None:
        line = json.dumps(self.look())
        if line != self.last:
            self.last = line
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def look(self) -> dict[str, Any]:
        window, state = self.program.window, self.program.state
        shown = state.explanation
        modal = QApplication.activeModalWidget()
        active = QApplication.activeWindow()
        return {
            "image": window.windowTitle(),
            "model": state.info.title if state.info is not None else "",
            "weights": Path(state.info.weights).name if state.info is not None else "",
            "layer": shown.layer if shown is not None else "",
            "target": shown.target.index if shown is not None else None,
            "computing": state.computing,
            "zoom": window.canvas.zoom,
            "exported": self.exported,
            "notice": window.notice.text,
            "active": type(active).__name__ if active is not None else "",
            "dialog": isinstance(modal, QDialog) and not isinstance(modal, QFileDialog),
            "files": isinstance(modal, QFileDialog),
            "canvas": centre(window.canvas.viewport()),
            "layers": self.layers(),
            "classes": self.classes(),
        }

    def layers(self) -> dict[str, list[int]]:
        """Where the rows of the tree are that can be seen whole."""
        view = self.program.window.tree.findChild(QAbstractItemView)
        assert isinstance(view, QAbstractItemView)
        model: Any = view.model()
        found = {}
        for node in self.program.state.layers:
            index = model.index_of(node.name) if node.explainable else QModelIndex()
            if index.isValid() and view.viewport().rect().contains(view.visualRect(index)):
                found[node.name] = row_centre(view, index)
        return found

    def classes(self) -> list[list[int]]:
        """[class, x, y] for the rows of the predictions."""
        for view in self.program.window.predictions.findChildren(QAbstractItemView):
            model: Any = view.model()
            if view.isVisible():
                rows = [model.index(row, 0) for row in range(model.rowCount())]
                return [[model.class_at(index), *row_centre(view, index)] for index in rows]
        return []


def main() -> int:
    application = create_application()
    shell = Shell(application, QSettings(sys.argv[1], QSettings.Format.IniFormat))
    kept: list[object] = []

    def begin() -> None:
        program = Program(application, shell=shell)
        kept.append(Stage(application, program))
        program.start([Path(name) for name in sys.argv[2:]])

    shell.window.first_painted.connect(begin, Qt.ConnectionType.QueuedConnection)
    shell.window.show()
    return int(application.exec())


if __name__ == "__main__":
    sys.exit(main())

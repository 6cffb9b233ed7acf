"""Another program, from which files are dragged: a small window that stays on top.

    python dragged.py FILES...

It says where it is on stdout, as [x, y] of its centre. Pressing and moving the pointer in it
begins to drag the files, as a file manager does.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, Qt, QTimer, QUrl
from PySide6.QtGui import QDrag, QMouseEvent
from PySide6.QtWidgets import QApplication, QLabel


class Files(QLabel):
    def __init__(self, paths: list[Path]) -> None:
        super().__init__("files")
        self.setWindowFlags(Qt.WindowType.WindowStaysOnTopHint | Qt.WindowType.FramelessWindowHint)
        self._paths = paths
        self.setGeometry(4, 4, 80, 40)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not event.buttons() & Qt.MouseButton.LeftButton:
            return
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in self._paths])
        drag = QDrag(self)
        drag.setMimeData(data)
        done = drag.exec(Qt.DropAction.CopyAction)
        sys.stdout.write(json.dumps({"dropped": done == Qt.DropAction.CopyAction}) + "\n")
        sys.stdout.flush()

    def tell(self) -> None:
        here: QPoint = self.mapToGlobal(self.rect().center())
        sys.stdout.write(json.dumps({"centre": list(here.toTuple())}) + "\n")
        sys.stdout.flush()


def main() -> int:
    application = QApplication([])
    files = Files([Path(name) for name in sys.argv[1:]])
    files.show()
    QTimer.singleShot(500, files.tell)
    return int(application.exec())


if __name__ == "__main__":
    sys.exit(main())

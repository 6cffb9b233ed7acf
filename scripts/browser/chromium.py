"""A page in Chromium, without a window and without a network: what it says, asks for and prints."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What is opened here was written by the program itself, and root cannot have the sandbox.
_SURROUNDINGS = {
    "QT_QPA_PLATFORM": "offscreen",
    "QTWEBENGINE_DISABLE_SANDBOX": "1",
    "QT_LOGGING_RULES": "qt.webengine*=false;qt.webenginecontext*=false;qt.rhi.*=false",
}
_FLAGS = "--disable-gpu --log-level=3 --blink-settings=preferredColorScheme={}"
for _name, _value in _SURROUNDINGS.items():
    os.environ.setdefault(_name, _value)

from PySide6.QtCore import QEventLoop, QMarginsF, Qt, QTimer, QUrl
from PySide6.QtGui import QImage, QPageLayout, QPageSize
from PySide6.QtWebEngineCore import (
    QWebEnginePage,
    QWebEngineProfile,
    QWebEngineSettings,
    QWebEngineUrlRequestInfo,
    QWebEngineUrlRequestInterceptor,
)
from PySide6.QtWebEngineWidgets import QWebEngineView
from PySide6.QtWidgets import QApplication

LIMIT_MS = 60_000
"""What any one step may take."""

PAPERS = {"a4": QPageSize.PageSizeId.A4, "letter": QPageSize.PageSizeId.Letter}

_ANSWER = "hookscope-answer:"
_HIGH = 900
_TALLEST = 12_000
# Chromium's own where a page asks for none.
_MARGIN_MM = 10.0


class PageFault(Exception):
    """A page did not load, or a step did not end."""


class _Watch(QWebEngineUrlRequestInterceptor):
    """Notes every address that is asked for, and stops all but files and what is in the page."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def interceptRequest(self, info: QWebEngineUrlRequestInfo) -> None:
        url = info.requestUrl()
        if url.scheme() != "data":
            self.asked.append(url.toString(QUrl.ComponentFormattingOption.FullyEncoded))
        info.block(url.scheme() not in ("file", "data"))


class _Page(QWebEnginePage):
    """Keeps what the browser writes to its console: refused content, failures, warnings."""

    def __init__(self, profile: QWebEngineProfile) -> None:
        super().__init__(profile)
        self.said: list[str] = []
        self.answered: Callable[[str], None] | None = None

    def javaScriptConsoleMessage(self, level: Any, message: str, *_where: Any) -> None:
        if message.startswith(_ANSWER) and self.answered is not None:
            self.answered(message.removeprefix(_ANSWER))
        else:
            self.said.append(f"{level.name}: {message}")


class Browser:
    """Shows one page at a time. dark: what prefers-color-scheme says; one for the whole process."""

    def __init__(self, *, dark: bool = False) -> None:
        os.environ["QTWEBENGINE_CHROMIUM_FLAGS"] = _FLAGS.format(0 if dark else 1)
        self._app = QApplication.instance() or QApplication(sys.argv[:1])
        self._watch = _Watch()
        # Without a name, it keeps nothing on the disk.
        self._profile = QWebEngineProfile()
        self._profile.setUrlRequestInterceptor(self._watch)
        self._page = _Page(self._profile)
        # As browsers have it; otherwise a file's requests elsewhere end before they are noted.
        elsewhere = QWebEngineSettings.WebAttribute.LocalContentCanAccessRemoteUrls
        self._page.settings().setAttribute(elsewhere, True)
        self._view = QWebEngineView()
        self._view.setPage(self._page)

    @property
    def console(self) -> list[str]:
        """Since the page was opened."""
        return list(self._page.said)

    @property
    def asked(self) -> list[str]:
        """Every address since the page was opened, but for what is in the page."""
        return list(self._watch.asked)

    def close(self) -> None:
        """The page goes before its profile, as Qt asks for."""
        self._view.deleteLater()
        self._page.deleteLater()
        _until(lambda done: self._page.destroyed.connect(lambda: done(True)), lambda: None)

    def open(self, path: Path, width: int) -> None:
        """Load a file at a width in CSS pixels. Raises PageFault."""
        self._page.said.clear()
        self._watch.asked.clear()
        self._view.resize(width, _HIGH)
        self._view.show()
        once = Qt.ConnectionType.SingleShotConnection
        if not _until(
            lambda done: self._page.loadFinished.connect(done, once),
            lambda: self._page.load(QUrl.fromLocalFile(str(path.resolve()))),
        ):
            raise PageFault(f"{path}: did not load")

    def ask(self, body: str) -> Any:
        """What the body of an asynchronous JavaScript function returns, as JSON values."""
        script = (
            f"(async () => {{ {body} }})().then("
            f"found => console.log({_ANSWER!r} + JSON.stringify({{found}})),"
            f" fault => console.log({_ANSWER!r} + JSON.stringify({{fault: String(fault)}})))"
        )

        def listen(done: Callable[[Any], None]) -> None:
            self._page.answered = done

        answer = json.loads(_until(listen, lambda: self._page.runJavaScript(script)))
        if "fault" in answer:
            raise PageFault(answer["fault"])
        return answer.get("found")

    def picture(self) -> QImage:
        """The whole page, or its first 12,000 pixels."""
        height = self.ask("return document.documentElement.scrollHeight")
        high = max(_HIGH, min(_TALLEST, height))
        self._view.resize(self._view.width(), high)
        self.ask(_RESIZED % high)
        return self._view.grab().toImage()

    def print(self, paper: str, path: Path) -> None:
        """Print to a PDF with the margins that the page asks for, as the dialog of Chromium does.

        Raises PageFault.
        """
        asked = re.fullmatch(r"([\d.]+)mm", self.ask(_MARGIN) or "")
        margin = float(asked[1]) if asked else _MARGIN_MM
        layout = QPageLayout(
            QPageSize(PAPERS[paper]),
            QPageLayout.Orientation.Portrait,
            QMarginsF(margin, margin, margin, margin),
            QPageLayout.Unit.Millimeter,
        )
        once = Qt.ConnectionType.SingleShotConnection
        if not _until(
            lambda done: self._page.pdfPrintingFinished.connect(lambda _, ok: done(ok), once),
            lambda: self._page.printToPdf(str(path), layout),
        ):
            raise PageFault(f"{path}: was not printed")


_RESIZED = """
while (innerHeight !== %d) await new Promise(requestAnimationFrame);
for (let n = 0; n < 5; n++) await new Promise(requestAnimationFrame);
"""

_MARGIN = """
const own = [...document.styleSheets].filter(sheet => sheet.ownerNode.matches('style'));
const rules = own.flatMap(sheet => [...sheet.cssRules]);
return rules.find(rule => rule instanceof CSSPageRule)?.style.margin;
"""


def _until(listen: Callable[[Callable[[Any], None]], Any], start: Callable[[], Any]) -> Any:
    """What the callback is called with. Raises PageFault."""
    loop, found = QEventLoop(), []

    def done(value: Any = None) -> None:
        found.append(value)
        loop.quit()

    listen(done)
    limit = QTimer()
    limit.setSingleShot(True)
    limit.timeout.connect(loop.quit)
    limit.start(LIMIT_MS)
    start()
    if not found:
        loop.exec()
    if not found:
        raise PageFault(f"a step took more than {LIMIT_MS / 1000:.0f} s")
    return found[0]

"""Open pages of the program in Chromium, and tell what is there as JSON.

    python3 scripts/bootstrap.py browser
    .venv-browser/bin/python scripts/browser/look.py report.html... --out FOLDER [--pictures]
        [--widths 1280 400] [--papers a4 letter] [--dark]

On the standard output: for each width what is wider than the page, words that lie upon each other,
every picture and what was asked for, as scripts/browser/measures.js says; for each paper the pages
that are printed; of a PDF, its pages. --out gets what is printed, and with --pictures a PNG of each
page.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from scripts.browser import printed
from scripts.browser.chromium import PAPERS, Browser, PageFault

_MEASURES = Path(__file__).with_name("measures.js")


def look_at(browser: Browser, page: Path, options: argparse.Namespace) -> dict[str, Any]:
    """All of one page, or of a PDF of the program. Raises PageFault."""
    if page.suffix == ".pdf":
        return {"page": str(page), "widths": [], "papers": [{"pages": printed.pages(page)}]}
    name = f"{page.parent.name}-{page.stem}"
    mark = "-dark" if options.dark else ""
    found: dict[str, Any] = {"page": str(page), "widths": [], "papers": []}
    script = _MEASURES.read_text(encoding="utf-8")
    for width in options.widths:
        browser.open(page, width)
        seen = {"width": width, **browser.ask(script)}
        found["widths"].append({**seen, "console": browser.console, "asked": browser.asked})
        if options.pictures:
            browser.picture().save(str(options.out / f"{name}-{width}{mark}.png"))
    for paper in options.papers:
        # Asking for all pictures loads them as well, which printing this way does not wait for.
        browser.open(page, options.widths[0])
        browser.ask(script)
        path = options.out / f"{name}-{paper}{mark}.pdf"
        browser.print(paper, path)
        found["papers"].append(
            {"paper": paper, "pages": printed.pages(path), "console": browser.console}
        )
        if options.pictures:
            for number, picture in enumerate(printed.drawn(path), start=1):
                picture.save(str(options.out / f"{name}-{paper}{mark}-{number}.png"))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Tell what is on pages, as Chromium shows them.")
    parser.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    parser.add_argument("--out", type=Path, required=True, help="folder for PDFs and pictures")
    parser.add_argument("--widths", nargs="+", type=int, default=[1280, 400], metavar="PIXELS")
    parser.add_argument("--papers", nargs="*", choices=sorted(PAPERS), default=sorted(PAPERS))
    parser.add_argument("--dark", action="store_true", help="with dark colours preferred")
    parser.add_argument("--pictures", action="store_true", help="with a PNG of all that is shown")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    browser = Browser(dark=options.dark)
    try:
        found = [look_at(browser, page, options) for page in options.pages]
    except PageFault as fault:
        print(fault, file=sys.stderr)
        return 1
    finally:
        browser.close()
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())

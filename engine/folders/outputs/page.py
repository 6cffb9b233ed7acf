"""The page of a folder: its summary and images with their heat maps, in one HTML file.

It opens offline, asks for nothing but the images themselves, and contains no script. Images that a
browser cannot show are in it, small.
"""

from __future__ import annotations

import base64
import html
import io
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image

from engine.escaping import plain
from engine.files.atomic import whole_file
from engine.folders.index.queries import Index, Shown
from engine.folders.outputs import thumbnails
from engine.folders.records import Job
from engine.folders.summary import summary
from engine.records.display import DisplaySettings
from engine.render.painting import layer

PAGE = "index.html"

MOST = 2_000
"""Images on the page; the table has all."""

_POLICY = "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'"
_WIDE = 10
_NARROWEST = 0.6

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px;
       padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 .3rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .6rem; }
.sub { opacity: .7; margin: 0 0 1.2rem; overflow-wrap: anywhere; }
dl { display: flex; flex-wrap: wrap; gap: .6rem 2.2rem; margin: 0; }
dt { opacity: .65; font-size: .85em; } dd { margin: 0; font-size: 1.25rem; }
dd, td { font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; }
.many { font-size: 12px; } .many thead th { writing-mode: vertical-rl; text-align: right; }
.many th, .many td { padding: .15rem .3rem; }
th, td { padding: .2rem .55rem; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 500; opacity: .75; } th:first-child { text-align: left; }
td.right { font-weight: 600; } td.none { opacity: .55; }
.grid { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(170px, 40vw), 1fr)); }
figure { margin: 0; min-width: 0; } .image { position: relative; overflow: hidden; line-height: 0;
  border-radius: 4px; background: color-mix(in srgb, currentColor 8%, transparent); }
.image img { width: 100%; height: 100%; } .image img.map { position: absolute; }
figcaption { margin-top: .3rem; overflow-wrap: anywhere; } .wrong { color: #c2410c; }
@media (prefers-color-scheme: dark) { .wrong { color: #fb923c; } }
figure, tr { break-inside: avoid; } h2 { break-after: avoid; }
@page { margin: 15mm; }
@media print { body { max-width: none; margin: 0; padding: 0; font-size: 9pt; }
  .image, .image img { print-color-adjust: exact; } .grid { grid-template-columns: repeat(4, 1fr); }
  .scroll { overflow: visible; }
  .many { font-size: 7pt; } .many th, .many td { padding: 1px 2px; } }
small { opacity: .7; display: block; }
"""


def write_page(index: Index, job: int, folder: Path) -> Path:
    """Write index.html: the images with the highest loss first, at most MOST; the file.

    Raises ExportError, and ModelError if no reader can be started.
    """
    _, about = index.job(job)
    facts = summary(index, job)
    labelled = facts["labelled"] > 0
    numbers = index.numbers(job, order="loss" if labelled else "place", down=labelled)
    path = folder / PAGE
    with whole_file(path) as file:

        def put(text: str) -> None:
            file.write(text.encode("utf-8", "backslashreplace"))

        put(_head(about, facts))
        order = "the highest loss first" if labelled else "in their order"
        first = f"the first {MOST:,} of {len(numbers):,}" if len(numbers) > MOST else ""
        words = ", ".join(filter(None, (order, first)))
        put(f'<h2>Images, {words}</h2>\n<div class="grid">\n')
        for start in range(0, min(MOST, len(numbers)), 200):
            rows = list(index.rows(job, numbers[start : min(start + 200, MOST)]))
            small = thumbnails.addresses(rows)
            for shown in rows:
                source = small.get(shown.number) or _link(shown.path, folder)
                put(_figure(shown, about, source))
        put("</div>\n</body></html>\n")
    return path


def _head(about: Job, facts: dict[str, Any]) -> str:
    where = f"{about.method}, {about.layer}" if about.layer else about.method
    title = f"{about.model} on {facts['images']:,} images"
    rate = facts["images_per_second"]
    accuracy = facts["accuracy"]
    numbers = [
        ("Images", f"{facts['images']:,}"),
        ("Accuracy", "" if accuracy is None else f"{100 * accuracy:.1f} %"),
        ("Wrong", f"{facts['labelled'] - facts['correct']:,}" if facts["labelled"] else ""),
        ("Unreadable", f"{facts['unreadable']:,}"),
        ("Images a second", "" if rate is None else f"{rate:.1f}"),
    ]
    items = "".join(
        f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in numbers if value
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>\n"
        f'<h1>{_text(title)}</h1><p class="sub">{_text(where)}</p>\n<dl>{items}</dl>\n'
        f"{_matrix(facts['confusion'])}"
    )


def _matrix(confusion: dict[str, Any] | None, most: int = 40) -> str:
    if confusion is None or max(map(len, (confusion["labels"], confusion["predictions"]))) > most:
        return ""
    said = confusion["predictions"]
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in said)
    rows = []
    for label, counts in zip(confusion["labels"], confusion["counts"], strict=True):
        cells = []
        for name, count in zip(said, counts, strict=True):
            kind = "right" if name == label else ("" if count else "none")
            cells.append(f'<td class="{kind}">{count:,}</td>')
        rows.append(f'<tr><th scope="row">{_text(label)}</th>{"".join(cells)}</tr>')
    kind = ' class="many"' if len(said) > _WIDE else ""
    return (
        "<h2>Label (rows) and prediction (columns)</h2>\n"
        f'<div class="scroll"><table{kind}><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>\n"
    )


def _figure(shown: Shown, about: Job, source: str) -> str:
    """source: the address of the image."""
    row = shown.row
    lines = [f"<small>{_text(shown.name)}</small>"]
    if row is None or row.prediction is None:
        lines.insert(0, _text(shown.error or "not computed yet"))
    else:
        said = about.classes[row.prediction]
        chance = "" if row.probability is None else f" {100 * row.probability:.1f} %"
        wrong = f", label {_text(shown.label)}" if shown.label and not row.correct else ""
        kind = ' class="wrong"' if row.correct is False else ""
        lines.insert(0, f"<span{kind}>{_text(said)}{chance}{wrong}</span>")
        if shown.error:
            lines.append(f"<small>{_text(shown.error)}</small>")
    image = "" if row is None else f'<img loading="lazy" alt="{_text(shown.name)}" src="{source}">'
    return (
        f'<figure><div class="image" style="{_room(shown)}">{image}{_map(shown)}</div>'
        f"<figcaption>{''.join(lines)}</figcaption></figure>\n"
    )


def _room(shown: Shown) -> str:
    """The place of an image, which it has before it is loaded. A tall one is narrower than others:
    nothing is higher than 1 / _NARROWEST of the column."""
    if shown.properties is None:
        return "height:3rem"
    width, height = shown.properties.width, shown.properties.height
    share = min(1.0, width / height / _NARROWEST)
    return f"aspect-ratio:{width}/{height};width:{100 * share:.3f}%"


def _map(shown: Shown) -> str:
    """The heat map as a small picture over its region of the image."""
    row = shown.row
    if row is None or row.map is None or row.figures is None:
        return ""
    rows, columns = row.map.shape
    pixels = layer(np.ascontiguousarray(row.map), DisplaySettings(), (columns, rows))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    x, y, width, height = (f"{100 * share:.3f}%" for share in row.region)
    place = f"left:{x};top:{y};width:{width};height:{height}"
    return f'<img class="map" alt="" style="{place}" src="data:image/png;base64,{data}">'


def _link(path: str, folder: Path) -> str:
    """To a file, relative to the page where both are on one disk."""
    try:
        return quote(os.fsencode(os.path.relpath(path, folder)).replace(b"\\", b"/"))
    except ValueError:
        return Path(path).as_uri()


def _text(text: str) -> str:
    return html.escape(plain(text))

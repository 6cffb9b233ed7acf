"""A report as one HTML page that loads nothing: styles and pictures are in it, and no script is.

All text is escaped, and a policy in the page forbids what is not in it, should something slip
through.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from engine.escaping import lines, plain
from engine.records.images import Pixels
from engine.reports.blocks import (
    Block,
    ColourBar,
    Facts,
    Heading,
    Paragraph,
    Pictures,
    Report,
    Shot,
    Table,
)

_LONGEST = 2_000
# Times the width of a column; what would be higher is narrower than it.
_TALLEST = 1.6
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_STYLE = """\
:root { color-scheme: light; --ink: #1c1c1c; --faint: #5c5c5c; --line: #d4d4d4; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2.5rem 2rem; background: #fff; color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
h1 { margin: 0; font-size: 1.8rem; line-height: 1.2; font-weight: 600; overflow-wrap: anywhere; }
h2 { margin: 2.2rem 0 .6rem; font-size: 1.2rem; font-weight: 600; break-after: avoid; }
h3 { margin: 1.4rem 0 .4rem; font-size: 1rem; font-weight: 600; break-after: avoid; }
h4 { margin: 1.2rem 0 .3rem; font-size: .9rem; font-weight: 600; break-after: avoid; }
h2, h3, h4 { overflow-wrap: anywhere; }
p { margin: .4rem 0; white-space: pre-line; overflow-wrap: anywhere; }
.quiet, header p { color: var(--faint); }
table { width: 100%; table-layout: fixed; border-collapse: collapse; font-size: .9rem; }
th, td { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: anywhere; font-weight: normal; }
thead th, .facts th { color: var(--faint); }
.facts th { width: 12rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number + td, th.number + th { padding-left: .4rem; }
tr, figure, .short { break-inside: avoid; }
.facts tr:first-child { break-after: avoid; }
.pictures { display: grid; grid-template-columns: 1fr 1fr; gap: 1.2rem; margin: .8rem 0; }
figure { margin: 0; }
figure > img { display: block; width: 100%; height: auto; border: 1px solid var(--line); }
figcaption { margin-top: .4rem; font-size: .85rem; color: var(--faint); overflow-wrap: anywhere; }
figcaption strong { display: block; color: var(--ink); font-weight: 600; }
.bar { margin-top: .4rem; }
.bar img { display: block; width: 100%; height: .7rem; }
.marks { position: relative; height: 1.2rem; font-variant-numeric: tabular-nums; }
.marks span { position: absolute; transform: translateX(-50%); white-space: nowrap; }
.marks span:first-child { transform: none; }
.marks span:last-child { transform: translateX(-100%); }
@media (max-width: 44rem) {
  body { padding: 1.5rem 1rem; }
  .pictures { grid-template-columns: 1fr; }
}
/* Columns are as wide as their longest word; names alone may break within one. */
@media screen and (max-width: 44rem) {
  table { table-layout: auto; }
  .facts { table-layout: fixed; }
  .facts th { width: 8rem; }
  .number { overflow-wrap: break-word; }
}
/* Without a size, since the paper is in the reader's printer, not in the writer's. */
@page { margin: 18mm; }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  img { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .pictures { grid-template-columns: 1fr 1fr; }
  figure > img { max-height: 150mm; object-fit: contain; object-position: left top; }
  thead { display: table-header-group; }
}
"""


def written(report: Report) -> bytes:
    """The page, UTF-8. It is printed on whatever paper there is."""
    return "\n".join(_page(report)).encode("utf-8", "backslashreplace")


def _page(report: Report) -> Iterator[str]:
    yield "<!DOCTYPE html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_POLICY)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{_text(report.title)}</title>"
    yield f"<style>\n{_STYLE}</style>"
    yield "</head>"
    yield "<body>"
    yield f"<header><h1>{_text(report.title)}</h1><p>{_text(report.line)}</p></header>"
    yield "<main>"
    for block in report.blocks:
        yield from _block(block)
    yield "</main>"
    yield "</body>"
    yield "</html>"
    yield ""


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading():
            yield f"<h{block.level}>{_text(block.text)}</h{block.level}>"
        case Paragraph():
            kind = ' class="quiet"' if block.quiet else ""
            yield f"<p{kind}>{html.escape(lines(block.text))}</p>"
        case Facts():
            yield '<table class="facts"><tbody>'
            for name, value in block.rows:
                yield f'<tr><th scope="row">{_text(name)}</th><td>{_text(value)}</td></tr>'
            yield "</tbody></table>"
        case Table():
            yield from _table(block)
        case Pictures():
            yield '<div class="pictures">'
            for shot in block.shots:
                yield from _shot(shot)
            yield "</div>"


def _table(table: Table) -> Iterator[str]:
    kinds = [' class="number"' if n in table.numbers else "" for n in range(len(table.head))]
    heads = "".join(
        f'<th scope="col"{kind}>{_text(name)}</th>'
        for name, kind in zip(table.head, kinds, strict=True)
    )
    columns = "".join(f'<col style="width: {100 * share:.0f}%">' for share in table.shares)
    kind = ' class="short"' if table.is_short else ""
    yield f"<table{kind}><colgroup>{columns}</colgroup><thead><tr>{heads}</tr></thead><tbody>"
    for row in table.rows:
        cells = zip(row, kinds, strict=True)
        yield "<tr>" + "".join(f"<td{kind}>{_text(cell)}</td>" for cell, kind in cells) + "</tr>"
    yield "</tbody></table>"


def _shot(shot: Shot) -> Iterator[str]:
    rows, columns = shot.pixels.shape[:2]
    share = _TALLEST * columns / rows
    narrow = f' style="width: {100 * share:.2f}%"' if share < 1 else ""
    yield "<figure>"
    yield (
        f'<img alt="{_text(shot.title)}" width="{columns}" height="{rows}"{narrow} '
        f'src="{_embedded(shot.pixels)}">'
    )
    yield f"<figcaption><strong>{_text(shot.title)}</strong>"
    for line in shot.lines:
        yield f"<div>{_text(line)}</div>"
    if shot.bar is not None:
        yield from _bar(shot.bar)
    yield "</figcaption>"
    yield "</figure>"


def _bar(bar: ColourBar) -> Iterator[str]:
    yield f'<div class="bar"><div>{_text(bar.title)}</div>'
    yield f'<img alt="" src="{_embedded(bar.colors[None])}">'
    marks = "".join(
        f'<span style="left: {100 * place:.2f}%">{_text(number)}</span>'
        for place, number in bar.marks
    )
    yield f'<div class="marks">{marks}</div></div>'


def _embedded(pixels: Pixels) -> str:
    """The pixels as a PNG in the address itself."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, format="PNG", compress_level=6)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def _text(text: str) -> str:
    return html.escape(plain(text, _LONGEST))

"""What is said in a report: blocks made of images, maps and figures that are there already.

A report names files without their folders, which say more about a person than about an image; the
checksums tell which files they were. What a DICOM file says about the patient is left out unless it
is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePath

from engine.edits.words import described as edit_words
from engine.export.sidecar import pixels_sha256
from engine.figures.panes import Pane, fitted
from engine.methods import registry
from engine.methods.modifiers import place_words, value_title
from engine.records import level_words
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation, Verdict
from engine.records.images import LoadedImage, Note, Preprocessing
from engine.records.workbench.reports import Included, Mapped, Subject
from engine.records.workbench.trust import TrustFigure, measured, said
from engine.render import overlay
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
from engine.version import NAME, VERSION

_MOST_PIXELS = 1600
"""Along the longer side of a picture; what is printed on half a page has no use for more."""
# Of numbers at a colour bar, so that long ones ("0.00600") do not meet on half a page.
_SPACING = 0.28


def report(
    subjects: Sequence[Subject],
    included: Included,
    *,
    words: str = "",
    title: str = "",
    versions: Mapping[str, str] | None = None,
) -> Report:
    """The report about these images.

    words: a person's own, at its beginning. title: '' for the names of the images. versions: of the
    libraries.
    """
    names = list(dict.fromkeys(_name(subject, included) for subject in subjects))
    called = title or (names[0] if len(names) == 1 else f"{len(names)} images")
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    blocks: list[Block] = []
    if words.strip():
        blocks.append(Paragraph(words.strip()))
    for subject in subjects:
        blocks += _subject(subject, included, alone=len(subjects) == 1)
    if included.versions:
        blocks += _versions(subjects, included, versions or {})
    return Report(called, f"{NAME} report, {when}", tuple(blocks))


def _name(subject: Subject, included: Included) -> str:
    return subject.image.named(subject.image.name, included.patient)


def _subject(subject: Subject, included: Included, *, alone: bool) -> Iterator[Block]:
    if not alone:
        yield Heading(f"{_name(subject, included)} · {subject.info.name}")
    change = subject.change(patient=included.patient)
    if change:
        yield Paragraph(f"{change}.")
    yield Pictures((_bare(subject, included), *(_shot(subject.image, one) for one in subject.maps)))
    yield Heading("Prediction", 2 if alone else 3)
    yield _predictions(subject)
    if included.edits and subject.edits.active:
        yield Heading("Edits", 2 if alone else 3)
        image, patient = subject.image, included.patient
        steps = (image.named(edit_words(step), patient) for step in subject.edits.active)
        yield Facts(tuple((str(number), text) for number, text in enumerate(steps, start=1)))
    if included.notes and subject.notes:
        yield Heading("Notes", 2 if alone else 3)
        for note in subject.notes:
            yield Paragraph(subject.image.named(_note(note), included.patient))
    if included.trust:
        yield from _trust(subject, alone=alone)
    if included.settings:
        yield Heading("Settings", 2 if alone else 3)
        yield Facts(tuple(_settings(subject, included)))


def _note(note: Note) -> str:
    """The note, with the part of the image that it is about."""
    part = note.part
    if part is None:
        return note.text
    where = f"x {part.x:.0f}, y {part.y:.0f}, {part.width:.0f} x {part.height:.0f} pixels"
    return f"{note.text} ({where})"


# --- pictures ------------------------------------------------------------------------------------


def _bare(subject: Subject, included: Included) -> Shot:
    image = subject.image
    lines = [f"{image.width:,} x {image.height:,} pixels"]
    if image.pages > 1:
        lines.append(f"page {image.page:,} of {image.pages:,}")
    if image.shown is not None:
        lines.append(f"levels: {level_words.described(image.shown, image.depth)}")
    if subject.edits.active:
        lines.append("edited")
    pane = _reduced(Pane(image.pixels, None, DisplaySettings()))
    return Shot(pane.pixels, _name(subject, included), tuple(lines))


def _shot(image: LoadedImage, mapped: Mapped) -> Shot:
    explanation, settings = mapped.explanation, mapped.settings
    pane = _reduced(Pane(image.pixels, explanation, settings))
    assert pane.explanation is not None
    low, high = float(explanation.map.min()), float(explanation.map.max())
    lines = [
        f"{registry.described(explanation.method, explanation.options)}, "
        f"{place_words(explanation)}",
        f"values {overlay.number_text(low)} to {overlay.number_text(high)}",
    ]
    caution = registry.find(explanation.method).caution
    if caution:
        lines.append(caution)
    if explanation.verdict is not Verdict.OK:
        lines.append(explanation.verdict.value)
    bar = ColourBar(
        overlay.bar_colors(settings, 256),
        tuple(overlay.bar_marks(explanation, settings, _SPACING)),
        f"{value_title(explanation)}; {_signs(explanation, settings)}",
    )
    pixels = overlay.blend(pane.pixels, pane.explanation, settings)
    return Shot(pixels, explanation.sentence, tuple(lines), bar)


def _signs(explanation: Explanation, settings: DisplaySettings) -> str:
    """What is shown of the map, in words."""
    positive, negative = explanation.signs
    return {
        "positive": positive,
        "negative": negative,
        "signed": f"{negative} (blue), {positive} (orange)",
    }[settings.sign]


def _reduced(pane: Pane) -> Pane:
    height, width = pane.pixels.shape[:2]
    factor = min(1.0, _MOST_PIXELS / max(height, width))
    if factor == 1.0:
        return pane
    return fitted(pane, (max(1, round(width * factor)), max(1, round(height * factor))))


# --- tables --------------------------------------------------------------------------------------


def _predictions(subject: Subject) -> Table:
    rows = []
    for one in subject.predictions:
        logit = f"{one.logit:.3f}".replace("-", "\u2212")
        known = "" if one.probability is None else f"{100 * one.probability:.2f} %"
        rows.append((one.label, known, logit))
    return Table(("Class", "Probability", "Logit"), tuple(rows), (0.6, 0.2, 0.2), (1, 2))


def _trust(subject: Subject, *, alone: bool) -> Iterator[Block]:
    with_figures = [one for one in subject.maps if one.trust]
    if not with_figures:
        return
    yield Heading("How far the maps can be trusted", 2 if alone else 3)
    for one in with_figures:
        if len(subject.maps) > 1:
            place = place_words(one.explanation)
            how = registry.described(one.explanation.method, one.explanation.options)
            yield Heading(f"{one.explanation.sentence}: {how}, {place}", 3 if alone else 4)
        rows = tuple((figure.title, _value(figure), figure.verdict) for figure in one.trust)
        yield Table(("Figure", "Value", "What it says"), rows, (0.24, 0.2, 0.56), (1,))


def _value(figure: TrustFigure) -> str:
    """The number with its spread and unit; '' where it could not be computed."""
    if figure.value is None:
        return ""
    if figure.unit == "share":
        return f"{100 * figure.value:.0f} %"
    value, spread = figure.value, figure.spread
    text = said(value) if spread is None else measured(value, spread)
    return f"{text} {figure.unit}".strip()


def _settings(subject: Subject, included: Included) -> Iterator[tuple[str, str]]:
    info = subject.info
    yield "Model", info.name
    if info.weights:
        yield "Weights", PurePath(info.weights.replace("\\", "/")).name
    yield "Output", f"{info.counted}, {info.output.scores.value}"
    source = info.preprocessing_origin
    yield "Preprocessing", _preprocessing(info.preprocessing) + (f" ({source})" if source else "")
    if subject.maps:
        yield "Computed on", subject.maps[0].explanation.device
    for number, one in enumerate(subject.maps, start=1):
        name = "Map" if len(subject.maps) == 1 else f"Map {number}"
        yield name, _map_words(one)
    notices = dict.fromkeys(text for one in subject.maps for text in one.explanation.notices)
    for notice in notices:
        yield "Notice", subject.image.named(notice, included.patient)


def _map_words(mapped: Mapped) -> str:
    explanation, settings = mapped.explanation, mapped.settings
    method = registry.find(explanation.method)
    rows, columns = explanation.map.shape
    shape = " x ".join(map(str, explanation.shape))
    words = f"{registry.described(method.slug, explanation.options)} ({method.paper}) of "
    words += f"{place_words(explanation)} ({shape}), {rows} x {columns} cells, for "
    words += f"{explanation.sentence}; colours {settings.colormap}, opacity "
    return words + f"{settings.opacity:.0%}, {settings.sign} values, {settings.interpolation}"


def _preprocessing(how: Preprocessing) -> str:
    resize = how.resize
    parts = []
    if isinstance(resize, int):
        parts.append(f"shorter side to {resize}")
    elif resize is not None:
        parts.append(f"resized to {resize[1]} x {resize[0]}")
    parts.append(f"crop {how.crop[1]} x {how.crop[0]}")
    parts.append(f"{how.channels}, range {how.range[0]:g} to {how.range[1]:g}")
    mean, std = (", ".join(f"{each:g}" for each in of) for of in (how.mean, how.std))
    parts.append(f"mean {mean}, standard deviation {std}")
    return "; ".join(parts)


def _versions(
    subjects: Sequence[Subject], included: Included, versions: Mapping[str, str]
) -> Iterator[Block]:
    yield Heading("Files and versions")
    rows: list[tuple[str, str]] = []
    for subject in subjects:
        name = _name(subject, included)
        rows.append((f"{name}, SHA-256 of the pixels", pixels_sha256(subject.image.pixels)))
        if included.patient and subject.image.subject is not None:
            whom = subject.image.subject
            rows.append(("Patient", f"{whom.name}, {whom.date}".strip(", ")))
        if subject.info.weights_sha256:
            sha256 = subject.info.weights_sha256
            rows.append((f"{subject.info.name}, SHA-256 of the weights", sha256))
    rows.append((NAME, VERSION))
    rows += [(name, version) for name, version in versions.items() if version]
    yield Facts(tuple(dict.fromkeys(rows)))

"""What JSON says of an explanation: its sidecar, one of several maps, and the parts of both."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from engine.images.levels import applied_to
from engine.methods.modifiers import fused_by
from engine.methods.registry import Chosen, find
from engine.records.display import DisplaySettings
from engine.records.explanations import Explanation
from engine.records.images import LoadedImage, Note, Pixels
from engine.records.level_words import spelled
from engine.records.levels import AUTO, Levels
from engine.records.models import ModelInfo, Prediction
from engine.records.views import View
from engine.render import overlay
from engine.render.looks import look_of
from engine.version import NAME, VERSION


def sidecar(
    image: LoadedImage,
    explanation: Explanation,
    model_info: ModelInfo,
    predictions: Sequence[Prediction],
    settings: DisplaySettings | None = None,
    versions: Mapping[str, str] | None = None,
    *,
    view: View | None = None,
    subject: bool = False,
    notes: Sequence[Note] = (),
) -> dict[str, Any]:
    """Everything needed to reproduce this explanation, ready for JSON.

    Contains the output of `explain --json` (image, model, device, layer, class, predictions, map,
    region, seconds), the question with its score and the number that was explained, the program,
    the versions of the libraries (passed in, since this module does not import torch), the image's
    checksum, the model with its preprocessing, and the display settings if given. map.scale_end is
    the value at the high end of the colour scale, by these settings, or for positive values; a few
    pixels may go beyond it. Numbers that JSON cannot express (NaN, infinity) become null. subject:
    with the patient's name and the date of a DICOM file, which are left out otherwise, in paths
    and notes too. notes: what a person wrote about the image. view: what `explain --like` asks for
    again.
    """
    region = explanation.region
    content: dict[str, Any] = {
        "image": image.named(str(image.path or image.name), subject),
        "model": model_info.source,
        "device": explanation.device,
        "layer": explanation.layer or None,
        "fusion": _fusion(explanation),
        "class": {"index": explanation.target.index, "label": explanation.target.label},
        "predictions": [prediction_facts(prediction) for prediction in predictions],
        "map": {
            "shape": list(explanation.map.shape),
            "min": _number(explanation.map.min(initial=np.inf)),
            "max": _number(explanation.map.max(initial=-np.inf)),
            "scale_end": _scale_end(explanation, settings),
        },
        "region": [region.x, region.y, region.width, region.height],
        "seconds": {
            "forward": explanation.seconds.forward,
            "explain": explanation.seconds.explain,
        },
        "method": explanation.method,
        "options": dict(explanation.options),
        "target": prediction_facts(explanation.target),
        "question": _question(explanation),
        "output_shape": list(explanation.shape),
        "layout": explanation.layout.value if explanation.layout is not None else None,
        "arithmetic": explanation.arithmetic,
        "verdict": explanation.verdict.value,
        "notices": list(explanation.notices),
        "image_file": {
            "name": image.named(image.name, subject),
            "path": image.named(str(image.path.resolve()), subject) if image.path else None,
            "width": image.width,
            "height": image.height,
            "mode": image.mode,
            "notices": list(image.notices),
            "pixels_sha256": pixels_sha256(image.pixels),
            **_depth_facts(image, model_info.preprocessing.levels),
        },
        "model_info": _model(model_info),
        "program": {"name": NAME, "version": VERSION},
        "versions": dict(versions or {}),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if notes:
        content["notes"] = [_note(note, image, subject) for note in notes]
    if view is not None:
        content["view"] = view_facts(view, image, subject=subject)
    if settings is not None:
        content["display"] = {**asdict(settings), "look": look_of(settings) or None}
    if subject and image.subject is not None:
        content["subject"] = {"name": image.subject.name, "date": image.subject.date}
    return content


def _note(note: Note, image: LoadedImage, subject: bool) -> dict[str, Any]:
    part = note.part
    return {
        "text": image.named(note.text, subject),
        "part": [part.x, part.y, part.width, part.height] if part is not None else None,
    }


def view_facts(view: View, image: LoadedImage, *, subject: bool = False) -> dict[str, Any]:
    """What is asked for again, with the levels that were set for the image, if any were."""
    facts = {**view.facts, "image": image.named(view.image, subject)}
    for step in facts["edits"]:
        if "source" in step:
            step["source"] = image.named(step["source"], subject)
    if image.own_levels != AUTO:
        facts["levels"] = spelled(image.own_levels)
    return facts


def pane_facts(
    image: LoadedImage, model: str, view: View, explanation: Explanation, *, subject: bool = False
) -> dict[str, Any]:
    """One of several maps: what it is of, its range, and the view to ask for it again.

    model: its name. subject: as for sidecar.
    """
    row = explanation.map
    return {
        "image": image.named(view.image, subject),
        "model": model,
        "layer": explanation.layer or None,
        "class": {"index": explanation.target.index, "label": explanation.target.label},
        "method": explanation.method,
        "min": float(row.min()),
        "max": float(row.max()),
        "shape": list(row.shape),
        "options": dict(explanation.options),
        "words": explanation.sentence,
        "verdict": explanation.verdict.value,
        "view": view_facts(view, image, subject=subject),
    }


def _fusion(explanation: Explanation) -> dict[str, Any] | None:
    """Which layers' maps were fused, and how; None for a map of one layer, or of none."""
    if not explanation.fused:
        return None
    how = Chosen(find(explanation.method), explanation.options)
    return {"layers": list(explanation.fused), "by": fused_by(how)}


def _question(explanation: Explanation) -> dict[str, Any]:
    """What was asked: the question, the score and its value, and whom or what it is about."""
    asked, against = explanation.asked, explanation.against
    unit, cell = asked.unit, asked.cell
    return {
        "name": asked.question,
        "score": asked.score.value if asked.score is not None else None,
        "value": _number(explanation.value),
        "words": explanation.sentence,
        "positive": explanation.signs[0],
        "negative": explanation.signs[1],
        "class": asked.target,
        "against": prediction_facts(against) if against is not None else None,
        "unit": {
            "layer": unit.layer,
            "channel": unit.channel,
            "cell": list(unit.cell) if unit.cell is not None else None,
        }
        if unit is not None
        else None,
        "cell": list(cell) if cell is not None else None,
    }


def _depth_facts(image: LoadedImage, policy: Levels) -> dict[str, Any]:
    """What an image has besides 8-bit pixels: pages, values, and which are black and white."""
    facts: dict[str, Any] = {}
    if image.pages > 1:
        facts |= {"page": image.page, "pages": image.pages}
    depth, shown = image.depth, applied_to(image, policy)
    if depth is not None and shown is not None:
        facts["values"] = {
            "type": depth.values.dtype.name,
            "unit": depth.unit,
            "sha256": hashlib.sha256(np.ascontiguousarray(depth.values).data).hexdigest(),
            "not_finite": depth.not_finite,
        }
        facts["levels"] = {
            "mode": shown.mode.value,
            "asked": shown.asked.value,
            "assumed": shown.assumed,
            "black": shown.high if depth.inverted else shown.low,
            "white": shown.low if depth.inverted else shown.high,
        }
    return facts


def pixels_sha256(pixels: Pixels) -> str:
    """Checksum of the decoded image: SHA-256 over its RGB bytes, row by row."""
    return hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()


def _model(info: ModelInfo) -> dict[str, Any]:
    return {
        "source": info.source,
        "title": info.title,
        "architecture": info.architecture,
        "weights": info.weights,
        "weights_sha256": info.weights_sha256,
        "parameters": info.parameters,
        "classes": len(info.classes),
        "default_layer": info.default_layer,
        "output": {"place": info.output.place, "scores": info.output.scores.name.lower()},
        "arithmetic": info.arithmetic,
        "preprocessing": {
            **asdict(info.preprocessing),
            "origin": info.preprocessing_from.value,
            "source": info.preprocessing_origin,
        },
    }


def prediction_facts(prediction: Prediction) -> dict[str, Any]:
    """A class with its numbers, as in every JSON that has predictions."""
    return {
        "index": prediction.index,
        "label": prediction.label,
        "logit": _number(prediction.logit),
        "probability": _number(prediction.probability),
    }


def _scale_end(explanation: Explanation, settings: DisplaySettings | None) -> float:
    share = overlay.share_of(explanation)
    return overlay.value_range(explanation.map, settings or DisplaySettings(), share)[1]


def _number(value: float | np.floating[Any] | None) -> float | None:
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None

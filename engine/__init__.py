"""The engine of Hookscope: class activation maps of any layer, without a window.

    model = engine.load_model("demo:shapes")
    image = engine.load_image("photo.jpg")
    with engine.Session(model, image) as session:
        session.predictions(k=5)
        explanation = session.explain()
        explanation.map  # float32 (rows, columns), signed
    edits = engine.Edits((Hide(Hottest(15)),))  # from engine.records.edits
    engine.what_if(model, image, edits).after  # predictions of the edited image

The names below are loaded on first use: importing the package does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.effects.compared import what_if
    from engine.errors import (
        Cancelled,
        ChoiceNeeded,
        ConsentNeeded,
        DeviceError,
        ExportError,
        HookscopeError,
        ImageError,
        LayerError,
        ModelError,
        TargetError,
        WeightsError,
    )
    from engine.explain.batches import Batches
    from engine.explain.session import Session
    from engine.files.trust import Trust
    from engine.images.reading import decode_image, image_from_array, load_image
    from engine.loading.load import load_model
    from engine.model import Model
    from engine.progress import CancelToken
    from engine.records.asked import Question, Score, Unit
    from engine.records.display import DisplaySettings
    from engine.records.edits import Edits
    from engine.records.explanations import Comparison, Explanation, Verdict
    from engine.records.images import LoadedImage, Preprocessing, Region
    from engine.records.models import LayerNode, Layout, ModelInfo, Prediction
    from engine.records.workbench.what_if import WhatIf
    from engine.version import VERSION

_HOMES = {
    "engine.errors": (
        *("Cancelled", "ChoiceNeeded", "ConsentNeeded", "DeviceError", "ExportError"),
        *(
            "HookscopeError",
            "ImageError",
            "LayerError",
            "ModelError",
            "TargetError",
            "WeightsError",
        ),
    ),
    "engine.images.reading": ("decode_image", "image_from_array", "load_image"),
    "engine.model": ("Model",),
    "engine.loading.load": ("load_model",),
    "engine.progress": ("CancelToken",),
    "engine.records.asked": ("Question", "Score", "Unit"),
    "engine.records.display": ("DisplaySettings",),
    "engine.records.edits": ("Edits",),
    "engine.records.explanations": ("Comparison", "Explanation", "Verdict"),
    "engine.records.images": ("LoadedImage", "Preprocessing", "Region"),
    "engine.records.models": ("LayerNode", "Layout", "ModelInfo", "Prediction"),
    "engine.explain.batches": ("Batches",),
    "engine.explain.session": ("Session",),
    "engine.files.trust": ("Trust",),
    "engine.records.workbench.what_if": ("WhatIf",),
    "engine.version": ("VERSION",),
    "engine.effects.compared": ("what_if",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "VERSION",
    "Batches",
    "CancelToken",
    "Cancelled",
    "ChoiceNeeded",
    "Comparison",
    "ConsentNeeded",
    "DeviceError",
    "DisplaySettings",
    "Edits",
    "Explanation",
    "ExportError",
    "HookscopeError",
    "ImageError",
    "LayerError",
    "LayerNode",
    "Layout",
    "LoadedImage",
    "Model",
    "ModelError",
    "ModelInfo",
    "Prediction",
    "Preprocessing",
    "Question",
    "Region",
    "Score",
    "Session",
    "TargetError",
    "Trust",
    "Unit",
    "Verdict",
    "WeightsError",
    "WhatIf",
    "decode_image",
    "image_from_array",
    "load_image",
    "load_model",
    "what_if",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'engine' has no attribute '{name}'")
    return getattr(importlib.import_module(home), name)

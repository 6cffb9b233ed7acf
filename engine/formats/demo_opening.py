"""Opens a demo as a network; apart from openers, whose other formats take long to import."""

from __future__ import annotations

from engine.errors import ModelError
from engine.formats import demo
from engine.formats.network import Network
from engine.records.sources import ModelSource
from engine.weights.state_dicts import checksum

_PREFIX = "demo:"


def is_demo(source: ModelSource) -> bool:
    return source.spec.startswith(_PREFIX)


def open_demo(source: ModelSource) -> Network:
    """Raises ModelError for an unknown demo or one with other weights, WeightsError."""
    spec = source.spec
    if source.weights is not None:
        raise ModelError(f"{spec}: the demo has its own weights; leave out the weights file")
    if spec == demo.PHOTOS:
        # With torchvision, for the names of ImageNet's classes.
        from engine.formats.photos.opening import open_photos

        return open_photos(spec, demo.TITLES[spec])
    known = demo.DEMOS.get(spec.removeprefix(_PREFIX))
    if known is None:
        choices = " or ".join(demo.TITLES)
        raise ModelError(f"there is no model '{spec}'; choose {choices}")
    return Network(
        demo.build(known),
        source=spec,
        title=known.title,
        weights=known.weights.name,
        weights_sha256=checksum(known.weights),
        preprocessing=known.preprocessing,
        preprocessing_origin="the demo",
        classes=known.classes,
        classes_origin="the demo",
    )

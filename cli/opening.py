"""Opening the image and the model that a command names."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cli.entry import tell
from cli.options import source_of, trusted_files
from cli.preprocessing import warn
from engine.files import suffixes
from engine.lazy.pytorch import load as load_torch
from engine.reader import client

if TYPE_CHECKING:
    from engine.model import Model
    from engine.records.images import LoadedImage
    from engine.records.sources import ModelSource


def open_both(options: argparse.Namespace) -> tuple[LoadedImage, Model]:
    source = source_of(options)
    image = open_image(options, options.image)
    model = opened(source, options)
    return with_levels_of(model, image), model


def open_image(
    options: argparse.Namespace, path: Path | None, *, again: bool = False
) -> LoadedImage:
    """The image of a path, by default a scene; what there is to say about it is said once."""
    # Imported here: an unusable image is rejected before torch is imported, which takes seconds.
    from engine.formats.demo import SCENES
    from engine.images.reading import load_image

    chosen = path if path is not None else SCENES[0].path
    image = load_image(chosen, page=options.page, levels=options.levels, patience=options.patience)
    for notice in image.notices if not again else ():
        tell(f"warning: {image.named(image.name, options.patient)}: {notice}")
    return image


def with_levels_of(model: Model, image: LoadedImage) -> LoadedImage:
    """The image with the levels that the model's profile sets, unless it has its own."""
    from engine.images.levels import with_levels

    return with_levels(image, model.preprocessing.levels)


def open_model(options: argparse.Namespace) -> Model:
    return opened(source_of(options), options)


def opened(source: ModelSource, options: argparse.Namespace) -> Model:
    if suffixes.is_made_by_description(Path(source.spec)):
        # The reader process imports torch while this process does.
        client.warm(client.NETWORKS)
    load_torch()
    from engine.files.trust import Trust
    from engine.loading.load import open_source

    trust = Trust(named=trusted_files(options))
    model = open_source(source, options.device, trust, patience=options.patience)
    warn(model.info)
    return model

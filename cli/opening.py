"""Opening the image and the model that a command names."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cli.entry import tell
from cli.options import source_of, trusted_files
from engine.files import suffixes
from engine.lazy.pytorch import load as load_torch
from engine.reader import client

if TYPE_CHECKING:
    from engine.model import Model
    from engine.records.images import LoadedImage


def open_both(options: argparse.Namespace) -> tuple[LoadedImage, Model]:
    # Imported here: an unusable image is rejected before torch is imported, which takes seconds.
    from engine.formats.demo import SCENES
    from engine.images.reading import load_image

    chosen = options.image if options.image is not None else SCENES[0].path
    image = load_image(chosen, patience=options.patience)
    return image, open_model(options)


def open_model(options: argparse.Namespace) -> Model:
    source = source_of(options)
    if suffixes.is_made_by_description(Path(source.spec)):
        # The reader process imports torch while this process does.
        client.warm(client.NETWORKS)
    load_torch()
    from engine.files.trust import Trust
    from engine.loading.load import open_source

    trust = Trust(named=trusted_files(options))
    model = open_source(source, options.device, trust, patience=options.patience)
    for doubt in model.doubts:
        tell(doubt)
    return model

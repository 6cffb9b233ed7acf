"""What image processors of transformers do, as records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.formats.huggingface import preprocessing
from engine.records.images import Channels
from tests.engine.hf_folders import PROCESSORS


@pytest.mark.parametrize("name", PROCESSORS)
def test_preprocessing_is_the_processors_own(name: str) -> None:
    processor = PROCESSORS[name]()
    how = preprocessing.preprocessing_of(processor, 3, None)
    assert preprocessing.difference(processor, how) < 0.002


def test_what_differs_is_noticed() -> None:
    processor = PROCESSORS["CLIP"]()
    how = preprocessing.preprocessing_of(processor, 3, None)
    for wrong in (
        replace(how, channels=Channels.BGR),
        replace(how, resize=64),
        replace(how, resize=(56, 56)),
        replace(how, std=(0.5, 0.5, 0.5)),
        replace(how, range=(0.0, 255.0)),
        replace(how, crop=(48, 48)),
    ):
        assert not preprocessing.same(processor, wrong), wrong

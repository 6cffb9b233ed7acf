"""Before and after edits, along a slider, and over positions: against sessions of what results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import engine
from engine.edits.apply import edited, frame_of
from engine.effects.compared import seen_of, what_if
from engine.effects.curves import curve
from engine.effects.hottest import Hottests
from engine.effects.positions import positions
from engine.errors import Cancelled, EditError, TargetError
from engine.formats.demo import SCENES
from engine.images.preprocessing import region_of
from engine.progress import CancelToken
from engine.records.edits import (
    NO_EDITS,
    Change,
    Changing,
    Crop,
    Edits,
    Fill,
    Filling,
    Hide,
    Hottest,
    Paste,
    Rectangle,
)
from engine.records.images import LoadedImage, Region
from engine.records.models import OutputForm, Scores
from tests.engine.networks import IMAGE, SMALL, Base

CROP = Crop(Rectangle(600, 60, 500, 640))


@pytest.fixture(scope="module")
def model() -> engine.Model:
    return engine.load_model("demo:shapes")


@pytest.fixture(scope="module")
def image() -> LoadedImage:
    return engine.load_image(SCENES[0].path)


def _logits(model: engine.Model, image: LoadedImage) -> np.ndarray:
    with engine.Session(model, image, exact=True) as session:
        return session.logits


def test_a_crop_is_explained_as_the_file_that_was_cropped(
    model: engine.Model, image: LoadedImage, tmp_path: Path
) -> None:
    path = tmp_path / "crop.png"
    Image.fromarray(image.pixels[60:700, 600:1100]).save(path)
    cut = edited(image, Edits((CROP,)))
    with engine.Session(model, cut) as one, engine.Session(model, engine.load_image(path)) as other:
        first, second = one.explain(), other.explain()
        assert np.array_equal(first.map, second.map)
        assert first.region == second.region
        assert one.predictions() == other.predictions()


def test_the_region_is_that_of_the_crop_in_the_image(
    model: engine.Model, image: LoadedImage
) -> None:
    found = what_if(model, image, Edits((CROP,)))
    inner = region_of(500, 640, model.preprocessing)
    assert found.region == Region(600 + inner.x, 60 + inner.y, inner.width, inner.height)
    assert frame_of(found.edits, image.width, image.height) == Region(600, 60, 500, 640)
    whole = seen_of(model, image, NO_EDITS)
    assert whole == region_of(image.width, image.height, model.preprocessing)


def test_before_and_after_are_those_of_sessions(model: engine.Model, image: LoadedImage) -> None:
    edits = Edits((CROP, Hide(Hottest(15)), Change(Changing.BRIGHTNESS, 10)))
    found = what_if(model, image, edits, "ring", k=3)
    after = edited(image, edits, masks=Hottests(model))
    assert np.array_equal(found.image.pixels, after.pixels)
    before_logits, after_logits = _logits(model, image), _logits(model, after)
    ring = model.classes.index("ring")
    assert found.target.label == found.changed.label == "ring"
    assert found.target.logit == pytest.approx(before_logits[ring], abs=1e-4)
    assert found.changed.logit == pytest.approx(after_logits[ring], abs=1e-4)
    assert found.logit == pytest.approx(after_logits[ring] - before_logits[ring], abs=2e-4)
    for top, logits in ((found.before, before_logits), (found.after, after_logits)):
        assert [one.index for one in top] == list(np.argsort(-logits)[:3])
    assert found.probability == pytest.approx(
        torch.softmax(torch.tensor(after_logits), 0)[ring].item()
        - torch.softmax(torch.tensor(before_logits), 0)[ring].item(),
        abs=1e-4,
    )


def test_without_edits_nothing_changes(model: engine.Model, image: LoadedImage) -> None:
    found = what_if(model, image, NO_EDITS)
    assert (found.logit, found.probability) == (0.0, 0.0)
    assert found.before == found.after
    assert not found.is_turned


def test_a_network_of_values_has_no_probability() -> None:
    torch.manual_seed(0)
    model = engine.Model(Base(), preprocessing=SMALL, output=OutputForm(scores=Scores.VALUES))
    found = what_if(model, IMAGE, Edits((Change(Changing.BRIGHTNESS, 30),)))
    assert found.probability is None
    assert found.logit != 0
    assert curve(model, IMAGE, found.edits, 0, (0, 30)).probabilities is None


def test_an_unknown_class_is_said(model: engine.Model, image: LoadedImage) -> None:
    with pytest.raises(TargetError, match="no class 'dog'"):
        what_if(model, image, NO_EDITS, "dog")


def test_a_curve_is_what_each_amount_gives(model: engine.Model, image: LoadedImage) -> None:
    steps = (
        Hide(Rectangle(250, 100, 200, 200), Filling(Fill.GREY)),
        Change(Changing.ROTATE, 90, on=False),
        Change(Changing.CONTRAST, -20),
    )
    amounts = (-60.0, 0.0, 45.0)
    found = curve(model, image, Edits(steps), 1, amounts, "star")
    assert (found.what, found.amounts) == (Changing.ROTATE, amounts)
    assert found.target.label == "star"
    assert found.target.logit == pytest.approx(_logits(model, image)[2], abs=1e-4)
    assert found.probabilities is not None
    for amount, logit, probability in zip(amounts, found.logits, found.probabilities, strict=True):
        own = Edits((steps[0], Change(Changing.ROTATE, amount), steps[2]))
        expected = what_if(model, image, own, "star").changed
        assert logit == pytest.approx(expected.logit, abs=1e-3)
        assert probability == pytest.approx(expected.probability, abs=1e-3)


def test_a_curve_covers_the_range_of_its_slider() -> None:
    torch.manual_seed(0)
    model = engine.Model(Base(), preprocessing=SMALL)
    told: list[float] = []
    edits = Edits((Change(Changing.GREY, 30),))
    found = curve(model, IMAGE, edits, 0, progress=lambda part, _text: told.append(part))
    assert (found.amounts[0], found.amounts[-1], len(found.amounts)) == (0, 100, 21)
    assert told == sorted(told)
    assert told[-1] == 1.0
    with pytest.raises(EditError, match="amount"):
        curve(model, IMAGE, Edits((CROP,)), 0)


def test_positions_are_what_pasting_there_gives() -> None:
    torch.manual_seed(0)
    model = engine.Model(Base(), preprocessing=SMALL)
    rng = np.random.default_rng(3)
    other = engine.image_from_array(rng.integers(0, 256, (40, 40, 3), np.uint8), "other")
    paste = Paste("other", Rectangle(0, 0, 20, 10), (0, 0), scale=1.5)
    edits = Edits((Crop(Rectangle(8, 0, 64, 60)), paste, Change(Changing.HUE, 90)))
    found = positions(model, IMAGE, edits, 1, 2, others=lambda _s, _p: other, cells=5)
    assert found.region == Region(8, 0, 64, 60)
    assert found.logits.shape == (5, 5)
    assert found.probabilities is not None
    before = edited(IMAGE, Edits(edits.steps[:1]))
    assert found.target.logit == pytest.approx(_logits(model, before)[2], abs=1e-4)
    for row, column in ((0, 0), (2, 3), (4, 4)):
        at = found.corner(row, column, (30, 15))
        centre = (8 + (column + 0.5) * 64 / 5, (row + 0.5) * 60 / 5)
        assert at == pytest.approx((centre[0] - 15, centre[1] - 7.5))
        own = Edits((edits.steps[0], Paste("other", paste.part, at, 1.5)))
        after = edited(IMAGE, own, others=lambda _s, _p: other)
        assert found.logits[row, column] == pytest.approx(_logits(model, after)[2], abs=3e-4)
    assert float(np.ptp(found.logits)) > 5e-3


def test_the_mark_matters_where_the_network_learned_it() -> None:
    model = engine.load_model("demo:shortcut")
    scenes = {scene.path.name: scene.path for scene in SCENES}
    image = engine.load_image(scenes["hexagon.jpg"])
    mark = engine.load_image(scenes["star-with-mark.jpg"])
    paste = Paste("mark", Rectangle(750, 654, 84, 84), (0, 0), scale=720 / 768)
    found = positions(model, image, Edits((paste,)), 0, "star", others=lambda _s, _p: mark, cells=8)
    assert found.logits.shape == (8, 6)
    # The top and bottom rows lie outside what the network sees.
    row, column = divmod(int(np.argmax(found.logits)), 6)
    assert (row, column) == (6, 5)
    assert found.logits.max() - found.target.logit > 3


def test_they_stop_when_cancelled(model: engine.Model, image: LoadedImage) -> None:
    cancel = CancelToken()
    told: list[float] = []

    def stop(part: float, _text: str) -> None:
        told.append(part)
        cancel.cancel()

    edits = Edits((Change(Changing.ROTATE, 5), Paste("x", Rectangle(0, 0, 9, 9), (0, 0))))
    with pytest.raises(Cancelled):
        curve(model, image, edits, 0, others=lambda _s, _p: image, cancel=cancel, progress=stop)
    assert told == [0.0]
    with pytest.raises(Cancelled):
        positions(model, image, edits, 1, others=lambda _s, _p: image, cancel=cancel)
    with pytest.raises(Cancelled):
        what_if(model, image, edits, cancel=cancel)

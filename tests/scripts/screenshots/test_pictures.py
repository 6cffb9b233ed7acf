"""The pictures of the guide: each is taken by the script, of what it says it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

import engine
from engine.files.trust import Trust
from engine.records.models import Layout, Scores
from scripts.screenshots import odd_models, take, user_files
from scripts.screenshots.shots import SHOTS

TRUSTED = Trust(everything=True)


def test_every_picture_is_taken_by_the_script() -> None:
    names = [each.name for each in SHOTS]
    assert len(names) == len(set(names))
    # That one is of the installed program, which scripts/installers/check_deb.py takes.
    others = {"installed"}
    assert set(names) | others == {path.stem for path in take.FOLDER.glob("*.png")}


def test_the_star_detector_has_two_sides(tmp_path: Path) -> None:
    path = user_files.star_detector(tmp_path)
    model = engine.load_model(path, trust=TRUSTED, input="3x128x128")
    assert model.classes == ("negative", "positive")
    assert model.info.output.scores is Scores.SIDES


def test_the_transformer_is_explained_at_its_tokens() -> None:
    model = odd_models.transformer()
    layers = {node.name: node for node in model.layers}
    assert layers["encoder.ln_1"].default
    assert layers["encoder.ln_1"].layout is Layout.TOKENS
    assert layers["encoder.ln_1"].grid == (16, 16)
    assert not layers["encoder"].explainable


def test_what_is_asked_and_refused(tmp_path: Path) -> None:
    with pytest.raises(engine.ConsentNeeded, match="none of it was run"):
        engine.load_model(user_files.doubtful(tmp_path))
    with pytest.raises(engine.ChoiceNeeded, match="SmoothShapeNet"):
        engine.load_model(user_files.experiment(tmp_path), trust=TRUSTED)
    with pytest.raises(engine.ModelError, match="TorchScript"):
        engine.load_model(user_files.scripted(tmp_path))
    with pytest.raises(engine.WeightsError, match="resnet34"):
        engine.load_model(user_files.nearly_resnet(tmp_path))


def test_names_fit_their_network(tmp_path: Path) -> None:
    path, names = user_files.shapes_unnamed(tmp_path)
    model = engine.load_model(path, trust=TRUSTED, classes=names)
    assert "star" in model.classes

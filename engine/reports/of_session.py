"""What a session holds, opened and explained again, for a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from engine.edits.apply import Others, edited
from engine.edits.reading import others_in
from engine.effects.hottest import Hottests
from engine.errors import SessionError
from engine.explain.session import Session
from engine.files.hashing import sha256_of
from engine.files.trust import Trust
from engine.formats.demo import SCENES
from engine.images.levels import with_levels
from engine.images.reading import decode_image, load_image
from engine.keeping import files, locating
from engine.keeping.records import KeptImage, KeptModel, KeptPane, KeptSession
from engine.loading.load import open_source
from engine.model import Model
from engine.profiles.format import profile_of
from engine.progress import Report, ignore_progress
from engine.records.edits import Edits, Paste
from engine.records.explanations import Explanation
from engine.records.images import LoadedImage
from engine.records.levels import AUTO, Levels
from engine.records.workbench.reports import Mapped, Subject
from engine.records.workbench.trust import TrustFigure

Measure = Callable[[Session, Explanation], tuple[TrustFigure, ...]]
"""Finds out how far a map of a session can be believed."""


def subjects_of(
    path: Path,
    trust: Trust,
    measure: Measure,
    *,
    device: str = "auto",
    patience: float | None = None,
    exact: bool = False,
    progress: Report = ignore_progress,
) -> tuple[Subject, ...]:
    """The panes of a session file that show a map, those of one image and model together.

    Models are opened one after the other, with the settings that the session has for them. Raises
    SessionError for a file that is no session, holds no map, or lacks a file, which it names; and
    the errors of open_source, load_image and Session.explain.
    """
    session = _found(files.read(path), path)
    changed = _changed(session)
    panes = [pane for pane in session.panes if not pane.bare and pane.view.model]
    if not panes:
        raise SessionError(f"{path}: shows no map; name an image, or save a session that shows one")
    grouped: dict[tuple[str, str, Edits], list[KeptPane]] = {}
    for pane in panes:
        view = pane.view
        grouped.setdefault((view.model, view.image, view.edits), []).append(pane)
    found: dict[int, Subject] = {}
    opened: dict[str, Model] = {}
    for number, ((model_id, image_id, edits), own) in enumerate(grouped.items()):
        kept, owner = session.image(image_id), session.model(model_id)
        if kept is None or owner is None:
            raise SessionError(f"{path}: a pane shows an image or a model that the session lacks")
        progress(number / len(grouped), kept.name)
        if model_id not in opened:
            # One at a time in memory.
            opened = {model_id: _model(owner, trust, device, patience)}
        model = opened[model_id]
        image = _image(session, kept, model, edits, path.parent, patience, exact=exact)
        names = _changed_of(kept, owner, edits, changed)
        subject = _subject(session, kept, model, image, edits, own, measure, exact=exact)
        found[number] = replace(subject, changed=names)
    return tuple(found[number] for number in sorted(found))


def _found(session: KeptSession, path: Path) -> KeptSession:
    """The session with its files where they are now. Raises SessionError if one is missing."""
    session = locating.with_scenes(session, (scene.path for scene in SCENES))
    places: dict[str, Path] = {}
    for file in locating.all_files(session):
        place = locating.place_of(file, path.parent)
        if place is None:
            raise SessionError(
                f"{path}: {file.name} is not there any more; put it beside the session"
            )
        places[file.path] = place
    return locating.moved(session, places)


def _changed(session: KeptSession) -> dict[str, str]:
    """The names of files that are not as they were when the session was saved, by their paths."""
    return {
        file.path: file.name
        for file in locating.all_files(session)
        if file.sha256 and sha256_of(Path(file.path), SessionError) != file.sha256
    }


def _changed_of(
    kept: KeptImage, owner: KeptModel, edits: Edits, changed: Mapping[str, str]
) -> tuple[str, ...]:
    """Those of them that the maps of an image by a model depend on."""
    paths = [kept.file.path] if kept.file is not None else []
    paths += [file.path for file in owner.files.values()]
    paths += [step.source for step in edits.active if isinstance(step, Paste)]
    return tuple(dict.fromkeys(changed[path] for path in paths if path in changed))


def _model(kept: KeptModel, trust: Trust, device: str, patience: float | None) -> Model:
    profile = None if kept.profile is None else profile_of(dict(kept.profile))
    return open_source(kept.source, device, trust, profile=profile, patience=patience)


def _others_of(session: KeptSession, elsewhere: Others, policy: Levels) -> Others:
    """The images that edits paste from: those that have no file by their names, in sessions of
    earlier versions as an image of the session."""
    known = {kept.name: (kept.pixels, kept.levels) for kept in session.images if kept.pixels}
    known |= {kept.name: (kept.pixels, AUTO) for kept in session.sources if kept.pixels}

    def find(source: str, page: int) -> LoadedImage:
        pixels, levels = known.get(source, (None, AUTO))
        if pixels is None:
            return elsewhere(source, page)
        own = decode_image(pixels.encoded, source, page=page, levels=levels)
        return with_levels(own, policy)

    return find


def _image(
    session: KeptSession,
    kept: KeptImage,
    model: Model,
    edits: Edits,
    folder: Path,
    patience: float | None,
    *,
    exact: bool,
) -> LoadedImage:
    if kept.pixels is not None:
        own, name = kept.pixels.encoded, kept.name
        image = decode_image(own, name, page=kept.page, levels=kept.levels, patience=patience)
    else:
        place = next((s.path for s in SCENES if s.path.name == kept.scene), Path(kept.scene))
        place = place if kept.file is None else Path(kept.file.path)
        image = load_image(place, page=kept.page, levels=kept.levels, patience=patience)
    policy = model.preprocessing.levels
    image = with_levels(image, policy)
    if not edits.active:
        return image
    others = _others_of(session, others_in(folder, levels=policy, patience=patience), policy)
    return edited(image, edits, masks=Hottests(model, exact=exact), others=others)


def _subject(
    session: KeptSession,
    kept: KeptImage,
    model: Model,
    image: LoadedImage,
    edits: Edits,
    panes: list[KeptPane],
    measure: Measure,
    *,
    exact: bool,
) -> Subject:
    maps = []
    with Session(model, image, exact=exact) as own:
        for pane in panes:
            view = pane.view
            explanation = own.explain(
                view.layer,
                view.target,
                method=view.method,
                options=dict(view.options),
                question=view.question,
            )
            maps.append(Mapped(explanation, session.display, measure(own, explanation)))
        top = own.predictions()
    return Subject(image, model.info, top, tuple(maps), edits, kept.notes)

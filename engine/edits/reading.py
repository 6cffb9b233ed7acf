"""Edits from a JSON file, and the images that they paste from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from engine.edits.apply import Others
from engine.errors import EditError, one_line
from engine.files import presence, regular
from engine.files.named import NamedFiles
from engine.files.regular import Fault
from engine.images.levels import with_levels
from engine.images.reading import load_image
from engine.progress import CancelToken
from engine.reader import client
from engine.records.edits import Edits, Paste
from engine.records.images import LoadedImage
from engine.records.levels import AUTO, Levels

_LARGEST = 8_000_000


def read_edits(path: Path, alike: Iterable[Path] = ()) -> Edits:
    """The edits in a JSON file: a list of them, or an object with one as 'edits'.

    docs/what-if.md describes them. Images that they paste from are found where they are now.
    alike: as of located.
    Raises EditError, which names the file and says what is wrong.
    """
    try:
        content = json.loads(regular.read(path, EditError, _LARGEST).decode("utf-8"))
        files = NamedFiles.read(path, None)
        if isinstance(content, dict):
            if "edits" not in content:
                raise ValueError("it has no 'edits'")
            files = NamedFiles.read(path, content.get("files"))
            content = content["edits"]
        if not isinstance(content, list):
            raise ValueError("its edits are no list")
        edits = Edits.from_facts(content)
    except (ValueError, RecursionError) as error:
        why = "nested too deep" if isinstance(error, RecursionError) else one_line(error)
        raise EditError(
            f"{path}: no edits can be read from it ({why}); name a file that what-if wrote"
        ) from error
    return located(edits, files, EditError, alike)


def located(edits: Edits, files: NamedFiles, fault: Fault, alike: Iterable[Path] = ()) -> Edits:
    """The edits with the images that they paste from where they are now.

    files: those that the file of the edits names. alike: files that may be what is written without
    a patient's name, as those beside it may. Raises fault(one line) where one is missing or has
    changed, unless the edit is switched off.
    """
    return Edits(
        tuple(
            replace(step, source=str(files.place(step.source, fault, alike=alike)))
            if isinstance(step, Paste) and step.on
            else step
            for step in edits.steps
        )
    )


def others_in(
    folder: Path | None,
    *,
    levels: Levels = AUTO,
    patience: float | None = client.PATIENCE,
    cancel: CancelToken | None = None,
) -> Others:
    """The images that edits paste from, by the paths that they name; each is read once.

    folder: where the edits were read from, in which relative paths are looked for first, then in
    the current one. levels: as of the preprocessing. patience, cancel: as in load_image, which also
    says what is raised.
    """
    known: dict[tuple[str, int], LoadedImage] = {}

    def find(source: str, page: int) -> LoadedImage:
        if (source, page) not in known:
            path = Path(source)
            if folder is not None and not path.is_absolute() and presence.exists(folder / path):
                path = folder / path
            image = load_image(path, page=page, cancel=cancel, patience=patience)
            known[source, page] = with_levels(image, levels)
        return known[source, page]

    return find

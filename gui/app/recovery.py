"""Session recovery: records what is open, so that the next start can reopen it after a crash."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMutex, QMutexLocker, QObject, QSettings, QTimer

from engine.errors import HookscopeError, ModelError
from engine.files import regular
from engine.files.atomic import whole_file
from engine.files.presence import can_be_named
from engine.formats.demo import TITLES
from engine.process.logs import log_folder
from engine.profiles.asked import question_content, question_of
from engine.records.explanations import layers_in
from engine.records.sources import ModelSource
from gui.controllers.controller import Controller
from gui.controllers.models import FIRST_MODEL, PHOTO_MODEL
from gui.diagnostics.report import report
from gui.jobs.lanes import Job, Priority
from gui.state.state import State
from gui.widgets.dialogs.crash import CrashDialog
from gui.window.main_window import MainWindow

_log = logging.getLogger(__name__)

# Ten times the size of a record with ten thousand images.
_MOST_BYTES = 32 << 20
# The images of a folder are added one by one; they make one write.
_WRITE_AFTER_MS = 300
_WRITTEN_WITHIN_MS = 300
_HEADING = "Hookscope was not closed properly last time"
_STILL = "The last session can still be reopened"


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """The record of a session.

    images: the image files; demo scenes, pasted images and unreadable files are left out. model:
    key of its source. layer, target: the selection, None for the defaults of the model. question:
    what was asked, as engine.profiles.asked spells it. put_off: a later run offered the session,
    but was closed before the user answered.
    """

    images: tuple[str, ...] = ()
    current: str | None = None
    model: str = FIRST_MODEL.key
    layer: str | None = None
    target: int | None = None
    question: dict[str, Any] | None = None
    put_off: bool = False

    @classmethod
    def of(cls, state: State) -> OpenFiles:
        """The session as it is now."""
        files = {
            key: str(image.path)
            for key, image in state.images.items()
            if image.path is not None and image.scene is None and not image.error
        }
        # Opened for the images, as it will be again.
        opens = state.model_loading == PHOTO_MODEL
        source = PHOTO_MODEL if opens else state.model_source or FIRST_MODEL
        current = files.get(state.current_key or "")
        return cls(
            tuple(files.values()),
            current,
            source.key,
            state.layer,
            state.target,
            # A comparison belongs to its image, and is made anew by one click.
            None if state.comparing else question_content(state.question),
        )

    @classmethod
    def read(cls, text: str) -> OpenFiles | None:
        """Parse a record; None if it is invalid, which is logged."""
        try:
            facts = json.loads(text)
            ModelSource.from_key(facts["model"])
            opened = cls(**facts | {"images": tuple(facts["images"])})
            if not opened.makes_sense:
                raise ValueError("something in it is of another type")
            return opened
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            _log.warning("what was open the last time is unreadable: %r", error)
            return None

    @property
    def makes_sense(self) -> bool:
        """Whether every field has its type, as in a record written by this program."""
        return (
            all(map(can_be_named, self.images))
            and (self.current is None or can_be_named(self.current))
            and isinstance(self.layer, str | None)
            and (self.target is None or (isinstance(self.target, int) and self.target >= 0))
            and isinstance(self.put_off, bool)
            and _is_question(self.question)
        )

    def text(self) -> str:
        """The record as JSON, in ASCII so that file names that are not valid Unicode survive."""
        return json.dumps(asdict(self))

    @property
    def title(self) -> str:
        """'3 images and model.pth'; '' if the session is the same as that of a fresh start."""
        count = len(self.images)
        images = "" if not count else "1 image" if count == 1 else f"{count} images"
        source = ModelSource.from_key(self.model)
        usual = source in (FIRST_MODEL, PHOTO_MODEL)
        model = "" if usual else TITLES.get(source.spec, source.title)
        return " and ".join(words for words in (images, model) if words)


def record_file(store: QSettings) -> Path:
    """The session record: next to the settings file, or else next to the crash trace."""
    if store.format() is QSettings.Format.IniFormat:
        return Path(store.fileName()).with_suffix(".open.json")
    return log_folder() / "open.json"


class LastTime(QObject):
    """Keeps the session record while the program runs, and removes it after a clean exit.

    record: its file. fault: the trace of a crash of the last run, see engine.process.faults.
    """

    def __init__(
        self, window: MainWindow, state: State, controller: Controller, record: Path, fault: str
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._controller = controller
        self._record = record
        self._fault = fault
        self._wanted: OpenFiles | None = None
        self._closed = False
        self._writing = QMutex()
        self._last = _read(record)
        self._written: OpenFiles | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_WRITE_AFTER_MS)
        self._timer.timeout.connect(self._write)
        for changed in (
            state.image_added,
            state.image_updated,
            state.image_removed,
            state.current_changed,
            state.model_changed,
            state.answer_changed,
        ):
            changed.connect(self._note_change)
        state.answer_changed.connect(self._choose)
        # If the user moves on, the selection of the last session is no longer wanted.
        for gesture in (
            window.strip.image_chosen,
            window.tree.layer_chosen,
            window.predictions.class_chosen,
            window.dropped,
        ):
            gesture.connect(self._let_go)

    def offer(self) -> None:
        """If the last run did not exit cleanly, say so and offer to reopen its session."""
        last = self._last
        if last is None or not (last.title or self._fault):
            self._last = None
            return
        text = f"Open at that time: {last.title}." if last.title else "Only the demo was open."
        what = f"{self._fault}\n\n{_log_words()}" if self._fault else ""
        offer = "Reopen" if last.title else ""
        told = report(self._state, what) if what else ""
        heading = _STILL if last.put_off and not self._fault else _HEADING
        dialog = CrashDialog(heading, text, told, offer, self._window)
        dialog.reopen_wanted.connect(self.reopen)
        dialog.rejected.connect(self._decline)
        dialog.show()

    def reopen(self) -> None:
        """Reopen the last session."""
        opened, self._last = self._last, None
        if opened is None:
            return
        if opened.images and opened.current is None:
            # The current image had no file: its layer and class apply to no other image.
            first = opened.images[0]
            opened = replace(opened, current=first, layer=None, target=None, question=None)
        self._wanted = opened
        # Images first: a model may need an answer before it opens.
        if opened.images:
            images = [Path(name) for name in opened.images]
            self._controller.images.open_paths(images, Path(opened.current or images[0]))
        source = ModelSource.from_key(opened.model)
        if source != self._state.model_source:
            self._controller.models.open(source)
        else:
            self._controller.models.keep()

    def close(self) -> None:
        """Clean exit: remove the record. To be called again once the lanes are idle, because one
        may have been writing it. An offer that was not answered is kept for the next start."""
        self._closed = True
        self._timer.stop()
        # The process may end at any moment from now on, and a write takes some milliseconds; a disk
        # that does not answer is not waited for.
        waited = self._writing.tryLock(_WRITTEN_WITHIN_MS)
        try:
            if self._last is None:
                self._record.unlink(missing_ok=True)
            elif not self._last.put_off:
                self._last = replace(self._last, put_off=True)
                _write(self._record, self._last)
        except (OSError, HookscopeError) as error:
            _log.warning("%s", error)
        finally:
            if waited:
                self._writing.unlock()

    def _decline(self) -> None:
        self._last = None
        self._note_change()

    def _let_go(self) -> None:
        self._wanted = None

    def _note_change(self) -> None:
        # Jobs that are still running while the window closes may change the state.
        if not self._closed:
            self._timer.start()

    def _write(self) -> None:
        """Write the record, unless the user has not yet decided about that of the last run."""
        if self._last is not None:
            return
        opened = OpenFiles.of(self._state)
        if opened == self._written:
            return
        self._written = opened
        job = Job(
            "Saving the session",
            lambda _watch: self._put(opened),
            slot="open now",
            # Ahead of the thumbnails of a folder, any of which may crash the program.
            priority=Priority.CLICK,
            stoppable=False,
        )
        job.failed.connect(self._not_written)
        self._controller.file_lane.submit(job)

    def _put(self, opened: OpenFiles) -> None:
        """On the file lane."""
        with QMutexLocker(self._writing):
            _write(self._record, opened)
            # Where close() did not wait for it, one of the two removes what is written here.
            if self._closed:
                self._record.unlink(missing_ok=True)

    def _not_written(self) -> None:
        self._written = None

    def _choose(self) -> None:
        """Select the layer and class of the last session, once its model and image are open."""
        opened, state = self._wanted, self._state
        shown = state.current
        if opened is None or shown is None or state.explanation is None:
            return
        path = str(shown.path) if shown.scene is None else None
        source = state.model_source
        if source is None or source.key != opened.model or path != opened.current:
            return
        self._wanted = None
        names = {node.name for node in state.layers}
        parts = layers_in(opened.layer, names) if opened.layer is not None else ()
        if opened.layer and all(part.partition("#")[0] in names for part in parts):
            self._controller.choose_layer(opened.layer)
            self._window.tree.select(opened.layer)
        if opened.target is not None and state.info and opened.target < len(state.info.classes):
            self._controller.choose_class(opened.target)
        if opened.question is not None:
            self._controller.ask_again(question_of(opened.question))


def _is_question(content: object) -> bool:
    try:
        question_of(content)
    except ModelError:
        return False
    return True


def _read(record: Path) -> OpenFiles | None:
    """The record of the last run; None after a clean exit, and if it cannot be read."""
    try:
        if not record.exists():
            return None
        return OpenFiles.read(regular.read(record, HookscopeError, _MOST_BYTES).decode("utf-8"))
    except (OSError, HookscopeError, UnicodeDecodeError) as error:
        _log.warning("what was open the last time cannot be read: %s", error)
        return None


def _write(record: Path, opened: OpenFiles) -> None:
    """Write the record, on the file lane, as many names take a while. Raises HookscopeError."""
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HookscopeError(f"{record}: {error.strerror}") from error
    with whole_file(record) as file:
        file.write(opened.text().encode())


def _log_words() -> str:
    from engine.process import faults

    return f"The end of the log:\n{faults.log_tail()}"

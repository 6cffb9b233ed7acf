"""Shows the questions that must be answered before a model opens, a dialog for each kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDialog, QInputDialog

from engine.errors import ChoiceNeeded, ConsentNeeded
from engine.questions import (
    WhichArchitecture,
    WhichInput,
    WhichNetwork,
    WhichStateDict,
    WhichWeights,
)
from engine.records.sources import ModelSource
from gui.controllers.models import Models
from gui.controllers.published import Published
from gui.state.notices import NoticeKind
from gui.state.state import State
from gui.toolkit import plain_text
from gui.window.main_window import MainWindow


class ModelQuestions(QObject):
    """Shows a question, then opens the model again with the answer in its source.

    The current model stays open until then, or if the dialog is cancelled. declined: it was.
    """

    declined = Signal()

    def __init__(
        self, window: MainWindow, state: State, models: Models, published: Published
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._published = published
        self._models = models
        self._dialog: QDialog | None = None
        models.asked.connect(self._ask)

    def _ask(self, source: ModelSource, error: ConsentNeeded | ChoiceNeeded) -> None:
        if self._dialog is not None:
            # Another file was dropped meanwhile: only the latest question counts.
            self._dialog.reject()
        dialog = self._made(source, error)
        dialog.setObjectName("question about a model")
        agreed = not isinstance(error, ConsentNeeded)
        dialog.rejected.connect(lambda: self._not_answered(dialog, source, agreed))
        dialog.accepted.connect(lambda: self._done(dialog))
        self._dialog = dialog
        dialog.open()

    def _made(self, source: ModelSource, error: ConsentNeeded | ChoiceNeeded) -> QDialog:
        if isinstance(error, ConsentNeeded):
            return self._consent(source, error)
        question = error.question
        if isinstance(question, WhichArchitecture):
            return self._architecture(source, question)
        if isinstance(question, WhichStateDict):
            return self._state_dict(source, question)
        if isinstance(question, WhichNetwork):
            return self._network(source, question)
        if isinstance(question, WhichWeights):
            return self._weights(source, question)
        return self._input(source, question)

    def _consent(self, source: ModelSource, error: ConsentNeeded) -> QDialog:
        from gui.widgets.dialogs.consent import ConsentDialog

        def agreed() -> None:
            self._models.trust(error.path, error.sha256)
            self._models.reopen(source)

        dialog = ConsentDialog(error.path, error.risk, error.names, self._window)
        dialog.agreed.connect(agreed)
        return dialog

    def _architecture(self, source: ModelSource, question: WhichArchitecture) -> QDialog:
        from gui.widgets.dialogs.choice import ArchitectureDialog

        if not question.candidates:
            return self._named_architecture(source, question)
        dialog = ArchitectureDialog(question, self._window)
        dialog.chosen.connect(self._opening(lambda name: replace(source, architecture=name)))
        return dialog

    def _state_dict(self, source: ModelSource, question: WhichStateDict) -> QDialog:
        from gui.widgets.dialogs.choice import StateDictDialog

        dialog = StateDictDialog(question, self._window)
        dialog.chosen.connect(self._opening(lambda key: replace(source, weights_key=key)))
        return dialog

    def _named_architecture(self, source: ModelSource, question: WhichArchitecture) -> QDialog:
        """No architecture matches, but the user may know it; it may be one of timm's."""
        dialog = QInputDialog(self._window)
        dialog.setWindowTitle("Choose architecture")
        plain_text.ask(
            dialog,
            f"Which architecture do the weights in {_short(question.path)} belong to?\n"
            "Name of a torchvision model, or timm:NAME if timm is installed:",
        )
        dialog.setComboBoxEditable(True)

        def offer() -> None:
            typed = dialog.textValue()
            dialog.setComboBoxItems([model.name for model in self._state.gallery])
            dialog.setTextValue(typed)

        listed = self._state.gallery_changed
        listed.connect(offer)
        dialog.finished.connect(lambda _result: listed.disconnect(offer))
        self._published.read()
        offer()
        dialog.setOkButtonText("Open")
        dialog.textValueSelected.connect(
            self._opening(lambda name: replace(source, architecture=name.strip() or None))
        )
        return dialog

    def _network(self, source: ModelSource, question: WhichNetwork) -> QDialog:
        from gui.widgets.dialogs.network import NetworkDialog

        dialog = NetworkDialog(question, self._window)
        dialog.chosen.connect(
            lambda name, given: self._models.reopen(
                replace(source, architecture=name, arguments=tuple(given))
            )
        )
        return dialog

    def _weights(self, source: ModelSource, question: WhichWeights) -> QDialog:
        from gui.widgets.dialogs.choice import WeightsDialog

        dialog = WeightsDialog(question, self._window)
        dialog.chosen.connect(self._opening(lambda path: replace(source, weights=str(path))))
        return dialog

    def _input(self, source: ModelSource, question: WhichInput) -> QDialog:
        dialog = QInputDialog(self._window)
        dialog.setWindowTitle("Input size")
        plain_text.ask(
            dialog,
            f"{_short(question.path)} runs with none of the {len(question.tried)} sizes tried.\n"
            "Expected input, as channels x height x width:",
        )
        dialog.setTextValue(f"{question.channels or 3}x224x224")
        dialog.setOkButtonText("Open")
        dialog.textValueSelected.connect(self._opening(lambda text: replace(source, input=text)))
        return dialog

    def _opening(self, answered: Callable[[str], ModelSource]) -> Callable[[str], None]:
        return lambda answer: self._models.reopen(answered(answer))

    def _done(self, dialog: QDialog) -> None:
        if self._dialog is dialog:
            self._dialog = None

    def _not_answered(self, dialog: QDialog, source: ModelSource, agreed: bool) -> None:
        self._done(dialog)
        # By the time its networks are asked about, the code of a trusted file has run.
        self.declined.emit()
        words = "was not opened." if agreed else "was not opened; none of its code was run."
        self._state.notify(NoticeKind.INFO, f"{Path(source.spec).name} {words}")


def _short(path: Path) -> str:
    """The name of a file, shortened for a line that is not wrapped."""
    return plain_text.line(path.name, plain_text.SHORT)

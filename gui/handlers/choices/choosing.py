"""Opens the panel of methods, and carries out what is chosen there."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject

from engine.methods.options import Option
from engine.methods.registry import choose, find, refusal_of_option
from engine.methods.rows.shared import FUSE, SHARED
from gui.controllers.controller import Controller
from gui.handlers.choices.asking import Asking
from gui.state import offers
from gui.state.state import State
from gui.window.main_window import MainWindow


class Choosing(QObject):
    """Connects the buttons in the toolbar and their panels."""

    def __init__(self, window: MainWindow, state: State, controller: Controller) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._controller = controller
        self.asking = Asking(window, state, controller)
        window.method_button.clicked.connect(self.open_methods)
        window.methods.chosen.connect(controller.choose_method)
        window.methods.more.connect(self._ask_options)
        window.question_button.clicked.connect(self.open_questions)

    def open_methods(self) -> None:
        """Open the panel of methods."""
        self._window.methods.open_below(self._window.method_button)

    def open_questions(self) -> None:
        """Open the panel of questions."""
        self._window.questions.open_below(self._window.question_button)

    def _ask_options(self, slug: str) -> None:
        """Show the options of a method in the panel, and compute with them when confirmed."""
        from gui.widgets.choices.option_form import OptionForm

        method, panel = find(slug), self._window.methods
        missing = [(o, why) for o in SHARED if (why := refusal_of_option(method, o.name))]
        values = dict(offers.options_of(self._state, slug))
        form = OptionForm(list(map(_told, method.options)), values, missing=missing)

        def tell() -> None:
            form.show_cost(offers.cost(self._state, choose(slug, form.values())))

        def take(values: dict[str, object]) -> None:
            panel.close()
            self._controller.choose_method(slug, tuple(values.items()))  # type: ignore[arg-type]

        form.changed.connect(tell)
        form.confirmed.connect(take)
        tell()
        panel.show_form(method.title, form)


def _told(option: Option) -> Option:
    """The option, with how its layers are chosen in the window."""
    if option != FUSE:
        return option
    return replace(option, title=f"{option.title}; Ctrl+click layers to choose them")

"""Presents the methods: the toolbar's button, its panel and the menu."""

from __future__ import annotations

from PySide6.QtCore import QObject

from engine.methods import registry
from engine.methods.registry import METHODS, Chosen, Method, choose, title_of
from engine.methods.rows.shared import FUSE
from gui.settings import table
from gui.settings.store import Settings
from gui.state import offers
from gui.state.state import State
from gui.toolkit import plain_text
from gui.widgets.choices.rows import Choice
from gui.window.actions import in_menu
from gui.window.commands.derived import family_title, method_command, method_tip
from gui.window.main_window import MainWindow

_OPTIONS = "Options…"
_RECENT = "Recent"


class MethodPresenter(QObject):
    """Shows which method is in use, and which of them the current layer can have at what cost."""

    def __init__(self, window: MainWindow, state: State, settings: Settings) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._settings = settings
        self._shown: object = None
        window.methods.opening.connect(self._fill)
        for changed in (
            state.engine_changed,
            state.model_changed,
            state.answer_changed,
            state.selection_changed,
            state.current_changed,
        ):
            changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        state, window = self._state, self._window
        # Activating a pane tells of several changes at once, and the reasons take milliseconds.
        shown = offers.depends_on(state)
        if shown == self._shown:
            return
        self._shown = shown
        button = window.method_button
        button.setVisible(state.info is not None)
        button.show_text(title_of(state.method))
        described = registry.described(state.method, state.options)
        button.setToolTip(plain_text.tip(f"Method: {described}"))
        button.setAccessibleName(plain_text.line(f"Method: {described}"))
        window.actions_by_id.enable(("choose_method",), state.info is not None)
        for method in METHODS:
            action = window.actions_by_id[method_command(method.slug)]
            reason = offers.reason_against(self._state, method)
            action.setEnabled(state.info is not None and not reason)
            action.setText(in_menu(method.title, reason or method.summary))
            if state.info is not None:
                action.setToolTip(plain_text.tip(self._tip(method)))
        window.actions_by_id.check(method_command(state.method))
        used = registry.find(state.method)
        bare = "" if used.swept else f"No thumbnails: {used.title} is computed for one layer."
        window.tree.set_unavailable(used.no_layer, "" if used.no_layer else bare)
        reason = registry.refusal_of_option(used, FUSE.name)
        window.tree.set_unfusable(f"{used.title} cannot fuse layers: {reason}" if reason else "")
        if window.methods.isVisible():
            self._fill()

    def _fill(self) -> None:
        """Fill the panel: those last used on top, then all by family."""
        recent = [slug for slug in self._settings.get(table.RECENT_METHODS) if _known(slug)]
        rows = [self._row(registry.find(slug), _RECENT) for slug in recent]
        rows += [self._row(method, family_title(method)) for method in METHODS]
        self._window.methods.show_rows(rows)

    def _row(self, method: Method, section: str) -> Choice:
        options = offers.options_of(self._state, method.slug)
        described = registry.described(method.slug, options)
        return Choice(
            method.slug,
            method.title,
            method.summary,
            cost=offers.cost(self._state, Chosen(method, options)),
            reason=offers.reason_against(self._state, method),
            section=section,
            chosen=method.slug == self._state.method,
            more=_OPTIONS if method.options else "",
            note=described.removeprefix(method.title).strip(),
            words=method.slug,
            tip=f"{self._tip(method)}\n{method.paper}",
        )

    def _tip(self, method: Method) -> str:
        cost = offers.long_cost(self._state, choose(method.slug))
        return f"{method_tip(method)} Here: {cost}." if cost else method_tip(method)


def _known(slug: str) -> bool:
    return any(method.slug == slug for method in METHODS)

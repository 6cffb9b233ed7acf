"""Asks about parts of the network: a channel of a layer, one cell of it, one cell of the output."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMenu

from engine.methods.options import Kind, Option
from engine.records.asked import Cell, Question, Unit
from engine.records.models import LayerNode
from engine.targets.refusals import score_layer
from gui.controllers.controller import Controller
from gui.state import offers
from gui.state.state import State
from gui.widgets.choices.option_form import OptionForm
from gui.window.main_window import MainWindow

_MEAN, _ONE = "all, as their mean", "one cell"


class PartsAsking(QObject):
    """Fills the forms of the panel of questions, from its links and from context menus."""

    def __init__(self, window: MainWindow, state: State, controller: Controller) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._controller = controller
        window.tree.channel_wanted.connect(self._ask_channel_of)

    def extend_menu(self, menu: QMenu) -> None:
        """Offer to ask about the cell under the pointer, where the picture's map has one."""
        cell, node, scores = (
            self._window.canvas.cell,
            self._layer(),
            score_layer(self._state.layers),
        )
        asked = offers.asked_as(self._state, "unit")
        if cell is None:
            return
        menu.addSeparator()
        if node is not None and node.grid is not None:
            place = self._on(node.grid, cell)
            action = menu.addAction("Ask about a channel here…")
            action.setEnabled(not offers.reason_against_question(self._state, asked))
            action.triggered.connect(lambda: self._open_channel(node.name, place))
        if scores is not None and scores.grid is not None:
            output = self._on(scores.grid, cell)
            action = menu.addAction("Ask about this output cell")
            question = Question("cell", cell=output)
            action.setEnabled(not offers.reason_against_question(self._state, question))
            action.triggered.connect(lambda: self._controller.ask(question))

    def ask_channel(self) -> None:
        """Show the form of a channel: of the one that is asked about, else of the layer shown."""
        unit, node = self._state.question.unit, self._layer()
        if unit is not None:
            self._show_channel(unit.layer, unit.cell)
        elif node is not None:
            self._show_channel(node.name, None)

    def ask_cell(self) -> None:
        """Show the form of an output cell."""
        state = self._state
        node = score_layer(state.layers)
        if node is None or node.grid is None:
            return
        rows, columns = node.grid
        options = _place_options((rows, columns))
        cell = state.question.cell or (rows // 2, columns // 2)
        form = OptionForm(options, {"row": cell[0], "column": cell[1]})
        self._show(
            f"Cell of {node.name}, {rows} × {columns}",
            form,
            lambda: Question("cell", cell=_cell_of(form)),
        )

    def _ask_channel_of(self, address: str) -> None:
        self._open_channel(address, None)

    def _open_channel(self, address: str, cell: Cell | None) -> None:
        panel = self._window.questions
        panel.open_below(self._window.question_button)
        self._show_channel(address, cell)

    def _show_channel(self, address: str, cell: Cell | None) -> None:
        """Show the form of a channel of a layer, 'NAME' or 'NAME#k', beginning with that cell."""
        state = self._state
        node, before = state.node(address), state.question.unit
        if node is None or node.grid is None:
            return
        names = [other.name for other in state.layers if other.explainable and other.grid]
        if address not in names:
            names.insert(names.index(node.name), address)
        channel = before.channel if before is not None and before.layer == address else 0
        middle = cell or (node.grid[0] // 2, node.grid[1] // 2)
        form = OptionForm(
            _channel_options(names, address, node),
            {
                "layer": address,
                "channel": channel,
                "cells": _MEAN if cell is None else _ONE,
                "row": middle[0],
                "column": middle[1],
            },
        )
        form.changed.connect(lambda: self._fit(form))
        self._fit(form)
        self._show("A channel of a layer", form, lambda: _unit_question(form))
        form.focus("channel")

    def _fit(self, form: OptionForm) -> None:
        """Let the fields take what the chosen layer has."""
        values = form.values()
        node = self._state.node(str(values["layer"]))
        if node is None or node.grid is None:
            return
        rows, columns = node.grid
        form.set_range("channel", node.channels - 1)
        form.set_range("row", rows - 1)
        form.set_range("column", columns - 1)
        form.enable(("row", "column"), values["cells"] == _ONE)
        question = _unit_question(form)
        reason = offers.reason_against_question(self._state, question)
        form.show_cost(reason or f"{node.channels} channels of {rows} × {columns}")

    def _layer(self) -> LayerNode | None:
        """The layer on the screen, or that would be."""
        state = self._state
        shown = state.explanation.layer if state.explanation is not None else ""
        default = state.info.default_layer if state.info is not None else ""
        return state.node(shown or state.layer or default)

    def _on(self, grid: tuple[int, int], cell: Cell) -> Cell:
        """The cell of a grid at the middle of a cell of the map that is shown."""
        explanation = self._state.explanation
        assert explanation is not None
        shown = explanation.map.shape
        row, column = (
            int((at + 0.5) * size / of) for at, size, of in zip(cell, grid, shown, strict=True)
        )
        return row, column

    def _show(self, title: str, form: OptionForm, question: Callable[[], Question]) -> None:
        panel = self._window.questions

        def confirmed() -> None:
            asked = question()
            panel.close()
            self._controller.ask(asked)

        form.confirmed.connect(confirmed)
        panel.show_form(title, form)


def _channel_options(names: Sequence[str], address: str, node: LayerNode) -> tuple[Option, ...]:
    assert node.grid is not None
    return (
        Option("layer", "whose output it is", Kind.CHOICE, address, choices=tuple(names)),
        Option("channel", "counted from 0", Kind.INT, 0, low=0, high=node.channels - 1),
        Option(
            "cells",
            "the channel as a whole, or what it says at one place",
            Kind.CHOICE,
            _MEAN,
            choices=(_MEAN, _ONE),
        ),
        *_place_options(node.grid),
    )


def _place_options(grid: tuple[int, int]) -> tuple[Option, ...]:
    rows, columns = grid
    return (
        Option("row", "from the top, counted from 0", Kind.INT, rows // 2, low=0, high=rows - 1),
        Option(
            "column",
            "from the left, counted from 0",
            Kind.INT,
            columns // 2,
            low=0,
            high=columns - 1,
        ),
    )


def _cell_of(form: OptionForm) -> Cell:
    values = form.values()
    return int(values["row"]), int(values["column"])


def _unit_question(form: OptionForm) -> Question:
    values = form.values()
    cell = _cell_of(form) if values["cells"] == _ONE else None
    return Question("unit", unit=Unit(str(values["layer"]), int(values["channel"]), cell))

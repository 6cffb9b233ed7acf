"""The toolbar: what is opened on the left, Export on the right, facts about the model between.

Its frame is painted first; the facts and the menus of the buttons come with fill().
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QToolBar, QToolButton, QWidget

from gui.toolkit import mnemonics
from gui.toolkit.labels import ElidedLabel, Label, label
from gui.window.commands.table import MODEL_MENU, TOOLBAR

if TYPE_CHECKING:
    from gui.toolkit.controls.panel_button import PanelButton
    from gui.toolkit.controls.segments import Segments
    from gui.window.actions import Actions

PAGES: Final = (
    ("picture", "Picture", "One image at a time (F2)"),
    ("folder", "Folder", "All images of the open folder (F2)"),
)
"""The pages of the window."""


class Toolbar(QToolBar):
    """page_chosen('picture' or 'folder'): by the switch, which is there once a folder was open.

    buttons: by the ids of their commands.
    """

    page_chosen = Signal(str)

    model_label: ElidedLabel
    method_button: PanelButton
    question_button: PanelButton
    device_label: Label
    switch: Segments | None = None
    _row: QHBoxLayout

    def __init__(self, actions: Actions) -> None:
        super().__init__("Toolbar")
        self._actions = actions
        self.setObjectName("toolbar")
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setIconSize(QSize(18, 18))
        self.setMovable(False)
        self.setFloatable(False)
        self.buttons = {id: self._button(id, text) for id, text in TOOLBAR}
        self._facts = QWidget()
        self._facts.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        for id, button in self.buttons.items():
            if id == "export":
                # The model facts are between the buttons; Export comes last.
                self.addWidget(self._facts)
            self.addWidget(button)

    def _button(self, id: str, text: str) -> QToolButton:
        action = self._actions[id]
        action.setIconText(text)
        button = QToolButton()
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        if id == "open_model":
            button.setIcon(action.icon())
            button.setText(text)
            button.setProperty("popup", True)
            button.setToolTip("Open a model")
            button.setMenu(mnemonics.add_to(QMenu(button)))
            button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        else:
            button.setDefaultAction(action)
        return button

    def fill(self) -> None:
        """Create the facts and fill the menus of the buttons, once all actions exist."""
        from gui.toolkit.controls.panel_button import PanelButton

        menu = self.buttons["open_model"].menu()
        menu.addActions([self._actions[id] for id in MODEL_MENU])
        menu.addSeparator()
        menu.addMenu(self._actions.menu("recent_models"))
        self.model_label = ElidedLabel()
        self.method_button = PanelButton("method")
        self.question_button = PanelButton("question")
        self.device_label = label("")
        self.device_label.setProperty("role", "dim")
        self.device_label.hide()
        row = self._row = QHBoxLayout(self._facts)
        row.setContentsMargins(12, 0, 8, 0)
        row.setSpacing(12)
        row.addWidget(self.model_label, 1)
        row.addWidget(self.method_button)
        row.addWidget(self.question_button)
        row.addWidget(self.device_label)

    def offer_pages(self, offered: bool) -> None:
        """Show the switch between the pages, or leave it out."""
        if self.switch is None and offered:
            from gui.toolkit.controls.segments import Segments

            self.switch = Segments("Page", PAGES)
            self.switch.show_choice("picture")
            self.switch.chosen.connect(self.page_chosen)
            self._row.insertWidget(1, self.switch)
        if self.switch is not None:
            self.switch.setVisible(offered)

    def show_page(self, page: str) -> None:
        """Say which page is in front."""
        if self.switch is not None:
            self.switch.show_choice(page)

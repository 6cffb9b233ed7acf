"""Makes the actions of the table, and the menus and toolbar buttons that show them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu, QMenuBar, QToolBar, QToolButton

from gui import theme
from gui.action_table import MODEL_MENU, TABLE, TOOLBAR, Command, native, plain


class Actions(Mapping[str, QAction]):
    """The built actions by id, and the menus by path."""

    def __init__(self, actions: dict[str, QAction], menus: dict[str, QMenu]) -> None:
        self._actions = actions
        self._menus = menus

    def __getitem__(self, id: str) -> QAction:
        return self._actions[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._actions)

    def __len__(self) -> int:
        return len(self._actions)

    def menu(self, path: str) -> QMenu:
        """A menu by its path ('View/Sign') or a fillable submenu by its id ('recent_images')."""
        return self._menus[path]

    def connect(self, handlers: Mapping[str, Callable[[], object]]) -> None:
        """Connects actions that need no argument. Raises KeyError for an unknown id."""
        for id, handler in handlers.items():
            self._actions[id].triggered.connect(lambda _checked=False, call=handler: call())

    def enable(self, ids: Iterable[str], on: bool) -> None:
        """Enables or greys several actions."""
        for id in ids:
            self._actions[id].setEnabled(on)

    def fill(
        self, id: str, entries: Sequence[tuple[str, str]], handler: Callable[[str], None]
    ) -> None:
        """Fills a submenu with (text, value) entries; a click calls handler with the value."""
        menu = self._menus[id]
        menu.clear()
        for text, value in entries:
            action = menu.addAction(text.replace("&", "&&"))
            action.setToolTip(value)
            action.triggered.connect(lambda _checked=False, value=value: handler(value))
        menu.setEnabled(bool(entries))

    def check(self, id: str, on: bool = True) -> None:
        """Sets a check mark without triggering the action."""
        self._actions[id].setChecked(on)


def build(window: QMainWindow) -> Actions:
    """Makes the actions of the table and gives window their menu bar.

    Actions belong to window, so that their keys work even where the menu bar is hidden.
    """
    actions: dict[str, QAction] = {}
    menus: dict[str, QMenu] = {}
    groups: dict[str, QActionGroup] = {}
    sections: dict[str, int] = {}
    for command in TABLE:
        if not command.bound:
            continue
        menu = _menu_for(command.menu, window.menuBar(), menus)
        if sections.setdefault(command.menu, command.section) != command.section:
            menu.addSeparator()
            sections[command.menu] = command.section
        if command.submenu:
            menus[command.id] = menu.addMenu(command.text)
            # Two files of one name differ in their folders, which only the tips tell.
            menus[command.id].setToolTipsVisible(True)
            menus[command.id].setEnabled(False)
            continue
        action = _action(command, window, groups)
        menu.addAction(action)
        window.addAction(action)
        actions[command.id] = action
    return Actions(actions, menus)


def fill_toolbar(bar: QToolBar, actions: Actions) -> dict[str, QToolButton]:
    """Adds the toolbar's buttons, icon beside text; returns them by id."""
    bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    bar.setIconSize(QSize(18, 18))
    bar.setMovable(False)
    bar.setFloatable(False)
    buttons = {}
    for id, text in TOOLBAR:
        actions[id].setIconText(text)
        button = QToolButton()
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        if id == "open_model":
            _make_popup(button, actions, text)
        else:
            button.setDefaultAction(actions[id])
        bar.addWidget(button)
        buttons[id] = button
    return buttons


def _make_popup(button: QToolButton, actions: Actions, text: str) -> None:
    menu = QMenu(button)
    menu.addActions([actions[id] for id in MODEL_MENU])
    menu.addSeparator()
    menu.addMenu(actions.menu("recent_models"))
    button.setMenu(menu)
    button.setIcon(actions["open_model"].icon())
    button.setText(text)
    button.setToolTip("Open a model")
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    button.setProperty("popup", True)


def _action(command: Command, window: QMainWindow, groups: dict[str, QActionGroup]) -> QAction:
    action = QAction(command.text, window)
    action.setObjectName(command.id)
    action.setMenuRole(command.role)
    action.setShortcuts([QKeySequence(key) for key in command.keys])
    action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
    if command.icon:
        action.setIcon(theme.icon(command.icon))
    words = command.tip or plain(command.text)
    action.setToolTip(f"{words} ({native(command.keys[:1])})" if command.keys else words)
    action.setCheckable(command.checkable)
    action.setIconVisibleInMenu(not command.checkable)
    if command.group:
        if command.group not in groups:
            groups[command.group] = QActionGroup(window)
        groups[command.group].addAction(action)
    return action


def _menu_for(path: str, bar: QMenuBar, menus: dict[str, QMenu]) -> QMenu:
    if path not in menus:
        parent, _, title = path.rpartition("/")
        above = _menu_for(parent, bar, menus) if parent else bar
        menu = above.addMenu(f"&{title}")
        menu.setToolTipsVisible(True)
        menus[path] = menu
    return menus[path]

"""Creates the actions of the command table, with their menus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu, QMenuBar

from gui.toolkit import mnemonics, plain_text, theme
from gui.window.commands.command import Command, native, plain
from gui.window.commands.table import FIXED, TOOLBAR, table


class Actions(Mapping[str, QAction]):
    """The actions of a window by id, and its menus by path.

    They belong to the window, so that their shortcuts work even if the menu bar is hidden. At first
    only the toolbar actions and the menu titles exist, which the first frame shows. complete()
    creates the rest.
    """

    def __init__(self, window: QMainWindow) -> None:
        self._window = window
        self._actions: dict[str, QAction] = {}
        self._menus: dict[str, QMenu] = {}
        self._groups: dict[str, QActionGroup] = {}
        self._sections: dict[str, int] = {}
        wanted = {id for id, _ in TOOLBAR}
        bar = window.menuBar()
        for command in FIXED:
            title = command.menu.partition("/")[0]
            if title and title not in self._menus:
                self._menus[title] = _menu(bar, title)
            if command.id in wanted:
                self._add(command)

    def complete(self) -> None:
        """Create all actions and fill the menus."""
        for command in table():
            if not command.bound:
                continue
            menu = self._menu_for(command.menu, command.section)
            if command.submenu:
                self._menus[command.id] = below = menu.addMenu(command.text)
                # Files of the same name differ in their folders, which only the tooltips show.
                below.setToolTipsVisible(True)
                below.setEnabled(False)
            else:
                menu.addAction(self._actions.get(command.id) or self._add(command))

    def _add(self, command: Command) -> QAction:
        action = self._actions[command.id] = _action(command, self._window, self._groups)
        self._window.addAction(action)
        return action

    def _menu_for(self, path: str, section: int) -> QMenu:
        """A menu to which something of a section is to be added."""
        if path not in self._menus:
            above, _, title = path.rpartition("/")
            self._menus[path] = _menu(self._menu_for(above, section), title)
        menu = self._menus[path]
        if self._sections.setdefault(path, section) != section:
            menu.addSeparator()
            self._sections[path] = section
        return menu

    def __getitem__(self, id: str) -> QAction:
        return self._actions[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._actions)

    def __len__(self) -> int:
        return len(self._actions)

    def menu(self, path: str) -> QMenu:
        """A menu by its path ('View/Sign'), or a dynamic submenu by its id ('recent_images')."""
        return self._menus[path]

    def connect(self, handlers: Mapping[str, Callable[[], object]]) -> None:
        """Connect actions without arguments. Raises KeyError for an unknown id."""
        for id, handler in handlers.items():
            self._actions[id].triggered.connect(lambda _checked=False, call=handler: call())

    def enable(self, ids: Iterable[str], on: bool) -> None:
        """Enable or disable several actions."""
        for id in ids:
            self._actions[id].setEnabled(on)

    def fill(
        self,
        id: str,
        entries: Sequence[tuple[str, str]],
        handler: Callable[[str], None],
        tip: Callable[[str], str] = str,
    ) -> None:
        """Fill a submenu with (text, value) entries; a click calls handler with the value.

        tip: the tooltip of a value.
        """
        menu = self._menus[id]
        menu.clear()
        for text, value in entries:
            action = menu.addAction(plain_text.entry(text))
            action.setToolTip(plain_text.tip(tip(value)))
            action.triggered.connect(lambda _checked=False, value=value: handler(value))
        menu.setEnabled(bool(entries))

    def check(self, id: str, on: bool = True) -> None:
        """Set a check mark without triggering the action."""
        self._actions[id].setChecked(on)


def _action(command: Command, window: QMainWindow, groups: dict[str, QActionGroup]) -> QAction:
    action = QAction(in_menu(command.text, command.note), window)
    action.setObjectName(command.id)
    action.setMenuRole(command.role)
    action.setShortcuts([QKeySequence(key) for key in command.keys])
    action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
    if command.icon:
        action.setIcon(theme.icon(command.icon))
    words = command.tip or plain(command.text)
    keys = f" ({native(command.keys[:1])})" if command.keys else ""
    action.setToolTip(plain_text.tip(f"{words}{keys}"))
    action.setCheckable(command.checkable)
    action.setIconVisibleInMenu(not command.checkable)
    if command.group:
        if command.group not in groups:
            groups[command.group] = QActionGroup(window)
        groups[command.group].addAction(action)
    return action


def in_menu(text: str, note: str) -> str:
    """The text of an action with a note in the column of the shortcuts."""
    return f"{text}\t{note}" if note else text


def _menu(above: QMenuBar | QMenu, title: str) -> QMenu:
    on_bar = isinstance(above, QMenuBar)
    menu = mnemonics.add_to(above.addMenu(f"&{title}" if on_bar else title))
    menu.setToolTipsVisible(True)
    return menu

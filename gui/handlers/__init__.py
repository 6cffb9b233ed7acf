"""Handlers: connect actions, menus and drops to the controllers, and show dialogs in between."""

"""The commands, from which menus, toolbar and keyboard shortcuts are made.

Single-key shortcuts must not fire while the user types text. This needs no code: Qt first sends a
key as ShortcutOverride to the focused widget, and text fields claim the printable ones. A test
verifies this for every single key of the table. Lists leave Page Up and Page Down to the
window, which changes the image.
"""

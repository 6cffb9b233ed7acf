"""The main window: assembles the widgets, menus and toolbar from the command table. No logic."""
